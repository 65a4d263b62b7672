"""nnabla's initializers and parametric functions; its wheels end with Python 3.10."""

import logging

import numpy as np

logging.disable(logging.INFO)
import nnabla as nn  # noqa: E402
import nnabla.initializer as start  # noqa: E402
import nnabla.parametric_functions as layer  # noqa: E402

TOLD = {"inmaps": 64, "outmaps": 128, "kernel": (3, 3)}
SHAPE = (128, 64, 6, 6)


def held(name):
    return nn.get_parameters(grad_only=False)[name].d.copy()


def samples():
    rng = np.random.RandomState(0)
    yield "nnabla.ConstantInitializer", {"value": 0.3}, start.ConstantInitializer(0.3)((8, 8))
    yield "nnabla.NormalInitializer", {}, start.NormalInitializer(rng=rng)(SHAPE)
    yield "nnabla.UniformInitializer", {}, start.UniformInitializer(rng=rng)(SHAPE)
    yield "nnabla.OrthogonalInitializer", {"gain": 2.0}, start.OrthogonalInitializer(2.0, rng=rng)((40, 60))
    bounds = start.calc_uniform_lim_glorot(**TOLD)
    yield "nnabla.calc_uniform_lim_glorot", TOLD, start.UniformInitializer(bounds, rng=rng)(SHAPE)
    for name in ("normal_std_glorot", "normal_std_he_forward", "normal_std_he_backward"):
        std = getattr(start, f"calc_{name}")(**TOLD)
        yield f"nnabla.calc_{name}", TOLD, start.NormalInitializer(std, rng=rng)(SHAPE)
    layer.affine(nn.Variable((1, 640)), 400, name="a", rng=rng)
    layer.convolution(nn.Variable((1, 64, 9, 9)), 128, (6, 6), name="b", rng=rng)
    layer.convolution(nn.Variable((1, 128, 9, 9)), 128, (6, 6), group=2, name="c", rng=rng)
    layer.embed(nn.Variable((1,)), 1000, 250, name="d", initializer=None)
    layer.prelu(nn.Variable((1, 8)), name="e")
    yield "nnabla.affine.W", {}, held("a/affine/W")
    yield "nnabla.affine.b", {}, held("a/affine/b")
    yield "nnabla.convolution.W", {}, held("b/conv/W")
    yield "nnabla.convolution.b", {}, held("b/conv/b")
    grouped = {"inmaps": 128, "outmaps": 128, "kernel": (6, 6)}
    yield "nnabla.calc_uniform_lim_glorot", grouped, held("c/conv/W")
    yield "nnabla.embed.W", {}, held("d/embed/W")
    yield "nnabla.prelu.slope", {}, held("e/prelu/slope")


def counts():
    inputs, single = nn.Variable((1, 7)), nn.Variable((1, 7))
    inputs.d, single.d = 1, np.eye(7)[:1]
    found = []
    for x in (inputs, single):
        out = layer.affine(x, 5, w_init=start.ConstantInitializer(1), with_bias=False, name="ones")
        out.forward()
        found.append(out.d.copy())
    yield "nnabla.affine.W", (7, 5), {}, found[0][0, 0], found[1].sum()

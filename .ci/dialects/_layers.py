"""Dense layers of one framework, each built from a translated call; what their weights look like.

python _layers.py paddle < calls.json        # a list of {"law", "call", "edges"}; JSON comes out

NumPy is all it needs beside the framework.  A weight's numbers are told by moments and by how many fall
between the edges, so that two frameworks' samples can be compared without being kept.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from _measure import moments

INPUTS, OUTPUTS = 500, 400
BUILDERS: dict[str, Callable[[str], Any]] = {}


def builder(make: Callable[[str], Any]) -> Callable[[str], Any]:
    """Enters the function that builds a framework's layer from a call and returns the weight."""
    BUILDERS[make.__name__.strip("_")] = make
    return make


def _in_place(call: str, **names: Any) -> Any:
    import torch

    layer = torch.nn.Linear(INPUTS, OUTPUTS)
    with torch.no_grad():
        eval(call, {"torch": torch, "w": layer.weight, **names})
    return layer.weight.detach()


@builder
def torch(call: str) -> Any:
    return _in_place(call)


@builder
def timm(call: str) -> Any:
    import _operators  # noqa: F401
    from timm.layers import weight_init

    class Timm:
        layers = weight_init

    return _in_place(call, timm=Timm)


@builder
def pyg(call: str) -> Any:
    import torch_geometric.nn

    return _in_place(call, torch_geometric=torch_geometric)


@builder
def mmengine(call: str) -> Any:
    import torch
    from mmengine.model import initialize

    layer = torch.nn.Sequential(torch.nn.Linear(INPUTS, OUTPUTS))
    initialize(layer, eval(call.replace("layer=...", "layer='Linear'")))
    return layer[0].weight.detach()


@builder
def keras(call: str) -> Any:
    import keras

    layer = keras.layers.Dense(OUTPUTS, kernel_initializer=eval(call, {"keras": keras}))
    layer.build((1, INPUTS))
    return keras.ops.convert_to_numpy(layer.kernel)


@builder
def jax(call: str) -> Any:
    import jax
    from flax import nnx

    layer = nnx.Linear(INPUTS, OUTPUTS, kernel_init=eval(call, {"jax": jax}), rngs=nnx.Rngs(3))
    return layer.kernel[...]


@builder
def equinox(call: str) -> Any:
    import equinox
    import jax

    layer = equinox.nn.Linear(INPUTS, OUTPUTS, key=jax.random.PRNGKey(0))
    drawn = eval(call, {"jax": jax})(jax.random.PRNGKey(4), layer.weight.shape, layer.weight.dtype)
    return equinox.tree_at(lambda one: one.weight, layer, drawn).weight


@builder
def haiku(call: str) -> Any:
    import haiku
    import jax

    make = haiku.transform(lambda x: haiku.Linear(OUTPUTS, w_init=eval(call, {"haiku": haiku}))(x))
    (held,) = make.init(jax.random.PRNGKey(5), np.zeros((1, INPUTS), "float32")).values()
    return held["w"]


@builder
def sonnet(call: str) -> Any:
    import sonnet
    import tensorflow as tf

    layer = sonnet.Linear(OUTPUTS, w_init=eval(call, {"sonnet": sonnet}))
    layer(tf.zeros((1, INPUTS)))
    return layer.w.numpy()


@builder
def tf(call: str) -> Any:
    import sonnet
    import tensorflow

    layer = sonnet.Linear(OUTPUTS, w_init=eval(call, {"tf": tensorflow.compat.v1}))
    layer(tensorflow.zeros((1, INPUTS)))
    return layer.w.numpy()


@builder
def paddle(call: str) -> Any:
    import paddle

    told = paddle.ParamAttr(initializer=eval(call, {"paddle": paddle}))
    return paddle.nn.Linear(INPUTS, OUTPUTS, weight_attr=told).weight.numpy()


@builder
def mindspore(call: str) -> Any:
    import mindspore
    import mindspore.common.initializer

    return mindspore.nn.Dense(
        INPUTS, OUTPUTS, weight_init=eval(call, {"mindspore": mindspore})
    ).weight.asnumpy()


@builder
def mlx(call: str) -> Any:
    import mlx.core
    import mlx.nn

    mlx.core.set_default_device(mlx.core.cpu)
    layer = mlx.nn.Linear(INPUTS, OUTPUTS)
    layer.weight = eval(call, {"mlx": mlx, "w": layer.weight})
    return layer.weight


@builder
def tinygrad(call: str) -> Any:
    os.environ.setdefault("DEV", "CPU" if shutil.which("clang") else "CPU:X86")  # its own assembler
    import tinygrad
    import tinygrad.nn

    layer = tinygrad.nn.Linear(INPUTS, OUTPUTS)
    layer.weight = eval(call, {"tinygrad": tinygrad, "shape": layer.weight.shape})
    return layer.weight.numpy()


@builder
def chainer(call: str) -> Any:
    import chainer

    return chainer.links.Linear(INPUTS, OUTPUTS, initialW=eval(call, {"chainer": chainer})).W.array


@builder
def nnabla(call: str) -> Any:
    import nnabla
    import nnabla.initializer
    import nnabla.parametric_functions as parametric

    nnabla.clear_parameters()
    parametric.affine(nnabla.Variable((1, INPUTS)), OUTPUTS, w_init=eval(call, {"nnabla": nnabla}))
    return nnabla.get_parameters()["affine/W"].d


@builder
def thinc(call: str) -> Any:
    import thinc.api
    import thinc.initializers

    layer = thinc.api.Linear(
        OUTPUTS, INPUTS, init_W=lambda ops, shape: eval(call, {"thinc": thinc, "ops": ops, "shape": shape})
    )
    return layer.initialize().get_param("W")


def measured(framework: str, wanted: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A record for each call; one that the installed version does not have says so."""
    found = []
    for one in wanted:
        try:
            values = np.asarray(BUILDERS[framework](one["call"]))
        except AttributeError as error:
            found.append({"law": one["law"], "call": one["call"], "missing": str(error)})
            continue
        edges = [-np.inf, *one["edges"], np.inf]
        counts = np.histogram(values.astype(np.float64), edges)[0].tolist()
        told = {name: value for name, value in moments(values).items() if name != "complex"}
        found.append({"law": one["law"], "call": one["call"], **told, "counts": counts})
    return found


if __name__ == "__main__":
    np.random.seed(7)
    print(json.dumps(measured(sys.argv[1], json.load(sys.stdin)), ensure_ascii=False))

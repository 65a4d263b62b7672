"""Chainer's initializers and links."""

import numpy as np
from chainer import initializers as init
from chainer import links

np.random.seed(0)


def drawn(which, shape=(1000, 640)):
    values = np.empty(shape, "float32")
    which(values)
    return values


def samples():
    for name in ("LeCunNormal", "LeCunUniform", "GlorotNormal", "GlorotUniform", "HeNormal", "HeUniform"):
        for shape in ((1000, 640), (256, 64, 6, 6)):
            yield f"chainer.{name}", {}, drawn(getattr(init, name)(), shape)
    yield (
        "chainer.HeNormal",
        {"scale": 2.0, "fan_option": "fan_out"},
        drawn(init.HeNormal(2.0, fan_option="fan_out")),
    )
    yield "chainer.Normal", {}, drawn(init.Normal())
    yield "chainer.Uniform", {}, drawn(init.Uniform())
    yield "chainer.Constant", {"fill_value": 0.3}, drawn(init.Constant(0.3))
    yield "chainer.Zero", {}, drawn(init.Zero())
    yield "chainer.One", {}, drawn(init.One())
    yield "chainer.Orthogonal", {}, drawn(init.Orthogonal(), (40, 60))
    yield "chainer.links.Linear.W", {}, links.Linear(1000, 640).W.array
    yield "chainer.links.Linear.b", {}, links.Linear(1000, 640).b.array
    yield "chainer.links.Convolution2D.W", {}, links.Convolution2D(256, 128, 6, groups=2).W.array
    yield "chainer.links.DilatedConvolution2D.W", {}, links.DilatedConvolution2D(128, 128, 6).W.array
    yield "chainer.links.DepthwiseConvolution2D.W", {}, links.DepthwiseConvolution2D(1000, 5, 11).W.array
    yield "chainer.links.EmbedID.W", {}, links.EmbedID(1000, 640).W.array
    cell = links.LSTM(512, 512)
    cell(np.zeros((1, 512), "float32"))
    yield "chainer.links.LSTM.upward.W", {}, cell.upward.W.array
    yield "chainer.links.LSTM.lateral.W", {}, cell.lateral.W.array
    yield "chainer.links.Highway.transform_bias", {}, links.Highway(8).transform.b.array


def counts():
    layer = links.Linear(7, 5, nobias=True)
    layer.W.array[...] = 1
    yield (
        "chainer.links.Linear.W",
        (5, 7),
        {},
        layer(np.ones((1, 7), "float32")).array[0, 0],
        layer(np.eye(7, dtype="float32")[:1]).array.sum(),
    )

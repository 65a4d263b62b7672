"""PaddlePaddle's initializers and layers."""

import numpy as np
import paddle
from paddle import nn
from paddle.nn import initializer as init

paddle.seed(0)


def drawn(which, shape):
    """A parameter that an initializer fills."""
    return paddle.create_parameter(shape, "float32", default_initializer=which).numpy()


def samples():
    for name in ("XavierUniform", "XavierNormal", "KaimingUniform", "KaimingNormal"):
        for shape in ([1000, 640], [256, 96, 5, 5]):
            yield f"paddle.{name}", {}, drawn(getattr(init, name)(), shape)
    slope = {"negative_slope": 5**0.5, "nonlinearity": "leaky_relu"}
    yield "paddle.KaimingUniform", slope, drawn(init.KaimingUniform(**slope), [1000, 640])
    yield (
        "paddle.KaimingUniform",
        {"negative_slope": 5**0.5},
        drawn(init.KaimingUniform(negative_slope=5**0.5), [1000, 640]),
    )
    yield "paddle.KaimingNormal", {"mode": "fan_out"}, drawn(init.KaimingNormal(mode="fan_out"), [1000, 640])
    yield "paddle.XavierUniform", {"gain": 2.0}, drawn(init.XavierUniform(gain=2.0), [1000, 640])
    yield "paddle.Normal", {"std": 0.3, "mean": 1.0}, drawn(init.Normal(1.0, 0.3), [1000, 640])
    yield "paddle.Uniform", {}, drawn(init.Uniform(), [1000, 640])
    yield "paddle.Constant", {"value": 0.3}, drawn(init.Constant(0.3), [6, 4])
    for std in (0.02, 1.0, 4.0):
        yield "paddle.TruncatedNormal", {"std": std}, drawn(init.TruncatedNormal(std=std), [1000, 640])
    yield "paddle.Orthogonal", {"gain": 2.0}, drawn(init.Orthogonal(2.0), [40, 60])
    yield "paddle.nn.Linear.weight", {}, nn.Linear(1000, 640).weight.numpy()
    yield "paddle.nn.Linear.bias", {}, nn.Linear(1000, 640).bias.numpy()
    yield "paddle.compat.nn.Linear.weight", {}, paddle.compat.nn.Linear(1000, 640).weight.numpy()
    yield (
        "paddle.compat.nn.Linear.bias",
        {"in_features": 16},
        paddle.compat.nn.Linear(16, 200_000).bias.numpy(),
    )
    for axes, kernel in ((1, 40), (2, 6), (3, 3)):
        layer = getattr(nn, f"Conv{axes}D")(192, 192, kernel, groups=2)
        yield f"paddle.nn.Conv{axes}D.weight", {"groups": 2}, layer.weight.numpy()
        yield f"paddle.nn.Conv{axes}D.bias", {}, layer.bias.numpy()
        layer = getattr(nn, f"Conv{axes}DTranspose")(192, 192, kernel, groups=2)
        yield f"paddle.nn.Conv{axes}DTranspose.weight", {}, layer.weight.numpy()
        yield f"paddle.nn.Conv{axes}DTranspose.bias", {}, layer.bias.numpy()
    yield "paddle.nn.Conv2D.weight", {"groups": 8192}, nn.Conv2D(8192, 8192, 9, groups=8192).weight.numpy()
    yield "paddle.nn.Embedding.weight", {}, nn.Embedding(1000, 640).weight.numpy()
    for cell in ("LSTM", "GRU", "SimpleRNN"):
        layer = getattr(nn, cell)(300, 300)
        for part in ("weight_ih", "weight_hh"):
            yield f"paddle.nn.{cell}.{part}", {"hidden_size": 300}, getattr(layer, f"{part}_l0").numpy()
    attention = nn.MultiHeadAttention(512, 8)
    for part in ("q", "k", "v", "out"):
        yield (
            f"paddle.nn.MultiHeadAttention.{part}_proj.weight",
            {},
            getattr(attention, f"{part}_proj").weight.numpy(),
        )
        yield (
            f"paddle.nn.MultiHeadAttention.{part}_proj.bias",
            {},
            getattr(attention, f"{part}_proj").bias.numpy(),
        )
    yield "paddle.nn.Bilinear.weight", {}, nn.Bilinear(50, 60, 80).weight.numpy()
    for norm, size in (("BatchNorm2D", (8,)), ("LayerNorm", (8,)), ("GroupNorm", (2, 8))):
        layer = getattr(nn, norm)(*size)
        yield f"paddle.nn.{norm}.weight", {}, layer.weight.numpy()
        yield f"paddle.nn.{norm}.bias", {}, layer.bias.numpy()


def counts():
    layer = nn.Linear(7, 5)
    layer.weight.set_value(paddle.ones_like(layer.weight))
    one = paddle.to_tensor(np.eye(7, dtype="float32")[:1])
    yield (
        "paddle.nn.Linear.weight",
        layer.weight.shape,
        {},
        layer(paddle.ones([1, 7]))[0, 0],
        layer(one).sum(),
    )
    for name, groups, transposed in (("Conv2D", 2, False), ("Conv2DTranspose", 1, True)):
        layer = getattr(nn, name)(4, 6, 3, groups=groups, padding=1)
        layer.weight.set_value(paddle.ones_like(layer.weight))
        image = np.zeros((1, 4, 9, 9), "float32")
        image[0, 0, 4, 4] = 1
        inputs, outputs = layer(paddle.ones([1, 4, 9, 9]))[0, 0, 4, 4], layer(paddle.to_tensor(image)).sum()
        yield (
            f"paddle.nn.{name}.weight",
            layer.weight.shape,
            {"groups": groups, "transposed": transposed},
            inputs,
            outputs,
        )

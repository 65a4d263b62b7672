"""MLX' initializers and layers, on the CPU."""

import mlx.core as mx
import numpy as np
from mlx import nn
from mlx.nn import init

mx.set_default_device(mx.cpu)
mx.random.seed(0)


def samples():
    for shape in ((1000, 640), (256, 5, 5, 96)):
        blank = mx.zeros(shape)
        for name in ("glorot_normal", "glorot_uniform", "he_normal", "he_uniform"):
            yield f"mlx.{name}", {}, np.array(getattr(init, name)()(blank))
    blank = mx.zeros((1000, 640))
    yield (
        "mlx.he_normal",
        {"mode": "fan_out", "gain": 2.0},
        np.array(init.he_normal()(blank, mode="fan_out", gain=2.0)),
    )
    yield "mlx.glorot_uniform", {"gain": 2.0}, np.array(init.glorot_uniform()(blank, gain=2.0))
    yield "mlx.normal", {"std": 0.3, "mean": 1.0}, np.array(init.normal(1.0, 0.3)(blank))
    yield "mlx.uniform", {}, np.array(init.uniform()(blank))
    yield "mlx.constant", {"value": 0.3}, np.array(init.constant(0.3)(blank))
    for shape, told in (((1000, 640), {"sparsity": 0.3}), ((200_000, 3), {"sparsity": 0.1, "mean": 0.5})):
        yield "mlx.sparse", told, np.array(init.sparse(**told)(mx.zeros(shape)))
    yield "mlx.orthogonal", {"gain": 2.0}, np.array(init.orthogonal(2.0)(mx.zeros((40, 60))))
    layer = nn.Linear(1000, 640)
    yield "mlx.nn.Linear.weight", {}, np.array(layer.weight)
    yield "mlx.nn.Linear.bias", {"input_dims": 4}, np.array(nn.Linear(4, 200_000).bias)
    for axes, kernel in ((1, 40), (2, 6), (3, 4)):
        layer = getattr(nn, f"Conv{axes}d")(64, 96, kernel)
        yield f"mlx.nn.Conv{axes}d.weight", {}, np.array(layer.weight)
        yield f"mlx.nn.Conv{axes}d.bias", {}, np.array(layer.bias)
        layer = getattr(nn, f"ConvTranspose{axes}d")(64, 96, kernel)
        yield f"mlx.nn.ConvTranspose{axes}d.weight", {}, np.array(layer.weight)
        yield f"mlx.nn.ConvTranspose{axes}d.bias", {}, np.array(layer.bias)
    yield "mlx.nn.Conv2d.weight", {}, np.array(nn.Conv2d(128, 96, 6, groups=2).weight)
    yield "mlx.nn.Embedding.weight", {}, np.array(nn.Embedding(1000, 640).weight)
    for cell, parts in (("RNN", ("Wxh", "Whh")), ("GRU", ("Wx", "Wh")), ("LSTM", ("Wx", "Wh"))):
        layer = getattr(nn, cell)(512, 512)
        for part in parts:
            yield f"mlx.nn.{cell}.{part}", {"hidden_size": 512}, np.array(getattr(layer, part))
    yield "mlx.nn.LayerNorm.weight", {}, np.array(nn.LayerNorm(8).weight)
    yield "mlx.nn.LayerNorm.bias", {}, np.array(nn.LayerNorm(8).bias)
    yield "mlx.nn.PReLU.weight", {}, np.array(nn.PReLU().weight)


def counts():
    layer = nn.Linear(7, 5, bias=False)
    layer.weight = mx.ones_like(layer.weight)
    yield (
        "mlx.nn.Linear.weight",
        layer.weight.shape,
        {},
        layer(mx.ones((1, 7)))[0, 0].item(),
        layer(mx.eye(7)[:1]).sum().item(),
    )
    for name in ("Conv2d", "ConvTranspose2d"):
        layer = getattr(nn, name)(4, 6, 3, padding=1, bias=False)
        layer.weight = mx.ones_like(layer.weight)
        image = np.zeros((1, 9, 9, 4), "float32")
        image[0, 4, 4, 0] = 1
        inputs, outputs = layer(mx.ones((1, 9, 9, 4)))[0, 4, 4, 0].item(), layer(mx.array(image)).sum().item()
        yield f"mlx.nn.{name}.weight", layer.weight.shape, {"transposed": name != "Conv2d"}, inputs, outputs

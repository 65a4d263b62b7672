"""tinygrad's constructors and layers."""

import os
import shutil

os.environ.setdefault("DEV", "CPU" if shutil.which("clang") else "CPU:X86")  # its own assembler
import numpy as np
from tinygrad import Tensor, nn

Tensor.manual_seed(0)


def samples():
    for shape in ((400, 330), (64, 56, 6, 6)):
        for name in ("glorot_uniform", "kaiming_uniform", "kaiming_normal"):
            yield f"tinygrad.{name}", {}, getattr(Tensor, name)(*shape).numpy()
    yield "tinygrad.kaiming_uniform", {"a": 5**0.5}, Tensor.kaiming_uniform(400, 330, a=5**0.5).numpy()
    yield "tinygrad.scaled_uniform", {}, Tensor.scaled_uniform(400, 330).numpy()
    yield "tinygrad.uniform", {}, Tensor.uniform(400, 330).numpy()
    yield "tinygrad.normal", {"std": 0.3, "mean": 1.0}, Tensor.normal(400, 330, mean=1.0, std=0.3).numpy()
    yield "tinygrad.nn.Linear.weight", {}, nn.Linear(400, 330).weight.numpy()
    yield "tinygrad.nn.Linear.bias", {"in_features": 4}, nn.Linear(4, 130_000).bias.numpy()
    yield "tinygrad.nn.Conv2d.weight", {"groups": 2}, nn.Conv2d(128, 64, 6, groups=2).weight.numpy()
    yield "tinygrad.nn.Conv1d.weight", {}, nn.Conv1d(64, 64, 32).weight.numpy()
    yield (
        "tinygrad.nn.Conv2d.bias",
        {"in_channels": 2, "kernel_size": 3},
        nn.Conv2d(2, 130_000, 3).bias.numpy(),
    )
    yield "tinygrad.nn.ConvTranspose2d.weight", {}, nn.ConvTranspose2d(64, 56, 6).weight.numpy()
    yield "tinygrad.nn.ConvTranspose1d.weight", {}, nn.ConvTranspose1d(64, 64, 32).weight.numpy()
    yield "tinygrad.nn.Embedding.weight", {}, nn.Embedding(1000, 130).weight.numpy()
    cell = nn.LSTMCell(180, 180)
    for part in ("weight_ih", "weight_hh"):
        yield f"tinygrad.nn.LSTMCell.{part}", {"hidden_size": 180}, getattr(cell, part).numpy()
    for part in ("bias_ih", "bias_hh"):
        yield f"tinygrad.nn.LSTMCell.{part}", {}, getattr(cell, part).numpy()
    yield "tinygrad.nn.LayerNorm.weight", {}, nn.LayerNorm(8).weight.numpy()
    yield "tinygrad.nn.LayerNorm.bias", {}, nn.LayerNorm(8).bias.numpy()


def counts():
    layer = nn.Linear(7, 5, bias=False)
    layer.weight = Tensor.ones(5, 7)
    yield (
        "tinygrad.nn.Linear.weight",
        (5, 7),
        {},
        layer(Tensor.ones(1, 7)).numpy()[0, 0],
        layer(Tensor.eye(7)[:1]).numpy().sum(),
    )
    image = np.zeros((1, 4, 9, 9), "float32")
    image[0, 0, 4, 4] = 1
    for name, groups in (("Conv2d", 2), ("ConvTranspose2d", 1)):
        layer = getattr(nn, name)(4, 6, 3, groups=groups, padding=1, bias=False)
        layer.weight = Tensor.ones(*layer.weight.shape)
        inputs, outputs = (
            layer(Tensor.ones(1, 4, 9, 9)).numpy()[0, 0, 4, 4],
            layer(Tensor(image)).numpy().sum(),
        )
        yield (
            f"tinygrad.nn.{name}.weight",
            layer.weight.shape,
            {"groups": groups, "transposed": name != "Conv2d"},
            inputs,
            outputs,
        )

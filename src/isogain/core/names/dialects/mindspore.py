"""mindspore.common.initializer and mindspore.nn: PyTorch's shapes and fans, with a truncation of its own."""

from __future__ import annotations

from isogain.checking import shown
from isogain.core.initializers import (
    Constant,
    Dirac,
    Identity,
    Initializer,
    Normal,
    Ones,
    Orthogonal,
    Sparse,
    TruncatedNormal,
    Zeros,
)
from isogain.core.names.dialects.forms import Taps, bounded, one_over_root, reading, scaled, taps
from isogain.core.names.dialects.pytorch import calculate_gain
from isogain.core.names.rows import table
from isogain.core.values.distributions import require

VERSION = "mindspore 2.10.0"
row = table("mindspore", "MindSpore", "mindspore.common.initializer", VERSION)
layer = table("mindspore", "MindSpore, layers", "mindspore", VERSION)


def he_normal(
    negative_slope: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu"
) -> Initializer:
    return scaled(calculate_gain(nonlinearity, negative_slope) ** 2, mode, "normal", "torch")


def he_uniform(
    negative_slope: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu"
) -> Initializer:
    return scaled(calculate_gain(nonlinearity, negative_slope) ** 2, mode, "uniform", "torch")


def variance_scaling(
    scale: float = 1.0, mode: str = "fan_in", distribution: str = "truncated_normal"
) -> Initializer:
    known = {"truncated_normal": "uniform", "uniform": "uniform", "untruncated_normal": "normal"}
    require(
        distribution in known, f"distribution must be one of {', '.join(known)}, got {shown(distribution)}"
    )
    return scaled(scale, mode, known[distribution], "torch")


row("Zero", "w = 0", "All zeros.", lambda: Zeros(), "zeros")
row("One", "w = 1", "All ones.", lambda: Ones(), "ones")
row(
    "Constant",
    "w = value",
    "One value for every weight.",
    lambda value: Constant(value),
    example={"value": 0.1},
)
row(
    "Normal",
    "w ~ N(mean, sigma²)",
    "A fixed scale, .01 by default.",
    lambda sigma=0.01, mean=0.0: Normal(sigma, mean),
)
row("Uniform", "w ~ U(±scale)", "A fixed range, ±.07 by default.", lambda scale=0.07: bounded(scale))
row(
    "TruncatedNormal",
    "w ~ N(mean, sigma²) given a < w < b",
    "a and b are weights, not multiples of sigma: .01 is never cut, 4 is nearly uniform in ±2.",
    lambda sigma=0.01, mean=0.0, a=-2.0, b=2.0: TruncatedNormal(sigma, mean, a, b, "absolute", False),
)
row(
    "XavierUniform",
    "w ~ U(±gain·√(6 / (fan_in + fan_out)))",
    "Glorot's law.",
    lambda gain=1.0: scaled(gain**2, "fan_avg", "uniform", "torch"),
)
row(
    "XavierNormal",
    "w ~ N(0, gain²·2 / (fan_in + fan_out))",
    "Not cut.",
    lambda gain=1.0: scaled(gain**2, "fan_avg", "normal", "torch"),
)
row("HeUniform", "w ~ U(±gain·√(3 / fan))", "torch's kaiming_uniform_.", he_uniform)
row("HeNormal", "w ~ N(0, gain² / fan)", "torch's kaiming_normal_; not cut.", he_normal)
row(
    "VarianceScaling",
    "w ~ U(±√(3 scale / fan)), also for 'truncated_normal'",
    "Uniform by default: the code asks for 'truncated_norm', which the constructor refuses.",
    variance_scaling,
)
row(
    "Orthogonal",
    "W = gain · (semi-)orthogonal, s[0] rows",
    "The first axis against all others.",
    lambda gain=1.0: Orthogonal(gain, "first"),
)
row(
    "Sparse",
    "⌈sparsity·s[0]⌉ of each column 0, others N(0, sigma²)",
    "Two axes only.",
    lambda sparsity, sigma=0.01: Sparse(sparsity, sigma, axis=0),
    example={"sparsity": 0.5},
)
row("Identity", "W = I", "Two axes only.", lambda: Identity())
row("Dirac", "w[i, i, k // 2] = 1, 0 elsewhere", "Kernels of three axes or more.", lambda: Dirac(1.0, "ceil"))


def _convolutions(axes: int) -> None:
    def bias(in_channels: int, kernel_size: Taps, groups: int = 1) -> Initializer:
        return one_over_root(in_channels / groups, taps(kernel_size, axes))

    layer(
        f"nn.Conv{axes}d.weight",
        "w ~ U(±1/√(k·in/groups))",
        "As torch.",
        lambda: reading("torch"),
        layout="out in *",
    )
    layer(
        f"nn.Conv{axes}d.bias",
        "b ~ U(±1/√(k·in/groups))",
        "As torch; has_bias is False by default.",
        bias,
        layout="out",
        example={"in_channels": 64, "kernel_size": 3},
    )
    layer(
        f"nn.Conv{axes}dTranspose.weight",
        "w ~ U(±1/√(k·out/groups))",
        "The outputs, as torch.",
        lambda: scaled(1 / 3, "fan_out", "uniform", "in_first"),
        layout="in out *",
    )


for _axes in (1, 2, 3):
    _convolutions(_axes)
layer("nn.Dense.weight", "w ~ U(±1/√in)", "As torch.nn.Linear.", lambda: reading("torch"), layout="out in")
layer(
    "nn.Dense.bias",
    "b ~ U(±1/√in)",
    "As torch.nn.Linear.",
    lambda in_channels: one_over_root(in_channels),
    layout="out",
    example={"in_channels": 512},
)
layer(
    "nn.Embedding.embedding_table",
    "w ~ N(0, .01²)",
    "torch has N(0, 1).",
    lambda: Normal(0.01),
    layout="lookup out",
)
for _cell in ("LSTM", "GRU", "RNN"):
    layer(
        f"nn.{_cell}.weight",
        "w ~ U(±1/√hidden_size)",
        "All weights and biases alike.",
        lambda hidden_size: one_over_root(hidden_size),
        f"nn.{_cell}.bias",
        layout="out in",
        example={"hidden_size": 256},
    )
layer("nn.LayerNorm.gamma", "w = 1", "Ones.", lambda: Ones(), "nn.BatchNorm2d.gamma", layout="out")
layer("nn.LayerNorm.beta", "b = 0", "Zeros.", lambda: Zeros(), "nn.BatchNorm2d.beta", layout="out")

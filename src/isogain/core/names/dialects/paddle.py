"""paddle.nn.initializer and paddle.nn: weights of matrices are (in, out), kernels (out, in, k...)."""

from __future__ import annotations

from isogain.core.initializers import (
    Bilinear,
    Constant,
    Dirac,
    Initializer,
    Normal,
    Ones,
    Orthogonal,
    TruncatedNormal,
    Uniform,
    Zeros,
)
from isogain.core.names.dialects.forms import one_over_root, scaled
from isogain.core.names.dialects.pytorch import calculate_gain
from isogain.core.names.rows import table

VERSION = "paddlepaddle 3.3.1"
row = table("paddle", "PaddlePaddle", "paddle.nn.initializer", VERSION)
layer = table("paddle", "PaddlePaddle, layers", "paddle", VERSION)
FANS = "Fans by the shape: (in, out) of two axes, (out, in, k...) of more; blind to groups"


def _kaiming(distribution: str, negative_slope: float, nonlinearity: str, mode: str) -> Initializer:
    return scaled(calculate_gain(nonlinearity, negative_slope) ** 2, mode, distribution, "paddle")


def kaiming_normal(
    negative_slope: float = 0.0, nonlinearity: str = "relu", mode: str = "fan_in"
) -> Initializer:
    return _kaiming("normal", negative_slope, nonlinearity, mode)


def kaiming_uniform(
    negative_slope: float = 0.0, nonlinearity: str = "relu", mode: str = "fan_in"
) -> Initializer:
    return _kaiming("uniform", negative_slope, nonlinearity, mode)


row("Constant", "w = value", "One value for every weight.", lambda value=0.0: Constant(value))
row(
    "Normal",
    "w ~ N(mean, std²)",
    "The standard normal by default.",
    lambda mean=0.0, std=1.0: Normal(std, mean),
)
row(
    "Uniform",
    "w ~ U[low, high)",
    "±1 by default, where torch has 0 to 1.",
    lambda low=-1.0, high=1.0: Uniform(low, high),
)
row(
    "TruncatedNormal",
    "w ~ N(mean, std²) given a < w < b",
    "a and b are weights, not multiples of std: std .02 is never cut; the std is not corrected.",
    lambda mean=0.0, std=1.0, a=-2.0, b=2.0: TruncatedNormal(std, mean, a, b, "absolute", False),
)
row(
    "XavierUniform",
    "w ~ U(±gain·√(6 / (fan_in + fan_out)))",
    f"{FANS}.",
    lambda gain=1.0: scaled(gain**2, "fan_avg", "uniform", "paddle"),
)
row(
    "XavierNormal",
    "w ~ N(0, gain²·2 / (fan_in + fan_out))",
    f"{FANS}; not cut.",
    lambda gain=1.0: scaled(gain**2, "fan_avg", "normal", "paddle"),
)
row(
    "KaimingUniform",
    "w ~ U(±gain·√(3 / fan))",
    f"{FANS}. The slope counts only with nonlinearity='leaky_relu'; the default is 'relu': a port of torch's "
    "kaiming_uniform_(a=√5) that gives the slope alone comes out 2.45 times as wide.",
    kaiming_uniform,
)
row(
    "KaimingNormal",
    "w ~ N(0, gain² / fan)",
    f"{FANS}; not cut. The slope counts only with nonlinearity='leaky_relu'.",
    kaiming_normal,
)
row(
    "Orthogonal",
    "W = gain · (semi-)orthogonal, s[0] rows",
    "The first axis against all others.",
    lambda gain=1.0: Orthogonal(gain, "first"),
)
row("Dirac", "w[i, i, k // 2] = 1, 0 elsewhere", "Kernels of three axes or more.", lambda: Dirac(1.0, "ceil"))
row(
    "Bilinear",
    "w = Π (1 - |x/f - c|), f = ⌈k/2⌉",
    "A deconvolution that interpolates; four axes.",
    lambda: Bilinear(),
)

MATRIX, KERNEL = "in out", "out in *"
layer(
    "nn.Linear.weight",
    "w ~ U(±√(6 / (in + out)))",
    "Xavier's law, where torch.nn.Linear has U(±1/√in).",
    lambda: scaled(1, "fan_avg", "uniform", "paddle"),
    layout=MATRIX,
)
layer("nn.Linear.bias", "b = 0", "Zeros.", lambda: Zeros(), layout="out")
layer(
    "compat.nn.Linear.weight",
    "w ~ U(±1/√out)",
    "Says 'as PyTorch', but reads an (out, in) tensor by Paddle's (in, out) rule: it takes the outputs.",
    lambda: scaled(1 / 3, "fan_in", "uniform", "paddle"),
    layout="out in",
)
layer(
    "compat.nn.Linear.bias",
    "b ~ U(±1/√in)",
    "The inputs, unlike its weight.",
    lambda in_features: one_over_root(in_features),
    layout="out",
    example={"in_features": 512},
)


def _convolutions(axes: int) -> None:
    layer(
        f"nn.Conv{axes}D.weight",
        "w ~ N(0, 2 / (k·in)), in of all groups",
        "Not divided by groups: a depthwise kernel starts √groups too small.",
        lambda groups=1: scaled(2 / groups, "fan_in", "normal", "torch"),
        layout=KERNEL,
    )
    layer(f"nn.Conv{axes}D.bias", "b = 0", "Zeros.", lambda: Zeros(), layout="out")
    layer(
        f"nn.Conv{axes}DTranspose.weight",
        "w ~ U(±√(6 / (k·(in + out/groups))))",
        "Xavier's uniform law, though convolutions are normal.",
        lambda: scaled(1, "fan_avg", "uniform", "in_first"),
        layout="in out *",
    )
    layer(f"nn.Conv{axes}DTranspose.bias", "b = 0", "Zeros.", lambda: Zeros(), layout="out")


for _axes in (1, 2, 3):
    _convolutions(_axes)
layer(
    "nn.Embedding.weight",
    "w ~ U(±√(6 / (n + d)))",
    "Smaller the more rows there are; the padding row is 0.",
    lambda: scaled(1, "fan_avg", "uniform", "paddle"),
    layout="lookup out",
)
for _cell in ("LSTM", "GRU", "SimpleRNN"):
    for _part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
        layer(
            f"nn.{_cell}.{_part}",
            "w ~ U(±1/√hidden_size)",
            "Weights and biases alike.",
            lambda hidden_size: one_over_root(hidden_size),
            example={"hidden_size": 256},
            layout="out" if _part.startswith("bias") else "out in",
        )
for _part in ("q", "k", "v", "out"):
    layer(
        f"nn.MultiHeadAttention.{_part}_proj.weight",
        "w ~ U(±√(6 / (in + out)))",
        "Linear's own start.",
        lambda: scaled(1, "fan_avg", "uniform", "paddle"),
        layout=MATRIX,
    )
    layer(f"nn.MultiHeadAttention.{_part}_proj.bias", "b = 0", "Zeros.", lambda: Zeros(), layout="out")
layer(
    "nn.Bilinear.weight",
    "w ~ U(±√(6 / (in1·in2 + out·in2)))",
    "Xavier by the kernel rule, the second input as its receptive field.",
    lambda: scaled(1, "fan_avg", "uniform", "paddle"),
    layout="out in in",
)
for _norm in ("BatchNorm2D", "LayerNorm", "GroupNorm"):
    layer(
        f"nn.{_norm}.weight", "w = 1", "set_global_initializer rewrites it too.", lambda: Ones(), layout="out"
    )
    layer(
        f"nn.{_norm}.bias", "b = 0", "set_global_initializer rewrites it too.", lambda: Zeros(), layout="out"
    )

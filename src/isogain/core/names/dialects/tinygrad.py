"""tinygrad's Tensor constructors and nn layers, and scikit-learn's MLP."""

from __future__ import annotations

import math

from isogain.checking import shown
from isogain.core.initializers import Initializer, Normal, Ones, PowerScaling, Uniform, Zeros
from isogain.core.names.dialects.forms import Taps, bounded, one_over_root, reading, scaled, taps
from isogain.core.names.rows import table
from isogain.core.values.distributions import require

VERSION = "tinygrad 0.14.0"
row = table("tinygrad", "tinygrad", "tinygrad.Tensor", VERSION)
layer = table("tinygrad", "tinygrad, layers", "tinygrad", VERSION)
REST = "fan_in is the product of all axes but the first, fan_out the first alone"

row("uniform", "w ~ U[low, high)", "Not centred by default.", lambda low=0.0, high=1.0: Uniform(low, high))
row(
    "normal",
    "w ~ N(mean, std²)",
    "The standard normal by default.",
    lambda mean=0.0, std=1.0: Normal(std, mean),
)
row("zeros", "w = 0", "All zeros.", lambda: Zeros())
row("ones", "w = 1", "All ones.", lambda: Ones())
row(
    "glorot_uniform",
    "w ~ U(±√(6 / (fan_in + fan_out)))",
    f"{REST}: a kernel's fan_out lacks its taps.",
    lambda: scaled(1, "fan_avg", "uniform", "first_out"),
)
row(
    "kaiming_uniform",
    "w ~ U(±√(6 / ((1 + a²) fan_in)))",
    f"{REST}; a is .01, where torch has 0.",
    lambda a=0.01: scaled(2 / (1 + a**2), "fan_in", "uniform", "first_out"),
)
row(
    "kaiming_normal",
    "w ~ N(0, 2 / ((1 + a²) fan_in))",
    f"{REST}; a is .01, where torch has 0.",
    lambda a=0.01: scaled(2 / (1 + a**2), "fan_in", "normal", "first_out"),
)
row(
    "scaled_uniform",
    "w ~ U(±1/√(number of entries))",
    "By the number of its entries, which is no fan; here for two axes.",
    lambda: PowerScaling(1 / math.sqrt(3), -0.5, -0.5, "uniform"),
)


def _convolutions(axes: int) -> None:
    def bias(in_channels: int, kernel_size: Taps) -> Initializer:
        return one_over_root(in_channels, taps(kernel_size, axes))

    layer(
        f"nn.Conv{axes}d.weight",
        "w ~ U(±1/√(k·in)), in of all groups",
        "Not divided by groups: a depthwise kernel starts √groups too small.",
        lambda groups=1: reading("torch", groups),
        layout="out in *",
    )
    layer(
        f"nn.Conv{axes}d.bias",
        "b ~ U(±1/√(k·in))",
        "The bound of its weight.",
        bias,
        layout="out",
        example={"in_channels": 64, "kernel_size": 3},
    )
    layer(
        f"nn.ConvTranspose{axes}d.weight",
        "w ~ U(±1/√(k·in))",
        "The inputs, where torch takes the outputs.",
        lambda: reading("in_first"),
        layout="in out *",
    )


for _axes in (1, 2):
    _convolutions(_axes)
layer("nn.Linear.weight", "w ~ U(±1/√in)", "As torch.", lambda: reading("first_out"), layout="out in")
layer(
    "nn.Linear.bias",
    "b ~ U(±1/√in)",
    "As torch.",
    lambda in_features: one_over_root(in_features),
    layout="out",
    example={"in_features": 512},
)
layer(
    "nn.Embedding.weight",
    "w ~ U(±√(6 / (n + d)))",
    "Smaller the more rows there are.",
    lambda: scaled(1, "fan_avg", "uniform", "first_out"),
    layout="lookup out",
)
for _part in ("weight_ih", "weight_hh"):
    layer(
        f"nn.LSTMCell.{_part}",
        "w ~ U(±1/√hidden_size)",
        "As torch.",
        lambda hidden_size: one_over_root(hidden_size),
        layout="out in",
        example={"hidden_size": 256},
    )
for _part in ("bias_ih", "bias_hh"):
    layer(f"nn.LSTMCell.{_part}", "b = 0", "Zeros, where torch draws them.", lambda: Zeros(), layout="out")
layer("nn.LayerNorm.weight", "w = 1", "Ones.", lambda: Ones(), layout="out")
layer("nn.LayerNorm.bias", "b = 0", "Zeros.", lambda: Zeros(), layout="out")

sklearn = table("sklearn", "scikit-learn", "sklearn.neural_network", "scikit-learn 1.9.1")


def _factor(activation: str) -> float:
    known = {"identity": 6.0, "relu": 6.0, "tanh": 6.0, "logistic": 2.0}
    require(activation in known, f"activation must be one of {', '.join(known)}, got {shown(activation)}")
    return known[activation]


def intercepts(fan_in: int, fan_out: int, activation: str = "relu") -> Initializer:
    return bounded(math.sqrt(_factor(activation) / (fan_in + fan_out)))


sklearn(
    "MLPClassifier.coefs_",
    "w ~ U(±√(f / (in + out))), f = 6, logistic 2",
    "Biases follow the same law.",
    lambda activation="relu": scaled(_factor(activation) / 3 / 2, "fan_avg", "uniform", "keras"),
    "MLPRegressor.coefs_",
    layout="in out",
)
sklearn(
    "MLPClassifier.intercepts_",
    "b ~ U(±√(f / (in + out))), f = 6, logistic 2",
    "Not 0.",
    intercepts,
    "MLPRegressor.intercepts_",
    layout="out",
    example={"fan_in": 64, "fan_out": 32},
)

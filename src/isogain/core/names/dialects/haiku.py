"""dm-haiku and Sonnet 2: initializers that correct a truncation, layers that do not."""

from __future__ import annotations

from collections.abc import Callable

from isogain.core.initializers import (
    Constant,
    GateBias,
    Identity,
    Initializer,
    Normal,
    Ones,
    Orthogonal,
    TruncatedNormal,
    Uniform,
    Zeros,
)
from isogain.core.names.dialects.forms import scaled
from isogain.core.names.rows import table

HAIKU, SONNET = "dm-haiku 0.0.17", "dm-sonnet 2.0.2"
row = table("haiku", "Haiku", "haiku.initializers", HAIKU)
layer = table("haiku", "Haiku, layers", "haiku", HAIKU)
snt = table("sonnet", "Sonnet 2", "sonnet.initializers", SONNET)
snt_layer = table("sonnet", "Sonnet 2, layers", "sonnet", SONNET)
SCALING = (
    "Cut at 2σ and corrected, as the library's own layers are not: Linear and Conv deliver .88 of 1/√fan_in."
)


def own_start(rule: str = "keras") -> Initializer:
    """N(0, 1/fan_in) cut at 2σ, not corrected: it delivers .8796/√fan_in."""
    return scaled(1, "fan_in", "truncated_normal", rule, "uncorrected")


def _scaling(scale: float = 1.0, mode: str = "fan_in", distribution: str = "truncated_normal") -> Initializer:
    return scaled(scale, mode, distribution, "keras")


def _scaling_again(
    scale: float = 1.0, mode: str = "fan_in", distribution: str = "truncated_normal"
) -> Initializer:
    return scaled(scale, mode, distribution, "keras")


row(
    "Constant",
    "w = value",
    "One value for every weight.",
    lambda constant: Constant(constant),
    example={"constant": 0.1},
)
row(
    "RandomNormal",
    "w ~ N(mean, stddev²)",
    "The standard normal by default.",
    lambda stddev=1.0, mean=0.0: Normal(stddev, mean),
)
row(
    "TruncatedNormal",
    "w ~ N(mean, stddev²) given lower < (w - mean)/stddev < upper",
    "Not corrected: the delivered std is 0.88 · stddev at ±2.",
    lambda stddev=1.0, mean=0.0, lower=-2.0, upper=2.0: TruncatedNormal(
        stddev, mean, lower, upper, corrected=False
    ),
)
row(
    "RandomUniform",
    "w ~ U[minval, maxval)",
    "Not centred by default.",
    lambda minval=0.0, maxval=1.0: Uniform(minval, maxval),
)
row("VarianceScaling", "Var[w] = scale / fan(mode)", SCALING, _scaling)
row(
    "UniformScaling",
    "w ~ U(±scale·√(3 / fan_in))",
    "fan_in is the product of all axes but the last.",
    lambda scale=1.0: scaled(scale**2, "fan_in", "uniform", "last_out"),
)
row(
    "Orthogonal",
    "W = scale · (semi-)orthogonal, Πs[:-1] × s[-1]",
    "The last axis against all others.",
    lambda scale=1.0: Orthogonal(scale, "last"),
)
row("Identity", "W = gain · I", "Of the last two axes.", lambda gain=1.0: Identity(gain))

snt("Zeros", "w = 0", "All zeros.", lambda: Zeros())
snt("Ones", "w = 1", "All ones.", lambda: Ones())
snt(
    "Constant",
    "w = value",
    "One value for every weight.",
    lambda value: Constant(value),
    example={"value": 0.1},
)
snt(
    "RandomNormal",
    "w ~ N(mean, stddev²)",
    "The standard normal by default.",
    lambda mean=0.0, stddev=1.0: Normal(stddev, mean),
)
snt(
    "TruncatedNormal",
    "w ~ N(mean, stddev²) given |w - mean| < 2·stddev",
    "Not corrected: it delivers 0.88 · stddev.",
    lambda mean=0.0, stddev=1.0: TruncatedNormal(stddev, mean, corrected=False),
)
snt(
    "RandomUniform",
    "w ~ U[minval, maxval)",
    "Not centred by default.",
    lambda minval=0.0, maxval=1.0: Uniform(minval, maxval),
)
snt("VarianceScaling", "Var[w] = scale / fan(mode)", SCALING, _scaling_again)
snt(
    "Orthogonal",
    "W = gain · (semi-)orthogonal, Πs[:-1] × s[-1]",
    "The last axis against all others.",
    lambda gain=1.0: Orthogonal(gain, "last"),
)
snt("Identity", "W = gain · I", "Two axes.", lambda gain=1.0: Identity(gain))

START = "w ~ N(0, 1/fan_in) given |w| < 2/√fan_in"
DELIVERS = (
    "Cut at 2σ and not corrected: it delivers .88/√fan_in, though VarianceScaling() of this library corrects."
)


def _plain_layers(add: Callable[..., None]) -> None:
    add("Linear.w", START, DELIVERS, lambda: own_start(), layout="in out")
    add("Linear.b", "b = 0", "Zeros.", lambda: Zeros(), layout="out")
    for axes in (1, 2, 3):
        add(
            f"Conv{axes}D.w", START, f"{DELIVERS} Groups are divided.", lambda: own_start(), layout="* in out"
        )
        add(f"Conv{axes}D.b", "b = 0", "Zeros.", lambda: Zeros(), layout="out")
    for axes in (1, 2, 3):
        add(
            f"Conv{axes}DTranspose.w",
            START,
            f"{DELIVERS} fan_in = k·in, of a kernel (k..., out, in).",
            lambda: own_start("in_last"),
            layout="* out in",
        )
        add(f"Conv{axes}DTranspose.b", "b = 0", "Zeros.", lambda: Zeros(), layout="out")
    add(
        "Embed.embeddings",
        "w ~ N(0, 1) given |w| < 2",
        "Not corrected: it delivers .88.",
        lambda: TruncatedNormal(1.0, corrected=False),
        layout="lookup out",
    )


_plain_layers(layer)
_plain_layers(snt_layer)
layer(
    "LSTM.linear.w",
    START,
    f"{DELIVERS} Inputs and state side by side: fan_in is their sum.",
    lambda: own_start(),
    layout="in out",
)
layer(
    "LSTM.linear.b",
    "b = 0",
    "The forget gate's 1 is added in forward, not held here.",
    lambda: Zeros(),
    layout="out",
)
layer(
    "GRU.w_i",
    "w cut at 2σ, Var[w] = 1/in",
    "VarianceScaling(), corrected.",
    lambda: scaled(1, "fan_in", "truncated_normal", "keras"),
    layout="in out",
)
layer(
    "GRU.w_h",
    "w cut at 2σ, Var[w] = 1/hidden",
    "VarianceScaling(), corrected.",
    lambda: scaled(1, "fan_in", "truncated_normal", "keras"),
    layout="in out",
)
layer("GRU.b", "b = 0", "Zeros.", lambda: Zeros(), layout="out")
layer("LayerNorm.scale", "w = 1", "Ones.", lambda: Ones(), layout="out")
layer("LayerNorm.offset", "b = 0", "Zeros.", lambda: Zeros(), layout="out")
for _part in ("input_to_hidden", "hidden_to_hidden"):
    snt_layer(f"LSTM.{_part}", START, DELIVERS, lambda: own_start(), layout="in out")
snt_layer(
    "LSTM.b",
    "b = (0, 1, 0, 0) by gate",
    "The forget gate's 1 is held, where Haiku's is added in forward.",
    lambda: GateBias((0.0, 1.0, 0.0, 0.0)),
    layout="out",
)
snt_layer("LayerNorm.scale", "w = 1", "Ones.", lambda: Ones(), layout="out")
snt_layer("LayerNorm.offset", "b = 0", "Zeros.", lambda: Zeros(), layout="out")

"""thinc.initializers and layers, which spaCy is made of: the first two axes alone are fans."""

from __future__ import annotations

from isogain.core.initializers import Normal, Uniform, Zeros
from isogain.core.names.dialects.forms import bounded, scaled
from isogain.core.names.rows import table

VERSION = "thinc 9.1.1"
row = table("thinc", "Thinc, spaCy", "thinc.initializers", VERSION)
layer = table("thinc", "Thinc, layers", "thinc.layers", VERSION)
TWO = "By the first two axes (out, in), whatever stands behind them"

row(
    "glorot_uniform_init",
    "w ~ U(±√(6 / (s[0] + s[1])))",
    f"{TWO}.",
    lambda: scaled(1, "fan_avg", "uniform", "two_axes"),
)
row(
    "glorot_normal_init",
    "w ~ N(0, 2 / (s[0] + s[1]))",
    f"{TWO}; not cut.",
    lambda: scaled(1, "fan_avg", "normal", "two_axes"),
)
row(
    "lecun_normal_init",
    "w ~ N(0, 1 / s[1])",
    f"{TWO}; not cut.",
    lambda: scaled(1, "fan_in", "normal", "two_axes"),
)
row(
    "lecun_uniform_init", "w ~ U(±√(3 / s[1]))", f"{TWO}.", lambda: scaled(1, "fan_in", "uniform", "two_axes")
)
row(
    "he_normal_init",
    "w ~ N(0, 2 / s[1])",
    f"{TWO}; not cut.",
    lambda: scaled(2, "fan_in", "normal", "two_axes"),
)
row("he_uniform_init", "w ~ U(±√(6 / s[1]))", f"{TWO}.", lambda: scaled(2, "fan_in", "uniform", "two_axes"))
row("zero_init", "w = 0", "All zeros.", lambda: Zeros())
row(
    "uniform_init", "w ~ U[lo, hi)", "A fixed range, ±.1 by default.", lambda lo=-0.1, hi=0.1: Uniform(lo, hi)
)
row(
    "normal_init",
    "w ~ N(0, mean²)",
    "The argument called mean is the deviation, and 0 by default: normal_init() gives zeros.",
    lambda mean=0.0: Normal(mean),
)

GLOROT = "w ~ U(±√(6 / (in + out)))"
layer(
    "Linear.W",
    GLOROT,
    "glorot_uniform_init.",
    lambda: scaled(1, "fan_avg", "uniform", "two_axes"),
    "Relu.W",
    "Mish.W",
    layout="out in",
)
layer("Linear.b", "b = 0", "Zeros.", lambda: Zeros(), "Relu.b", "Mish.b", layout="out")
layer(
    "Gelu.W",
    "w ~ N(0, 2 / in)",
    "he_normal_init.",
    lambda: scaled(2, "fan_in", "normal", "two_axes"),
    "Swish.W",
    layout="out in",
)
layer("Softmax.W", "w = 0", "Uniform probabilities at the start.", lambda: Zeros(), layout="out in")
layer(
    "Maxout.W",
    "w ~ U(±√(6 / (out + pieces)))",
    "(out, pieces, in): the pieces are taken for inputs, which do not count; 4096 inputs grow 9 times.",
    lambda: scaled(1, "fan_avg", "uniform", "two_axes"),
    layout="out stack in",
)
layer(
    "Embed.E", "w ~ U(±.1)", "Whatever its width.", lambda: bounded(0.1), "HashEmbed.E", layout="lookup out"
)

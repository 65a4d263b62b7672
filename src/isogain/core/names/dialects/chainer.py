"""chainer.initializers and links (kernels (out, in, k...)), and nnabla's laws by counts of maps."""

from __future__ import annotations

import math
from collections.abc import Sequence

from isogain.checking import shown
from isogain.core.initializers import (
    Constant,
    Identity,
    Initializer,
    Normal,
    Ones,
    Orthogonal,
    Uniform,
    Zeros,
)
from isogain.core.names.dialects.forms import Taps, bounded, scaled, taps
from isogain.core.names.rows import table
from isogain.core.values.distributions import CHECKS, require

VERSION = "chainer 7.8.1"
row = table("chainer", "Chainer", "chainer.initializers", VERSION)
link = table("chainer", "Chainer, links", "chainer", VERSION)
nnabla = table("nnabla", "nnabla", "nnabla.initializer", "nnabla 1.39.0")
parametric = table("nnabla", "nnabla, layers", "nnabla", "nnabla 1.39.0")

row("Zero", "w = 0", "All zeros.", lambda: Zeros())
row("One", "w = 1", "All ones.", lambda: Ones())
row(
    "Constant",
    "w = value",
    "One value for every weight.",
    lambda fill_value: Constant(fill_value),
    example={"fill_value": 0.1},
)
row("Identity", "W = scale · I", "Square matrices only.", lambda scale=1.0: Identity(scale))
row("Normal", "w ~ N(0, scale²)", "A fixed scale, .05 by default.", lambda scale=0.05: Normal(scale))
row("Uniform", "w ~ U(±scale)", "A fixed range, ±.05 by default.", lambda scale=0.05: bounded(scale))
row(
    "LeCunNormal",
    "w ~ N(0, scale² / fan_in)",
    "Not cut; every link's own start.",
    lambda scale=1.0: scaled(scale**2, "fan_in", "normal", "torch"),
)
row(
    "LeCunUniform",
    "w ~ U(±scale·√(3 / fan_in))",
    "LeCun's variance.",
    lambda scale=1.0: scaled(scale**2, "fan_in", "uniform", "torch"),
)
row(
    "GlorotNormal",
    "w ~ N(0, scale²·2 / (fan_in + fan_out))",
    "Not cut.",
    lambda scale=1.0: scaled(scale**2, "fan_avg", "normal", "torch"),
)
row(
    "GlorotUniform",
    "w ~ U(±scale·√(6 / (fan_in + fan_out)))",
    "Glorot's law.",
    lambda scale=1.0: scaled(scale**2, "fan_avg", "uniform", "torch"),
)
row(
    "HeNormal",
    "w ~ N(0, scale²·2 / fan)",
    "Not cut; fan_option fan_in or fan_out.",
    lambda scale=1.0, fan_option="fan_in": scaled(2 * scale**2, fan_option, "normal", "torch"),
)
row(
    "HeUniform",
    "w ~ U(±scale·√(6 / fan_in))",
    "He's variance.",
    lambda scale=1.0: scaled(2 * scale**2, "fan_in", "uniform", "torch"),
)
row(
    "Orthogonal",
    "W = scale · (semi-)orthogonal, s[0] rows",
    "The gain is 1.1 by default, not 1.",
    lambda scale=1.1: Orthogonal(scale, "first"),
)

LECUN = "w ~ N(0, 1 / fan_in)"
link("links.Linear.W", LECUN, "LeCunNormal.", lambda: scaled(1, "fan_in", "normal", "torch"), layout="out in")
link("links.Linear.b", "b = 0", "Zeros.", lambda: Zeros(), layout="out")
link(
    "links.Convolution2D.W",
    LECUN,
    "Groups are divided.",
    lambda: scaled(1, "fan_in", "normal", "torch"),
    "links.DilatedConvolution2D.W",
    "links.ConvolutionND.W",
    layout="out in *",
)
link("links.Convolution2D.b", "b = 0", "Zeros.", lambda: Zeros(), layout="out")
link(
    "links.DepthwiseConvolution2D.W",
    "w ~ N(0, 1/(k·in))",
    "The kernel (multiplier, in, k...) is read as (out, in, k...): each output sees k inputs, not k·in.",
    lambda: scaled(1, "fan_in", "normal", "torch"),
    layout="out group *",
)
link("links.EmbedID.W", "w ~ N(0, 1)", "Whatever its width.", lambda: Normal(1.0), layout="lookup out")
link(
    "links.LSTM.upward.W",
    "w ~ N(0, 1/in)",
    "Drawn gate by gate, which are interleaved: row 4i + g is gate g.",
    lambda: scaled(1, "fan_in", "normal", "torch"),
    layout="out in",
)
link(
    "links.LSTM.lateral.W",
    "w ~ N(0, 1/hidden)",
    "As upward.",
    lambda: scaled(1, "fan_in", "normal", "torch"),
    layout="out in",
)
link(
    "links.Highway.transform_bias", "b = -1", "Opens towards carrying.", lambda: Constant(-1.0), layout="out"
)


def _by_maps(bound: bool, count: float) -> Initializer:
    return bounded(math.sqrt(count)) if bound else Normal(math.sqrt(count))


def _glorot(inmaps: int, outmaps: int, kernel: Taps = 1, *, bound: bool) -> Initializer:
    return _by_maps(bound, (6 if bound else 2) / (taps(kernel, 2) * (inmaps + outmaps)))


def _he(maps: int, kernel: Taps, bound: bool) -> Initializer:
    return _by_maps(bound, (6 if bound else 2) / (taps(kernel, 2) * maps))


def _between(lim: Sequence[float] = (-1.0, 1.0)) -> Initializer:
    bounds = CHECKS.series("nnabla.UniformInitializer: lim", lim, "two numbers")
    require(len(bounds) == 2, f"nnabla.UniformInitializer: lim is two numbers, got {shown(lim)}")
    return Uniform(*bounds)


MAPS = {"inmaps": 64, "outmaps": 128}
COUNTS = (
    "By counts of maps that the caller gives, not by the shape; a kernel of one number has both axes of it."
)
nnabla("ConstantInitializer", "w = value", "One value for every weight.", lambda value=0.0: Constant(value))
nnabla(
    "NormalInitializer",
    "w ~ N(0, sigma²)",
    "The standard normal by default.",
    lambda sigma=1.0: Normal(sigma),
)
nnabla(
    "UniformInitializer",
    "w ~ U[lim[0], lim[1])",
    "±1 by default.",
    _between,
)
nnabla(
    "OrthogonalInitializer",
    "W = gain · (semi-)orthogonal, s[0] rows",
    "The first axis against all others.",
    lambda gain=1.0: Orthogonal(gain, "first"),
)
nnabla(
    "calc_uniform_lim_glorot",
    "w ~ U(±√(6 / (k·(in + out))))",
    COUNTS,
    lambda inmaps, outmaps, kernel=1: _glorot(inmaps, outmaps, kernel, bound=True),
    example=MAPS,
)
nnabla(
    "calc_normal_std_glorot",
    "w ~ N(0, 2 / (k·(in + out)))",
    COUNTS,
    lambda inmaps, outmaps, kernel=1: _glorot(inmaps, outmaps, kernel, bound=False),
    example=MAPS,
)
nnabla(
    "calc_normal_std_he_forward",
    "w ~ N(0, 2 / (k·in))",
    COUNTS,
    lambda inmaps, outmaps, kernel=1: _he(inmaps, kernel, False),
    example=MAPS,
)
nnabla(
    "calc_normal_std_he_backward",
    "w ~ N(0, 2 / (k·out))",
    COUNTS,
    lambda inmaps, outmaps, kernel=1: _he(outmaps, kernel, False),
    example=MAPS,
)
parametric(
    "affine.W",
    "w ~ U(±√(6 / (in + out)))",
    "Glorot's law.",
    lambda: scaled(1, "fan_avg", "uniform", "keras"),
    layout="in out",
)
parametric(
    "convolution.W",
    "w ~ U(±√(6 / (k·(in + out))))",
    "in of all groups, which a grouped kernel does not show: calc_uniform_lim_glorot takes it.",
    lambda: scaled(1, "fan_avg", "uniform", "torch"),
    layout="out in *",
)
parametric(
    "embed.W",
    "w ~ U(±√3)",
    "Variance 1 whatever its width.",
    lambda: bounded(math.sqrt(3)),
    layout="lookup out",
)
parametric("affine.b", "b = 0", "Zeros.", lambda: Zeros(), "convolution.b", layout="out")
parametric("prelu.slope", "w = .25", "As torch.", lambda: Constant(0.25), layout="out")

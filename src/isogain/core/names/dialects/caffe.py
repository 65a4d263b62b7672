"""Caffe's fillers: n = fan_in by default, from the bare shape (num, channels, height, width)."""

from __future__ import annotations

from isogain.checking import shown
from isogain.core.initializers import (
    Bilinear,
    Constant,
    Initializer,
    MaskedNormal,
    Normal,
    PositiveUnitball,
    Uniform,
    VarianceScaling,
)
from isogain.core.names.rows import dialect
from isogain.errors import InitializerError

row = dialect("caffe", "Caffe", "Caffe filler")
NORMS = {"FAN_IN": "fan_in", "FAN_OUT": "fan_out", "AVERAGE": "fan_avg"}


def _norm(variance_norm: str) -> str:
    if variance_norm not in NORMS:
        raise InitializerError(f"variance_norm must be one of {', '.join(NORMS)}, got {shown(variance_norm)}")
    return NORMS[variance_norm]


@row("constant", "w = value")
def constant(value: float = 0.0) -> Initializer:
    """One value for every weight."""
    return Constant(value)


@row("uniform", "w ~ U[min, max)")
def uniform(min: float = 0.0, max: float = 1.0) -> Initializer:
    """Not centred by default."""
    return Uniform(min, max)


@row("gaussian", "w ~ N(mean, std²); sparse: kept with probability sparse / s[0]")
def gaussian(mean: float = 0.0, std: float = 1.0, sparse: int = -1) -> Initializer:
    """`sparse` is the mean number of non-zero weights for each output, -1 for none."""
    if sparse < -1:
        raise InitializerError(f"sparse must be -1 (none) or a count of at least 0, got {shown(sparse)}")
    return Normal(std, mean) if sparse == -1 else MaskedNormal(std, mean, nonzero=sparse)


@row("xavier", "w ~ U(±√(3 / n)), n = count/s[0], count/s[1] or their mean")
def xavier(variance_norm: str = "FAN_IN") -> Initializer:
    """FAN_IN by default, since forward matters more; Glorot's own law is AVERAGE."""
    return VarianceScaling(1.0, _norm(variance_norm), "uniform", fan_rule="caffe")


@row("msra", "w ~ N(0, 2 / n), n = count/s[0], count/s[1] or their mean")
def msra(variance_norm: str = "FAN_IN") -> Initializer:
    """He's law, for ReLU."""
    return VarianceScaling(2.0, _norm(variance_norm), "normal", fan_rule="caffe")


@row("positive_unitball", "w > 0 and Σw = 1 over each s[0]")
def positive_unitball() -> Initializer:
    """U(0, 1), divided by its sum."""
    return PositiveUnitball()


@row("bilinear", "w = Π (1 - |x/f - c|), f = ⌈k/2⌉")
def bilinear() -> Initializer:
    """The kernel of a deconvolution that interpolates; four axes, layout 'out in *'."""
    return Bilinear()

"""mxnet.initializer: Xavier with its three arguments, MSRAPrelu, and the rest."""

from __future__ import annotations

from isogain.checking import shown
from isogain.core.initializers import (
    Bilinear,
    Constant,
    GateBias,
    Initializer,
    Normal,
    Ones,
    Orthogonal,
    Uniform,
    VarianceScaling,
    Zeros,
)
from isogain.core.names.rows import dialect
from isogain.errors import InitializerError

row = dialect("mxnet", "MXNet", "mxnet.initializer")
FACTORS = {"in": "fan_in", "out": "fan_out", "avg": "fan_avg"}


@row("Xavier", "c = √(magnitude / n): U(±c) or N(0, c²)")
def xavier(rnd_type: str = "uniform", factor_type: str = "avg", magnitude: float = 3) -> Initializer:
    """rnd_type uniform or gaussian; n by factor_type in, out or avg; Glorot's law by default."""
    if factor_type not in FACTORS:
        raise InitializerError(f"factor_type must be one of {', '.join(FACTORS)}, got {shown(factor_type)}")
    if rnd_type == "uniform":
        return VarianceScaling(magnitude / 3, FACTORS[factor_type], "uniform", fan_rule="torch")
    if rnd_type == "gaussian":
        return VarianceScaling(float(magnitude), FACTORS[factor_type], "normal", fan_rule="torch")
    raise InitializerError(f"rnd_type must be 'uniform' or 'gaussian', got {shown(rnd_type)}")


@row("MSRAPrelu", "w ~ N(0, 2 / ((1 + slope²) n))")
def msra_prelu(factor_type: str = "avg", slope: float = 0.25) -> Initializer:
    """He's law for PReLU of this initial slope; n is the mean of both fans by default."""
    return xavier("gaussian", factor_type, 2.0 / (1 + slope**2))


@row("Uniform", "w ~ U(±scale)")
def uniform(scale: float = 0.07) -> Initializer:
    """A fixed range."""
    return Uniform(-scale, scale)


@row("Normal", "w ~ N(0, sigma²)")
def normal(sigma: float = 0.01) -> Initializer:
    """A fixed scale."""
    return Normal(sigma)


@row("Orthogonal", "W = scale · (factor of an SVD), s[0] rows")
def orthogonal(scale: float = 1.414, rand_type: str = "uniform") -> Initializer:
    """Singular vectors of a uniform or normal matrix."""
    if rand_type not in ("uniform", "normal"):
        raise InitializerError(f"rand_type must be 'uniform' or 'normal', got {shown(rand_type)}")
    return Orthogonal(scale, "first", f"svd_{rand_type}")


@row("Zero", "w = 0", "zeros")
def zero() -> Initializer:
    """All zeros."""
    return Zeros()


@row("One", "w = 1", "ones")
def one() -> Initializer:
    """All ones."""
    return Ones()


@row("Constant", "w = value", example={"value": 0.1})
def constant(value: float) -> Initializer:
    """One value for every weight."""
    return Constant(value)


@row("Bilinear", "w = Π (1 - |x/f - c|), f = ⌈k/2⌉")
def bilinear() -> Initializer:
    """The kernel of an upsampling deconvolution; four axes, layout 'out in *'."""
    return Bilinear()


@row("LSTMBias", "b = (0, forget_bias, 0, 0) by gate")
def lstm_bias(forget_bias: float = 1.0) -> Initializer:
    """Opens the forget gate, the second of four."""
    return GateBias((0.0, forget_bias, 0.0, 0.0))

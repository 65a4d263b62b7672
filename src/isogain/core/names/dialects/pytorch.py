"""torch.nn.init (2.13): fans from the bare shape, absolute truncation bounds, fixed gains."""

from __future__ import annotations

import math

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
    Uniform,
    VarianceScaling,
    Zeros,
)
from isogain.core.names.rows import dialect
from isogain.core.values.distributions import CHECKS
from isogain.errors import InitializerError

__all__ = ["calculate_gain"]

LARGEST_GAIN = 1e150
"""Whose square is a number still."""
row = dialect("torch", "PyTorch", "torch.nn.init")


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """torch.nn.init.calculate_gain's number for this nonlinearity.

    linear, convolutions, sigmoid 1; tanh 5/3; relu √2; leaky_relu √(2 / (1 + param²)), param .01 by
    default; selu 3/4.  Raises InitializerError for any other name, as torch does; `ig.activation(name)`
    has the exact gain of any activation.
    """
    slope = 0.01 if param is None else param
    if isinstance(slope, bool):
        raise InitializerError(f"calculate_gain: negative_slope {param!r} is not a number")
    slope = CHECKS.number("calculate_gain: negative_slope", slope, least=-LARGEST_GAIN, most=LARGEST_GAIN)
    linear = {f"conv{transposed}{d}d": 1.0 for d in (1, 2, 3) for transposed in ("", "_transpose")}
    gains = {
        "linear": 1.0,
        **linear,
        "sigmoid": 1.0,
        "tanh": 5.0 / 3,
        "relu": math.sqrt(2.0),
        "leaky_relu": math.sqrt(2.0 / (1 + slope**2)),
        "selu": 3.0 / 4,
    }
    if not isinstance(nonlinearity, str) or nonlinearity not in gains:
        raise InitializerError(
            f"torch has no gain for {shown(nonlinearity)}, only for {', '.join(gains)}; "
            f"ig.activation({shown(nonlinearity)}).gain() computes one"
        )
    return gains[nonlinearity]


def _scaling(gain: float, mode: str, distribution: str) -> Initializer:
    squared = float(CHECKS.number("gain", gain, least=-LARGEST_GAIN, most=LARGEST_GAIN)) ** 2
    return VarianceScaling(squared, _lower(mode), distribution, fan_rule="torch")


def _lower(mode: str) -> str:
    return mode.lower() if isinstance(mode, str) else mode


@row("uniform_", "w ~ U[a, b)")
def uniform_(a: float = 0.0, b: float = 1.0) -> Initializer:
    """Not centred: all weights are positive by default."""
    return Uniform(a, b)


@row("normal_", "w ~ N(mean, std²)")
def normal_(mean: float = 0.0, std: float = 1.0) -> Initializer:
    """The standard normal by default, whatever the layer's width."""
    return Normal(std, mean)


@row("trunc_normal_", "w ~ N(mean, std²) given a < w < b")
def trunc_normal_(mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0) -> Initializer:
    """a and b are weights, not multiples of std (std 0.02 never truncates); the std is not corrected."""
    return TruncatedNormal(std, mean, a, b, bounds="absolute", corrected=False)


@row("constant_", "w = val", example={"val": 0.1})
def constant_(val: float) -> Initializer:
    """One value for every weight."""
    return Constant(val)


@row("ones_", "w = 1")
def ones_() -> Initializer:
    """All ones."""
    return Ones()


@row("zeros_", "w = 0")
def zeros_() -> Initializer:
    """All zeros."""
    return Zeros()


@row("eye_", "W = I")
def eye_() -> Initializer:
    """The identity, of two axes only."""
    return Identity()


@row("dirac_", "w[i, i, k // 2] = 1, 0 elsewhere")
def dirac_() -> Initializer:
    """Even kernels take k // 2; `groups` is an argument of the draw (`ig.draw(..., groups=g)`)."""
    return Dirac(1.0, "ceil")


@row("xavier_uniform_", "w ~ U(±gain·√(6 / (fan_in + fan_out)))")
def xavier_uniform_(gain: float = 1.0) -> Initializer:
    """Fans from the bare shape (out, in, k...): blind to groups, transposition and packing."""
    return _scaling(gain, "fan_avg", "uniform")


@row("xavier_normal_", "w ~ N(0, gain²·2 / (fan_in + fan_out))")
def xavier_normal_(gain: float = 1.0) -> Initializer:
    """Fans from the bare shape (out, in, k...): blind to groups, transposition and packing."""
    return _scaling(gain, "fan_avg", "normal")


@row("kaiming_uniform_", "w ~ U(±gain·√(3 / fan))")
def kaiming_uniform_(a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu") -> Initializer:
    """gain as torch.nn.init.calculate_gain(nonlinearity, a); nn.Linear's own start is a = √5."""
    return _scaling(calculate_gain(nonlinearity, a), mode, "uniform")


@row("kaiming_normal_", "w ~ N(0, gain² / fan)")
def kaiming_normal_(a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu") -> Initializer:
    """gain as torch.nn.init.calculate_gain(nonlinearity, a)."""
    return _scaling(calculate_gain(nonlinearity, a), mode, "normal")


@row("orthogonal_", "W = gain · (semi-)orthogonal, s[0] rows")
def orthogonal_(gain: float = 1.0) -> Initializer:
    """The first axis against all others; Haar."""
    return Orthogonal(gain, "first")


@row("sparse_", "⌈sparsity·s[0]⌉ of each column 0, others N(0, std²)", example={"sparsity": 0.5})
def sparse_(sparsity: float, std: float = 0.01) -> Initializer:
    """Martens 2010; two axes only."""
    return Sparse(sparsity, std, axis=0)


@row("default_weight", "w ~ U(±1/√fan_in)", "Linear.weight", "Conv.weight")
def default_weight() -> Initializer:
    """What nn.Linear and nn.Conv start from: kaiming_uniform_(a=√5), a third of LeCun's variance."""
    return VarianceScaling(1.0 / 3.0, "fan_in", "uniform", fan_rule="torch")

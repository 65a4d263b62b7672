"""What an Initializer becomes once the fans are known: a kind, its numbers, its exact moments.

A law says nothing of shapes or seeds; `isogain.drawing` turns one into numbers.  The moments
here are closed forms, so that a test can hold a draw against them.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, final

import numpy as np
from numpy.typing import NDArray

from isogain.errors import InitializerError

__all__ = [
    "ComplexDiscLaw",
    "ComplexLaw",
    "ConstantLaw",
    "Law",
    "NormalLaw",
    "SparseLaw",
    "StructuredLaw",
    "TruncatedNormalLaw",
    "UniformLaw",
    "truncated_std",
]

Normals = Callable[[int, int], NDArray[Any]]
"""(first index, count) -> that stretch of the parameter's own standard normal stream."""


def require(condition: bool, message: str) -> None:
    """Raise InitializerError(message) unless the condition holds."""
    if not condition:
        raise InitializerError(message)


def require_finite(owner: object, **values: float) -> None:
    """Refuse NaN and infinities by name."""
    for name, value in values.items():
        require(
            isinstance(value, (int, float)) and math.isfinite(value),
            f"{type(owner).__name__}: {name} must be a finite number, got {value!r}",
        )


class Law(ABC):
    """A probability law for one weight (or, for a StructuredLaw, for a whole tensor)."""

    kind: ClassVar[str]

    @property
    @abstractmethod
    def mean(self) -> float | complex:
        """E[w]."""

    @property
    @abstractmethod
    def std(self) -> float:
        """sqrt(E|w - E w|^2)."""

    @property
    def bounds(self) -> tuple[float, float]:
        """The closed interval no draw ever leaves."""
        return (-math.inf, math.inf)


@final
@dataclass(frozen=True)
class ConstantLaw(Law):
    """Every weight equals `value`."""

    value: float | complex
    kind: ClassVar[str] = "constant"

    @property
    def mean(self) -> float | complex:
        return self.value

    @property
    def std(self) -> float:
        return 0.0

    @property
    def bounds(self) -> tuple[float, float]:
        real = complex(self.value).real
        return (real, real)


@final
@dataclass(frozen=True)
class NormalLaw(Law):
    """N(mean, std^2)."""

    location: float
    scale: float
    kind: ClassVar[str] = "normal"

    def __post_init__(self) -> None:
        require_finite(self, mean=self.location, std=self.scale)
        require(self.scale >= 0, f"NormalLaw: std must be at least 0, got {self.scale!r}")

    @property
    def mean(self) -> float:
        return self.location

    @property
    def std(self) -> float:
        return self.scale

    def cdf(self, x: NDArray[Any]) -> NDArray[Any]:
        """P(w <= x)."""
        from scipy import special  # here, since it takes longer to import than all of isogain

        return np.asarray(special.ndtr((np.asarray(x, dtype=np.float64) - self.location) / self.scale))


@final
@dataclass(frozen=True)
class UniformLaw(Law):
    """Uniform on [low, high); in every dtype the upper end is never reached."""

    low: float
    high: float
    kind: ClassVar[str] = "uniform"

    def __post_init__(self) -> None:
        require_finite(self, low=self.low, high=self.high)
        require(self.low <= self.high, f"UniformLaw: low {self.low!r} is above high {self.high!r}")

    @property
    def mean(self) -> float:
        return self.low + (self.high - self.low) / 2

    @property
    def std(self) -> float:
        return (self.high - self.low) / math.sqrt(12)

    @property
    def bounds(self) -> tuple[float, float]:
        return (self.low, self.high)

    def cdf(self, x: NDArray[Any]) -> NDArray[Any]:
        """P(w <= x)."""
        x = np.asarray(x, dtype=np.float64)
        return np.asarray(np.clip((x - self.low) / (self.high - self.low), 0.0, 1.0))


@final
@dataclass(frozen=True)
class TruncatedNormalLaw(Law):
    """N(location, scale^2) conditioned on [low, high] (absolute bounds, either may be infinite)."""

    location: float
    scale: float
    low: float
    high: float
    kind: ClassVar[str] = "truncated_normal"

    def __post_init__(self) -> None:
        require_finite(self, mean=self.location, std=self.scale)
        require(self.scale > 0, f"TruncatedNormalLaw: std must be above 0, got {self.scale!r}")
        require(
            self.low < self.high,
            f"TruncatedNormalLaw: the bounds [{self.low!r}, {self.high!r}] leave nothing to draw from",
        )

    @property
    def alpha(self) -> float:
        """The lower bound in units of `scale`, from `location`."""
        return (self.low - self.location) / self.scale

    @property
    def beta(self) -> float:
        """The upper bound in units of `scale`, from `location`."""
        return (self.high - self.location) / self.scale

    @property
    def mean(self) -> float:
        return self.location + self.scale * _truncated_moments(self.alpha, self.beta)[0]

    @property
    def std(self) -> float:
        return self.scale * math.sqrt(_truncated_moments(self.alpha, self.beta)[1])

    @property
    def bounds(self) -> tuple[float, float]:
        return (self.low, self.high)

    def cdf(self, x: NDArray[Any]) -> NDArray[Any]:
        """P(w <= x)."""
        from scipy.stats import truncnorm

        x = np.asarray(x, dtype=np.float64)
        return np.asarray(truncnorm.cdf(x, self.alpha, self.beta, loc=self.location, scale=self.scale))


@final
@dataclass(frozen=True)
class SparseLaw(Law):
    """`zeros` entries of every line along `axis` are 0, the others N(0, scale^2).

    The places are a uniformly random subset for each line, drawn from the same key.
    """

    scale: float
    zeros: int
    length: int
    axis: int
    kind: ClassVar[str] = "sparse"

    @property
    def mean(self) -> float:
        return 0.0

    @property
    def std(self) -> float:
        return self.scale * math.sqrt(1 - self.zeros / self.length) if self.length else 0.0


@final
@dataclass(frozen=True)
class ComplexLaw(Law):
    """Real and imaginary part independent, each drawn from `part`."""

    part: NormalLaw | UniformLaw | TruncatedNormalLaw
    kind: ClassVar[str] = "complex"

    @property
    def mean(self) -> complex:
        return complex(self.part.mean, self.part.mean)

    @property
    def std(self) -> float:
        return self.part.std * math.sqrt(2)


@final
@dataclass(frozen=True)
class ComplexDiscLaw(Law):
    """Circular on a disc of the complex plane.

    density 'normal': a complex normal of E|w|^2 = scale^2, conditioned on |w| <= radius * scale;
    density 'uniform': uniform on |w| <= radius * scale.
    """

    scale: float
    radius: float
    density: Literal["normal", "uniform"] = "normal"
    kind: ClassVar[str] = "complex_disc"

    @property
    def mean(self) -> complex:
        return 0j

    @property
    def std(self) -> float:
        r2 = self.radius**2
        if self.density == "uniform":
            return self.scale * math.sqrt(r2 / 2)
        # |w|^2 / scale^2 is exponential, cut at radius^2: E = 1 - r^2 / (e^{r^2} - 1)
        return self.scale * math.sqrt(1 - r2 / math.expm1(r2))


@final
@dataclass(frozen=True)
class StructuredLaw(Law):
    """A whole tensor at once (a matrix decomposition or a fixed pattern).

    `build(normals)` returns the float64 or float32 tensor of the global shape; `elementwise_std` is
    the root mean square of its entries where a closed form is known.
    """

    construction: str
    build: Callable[[Normals], NDArray[Any]]
    elementwise_std: float
    normals: int
    """How many standard normals the construction consumes (0: it is not random)."""
    kind: ClassVar[str] = "structured"

    @property
    def mean(self) -> float:
        return 0.0

    @property
    def std(self) -> float:
        return self.elementwise_std


def _truncated_moments(alpha: float, beta: float) -> tuple[float, float]:
    """Mean and variance of a standard normal conditioned on [alpha, beta], safe in the tails."""
    if alpha > 0 or (alpha == -beta and alpha > 0):
        mean, variance = _truncated_moments(-beta, -alpha)
        return -mean, variance
    if alpha == -math.inf and beta == math.inf:
        return 0.0, 1.0
    if beta - alpha < 1e-3 or (beta < 0 and (beta - alpha) * -beta < 1e-3):
        return _narrow_moments(alpha, beta)
    log_mass = _log_mass(alpha, beta)
    at_alpha = math.exp(-0.5 * alpha**2 - log_mass) if math.isfinite(alpha) else 0.0
    at_beta = math.exp(-0.5 * beta**2 - log_mass) if math.isfinite(beta) else 0.0
    at_alpha, at_beta = at_alpha / math.sqrt(2 * math.pi), at_beta / math.sqrt(2 * math.pi)
    mean = at_alpha - at_beta
    weighted = (alpha * at_alpha if at_alpha else 0.0) - (beta * at_beta if at_beta else 0.0)
    if beta < -5:
        return mean, _tail_variance(alpha, beta)
    return mean, 1 + weighted - mean**2


def _log_mass(alpha: float, beta: float) -> float:
    """log P(alpha < z < beta) for alpha <= 0, without cancellation in the left tail."""
    upper, lower = _log_ndtr(beta), _log_ndtr(alpha)
    return upper + math.log1p(-math.exp(lower - upper))


def _log_ndtr(x: float) -> float:
    """log P(z < x)."""
    if x > -30:
        return math.log(math.erfc(-x / math.sqrt(2)) / 2)
    from scipy import special

    return float(special.log_ndtr(x))


def _tail_variance(alpha: float, beta: float) -> float:
    """Variance on [alpha, beta] far in the left tail, where 1 + a - m^2 would cancel."""
    from scipy import integrate

    depth = min(beta - alpha, 50 / -beta)  # the density falls like exp(-|beta| t); 50 scales hold it all

    def moment(power: int) -> float:
        def integrand(t: float) -> float:
            return float(t**power * math.exp(beta * t - 0.5 * t * t))

        return float(integrate.quad(integrand, 0.0, depth, epsabs=0, epsrel=1e-13)[0])

    mass, first, second = moment(0), moment(1), moment(2)
    return second / mass - (first / mass) ** 2


def _narrow_moments(alpha: float, beta: float) -> tuple[float, float]:
    """Moments on an interval so narrow that the density is a straight line over it."""
    centre, half = (alpha + beta) / 2, (beta - alpha) / 2
    return centre - centre * half**2 / 3, half**2 / 3


def truncated_std(low: float, high: float) -> float:
    """The standard deviation of N(0, 1) conditioned on [low, high].

    For +-2 it is 0.87962566103423978, the constant by which Keras and JAX divide.
    """
    return math.sqrt(_truncated_moments(low, high)[1])

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

from isogain.checking import Checks, shown
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


CHECKS = Checks(InitializerError)
require = CHECKS.require
"""Raise InitializerError(message) unless the condition holds."""


def require_finite(owner: object, *, least: float = -math.inf, **values: float) -> None:
    """Refuse by name what is no number of Python's, NaN, infinities and what lies below `least`."""
    for name, value in values.items():
        place = f"{type(owner).__name__}: {name}"
        if not isinstance(value, (int, float)):  # JSON has to hold it
            raise InitializerError(f"{place} must be a finite number, got {shown(value)}")
        CHECKS.number(place, value)
        CHECKS.number(place, value, least=least)


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
    """`zeros` entries of every line along `axis` are 0, the others N(location, scale^2).

    The places are a uniformly random subset for each line, drawn from the same key.
    """

    scale: float
    zeros: int
    length: int
    axis: int
    location: float = 0.0
    kind: ClassVar[str] = "sparse"

    @property
    def mean(self) -> float:
        return self.location * self._kept

    @property
    def std(self) -> float:
        kept = self._kept
        return math.sqrt(kept * self.scale**2 + kept * (1 - kept) * self.location**2)

    @property
    def _kept(self) -> float:
        """The share that is not 0."""
        return 1 - self.zeros / self.length if self.length else 0.0


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
    box: Callable[[Normals], Callable[[tuple[slice, ...]], NDArray[Any]]] | None = None
    """`box(normals)(slices)`: that box of the tensor, from the normals behind it alone, if there is a way."""
    kind: ClassVar[str] = "structured"

    @property
    def mean(self) -> float:
        return 0.0

    @property
    def std(self) -> float:
        return self.elementwise_std


def _truncated_moments(alpha: float, beta: float) -> tuple[float, float]:
    """Mean and variance of a standard normal conditioned on [alpha, beta], safe in the tails."""
    if alpha > 0 or (alpha == 0 and math.copysign(1, alpha) > 0 and beta > 0):
        mean, variance = _truncated_moments(-beta, -alpha)
        return -mean, variance
    if beta - alpha < 1 or beta < -2:
        return _moments_below(beta, beta - alpha)
    mass = (math.erf(beta / math.sqrt(2)) - math.erf(alpha / math.sqrt(2))) / 2
    at_alpha, at_beta = _density(alpha) / mass, _density(beta) / mass
    mean = at_alpha - at_beta
    weighted = (alpha * at_alpha if at_alpha else 0.0) - (beta * at_beta if at_beta else 0.0)
    return mean, 1 + weighted - mean**2


def _density(z: float) -> float:
    return math.exp(-0.5 * z * z) / math.sqrt(2 * math.pi)


def _moments_below(top: float, width: float) -> tuple[float, float]:
    """The moments on [top - width, top] for top <= 0 or a narrow interval, where 1 + a - m^2 would cancel.

    By Gauss-Legendre quadrature in t = top - z, as far down as the density is above e^-40 of its top.
    """
    depth = min(width, math.sqrt(top * top + 80) + top) if top < 0 else width
    nodes, weights = np.polynomial.legendre.leggauss(64)
    t = (nodes + 1) * depth / 2
    density = weights * np.exp(top * t - 0.5 * t * t)
    density /= density.sum()
    first = float(density @ t)
    return top - first, float(density @ np.square(t - first))


def truncated_std(low: float, high: float) -> float:
    """The standard deviation of N(0, 1) conditioned on [low, high].

    For +-2 it is 0.87962566103423978, the constant by which Keras and JAX divide.
    """
    return math.sqrt(_truncated_moments(low, high)[1])

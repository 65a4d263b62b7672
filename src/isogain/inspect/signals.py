"""What is measured of one signal and of one gradient."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from isogain.inspect.formats import Scales

__all__ = ["Backward", "Channels", "Forward", "Jacobian", "Spectrum"]


@dataclass(frozen=True)
class Spectrum:
    """How many directions a signal fills, from a matrix (observations, units) with singular values s."""

    effective_rank: float
    """exp of the entropy of s / sum s (Roy & Vetterli 2007)."""
    stable_rank: float
    """sum s^2 / max s^2."""
    cap: int
    """min(observations, units): neither can be larger."""


@dataclass(frozen=True)
class Channels:
    """Statistics of single channels over the observations of one batch."""

    smallest: float
    """Root mean square of the quietest channel."""
    median: float
    largest: float
    mean_spread: float
    """Standard deviation of the channels' means."""
    observations: int


@dataclass(frozen=True)
class Jacobian:
    """How much of a small change of the inputs arrives at the outputs, J = d output / d input."""

    frobenius: float
    """||J||_F^2 / outputs = E||J^T v||^2 / outputs for random signs v: 1 where the mean output is kept."""
    error: float
    """Standard error of that, over the random vectors."""
    sigma_max: float
    """The largest singular value, by power iteration; nan where a second derivative is missing."""
    iterations: int
    vectors: int
    start: str
    layers: Mapping[int, float] = field(default_factory=dict)
    """The same E||J^T v||^2 / outputs from each measured node on: node -> number."""


@dataclass(frozen=True)
class Forward:
    """What one node handed on: statistics in float32 over batch, positions and channels."""

    mean: float
    rms: float
    minimum: float
    maximum: float
    zero_fraction: float
    finite: bool
    size: int
    distance: float = math.nan
    """1 - cosine between different samples at the same place, averaged over pairs; nan for one sample."""
    position_distance: float = math.nan
    """1 - cosine between different positions of one sample; nan where there are none."""
    dead_fraction: float = math.nan
    """Share of an activation's units that hand on one and the same value for all samples and positions."""
    expected_dead: float = math.nan
    """Share of units on for all samples: drawn weights are symmetric, so as many are off by chance."""
    saturated_fraction: float = math.nan
    """Share of elements where the slope is below .06 of its maximum; bounded activations only."""
    shifted_fraction: float = math.nan
    """The part of it that a unit's own constant offset explains."""
    shut_fraction: float = math.nan
    """Share of elements where the slope is below 1e-6 of its maximum: no gradient passes to speak of."""
    observations: int = 0
    """Samples times positions behind each unit."""
    scales: Scales | None = None
    """How sizes are spread over powers of two."""
    spectrum: Spectrum | None = None
    channels: Channels | None = None

    @property
    def off(self) -> bool:
        """Whether all of an activation's units hand on one value whatever comes: a finding of its own."""
        return self.dead_fraction > 0.999

    @property
    def spikes(self) -> bool:
        """Whether each number is 0 or 1, and not all are the same: only then are mean and mean square one."""
        inside = (self.minimum, self.maximum) == (0.0, 1.0)
        return inside and math.isclose(self.rms**2, self.mean, rel_tol=1e-5)

    @property
    def correlation(self) -> float:
        """Mean cosine between different samples: 1 is collapse."""
        return 1 - self.distance

    @property
    def headroom(self) -> dict[str, tuple[float, float]]:
        """For each number format the shares that would round to 0 and that would overflow."""
        return self.scales.headroom(self.largest) if self.scales else {}

    @property
    def largest(self) -> float:
        """max |x|."""
        return max(abs(self.minimum), abs(self.maximum))

    @property
    def std(self) -> float:
        """Standard deviation over everything."""
        return math.sqrt(max(self.rms**2 - self.mean**2, 0.0))


@dataclass(frozen=True)
class Backward:
    """The gradient of the loss with respect to what a node handed on."""

    rms: float
    largest: float
    finite: bool
    size: int
    influence: float = math.nan
    """Root mean square of gradient times signal, element by element: no rescaling of layers changes it."""
    mean: float = 0.0
    scales: Scales | None = None
    probe: bool = False
    """Whether it is that of a random vector sent back from behind a weight of zeros, not of the loss."""
    varying: float = math.nan
    """Influence of the signal as far as it varies: an offset (a prior in a bias) tells nothing."""

    @property
    def std(self) -> float:
        """Standard deviation over all elements."""
        return math.sqrt(max(self.rms**2 - self.mean**2, 0.0))

    @property
    def headroom(self) -> dict[str, tuple[float, float]]:
        """For each number format the shares that would round to 0 and that would overflow."""
        return self.scales.headroom(self.largest) if self.scales else {}

    @property
    def norm(self) -> float:
        """Euclidean length over all elements."""
        return self.rms * math.sqrt(self.size)

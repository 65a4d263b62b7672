"""Fluctuations of two inputs' lengths and distance at finite width: a 3 x 3 covariance, layer by layer.

The three quantities are ln q1, ln q2 and ln d with d half the squared distance of the pre-activations;
the correlation is 1 - d / q.  What a layer of n units adds is the covariance of (phi1^2, phi2^2,
(phi1 - phi2)^2 / 2) less what the layer's own measured lengths and distance explain.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from isogain.core.activations import Activation
from isogain.core.activations.quadrature import Floats
from isogain.theory.maps import MeanField
from isogain.theory.pairs import Plane, pair_expectations

__all__ = ["PairState", "first_pair", "next_pair"]


@dataclass(frozen=True)
class PairState:
    """Mean shift and covariance of (ln q1, ln q2, ln d) about the mean field."""

    shift: Floats
    covariance: Floats

    def log_distance(self) -> tuple[float, float]:
        """Mean shift and standard deviation of ln(1 - c)."""
        direction = np.array([-0.5, -0.5, 1.0])
        spread = math.sqrt(max(float(direction @ self.covariance @ direction), 0.0))
        return float(direction @ self.shift), spread

    def log_lengths(self) -> float:
        """Standard deviation of ln q1."""
        return math.sqrt(max(float(self.covariance[0, 0]), 0.0))


def wishart(distance: float, signal: float = 1.0) -> Floats:
    """n times the covariance of (q1, q2, d), relative to their means, measured on n normal units.

    With `signal` below 1, the part of it that weights bring about, the rest of q being a common bias.
    """
    own, shared = 2 * signal**2, 2 * (signal - distance) ** 2
    return np.array([[own, shared, distance], [shared, own, distance], [distance, distance, 2]])


def _fresh(signal: float, distance: float, kept: float, width: int) -> Floats:
    """What sampling the next layer's units adds; orthogonal weights keep the share `kept` of theirs out."""
    return np.asarray((wishart(distance) - kept * wishart(distance, signal)) / width)


def first_pair(signal: float, distance: float, widths: tuple[int, int], orthogonal: bool) -> PairState:
    """The first layer, for two given inputs; widths = (inputs, units), signal the weights' share of q."""
    kept = min(1.0, widths[1] / widths[0]) if orthogonal else 0.0
    covariance = _fresh(signal, distance, kept, widths[1])
    return PairState(-np.diag(covariance) / 2, covariance)


def next_pair(
    field: MeanField, state: PairState, q: float, distance: float, widths: tuple[int, int], orthogonal: bool
) -> PairState:
    """One layer further on; widths = (n, next)."""
    transfer, noise, after = _matrices(field, q, distance)
    own = (noise - transfer @ wishart(distance) @ transfer.T) / widths[0]
    kept = min(1.0, widths[1] / widths[0]) if orthogonal else 0.0
    added = own + _fresh(_signal(field, q), after, kept, widths[1])
    covariance = transfer @ state.covariance @ transfer.T + added
    return PairState(transfer @ state.shift - np.diag(added) / 2, covariance)


def _signal(field: MeanField, q: float) -> float:
    """The share of Q(q) that weights carry; the rest is the bias variance."""
    return field.weight_variance * field.activation.moments(q).second.value / field.variance(q)


@lru_cache(maxsize=2048)
def _matrices(field: MeanField, q: float, distance: float) -> tuple[Floats, Floats, float]:
    """How relative fluctuations are handed on, n times the covariance one layer adds, and 1 - c after it."""
    slopes, gap, tilted, squares, mixed, fourth = _moments(field.activation, math.sqrt(q), distance)
    single = field.activation.moments(q)
    second, signal = single.second.value, _signal(field, q)
    own = q * distance * slopes / gap
    joint = (tilted / gap - own) / 2
    elasticity = field.elasticity(q)
    transfer = np.array([[elasticity, 0, 0], [0, elasticity, 0], [joint, joint, own]])
    kappa, alike = signal**2 * single.kappa, signal**2 * (squares / second**2 - 1)
    together = signal * (mixed / (second * gap) - 1)
    noise = np.array(
        [[kappa, alike, together], [alike, kappa, together], [together, together, fourth / gap**2 - 1]]
    )
    return transfer, noise, field.weight_variance * float(gap) / field.variance(q)


def _moments(phi: Activation, std: float, distance: float) -> Floats:
    """E of phi1' phi2', g, dg / d ln scale, phi1^2 phi2^2, phi1^2 g, g^2; g = (phi1 - phi2)^2 / 2."""

    def integrand(u: Floats, v: Floats, x: Floats, y: Floats) -> Floats:
        one, two = phi.function(u), phi.function(v)
        half, square = np.square(one - two) / 2, one * one
        tilt = half * (x * x + y * y - 2) / 2
        rows = (phi.slope(u) * phi.slope(v), half, tilt, square * two * two, square * half, half * half)
        return np.stack(rows)

    plane = Plane((0.0, 0.0), (std, std), distance)
    return pair_expectations(integrand, plane, phi.kinks, tolerance=1e-7)[0]

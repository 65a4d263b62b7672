"""How variance, correlation and gradients travel through a wide network, layer by layer.

Pre-activations of variance q go to Q(q) = weight_variance * E[phi^2] + bias_variance; two inputs at
distance d = 1 - c to weight_variance * E[(phi(u1) - phi(u2))^2] / (2 Q); gradients of variance g come
back as chi * g, chi = weight_variance * E[phi'^2].  Exact as the width goes to infinity with independent
weights (Poole et al. 2016, Schoenholz et al. 2017).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from isogain.core.activations import Activation
from isogain.theory.pairs import TheoryError, cross_slope, gap
from isogain.theory.roots import root, steep_root

__all__ = ["FixedPoint", "MeanField", "is_homogeneous", "log_second"]

SMALLEST, LARGEST = 1e-8, 1e8
"""Fixed points of the variance are looked for between these."""
VARIANCES = np.linspace(math.log(SMALLEST), math.log(LARGEST), 65)
"""ln q of the places where signs are compared; shared, so that their moments are computed once."""
SAME = 1e-9


def depth_scale(rate: float) -> float:
    """Layers in which a quantity multiplied by `rate` a layer changes by a factor e."""
    size = abs(rate)
    if size == 0:
        return 0.0
    return math.inf if abs(size - 1) < SAME else abs(1 / math.log(size))


@dataclass(frozen=True)
class FixedPoint:
    """Where signals settle, and how fast: q, dQ/dq, chi, and the distance 1 - c of two inputs.

    `variance_rate` above 1 means unstable; `gradient_rate` is chi_1; `distance_rate` is the factor by
    which a deviation from the settled correlation shrinks each layer.
    """

    variance: float
    variance_rate: float
    gradient_rate: float
    distance: float
    distance_rate: float

    @property
    def stable(self) -> bool:
        """Whether a small deviation of the variance does not grow."""
        return abs(self.variance_rate) <= 1 + SAME

    @property
    def phase(self) -> str:
        """ordered (chi < 1: gradients vanish), critical, or chaotic (chi > 1: gradients explode)."""
        if abs(self.gradient_rate - 1) < 1e-6:
            return "critical"
        return "ordered" if self.gradient_rate < 1 else "chaotic"

    @property
    def variance_depth(self) -> float:
        """xi_q = 1 / |ln dQ/dq|, in layers."""
        return depth_scale(self.variance_rate)

    @property
    def correlation_depth(self) -> float:
        """xi_c = 1 / |ln weight_variance E[phi'(u1) phi'(u2)]|, in layers."""
        return depth_scale(self.distance_rate)

    @property
    def gradient_depth(self) -> float:
        """xi_grad = 1 / |ln chi|, in layers."""
        return depth_scale(self.gradient_rate)


@dataclass(frozen=True)
class MeanField:
    """The three maps of one layer: activation, then weights of variance weight_variance / fan_in."""

    activation: Activation
    weight_variance: float
    bias_variance: float = 0.0

    def __post_init__(self) -> None:
        for name in ("weight_variance", "bias_variance"):
            value = getattr(self, name)
            if not (isinstance(value, (int, float, np.floating)) and math.isfinite(value) and value >= 0):
                raise TheoryError(f"{name} must be a finite number of at least 0, got {value!r}")

    def variance(self, q: float) -> float:
        """Q(q) = weight_variance * E[phi(sqrt(q) z)^2] + bias_variance."""
        return self.weight_variance * self.activation.moments(q).second.value + self.bias_variance

    def variance_rate(self, q: float) -> float:
        """dQ/dq."""
        moments = self.activation.moments(q)
        if q == 0:
            return self.weight_variance * moments.slope_second.value
        return self.weight_variance * (moments.slope_second.value + moments.bend.value)

    def elasticity(self, q: float) -> float:
        """d ln Q / d ln q."""
        return q * self.variance_rate(q) / self.variance(q)

    def chi(self, q: float) -> float:
        """weight_variance * E[phi'(sqrt(q) z)^2]: the factor on the gradient variance."""
        return self.weight_variance * self.activation.moments(q).slope_second.value

    def distance(self, q: float, distance: float) -> float:
        """1 - c after the layer, for two inputs of variance q and correlation c = 1 - distance."""
        if q == 0 or distance == 0:
            return 0.0
        return self.weight_variance * gap(self.activation, q, distance, 1e-7).value / self.variance(q)

    def distance_rate(self, q: float, distance: float) -> float:
        """d (1 - c') / d (1 - c) at a fixed variance."""
        if q == 0 or distance == 0:
            return q * self.chi(q) / self.variance(q) if q else self.chi(0.0)
        slopes = cross_slope(self.activation, q, distance).value
        return q * self.weight_variance * slopes / self.variance(q)

    def fixed_points(self) -> tuple[float, ...]:
        """Every q with Q(q) = q between 1e-8 and 1e8, and 0 where it is one."""
        roots = [0.0] if self.variance(0.0) == 0 else []
        if is_homogeneous(self.activation) and self.bias_variance == 0:
            return tuple(roots)
        grid = VARIANCES
        excess = np.array([self._log_growth(t) for t in grid])
        for i in np.flatnonzero(np.signbit(excess[:-1]) != np.signbit(excess[1:])):
            roots.append(math.exp(self._root(grid[i], grid[i + 1])))
        return tuple(roots)

    def _log_growth(self, log_q: float) -> float:
        q = math.exp(log_q)
        after = self.variance(q)
        return math.log(after) - log_q if after > 0 else -math.inf

    def _root(self, low: float, high: float) -> float:
        def growth(log_q: float) -> tuple[float, float]:
            value = self._log_growth(log_q)
            return value, self.elasticity(math.exp(log_q)) - 1 if value > -math.inf else math.nan

        return steep_root(growth, low, high)

    def settle(self, start: float = 1.0) -> FixedPoint:
        """The fixed point that the variance reaches from `start`; 0 and infinity are possible answers."""
        return _settle(self, start)

    def fixed_point(self, q: float) -> FixedPoint:
        """Everything about the fixed point at q, including the correlation that pairs of inputs reach."""
        if q in (0.0, math.inf):
            edge = 0.0 if q == 0 else LARGEST
            rate, chi = self.variance_rate(edge), self.chi(edge)
            return FixedPoint(q, rate, chi, 0.0, chi)
        distance = self._settled_distance(q)
        return FixedPoint(q, self.variance_rate(q), self.chi(q), distance, self.distance_rate(q, distance))

    def _settled_distance(self, q: float) -> float:
        """1 - c*: 0 in the ordered phase; in the chaotic one, the root of the distance map."""
        if self.distance_rate(q, 0.0) <= 1 + 1e-7:
            return 0.0

        def excess(distance: float) -> float:
            return self.distance(q, distance) / distance - 1

        low = 1e-6
        if excess(low) <= 0:
            return low
        if excess(1.0) >= -1e-12:  # no bias and an odd activation: unlike inputs become independent
            return 1.0
        return root(excess, low, 1.0, 1e-11)


@lru_cache(maxsize=1024)
def _settle(field: MeanField, start: float) -> FixedPoint:
    if not (start > 0 and math.isfinite(start)):
        raise TheoryError(f"the input variance must be above 0 and finite, got {start!r}")
    rate = max(field.variance(start) / start, 1e-300)
    if is_homogeneous(field.activation) and field.bias_variance == 0:
        goal = start if abs(rate - 1) < SAME else (math.inf if rate > 1 else 0.0)
        return field.fixed_point(goal)
    if abs(math.log(rate)) < SAME:
        return field.fixed_point(start)
    goal = _next_root(field, start, rising=rate > 1)
    if 0 < goal < math.inf and field.variance_rate(goal) < 0:
        goal = _iterate(field, start)  # Q falls there: the variance hops over the root, or about it
    return field.fixed_point(goal)


def _next_root(field: MeanField, start: float, rising: bool) -> float:
    """The first fixed point in the direction in which the variance sets out; 0 or infinity where none is."""
    here = math.log(start)
    places = VARIANCES[here < VARIANCES] if rising else VARIANCES[here > VARIANCES][::-1]
    for place in places:
        if (field._log_growth(place) > 0) != rising:
            return math.exp(field._root(min(here, place), max(here, place)))
        here = float(place)
    return math.inf if rising else 0.0


def _iterate(field: MeanField, q: float) -> float:
    """Where two hundred layers take q, for maps that do not rise."""
    for _ in range(200):
        q = field.variance(q)
        if q < SMALLEST or q > LARGEST:
            return 0.0 if q < SMALLEST else math.inf
    return q


@lru_cache(maxsize=512)
def is_homogeneous(activation: Activation) -> bool:
    """Whether phi(k x) = k phi(x) for k > 0: no scale of its own, like ReLU and the identity."""
    x = np.array([-7.3, -1.0, -0.01, 0.02, 1.0, 5.1])
    once = activation(x)
    return all(np.allclose(activation(k * x), k * once, rtol=1e-12, atol=0) for k in (0.001, 3.0, 1000.0))


def log_second(activation: Activation, log_q: float) -> float:
    """ln E[phi^2] to three digits, cubic between `VARIANCES`, along a power of q beyond them.

    Long walks over many scales of weights share its few moments.
    """
    step = float(VARIANCES[1] - VARIANCES[0])
    position = (log_q - float(VARIANCES[0])) / step
    cell = min(max(math.floor(position), 0), len(VARIANCES) - 2)
    t = min(max(position - cell, 0.0), 1.0)
    value, slope = _log_second(activation, cell if t < 1 else cell + 1)
    if not 0 < t < 1:
        return value + slope * (log_q - float(VARIANCES[cell if t < 1 else cell + 1]))
    after, steep = _log_second(activation, cell + 1)
    rise = (after - value) - step * slope
    bend = step * (steep - slope)
    return value + t * (step * slope + t * (3 * rise - bend + t * (bend - 2 * rise)))


def _log_second(activation: Activation, place: int) -> tuple[float, float]:
    """ln E[phi^2] and its slope in ln q at one of `VARIANCES`."""
    moments = activation.moments(math.exp(VARIANCES[place]))
    return math.log(max(moments.second.value, 1e-300)), moments.elasticity

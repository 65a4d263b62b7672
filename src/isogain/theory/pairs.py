"""Expectations over two correlated pre-activations, with error bounds.

With x, y independent standard normals, u1 = m1 + s1 (a x + b y) and u2 = m2 + s2 (a x - b y) have
correlation a^2 - b^2 = c: for inputs that have become nearly alike, b is small and every distance is
computed as a distance, not as the difference of two large numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from isogain.checking import Checks, shown
from isogain.core.activations import Activation
from isogain.core.activations import activation as known
from isogain.core.activations.quadrature import EPSILON, Estimate, Floats, density, legendre
from isogain.errors import IsogainError
from isogain.theory.hermite import hermite_coefficients

__all__ = ["MOST", "TheoryError", "cross_moment", "cross_slope", "gap", "pair_expectations"]

REACH = 9.0
"""Half-width of the square that holds the integral, in standard deviations."""
FINEST = 8
TURNS = (-4.0, -1.0, 0.0, 1.0, 4.0)

MOST = 1e300
"""Largest variance or mean of a pair: what is made of it are numbers still."""


class TheoryError(IsogainError):
    """A prediction was asked for that makes no sense, or that the theory cannot make."""


CHECKS = Checks(TheoryError)


Pair = Callable[[Floats, Floats, Floats, Floats], Floats]
"""(u1, u2, x, y) -> stack of integrands."""


@dataclass(frozen=True)
class Plane:
    """The linear map from (x, y) to (u1, u2)."""

    means: tuple[float, float]
    stds: tuple[float, float]
    distance: float
    """1 - c."""

    @property
    def common(self) -> float:
        return math.sqrt(max(1 - self.distance / 2, 0.0))

    @property
    def apart(self) -> float:
        return math.sqrt(self.distance / 2)

    def kinks(self, kinks: tuple[float, ...]) -> tuple[list[float], list[float]]:
        """Where each coordinate, standardised, meets a kink."""
        first = [(kink - self.means[0]) / self.stds[0] for kink in kinks]
        second = [(kink - self.means[1]) / self.stds[1] for kink in kinks]
        return first, second


def pair_expectations(
    integrand: Pair, plane: Plane, kinks: tuple[float, ...] = (), tolerance: float = 1e-12
) -> tuple[Floats, Floats]:
    """E of each integrand, and bounds: the grid is refined until two resolutions agree."""
    coarse = _on_grid(integrand, plane, kinks, 1)[0]
    resolution = 2
    while True:
        fine, size = _on_grid(integrand, plane, kinks, resolution)
        difference = np.abs(fine - coarse)
        if (difference <= tolerance * size).all() or resolution >= FINEST:
            return fine, difference + 64 * EPSILON * size
        coarse, resolution = fine, 2 * resolution


def _on_grid(
    integrand: Pair, plane: Plane, kinks: tuple[float, ...], resolution: int
) -> tuple[Floats, Floats]:
    nodes, weights = legendre(15)
    if max(plane.stds) > 4:  # a wide law would step over the places where activations turn
        kinks = (*kinks, *(place for place in TURNS if place not in kinks))
    first, second = plane.kinks(kinks)
    edges = _outer_edges(plane, first + second, resolution)
    x = (edges[:-1, None] + np.diff(edges)[:, None] * nodes).ravel()
    x_weights = (np.diff(edges)[:, None] * weights).ravel() * density(x)
    panels = _inner_edges(plane, x, first, second, resolution)
    widths = np.diff(panels, axis=1)[..., None]
    y = panels[:, :-1, None] + widths * nodes
    y_weights = widths * weights * density(y)
    x_plane = np.broadcast_to(x[:, None, None], y.shape)
    u1 = plane.means[0] + plane.stds[0] * (plane.common * x_plane + plane.apart * y)
    u2 = plane.means[1] + plane.stds[1] * (plane.common * x_plane - plane.apart * y)
    values = integrand(u1, u2, x_plane, y) * (y_weights * x_weights[:, None, None])
    if not np.isfinite(values).all():
        raise TheoryError(f"the pair moment is not finite at standard deviations {plane.stds}")
    return values.sum(axis=(1, 2, 3)), np.abs(values).sum(axis=(1, 2, 3))


def _outer_edges(plane: Plane, kinks: list[float], resolution: int) -> Floats:
    """Panels in x: even, and gathered where two kink lines cross."""
    edges = [np.linspace(-REACH, REACH, 6 * resolution + 1)]
    spread = plane.apart / plane.common if plane.common else math.inf
    if kinks and spread < math.inf:
        crossings = [(one + two) / 2 / plane.common for one in kinks for two in kinks]
        fan = spread * np.array([-9, -5, -2.5, -1, 0, 1, 2.5, 5, 9])
        edges += [crossing + (fan if spread < 0.5 else fan[4:5]) for crossing in crossings]
    return _tidy(np.concatenate(edges))


def _tidy(edges: Floats) -> Floats:
    edges = np.unique(np.clip(edges, -REACH, REACH))
    return np.asarray(edges[np.append(True, np.diff(edges) > 1e-12)])


def _inner_edges(plane: Plane, x: Floats, first: list[float], second: list[float], resolution: int) -> Floats:
    """Panels in y for every x, cut where u1 or u2 meets a kink."""
    even = np.broadcast_to(np.linspace(-REACH, REACH, 6 * resolution + 1), (len(x), 6 * resolution + 1))
    if not first or plane.apart == 0:
        return even
    lines = [(kink - plane.common * x) / plane.apart for kink in first]
    lines += [(plane.common * x - kink) / plane.apart for kink in second]
    return np.sort(np.concatenate([even, np.clip(np.stack(lines, axis=1), -REACH, REACH)], axis=1), axis=1)


def _checked(variance: float, correlation: float) -> None:
    if not (variance > 0 and math.isfinite(variance) and -1 <= correlation <= 1):
        raise TheoryError(
            f"a pair needs a variance above 0 and a correlation in [-1, 1], got {variance!r}, {correlation!r}"
        )


def cross_moment(
    activation: Activation | str,
    variance: float | tuple[float, float],
    correlation: float,
    mean: float | tuple[float, float] = 0.0,
) -> Estimate:
    """E[phi(u1) phi(u2)] of jointly normal u1, u2 with these variances, means and this correlation.

    Raises TheoryError for what is no number, variances not above 0 and correlations outside [-1, 1].

    >>> round(cross_moment("relu", 1.0, 1.0).value, 6)
    0.5
    """
    phi, correlation = known(activation), CHECKS.number("correlation", correlation, least=-1, most=1)
    variances, means = _pair("variance", variance, 0.0), _pair("mean", mean)
    formula = phi.closed.cross
    if formula is not None and variances[0] == variances[1] and means == (0.0, 0.0):
        value = formula(variances[0], correlation)
        return Estimate(value, 64 * EPSILON * (abs(value) + 1))
    plane = Plane(means, (math.sqrt(variances[0]), math.sqrt(variances[1])), 1 - correlation)
    values, errors = pair_expectations(
        lambda u, v, x, y: (phi.function(u) * phi.function(v))[None], plane, phi.kinks
    )
    return Estimate(float(values[0]), float(errors[0]))


def _pair(name: str, value: object, above: float = -math.inf) -> tuple[float, float]:
    """Two numbers, or one for both."""
    given = CHECKS.series(name, value, "numbers") if isinstance(value, tuple | list) else (value, value)
    CHECKS.require(len(given) == 2, f"{name} is a number or two of them, got {shown(value)}")
    first, second = (CHECKS.number(name, one, above=above, most=MOST) for one in given)
    return first, second


def cross_slope(activation: Activation, variance: float, distance: float) -> Estimate:
    """E[phi'(u1) phi'(u2)] at equal variances and correlation 1 - distance."""
    _checked(variance, 1 - distance)
    if activation.closed.cross_slope is not None:
        value = activation.closed.cross_slope(variance, 1 - distance)
        return Estimate(value, 64 * EPSILON * (abs(value) + 1))
    std = math.sqrt(variance)
    values, errors = pair_expectations(
        lambda u, v, x, y: (activation.slope(u) * activation.slope(v))[None],
        Plane((0.0, 0.0), (std, std), distance),
        activation.kinks,
    )
    error = float(errors[0]) + (0.0 if activation.source is None else 2e-9)
    return Estimate(float(values[0]), error)


def gap(activation: Activation, variance: float, distance: float, tolerance: float = 1e-10) -> Estimate:
    """E[(phi(u1) - phi(u2))^2] / 2 = E[phi^2] - E[phi(u1) phi(u2)], with relative accuracy as c -> 1.

    `tolerance` is the relative error at which the quicker way is content; the bound says what was reached.
    """
    _checked(variance, 1 - distance)
    if distance == 0:
        return Estimate(0.0, 0.0)
    if activation.closed.gap is not None:
        value = activation.closed.gap(variance, distance)
        return Estimate(value, 256 * EPSILON * (abs(value) + distance * EPSILON))
    if not activation.kinks and distance < 1.5:
        series = _gap_by_series(activation, variance, distance)
        if series.error <= tolerance * abs(series.value):
            return series
    std = math.sqrt(variance)

    def integrand(u: Floats, v: Floats, x: Floats, y: Floats) -> Floats:
        return (np.square(activation.function(u) - activation.function(v)) / 2)[None]

    plane = Plane((0.0, 0.0), (std, std), distance)
    values, errors = pair_expectations(integrand, plane, activation.kinks, tolerance / 100)
    return Estimate(float(values[0]), float(errors[0]))


def _gap_by_series(activation: Activation, variance: float, distance: float) -> Estimate:
    """Mehler: E[phi phi] = sum_k a_k^2 c^k, so the gap is sum_k a_k^2 (1 - c^k)."""
    squares, missing = hermite_coefficients(activation, variance)
    correlation = 1 - distance
    order = np.arange(len(squares))
    if correlation > 0:
        terms = squares * -np.expm1(order * math.log1p(-distance))
    else:
        terms = squares * (1 - correlation**order)
    value = float(terms.sum())
    return Estimate(value + missing / 2, missing / 2 * 2 + 16 * EPSILON * abs(value))

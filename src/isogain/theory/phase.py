"""`phase_diagram`: how deep a network trains, over the standard deviations of weights and biases."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from isogain.checking import Checks, shown
from isogain.core.activations import Activation
from isogain.core.activations import activation as find_activation
from isogain.core.activations.quadrature import Floats
from isogain.rendering import Shown
from isogain.theory.hermite import hermite_coefficients
from isogain.theory.maps import is_homogeneous
from isogain.theory.outlook import TRAINABLE
from isogain.theory.pairs import TheoryError

__all__ = ["PhaseDiagram", "phase_diagram"]

SCHEMA = "isogain.theory.phase-diagram/1"
SPACING = 0.1
LOWEST, HIGHEST = math.log(1e-6), math.log(1e5)
MOST_POINTS = 512
MOST_STD = 1e100
"""Whose square is a number still."""
CHECKS = Checks(TheoryError)

Grid = tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class PhaseDiagram(Shown):
    """Grids over (weight_std, bias_std), rows by bias_std: where signals settle and how deep one trains.

    `variance` q* (0 and inf are possible), `chi` the gradient factor there, `correlation` c* of two
    inputs, `trainable_depth` six correlation depths (inf on the edge of chaos, 0 where q* is 0 or inf
    and signals are lost).  `edge` lists (weight_std, bias_std) points with chi = 1.
    """

    shown_as: ClassVar[str] = "phase_diagram"
    activation: str
    weight_std: tuple[float, ...]
    bias_std: tuple[float, ...]
    input_variance: float
    variance: Grid
    chi: Grid
    correlation: Grid
    trainable_depth: Grid
    edge: tuple[tuple[float, float], ...]

    def phase(self, weight_std: float, bias_std: float) -> str:
        """ordered, chaotic or critical (within one cell's rounding) at the nearest point of the grid."""
        row = CHECKS.number("bias_std", bias_std, least=0)
        column = CHECKS.number("weight_std", weight_std, least=0)
        i = int(np.abs(np.array(self.bias_std) - float(row)).argmin())
        j = int(np.abs(np.array(self.weight_std) - float(column)).argmin())
        chi = self.chi[i][j]
        return "critical" if abs(chi - 1) < 1e-6 else "ordered" if chi < 1 else "chaotic"

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready, with a schema version; infinities are None."""

        def plain(grid: Grid) -> list[list[float | None]]:
            return [[value if math.isfinite(value) else None for value in row] for row in grid]

        return {
            "schema": SCHEMA,
            "activation": self.activation,
            "weight_std": list(self.weight_std),
            "bias_std": list(self.bias_std),
            "input_variance": self.input_variance,
            "variance": plain(self.variance),
            "chi": plain(self.chi),
            "correlation": plain(self.correlation),
            "trainable_depth": plain(self.trainable_depth),
            "edge": [list(point) for point in self.edge],
        }

    def records(self) -> Iterator[dict[str, Any]]:
        """One row for each place of the grid."""
        for i, bias in enumerate(self.bias_std):
            for j, weight in enumerate(self.weight_std):
                yield {
                    "weight_std": weight, "bias_std": bias, "variance": self.variance[i][j],
                    "chi": self.chi[i][j], "correlation": self.correlation[i][j],
                    "trainable_depth": self.trainable_depth[i][j],
                }  # fmt: skip

    def __repr__(self) -> str:
        size = f"{len(self.weight_std)} x {len(self.bias_std)}"
        return f"<PhaseDiagram of {self.activation}: {size} scales of weights and biases>"

    def __str__(self) -> str:
        shades = " ·:-=+*#%@"
        depth = np.array(self.trainable_depth)
        level = np.clip(np.log10(np.where(np.isfinite(depth), depth, 1e4) + 1) / 3 * 9, 0, 9).astype(int)
        rows = np.unique(np.linspace(0, len(self.bias_std) - 1, min(20, len(self.bias_std))).astype(int))
        columns = np.unique(
            np.linspace(0, len(self.weight_std) - 1, min(64, len(self.weight_std))).astype(int)
        )
        picture = [
            f"{self.bias_std[i]:7.3f} |" + "".join(shades[level[i, j]] for j in columns) for i in rows[::-1]
        ]
        low, high = self.weight_std[0], self.weight_std[-1]
        title = (
            f"{self.activation}: trainable depth (blank 0, @ 1000 and more); bias std up, weight std across"
        )
        return "\n".join([title, *picture, " " * 8 + f"{low:<.3g}{high:>{len(columns) - 2}.3g}"])


def phase_diagram(
    activation: Any = "tanh",
    weight_std: tuple[float, float] | Sequence[float] = (0.25, 4.0),
    bias_std: tuple[float, float] | Sequence[float] = (0.0, 2.0),
    points: int = 64,
    *,
    input_variance: float = 1.0,
) -> PhaseDiagram:
    """Trainable depth over weight_std (sqrt(fan_in Var[w])) and bias_std, `points` a side.

    A pair (low, high) is an even range; a longer sequence is taken as it is.  Fixed points are those
    reached from `input_variance`; depth scales agree with `predict`'s to about 1 %.  Raises TheoryError
    for ranges that are empty, negative or not finite.

    >>> phase_diagram("tanh", points=8).phase(0.5, 0.0)
    'ordered'

    Source: Schoenholz et al. 2017, figures 1 and 5.
    """
    phi = find_activation(activation)
    if phi.jumps:
        raise TheoryError(
            f"{phi} jumps: E[phi'^2] is infinite, so there is no gradient to draw a phase diagram of"
        )
    weights, biases = _axis("weight_std", weight_std, points), _axis("bias_std", bias_std, points)
    input_variance = float(CHECKS.number("input_variance", input_variance, above=0))
    solver = _Solver(phi)
    bias_square, weight_square = (axis.ravel() for axis in np.meshgrid(biases**2, weights**2, indexing="ij"))
    log_q = solver.settle(weight_square, bias_square, input_variance)
    chi = weight_square * solver.at(log_q, solver.steep)
    correlation, rate = solver.correlation(log_q, weight_square, bias_square, chi)
    shape = (len(biases), len(weights))
    variance = np.where(log_q <= LOWEST, 0.0, np.where(log_q >= HIGHEST, np.inf, np.exp(log_q)))
    variance = np.where(solver.keeps(weight_square, bias_square), input_variance * weight_square, variance)
    return PhaseDiagram(
        activation=str(phi),
        weight_std=_tuple(weights),
        bias_std=_tuple(biases),
        input_variance=float(input_variance),
        variance=_grid(variance, shape),
        chi=_grid(chi, shape),
        correlation=_grid(correlation, shape),
        trainable_depth=_grid(_trainable(variance, rate), shape),
        edge=solver.edge(weights, biases),
    )


def _axis(name: str, values: Sequence[float], points: int) -> Floats:
    points = CHECKS.whole("points", points, least=2, most=MOST_POINTS)
    given = np.array([CHECKS.number(name, one, least=0, most=MOST_STD) for one in _entries(name, values)])
    axis = np.linspace(given[0], given[-1], points) if len(given) == 2 else given
    if not 1 <= len(axis) <= MOST_POINTS or (np.diff(axis) <= 0).any():
        raise TheoryError(
            f"{name} must be a rising range of 1 to {MOST_POINTS} numbers of at least 0, got {shown(values)}"
        )
    return np.asarray(axis)


def _entries(name: str, values: Sequence[float]) -> tuple[Any, ...]:
    return CHECKS.series(name, values, "numbers, or its two ends")


def _tuple(values: Floats) -> tuple[float, ...]:
    return tuple(float(value) for value in values)


def _grid(values: Floats, shape: tuple[int, int]) -> Grid:
    return tuple(_tuple(row) for row in values.reshape(shape))


def _trainable(variance: Floats, rate: Floats) -> Floats:
    """Six correlation depths; nothing where the signal explodes."""
    with np.errstate(divide="ignore"):
        depth = TRAINABLE / np.abs(np.log(np.maximum(rate, 1e-300)))
    depth = np.where(np.abs(rate - 1) < 1e-9, np.inf, depth)
    return np.where(np.isinf(variance), TRAINABLE / np.maximum(np.abs(np.log(rate)), 1e-9), depth)


class _Solver:
    """Moments at even places of ln q, and the fixed points of all cells of a diagram at once."""

    def __init__(self, phi: Activation) -> None:
        self.phi, self.homogeneous = phi, is_homogeneous(phi)
        self.places = np.arange(LOWEST, HIGHEST + SPACING, SPACING)
        moments = [phi.moments(math.exp(t)) for t in self.places]
        self.log_second = np.log([max(m.second.value, 1e-300) for m in moments])
        self.steep = np.array([m.slope_second.value for m in moments])

    def at(self, log_q: Floats, values: Floats) -> Floats:
        """Cubic interpolation of a table (its first axis by place) at every log_q."""
        position = np.clip((log_q - LOWEST) / SPACING, 0, len(self.places) - 1)
        cell = np.clip(np.floor(position).astype(int), 1, len(self.places) - 3)
        t = (position - cell).reshape(-1, *[1] * (values.ndim - 1))
        before, here = -t * (t - 1) * (t - 2) / 6, (t + 1) * (t - 1) * (t - 2) / 2
        after, beyond = -(t + 1) * t * (t - 2) / 2, (t + 1) * t * (t - 1) / 6
        return np.asarray(sum(w * values[cell + k - 1] for k, w in enumerate((before, here, after, beyond))))

    def keeps(self, weight: Floats, bias: Floats) -> Floats:
        """Cells in which every variance is a fixed point."""
        if not self.homogeneous:
            return np.zeros_like(weight, dtype=bool)
        return np.asarray((bias == 0) & (np.abs(weight * self.steep[0] - 1) < 1e-9))

    def growth(self, log_q: Floats, weight: Floats, bias: Floats) -> Floats:
        """ln Q(q) - ln q."""
        total = weight * np.exp(self.at(log_q, self.log_second)) + bias
        return np.asarray(np.log(np.maximum(total, 1e-300)) - log_q)

    def settle(self, weight: Floats, bias: Floats, input_variance: float) -> Floats:
        """ln of the fixed point reached from the first layer's variance: the next one in its direction."""
        start = np.log(np.maximum(weight * input_variance + bias, 1e-300)).clip(LOWEST, HIGHEST)
        direction = np.sign(self.growth(start, weight, bias))
        table = (
            np.log(np.maximum(np.exp(self.log_second) * weight[:, None] + bias[:, None], 1e-300))
            - self.places
        )
        ahead = (self.places - start[:, None]) * direction[:, None] > 0
        crossed = ahead & (np.sign(table) != direction[:, None])
        rising = np.where(crossed.any(1), crossed.argmax(1), len(self.places) - 1)
        falling = np.where(crossed.any(1), len(self.places) - 1 - crossed[:, ::-1].argmax(1), 0)
        end = self.places[np.where(direction > 0, rising, falling)]
        other = np.clip(end - direction * SPACING, np.minimum(start, end), np.maximum(start, end))
        low, high = np.minimum(end, other), np.maximum(end, other)
        for _ in range(45):
            middle = (low + high) / 2
            up = self.growth(middle, weight, bias) > 0
            low, high = np.where(up, middle, low), np.where(up, high, middle)
        settled = np.where(crossed.any(1), (low + high) / 2, end)
        return np.where(direction == 0, start, settled)

    def correlation(self, log_q: Floats, weight: Floats, bias: Floats, chi: Floats) -> tuple[Floats, Floats]:
        """c* and the rate at which correlations approach it: chi where c* = 1, else by Mehler's series."""
        inside = (log_q > LOWEST) & (log_q < HIGHEST)
        found, rate = np.ones_like(chi), chi * np.where(inside, np.exp(-self.growth(log_q, weight, bias)), 1)
        chaotic = np.flatnonzero(inside & (rate > 1 + 1e-9))
        if not len(chaotic):
            return found, rate
        near = self._needed(log_q[chaotic])
        squares = self.at(log_q[chaotic], near)
        q, w, b = np.exp(log_q[chaotic]), weight[chaotic], bias[chaotic]
        c = np.zeros_like(q)
        for _ in range(60):  # the map is convex and above the diagonal before c*: Newton walks up to it
            value, slope = _series(squares, c)
            step = (w * value + b - q * c) / np.maximum(q - w * slope, 1e-12)
            c = np.clip(c + step, 0, 1 - 1e-9)
        found[chaotic] = c
        rate[chaotic] = w * _series(squares, c)[1] / q
        return found, rate

    def _needed(self, log_q: Floats) -> Floats:
        """Hermite coefficients at the places around these variances only."""
        cells = np.unique(np.clip(((log_q - LOWEST) / SPACING).astype(int), 1, len(self.places) - 3))
        table = np.zeros((len(self.places), 96))
        for place in np.unique(cells[:, None] + np.arange(-1, 3)):
            table[place] = hermite_coefficients(self.phi, math.exp(self.places[place]))[0]
        return table

    def edge(self, weights: Floats, biases: Floats) -> tuple[tuple[float, float], ...]:
        """chi = 1: weight variance 1 / E[phi'^2], bias variance q - E[phi^2] / E[phi'^2], for every q."""
        with np.errstate(divide="ignore"):
            weight = 1 / self.steep
        bias = np.exp(self.places) - weight * np.exp(self.log_second)
        bias = np.where(np.abs(bias) < 1e-9 * np.exp(self.places), 0, bias)
        held = (bias >= 0) & np.isfinite(weight)
        points = zip(np.sqrt(weight[held]), np.sqrt(bias[held]), strict=True)
        return tuple(
            (float(w), float(b)) for w, b in points
            if weights[0] <= w <= weights[-1] and biases[0] <= b <= biases[-1]
        )  # fmt: skip


def _series(squares: Floats, c: Floats) -> tuple[Floats, Floats]:
    """sum_k a_k^2 c^k and its derivative, by Horner's rule."""
    value, slope = np.zeros_like(c), np.zeros_like(c)
    for k in range(squares.shape[1] - 1, -1, -1):
        slope = slope * c + value
        value = value * c + squares[:, k]
    return value, slope

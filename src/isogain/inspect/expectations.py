"""What theory expects along a chain: the course of a right start, and how far these widths let it stray.

At every layer the expectation follows the variance map of the activation that is really there, with its
critical weights; the spread follows v' = S^2 v + kappa / n at the layer's fan in.  Where theory is silent
(an unknown function, a gate, several paths between two places) the level stays where it is and the noise
is that of the chain's other layers, its peers; the words of the finding say so.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from statistics import median

from isogain.graph import Node
from isogain.inspect.steps import UNKNOWN_NOISE, Step, step
from isogain.inspect.table import Table

__all__ = ["Course", "Expected", "course_of"]

TRANSPARENT = frozenset(["shape", "dropout", "input", "pool"])
"""Kinds that hand a signal on without changing what theory says of it."""


WIDEST = 2.0
"""Decades that chance may make of a stack that is right on average: a narrow one that strays further than
that, and than training bears, is a bad draw, whatever its law."""


@dataclass(frozen=True)
class Expected:
    """Where a right start would be after so much of the chain."""

    log_q: float
    """ln of the mean square, from the chain's start (or the last norm) on."""
    variance: float
    """of ln q, over networks of these widths"""
    log_back: float
    """ln of the factor on the gradient's mean square from here back to the start."""
    back_variance: float
    sums: int = 0
    """Residual sums passed."""

    def half_width(self) -> float:
        """Two standard deviations of log10 of the root mean square; its mean lies v / 2 lower."""
        return _decades(self.variance)


def _decades(variance: float) -> float:
    return (2 * math.sqrt(variance) + variance / 2) / 2 / math.log(10)


@dataclass(frozen=True)
class Course:
    """Expected, node by node, and in what words it is known."""

    expected: dict[int, Expected]
    words: str

    def level(self, node: Node) -> float:
        """log10 of the root mean square expected there."""
        return self.expected[node.index].log_q / 2 / math.log(10)

    def change(self, start: Node, end: Node) -> float:
        """Decades by which the signal of a right start changes between two nodes of one piece."""
        return self.level(end) - self.level(start)

    def back_change(self, start: Node, end: Node) -> float:
        """Decades by which the gradient of a right start changes on its way from `end` back to `start`."""
        a, b = self.expected[start.index], self.expected[end.index]
        return (b.log_back - a.log_back) / 2 / math.log(10)

    def band(self) -> float:
        """Half the width of the expected band at the chain's end, in decades."""
        return self._band

    @cached_property
    def _band(self) -> float:
        return min(max((one.half_width() for one in self.expected.values()), default=0.0), WIDEST)

    def back_band(self) -> float:
        """The same of the gradient's length."""
        return self._back_band

    @cached_property
    def _back_band(self) -> float:
        return min(_decades(max((one.back_variance for one in self.expected.values()), default=0.0)), WIDEST)


def course_of(table: Table, nodes: tuple[Node, ...], weights: tuple[Node, ...]) -> Course:
    """The Course of a chain of stations, with all weights on it and on its branches."""
    walker = _Walker(table, weights)
    found: dict[int, Expected] = {}
    before: Node | None = None
    now = Expected(_log_square(table, nodes[0]), 0.0, 0.0, 0.0)
    for node in nodes:
        now = walker.passed(now, before, node) if before is not None else now
        found[node.index] = now
        before = node
    return Course(found, walker.words())


def _log_square(table: Table, node: Node) -> float:
    rms = table.forward[node.index].rms
    return 2 * math.log(rms) if rms > 0 and math.isfinite(rms) else 0.0


class _Walker:
    """Goes from station to station; remembers what it met."""

    def __init__(self, table: Table, weights: tuple[Node, ...]) -> None:
        self.table, self.weights = table, weights
        self.known: Counter[str] = Counter()
        self.laws: Counter[str] = Counter()
        self.silent = 0
        self.noises: list[float] = []

    def passed(self, now: Expected, before: Node, node: Node) -> Expected:
        """Expected at `node`, one station further than `before`."""
        if node.kind == "norm" and self.table.normalises(node):
            scale = self.table.norm_scale(node)
            log_q = 2 * math.log(scale) if scale > 0 else now.log_q
            return Expected(log_q, 0.0, now.log_back, now.back_variance)
        if node.kind == "add" and len(node.inputs) > 1:
            return self._summed(now, before, node)
        branches = [w for w in self.weights if before.index < w.index < node.index]
        if node.kind == "weight":
            now = self._layer(now, before, node)
        for weight in branches:
            now = self._noisier(now, UNKNOWN_NOISE / width_of(weight), UNKNOWN_NOISE / width_of(weight))
        return now

    def _layer(self, now: Expected, before: Node, node: Node) -> Expected:
        name, settings = self._between(before, node)
        state = self.table.state_of(node)
        orthogonal = bool(state and state.orthogonal)
        found = None if name is None else step(name, settings, math.exp(_clipped(now.log_q)), orthogonal)
        width = width_of(node)
        if found is None:
            self.silent += 1
            noise = median(self.noises) if self.noises else UNKNOWN_NOISE
            return self._noisier(now, noise / width, noise / width)
        self.known[str(name)] += 1
        self.laws["orthogonal" if orthogonal else "independent"] += 1
        self.noises.append(found.forward_noise)
        return _stepped(now, found, width)

    @staticmethod
    def _noisier(now: Expected, forward: float, backward: float) -> Expected:
        return Expected(
            now.log_q, now.variance + forward, now.log_back, now.back_variance + backward, now.sums
        )

    def _summed(self, now: Expected, before: Node, node: Node) -> Expected:
        """x + f(x): the branch's share of the sum brings its share of noise, and the angle between them."""
        total, own = self.table.forward[node.index].rms, self.table.forward[before.index].rms
        ratio = (own / total) ** 2 if total > 0 and math.isfinite(own / total) else 1.0
        share = min(max(1 - ratio, 0.0), 1.0)
        widths = [width_of(w) for w in self.weights if before.index < w.index < node.index]
        width = min(widths, default=node.shape[node.channel_axis] if node.shape else 1)
        noise = (share**2 * UNKNOWN_NOISE + 4 * share * (1 - share)) / max(width, 1)
        noisy = self._noisier(now, noise, noise)
        return Expected(noisy.log_q, noisy.variance, noisy.log_back, noisy.back_variance, now.sums + 1)

    def _between(self, before: Node, node: Node) -> tuple[str | None, dict[str, float]]:
        """The activation between two stations; 'linear' for none, None where theory cannot follow."""
        name, settings = "linear", dict[str, float]()
        here = node
        while True:
            sources = [self.table.node(i) for i in here.inputs if self.table.node(i).learnt]
            sources = sources or [self.table.node(i) for i in here.inputs]
            if len(sources) != 1:
                return None, {}
            here = sources[0]
            if here.index <= before.index:
                return (name, settings) if here.index == before.index else (None, {})
            if here.kind == "activation" and name == "linear" and here.activation not in (None, "glu"):
                name, settings = str(here.activation), dict(here.settings)
            elif here.kind not in TRANSPARENT:
                return None, {}

    def words(self) -> str:
        """'theory for relu, independent weights', and what theory could not say."""
        shown = [name for name, _ in self.known.most_common() if name != "linear"] or list(self.known)
        names = ", ".join(shown[:3])
        laws = " and ".join(sorted(self.laws))
        said = f"theory for {names} with {laws} weights" if names else ""
        if not self.silent:
            return said or "theory for sums of branches"
        peers = f"theory is silent on {self.silent} layers, taken as their peers"
        return f"{said}; {peers}" if said else "theory is silent here: taken as unchanged, ReLU's spread"


def _stepped(now: Expected, found: Step, width: int) -> Expected:
    return Expected(
        now.log_q + found.log_growth,
        found.elasticity**2 * now.variance + found.forward_noise / width,
        now.log_back + found.log_slope,
        now.back_variance + found.backward_noise / width,
        now.sums,
    )


def _clipped(log_q: float) -> float:
    return min(max(log_q, -18.0), 18.0)


def width_of(node: Node) -> int:
    """Units the node's weight sums over for one output."""
    fans = node.weight.fans if node.weight else None
    return max(int(fans.fan_in) if fans else (node.shape[-1] if node.shape else 1), 1)

"""Chains: what happens to signals and gradients along a trunk, in decades, with what width allows."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from isogain.core.activations import ActivationError, activation
from isogain.graph import Node
from isogain.inspect.table import Table

__all__ = [
    "Chain",
    "Tolerance",
    "chains",
    "common_activation",
    "critical_gain",
    "decades",
    "expected_scales",
    "weights_on",
]

KAPPA = 5.0
"""n times the variance that a ReLU layer of width n adds to ln q (Hanin & Nica 2019); others add less."""


@dataclass(frozen=True)
class Tolerance:
    """Decades beyond the expected band that training bears: to warn, and to call it critical."""

    warning: float
    critical: float


@dataclass(frozen=True)
class Chain:
    """Consecutive nodes of one trunk, in order of execution."""

    nodes: tuple[Node, ...]
    weights: tuple[Node, ...]
    """The operations with weights among them, or between two of them on a residual branch."""
    residual: bool
    normalised: bool
    """Whether any normalization lies on it or on a branch of it."""

    @property
    def depth(self) -> int:
        """Layers with weights on the trunk itself, or residual blocks."""
        return sum(node.kind in ("weight", "recurrent", "embedding", "add") for node in self.nodes)

    def band(self) -> float:
        """Two standard deviations of the log10 of a root mean square after the chain, at its widths.

        v = kappa sum 1 / n is the variance of ln q; its mean lies v / 2 lower (Hanin & Nica 2019).
        """
        if self.residual:
            return 0.5
        spread = sum(KAPPA / max(width_of(node), 1) for node in self.weights)
        return (2 * math.sqrt(spread) + spread / 2) / 2 / math.log(10)


def width_of(node: Node) -> int:
    """Units the node's weight sums over for one output."""
    fans = node.weight.fans if node.weight else None
    return int(fans.fan_in) if fans else (node.shape[-1] if node.shape else 1)


def decades(after: float, before: float) -> float:
    """log10(after / before), -inf for a signal that is gone, 0 where neither is anything."""
    if before <= 0:
        return 0.0 if after <= 0 else math.inf
    return math.log10(after / before) if after > 0 else -math.inf


STATIONS = frozenset(["input", "weight", "embedding", "recurrent", "add", "norm", "concatenate"])


def stations(table: Table, trunk: Sequence[int]) -> list[Node]:
    """The input a trunk starts from, and its measured nodes whose scale means something."""
    before = table.graph.preceding(trunk[0], ("input",), 3) if trunk else None
    found = [table.node(i) for i in trunk if table.node(i).kind in STATIONS and i in table.forward]
    return [before, *found] if before is not None and before.index in table.forward else found


def chains(table: Table) -> Iterator[Chain]:
    """Every trunk with at least two stations; where trunks are short, families of layers stand in."""
    seen: set[int] = set()
    for trunk in table.trunks:
        found = stations(table, trunk)
        fresh = [node for node in found if node.index not in seen and node.kind != "input"]
        if len(fresh) >= 2:
            seen.update(node.index for node in found)
            yield _chain(table, found)


def _chain(table: Table, nodes: list[Node]) -> Chain:
    first, last = nodes[0].index, nodes[-1].index
    within = [n for n in table.graph.nodes[first : last + 1] if n.index in table.forward]
    on = {node.index for node in nodes}
    weights = tuple(n for n in within if n.weight is not None and (n.index in on or n.kind == "weight"))
    residual = sum(_is_sum(table, node) for node in nodes) > 1
    normalised = any(node.kind == "norm" for node in within)
    return Chain(tuple(nodes), weights, residual, normalised)


def _is_sum(table: Table, node: Node) -> bool:
    return node.kind == "add" and sum(table.node(one).learnt for one in node.inputs) > 1


def split_at_norms(table: Table, chain: Chain) -> Iterator[list[Node]]:
    """The chain in pieces: every norm that normalises starts a new one."""
    piece: list[Node] = []
    for node in chain.nodes:
        if node.kind == "norm" and normalises(table, node):
            if len(piece) > 1:
                yield piece
            piece = []
        piece.append(node)
    if len(piece) > 1:
        yield piece


def normalises(table: Table, node: Node) -> bool:
    """Whether a norm hands on the size its scale asks for: its epsilon does not outweigh the signal."""
    return table.forward[node.index].rms > 0.1 * norm_scale(table, node)


def norm_scale(table: Table, node: Node) -> float:
    """Root mean square that the norm's own scale and shift ask for; 1 without them."""
    names = [n for n in node.parameters if n in table.parameters]
    scales = [table.parameters[name].rms for name in names if "bias" not in name]
    return scales[0] if scales else 1.0


def weights_on(chain: Chain) -> tuple[Node, ...]:
    """The chain's weights but the last of it, which may be a head that starts small on purpose."""
    inside = [n for n in chain.weights if n.role not in ("head", "tied head")]
    return tuple(inside)


def common_activation(table: Table, nodes: Sequence[Node]) -> tuple[str, dict[str, float]]:
    """The activation that most often follows these nodes; ('linear', {}) where none does."""
    after = [table.graph.following(node.index, ("activation",), 3) for node in nodes]
    named = [(n.activation, tuple(sorted(n.settings.items()))) for n in after if n and n.activation != "glu"]
    if not named:
        return "linear", {}
    (name, settings), _ = Counter(named).most_common(1)[0]
    return str(name), dict(settings)


@lru_cache(maxsize=256)
def _gains(name: str, settings: tuple[tuple[str, float], ...], q: float) -> tuple[float, float]:
    try:
        moments = activation(name, **dict(settings)).moments(q)
    except ActivationError:
        return math.nan, math.nan
    slope, second = moments.slope_second.value, moments.second.value
    forward = math.sqrt(q / second) if second > 0 else math.nan
    backward = 1 / math.sqrt(slope) if slope > 0 and math.isfinite(slope) else math.nan
    return forward, backward


def critical_gain(name: str, settings: dict[str, float], q: float = 1.0) -> float:
    """sigma_w with chi = sigma_w^2 E[phi'^2] = 1 at pre-activation variance q; nan where there is none."""
    return _gains(name, tuple(sorted(settings.items())), q)[1]


def expected_scales(table: Table, chain: Chain) -> list[tuple[Node, float, float]]:
    """(node, low, high): where a root mean square is expected along a chain, as far as its start tells.

    A norm sets the scale anew.  A residual stream starts at its first sum (what comes in may be of any
    size) and may grow like the square root of the number of sums.
    """
    found: list[tuple[Node, float, float]] = []
    first = next((n for n in chain.nodes if chain.residual and _is_sum(table, n)), chain.nodes[0])
    start, sums = table.forward[first.index].rms, 0
    passed: list[Node] = []
    for node in chain.nodes[chain.nodes.index(first) :]:
        if node.kind == "norm":
            start, passed, sums = norm_scale(table, node), [], 0
        passed += [node] if node.weight is not None and node.kind == "weight" else []
        sums += _is_sum(table, node)
        half = Chain((), tuple(passed), False, False).band() + 0.15
        grown = math.sqrt(1 + sums)
        if start > 0:
            found.append((node, start * 10**-half, start * grown * 10**half))
    return found

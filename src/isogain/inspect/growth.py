"""Who makes a signal grow or shrink along a way: not always the layers that it passes."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

from isogain.graph import Node
from isogain.inspect.causes import pattern, place
from isogain.inspect.chains import decades, is_residual_sum
from isogain.inspect.table import Table

__all__ = ["Growth", "between", "cell_between", "grown"]

MOST_OF_IT = 0.6
"""Share of a change that what lies between layers must make to be named instead of them."""
GROWN = 1.0
"""Decades of growth in front of a layer from which on its loud input is not its own doing."""
LOUD = 3.0
"""Root mean square from which on a layer's input is loud."""
REST = 0.2
"""Share of the growth that its least makers may be left unnamed with."""
_LAYERS = frozenset(["weight", "embedding", "recurrent"])
_SUMMING = frozenset(["product", "pool", "other", "add", "multiply"])
"""Kinds that may make a signal larger without a parameter."""


@dataclass(frozen=True)
class Growth:
    """By how much a signal changed, and the parameters or layers that made it do so."""

    names: tuple[str, ...]
    decades: float
    op: str = ""
    """The operation that makes it where no parameter does: a sum, a product with a constant matrix."""

    @property
    def who(self) -> str:
        """The parameters or layers, or the operation."""
        return pattern(self.names) if self.names else self.op

    @property
    def factor(self) -> float:
        """What the signal was multiplied by."""
        return float(10**self.decades)


def between(table: Table, start: Node, end: Node, change: float) -> Growth | None:
    """The scales and time constants outside layers that make most of a change of the signal, if they do."""
    made: dict[tuple[str, ...], float] = defaultdict(float)
    plain: dict[str, float] = defaultdict(float)
    for before, after in pairwise(one for one in _way(table, end) if one.index >= start.index):
        if after.kind not in _LAYERS and after.kind != "norm" and not is_residual_sum(table, after):
            step = _step(table, before, after) * (1 if change > 0 else -1)
            made[names := tuple(_scales(table, before, after))] += step
            plain[after.op] += step if not names and after.kind in _SUMMING and change > 0 else 0.0
    made.pop((), None)
    if not math.isfinite(change):
        return None
    names, most = max(made.items(), key=lambda one: one[1], default=((), 0.0))
    if most > MOST_OF_IT * abs(change):
        return Growth(names, math.copysign(most, change))
    op, most = max(plain.items(), key=lambda one: one[1], default=("", 0.0))
    return Growth((), most, op) if most > MOST_OF_IT * abs(change) else None


def cell_between(table: Table, start: Node, end: Node, change: float) -> Node | None:
    """The recurrent layer that makes most of a growth, step after step; it counts as one layer."""
    for before, after in pairwise(one for one in _way(table, end) if one.index >= start.index):
        if after.kind == "recurrent" and _step(table, before, after) > MOST_OF_IT * change > 0:
            return after
    return None


def grown(table: Table, node: Node) -> Growth | None:
    """The layers and scales that made what a node reads loud, where it was not when it came in."""
    way = _way(table, node)[:-1]
    norms = [number for number, one in enumerate(way) if one.kind == "norm" and table.normalises(one)]
    way = way[norms[-1] :] if norms else way
    change = _step(table, way[0], way[-1]) if way else 0.0
    if change <= GROWN or table.forward[way[-1].index].rms < LOUD:
        return None
    if (scales := between(table, way[0], way[-1], change)) is not None:
        return scales
    made: dict[tuple[str, ...], float] = defaultdict(float)
    for before, after in pairwise(way):
        made[tuple(_makers(table, before, after))] += max(_step(table, before, after), 0.0)
    made.pop((), None)
    named = tuple(_most(made))
    return Growth(named, change) if named else None


def _most(made: Mapping[tuple[str, ...], float]) -> dict[str, None]:
    """Those that made most of it, the largest share first."""
    named, left = dict[str, None](), (1 - REST) * sum(made.values())
    for names, step in sorted(made.items(), key=lambda one: -one[1]):
        named |= dict.fromkeys(names) if left > 0 else {}
        left -= step
    return named


def _way(table: Table, node: Node) -> list[Node]:
    """Measured nodes one after the other up to this one, each the loudest that the next one reads."""
    way = [node]
    while before := _measured(table, way[-1]):
        way.append(max(before, key=lambda one: table.forward[one.index].rms))
    return way[::-1]


def _measured(table: Table, node: Node) -> list[Node]:
    """The nearest nodes in front of it whose outputs were measured, learnt scales aside, and are numbers."""
    passed = [one for one in _passed(table, node) if one.index != node.index and one.index in table.forward]
    known = [one for one in passed if one.kind != "multiply" or one.inputs]
    return [one for one in known if table.forward[one.index].finite and table.forward[one.index].rms > 0]


def _step(table: Table, before: Node, after: Node) -> float:
    found = decades(table.forward[after.index].rms, table.forward[before.index].rms)
    return found if math.isfinite(found) else 0.0


def _passed(table: Table, node: Node) -> Iterator[Node]:
    """A node, and what it reads as far as the next ones that were measured."""
    stack, seen = [node.index], {node.index}
    while stack:
        one = table.node(stack.pop())
        yield one
        if one is node or one.index not in table.forward:
            new = [k for k in one.inputs if k not in seen]
            seen.update(new)
            stack += new


def _scales(table: Table, before: Node, after: Node) -> list[str]:
    """The parameters outside layers by which a node differs from the one before it."""
    passed = (one for one in _passed(table, after) if one is not before and one.kind not in _LAYERS)
    return sorted({name for one in passed for name in one.parameters})


def _makers(table: Table, before: Node, after: Node) -> list[str]:
    """The layer itself, or those in front of a node, and the scales on the way from there."""
    if after.kind in _LAYERS:
        return [place(after)]
    passed = (one for one in _passed(table, after) if one is not before and one.kind in _LAYERS)
    return [*dict.fromkeys(map(place, passed)), *_scales(table, before, after)]

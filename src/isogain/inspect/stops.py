"""Where a gradient ends, or a signal, by what one operation is: no slope, one choice, the same for all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from isogain.graph import Node
from isogain.inspect.causes import place
from isogain.inspect.signals import Forward
from isogain.inspect.table import Table

__all__ = ["Stop", "is_lone", "rounded", "stop_between", "stops_of_signal"]

FLAT = frozenset(["round", "floor", "ceil", "trunc", "fix", "sign", "sgn", "heaviside"])
"""Operations whose derivative is 0 wherever it exists."""
SLOPES = frozenset(["exp", "softmax"])
"""Operations that have one everywhere: what makes their results alike lies in front of them."""
SAME, APART = 1e-12, 1e-6
"""1 - cosine of samples that differ by rounding alone, and of those that are told apart."""
FAINT = 1e-5
"""Share of what comes behind it below which a signal may be lost in rounding."""
CASTS = frozenset(["float", "to", "type", "type_as", "double", "half", "bfloat16"])
"""What makes numbers of yes and no, too."""
MAKING = frozenset(["multiply", "add", "other", "pool", "softmax", "product"])
"""Kinds that may make one number of all."""


@dataclass(frozen=True)
class Stop:
    """The operation, and the sentence that says what it does."""

    node: Node
    why: str


def is_lone(node: Node) -> bool:
    """Whether it is a softmax over an axis of one place."""
    return node.kind == "softmax" and "axis" in node.settings and node.shape[int(node.settings["axis"])] == 1


def rounded(table: Table, index: int) -> Stop | None:
    """The last rounding on the way to a node whose estimator hands every gradient straight on.

    Then all may be one number, and what is in front of it learns all the same.
    """
    found = [r for one in table.behind(index) if (r := _straight_through(table, one)) is not None]
    if not found:
        return None
    return Stop(
        found[-1],
        f"{place(found[-1])} rounds what is smaller than a step, so all become one until training makes it "
        "larger; the straight-through estimator hands gradients on meanwhile",
    )


def _straight_through(table: Table, node: Node) -> Node | None:
    """The rounding r, where a node with a gradient is x + (r(x) - x).detach()."""
    cuts = [table.node(one) for one in node.inputs if table.node(one).op == "detach"]
    if node.kind != "add" or len(cuts) != 1 or len(node.inputs) != 2 or not table.gets_gradient(node):
        return None
    change = table.node(cuts[0].inputs[0])
    flat = (one for one in map(table.node, change.inputs) if one.op in FLAT)
    return next(flat, None) if change.kind == "add" else None


def stop_between(table: Table, first: Node, last: Node) -> Stop | None:
    """The operation by which nothing comes back from one node to an earlier one; None where none is known."""
    way = list(_way(table, first, last))
    for node in reversed(way):
        if is_lone(node):
            return Stop(node, _lone(node))
        if node.op in FLAT:
            return Stop(node, _flat(node))
    return _same(table, first, way)


def stops_of_signal(table: Table) -> Iterator[Stop]:
    """Operations on a trunk behind which all samples are one, though they were not in front of it."""
    for trunk in table.trunks:
        known = [table.node(one) for one in trunk if one in table.forward]
        for before, after in pairwise(known):
            apart, behind = table.forward[before.index], table.forward[after.index]
            if apart.distance > APART and _is_one(behind) and not table.gated(after.index):
                stop = stop_between(table, before, after)
                if stop is not None and stop.node.op not in FLAT:
                    yield stop


def _way(table: Table, first: Node, last: Node) -> Iterator[Node]:
    """What lies between, the last one included."""
    for node in table.graph.nodes[first.index + 1 : last.index + 1]:
        if table.makers[node.index] >> first.index & 1 and table.makers[last.index] >> node.index & 1:
            yield node


def _same(table: Table, first: Node, way: list[Node]) -> Stop | None:
    """The nearest operation in front of where all samples became one that may have made them so."""
    seen = table.forward.get(first.index)
    if seen is None or not seen.distance > APART:
        return None
    for number, node in enumerate(way):
        behind = table.forward.get(node.index)
        if behind is None:
            continue
        drowned = seen.rms < FAINT * behind.rms  # in a bias, say
        if node.kind == "activation" or node.op in SLOPES or drowned or not _is_one(behind):
            return None
        return _maker(way[: number + 1])
    return None


def _maker(way: list[Node]) -> Stop | None:
    """The one operation of these that can make one number of all; None where there are several."""
    made = [one for one in way if one.kind in MAKING and not one.parameters]
    made = [one for one in made if one.kind != "add"] or made  # to add a constant makes nothing alike
    asked = any(one.op in CASTS for one in way)  # whether a number exceeds another: spikes
    several = asked or len(made) != 1 or len(made[0].inputs) > 1
    if several or made[0].op in SLOPES or made[0].kind == "pool":
        return None
    return Stop(made[0], _one(made[0]))


def _is_one(behind: Forward) -> bool:
    return behind.distance < SAME or behind.rms == 0


def _lone(node: Node) -> str:
    return (
        f"{place(node)} is a softmax over one number, which is 1 whatever that is: nothing of what it reads "
        "is handed on, and no gradient comes back"
    )


def _flat(node: Node) -> str:
    return (
        f"{node.op} at {place(node)} has slope 0 wherever it has one, so no gradient comes back through it; "
        "a straight-through estimator hands one on"
    )


def _one(node: Node) -> str:
    return (
        f"what {place(node)} hands on is one and the same, whatever comes in: nothing of the signal arrives "
        "behind it, and no gradient comes back"
    )

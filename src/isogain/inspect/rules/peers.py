"""Where theory is silent: a layer against its peers, those of the same family, role and shape."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator
from statistics import median

from isogain.graph import Node, family
from isogain.inspect.causes import place
from isogain.inspect.findings import Finding, Severity
from isogain.inspect.fixes import RESTART
from isogain.inspect.mending import sized
from isogain.inspect.table import Table

__all__ = ["FEWEST", "OFF", "apart_from_peers", "decades_off", "off_peers"]

FEWEST = 4
"""Members of a family below which none of them is the odd one out."""
SEVERAL = 8
"""Weights of other kinds from which on all together say what a gain is."""
SMALLEST = 0.1
"""Gain that is not to be measured by: in a model of small starts a usual layer is not loud."""
OFF = (30.0, 100.0)
"""Times the median gain of the peers, or parts of it; depth-dependent schemes stay within about 10."""


def apart_from_peers(table: Table) -> Iterator[Finding]:
    """Weights many times larger than those of all their peers, as a loop that missed a layer leaves them."""
    for node, usual, count in _odd(table):
        if _gain(node) > usual:
            yield _loud(table, node, usual, count)


def off_peers(table: Table) -> Iterator[Finding]:
    """Weights many times smaller than those of all their peers."""
    for node, usual, count in _odd(table):
        if _gain(node) < usual:
            yield _quiet(table, node, usual, count)


def decades_off(table: Table, first: int, last: int) -> float:
    """Decades that layers far off their peers add on a trunk between two nodes."""
    return sum(
        math.log10(_gain(node) / usual)
        for node, usual, _ in _odd(table)
        if first < node.index <= last and node.index in table.on_trunk
    )


def _odd(table: Table) -> list[tuple[Node, float, int]]:
    """(node, median gain of its peers, how many they are) of every weight far off, once a table."""
    kept: list[tuple[Node, float, int]] | None = table.__dict__.get("_odd")
    if kept is None:
        kinds = _kinds(table)
        kept = [
            (node, usual, len(members))
            for members in kinds
            if len(members) >= FEWEST and (usual := median(_gain(node) for node in members)) > 0
            for node in members
            if _gain(node) > 0 and not 1 / OFF[0] <= _gain(node) / usual <= OFF[0]
        ]
        kept += _beyond_all(table, kinds)
        table.__dict__["_odd"] = kept
    return kept


def _beyond_all(table: Table, kinds: list[list[Node]]) -> list[tuple[Node, float, int]]:
    """Layers without peers, a hundred times as loud as any other kind of layer in the model."""
    if len(kinds) < SEVERAL:
        return []
    usual = max(median(median(map(_gain, members)) for members in kinds), SMALLEST)
    alone = (node for members in kinds if len(members) < FEWEST for node in members)
    loud = (node for node in alone if _gain(node) > OFF[1] * usual)
    held = (node for node in loud if not table.graph.following(node.index, ("norm",), 1))
    return [(node, usual, len(kinds)) for node in held]


def _gain(node: Node) -> float:
    return node.weight.gain if node.weight else math.nan


def _kinds(table: Table) -> list[list[Node]]:
    """Layers of one family, operation, role and shape, each weight once."""
    groups: dict[tuple[object, ...], list[Node]] = defaultdict(list)
    seen: set[str] = set()
    for node in table.graph.nodes:
        plain = node.kind == "weight" and node.role not in ("head", "tied head")
        if plain and node.weight and node.weight.name not in seen and math.isfinite(_gain(node)):
            seen.add(node.weight.name)
            groups[(family(node.path), node.op, node.role, node.weight.shape)].append(node)
    return list(groups.values())


def _quiet(table: Table, node: Node, usual: float, count: int) -> Finding:
    parts = usual / _gain(node)
    severity: Severity = "critical" if parts > OFF[1] else "warning"
    name = node.weight.name if node.weight else ""
    return Finding(
        "off-peers", severity, place(node), f"gain {_gain(node):.3g}",
        f"about {usual:.3g}, the median of its {count} peers (same role and shape)",
        f"its weights are {parts:.3g} times smaller than those of its peers: it alone loses the signal; "
        "the scheme that drew those passed it over",
        mends=(sized(table, {name: parts}), RESTART),
    )  # fmt: skip


def _loud(table: Table, node: Node, usual: float, count: int) -> Finding:
    times = _gain(node) / usual
    severity: Severity = "critical" if times > OFF[1] else "warning"
    name = node.weight.name if node.weight else ""
    return Finding(
        "exploding-forward",
        severity,
        place(node),
        f"gain {_gain(node):.3g}",
        f"about {usual:.3g}, the median of {count} peers",
        f"its weights are {times:.0f} times as large as those of its peers: "
        "the scheme that drew those passed it over",
        mends=(sized(table, {name: 1 / times}), RESTART),
    )

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

__all__ = ["apart_from_peers"]

FEWEST = 4
"""Members of a family below which none of them is the odd one out."""
LOUD = (30.0, 100.0)
"""Times the median gain of the peers; depth-dependent schemes stay within about 10."""


def apart_from_peers(table: Table) -> Iterator[Finding]:
    """Weights many times larger than those of all their peers, as a loop that missed a layer leaves them."""
    for members in _families(table).values():
        usual = median(_gain(node) for node in members)
        loud = [node for node in members if usual > 0 and _gain(node) > LOUD[0] * usual]
        for node in loud:
            yield _finding(table, node, usual, len(members))


def _gain(node: Node) -> float:
    return node.weight.gain if node.weight else math.nan


def _families(table: Table) -> dict[tuple[object, ...], list[Node]]:
    groups: dict[tuple[object, ...], list[Node]] = defaultdict(list)
    seen: set[str] = set()
    for node in table.graph.nodes:
        plain = node.kind == "weight" and node.role not in ("head", "tied head")
        if plain and node.weight and node.weight.name not in seen and math.isfinite(_gain(node)):
            seen.add(node.weight.name)
            groups[(family(node.path), node.op, node.role, node.weight.shape)].append(node)
    return {key: members for key, members in groups.items() if len(members) >= FEWEST}


def _finding(table: Table, node: Node, usual: float, count: int) -> Finding:
    times = _gain(node) / usual
    severity: Severity = "critical" if times > LOUD[1] else "warning"
    name = node.weight.name if node.weight else ""
    return Finding(
        "exploding-forward",
        severity,
        place(node),
        f"gain {_gain(node):.3g}",
        f"about {usual:.3g}, the median of its {count} peers (same role and shape)",
        f"its weights are {times:.0f} times as large as those of its peers: "
        "the scheme that drew those passed it over",
        mends=(sized(table, {name: 1 / times}), RESTART),
    )

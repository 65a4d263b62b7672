"""Who makes a change: the layers whose gain is off in its direction, not all that it passes through."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median

from isogain.graph import Node
from isogain.inspect.steps import critical_gain
from isogain.inspect.table import Table

__all__ = ["few_makers", "needed_gain", "off_by"]

MOST_OF_IT = 0.8
"""Share of the change that a few layers must make to be named alone."""
FEW = 1 / 3
"""Share of the layers that still counts as few."""
APART = 0.5
"""Decades between such a layer and the usual one, or more: a factor 3."""


def needed_gain(table: Table, node: Node) -> float:
    """The gain at which the activation behind a weight hands gradients on; 1 for none, nan if unknown."""
    after = table.graph.following(node.index, ("activation",), 3)
    if after is None or after.activation is None or after.role == "gate":
        return 1.0
    return critical_gain(str(after.activation), dict(after.settings))


def off_by(table: Table, node: Node) -> float:
    """Decades between a weight's gain and the one it needs; nan where either is unknown."""
    gain, needed = node.weight.gain if node.weight else math.nan, needed_gain(table, node)
    return math.log10(gain / needed) if gain > 0 and needed > 0 and math.isfinite(gain / needed) else math.nan


def few_makers(table: Table, weights: Sequence[Node], change: float) -> list[Node]:
    """The few layers that make most of a change, largest share first; empty where it is shared by many."""
    if not math.isfinite(change) or change == 0:
        return []
    sign = math.copysign(1.0, change)
    off = [(sign * found, node) for node in weights if math.isfinite(found := off_by(table, node))]
    off.sort(key=lambda pair: -pair[0])
    if len(off) < 2:
        return []
    usual = median(share for share, _ in off) if len(off) > 2 else off[1][0]
    apart = [(share, node) for share, node in off if share > max(usual, 0.0) + APART]
    made = sum(share for share, _ in apart)
    few = 0 < len(apart) <= max(FEW * len(off), 1)
    return [node for _, node in apart] if few and made > MOST_OF_IT * abs(change) else []

"""How far trained constants (LayerScale) hold the residual branches of a model shut."""

from __future__ import annotations

from isogain.graph import Node
from isogain.inspect.chains import is_residual_sum
from isogain.inspect.table import Table

__all__ = ["opening"]

SMALL = 0.1
"""A constant factor below which a branch begins as good as shut, on purpose."""
STEPS = 4
KEEPING = frozenset(["shape", "dropout"])


def opening(table: Table) -> float:
    """The largest of the constants that end all residual branches, each below .1; 1 where one has none.

    What only branches tell from sample to sample (a class token is the same for all) differs by so much, and
    what only branches learn from gets so much gradient: it grows with the constants, which are trained.
    """
    sums = [node for node in table.graph.nodes if node.kind == "add" and is_residual_sum(table, node)]
    held = [min((_factor(table, table.node(one)) for one in node.inputs), default=1.0) for node in sums]
    return max(held) if held and max(held) < SMALL else 1.0


def _factor(table: Table, node: Node) -> float:
    """The trained constant that scales a signal last, or a part of it; 1 where there is none."""
    for _ in range(STEPS):
        if node.kind == "concatenate":  # CaiT and XCiT scale the class token alone
            return min((_factor(table, table.node(one)) for one in node.inputs), default=1.0)
        if node.kind == "multiply" and node.parameters:
            states = [table.parameters[name] for name in node.parameters if name in table.parameters]
            constants = [one.rms for one in states if one.constant and one.requested and one.rms > 0]
            return min(constants, default=1.0)
        if node.kind not in KEEPING or len(node.inputs) != 1:
            break
        node = table.node(node.inputs[0])
    return 1.0

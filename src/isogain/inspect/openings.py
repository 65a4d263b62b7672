"""How far trained constants (LayerScale) hold the residual branches of a model shut."""

from __future__ import annotations

from isogain.graph import Node
from isogain.inspect.chains import is_residual_sum
from isogain.inspect.table import ParameterState, Table

__all__ = ["looked_up", "opening"]

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


def looked_up(table: Table) -> float:
    """The size of the largest of the tables that are all that tells samples apart, below .1; 1 for others.

    What is read of small tables (1e-4 in recommenders, and in grids of features that are read at places)
    differs by so much, as behind a scale held shut: their own gradient is whole, and the first steps make
    them larger.
    """
    readers = [n for n in table.graph.nodes if n.kind in ("weight", "recurrent") and not table.in_loss(n)]
    if any(not table.node(one).learnt for node in readers for one in node.inputs):
        return 1.0
    names = {name for node in table.graph.nodes for name in _read_at(node)}
    tables = [table.parameters[name] for name in names if name in table.parameters]
    sizes = [one.rms if one.requested and _learns(one) else 1.0 for one in tables]
    return max(sizes) if sizes and 0 < max(sizes) < SMALL else 1.0


def _read_at(node: Node) -> tuple[str, ...]:
    """The tables that it reads, by numbers or at places."""
    if node.kind == "embedding" and node.weight:
        return (node.weight.name,)
    looked = node.op == "__getitem__" and len(node.parameters) == 1 and node.inputs
    return node.parameters if looked or node.op == "grid_sample" else ()


def _learns(state: ParameterState) -> bool:
    return state.gradient is not None and state.gradient.largest > 0


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

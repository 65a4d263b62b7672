"""time-scale of plain recurrences, whose state is what their weights leave of the last one."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from isogain.graph import Node, plain_steps
from isogain.inspect.causes import pattern
from isogain.inspect.findings import Finding
from isogain.inspect.fixes import RESTART, Change, Fix
from isogain.inspect.looks import Gates
from isogain.inspect.mending import changeable
from isogain.inspect.table import Table

__all__ = ["forgotten_states"]

LEFT = math.exp(-1)
"""Share of the state left by a step below which it remembers less than that; usual draws leave over .58."""
STEPS = 8
"""Steps from which there is something to be remembered."""


@dataclass(frozen=True)
class Recurrence:
    """Weights that read the last state, with what they leave of it at most."""

    names: tuple[str, ...]
    kept: float
    steps: int
    gated: bool = False


def forgotten_states(table: Table) -> Iterator[Finding]:
    """Plain recurrences over many steps that leave next to nothing of the last state."""
    found = [one for one in (*_fused(table), *_written(table)) if one.steps >= STEPS and one.kept < LEFT]
    if not found:
        return
    worst = min(found, key=lambda one: one.kept)
    names = tuple(dict.fromkeys(name for one in found for name in one.names))
    change = Change("orthogonal", tuple((name, 1.0) for name in changeable(table, names)))
    drawn = (Fix((change,)),) if change.values else ()
    cause = (
        "the gate that keeps the state is nearly shut"
        if worst.gated
        else "the recurrent weights are too small"
    )
    yield Finding(
        "time-scale", "warning", pattern(names),
        f"a step leaves at most {worst.kept:.2g} of the last state",
        f"near 1, for sequences of {worst.steps} steps",
        f"{cause}: what the state held is gone after a step or two, and no gradient reaches earlier ones",
        paths=names, mends=(RESTART,) if worst.gated else drawn,
    )  # fmt: skip


def _fused(table: Table) -> Iterator[Recurrence]:
    """Layers and cells of torch."""
    for look in table.looks:
        if isinstance(look.seen, Gates) and look.node is not None and look.seen.kept >= 0:
            cells = sum(one.parameters == look.parameters for one in table.looks)
            gated, steps = len(look.seen.letters) > 1, max(table.node(look.node).steps, cells)
            kind = "bias_" if gated else "weight_hh"
            names = tuple(n for n in look.parameters if n.rpartition(".")[2].startswith(kind))
            yield Recurrence(names or look.parameters, look.seen.kept, steps, gated)


def _written(table: Table) -> Iterator[Recurrence]:
    """h = phi(W x + U h), step by step."""
    uses: dict[str, list[Node]] = defaultdict(list)
    for node in table.graph.nodes:
        if node.kind == "weight" and node.weight is not None:
            uses[node.weight.name].append(node)
    for name, nodes in uses.items():
        state = table.parameters.get(name)
        if len(nodes) >= STEPS and state is not None and state.kept >= 0 and _fed(table, nodes):
            yield Recurrence((name,), state.kept, 1 + plain_steps(table.graph, nodes))


def _fed(table: Table, nodes: list[Node]) -> bool:
    """Whether steps add what is new: an iteration towards a fixed point adds the same each time."""
    added = {
        frozenset(table.node(reader).inputs) - {node.index}
        for node in nodes
        for reader in table.graph.consumers[node.index]
        if table.node(reader).kind == "add"
    }
    return len(added - {frozenset()}) > 1

"""time-scale of frozen recurrences (reservoirs): states that are chaotic, or forget at once, for good."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from statistics import median

from isogain.graph import Node
from isogain.inspect.causes import place
from isogain.inspect.findings import Finding
from isogain.inspect.rules.recurrences import STEPS
from isogain.inspect.steps import BOUNDED
from isogain.inspect.table import Table

__all__ = ["frozen_states"]

CHAOTIC, FLAT = 2.2, 0.3
"""Growth in a step, and share of flat units, from which on a readout of 100 tanh units has less than half of
what it should remember; at a spectral radius of 2 it is two thirds."""
FADING = 0.2
"""Share that a step leaves of the state below which little of the step before last is found."""
CARRYING = ("weight", "product")


def frozen_states(table: Table) -> Iterator[Finding]:
    """Recurrences that no gradient reaches, whose readout is all that learns."""
    steps: dict[tuple[str, ...], list[tuple[Node, float, float]]] = defaultdict(list)
    for node in table.graph.nodes if table.backward else ():
        if node.activation in BOUNDED and node.index in table.forward and not table.gets_gradient(node):
            for carrier, ratio in _carried(table, node):
                flat = table.forward[node.index].saturated_fraction
                steps[(carrier.path, *carrier.parameters)].append((carrier, ratio, flat))
    for found in steps.values():
        if len(found) >= STEPS - 1:
            yield from _judged(found)


def _carried(table: Table, node: Node) -> Iterator[tuple[Node, float]]:
    """(what carries the last state into this one, by how much it changes its size)."""
    near = {*node.inputs, *(k for one in node.inputs for k in table.node(one).inputs)}
    for one in map(table.node, sorted(near)):
        if one.kind in CARRYING and one.index in table.forward:
            before = [table.node(k) for k in one.inputs]
            states = [k for k in before if k.activation == node.activation and k.shape == node.shape]
            size = table.forward[states[0].index].rms if states and states[0].index in table.forward else 0.0
            if size > 0:
                yield one, table.forward[one.index].rms / size


def _judged(found: list[tuple[Node, float, float]]) -> Iterator[Finding]:
    node, later = found[0][0], found[len(found) // 2 :]
    growth, flat = median(ratio for _, ratio, _ in later), median(share for _, _, share in later)
    name = node.weight.name if node.weight is not None else place(node)
    if growth > CHAOTIC and flat > FLAT:
        measured = f"a step multiplies the state by {growth:.3g}; {flat:.0%} of it is flat"
        why = (
            f"the frozen weights at {name} carry too much of the state: it is chaotic, nearly equal "
            "inputs end far "
            "apart, and no readout of it holds for others; scale them to a spectral radius near 1"
        )
    elif growth < FADING and not node.parameters:
        measured = f"a step leaves {growth:.2g} of the last state"
        why = (
            f"the frozen weights at {name} leave next to nothing of the state: it knows the last step "
            "alone; scale "
            "them to a spectral radius near 1"
        )
    else:
        return
    yield Finding(
        "time-scale", "warning", name, measured, f"about 1, over {len(found) + 1} steps", why, paths=(name,)
    )

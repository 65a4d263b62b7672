"""vanishing-backward over steps: a state that is detached at every step learns nothing of the step before."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise

from isogain.graph import Node
from isogain.inspect.causes import place
from isogain.inspect.findings import Finding
from isogain.inspect.table import Table

__all__ = ["detached_steps"]

STEPS = 8
"""Steps from which on a memory is meant: a few rounds of refinement are often cut apart on purpose."""
CUTS = frozenset(["detach", "detach_"])


def detached_steps(table: Table) -> Iterator[Finding]:
    """Weights applied to their own results over and over, each time with no way back to the time before."""
    if not table.backward or not any(node.op in CUTS for node in table.graph.nodes):
        return
    linked = _linked(table)
    for uses in _repeated(table):
        carried = all(table.makers[node.index] >> before.index & 1 for before, node in pairwise(uses))
        parted = not any(linked[node.index] >> before.index & 1 for before, node in pairwise(uses))
        if carried and parted and _remembers(table, uses):
            yield _finding(uses)


def _repeated(table: Table) -> list[list[Node]]:
    """The nodes that use one weight, where there are many."""
    found: dict[str, list[Node]] = defaultdict(list)
    for node in table.graph.nodes:
        cell = node.parameters[0] if node.kind == "recurrent" and node.parameters else ""
        name = node.weight.name if node.weight is not None else cell
        if name and not table.in_loss(node):
            found[name].append(node)
    return [uses for uses in found.values() if len(uses) > STEPS]


def _linked(table: Table) -> list[int]:
    """Of each node the nodes that a gradient could go back to, as the bits of a number."""
    found: list[int] = []
    for node in table.graph.nodes:
        bits = 1 << node.index
        for one in node.inputs if node.op not in CUTS else ():
            bits |= found[one]
        found.append(bits)
    return found


def _remembers(table: Table, uses: list[Node]) -> bool:
    """Whether there is something to remember: it is a cell's, or the loss sees the last step alone.

    Losses of each step with its own target ask for no memory by themselves.
    """
    *early, last = uses
    alone = table.gets_gradient(last) and not any(table.gets_gradient(node) for node in early)
    return alone or last.kind == "recurrent"


def _finding(uses: list[Node]) -> Finding:
    where = place(uses[-1])
    return Finding(
        "vanishing-backward", "warning", where,
        f"a gradient goes back over 1 of {len(uses)} steps", f"over all {len(uses)}",
        f"the state is detached at every step, so {where} learns nothing of what came before the last one: "
        "detach between calls (from one stretch of a sequence to the next), not between steps",
        paths=(where,),
    )  # fmt: skip

"""idle-slices of a codebook: rows chosen by what the model computes, all samples choosing the same."""

from __future__ import annotations

import math
from collections.abc import Iterator

from isogain.graph import Node
from isogain.inspect.causes import pattern
from isogain.inspect.findings import Finding, Severity
from isogain.inspect.fixes import Change, Fix
from isogain.inspect.looks import Choices, Look
from isogain.inspect.mending import changeable
from isogain.inspect.table import Table

__all__ = ["idle_codes"]

MANY = 8
"""Rows from which one for all is no fair share."""
ENOUGH = 16
"""Choices from which all going one way is no chance."""
SMALL = 0.5
"""Size of the rows, as a part of what chooses among them, below which they are a cloud that is still parted
by the first steps (U(-1/n, 1/n), as codebooks are drawn); beyond it all but one lie where nothing comes."""


def idle_codes(table: Table) -> Iterator[Finding]:
    """Trained rows of which one is the nearest for every sample, so that no other ever gets a gradient."""
    for look, seen, source in _chosen_by_the_model(table):
        if seen.used == 1 and seen.rows >= MANY and seen.observations >= ENOUGH:
            yield _collapsed(table, look, seen, source)


def _chosen_by_the_model(table: Table) -> Iterator[tuple[Look, Choices, Node]]:
    """Lookups in a trained matrix by an index that is all that is made of something learnt."""
    for look in table.looks:
        if look.node is None or not isinstance(look.seen, Choices) or len(look.parameters) != 1:
            continue
        state = table.parameters.get(look.parameters[0])
        sources = [table.node(i) for i in table.node(look.node).inputs if table.node(i).learnt]
        learns = state is not None and state.requested and state.gradient is not None
        if learns and len(sources) == 1 and _only_chooses(table, sources[0], look):
            yield look, look.seen, sources[0]


def _only_chooses(table: Table, source: Node, look: Look) -> bool:
    """Whether distances or scores are read by lookups alone: then rows learn only where they are taken."""
    lookups = {one.node for one in table.looks if isinstance(one.seen, Choices)}
    return source.index not in table.graph.outputs and lookups >= set(table.graph.consumers[source.index])


def _collapsed(table: Table, look: Look, seen: Choices, source: Node) -> Finding:
    name = look.parameters[0]
    codes, asked = table.parameters[name].rms, _asked(table, source, name)
    severity: Severity = "info" if codes < SMALL * asked else "warning"
    mends = (
        Fix((Change("normal", ((name, asked),)),)) if asked > 0 and changeable(table, [name]) else Fix(),
    )
    return Finding(
        "idle-slices", severity, pattern([name]),
        f"one of {seen.rows} rows is chosen by all of {seen.observations}",
        f"a fair share of the rows among {seen.observations}",
        f"the rows of {name} have root mean square {codes:.3g}, and what chooses among them {asked:.3g}: "
        "one is the nearest to everything, and the others get no gradient that would bring them nearer",
        paths=(name,), mends=mends,
    )  # fmt: skip


def _asked(table: Table, source: Node, name: str) -> float:
    """Root mean square of what the rows are compared with: the nearest measured signal of their width."""
    width, frontier = table.graph.by_parameter[name].shape[-1], [source.index]
    for _ in range(8):
        for one in frontier:
            node = table.node(one)
            if one in table.forward and node.shape[-1:] == (width,):
                return table.forward[one].rms
        frontier = [i for one in frontier for i in table.node(one).inputs]
    return math.nan

"""idle-slices of a codebook: rows chosen by what the model computes, all samples choosing the same."""

from __future__ import annotations

import math
from collections.abc import Iterator

from isogain.graph import Node
from isogain.inspect.causes import pattern
from isogain.inspect.chains import under_shapes
from isogain.inspect.findings import Finding, Severity
from isogain.inspect.fixes import Change, Fix
from isogain.inspect.looks import Choices, Look
from isogain.inspect.mending import changeable
from isogain.inspect.table import Table

__all__ = ["idle_codes", "one_code"]

MANY = 8
"""Rows from which one for all is no fair share."""
ENOUGH = 16
"""Choices from which all going one way is no chance."""
SMALL = 0.5
"""Size of the rows, as a part of what chooses among them, below which they are a cloud that is still parted
by the first steps (U(-1/n, 1/n), as codebooks are drawn); beyond it all but one lie where nothing comes."""


def idle_codes(table: Table) -> Iterator[Finding]:
    """Trained rows of which one is the nearest for every sample, so that no other ever gets a gradient."""
    for look in table.looks:
        if not isinstance(look.seen, Choices) or look.node is None or len(look.parameters) != 1:
            continue
        enough = look.seen.rows >= MANY and look.seen.observations >= ENOUGH
        source = _chooser(table, look)
        if look.seen.used == 1 and enough and source is not None:
            yield _collapsed(table, look, look.seen, source)


def one_code(table: Table) -> Iterator[Finding]:
    """Those that lie so far off, or are so alike, that what is made of them is one for every sample."""
    return (found for found in idle_codes(table) if found.severity != "info")


def _chooser(table: Table, look: Look) -> Node | None:
    """What computes the index, where the model learns it and rows learn only where they are taken."""
    state = table.parameters.get(look.parameters[0])
    if look.node is None or state is None or not state.requested or state.reached != 1:
        return None
    return next((table.node(i) for i in table.node(look.node).inputs if table.node(i).learnt), None)


def _collapsed(table: Table, look: Look, seen: Choices, source: Node) -> Finding:
    name = look.parameters[0]
    codes, asked = table.parameters[name].rms, _asked(table, source, name)
    alike = table.parameters[name].constant
    severity: Severity = "critical" if alike else "info" if codes < SMALL * asked else "warning"
    why = (
        f"all rows of {name} are {table.parameters[name].mean:.3g}: the first is taken for everything, and "
        "it alone gets a gradient"
        if alike
        else f"the rows of {name} have root mean square {codes:.3g}, and what chooses among them "
        f"{asked:.3g}: one is the nearest to everything, and the others get no gradient that would bring "
        "them nearer"
    )
    mends = (
        Fix((Change("normal", ((name, asked),)),)) if asked > 0 and changeable(table, [name]) else Fix(),
    )
    return Finding(
        "idle-slices", severity, pattern([name]),
        f"one of {seen.rows} rows is chosen by all of {seen.observations}",
        f"a fair share of the rows among {seen.observations}",
        why, paths=(name,), mends=mends,
    )  # fmt: skip


def _asked(table: Table, source: Node, name: str) -> float:
    """Root mean square of what the rows are compared with: the nearest known signal of their width."""
    width, frontier = table.graph.by_parameter[name].shape[-1], [source.index]
    for _ in range(8):
        sizes = [_size(table, one) for one in frontier if table.node(one).shape[-1:] == (width,)]
        known = [size for size in sizes if size >= 0]
        if known:
            return known[0]
        frontier = [i for one in frontier for i in table.node(one).inputs]
    return math.nan


def _size(table: Table, index: int) -> float:
    """Root mean square of a node, or of what it is another shape of."""
    node = under_shapes(table, table.node(index), measured=True)
    return table.forward[node.index].rms if node.index in table.forward else math.nan

"""idle-slices of a table that numbers with fractions look up: cut to whole ones, they all ask for one row."""

from __future__ import annotations

from collections.abc import Iterator

from isogain.graph import Node
from isogain.inspect.causes import place
from isogain.inspect.findings import Finding
from isogain.inspect.looks import Choices, Look
from isogain.inspect.table import Table

__all__ = ["cut_ids"]

ENOUGH = 16
"""Look-ups from which on one row for all is no chance."""


def cut_ids(table: Table) -> Iterator[Finding]:
    """Embeddings of which one row is read, by numbers that differ from each other: times between 0 and 1."""
    for look in table.looks:
        seen, read = look.seen, _read(table, look)
        if read is None or not isinstance(seen, Choices) or not seen.used == 1 < seen.rows:
            continue
        raw = table.forward[read.index]
        if seen.observations >= ENOUGH and raw.std > 0:
            path = place(table.node(look.node)) if look.node is not None else look.path
            yield Finding(
                "idle-slices", "critical", path, f"1 of {seen.rows} rows read, {seen.observations} times",
                "rows that differ as what asks for them does",
                f"numbers from {raw.minimum:.3g} to {raw.maximum:.3g} are cut to whole ones before {path} "
                "looks them up, and all ask for one row: scale them to the rows there are, or use a layer",
                paths=(path,),
            )  # fmt: skip


def _read(table: Table, look: Look) -> Node | None:
    """The input that an embedding looks up, if that is measured: numbers with fractions are."""
    node = None if look.node is None else table.node(look.node)
    while node is not None and len(node.inputs) == 1 and (node.kind == "embedding" or not node.learnt):
        node = table.node(node.inputs[0])
    return node if node is not None and node.kind == "input" and node.index in table.forward else None

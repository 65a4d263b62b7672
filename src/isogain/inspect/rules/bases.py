"""vanishing-forward of basis functions that reach none of what they get: exponentials of far below 0."""

from __future__ import annotations

import math
from collections.abc import Iterator

from isogain.graph import Node
from isogain.inspect.causes import pattern, place
from isogain.inspect.findings import Finding
from isogain.inspect.looks import Decays
from isogain.inspect.mending import raw_size, smaller_inputs
from isogain.inspect.table import Table

__all__ = ["unreached_bases"]

ROUNDING = 16.0
"""-ln of what single precision rounds away beside 1."""
HANDING_ON = frozenset(["shape", "multiply", "dropout"])
STEPS = 4


def unreached_bases(table: Table) -> Iterator[Finding]:
    """Exponentials that weights read, and that are next to nothing for 98 of 100 of their inputs."""
    found = [
        (table.node(look.node), look.seen) for look in table.looks
        if look.node is not None and isinstance(look.seen, Decays) and look.seen.slowest > ROUNDING
        and _is_read(table, table.node(look.node))
    ]  # fmt: skip
    if not found:
        return
    node, seen = max(found, key=lambda one: one[1].slowest)
    raw = raw_size(table)
    inputs = f"; the inputs have root mean square {raw:.3g}" if math.isfinite(raw) else ""
    paths = tuple(dict.fromkeys(place(one) for one, _ in found))
    yield Finding(
        "vanishing-forward", "critical", pattern(paths),
        f"exponentials of -{seen.slowest:.3g} and less for 98 of 100",
        "functions of which some are near 1 wherever the inputs are",
        f"{place(node)} hands on next to nothing: its functions are too narrow, or lie where no input comes, "
        "so that no signal and no gradient passes" + inputs,
        paths=paths, mends=(smaller_inputs(table),),
    )  # fmt: skip


def _is_read(table: Table, node: Node) -> bool:
    """Whether a weight of the model reads it, alone or times another signal."""
    if table.in_loss(node):
        return False
    frontier = {node.index}
    for _ in range(STEPS):
        readers = {reader for one in frontier for reader in table.graph.consumers[one]}
        if any(table.node(one).kind == "weight" for one in readers):
            return True
        frontier = {one for one in readers if table.node(one).kind in HANDING_ON}
    return False

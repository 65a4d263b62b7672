"""exploding- and vanishing-forward in flows: invertible maps of which each should keep the signal's size."""

from __future__ import annotations

import math
from collections.abc import Iterator

from isogain.graph import Node
from isogain.inspect.causes import pattern
from isogain.inspect.findings import Finding, Severity
from isogain.inspect.fixes import Change, Fix
from isogain.inspect.mending import changeable, is_matrix
from isogain.inspect.table import Table

__all__ = ["turning_maps"]

CHANGE = (1.0, 2.0)
"""Decades by which all of them together change a signal, to warn and to call it critical."""


def turning_maps(table: Table) -> Iterator[Finding]:
    """Square weights whose log-determinant joins a log-density, and that start as any draw does."""
    added = _added(table)
    uses = (node.weight for node in table.graph.nodes if added and _invertible(table, node, added))
    found = {use.name: use.gain for use in uses if use is not None and use.gain > 0}
    change = sum(math.log10(gain) for gain in found.values())
    if abs(change) < CHANGE[0]:
        return
    names = tuple(found)
    severity: Severity = "critical" if abs(change) > CHANGE[1] else "warning"
    turned = tuple((name, 1.0) for name in changeable(table, names))
    yield Finding(
        "exploding-forward" if change > 0 else "vanishing-forward", severity, pattern(names),
        f"{len(names)} invertible maps of gain {min(found.values()):.3g} to {max(found.values()):.3g}: a "
        f"factor of {10**change:.3g} in all",
        "1 each: rotations, whose log-determinant is 0 (Kingma & Dhariwal 2018)",
        f"{pattern(names)} are drawn like any weight, not as rotations: what the flow makes of data grows or "
        "fades from step to step, far from the density it is compared with",
        paths=names, mends=(Fix((Change("orthogonal", turned),)),) if turned else (),
    )  # fmt: skip


def _invertible(table: Table, node: Node, added: set[str]) -> bool:
    """Whether a weight is square, with no activation behind, and is added to one number a sample as well."""
    use = node.weight
    fans = use.fans if use is not None else None
    if use is None or fans is None or node.kind != "weight" or fans.fan_in != fans.fan_out:
        return False
    return use.name in added and table.graph.following(node.index, ("activation",), 2) is None


def _added(table: Table) -> set[str]:
    """The parameters of which something is added to one number a sample; none where some are not square.

    A sum of squares, as of a weight decay written into the loss, takes all weights.
    """
    tallies = (n for n in table.graph.nodes if n.kind == "add" and math.prod(n.shape) <= max(table.batch, 1))
    found = {name for node in tallies for name in node.parameters if is_matrix(table, name)}
    shapes = [table.graph.by_parameter[name].shape for name in found]
    return found if all(shape[0] == shape[1] for shape in shapes) else set()

"""vanishing-forward and rank-collapse of functions of distances: a length scale that fits none of them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from isogain.graph import Node
from isogain.inspect.causes import pattern, place
from isogain.inspect.chains import made_beside
from isogain.inspect.findings import Finding
from isogain.inspect.fixes import Fix
from isogain.inspect.looks import Attention, Decays, Look
from isogain.inspect.mending import filled
from isogain.inspect.rules.attention import BEYOND, condensation
from isogain.inspect.table import Table

__all__ = ["narrow_kernels", "rescaled", "scales_of", "wide_kernels"]

ALONE = 8.0
"""Exponent of the nearest other sample from which on a kernel's matrix is the identity: 3e-4."""
NEAREST = 0.1
"""Exponent that the nearest is brought to: some of the others are felt, too."""
FLAT = 1e-4
"""Exponents below which all entries are one, to the same digits."""
EVEN = 1e-3
"""Standard deviation of logits below which their softmax is a mean of all."""
SURE = 0.99
"""Mean largest share of a softmax that takes one of many."""
DISTANCES = frozenset(["cdist", "pow", "__pow__", "square", "norm", "vector_norm", "pairwise_distance"])
LAYERS = ("weight", "norm", "recurrent")
STEPS = 8


@dataclass(frozen=True)
class Width:
    """A function of distances, times what they would have to be multiplied by, and who scales them."""

    node: Node
    factor: float
    said: str
    names: tuple[str, ...]


def narrow_kernels(table: Table, behind: int = 0) -> Iterator[Finding]:
    """Kernels, and attention by distances, in which each meets itself alone; those made of one node."""
    found = next((one for one in _made_of(table, behind) if one.factor < 1), None)
    if found is not None:
        yield _finding(
            table, found, "vanishing-forward", "near ones that are felt: exponents below 1",
            f"the length scale at {place(found.node)} is {found.factor**-0.5:.3g} times shorter than the "
            "distances there: only one of all is felt, and neither distances nor what makes them get a "
            "gradient",
        )  # fmt: skip


def wide_kernels(table: Table, behind: int = 0) -> Iterator[Finding]:
    """Kernels, bells and attention by distances in which all are one; those made of one node."""
    found = next((one for one in _made_of(table, behind) if one.factor > 1), None)
    if found is not None:
        yield _finding(
            table, found, "rank-collapse", "exponents that differ: about 1",
            f"the length scale at {place(found.node)} is {found.factor**0.5:.3g} times longer than the "
            "distances "
            "there: near and far are one, and what tells them apart is lost",
        )  # fmt: skip


def _made_of(table: Table, index: int) -> Iterator[Width]:
    return (one for one in widths(table) if not index or table.makers[one.node.index] >> index & 1)


def _finding(table: Table, found: Width, code: str, expected: str, why: str) -> Finding:
    names = (*found.names, place(found.node))
    return Finding(
        code, "warning", pattern(found.names) if found.names else place(found.node), found.said, expected,
        why, paths=names, mends=_mends(table, found),
    )  # fmt: skip


def widths(table: Table) -> Iterator[Width]:
    """The functions of distances whose length scale fits none."""
    for look in table.looks:
        node = None if look.node is None else table.node(look.node)
        if node is None or table.in_loss(node) or not isinstance(look.seen, Decays | Attention):
            continue
        seen = _of_exponents(look.seen) if isinstance(look.seen, Decays) else _of_shares(table, node, look)
        square = isinstance(look.seen, Decays) and look.seen.alone >= 0
        if seen is not None and (names := scales_of(table, node, square)) is not None:
            yield Width(node, seen[0], seen[1], names)


def _of_exponents(seen: Decays) -> tuple[float, str] | None:
    if seen.alone > ALONE:
        return (
            NEAREST / seen.alone,
            f"each sample's nearest has an exponent of -{seen.alone:.3g}: a kernel of 1 and 0",
        )
    if 0 < seen.fastest < FLAT:
        return 1 / seen.fastest, f"exponents between -{seen.fastest:.2g} and 0: all become 1"
    return None


def _of_shares(table: Table, node: Node, look: Look) -> tuple[float, str] | None:
    seen, several = look.seen, node.shape[int(node.settings.get("axis", -1))] > 1 if node.shape else False
    if not isinstance(seen, Attention) or node.kind != "softmax" or not several or not node.learnt:
        return None
    if seen.keys == 1 and not seen.logits and not _masked(table, node):
        return 1e-3, "logits that differ by thousands: one gets all of the weight"
    if not seen.logits:
        return None
    bar = condensation(seen.keys)
    if min(seen.logits) > BEYOND[1] * bar and min(seen.largest) > SURE:
        return 1 / max(seen.logits), f"logits of standard deviation {max(seen.logits):.3g}: one gets all"
    if 0 < max(seen.logits) < EVEN:
        return 1 / max(seen.logits), f"logits of standard deviation {max(seen.logits):.2g}: all get the same"
    return None


def _masked(table: Table, node: Node) -> bool:
    return any(table.node(one).op in ("masked_fill", "where", "add", "__add__") for one in node.inputs)


def scales_of(table: Table, node: Node, found: bool) -> tuple[str, ...] | None:
    """The parameters that scale the distances; None where no distances make what it reads."""
    reached = [*made_beside(table, node, LAYERS, STEPS)]
    found = found or any(one.op in DISTANCES for one in reached)
    scaling = [one for one in reached if one.kind == "multiply" or one.op == "exp"]
    return tuple(dict.fromkeys(name for one in scaling for name in one.parameters)) if found else None


def _mends(table: Table, found: Width) -> tuple[Fix, ...]:
    """A learnt length scale, its logarithm or its inverse, that brings exponents to 1, or a little below."""
    return rescaled(table, found.names, found.factor)


def rescaled(table: Table, names: tuple[str, ...], factor: float) -> tuple[Fix, ...]:
    """The one parameter by which exponents become `factor` times as large, if it is the length scale."""
    if len(names) != 1 or names[0] not in table.parameters or not table.parameters[names[0]].constant:
        return ()
    name, level = names[0], table.parameters[names[0]].mean
    far, near = factor**-0.5, (factor / NEAREST) ** -0.5
    values = [level + math.log(far), level + math.log(near), level * far, level * near]
    return tuple(filled(table, [name], one) for one in (*values, level - math.log(near), level / near))

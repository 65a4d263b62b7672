"""loss-floor of cosines that a temperature makes smaller still, where it should make them larger."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from isogain.graph import Node
from isogain.inspect.causes import place
from isogain.inspect.chains import lone_source
from isogain.inspect.findings import Finding
from isogain.inspect.fixes import RESTART, Fix
from isogain.inspect.mending import filled
from isogain.inspect.rules.losses import UNIT, of_unit_rows
from isogain.inspect.table import Table

__all__ = ["inverse_temperatures"]

LEAST = 0.5
"""Factor on cosines that no temperature asks for: those in use lie between .01 and 1."""
USUAL = (14.3, 5.0)
"""1 / .07, where CLIP starts; where that costs too much at first, 1 / .2."""
STEPS = 10
ROWS = frozenset(["log_softmax", "softmax", "logsumexp", "cross_entropy"])
"""Operations in a loss that read logits of several classes."""


@dataclass(frozen=True)
class Scaled:
    """Cosines, and what they are multiplied by on their way to a loss."""

    cosines: Node
    factor: float
    names: tuple[str, ...]
    """The parameters that make the factor; none for a constant."""


def inverse_temperatures(table: Table) -> Iterator[Finding]:
    """Contrastive losses, and softmax over cosines, whose logits hardly differ whatever is learnt."""
    for node in table.graph.nodes:
        read = node.op in ROWS and node.kind in ("loss", "softmax", "other")
        ends = node.kind == "loss" or table.in_loss(node) or node.index in table.graph.outputs
        found = _scaled(table, node) if read and ends and node.learnt else None
        if found is not None and 0 < abs(found.factor) < LEAST:
            yield _finding(table, found, _classes(table, node))
            return


def _classes(table: Table, node: Node) -> int:
    shape = table.node(node.inputs[0]).shape
    axis = int(node.settings.get("axis", 1 if node.kind == "loss" and len(shape) > 1 else -1))
    return shape[axis] if shape else 2


def _scaled(table: Table, node: Node) -> Scaled | None:
    """What a loss reads, back through shapes and factors, if that is cosines."""
    factor, names = 1.0, dict[str, None]()
    for _ in range(STEPS):
        if (source := lone_source(table, node)) is None:
            return None
        if _are_cosines(table, source):
            return Scaled(source, factor, tuple(names))
        if source.kind == "multiply" and len(source.inputs) == 1:
            factor *= _factor(table, source)
            names |= dict.fromkeys(source.parameters)
        elif source.kind != "shape" and source.op != "where":
            return None
        node = source
    return None


def _factor(table: Table, node: Node) -> float:
    """The number, or what was measured of a learnt one; nan where neither is known."""
    before, after = table.forward.get(node.inputs[0]), table.forward.get(node.index)
    if "factor" in node.settings:
        return float(node.settings["factor"])
    return after.rms / before.rms if before is not None and after is not None and before.rms > 0 else math.nan


def _are_cosines(table: Table, node: Node) -> bool:
    """Whether it is a product of rows of length 1 with each other, or with class weights of length 1."""
    if node.op == "cosine_similarity":
        return True
    if node.kind == "weight":
        return of_unit_rows(node) and len(node.inputs) == 1 and _unit(table, node.inputs[0])
    return node.kind == "product" and len(node.inputs) > 1 and all(_unit(table, one) for one in node.inputs)


def _unit(table: Table, index: int) -> bool:
    node = table.node(index)
    while node.kind == "shape" and len(node.inputs) == 1:
        node = table.node(node.inputs[0])
    seen = table.forward.get(node.index)
    if seen is None or not node.shape:
        return node.op == "normalize"
    return node.kind == "norm" and abs(seen.rms * math.sqrt(node.shape[-1]) - 1) < UNIT


def _finding(table: Table, found: Scaled, classes: int) -> Finding:
    at_best = math.log1p((classes - 1) * math.exp(-2 * abs(found.factor)))
    path = found.names[0] if found.names else place(found.cosines)
    return Finding(
        "loss-floor", "warning", path,
        f"cosines times {found.factor:.3g}: a loss of {at_best:.3g} or more",
        f"cosines times 1 to 100: knowing nothing costs {math.log(classes):.3g}",
        f"{path if found.names else 'a constant'} makes the cosines smaller that the loss reads, so "
        "all answers stay nearly alike and gradients small: a temperature divides, and one below 1 makes "
        "logits larger",
        paths=(*found.names, place(found.cosines)), mends=_mends(table, found),
    )  # fmt: skip


def _mends(table: Table, found: Scaled) -> tuple[Fix, ...]:
    """The learnt factor at a usual one, or at the logarithm of that; a constant stands in the code."""
    if len(found.names) != 1:
        return (RESTART,) if found.names else ()
    low = table.parameters[found.names[0]].mean < 0
    values = [math.log(one) if low else one for one in USUAL]
    return tuple(filled(table, found.names, one) for one in values)

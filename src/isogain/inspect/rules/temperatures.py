"""loss-floor of cosines that a temperature makes smaller still, where it should make them larger."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from isogain.graph import Node
from isogain.inspect.causes import place
from isogain.inspect.chains import lone_source, lone_way, under_shapes
from isogain.inspect.findings import Finding
from isogain.inspect.fixes import RESTART, Fix
from isogain.inspect.mending import filled
from isogain.inspect.rules.answers import UNIT, least_entropy, of_unit_rows
from isogain.inspect.table import Table

__all__ = ["inverse_temperatures", "shrunk_logits"]

LEAST = 0.5
"""Factor on cosines that no temperature asks for: those in use lie between .01 and 1."""
MOST = 0.55
"""Share of what ignorance costs that cosines without a temperature may leave for good."""
USUAL = (14.3, 5.0)
"""1 / .07, where CLIP starts; where that costs too much at first, 1 / .2."""
STEPS = 10
SHRUNK = 0.03
"""Factor on logits, and their size, below which usual steps do not bring them to 1 in hundreds."""
LOGITS = frozenset(["cross_entropy", "nll_loss", "binary_cross_entropy_with_logits"])
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
        if found is not None and _shut(abs(found.factor), _classes(table, node)):
            yield _finding(table, found, _classes(table, node))
            return


def _shut(factor: float, classes: int) -> bool:
    """Whether a factor makes cosines smaller, or leaves them so that most of the loss cannot be learnt."""
    floor = least_entropy(classes, 2 * factor) / math.log(max(classes, 2))
    return 0 < factor < LEAST or (0 < factor <= 1 and floor > MOST)


def shrunk_logits(table: Table) -> Iterator[Finding]:
    """Answers of a layer that a small constant multiplies in front of a loss of classes."""
    for use in table.losses:
        node = None if use.node is None or use.kind not in LOGITS else table.node(use.node)
        factor = 1.0
        while node is not None and node.kind in ("loss", "shape", "softmax", "multiply"):
            factor *= float(node.settings.get("factor", math.nan)) if node.kind == "multiply" else 1.0
            node = lone_source(table, node)
        seen = None if node is None else table.forward.get(node.index)
        if node is None or seen is None or node.kind != "weight" or of_unit_rows(node):
            continue
        if abs(factor) < SHRUNK and abs(factor) * seen.std < SHRUNK:
            yield Finding(
                "loss-floor", "warning", place(node),
                f"logits of standard deviation {abs(factor) * seen.std:.2g}: those of the layer times "
                f"{factor:.3g}",
                "a factor of .1 to 10, and logits that a few hundred steps bring to 1 and beyond",
                f"a constant makes what {place(node)} gives {1 / abs(factor):.3g} times smaller in front of "
                "the loss: its weights have to grow as many times before an answer can be sure",
                paths=(place(node),),
            )  # fmt: skip
            return


def _classes(table: Table, node: Node) -> int:
    shape = table.node(node.inputs[0]).shape
    axis = int(node.settings.get("axis", 1 if node.kind == "loss" and len(shape) > 1 else -1))
    return shape[axis] if shape else 2


def _scaled(table: Table, loss: Node) -> Scaled | None:
    """What a loss reads, if that is cosines but for factors."""
    source = lone_source(table, loss)
    return None if source is None else _behind(table, source)


def _behind(table: Table, made: Node) -> Scaled | None:
    """The cosines that it is made of by shapes and factors alone."""
    factor, names = 1.0, dict[str, None]()
    for node in (made, *lone_way(table, made, STEPS)):
        own = _joined(table, node) if node.kind == "concatenate" else _of_cosines(table, node)
        if own is not None:
            return Scaled(own.cosines, factor * own.factor, tuple(names | dict.fromkeys(own.names)))
        if node.kind == "multiply" and len(node.inputs) == 1:
            factor *= _factor(table, node)
            names |= dict.fromkeys(node.parameters)
        elif node.kind != "shape" and node.op != "where":
            return None
    return None


def _joined(table: Table, node: Node) -> Scaled | None:
    """The largest of several blocks side by side, positives and negatives, if all of them are cosines."""
    blocks = [_behind(table, table.node(one)) for one in node.inputs]
    known = [one for one in blocks if one is not None]
    whole = len(known) == len(blocks)
    return max(known, key=lambda one: abs(one.factor), default=None) if whole else None


def _factor(table: Table, node: Node) -> float:
    """The number, or what was measured of a learnt one; nan where neither is known."""
    before, after = table.forward.get(node.inputs[0]), table.forward.get(node.index)
    if "factor" in node.settings:
        return float(node.settings["factor"])
    return after.rms / before.rms if before is not None and after is not None and before.rms > 0 else math.nan


def _of_cosines(table: Table, node: Node) -> Scaled | None:
    """Whether it is a product of rows of length 1 with each other, or with class weights of length 1, and
    what multiplies one of them before."""
    if node.op == "cosine_similarity":
        return Scaled(node, 1.0, ())
    if node.kind == "weight":
        plain = of_unit_rows(node) and len(node.inputs) == 1 and _unit(table, node.inputs[0])
        return Scaled(node, 1.0, ()) if plain else None
    seen = table.forward.get(node.index)
    alone = len(node.inputs) < 2 and (seen is None or seen.largest > 1 + UNIT)  # not by itself, then
    if node.kind != "product" or alone:
        return None
    factor, names = 1.0, dict[str, None]()
    for one in map(table.node, node.inputs):
        while one.kind in ("multiply", "shape") and len(one.inputs) == 1 and not _unit(table, one.index):
            factor *= _factor(table, one) if one.kind == "multiply" else 1.0
            names |= dict.fromkeys(one.parameters)
            one = table.node(one.inputs[0])
        if not _unit(table, one.index):
            return None
    return Scaled(node, factor, tuple(names))


def _unit(table: Table, index: int) -> bool:
    node = under_shapes(table, table.node(index))
    seen = table.forward.get(node.index)
    if seen is None or not node.shape:
        return node.op == "normalize"
    return node.kind == "norm" and abs(seen.rms * math.sqrt(node.shape[-1]) - 1) < UNIT


def _finding(table: Table, found: Scaled, classes: int) -> Finding:
    at_best, smaller = least_entropy(classes, 2 * abs(found.factor)), abs(found.factor) < LEAST
    path = found.names[0] if found.names else place(found.cosines)
    return Finding(
        "loss-floor", "warning", path,
        f"cosines times {found.factor:.3g}: a loss of {at_best:.3g} or more",
        f"cosines times 1 to 100: knowing nothing costs {math.log(classes):.3g}",
        f"{path if found.names else 'a constant'} makes the cosines smaller that the loss reads, so "
        "all answers stay nearly alike and gradients small: a temperature divides, and one below 1 makes "
        "logits larger"
        if smaller
        else f"the loss reads cosines as they are, or smaller, of {classes} answers: between -1 and 1 they "
        "stay nearly alike; divide them by a temperature of .05 to .5",
        paths=(*found.names, place(found.cosines)), mends=_mends(table, found),
    )  # fmt: skip


def _mends(table: Table, found: Scaled) -> tuple[Fix, ...]:
    """The learnt factor at a usual one, or at the logarithm of that; a constant stands in the code."""
    if len(found.names) != 1:
        return (RESTART,) if found.names else ()
    low = table.parameters[found.names[0]].mean < 0
    values = [math.log(one) if low else one for one in USUAL]
    return tuple(filled(table, found.names, one) for one in values)

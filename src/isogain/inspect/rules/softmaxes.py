"""Softmax along an axis that is none of its choices: of one number, of samples, of other than classes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from isogain.graph import MATRIX_PRODUCTS, Node
from isogain.inspect.causes import place
from isogain.inspect.chains import lone_source, lone_way
from isogain.inspect.findings import Finding
from isogain.inspect.looks import Attention
from isogain.inspect.table import LossUse, Table

__all__ = ["lone_answers", "lone_classes", "lone_places", "lone_shares", "shared_by_samples", "wrong_classes"]

STEPS = 6
QUIET = 1e3
"""Largest logit below which a place that gets nothing was forbidden."""
REDUCING = frozenset(["pool", "product"])
"""Kinds of operations that may sum over an axis of what they read."""
FLATTENING = frozenset(["view", "reshape", "flatten"])


def lone_shares(table: Table) -> Iterator[Finding]:
    """A softmax over one number, which is 1 whatever that is, of what one unit makes."""
    for node, axis in _softmaxes(table, whole=True):
        maker = _one_unit(table, node)
        if node.shape[axis] != 1 or maker is None or not _never_moves(table, maker):
            continue
        answer = _is_output(table, node) or table.in_loss(node)
        if answer or any(_sums_over(table, node, size) for size in _others(node, axis)):
            yield _lone(node, axis, maker, answer)


def lone_answers(table: Table) -> bool:
    """Whether such a softmax makes all answers one."""
    return any(one.severity == "critical" for one in lone_shares(table))


def lone_classes(table: Table) -> Iterator[Finding]:
    """A cross entropy over one class: the logarithm of a softmax of one number is 0, and so is its slope."""
    for use in table.losses:
        if use.kind in ("cross_entropy", "nll_loss") and use.classes == 1 and use.value == 0:
            known = [one.gradient for one in table.parameters.values() if one.gradient is not None]
            moves = any(one.largest > 0 for one in known)
            yield Finding(
                "loss-floor", "warning" if moves else "critical", use.kind, "a loss of 0 over one class",
                "classes to choose from along axis 1",
                f"{use.kind} reads one logit for each answer: its softmax is 1, the loss 0 whatever it is, "
                "and no gradient comes back; one logit for yes or no takes binary_cross_entropy_with_logits",
                paths=(use.kind,),
            )  # fmt: skip


def lone_places(table: Table) -> Iterator[Finding]:
    """Attention of which a mask leaves each query one place: shares of 1, whatever the logits."""
    for look in table.looks:
        node = None if look.node is None else table.node(look.node)
        if node is None or not isinstance(look.seen, Attention) or not node.learnt or table.in_loss(node):
            continue
        if look.seen.keys == 1 < look.seen.places and (node.kind == "attention" or _forbidden(table, node)):
            yield Finding(
                "attention-collapse", "warning", place(node),
                f"1 of {look.seen.places} places allowed",
                "several places to choose from",
                f"the mask at {place(node)} leaves each query one place, which gets all of the weight "
                "whatever the logits: queries and keys never learn; it may say what is allowed where what is "
                "forbidden is asked for, or the other way round",
                paths=(place(node),),
            )  # fmt: skip
            return


def _forbidden(table: Table, node: Node) -> bool:
    """Whether a constant was put in place of some logits, or added to them, and they are no loud ones."""
    masked = False
    for _ in range(STEPS):
        masked = masked or node.op in ("masked_fill", "where") or (node.kind == "add" and not node.parameters)
        source = lone_source(table, node)
        seen = None if source is None else table.forward.get(source.index)
        if source is None or (masked and seen is not None):
            return masked and seen is not None and seen.finite and seen.largest < QUIET
        node = source
    return False


def _softmaxes(table: Table, whole: bool = False) -> Iterator[tuple[Node, int]]:
    """Those of the model, or of the loss too, with the axis they run along, of what it learns."""
    for node in table.graph.nodes:
        known = node.kind == "softmax" and "axis" in node.settings and node.learnt
        if known and (whole or not table.in_loss(node)):
            yield node, int(node.settings["axis"])


def _one_unit(table: Table, node: Node) -> Node | None:
    """The weight with a single output that makes the logits, element by element from there on."""
    maker = next((one for one in lone_way(table, node, STEPS) if one.kind == "weight"), None)
    single = maker is not None and bool(maker.shape) and maker.shape[maker.channel_axis] == 1
    return maker if single else None


def _never_moves(table: Table, maker: Node) -> bool:
    state = table.state_of(maker)
    return state is not None and state.gradient is not None and state.gradient.largest == 0


def _others(node: Node, axis: int) -> list[int]:
    """Lengths of the axes that are neither the samples' nor the softmax's own."""
    return [size for k, size in enumerate(node.shape) if k not in (0, axis) and size > 1]


def _is_output(table: Table, node: Node) -> bool:
    """Whether it is the model's answer as it is."""
    ends = {node.index}
    for later in table.graph.nodes[node.index + 1 :]:
        if later.kind == "shape" and ends.intersection(later.inputs):
            ends.add(later.index)
    return not ends.isdisjoint(table.graph.outputs)


def _sums_over(table: Table, node: Node, size: int) -> bool:
    """Whether something they weigh is summed over an axis of that length, soon after.

    Means are taken of what experts make, too, of which there may be one.
    """
    return any(one.op != "mean" and _reduces(table, one, size) for one in _reductions(table, node))


def _reductions(table: Table, node: Node) -> Iterator[Node]:
    """What may sum over an axis of what the shares weigh, nearest first."""
    frontier = {node.index}
    for _ in range(STEPS):
        frontier = {reader for one in frontier for reader in table.graph.consumers[one]}
        yield from (one for one in map(table.node, frontier) if one.kind in REDUCING)
        frontier = {one for one in frontier if table.node(one).kind in ("shape", "multiply", "dropout")}


def _reduces(table: Table, node: Node, size: int) -> bool:
    """Whether an axis of that length is gone in it."""
    return node.shape.count(size) < max((table.node(one).shape.count(size) for one in node.inputs), default=0)


def _lone(node: Node, axis: int, maker: Node, answer: bool) -> Finding:
    why = (
        f"a softmax of one number is 1 whatever it is: so is the answer, and {place(maker)} never gets a "
        "gradient; one logit for yes or no takes a sigmoid"
        if answer
        else f"a softmax of one number is 1 whatever it is: all that it weighs counts alike, and "
        f"{place(maker)} never gets a gradient; give the axis of the positions"
    )
    return Finding(
        "saturated-units", "critical" if answer else "warning", place(node),
        f"a softmax along axis {axis} of {_sizes(node.shape)}: each share is 1",
        "an axis with something to choose from", why,
        paths=tuple(dict.fromkeys((place(node), place(maker)))),
    )  # fmt: skip


def _sizes(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape))


def shared_by_samples(table: Table) -> Iterator[Finding]:
    """Weights of positions that sum to 1 over what stands side by side: samples of a batch, or heads."""
    apart = table.batch > 1 and _one_by_one(table)
    for node, axis in _softmaxes(table):
        if (apart and axis == 0 and _over_batch(table, node)) or _beside(table, node, axis):
            yield _over_samples(node, axis)
            return


def _over_batch(table: Table, node: Node) -> bool:
    """Whether its first axis holds the samples, which are kept apart when it weighs their positions."""
    if node.shape[0] != table.batch or table.batch in node.shape[1:]:
        return False
    several = [size for size in node.shape[1:] if size > 1]
    return any(_pools_each(table, node, size) for size in several) or (
        len(several) == 1 and _weighs_each(table, node)
    )


def _weighs_each(table: Table, node: Node) -> bool:
    """Whether its columns are taken apart, each to weigh what an expert makes of every sample."""
    rows = (table.batch,)
    columns = [
        one for one in map(table.node, table.graph.consumers[node.index])
        if one.kind == "shape" and one.shape[:1] == rows and math.prod(one.shape) == table.batch
    ]  # fmt: skip
    weighed = [
        reader for one in columns for reader in map(table.node, table.graph.consumers[one.index])
        if reader.kind == "multiply" and len(reader.inputs) > 1 and reader.shape[:1] == rows
    ]  # fmt: skip
    return len(weighed) > 1 and all(
        after.shape[:1] == rows
        for one in weighed
        for after in map(table.node, table.graph.consumers[one.index])
    )


def _beside(table: Table, node: Node, axis: int) -> bool:
    """Whether queries and keys are multiplied for each place of its axis alone, and so are the values."""
    if axis >= len(node.shape) - 2 or node.shape[axis] < 2:
        return False
    before, after = (
        table.graph.preceding(node.index, ("product", "weight", "norm"), STEPS),
        _same(table, node),
    )
    made = (
        before is not None
        and before.kind == "product"
        and before.op in MATRIX_PRODUCTS
        and len(before.inputs) > 1
    )
    return made and before is not None and before.shape == node.shape and any(
        one.op in MATRIX_PRODUCTS and one.inputs[0] in after and one.shape[:-1] == node.shape[:-1]
        for one in table.graph.nodes
        if one.kind == "product"
    )  # fmt: skip


def _same(table: Table, node: Node) -> set[int]:
    """The node, and what hands on its shares as they are."""
    found = {node.index}
    for later in table.graph.nodes[node.index + 1 :]:
        if (
            later.kind in ("dropout", "shape")
            and later.shape == node.shape
            and found.issuperset(later.inputs)
        ):
            found.add(later.index)
    return found


def _one_by_one(table: Table) -> bool:
    """Whether what comes in and what comes out has one row for each sample."""
    ends = [table.node(one).shape for one in table.graph.outputs]
    starts = [node.shape for node in table.graph.nodes if node.kind == "input" and node.shape]
    return bool(ends) and all(shape[:1] == (table.batch,) for shape in (*starts, *ends))


def _pools_each(table: Table, node: Node, size: int) -> bool:
    """Whether what the shares weigh is summed over an axis of that length, and the samples are kept apart."""
    for one in _reductions(table, node):
        if one.shape[:1] != (table.batch,):
            return False
        if _reduces(table, one, size):
            return True
    return False


def _over_samples(node: Node, axis: int) -> Finding:
    return Finding(
        "constant-output", "warning", place(node),
        f"a softmax along axis {axis} of {_sizes(node.shape)}, which holds what stands side by side",
        "shares that sum to 1 over what they weigh",
        f"the shares of {place(node)} sum to 1 along axis {axis}, over samples or heads, and are used to sum "
        "over positions or experts: what one gets depends on the others beside it, and its own shares sum to "
        "anything",
        paths=(place(node),),
    )  # fmt: skip


def wrong_classes(table: Table) -> Iterator[Finding]:
    """A loss that reads classes along one axis of what sums to 1 along another."""
    for use in table.losses:
        found = _log_shares(table, use)
        if found is None:
            continue
        node, axis, classes = found
        if axis != classes:
            yield _mixed(node, axis, classes, use)


def _log_shares(table: Table, use: LossUse) -> tuple[Node, int, int] | None:
    """The softmax that a loss reads, its axis, and the axis along which that loss reads classes."""
    if use.node is None or use.kind != "nll_loss" or use.classes < 2:
        return None
    node = lone_source(table, table.node(use.node))
    classes = 1 if node is not None and len(node.shape) > 1 else 0
    for _ in range(STEPS):
        if node is None or len(node.inputs) != 1:
            return None
        if node.kind == "softmax":
            return (node, int(node.settings["axis"]), classes) if "axis" in node.settings else None
        before = table.node(node.inputs[0])
        if node.op in FLATTENING:  # leading axes as one: the last one stays
            if classes != len(node.shape) - 1 or before.shape[-1:] != node.shape[-1:]:
                return None
            classes = len(before.shape) - 1
        elif before.shape != node.shape or node.op not in ("log", "add", "clamp"):
            return None
        node = before
    return None


def _mixed(node: Node, axis: int, classes: int, use: LossUse) -> Finding:
    floor = math.log(node.shape[axis] / use.classes)
    left = f"; a loss of {floor:.3g} or more, whatever is learnt" if floor > 0 else ""
    return Finding(
        "loss-floor", "critical" if floor > use.chance else "warning", place(node),
        f"a softmax along axis {axis} of {_sizes(node.shape)}{left}",
        f"along axis {classes}, of the {use.classes} classes",
        f"{use.kind} reads classes along axis {classes}, and {place(node)} makes shares along axis {axis}: "
        "those of one answer do not sum to 1, and other answers take from it",
        paths=(place(node),),
    )  # fmt: skip

"""vanishing-backward at its two ends: a loss that hands nothing back, a weight used without a slope."""

from __future__ import annotations

from collections.abc import Iterator

from isogain.graph import Node
from isogain.inspect.causes import pattern, place
from isogain.inspect.closed import rounded, stuck_zeros
from isogain.inspect.findings import Finding
from isogain.inspect.rules.frozen import makers
from isogain.inspect.rules.gradients import vanishing_backward
from isogain.inspect.rules.softmaxes import lone_answers
from isogain.inspect.table import Table

__all__ = ["faint_losses", "rounded_weights", "silent_losses"]

FAINT = 1e-9
"""Gradient in front of which Adam's epsilon of 1e-8 is all that its step is divided by."""


def faint_losses(table: Table) -> Iterator[Finding]:
    """A loss whose gradients are all 0, or next to it, though something is asked for."""
    if table.loss_node is None or not table.parameters or lone_answers(table):
        return
    found = [one.gradient for one in table.parameters.values() if one.gradient is not None]
    largest = max((one.largest for one in found if one.finite), default=1.0)
    asked = table.loss_value != 0 or any(use.value > 0 and not use.learnt_target for use in table.losses)
    if not found or not asked or not largest < FAINT or stuck_zeros(table) or not _nothing_back(table):
        return
    yield Finding(
        "vanishing-backward", "critical", "loss",
        f"gradients of {largest:.2g} at most; loss {table.loss_value:.3g}",
        "gradients that an optimizer's epsilon of 1e-8 does not outweigh",
        "the loss hands back next to nothing to any parameter: it is multiplied by weights that are 0 (of "
        "classes or samples, as where whole numbers were made of fractions), or divided by far too large a "
        "number",
        paths=("loss",),
    )  # fmt: skip


def silent_losses(table: Table) -> Iterator[Finding]:
    """A loss that asks for something and moves no parameter: its gradient ends somewhere."""
    known = [one.gradient for one in table.parameters.values() if one.gradient is not None]
    asked = any(use.value > 0 and not use.learnt_target for use in table.losses)
    zero = any(one.zero for one in table.parameters.values() if one.requested)  # a reason of its own
    moved = any(one.largest > 0 or not one.finite for one in known)
    if not known or not asked or zero or moved or lone_answers(table):
        return
    end = next((node for node in table.graph.nodes if _ends(table, node)), None)
    off = end is not None and end.index in table.forward and table.forward[end.index].off
    if end is None or off or next(vanishing_backward(table), None) is not None:
        return
    yield Finding(
        "vanishing-backward", "critical", place(end), "gradient exactly 0 for every parameter",
        "a gradient: the loss asks for other answers",
        f"a gradient reaches {place(end)} and ends there: {end.op} has slope 0, as the second derivative of "
        "a network of ReLU (piecewise linear) or a count has; nothing that the loss asks for can be learnt",
        paths=(place(end),),
    )  # fmt: skip


def _ends(table: Table, node: Node) -> bool:
    """Whether a gradient comes back to it, and to nothing that it is made of."""
    back = table.backward.get(node.index)
    behind = [table.backward[one.index] for one in table.behind(node.index) if one.index in table.backward]
    return back is not None and back.largest > 0 and sum(one.largest > 0 for one in behind) == 1


def _nothing_back(table: Table) -> bool:
    """Whether as little reaches what the loss reads: the model's answers, or the layers that make them."""
    own = table.loss_from is None or (table.loss_node or 0) < table.loss_from
    ends = [one.index for one in makers(table, (table.loss_node or 0,))] if own else table.graph.outputs
    found = [table.backward[one].norm for one in ends if one in table.backward]
    return bool(found) and max(found) < FAINT


def rounded_weights(table: Table) -> Iterator[Finding]:
    """Weights that are rounded, or of which the sign is used, with no slope in between."""
    names = tuple(dict.fromkeys(n.weight.name for n in table.graph.nodes if n.weight and rounded(table, n)))
    if names:
        yield Finding(
            "vanishing-backward", "warning", pattern(names), "gradient exactly 0",
            "a gradient: its layer reads a signal, and gets a gradient back",
            f"what is used of {pattern(names)} is a function of it without a slope (a sign, a rounding): it "
            "gets no gradient and never moves; a straight-through estimator hands one on, as "
            "w + (q(w) - w).detach()",
            paths=names,
        )  # fmt: skip

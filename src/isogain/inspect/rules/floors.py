"""loss-floor: logits that are shut into a range, so that the loss stays above a floor whatever is learnt."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from isogain.core.activations import activation
from isogain.graph import Node
from isogain.inspect.causes import place, places
from isogain.inspect.chains import under_shapes
from isogain.inspect.findings import Finding
from isogain.inspect.rules.answers import least_entropy, of_unit_rows
from isogain.inspect.table import LossUse, Table

__all__ = ["loss_floor"]

HIGH = 0.2
"""Share of what ignorance costs from which on a floor keeps a model from learning."""
RANGES = {
    "softmax": (0.0, 1.0), "sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0), "hard_sigmoid": (0.0, 1.0),
    "relu": (0.0, math.inf), "relu6": (0.0, 6.0), "softplus": (0.0, math.inf),
    "gelu": (-0.17, math.inf), "silu": (-0.28, math.inf),
}  # fmt: skip
RISING = frozenset(["sigmoid", "tanh", "hard_sigmoid", "relu", "relu6", "softplus"])
UNIT = 1.0 + 1e-4
"""Cosines, with room for rounding."""


def loss_floor(table: Table) -> Iterator[Finding]:
    """A loss of logits that reads probabilities, bounded activations, or cosines without a scale; a
    regression of what its last activation cannot give.

    Logits between a and b cost at least ln(1 + (C - 1) exp(a - b)) of C classes, whatever is learnt.
    """
    for use in table.losses:
        node = None if use.node is None else _made(table, table.node(use.node))
        if node is None:
            continue
        if use.kind == "nll_loss" and node.op == "log_softmax":  # cross entropy, in its two parts
            use, node = replace(use, kind="cross_entropy"), _made(table, node) or node
        if use.targets and not (use.learnt_target or use.elements):
            yield from _out_of_reach(table, node, use)
        bounds = _bounds(table, node)
        if bounds is None:
            continue
        if use.classes < 2:
            continue
        if use.kind == "nll_loss" and bounds == RANGES["softmax"]:
            yield _not_logarithms(node)
        elif use.kind != "nll_loss" and (floor := _floor(use, *bounds)) > HIGH * use.chance:
            yield _shut(table, node if _spikes(table, node) else _unscaled(table, node), use, bounds, floor)


def _out_of_reach(table: Table, answers: Node, use: LossUse) -> Iterator[Finding]:
    """A regression whose answers cannot be what is asked for, by more than a fifth of its variance."""
    node = _unscaled(table, answers)
    bounds = _bounds(table, node)
    if bounds is None or (reach := _scaled(table, node, answers, bounds)) is None:
        return
    low, high = reach
    missed = [target - min(max(target, low), high) for target in use.targets]
    floor = sum(one * one for one in missed) / len(missed)
    if floor > HIGH * use.chance > 0:
        share = sum(one != 0 for one in missed) / len(missed)
        measured = (
            f"answers between {low:.3g} and {high:.3g}: a mean square error of {floor:.3g} or more"
            if math.isfinite(high)
            else f"answers of {low:.3g} or more: a mean square error of {floor:.3g} or more"
        )
        yield Finding(
            "loss-floor", "warning", place(node),
            measured,
            f"answers without bounds; {use.chance:.3g} is what knowing nothing costs",
            f"the answers come out of {node.op}, and {share:.0%} of the targets lie where it cannot reach",
            paths=(place(node),),
        )  # fmt: skip


def _made(table: Table, loss: Node) -> Node | None:
    """What makes the logits, through operations that only move numbers."""
    sources = [table.node(one) for one in loss.inputs if table.node(one).learnt]
    if len(sources) == 1 and _spikes(table, sources[0]):  # made by a cast, which only moves numbers elsewhere
        return sources[0]
    return under_shapes(table, sources[0]) if len(sources) == 1 else None


def _unscaled(table: Table, node: Node) -> Node:
    """What is behind constants that scale and shift it, as actions are."""
    while node.kind in ("shape", "multiply", "add") and len(node.inputs) == 1 and not node.parameters:
        node = table.node(node.inputs[0])
    return node


def _scaled(
    table: Table, node: Node, answers: Node, bounds: tuple[float, float]
) -> tuple[float, float] | None:
    """Where the bounds lie behind these constants, as measured; None where they were not."""
    if node is answers:
        return bounds
    before, after = table.forward.get(node.index), table.forward.get(answers.index)
    if before is None or after is None or not (before.std > 0 and after.std > 0):
        return None
    factor = after.std / before.std
    low, high = (after.mean + factor * (bound - before.mean) for bound in bounds)
    return low, high


def _bounds(table: Table, node: Node) -> tuple[float, float] | None:
    if node.op in ("softmax", "_softmax") or _spikes(table, node):
        return RANGES["softmax"]
    if node.kind == "shape" and len(node.inputs) == 1 and not {"low", "high"} & node.settings.keys():
        return _bounds(table, table.node(node.inputs[0]))
    if node.kind == "multiply" and len(node.inputs) == 1 and node.settings.get("factor"):
        return _times(_bounds(table, table.node(node.inputs[0])), float(node.settings["factor"]))
    if node.activation in RANGES and not node.settings:
        return _bent(table, node)
    if {"low", "high"} <= node.settings.keys():
        return node.settings["low"], node.settings["high"]
    return (-1.0, 1.0) if _cosines(table, node) else None


def _bent(table: Table, node: Node) -> tuple[float, float]:
    """What an activation gives; of what it reads, where that has bounds itself (a sigmoid of a tanh)."""
    name = str(node.activation)
    source = under_shapes(table, table.node(node.inputs[0])) if len(node.inputs) == 1 else node
    before = None if source is node or name not in RISING else _bounds(table, source)
    phi = activation(name)
    return RANGES[name] if before is None else (float(phi(before[0])), float(phi(before[1])))


def _spikes(table: Table, node: Node) -> bool:
    seen = table.forward.get(node.index)
    return seen is not None and seen.spikes


def _times(bounds: tuple[float, float] | None, factor: float) -> tuple[float, float] | None:
    if bounds is None:
        return None
    ends = [bound * factor for bound in bounds]
    return min(ends), max(ends)


def _cosines(table: Table, node: Node) -> bool:
    """Whether it is a product of normalised features and normalised class weights, with no scale on it."""
    seen = table.forward.get(node.index)
    if not of_unit_rows(node) or seen is None:
        return False
    before = table.graph.preceding(node.index, ("norm",), 2)
    return before is not None and before.op == "normalize" and seen.largest <= UNIT


def _floor(use: LossUse, low: float, high: float) -> float:
    """What is left of the loss at the best answers within these bounds; of yes or no, half of each."""
    if use.kind == "cross_entropy":
        return least_entropy(use.classes, high - low)
    if use.kind == "binary_cross_entropy_with_logits":
        return (math.log1p(math.exp(low)) + math.log1p(math.exp(-high))) / 2
    return 0.0


def _shut(table: Table, node: Node, use: LossUse, bounds: tuple[float, float], floor: float) -> Finding:
    low, high = bounds
    head = places(one for one in [table.graph.preceding(node.index, ("weight",), 4)] if one is not None)
    why = (
        "the logits are cosines, which need a scale of 10 or more before a softmax"
        if node.kind == "weight"
        else "the logits are spikes, each 0 or 1: sum them over the steps, or read the membrane potentials"
        if _spikes(table, node)
        else "the logits are cut off at bounds, and what lies beyond gets no gradient"
        if "low" in node.settings
        else f"the logits come out of {node.op}, and the loss applies {_own(use)} to them once more"
        if math.isfinite(high)
        else f"the logits come out of {node.op}: no answer can be a clear no, and what is cut off gets no "
        "gradient"
    )
    return Finding(
        "loss-floor", "warning", place(node),
        _measured(low, high, floor),
        f"logits without bounds; {use.chance:.3g} is what knowing nothing costs",
        why, paths=(place(node), *node.parameters, *head),
    )  # fmt: skip


def _measured(low: float, high: float, floor: float) -> str:
    if math.isfinite(high):
        return f"logits between {low:g} and {high:g}: a loss of {floor:.3g} or more, whatever is learnt"
    return f"logits of {low:g} or more: a loss of {floor:.3g} or more, whatever is learnt"


def _own(use: LossUse) -> str:
    return "softmax" if use.kind == "cross_entropy" else "sigmoid"


def _not_logarithms(node: Node) -> Finding:
    return Finding(
        "loss-floor", "warning", place(node), "probabilities between 0 and 1",
        "their logarithms, at most 0",
        f"nll_loss reads the probabilities of {node.op} as logarithms: use log_softmax, or cross_entropy "
        "of the logits",
    )  # fmt: skip

"""Why: the sentence that names the cause, and the line that mends it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from statistics import median

from isogain.graph import Node, family
from isogain.inspect.blame import few_makers, needed_gain
from isogain.inspect.chains import common_activation
from isogain.inspect.steps import BOUNDED, critical_gain
from isogain.inspect.table import Table

__all__ = ["FLAT", "UNEXPLAINED", "cause_of", "gain_name", "pattern", "place", "places"]

UNEXPLAINED = "no gain explains it"
"""What is said where the layers' gains do not make a change: what else is found may."""
FLAT = "its units saturate, where slopes are near 0"
"""What is said where flat units let nothing pass: a finding of theirs knows by what."""
MORE, SLACK = 3.0, 0.5
"""Times what gains make, and decades besides, up to which they are the cause: biases and chance add to it."""
MOST = 0.6
"""Share of a change that factors must make to be its cause."""
SEVERAL = 3
"""Layers from which on little losses add up."""

_NAMED_GAINS = (
    (1 / math.sqrt(3), "PyTorch's default gain"),
    (1.0, "LeCun's gain"),
    (math.sqrt(2), "He's gain"),
    (5 / 3, "the gain 5/3"),
)

#: what frameworks call the weight of a layer: the layer's name says where it is
_OF_LAYERS = ("weight", "kernel", "embedding")


def place(node: Node) -> str:
    """Where a node is, in words that can be found in the model's code."""
    if node.kind in ("weight", "embedding", "recurrent", "norm"):
        own = node.weight.name if node.weight else ""
        module, _, leaf = own.rpartition(".")
        # a parameter that a function uses bears its own name: what holds it holds others, too
        if own and module == node.path and not any(name in leaf for name in _OF_LAYERS):
            return own
        if node.path:
            return node.path
    return f"{node.path} ({node.op})" if node.path else f"({node.op} {node.index})"


def places(nodes: Iterable[Node]) -> tuple[str, ...]:
    """Of each node its place, each once."""
    return tuple(dict.fromkeys(map(place, nodes)))


def gain_name(gain: float) -> str:
    """'LeCun's gain (1.00)' for a gain within 4 % of a known one, else the number."""
    for value, name in _NAMED_GAINS:
        if abs(gain / value - 1) < 0.04:
            return f"{name} ({gain:.2f})"
    return f"a gain of {gain:.3g}"


def cause_of(table: Table, weights: Sequence[Node], change: float, what: str) -> str:
    """'40 layers each lose 29 % of the gradient: LeCun's gain (1.00) in front of relu, which needs 1.41'.

    Where few layers make the change they alone are named.
    """
    count = max(len(weights), 1)
    few = few_makers(table, weights, change)
    if few:
        return _few(table, few, count, what)
    if not math.isfinite(change):
        return f"the {what} is gone after {count} layers: {_reason(table, weights, change)}"
    factor = 10 ** (change / count)
    share = f"lose {1 - factor:.0%} of" if factor < 1 else f"multiply by {factor:.3g}"
    each = (
        f"{count} layers each {share} the {what}"
        if count > 1
        else f"one layer multiplies the {what} by {factor:.3g}"
    )
    return f"{each}: {_reason(table, weights, change)}"


def _few(table: Table, few: Sequence[Node], count: int, what: str) -> str:
    said = [
        f"{place(node)} has a gain of {node.weight.gain:.3g} where it needs {needed_gain(table, node):.3g}"
        for node in few[:3]
        if node.weight
    ]
    more = f" and {len(few) - 3} more" if len(few) > 3 else ""
    verb = "makes" if len(few) == 1 else "make"
    return (
        f"{len(few)} of {count} layers {verb} nearly all of the change of the {what}: {'; '.join(said)}{more}"
    )


def _structure(table: Table, weights: Sequence[Node]) -> str:
    """What lies between these weights, where their gains explain nothing."""
    between = table.graph.nodes[weights[0].index : weights[-1].index + 1]
    norms = sum(node.kind == "norm" for node in between)
    sums = sum(node.role == "residual sum" for node in between)
    if norms:
        skips = f"{sums} sums" if sums else "no skip"
        return f"{UNEXPLAINED}: {norms} norms and {skips} lie between, and norms undo every gain"
    if sums:
        return f"{UNEXPLAINED}: {sums} sums lie between"
    fixed = sum(node.kind == "product" and len(node.inputs) == 1 and not node.parameters for node in between)
    if 2 * fixed > len(weights):
        return f"{UNEXPLAINED}: {fixed} products with a fixed matrix lie between, and no skip"
    return ""


def _factors(table: Table, weights: Sequence[Node], change: float) -> str:
    """The constants in front of residual sums, where they make most of a change: gains beside them do not."""
    between = table.graph.nodes[weights[0].index : weights[-1].index + 1]
    sums = sum(node.role == "residual sum" for node in between)
    scaled = [
        abs(float(one.settings["factor"])) for one in between
        if one.kind == "multiply" and one.settings.get("factor") and not one.parameters
        and any(table.node(k).role == "residual sum" for k in table.graph.consumers[one.index])
    ]  # fmt: skip
    made = sums * math.log10(median(scaled)) if len(scaled) > sums // 2 else 0.0
    if made * change <= 0 or abs(made) < MOST * abs(change):
        return ""
    return f"factors of {median(scaled):.3g} stand in front of {sums} sums"


def _reason(table: Table, weights: Sequence[Node], change: float) -> str:
    gains = [n.weight.gain for n in weights if n.weight and math.isfinite(n.weight.gain)]
    if weights and (factors := _factors(table, weights, change)):
        return factors
    if not gains:
        return "no weight explains it, so look at what lies between"
    name, settings = common_activation(table, weights)
    gain, needed = median(gains), critical_gain(name, settings)
    front = f"{gain_name(gain)} in front of {name}"
    wrong = math.isfinite(needed) and (gain / needed - 1) * change > 0 and abs(gain / needed - 1) > 0.05
    if wrong and _explains(gain / needed, len(weights), change):
        return f"{front}, which needs {needed:.2f}"
    saturated = [
        table.forward[n.index].saturated_fraction for n in table.graph.nodes
        if n.activation in BOUNDED and n.index in table.forward
    ]  # fmt: skip
    if any(share > 0.2 for share in saturated):
        return f"{front}; {FLAT}"
    if name in ("sigmoid", "hard_sigmoid"):
        return f"{front}, whose slope is at most 1/4 and whose mean is not 0"
    structure = _structure(table, weights)
    much = math.isfinite(change) and abs(change) > SLACK * len(weights)
    if not structure and (wrong or much or len(weights) < SEVERAL):
        return f"{UNEXPLAINED} ({front})"
    return structure or f"{front}, repeated without normalization or skip connections"


def _explains(ratio: float, count: int, change: float) -> bool:
    """Whether gains that are off by a ratio make a change of so many decades, give or take."""
    makes = count * abs(math.log10(ratio)) if ratio > 0 else math.inf
    return not math.isfinite(change) or abs(change) <= MORE * makes + SLACK


def pattern(paths: Sequence[str]) -> str:
    """The family all paths share, or the first of them and how many more there are."""
    families = {family(path) for path in paths}
    if len(families) == 1 and len(paths) > 1:
        return next(iter(families))
    return paths[0] if len(paths) == 1 else f"{paths[0]} and {len(paths) - 1} more"

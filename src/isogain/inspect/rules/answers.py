"""Who makes the answers that a loss reads: the last weight, what is behind it, what made its input loud."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from isogain.graph import Node
from isogain.inspect.causes import pattern, place
from isogain.inspect.fixes import RESTART, Fix
from isogain.inspect.growth import grown
from isogain.inspect.mending import filled, raw_size, sized, smaller_inputs, zeroed
from isogain.inspect.table import LossUse, Table

__all__ = [
    "UNIT",
    "Answers",
    "cooled",
    "heads_of",
    "largest_logit",
    "least_entropy",
    "made_by",
    "of_unit_rows",
    "temperature",
]

UNIT = 0.05
"""How far the length of normalised rows may seem to be from 1, by a sample of them."""
OWN_BIAS = 0.5
"""Share of the logits' spread that a head's bias has to make to be named for it."""
ORDINARY = 2.0
"""Gain of a last weight from which on it is at fault beside what made its input loud."""
CALMER = 0.1
"""Factor on a layer that a model repeats and adds to its state."""
NEAREST = 12
"""Steps back from a loss to the norms that make its logits cosines."""
LENGTHS = ("other", "pool", "shape", "product", "add")
"""Kinds that squares, sums and roots of a signal are of."""


class Answers(NamedTuple):
    """What makes answers as large as they are."""

    said: str
    path: str
    mends: tuple[Fix, ...]
    paths: tuple[str, ...] = ()


def heads_of(table: Table, answers: Iterable[int], kind: str = "weight") -> list[Node]:
    """The weights that make these outputs, with no other weight between."""
    found, stack, seen = [], list(answers), set(answers)
    while stack:
        node = table.node(stack.pop())
        if node.kind == kind:
            found.append(node)
            continue
        new = [one for one in node.inputs if one not in seen]
        seen.update(new)
        stack += new
    return sorted(found, key=lambda node: node.index)


def least_entropy(classes: int, width: float) -> float:
    """ln(1 + (C - 1) exp(-width)): what a cross entropy costs at best where logits lie within a width."""
    return math.log1p((classes - 1) * math.exp(-width))


def of_unit_rows(node: Node) -> bool:
    """Whether a product with class weights that were normalised: rows of length 1."""
    return node.kind == "weight" and node.weight is not None and abs(node.weight.gain - 1) < UNIT


def temperature(table: Table, use: LossUse) -> tuple[bool, Node | None]:
    """Whether logits are cosines but for a factor, which no weight decides; and that factor if learnt."""
    stack, scale, steps = [] if use.node is None else [use.node], None, 0
    while stack and steps < NEAREST:
        before = [table.node(k) for one in stack for k in table.node(one).inputs if table.node(k).learnt]
        scale = next((n for n in before if n.kind == "multiply" and n.parameters), scale)
        cosines = [one.index for one in before if one.op == "normalize" or _by_its_length(table, one)]
        if before and len(cosines) == len(before):
            return True, scale
        if any(one.kind in ("weight", "embedding", "recurrent") and not of_unit_rows(one) for one in before):
            return False, None
        stack = [one.index for one in before if one.index not in cosines]
        steps += 1
    return False, None


def _by_its_length(table: Table, node: Node) -> bool:
    """Whether a signal is divided by a number a row that is made of itself, as its length is."""
    if node.kind not in ("multiply", "norm") or "div" not in node.op or len(node.inputs) != 2:
        return False
    signal, divisor = node.inputs[0], table.node(node.inputs[1])
    for _ in range(NEAREST):
        if divisor.index == signal or len(divisor.inputs) != 1 or divisor.kind not in LENGTHS:
            break
        divisor = table.node(divisor.inputs[0])
    return divisor.index == signal


def largest_logit(table: Table, use: LossUse) -> float:
    """The largest logit: that of the product which makes them, times a constant behind it."""
    node = None if use.node is None else table.graph.preceding(use.node, ("product", "weight"), NEAREST)
    seen = table.forward.get(node.index) if node is not None else None
    return seen.largest * use.spread / seen.std if seen is not None and seen.std > 0 else math.inf


def cooled(table: Table, scale: Node) -> Answers:
    """The same for a learnt factor on cosines."""
    name = scale.parameters[0]
    said = f"cosines times what {name} makes; CLIP starts at 1 / .07 = 14.3"
    state = table.parameters.get(name)
    raised = state is not None and state.mean > 1 and state.constant
    usual = (filled(table, [name], math.log(14.3)),) if raised else ()
    return Answers(said, name, (*usual, RESTART))


def made_by(table: Table, use: LossUse, size: float) -> Answers:
    """The last weight before the loss, or what made its input loud, and what brings its results to a size."""
    start = use.node if use.node is not None else len(table.graph.nodes) - 1
    node = _loudest(table, start)
    factor = size / use.spread if use.spread > 0 else math.nan
    if node is None or node.weight is None:
        return _tables(table, start, factor)
    if (behind := _behind(table, node, start, use)) is not None:
        return behind
    before = [table.forward[i].rms for i in node.inputs if i in table.forward]
    seen = f"; its input has root mean square {before[0]:.3g}" if before else ""
    quiet = sized(table, {node.weight.name: factor})
    said, path = f"{place(node)} has gain {node.weight.gain:.3g}", place(node)
    bias = table.parameters.get(node.weight.bias or "")
    mends: tuple[Fix, ...] = (smaller_inputs(table), quiet, RESTART)
    if bias is not None and bias.rms > OWN_BIAS * use.spread:
        mends = (zeroed(table, [bias.name]), *mends)
        said += f"; its bias has root mean square {bias.rms:.3g}"
    elif (made := grown(table, node)) is not None:
        said += f"{seen}; {made.who} made what it reads {made.factor:.3g} times as large"
        # a quiet head, which leaves the rest as loud as it is, comes last
        mends = (RESTART, _calmer(table, made.names), quiet, smaller_inputs(table))
        if made.names and node.weight.gain < ORDINARY:
            return Answers(f"{said}{_inputs(table)}", made.who, mends, (*made.names, path))
    else:
        said += seen
    return Answers(f"{said}{_inputs(table)}", path, mends)


def _calmer(table: Table, names: Iterable[str]) -> Fix:
    """Layers that are run again and again at a tenth of their size: the last of those between two sums."""
    repeated = Counter(node.weight.name for node in table.graph.nodes if node.weight is not None)
    ends = [
        node.weight.name for node in table.graph.nodes
        if node.weight is not None and repeated[node.weight.name] > 1
        and node.role == "residual branch end" and place(node) in names
    ]  # fmt: skip
    return sized(table, dict.fromkeys(ends, CALMER))


def _loudest(table: Table, start: int) -> Node | None:
    """The last weight before the loss; of several whose results are joined, the loudest."""
    node = table.graph.preceding(start, ("weight", "concatenate"), 8)
    if node is None or node.kind == "weight":
        return node
    ends = (
        n if n.kind == "weight" else table.graph.preceding(n.index, ("weight",), 4)
        for n in map(table.node, node.inputs)
    )
    known = [one for one in ends if one is not None and one.index in table.forward]
    return max(
        known,
        key=lambda one: table.forward[one.index].rms,
        default=table.graph.preceding(start, ("weight",), 8),
    )


def _behind(table: Table, head: Node, start: int, use: LossUse) -> Answers | None:
    """The same where parameters behind the last weight make the logits of its small answers."""
    seen = table.forward.get(head.index)
    if seen is None or not seen.std < OWN_BIAS * use.spread:
        return None
    reached = {head.index}
    names = dict[str, None]()
    for node in table.graph.nodes[head.index + 1 : start + 1]:
        if not reached.isdisjoint(node.inputs):
            reached.add(node.index)
            names |= dict.fromkeys(node.parameters if node.kind == "add" else ())
    if not names:
        return None
    found = pattern(tuple(names))
    return Answers(
        f"{found} makes them of what {place(head)} gives, of standard deviation {seen.std:.3g}: cut points "
        "have to rise from the first to the last, over the range of those answers",
        found,
        () if use.kind == "nll_loss" else (zeroed(table, names), RESTART),
    )


def _tables(table: Table, start: int, factor: float) -> Answers:
    """The same where embeddings alone make the answers, as their products: factors in equal shares."""
    found = [node for node in heads_of(table, [start], "embedding") if node.weight]
    names = list(dict.fromkeys(node.weight.name for node in found if node.weight))
    if not names:
        return Answers("no weight was seen before the loss", "loss", (RESTART,))
    products = any(node.kind in ("multiply", "product") for node in table.graph.nodes[found[0].index : start])
    share = factor ** (1 / len(names)) if products else factor
    size = max((table.parameters[name].rms for name in names if name in table.parameters), default=math.nan)
    said = f"they are made of the rows of {pattern(names)}, of root mean square {size:.3g}"
    return Answers(said, pattern(names), (sized(table, dict.fromkeys(names, share)), RESTART))


def _inputs(table: Table) -> str:
    """What is to be said of inputs far larger than 1."""
    size = raw_size(table)
    return f"; the inputs have root mean square {size:.3g}" if math.isfinite(size) else ""

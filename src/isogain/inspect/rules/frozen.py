"""unused-parameter the other way round: what would have to learn is frozen."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from isogain.graph import Node
from isogain.inspect.causes import pattern, places
from isogain.inspect.findings import Finding
from isogain.inspect.fixes import Change, Fix
from isogain.inspect.table import LossUse, Table

__all__ = ["frozen_answers", "makers"]

KNOWS = 0.9
"""Share of what ignorance costs below which a frozen network knows something of the task already."""
FEW = 0.5
"""Share of the numbers from which on what is trained may do without its head."""
MAKERS = ("weight", "embedding", "recurrent")


def frozen_answers(table: Table) -> Iterator[Finding]:
    """Layers that make the answers, frozen with most of the network though it knows nothing of the task."""
    for use in table.losses:
        heads = makers(table, () if use.node is None else table.node(use.node).inputs)
        names = tuple(dict.fromkeys(one.weight.name for one in heads if one.weight))
        biases = [one.weight.bias for one in heads if one.weight and one.weight.bias]
        if not names or not _ignorant(table, use) or any(_learns(table, one) for one in (*names, *biases)):
            continue
        if _trained(table) < FEW and not _adapted(table, heads[-1].index):
            yield _finding(table, use, heads, names)
            return


def _finding(table: Table, use: LossUse, heads: list[Node], names: tuple[str, ...]) -> Finding:
    biases = [one.weight.bias for one in heads if one.weight and one.weight.bias]
    thawed = list(dict.fromkeys([*names, *biases]))
    said = pattern(places(heads))
    return Finding(
        "unused-parameter", "warning", pattern(names),
        f"{_trained(table):.1%} of the numbers are trained, and none of the head; loss {use.value:.3g}",
        f"a head that learns: knowing nothing costs {use.chance:.3g}",
        f"{said} makes the answers and is frozen, though they are no better than chance: a rule by names "
        "froze the new head with the rest (or from_pretrained did, which freezes as it loads)",
        paths=names,
        mends=(Fix((Change("data", text=f"[model.get_parameter(n).requires_grad_() for n in {thawed}]"),)),),
    )  # fmt: skip


def _ignorant(table: Table, use: LossUse) -> bool:
    """Whether the loss is what ignorance costs, or more; what it asks for is no signal of the model."""
    known = use.chance > 0 and math.isfinite(use.value) and not use.learnt_target and use.kind != "own"
    return known and use.value > KNOWS * use.chance


def makers(table: Table, start: Iterable[int]) -> list[Node]:
    """The layers whose results get here with no other layer between."""
    found: dict[int, Node] = {}
    stack, seen = list(start), set(start)
    while stack:
        node = table.node(stack.pop())
        if node.kind in MAKERS and node.weight is not None:
            found[node.index] = node
            continue
        new = [one for one in node.inputs if one not in seen]
        seen.update(new)
        stack += new
    return [found[index] for index in sorted(found)]


def _learns(table: Table, name: str) -> bool:
    use = table.graph.by_parameter.get(name)
    return use is None or use.trainable


def _trained(table: Table) -> float:
    """Share of all numbers that are trained."""
    sizes = [(math.prod(use.shape), use.trainable) for use in table.graph.parameters]
    return sum(size for size, trained in sizes if trained) / max(sum(size for size, _ in sizes), 1)


def _adapted(table: Table, last: int) -> bool:
    """Whether parts were added to a frozen network: stems, branches, factors, changes of weights, prompts."""
    before = table.graph.nodes[: last + 1]
    changed = any(n.weight is not None and math.isfinite(n.weight.moved) for n in before)
    changed = changed or any(_stem(table, node) for node in before)
    return changed or any(_adds(table, node) for node in before)


def _stem(table: Table, node: Node) -> bool:
    """Whether a trained layer reads the raw input: a new stem, in front of what stays."""
    own = node.weight is not None and _learns(table, node.weight.name)
    return own and not any(one.weight is not None for one in table.behind(node.index) if one is not node)


def _adds(table: Table, node: Node) -> bool:
    """Whether what is trained meets what is not: a factor, a prompt, or a sum of both."""
    if node.kind in ("multiply", "concatenate", "add") and any(_learns(table, n) for n in node.parameters):
        return True
    if node.kind != "add" or len(node.inputs) < 2:
        return False
    sides = [_sides(table, one) for one in node.inputs]
    return {True} in sides and any(side != {True} for side in sides)


def _sides(table: Table, index: int) -> set[bool]:
    """Whether the layers that make a signal are trained."""
    return {_learns(table, one.weight.name) for one in makers(table, (index,)) if one.weight}

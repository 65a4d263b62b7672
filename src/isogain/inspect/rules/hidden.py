"""vanishing-backward of weights that a mask or a cutoff keeps out of every answer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from isogain.graph import Node, family
from isogain.inspect.causes import pattern, place, places
from isogain.inspect.findings import Finding
from isogain.inspect.looks import Attention
from isogain.inspect.table import Table

__all__ = ["hidden_signals"]

MASKING = frozenset(["where", "masked_fill", "masked_fill_", "select_n"])
"""Operations by which numbers take the place of a signal."""


def hidden_signals(table: Table) -> Iterator[Finding]:
    """Layers of which what the data says of the batch lets nothing through: no token, no neighbour."""
    if table.random_choices:
        return
    silent = [node for node in table.graph.nodes if _silent(table, node)]
    kinds: dict[str, list[bool]] = defaultdict(list)
    for node in table.graph.nodes:
        if node.kind == "weight":
            kinds[family(place(node))].append(_silent(table, node))
    found = [(node, by) for node in silent if all(kinds[family(place(node))]) for by in _hiding(table, node)]
    if not found:
        return
    names, masks = places(node for node, _ in found), places(by for _, by in found)
    only = any(node.index in table.on_trunk for node, _ in found)
    yield Finding(
        "vanishing-backward", "critical" if only else "warning", pattern(names), "gradient exactly 0",
        "a gradient from some of what a mask or a cutoff lets through",
        f"{pattern(masks)} lets nothing of {pattern(names)} through, whatever it is: a mask of this batch "
        "hides all (True may mean the opposite of what was meant), or no distance is below a cutoff (in "
        "another unit); it gets no gradient",
        paths=tuple(dict.fromkeys((*names, *masks))),
    )  # fmt: skip


def _silent(table: Table, node: Node) -> bool:
    """Whether a drawn, trained weight that reads a signal gets a gradient of exactly 0."""
    state, back = table.state_of(node), table.backward.get(node.index)
    if node.kind != "weight" or state is None or state.zero or not state.requested or state.gradient is None:
        return False
    return state.gradient.largest == 0 and back is not None and back.largest == 0 and not back.probe


def _hiding(table: Table, node: Node) -> Iterator[Node]:
    """The masks that end all ways on from it; nothing where one has another reason to hand back nothing."""
    masks: dict[int, Node] = {}
    stack, seen = [node.index], {node.index}
    while stack:
        for one in map(table.node, table.graph.consumers[stack.pop()]):
            if one.index in seen:
                continue
            seen.add(one.index)
            if _nothing_given(table, one) or (_masks(table, one) and _heard_behind(table, one)):
                masks[one.index] = one
            elif _heard(table, one):
                return
            else:
                stack.append(one.index)
    yield from masks.values()


def _masks(table: Table, node: Node) -> bool:
    """Whether it puts other numbers in place of a signal, of more than one place."""
    return node.op in MASKING and not _lone(table, node)


def _lone(table: Table, node: Node) -> bool:
    """Whether a softmax behind it has one place to choose from: a finding of its own."""
    softmax = table.graph.following(node.index, ("softmax",), 4)
    if softmax is not None and softmax.shape[int(softmax.settings.get("axis", -1))] == 1:
        return True
    looks = (one.seen for one in table.looks if softmax is not None and one.node == softmax.index)
    return any(isinstance(seen, Attention) and seen.keys == 1 for seen in looks)


def _nothing_given(table: Table, node: Node) -> bool:
    """Whether it multiplies a signal by what the data gives, and that was seen to be 0 everywhere."""
    if node.kind != "multiply":
        return False
    for one in (one for one in map(table.node, node.inputs) if not one.learnt):
        while one.kind == "shape" and one.index not in table.forward and len(one.inputs) == 1:
            one = table.node(one.inputs[0])
        if one.index in table.forward and table.forward[one.index].rms == 0:
            return True
    return False


def _heard_behind(table: Table, node: Node) -> bool:
    """Whether a gradient comes back to the nearest of what was measured behind it: here it ends."""
    stack, seen = [node.index], {node.index}
    while stack:
        for one in map(table.node, table.graph.consumers[stack.pop()]):
            if one.index in seen:
                continue
            seen.add(one.index)
            if _heard(table, one):
                return True
            if one.index not in table.backward:
                stack.append(one.index)
    return False


def _heard(table: Table, node: Node) -> bool:
    """Whether a gradient comes back to it, or the loss reads it."""
    back = table.backward.get(node.index)
    return (back is not None and back.largest > 0) or table.in_loss(node)

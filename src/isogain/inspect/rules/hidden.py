"""vanishing-backward of weights that a mask or a cutoff keeps out of every answer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from isogain.graph import Node, family
from isogain.inspect.causes import pattern, place, places
from isogain.inspect.chains import under_shapes
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
    kinds: dict[str, list[Node]] = defaultdict(list)
    for node in table.graph.nodes:
        if node.kind == "weight":
            kinds[family(place(node))].append(node)
    silent = [one for nodes in kinds.values() if all(_silent(table, one) for one in nodes) for one in nodes]
    by = _endings(table) if silent else {}
    hidden = sorted((one for one in silent if by[one.index]), key=lambda one: one.index)
    if not hidden:
        return
    ends = sorted({mask for one in hidden for mask in by[one.index] or ()})
    names, masks = places(hidden), places(map(table.node, ends))
    only = any(node.index in table.on_trunk for node in hidden)
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


def _endings(table: Table) -> dict[int, frozenset[int] | None]:
    """node -> the masks that end all ways on from it; None where one has another reason to hand back nothing.

    One pass from the end: what reads a node comes after it.
    """
    found: dict[int, frozenset[int] | None] = {}
    heard: dict[int, bool] = {}
    for node in reversed(table.graph.nodes):
        readers = [table.node(one) for one in table.graph.consumers[node.index]]
        heard[node.index] = any(_heard(table, one) or _open(table, one, heard) for one in readers)
        ways: set[int] | None = set()
        for one in readers:
            if _nothing_given(table, one) or (_masks(table, one) and heard[one.index]):
                further: frozenset[int] | None = frozenset([one.index])
            else:
                further = None if _heard(table, one) else found[one.index]
            ways = None if ways is None or further is None else ways | further
        found[node.index] = None if ways is None else frozenset(ways)
    return found


def _open(table: Table, node: Node, heard: Mapping[int, bool]) -> bool:
    """Whether nothing was measured of it, and a gradient comes back to the nearest of what was."""
    return node.index not in table.backward and heard[node.index]


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
    given = (one for one in map(table.node, node.inputs) if not one.learnt)
    seen = (table.forward.get(under_shapes(table, one, measured=True).index) for one in given)
    return any(one is not None and one.rms == 0 for one in seen)


def _heard(table: Table, node: Node) -> bool:
    """Whether a gradient comes back to it, or the loss reads it."""
    back = table.backward.get(node.index)
    return (back is not None and back.largest > 0) or table.in_loss(node)

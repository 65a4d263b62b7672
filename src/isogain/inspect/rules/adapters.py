"""adapter-not-neutral: trainable parts around frozen ones that change the frozen network's answer at once."""

from __future__ import annotations

import math
from collections.abc import Iterator

from isogain.graph import Node
from isogain.inspect.causes import pattern, place
from isogain.inspect.findings import Finding, Severity
from isogain.inspect.looks import Sum
from isogain.inspect.mending import zeroed
from isogain.inspect.table import Table

__all__ = ["adapter_not_neutral"]

SEEN = 0.01
"""Share of the frozen signal below which a change is no more than a note."""
EXACT = 1e-4
"""What rounding leaves of a difference, or of a cosine, that is 0."""


def adapter_not_neutral(table: Table) -> Iterator[Finding]:
    """Branches beside frozen layers, and changes of frozen weights, that do not start at 0."""
    kinds = {use.trainable for use in table.graph.parameters if use.nodes}
    if len(kinds) < 2:
        return
    made_up = _made_up(table)
    found = [
        (node, share, end) for node in table.graph.nodes if node.index not in made_up
        for share, end in [*_branches(table, node), *_weights(node)] if share > EXACT
    ]  # fmt: skip
    if found:
        yield _finding(table, found)


def _made_up(table: Table) -> set[int | None]:
    """Sums whose summands never point the same way: the frozen weight gave up these directions (PiSSA, OLoRA)."""
    return {look.node for look in table.looks if isinstance(look.seen, Sum) and look.seen.overlap < EXACT}


def _weights(node: Node) -> Iterator[tuple[float, Node]]:
    if node.weight is not None and math.isfinite(node.weight.moved):
        yield node.weight.moved, node


def _branches(table: Table, node: Node) -> Iterator[tuple[float, Node]]:
    """(size of a trainable branch over that of what it is added to, its last weight)."""
    if node.kind != "add" or len(node.inputs) < 2 or node.index not in table.forward:
        return
    behind = {one: _ancestors(table, one) for one in node.inputs}
    for one in node.inputs:
        others = set[int]().union(*(behind[other] | {other} for other in node.inputs if other != one))
        own = (behind[one] | {one}) - others
        if not _trainable_only(table, own):
            continue
        beside = others - behind[one] - {one}
        if _frozen(table, beside) or (not _learning(table, beside) and _between(table, node, others)):
            yield from _share(table, node, one, own)


def _share(table: Table, node: Node, one: int, own: set[int]) -> Iterator[tuple[float, Node]]:
    end = max((i for i in own if table.node(i).kind == "weight"), default=None)
    size = table.forward[one].rms if one in table.forward else math.nan
    rest = [table.forward[i].rms for i in node.inputs if i != one and i in table.forward]
    base = rest[0] if rest else table.forward[node.index].rms
    if end is not None and base > 0 and math.isfinite(size):
        yield size / base, table.node(end)


def _ancestors(table: Table, index: int) -> set[int]:
    kept: dict[int, set[int]] = table.__dict__.setdefault("_ancestors", {})
    for node in table.graph.nodes[: index + 1]:
        if node.index not in kept:
            kept[node.index] = set(node.inputs).union(*(kept[one] for one in node.inputs))
    return kept[index]


def _learning(table: Table, indices: set[int]) -> list[bool]:
    uses = table.graph.by_parameter
    return [
        uses[w.name].trainable for i in indices if (w := table.node(i).weight) is not None and w.name in uses
    ]


def _trainable_only(table: Table, own: set[int]) -> bool:
    found = _learning(table, own)
    return bool(found) and all(found)


def _frozen(table: Table, indices: set[int]) -> bool:
    return not all(_learning(table, indices))


def _between(table: Table, node: Node, before: set[int]) -> bool:
    """Whether frozen layers lie before and behind."""
    return _frozen(table, before) and _frozen(table, {n.index for n in table.graph.nodes[node.index + 1 :]})


def _finding(table: Table, found: list[tuple[Node, float, Node]]) -> Finding:
    share = max(one for _, one, _ in found)
    severity: Severity = "critical" if share > 1 else "warning" if share > SEEN else "info"
    ends = list({end.index: end for _, _, end in found}.values())
    names = [
        end.weight.name for end in ends if end.weight and not math.isfinite(end.weight.moved)
    ]  # fmt: skip
    biases = [end.weight.bias for end in ends if end.weight and end.weight.bias and end.weight.name in names]
    paths = tuple(dict.fromkeys(place(end) for end in ends))
    return Finding(
        "adapter-not-neutral", severity, pattern(list(paths)),
        f"{len(found)} trainable parts change what frozen layers hand on by up to {share:.2g} of its size",
        "0: the pretrained network's own answer at the first step",
        "a trainable part around frozen layers does not start at 0, so what was learnt is "
        "disturbed before the first "
        "step; its last weight should be 0 (unless the frozen weights were changed to make up for it)",
        zeroed([*names, *biases]) if names and len(names) == len(ends) else "", paths,
    )  # fmt: skip

"""Choices settled before anything is learnt: one place for every sample, or one by a cold softmax."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from isogain.graph import Node
from isogain.inspect.causes import pattern, place
from isogain.inspect.chains import lone_way
from isogain.inspect.findings import Finding, Severity
from isogain.inspect.looks import Attention, Look
from isogain.inspect.mending import sized, zeroed
from isogain.inspect.rules.attention import BEYOND, below_condensation, condensation, of_keys
from isogain.inspect.rules.mixtures import told_softmaxes
from isogain.inspect.table import Table

__all__ = ["cold_choices", "hard_choices", "settled_shares"]

REST = 1e-3
"""What all but one get together below which softmax's slope, and with it each gradient, is as small."""
FEW = 0.03
"""The same where most of several heads do so, which are there to look apart."""
REACH = 0.5
"""Of the gap between the one and the others, the most that what differs from sample to sample spans."""
COLD = 0.99
"""Mean largest share of a choice among trained numbers from which it is made: the slope is below .01."""
HARD = 30.0
"""Times the size at which a softmax condenses that no annealing of a temperature starts from."""
STEPS = 8
CHOOSING = frozenset(["softmax", "scaled_dot_product_attention"])
"""Operations of which logits and shares were looked at."""


@dataclass(frozen=True)
class Settled:
    """A softmax that takes one and the same for every sample, and what was added to its logits."""

    node: Node
    seen: Attention
    maker: Node | None
    """The nearest node before it that adds something the samples have no part in."""
    offsets: tuple[str, ...]
    """The parameters that are added there; none for a table, or a mask."""


def settled_shares(table: Table) -> Iterator[Finding]:
    """Attention and routers that take one place for all samples, by what is added to their logits."""
    known = told_softmaxes(table)
    found = [one for one in _settled(table) if one.node.index not in known]
    if not found:
        return
    worst = max(found, key=lambda one: max(one.seen.largest))
    names = tuple(dict.fromkeys(name for one in found for name in one.offsets))
    places = tuple(dict.fromkeys(_named(one) for one in found))
    yield Finding(
        "saturated-units", "warning", pattern(names or places),
        f"one of {worst.seen.keys} gets {max(worst.seen.largest):.5f} of the weight, the same for every "
        "sample" + _added(table, worst),
        f"shares that differ from sample to sample, or near 1/{worst.seen.keys}",
        _why(worst), paths=tuple(dict.fromkeys((*names, *places))),
        mends=(sized(table, _softer(table, found)), zeroed(table, names)),
    )  # fmt: skip


def _settled(table: Table) -> Iterator[Settled]:
    for look in table.looks:
        if look.node is None or look.op not in CHOOSING or not isinstance(look.seen, Attention):
            continue
        node = table.node(look.node)
        if node.learnt and not table.in_loss(node) and _same_for_all(look.seen):
            maker = _adding(table, node)
            yield Settled(node, look.seen, maker, _offsets(table, maker))


def _same_for_all(seen: Attention) -> bool:
    """Whether most heads put all weight on one place that no sample's own part of the logits can change."""
    heads = list(zip(seen.content, seen.largest, strict=True))
    rest = FEW if len(heads) > 1 else REST
    return 2 * sum(_fixed(seen.keys, rest, *one) for one in heads) > len(heads) > 0


def _fixed(keys: int, rest: float, differs: float, largest: float) -> bool:
    if not largest > 1 - rest:  # nor for a single sample, of which nothing is known
        return False
    gap = math.log((keys - 1) * largest / max(1 - largest, 1e-12))
    return differs * condensation(keys) < REACH * gap


def _adding(table: Table, node: Node) -> Node | None:
    """The nearest sum, or weight with a bias, behind its logits, by the one learnt way there is."""
    if node.kind == "attention":
        return None
    for one in lone_way(table, node, STEPS):
        if one.kind == "weight" or (one.kind == "add" and len(one.inputs) == 1):
            return one
        if one.kind not in ("shape", "add", "multiply", "dropout") and one.op != "where":
            return None
    return None


def _offsets(table: Table, maker: Node | None) -> tuple[str, ...]:
    if maker is None:
        return ()
    names = maker.parameters if maker.kind == "add" else (maker.weight.bias if maker.weight else None,)
    return tuple(name for name in names if name and name in table.parameters)


def _named(one: Settled) -> str:
    return place(one.maker if one.maker is not None and one.maker.kind == "weight" else one.node)


def _why(one: Settled) -> str:
    added = pattern(one.offsets) if one.offsets else "what is added to its logits"
    return (
        f"{added} decides whatever the input: {place(one.node)} takes one place for every sample, where "
        "softmax has no slope left, so that neither the logits nor what the others hold gets a gradient to "
        "speak of"
    )


def _added(table: Table, one: Settled) -> str:
    """How large what is added is, where that is known."""
    sizes = [table.parameters[name].largest for name in one.offsets]
    summed = table.forward.get(one.maker.index) if one.maker is not None else None
    if not sizes and summed is not None and summed.finite:
        sizes = [summed.largest]
    return f"; up to {max(sizes):.3g} is added to the logits" if sizes else ""


def _softer(table: Table, found: Sequence[Settled]) -> dict[str, float]:
    """Drawn offsets at a size that leaves every choice open; those of few numbers are set to 0 instead."""
    drawn = {name for one in found for name in one.offsets if table.parameters[name].fingerprint}
    return {name: 1 / max(one.seen.logits) for one in found for name in one.offsets if name in drawn}


def cold_choices(table: Table) -> Iterator[Finding]:
    """A softmax of drawn, trained numbers alone that takes one of them, by chance, and has no slope there."""
    found = [(look, seen) for look in table.looks if (seen := _cold(table, look)) is not None]
    if not found:
        return
    look, worst = max(found, key=lambda one: max(one[1].logits))
    names = tuple(dict.fromkeys(one.parameters[0] for one, _ in found))
    size, bar = max(worst.logits), condensation(worst.keys)
    severity: Severity = "critical" if size > BEYOND[1] * bar else "warning"
    factors = {one.parameters[0]: 1 / max(seen.logits) for one, seen in found}
    own = table.parameters[look.parameters[0]].std
    yield Finding(
        "attention-collapse", severity, pattern(names),
        f"logits of standard deviation {size:.3g} over {worst.keys} to choose from; largest share "
        f"{max(worst.largest):.2f}",
        below_condensation(worst.keys),
        f"a softmax of {pattern(names)}, whose numbers have standard deviation {own:.3g}, gets "
        f"{size / own:.3g} times that: one is chosen by chance, and softmax's slope is near 0",
        paths=names, mends=(sized(table, factors),),
    )  # fmt: skip


def _cold(table: Table, look: Look) -> Attention | None:
    """What was seen of a softmax of one drawn parameter, where it takes one of each row."""
    seen = look.seen
    if look.node is not None or look.op != "softmax" or not isinstance(seen, Attention):
        return None
    state = table.parameters.get(look.parameters[0]) if len(look.parameters) == 1 else None
    if state is None or not state.fingerprint or not state.requested or state.gradient is None:
        return None
    loud = all(size > BEYOND[0] * condensation(seen.keys) for size in seen.logits)
    return seen if seen.logits and loud and min(seen.largest) > COLD else None


def hard_choices(table: Table) -> Iterator[Finding]:
    """A softmax within the model that is a step at its first pass, by a factor on what it reads."""
    known = told_softmaxes(table)
    for look in table.looks:
        node = None if look.node is None or look.node in known else table.node(look.node)
        if node is None or not isinstance(look.seen, Attention) or not _hard(table, look, node):
            continue
        size = max(look.seen.logits)
        maker = next((one for one in lone_way(table, node, STEPS) if one.kind == "weight"), None)
        names = tuple(dict.fromkeys(place(one) for one in (maker, node) if one is not None))
        yield Finding(
            "attention-collapse", "warning", names[0],
            f"logits of standard deviation {size:.3g} over {look.seen.keys} to choose from; largest share "
            f"{max(look.seen.largest):.3f}",
            below_condensation(look.seen.keys),
            f"{place(node)} takes one by chance and is flat there: a gradient comes back only from the few "
            "samples that lie between two; what it reads is too large, or divided by too small a "
            "temperature",
            paths=names,
        )  # fmt: skip
        return


def _hard(table: Table, look: Look, node: Node) -> bool:
    """Whether every head of a learnt softmax is one-hot by far, and it is neither attention nor an answer."""
    seen = look.seen
    if look.op != "softmax" or not isinstance(seen, Attention) or not node.learnt or table.in_loss(node):
        return False
    if of_keys(table, look) or not table.graph.weighed_later(node.index):
        return False
    far = all(size > HARD * condensation(seen.keys) for size in seen.logits)
    return bool(seen.logits) and far and min(seen.largest) > COLD

"""attention-collapse and saturated-units of a softmax that mixes: pooling by attention, shares of experts."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from isogain.graph import Node
from isogain.inspect.causes import pattern, place
from isogain.inspect.chains import lone_way, under_shapes
from isogain.inspect.findings import Finding, Severity
from isogain.inspect.looks import Attention
from isogain.inspect.mending import sized, zeroed
from isogain.inspect.rules.attention import BEYOND, SPREAD_OUT, below_condensation, condensation
from isogain.inspect.table import Table

__all__ = ["loud_mixtures", "shut_mixtures", "told_softmaxes"]

ONE_HOT = 0.9
"""Mean largest share from which one of those that are mixed is chosen."""
SHUT = 1e-6
"""What the others together get where softmax has no slope left."""
SAME = 0.1
"""What differs from sample to sample, as a part of the logits: below it all samples choose the same."""
STEPS = 8


@dataclass(frozen=True)
class Mixture:
    """A softmax whose shares weigh signals, and the one trained weight that makes its logits."""

    softmax: int
    seen: Attention
    weight: Node
    offsets: tuple[str, ...]
    """Parameters added to the logits."""
    tempered: bool = False
    """Whether a trained number multiplies or divides them."""

    @property
    def name(self) -> str:
        """The layer, or the parameter of a layer without a name."""
        use = self.weight.weight
        return self.weight.path or (use.name if use else place(self.weight))

    @property
    def sizes(self) -> tuple[float, ...]:
        """Of each head, what differs from sample to sample; of a single sample, all there is."""
        return tuple(
            b if math.isnan(a) else a for a, b in zip(self.seen.content, self.seen.logits, strict=True)
        )

    @property
    def loud(self) -> bool:
        """Whether each sample chooses one, by the size of its logits."""
        bar = BEYOND[self.tempered] * condensation(self.seen.keys)
        heads = zip(self.sizes, self.seen.entropy, self.seen.largest, strict=True)
        return any(size > bar and spread < SPREAD_OUT and top > ONE_HOT for size, spread, top in heads)

    @property
    def shut(self) -> bool:
        """Whether all samples choose the same one, with nothing left for the others."""
        heads = zip(self.seen.content, self.seen.logits, self.seen.largest, strict=True)
        return all(differs < SAME * size and top > 1 - SHUT for differs, size, top in heads)


def loud_mixtures(table: Table) -> Iterator[Finding]:
    """Shares that are one-hot for each sample before anything was learnt."""
    found = [one for one in _mixtures(table) if one.loud]
    if not found:
        return
    worst = max(found, key=lambda one: max(one.sizes))
    size, bar = max(worst.sizes), condensation(worst.seen.keys)
    severity: Severity = "critical" if size > BEYOND[1] * bar else "warning"
    factors = {one.weight.weight.name: 1 / max(one.sizes) for one in found if one.weight.weight}
    yield Finding(
        "attention-collapse", severity, pattern(_places(found)),
        f"logits of standard deviation {size:.3g} over {worst.seen.keys} to choose from; largest share "
        f"{max(worst.seen.largest):.2f}",
        below_condensation(worst.seen.keys),
        f"the logits that {worst.name} makes are too large: each sample takes one, "
        "picked by chance, and softmax's slope is near 0",
        paths=tuple(_places(found)), mends=(sized(table, factors),),
    )  # fmt: skip


def shut_mixtures(table: Table) -> Iterator[Finding]:
    """Shares that are one-hot for the same choice whatever the input: a start that no step leaves."""
    found = [one for one in _mixtures(table) if one.shut]
    if not found:
        return
    worst = max(found, key=lambda one: max(one.seen.logits))
    names = [name for one in found for name in one.offsets]
    added = max((table.parameters[name].largest for name in names), default=0.0)
    factors = {one.weight.weight.name: 1 / max(one.seen.logits) for one in found if one.weight.weight}
    yield Finding(
        "saturated-units", "critical", pattern(_places(found)),
        f"one of {worst.seen.keys} gets all but {SHUT:g} of the weight, the same for every sample",
        f"shares that differ from sample to sample, or near 1/{worst.seen.keys}",
        f"{worst.name} favours one for every input (what is added to its logits reaches "
        f"{added:.3g}): softmax has no slope left, so neither {worst.name} nor what the others "
        "make gets a gradient",
        paths=tuple(_places(found)), mends=(zeroed(table, names), sized(table, factors)),
    )  # fmt: skip


def told_softmaxes(table: Table) -> frozenset[int]:
    """The nodes of those that either tells of."""
    return frozenset(one.softmax for one in _mixtures(table) if one.shut or one.loud)


def _places(found: list[Mixture]) -> list[str]:
    return list(dict.fromkeys(one.name for one in found))


def _mixtures(table: Table) -> Iterator[Mixture]:
    for look in table.looks:
        if look.node is None or look.op != "softmax" or not isinstance(look.seen, Attention):
            continue
        node = table.node(look.node)
        if look.seen.logits and not table.in_loss(node) and _weighs(table, node):
            yield from _made(table, node, look.seen)


def _weighs(table: Table, node: Node) -> bool:
    """Whether its shares weigh what is none of them, before the loss does anything."""
    shares = {node.index}
    for _ in range(STEPS):
        readers = {i for one in shares for i in table.graph.consumers[one]} - shares
        if any(_mixes(table, node, shares, table.node(one)) for one in readers):
            return True
        shares |= {one for one in readers if _hands_on(table.node(one))}
    return False


def _hands_on(node: Node) -> bool:
    return node.kind in ("shape", "dropout", "add", "multiply") or node.op in ("topk", "sort", "max")


def _mixes(table: Table, node: Node, shares: set[int], reader: Node) -> bool:
    if table.in_loss(reader):
        return False
    if reader.weight is not None and reader.weight.mixed:  # shares of experts, in one product
        return reader.inputs[0] not in shares
    others = [one for one in reader.inputs if one not in shares]
    read = table.graph.weighed_later(reader.index)
    return reader.kind in ("multiply", "product") and any(_another(table, node, i, read) for i in others)


def _another(table: Table, node: Node, other: int, read: bool) -> bool:
    """Whether weights make a signal apart from the softmax, or later ones read what the shares make of it."""
    if not table.makers[other] >> node.index & 1:
        return read or table.node(other).learnt
    apart = table.makers[other] & ~table.makers[node.index]
    return any(apart >> one.index & 1 and one.kind == "weight" for one in table.graph.nodes)


def _made(table: Table, node: Node, seen: Attention) -> Iterator[Mixture]:
    """Its logits straight from one weight: a factor between (a temperature) asks for sharp shares.

    One that is trained does so up to where no gradient tells it better.
    """
    added: list[str] = []
    tempered = False
    for one in lone_way(table, node, STEPS):
        if one.kind == "weight" and one.weight is not None:
            added += [one.weight.bias] if one.weight.bias else []
            if _sets_size(table, one):
                yield Mixture(node.index, seen, one, tuple(added), tempered)
            return
        factor = one.kind == "multiply" and len(one.inputs) == 1 and bool(one.parameters)
        if one.kind not in ("shape", "add", "dropout") and one.op != "where" and not factor:
            return
        tempered = tempered or factor
        added += () if factor else one.parameters


def _sets_size(table: Table, node: Node) -> bool:
    """Whether a trained weight makes the logits as large as they are: no norm, no number before it."""
    use = node.weight
    state = table.parameters.get(use.name) if use else None
    if use is None or use.bound or state is None or not state.requested or not table.gets_gradient(node):
        return False
    return not any(_multiplied(table, one) for one in node.inputs)


def _multiplied(table: Table, index: int) -> bool:
    node = under_shapes(table, table.node(index))
    return node.kind == "multiply" and len(node.inputs) == 1 and not node.parameters

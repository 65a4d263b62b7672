"""attention-collapse: softmax over keys that is one-hot, or that no logit moves."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from statistics import median

from isogain.graph import Node
from isogain.inspect.causes import pattern, place, places
from isogain.inspect.chains import lone_source
from isogain.inspect.findings import Finding, Severity
from isogain.inspect.fixes import Fix
from isogain.inspect.looks import Attention, Look
from isogain.inspect.mending import sized
from isogain.inspect.table import Table

__all__ = ["BEYOND", "SPREAD_OUT", "attention_collapse", "below_condensation", "condensation", "of_keys"]

BEYOND = (1.2, 4.0)
"""Times sqrt(2 ln n) from which one-hot attention is a warning, and critical."""
HELD = 2.0
"""The same of queries and keys that a norm holds: their logits cannot grow beyond its scale."""
SPREAD_OUT = 0.6
"""Share of ln n from which the weights are no few keys' whatever the logits."""
SILENT = 1e-3
"""Product of the gains of q and k below which their gradients, each the other's size, are as small."""
ALIKE = 0.1
"""1 - cosine between queries or keys below which small differences of logits are theirs."""
FAR = 16
BETWEEN = ("softmax", "shape", "dropout", "add")
"""Kinds that may lie between a factor on logits and what is done with their shares."""
LOUD = 1.3
"""Gain of a weight, or size of its input, from which it is what makes logits large."""


def attention_collapse(table: Table) -> Iterator[Finding]:
    """Heads whose softmax is one-hot before anything was learnt, or the same for all keys for good."""
    groups: dict[str, list[tuple[Look, Attention, tuple[Node, ...]]]] = defaultdict(list)
    for look in table.looks:
        if isinstance(look.seen, Attention) and look.seen.logits and (ends := _ends(table, look)) is not None:
            found = _kind(table, look.seen, ends, _beyond(table, look, ends))
            if found:
                groups[found].append((look, look.seen, ends))
    judged = sum(isinstance(look.seen, Attention) and _of_positions(table, look) for look in table.looks)
    for kind, members in groups.items():
        yield _sharp(table, members, judged) if kind == "sharp" else _flat(table, members)


def _of_positions(table: Table, look: Look) -> bool:
    """Whether there are places beside samples: of two axes it is no attention over keys."""
    return look.node is not None and len(table.node(look.node).shape) > 2


def of_keys(table: Table, look: Look) -> bool:
    """Whether a softmax is of products of queries and keys, and weighs values."""
    return _ends(table, look) is not None


def condensation(keys: int) -> float:
    """Standard deviation of independent logits at which softmax over n keys condenses: sqrt(2 ln n).

    Below it the weights are spread over a growing number of keys, above it a few keys keep all of them
    (the random energy model: Derrida 1981).
    """
    return math.sqrt(2 * math.log(max(keys, 2)))


def below_condensation(keys: int) -> str:
    """What is expected of logits, in words."""
    return f"about 1, and below sqrt(2 ln {keys}) = {condensation(keys):.2g}, where a softmax condenses"


def _beyond(table: Table, look: Look, ends: tuple[Node, ...]) -> float:
    """Times the usual bar from which logits are too large."""
    if _tempered(table, look, ends):
        return BEYOND[1]
    return BEYOND[0] if ends else HELD


def _tempered(table: Table, look: Look, ends: tuple[Node, ...]) -> bool:
    """Whether logits of normalised queries and keys are times a trained number, which finds its size."""
    node = None if look.node is None or ends else table.node(look.node)
    while node is not None and (node.kind in BETWEEN or node.op == "where"):
        node = lone_source(table, node)
    if node is None or node.kind != "multiply" or len(node.inputs) > 1:
        return False
    return any(table.parameters[name].requested for name in node.parameters if name in table.parameters)


def _kind(table: Table, seen: Attention, ends: tuple[Node, ...], beyond: float) -> str:
    sharp = [
        size > beyond * condensation(seen.keys) and entropy < SPREAD_OUT
        for size, entropy in zip(_sizes(seen), seen.entropy, strict=True)
    ]
    if sum(sharp) > len(sharp) / 8:
        return "sharp"
    gains = [one.weight.gain for one in ends if one.weight is not None]
    small = len(gains) > 0 and all(gains) and _of_both(gains) < SILENT
    return "flat" if max(_sizes(seen)) < SILENT and (small or _squeezed(table, seen, ends) < SILENT) else ""


def _squeezed(table: Table, seen: Attention, ends: tuple[Node, ...]) -> float:
    """The size of logits over that of queries and keys: 1 for q k / sqrt(d), unless a factor lies between.

    Infinity where it cannot be told: a mask hides all, or queries and keys are alike themselves.
    """
    read = [table.forward[one.index] for one in ends if one.index in table.forward]
    made, size = _of_both([one.rms for one in read]), max(_sizes(seen))
    alike = any(min(one.distance, one.position_distance) < ALIKE for one in read)
    return size / made if made > 0 and size > 0 and not alike else math.inf


def _of_both(sizes: Sequence[float]) -> float:
    """The product of what is said of queries and of keys; both may come out of one weight."""
    return math.prod(sizes if len(sizes) > 1 else [*sizes, *sizes]) if sizes else 0.0


def _sizes(seen: Attention) -> tuple[float, ...]:
    """Of each head, what differs from sample to sample; of a single sample, all there is."""
    return tuple(b if math.isnan(a) else a for a, b in zip(seen.content, seen.logits, strict=True))


def _ends(table: Table, look: Look) -> tuple[Node, ...] | None:
    """The weights that make queries and keys; None for a softmax of anything else."""
    if look.node is None or not _of_positions(table, look):
        return None
    node = table.node(look.node)
    if node.kind == "softmax":
        product = table.graph.preceding(node.index, ("product", "weight", "attention"), 6)
        mixed = table.graph.following(node.index, ("product",), 5)  # values, by these weights
        if product is None or product.kind != "product" or mixed is None:
            return None
        sources = product.inputs
    else:
        sources = node.inputs[:2]
    return _nearest_weights(table, sources)


def _nearest_weights(table: Table, sources: Sequence[int]) -> tuple[Node, ...]:
    """The weights nearest before these nodes; nothing where a norm lies between, which sets the size."""
    found: dict[int, Node] = {}
    frontier, seen = list(sources), set(sources)
    for _ in range(FAR):
        beyond: list[int] = []
        for one in frontier:
            node = table.node(one)
            if node.kind == "norm":
                return ()
            if node.kind == "weight":
                found[one] = node
            elif node.kind not in ("embedding", "recurrent"):
                beyond += [i for i in node.inputs if i not in seen]
        seen.update(beyond)
        frontier = beyond
    return tuple(found[one] for one in sorted(found))


def _all(members: list[tuple[Look, Attention, tuple[Node, ...]]]) -> list[Node]:
    """Every weight once."""
    return list({w.index: w for _, _, ends in members for w in ends}.values())


def _sharp(table: Table, members: list[tuple[Look, Attention, tuple[Node, ...]]], judged: int) -> Finding:
    _, seen, ends = max(members, key=lambda one: max(_sizes(one[1])) / condensation(one[1].keys))
    size, bar = max(_sizes(seen)), condensation(seen.keys)
    usual = median(_sizes(seen))
    severity: Severity = "critical" if usual > BEYOND[1] * bar else "warning"
    weights = _all(members)
    if not _loud(weights) and 2 * len(members) < judged:  # a first layer before the first norm, say
        severity = "info"
    paths = [place(w) for w in weights] or [one[0].path for one in members]
    return Finding(
        "attention-collapse", severity, pattern(list(dict.fromkeys(paths))),
        f"logits of standard deviation {size:.3g} over {seen.keys} keys; largest weight "
        f"{max(seen.largest):.2f}, "
        f"entropy {min(seen.entropy):.2f} of ln {seen.keys}",
        below_condensation(seen.keys),
        _why_sharp(table, ends), paths=tuple(dict.fromkeys(paths)), mends=_softened(table, weights),
    )  # fmt: skip


def _loud(weights: Sequence[Node]) -> bool:
    return any(w.weight is not None and w.weight.gain > LOUD for w in weights)


def _why_sharp(table: Table, ends: tuple[Node, ...]) -> str:
    gains = [w.weight.gain for w in ends if w.weight and math.isfinite(w.weight.gain)]
    sizes = [table.forward[i].rms for w in ends for i in w.inputs if i in table.forward]
    if gains and max(gains) > LOUD:
        cause = f"queries and keys come from weights of gain {max(gains):.3g} where 1 keeps their size"
    elif sizes and max(sizes) > LOUD:
        cause = (
            f"what queries and keys are made of has root mean square {max(sizes):.3g} where norms hand on 1"
        )
    elif gains:
        cause = (
            f"the weights of queries and keys have gain {max(gains):.2g}: the scale 1 / sqrt(d) is missing"
        )
    else:
        cause = "queries and keys are as large as a norm or a scale before the product makes them"
    return f"{cause}; almost all weight lies on one key, picked by chance, and softmax's slope is near 0"


def _softened(table: Table, weights: Sequence[Node]) -> tuple[Fix, ...]:
    """Gain 1 for each of these weights; nothing where their gain is not what is wrong."""
    factors = {
        w.weight.name: 1 / w.weight.gain
        for w in weights
        if w.weight and math.isfinite(w.weight.gain) and w.weight.gain > LOUD
    }
    if any("parametrizations" in name for name in factors):
        return ()
    return (sized(table, factors or _beside(table, weights)),)


def _beside(table: Table, weights: Sequence[Node]) -> dict[str, float]:
    """Loud parameters that stand beside the signal in front of these weights: prefixes, prompts."""
    before = (table.graph.preceding(w.index, ("concatenate",), 3) for w in weights)
    names = {name for one in before if one is not None for name in one.parameters if name in table.parameters}
    return {name: 1 / rms for name in names if (rms := table.parameters[name].rms) > LOUD}


def _flat(table: Table, members: list[tuple[Look, Attention, tuple[Node, ...]]]) -> Finding:
    weights = _all(members)
    seen = members[0][1]
    gain = min(w.weight.gain for w in weights if w.weight)
    squeezed = _squeezed(table, seen, members[0][2])
    by_constant = squeezed < SILENT  # which no weight is to outweigh
    factors = {} if by_constant else {w.weight.name: 1 / w.weight.gain for w in weights if w.weight}
    return Finding(
        "attention-collapse", "warning", pattern(places(weights)),
        f"logits of standard deviation {max(_sizes(seen)):.2g} over {seen.keys} keys: the same "
        "weight for all",
        "about 1 where queries and keys have the size of their input",
        f"a factor of {squeezed:.2g} lies between queries and keys and their logits: each gets a gradient as "
        "small, so attention stays a mean of all keys"
        if by_constant
        else f"the weights of queries and keys have gain {gain:.2g}: each gets a gradient as small as the "
        "other is, so attention stays a mean of all keys",
        paths=places(weights), mends=(sized(table, factors),) if factors else (),
    )  # fmt: skip

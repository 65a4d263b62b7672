"""Gradients that vanish or explode along a trunk, against what its depth and width allow."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

from isogain.graph import Node, family
from isogain.inspect.blame import few_makers
from isogain.inspect.causes import place
from isogain.inspect.chains import Chain, Tolerance, chains, decades, deep_chains, is_residual_sum
from isogain.inspect.findings import Finding, Severity
from isogain.inspect.fixes import RESTART
from isogain.inspect.growth import between
from isogain.inspect.mending import stack
from isogain.inspect.openings import opening
from isogain.inspect.rules.hidden import hidden_signals
from isogain.inspect.rules.kernels import narrow_kernels, wide_kernels
from isogain.inspect.rules.peers import decades_off
from isogain.inspect.rules.propagation import (
    EXPLODING,
    VANISHING,
    expected_words,
    growth_cause,
    severity_of,
)
from isogain.inspect.rules.softmaxes import lone_shares
from isogain.inspect.stops import stop_between
from isogain.inspect.table import Table

__all__ = ["exploding_backward", "vanishing_backward"]

INFLUENCE = Tolerance(2.5, 4.0)
"""For the loss of influence: |gradient| times |signal|, which no rescaling of layers changes."""
ALIKE = 1e-5
"""1 - cosine of samples below which too little differs between them for its influence to be compared."""
MET = 0.1
"""Share of a signal's influence as it varies below which a gradient comes where hardly any signal is."""
TINY = 1e-20
"""Gradient so small that a few layers more may let it underflow."""
SHUT = 0.5
"""Share of an activation without any slope from which on all of it may be."""
WHISPER = 100.0
"""Times a stream must be louder than what a branch adds to it for the branch to start as good as closed."""


def _with_gradients(table: Table, chain: Chain) -> list[Node]:
    return [
        n for n in chain.nodes
        if n.index in table.backward and table.backward[n.index].finite and table.forward[n.index].finite
        and n.kind in ("weight", "add", "embedding", "recurrent", "norm", "concatenate")
        and not _composes(table, n)
    ]  # fmt: skip


def _composes(table: Table, node: Node) -> bool:
    """Whether it only makes the output of what the last layers gave: a background, a list of levels."""
    plain = node.kind in ("add", "concatenate") and not is_residual_sum(table, node)
    return plain and not table.graph.weighed_later(node.index)


def _lengths(table: Table, node: Node) -> tuple[float, float]:
    """The gradient's length, plain and with the size of the tensor: pooling changes only one of them."""
    back = table.backward[node.index]
    return back.norm, back.norm * math.sqrt(back.size)


def _influences(table: Table, node: Node) -> tuple[float, float]:
    """Of the signal as it varies; or as it is, where the gradient meets next to nothing of that."""
    back = table.backward[node.index]
    felt = back.influence if back.influence < MET * back.varying else back.varying
    return felt * math.sqrt(back.size), felt * back.size


def _losses(table: Table, first: Node, last: Node, influence: bool) -> tuple[float, float]:
    """Decades from the last node back to the first: (the least growth, the most) of the two measures."""
    measure = _influences if influence else _lengths
    pairs = zip(measure(table, first), measure(table, last), strict=True)
    found = [decades(a, b) for a, b in pairs]
    return min(found), max(found)


def _pairs(table: Table, nodes: Sequence[Node]) -> Iterator[tuple[Node, Node]]:
    """(node, the last one that it can be compared with): gradients of the loss, and those of a probe."""
    live = [n for n in nodes if table.backward[n.index].largest > 0 and table.backward[n.index].varying > 0]
    for probe in (False, True):
        same = [n for n in live if table.backward[n.index].probe == probe]
        yield from ((node, same[-1]) for node in same[:-1])


def _learnt_until(table: Table, last: Node) -> dict[str, int]:
    """parameter -> the last node that uses it and where a good part of the last one's gradient arrives."""
    bar = 0.01 * table.backward[last.index].norm
    alive = (n for n in table.graph.nodes if n.index in table.backward and table.backward[n.index].norm > bar)
    return {name: n.index for n in alive for name in n.parameters}


def _learns_elsewhere(chain: Chain, node: Node, until: Mapping[str, int]) -> bool:
    """Whether all parameters behind a node are used again later, where a good part of the gradient arrives.

    The early steps of a recurrence over time get little gradient; its weights learn from the late ones.
    """
    before = (n for n in reversed(chain.nodes) if n.index <= node.index and n.parameters)
    names = next((n.parameters for n in before), ())
    return bool(names) and all(until.get(name, -1) > node.index for name in names)


def vanishing_backward(table: Table) -> Iterator[Finding]:
    """Gradients that shrink on the way back, or stop altogether; in levels that skips go around, too."""
    found = [one for chain in chains(table) for one in _lost(table, chain)]
    yield from found
    if not found:
        deep = (_backward(table, chain, growing=False) for chain in deep_chains(table))
        yield from islice(filter(None, deep), 1)


def _lost(table: Table, chain: Chain) -> Iterable[Finding]:
    """A gradient that shrinks along a chain, or else one that stops on it."""
    shrunk = _backward(table, chain, growing=False)
    return [shrunk] if shrunk else _stopped(table, chain)


def exploding_backward(table: Table) -> Iterator[Finding]:
    """Gradients that grow on the way back."""
    for chain in chains(table):
        found = _backward(table, chain, growing=True)
        if found:
            yield found


def _backward(table: Table, chain: Chain, growing: bool) -> Finding | None:
    candidates = []
    pairs = list(_pairs(table, _with_gradients(table, chain)))
    shut = 0.0 if growing or not chain.residual else -math.log10(opening(table))
    until = {i: _learnt_until(table, last) for i, last in {last.index: last for _, last in pairs}.items()}
    for node, last in pairs:
        if not growing and _learns_elsewhere(chain, node, until[last.index]):
            continue
        for influence in (True,) if chain.normalised else (True, False):
            if growing and influence and _alike(table, node, last):
                continue
            low, high = _losses(table, node, last, influence)
            change = low if growing else high
            change -= 0.0 if influence else decades_off(table, node.index, last.index)
            tolerance = EXPLODING if growing else INFLUENCE if influence else VANISHING
            natural = chain.course.back_change(node, last)
            usual = max(natural, 0.0) if growing else max(-natural, 0.0)
            excess = (change if growing else -change) - usual - shut - chain.course.back_band()
            candidates.append((excess - tolerance.warning, excess, tolerance, change, node, last, influence))
    if not candidates:
        return None
    _, excess, tolerance, change, node, last, influence = max(candidates, key=lambda item: item[0])
    severity = severity_of(excess, tolerance)
    if severity is None or (not growing and _whispers(table, chain, node, last, change)):
        return None
    return _backward_finding(table, chain, node, last, change, severity, influence)


def _alike(table: Table, *nodes: Node) -> bool:
    return any(table.forward[node.index].distance < ALIKE for node in nodes)


def _whispers(table: Table, chain: Chain, node: Node, last: Node, change: float) -> bool:
    """Whether quiet ends of branches make a change: beside a loud stream they are meant to start small."""
    makers = few_makers(table, [n for n in chain.weights if node.index < n.index <= last.index], change)
    sums = [(one, table.graph.following(one.index, ("add",), 4)) for one in makers]
    return bool(sums) and all(
        added is not None and len(added.inputs) > 1 and added.index in table.forward
        and table.forward[added.index].rms > WHISPER * table.forward[one.index].rms
        for one, added in sums
    )  # fmt: skip


def _backward_finding(
    table: Table, chain: Chain, node: Node, last: Node, change: float, severity: Severity, influence: bool
) -> Finding:
    weights = [n for n in chain.weights if node.index < n.index <= last.index]
    what, here, there = _judged_by(table, node, last, change, influence)
    made = between(table, node, last, change)
    why, paths, mends = growth_cause(table, made, weights, change, "gradient")
    if chain.normalised and not chain.residual:
        mends = (RESTART,)
    told = (*narrow_kernels(table, node.index), *wide_kernels(table, node.index)) if change < 0 else ()
    if told:
        why, paths, mends = told[0].why, told[0].paths, told[0].mends
    return Finding(
        "exploding-backward" if change > 0 else "vanishing-backward", severity, place(node),
        f"{what} {there:.2g} at {place(last)} -> {here:.2g} here ({change:+.1f} decades)",
        expected_words(chain.course.back_change(node, last), chain.course.back_band(), chain), why, "",
        paths, mends=mends, blames=not told,
    )  # fmt: skip


def _judged_by(
    table: Table, node: Node, last: Node, change: float, influence: bool
) -> tuple[str, float, float]:
    """The measure that changed by so much, in words, here and at the last node."""
    words = ("gradient x signal, a sample", "gradient x signal") if influence else (
        "length of the gradient, a sample", "length of the gradient"
    )  # fmt: skip
    measure = _influences if influence else _lengths
    found = zip(words, measure(table, node), measure(table, last), strict=True)
    return min(found, key=lambda one: abs(decades(one[1], one[2]) - change))


def _stopped(table: Table, chain: Chain) -> Iterator[Finding]:
    """Trunk nodes whose gradient is exactly 0 though a later one's is not, and no zero weight explains it."""
    nodes = _with_gradients(table, chain)
    # a derivative inside the model carries gradients to weights past what they make
    dead = [n for n in nodes if table.backward[n.index].largest == 0 and not table.opens(n)]
    alive = [n for n in nodes if table.backward[n.index].largest > 0]
    if not dead or not alive or any(table.gated(n.index) for n in table.graph.nodes[dead[-1].index + 1 :]):
        return
    first = next((n for n in alive if n.index > dead[-1].index), alive[-1])
    stop = stop_between(table, dead[-1], first)
    if stop is not None and any(place(stop.node) == one.path for one in lone_shares(table)):
        return
    if stop is None and any(place(dead[-1]) in one.paths for one in hidden_signals(table)):
        return
    weights = [n for n in chain.weights if dead[0].index <= n.index <= first.index]
    why = stop.why if stop is not None else _stop(table, dead[-1], first)
    yield Finding(
        "vanishing-backward", "critical", place(dead[-1]), "gradient exactly 0",
        f"not 0: {place(first)} gets {table.backward[first.index].rms:.2g}",
        f"no gradient passes from {place(first)} back to {place(dead[-1])}: {why}",
        "", tuple(dict.fromkeys(family(place(n)) for n in dead)),
        mends=stack(table, weights) if stop is None else (), blames=stop is None,
    )  # fmt: skip


def _stop(table: Table, dead: Node, alive: Node) -> str:
    between = table.graph.nodes[dead.index : alive.index + 1]
    seen = [(n, table.forward[n.index]) for n in between if n.index in table.forward]
    if off := [n for n, f in seen if f.off]:
        return f"every unit of {place(off[0])} ({off[0].op}) is off for all samples"
    flat = any(f.shut_fraction > SHUT for _, f in seen)
    if flat or table.backward[alive.index].rms < TINY:
        return "the product of slopes and weights between them underflows to 0"
    ops = tuple(dict.fromkeys(n.op for n in between[1:] if n.kind != "shape"))
    return f"what lies between hands none back ({', '.join(ops)})"

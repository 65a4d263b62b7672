"""Signals and gradients that vanish or explode along a trunk, against what its depth and width allow.

Decades are counted beyond the band of the width.  What training bears follows He et al. 2015, section 4:
22 layers that each lose a factor sqrt(2) (3.3 decades) still converge, 30 of them (4.5) do not.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from isogain.graph import Node, family
from isogain.inspect.blame import few_makers
from isogain.inspect.causes import cause_of, pattern, place, places
from isogain.inspect.chains import (
    Chain,
    Tolerance,
    chains,
    decades,
    is_prior,
    is_residual_sum,
    split_at_norms,
)
from isogain.inspect.closed import closed
from isogain.inspect.findings import Finding, Severity
from isogain.inspect.fixes import RESTART, Fix
from isogain.inspect.growth import Growth, between
from isogain.inspect.mending import filled, smaller_inputs, stack
from isogain.inspect.openings import opening
from isogain.inspect.rules.kernels import narrow_kernels, wide_kernels
from isogain.inspect.rules.peers import apart_from_peers, decades_off
from isogain.inspect.rules.softmaxes import lone_shares
from isogain.inspect.stops import stop_between
from isogain.inspect.table import Table

__all__ = ["exploding_backward", "exploding_forward", "vanishing_backward", "vanishing_forward"]

VANISHING = Tolerance(3.3, 4.5)
EXPLODING = Tolerance(2.0, 3.3)
INFLUENCE = Tolerance(2.5, 4.0)
"""For the loss of influence: |gradient| times |signal|, which no rescaling of layers changes."""
SCALING = frozenset(["mul", "__mul__", "__rmul__", "div", "__truediv__", "__itruediv__", "__imul__"])
TINY = 1e-20
"""Gradient so small that a few layers more may let it underflow."""
SHUT = 0.5
"""Share of an activation without any slope from which on all of it may be."""
WHISPER = 100.0
"""Times a stream must be louder than what a branch adds to it for the branch to start as good as closed."""


def severity_of(excess: float, tolerance: Tolerance) -> Severity | None:
    """The severity of that many decades beyond the band; None where training bears them."""
    if math.isnan(excess) or excess <= tolerance.warning:
        return None
    return "critical" if excess > tolerance.critical else "warning"


def _judged(table: Table, node: Node) -> bool:
    """Whether the node's size means something: no zero weight makes it, and it is no head."""
    return not table.gated(node.index) and node.role not in ("head",)


def _reference(table: Table, piece: Sequence[Node], chain: Chain) -> Node:
    """From where growth counts: the first sum of a residual stream, else where the piece starts."""
    sums = [node for node in piece if node.kind == "add" and len(node.inputs) > 1]
    return sums[0] if chain.residual and sums else piece[0]


def _change(table: Table, reference: Node, node: Node) -> float:
    """Decades between two nodes' sizes, but for what layers far off their peers make of them."""
    change = decades(table.forward[node.index].rms, table.forward[reference.index].rms)
    return change - decades_off(table, reference.index, node.index)


def vanishing_forward(table: Table) -> Iterator[Finding]:
    """Signals that shrink from layer to layer, or fall below the epsilon of the norms after them."""
    for chain in chains(table):
        eclipsed = list(_eclipsed(table, chain))
        yield from eclipsed
        eclipsed = [finding for finding in eclipsed if finding.severity != "info"]
        for piece in split_at_norms(table, chain):
            piece = _behind_ids(piece)
            kept = [node for node in piece[1:] if _judged(table, node) and table.forward[node.index].finite]
            if not kept or eclipsed:
                continue
            worst = min(kept, key=lambda node: _change(table, piece[0], node))
            change = _change(table, piece[0], worst)
            natural = min(chain.course.change(piece[0], worst), 0.0)
            severity = severity_of(natural - change - chain.course.band(), VANISHING)
            if severity and (closed(table, [worst]) or _explained(table, worst) is None):
                yield _forward_finding(table, chain, piece, worst, change, "vanishing-forward", severity)
                break


def _behind_ids(piece: list[Node]) -> list[Node]:
    """From its last embedding on: what that reads are names, and their size is none of a signal."""
    starts = [k for k, node in enumerate(piece) if node.kind == "embedding"]
    return piece[starts[-1] :] if starts else piece


def _explained(table: Table, node: Node) -> str | None:
    """A zero of the model's own making: a gate of zeros right before."""
    for source in node.inputs:
        if table.gated(source):
            return f"{place(table.node(source))} starts at zero"
    return None


def _eclipsed(table: Table, chain: Chain) -> Iterator[Finding]:
    """Norms on the trunk whose epsilon outweighs the signal: they no longer normalise."""
    lost = [n for n in chain.nodes if n.kind == "norm" and _outweighed(table, n)]
    if not lost:
        return
    small = [n for n in table.graph.nodes if n.kind == "norm" and 0 < table.norm_scale(n) < 0.1]
    scales = sorted(table.norm_scale(n) for n in small)
    why = (
        f"{len(lost)} norms receive signals so small that their epsilon outweighs the variance: they hand on "
        "what they get instead of restoring it"
    )
    mends: tuple[Fix, ...] = ()
    if small:
        why = (
            f"{len(small)} norms scale by weights of root mean square {scales[len(scales) // 2]:.2g} "
            f"instead of 1, "
            f"so each layer shrinks the signal; in {len(lost)} of them their epsilon outweighs what is left"
        )
        scaling = [name for n in small for name in n.parameters if not name.endswith("bias")]
        mends = (filled(table, scaling, 1.0),)
    ratio = min(table.forward[n.index].rms / table.norm_scale(n) for n in lost)
    # one norm after a tiny embedding hands on a small signal that the next ones restore
    severity: Severity = "critical" if len(lost) > 1 or ratio < 1e-3 else "info"
    yield Finding(
        "vanishing-forward", severity, place(lost[0]), f"a norm's output at {ratio:.1e} of its scale",
        "1, whatever the input's size", why, "", tuple(place(n) for n in lost), mends=mends, blames=True,
    )  # fmt: skip


def _outweighed(table: Table, node: Node) -> bool:
    return not table.normalises(node) and not table.gated(node.index) and table.forward[node.index].finite


def exploding_forward(table: Table) -> Iterator[Finding]:
    """Signals that grow from layer to layer, or in one layer that its peers leave behind."""
    yield from apart_from_peers(table)
    for chain in chains(table):
        for piece in split_at_norms(table, chain):
            reference = _reference(table, piece, chain)
            kept = [n for n in piece if n.index > reference.index and table.forward[n.index].finite]
            kept = [n for n in kept if not is_prior(table, n)]
            if not kept or table.forward[reference.index].rms == 0 or reference.kind == "embedding":
                continue
            worst = max(kept, key=lambda node: _change(table, reference, node))
            change = _change(table, reference, worst)
            growth = 0.5 * math.log10(1 + len(kept)) if chain.residual else 0.0
            growth += max(chain.course.change(reference, worst), 0.0)
            severity = severity_of(change - growth - chain.course.band(), EXPLODING)
            if severity:
                yield _forward_finding(table, chain, piece, worst, change, "exploding-forward", severity)
                break


def _forward_finding(
    table: Table,
    chain: Chain,
    piece: Sequence[Node],
    worst: Node,
    change: float,
    code: str,
    severity: Severity,
) -> Finding:
    weights = [n for n in chain.weights if piece[0].index <= n.index <= worst.index]
    start = table.forward[piece[0].index].rms
    end = table.forward[worst.index].rms
    natural = chain.course.change(piece[0], worst)
    made = between(table, piece[0], worst, change)
    why, paths, mends = _cause(table, made, weights, change, "signal")
    told = (narrow_kernels if change > 0 else wide_kernels)(table, worst.index)
    known = next(told, None) if worst.kind != "weight" else None
    if known is not None:
        why, paths, mends = known.why, known.paths, known.mends
    return Finding(
        code, severity, pattern(made.names) if made and made.names else place(worst),
        f"root mean square {start:.3g} -> {end:.3g} ({change:+.1f} decades)",
        _expected_words(natural, chain.course.band(), chain), why, "", paths, mends=mends,
        blames=known is None,
    )  # fmt: skip


def _cause(
    table: Table, made: Growth | None, weights: Sequence[Node], change: float, what: str
) -> tuple[str, tuple[str, ...], tuple[Fix, ...]]:
    """Why, the places and what might mend: the layers, or what lies between them where that makes it."""
    if made is None:
        return cause_of(table, weights, change, what), places(weights), stack(table, weights, change)
    if not made.names:
        why = (
            f"no layer makes it: {made.op} between them multiplies the {what} by {made.factor:.3g}, as "
            "a constant does that is too large, or that divides a column by next to nothing"
            if made.op in SCALING
            else f"no layer makes it: {made.op} between them multiplies the {what} by {made.factor:.3g}, as "
            "sums over many do that nothing divides"
        )
        return why, places(weights), (smaller_inputs(table), RESTART)
    why = f"no layer makes it: what {made.who} gives multiplies the {what} by {made.factor:.3g}"
    # one number for scales that differ from each other would take their difference away
    alike = all(name in table.parameters and table.parameters[name].constant for name in made.names)
    return why, made.names, ((filled(table, list(made.names), 0.0),) if alike else ()) + (RESTART,)


def _expected_words(natural: float, band: float, chain: Chain) -> str:
    level = f"{natural:+.1f}" if abs(natural) >= 0.05 else "0"
    return f"{level} within {max(band, 0.05):.1f} decades at these widths ({chain.course.words})"


# ---- gradients ---------------------------------------------------------------------------------


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
    back = table.backward[node.index]
    return back.varying * math.sqrt(back.size), back.varying * back.size


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
    """Gradients that shrink on the way back, or stop altogether."""
    for chain in chains(table):
        found = _backward(table, chain, growing=False)
        if found:
            yield found
        else:
            yield from _stopped(table, chain)


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
    why, paths, mends = _cause(table, made, weights, change, "gradient")
    if chain.normalised and not chain.residual:
        mends = (RESTART,)
    told = (*narrow_kernels(table, node.index), *wide_kernels(table, node.index)) if change < 0 else ()
    if told:
        why, paths, mends = told[0].why, told[0].paths, told[0].mends
    return Finding(
        "exploding-backward" if change > 0 else "vanishing-backward", severity, place(node),
        f"{what} {there:.2g} at {place(last)} -> {here:.2g} here ({change:+.1f} decades)",
        _expected_words(chain.course.back_change(node, last), chain.course.back_band(), chain), why, "",
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
    dead = [n for n in nodes if table.backward[n.index].largest == 0]
    alive = [n for n in nodes if table.backward[n.index].largest > 0]
    if not dead or not alive or any(table.gated(n.index) for n in table.graph.nodes[dead[-1].index + 1 :]):
        return
    first = next((n for n in alive if n.index > dead[-1].index), alive[-1])
    stop = stop_between(table, dead[-1], first)
    if stop is not None and any(place(stop.node) == one.path for one in lone_shares(table)):
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
    if off := [n for n, f in seen if f.dead_fraction >= 0.999]:
        return f"every unit of {place(off[0])} ({off[0].op}) is off for all samples"
    flat = any(f.shut_fraction > SHUT for _, f in seen)
    if flat or table.backward[alive.index].rms < TINY:
        return "the product of slopes and weights between them underflows to 0"
    ops = tuple(dict.fromkeys(n.op for n in between[1:] if n.kind != "shape"))
    return f"what lies between hands none back ({', '.join(ops)})"

"""Signals that vanish or explode along a trunk, against what its depth and width allow.

Decades are counted beyond the band of the width.  What training bears follows He et al. 2015, section 4:
22 layers that each lose a factor sqrt(2) (3.3 decades) still converge, 30 of them (4.5) do not.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import islice

from isogain.graph import Node
from isogain.inspect.causes import cause_of, pattern, place, places
from isogain.inspect.chains import (
    Chain,
    Tolerance,
    chains,
    decades,
    is_prior,
    split_at_norms,
)
from isogain.inspect.closed import closed
from isogain.inspect.findings import Finding, Severity
from isogain.inspect.fixes import RESTART, Fix
from isogain.inspect.growth import Growth, between, cell_between
from isogain.inspect.mending import filled, smaller_inputs, stack
from isogain.inspect.openings import looked_up
from isogain.inspect.rules.kernels import narrow_kernels, wide_kernels
from isogain.inspect.rules.peers import apart_from_peers, decades_off
from isogain.inspect.table import Table

__all__ = [
    "EXPLODING", "VANISHING", "expected_words", "exploding_forward", "growth_cause", "severity_of",
    "vanishing_forward",
]  # fmt: skip

VANISHING = Tolerance(3.3, 4.5)
PLAIN = Tolerance(1.9, 4.5)
"""The same where no residual stream carries a signal past its layers: all of it is lost.

Of 6 to 20 plain ReLU layers that lose 2.4 decades, 150 steps come to 5 to 40 times the loss with Adam at the
best of three rates, and hardly below chance with SGD from 14 layers on.
"""
EXPLODING = Tolerance(2.0, 3.3)
SCALING = frozenset(["mul", "__mul__", "__rmul__", "div", "__truediv__", "__itruediv__", "__imul__"])


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
        if all(finding.severity == "info" for finding in eclipsed):
            pieces = (_behind_ids(piece) for piece in split_at_norms(table, chain))
            found = (_fallen(table, chain, *part) for piece in pieces for part in _parts(chain, piece))
            yield from islice(filter(None, found), 1)


def _parts(chain: Chain, piece: list[Node]) -> Iterator[tuple[list[Node], Tolerance]]:
    """A piece, and its layers alone: what constants make of inputs before them is no layer's doing."""
    yield piece, VANISHING
    first = next((k for k, node in enumerate(piece) if node.kind == "weight"), len(piece))
    yield piece[first:], _borne(chain)


def _fallen(table: Table, chain: Chain, piece: list[Node], tolerance: Tolerance) -> Finding | None:
    kept = [node for node in piece[1:] if _judged(table, node) and table.forward[node.index].finite]
    if not kept:
        return None
    worst = min(kept, key=lambda node: _change(table, piece[0], node))
    if table.forward[worst.index].rms == 0 and any(_learns(table, node) for node in piece):
        return None  # what fires above a threshold, and has a slope below it
    change = _change(table, piece[0], worst)
    natural = min(chain.course.change(piece[0], worst), 0.0)
    severity = severity_of(natural - change - chain.course.band() + math.log10(looked_up(table)), tolerance)
    if severity is None or not (closed(table, [worst]) or _explained(table, worst) is None):
        return None
    return _forward_finding(table, chain, piece, worst, change, "vanishing-forward", severity)


def _learns(table: Table, node: Node) -> bool:
    back = table.backward.get(node.index)
    return back is not None and not back.probe and back.finite and back.largest > 0


def _borne(chain: Chain) -> Tolerance:
    """What a chain may lose: a step over time is one layer many times, and gates are there to keep."""
    names = [node.weight.name for node in chain.weights if node.weight]
    return VANISHING if chain.residual or len(set(names)) < len(names) else PLAIN


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
            growth += max(chain.course.change(reference, worst), 0.0) - math.log10(looked_up(table))
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
    why, paths, mends = growth_cause(table, made, weights, change, "signal")
    told = (narrow_kernels if change > 0 else wide_kernels)(table, worst.index)
    known = next(told, None) if worst.kind != "weight" else None
    if known is not None:
        why, paths, mends = known.why, known.paths, known.mends
    elif (cell := cell_between(table, piece[0], worst, change)) is not None:
        worst, why = cell, _grown_state(cell, change)
        paths, mends = (place(cell),), (RESTART,)
    return Finding(
        code, severity, pattern(made.names) if made and made.names else place(worst),
        f"root mean square {start:.3g} -> {end:.3g} ({change:+.1f} decades)",
        expected_words(natural, chain.course.band(), chain), why, "", paths, mends=mends,
        blames=known is None,
    )  # fmt: skip


def _grown_state(cell: Node, change: float) -> str:
    return (
        f"{place(cell)} multiplies its state at each of its steps: they end {10**change:.3g} times as large; "
        "recurrent weights of an orthogonal start keep their length"
    )


def growth_cause(
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


def expected_words(natural: float, band: float, chain: Chain) -> str:
    level = f"{natural:+.1f}" if abs(natural) >= 0.05 else "0"
    return f"{level} within {max(band, 0.05):.1f} decades at these widths ({chain.course.words})"

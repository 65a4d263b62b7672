"""rank-collapse and constant-output: different inputs become the same."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from isogain.graph import Node
from isogain.inspect.causes import cause_of, pattern, place, places
from isogain.inspect.chains import Chain, Tolerance, chains, is_prior, weights_on
from isogain.inspect.findings import Finding
from isogain.inspect.fixes import RESTART
from isogain.inspect.mending import fresh, is_matrix, stack
from isogain.inspect.openings import looked_up, opening
from isogain.inspect.rules.blended import blended_positions
from isogain.inspect.rules.codebooks import one_code
from isogain.inspect.rules.drowned import drowning_biases
from isogain.inspect.rules.exponentials import narrow_bells
from isogain.inspect.rules.kernels import wide_kernels
from isogain.inspect.rules.propagation import severity_of
from isogain.inspect.rules.recurrences import forgotten_states
from isogain.inspect.rules.softmaxes import shared_by_samples
from isogain.inspect.rules.timescales import forgetful_decays
from isogain.inspect.stops import rounded
from isogain.inspect.table import Table

__all__ = ["constant_output", "expected_distance", "rank_collapse"]

COLLAPSE = Tolerance(2.5, 4.0)
"""Decades that the difference between two inputs, relative to their size, may lose beyond the expected."""
CONSTANT = Tolerance(3.3, 4.5)
"""The same for the output, to which pooling over positions and an output bias may add."""
_TURNS = frozenset(["transpose", "permute", "swapaxes", "movedim"])
ROUNDING = 1e-13
"""1 - cosine of rows that differ by single precision's rounding alone: less is noise, and no layer's loss."""
LENGTHS = 0.01
"""Share of a distance that lies off the rows' common direction below which the rest is their lengths'."""
BACK = 1e4
"""Times the distance behind a sum must be larger for nothing to be lost."""
FEW = 8
"""Units below which the angle between two vectors says little."""


def expected_distance(start: float, depth: int) -> float:
    """1 - c after `depth` critical ReLU layers, which approach c = 1 faster than any other critical layer.

        1 - c_l = 9 pi^2 / (2 (l + l_0)^2),  with l_0 from 1 - c_0 = start

    (Hayou et al. 2019.)

    >>> round(expected_distance(1.0, 50), 4)
    0.0138
    """
    law = 9 * math.pi**2 / 2
    return law / (depth + math.sqrt(law / max(start, 1e-12))) ** 2


def _lost(start: float, now: float, depth: int) -> float:
    """Decades of relative difference lost beyond the expected."""
    if math.isnan(start) or math.isnan(now) or start < 1e-6:
        return math.nan
    return 0.5 * math.log10(expected_distance(min(start, 1.0), depth) / max(now, ROUNDING))


def rank_collapse(table: Table) -> Iterator[Finding]:
    """Samples, or positions of one sample, whose representations on the trunk become parallel."""
    if table.input_distance == 0:
        return
    fields = [("samples", "distance"), ("positions", "position_distance")]
    if any(blended_positions(table)):
        del fields[1]  # told of, with its cause
    for trunk in chains(table):
        for what, field in fields:
            found = _one_position(table, trunk) if what == "positions" else None
            found = found or _collapse(table, trunk, what, field)
            if found:
                yield found
                return


def _collapse(table: Table, chain: Chain, what: str, field: str) -> Finding | None:
    end = _end_of_gated(table, chain)
    nodes = [
        n for n in chain.nodes
        if n.index < end and table.forward[n.index].rms > 0 and n.shape and n.kind != "input"
        and n.shape[n.channel_axis] >= FEW
        and table.graph.weighed_later(n.index)
        and not math.isnan(getattr(table.forward[n.index], field)) and _narrow_enough(table, n, what)
        and not _given_back(table, n, field)
    ]  # fmt: skip
    if len(nodes) < 2:
        return None
    start = _first_distance(table, chain, nodes[0], field)
    found = _apart(table, chain, nodes, field)
    depth, worst, lost = 0, nodes[0], -math.inf
    for node, kept in zip(nodes, _kept(chain, found), strict=True):
        depth += node.kind in ("weight", "add", "recurrent")
        here = _lost(start, kept, depth)
        if here > lost:
            worst, lost = node, here
    severity = severity_of(lost, COLLAPSE)
    severity = severity and severity_of(lost + math.log10(looked_up(table)), COLLAPSE)
    if severity is None:
        return None
    step = rounded(table, worst.index)
    trunk = [n for n in table.graph.nodes[: worst.index] if n.index in table.on_trunk]
    off = step.why if step else _off(table, trunk)
    now = found[nodes.index(worst)]
    if what == "samples" and _remembered(table, now):
        return None
    weights = [n for n in weights_on(chain) if n.index <= worst.index]
    change = 0.5 * math.log10(now / start)
    return Finding(
        "rank-collapse", "info" if step else severity, place(worst),
        f"1 - cosine between {what} {start:.2g} -> {now:.2g}",
        f"about {expected_distance(start, depth):.2g} after {depth} critical layers",
        off or cause_of(table, weights, change, f"difference between {what}"), "", places(weights),
        mends=() if step else stack(table, weights), blames=not off,
    )  # fmt: skip


def _remembered(table: Table, distance: float) -> bool:
    """Whether samples that differ long before the answer is read are still told apart by more than rounding.

    How much of a difference arrives is a matter of how long a memory is, and a step can make it louder.
    """
    return table.early and distance > ROUNDING


def _end_of_gated(table: Table, chain: Chain) -> float:
    """Where a chain behind a weight of zeros joins another way: what is alike from there on is that one's."""
    gated = [n.index for n in chain.nodes if table.gated(n.index) and table.opens(n)]
    joins = (
        n.index for n in chain.nodes if n.kind == "add" and set(n.inputs) & set(gated) and len(n.inputs) > 1
    )
    return min(joins, default=math.inf)


def _alike(table: Table, node: Node) -> list[str]:
    """Tables whose rows are all one, that were added to what a node is made of."""
    names = dict.fromkeys(
        name for one in table.behind(node.index) if one.kind == "add" for name in one.parameters
    )
    known = (name for name in names if is_matrix(table, name) and name in table.parameters)
    return [name for name in known if table.parameters[name].constant]


def _one_position(table: Table, trunk: Chain) -> Finding | None:
    """Positions that are exactly one, as a table of equal rows makes them."""
    lost = (n for n in trunk.nodes if table.forward[n.index].position_distance <= ROUNDING)
    told = (n for n in lost if n.kind != "input" and _narrow_enough(table, n, "positions"))
    names = next(
        (found for n in told if table.graph.weighed_later(n.index) and (found := _alike(table, n))), []
    )
    if not names:
        return None
    return Finding(
        "rank-collapse", "critical", pattern(names), "1 - cosine between positions: 0", "rows that differ",
        f"all rows of {pattern(names)} are the same, and nothing else tells these positions apart: they are "
        "one",
        paths=tuple(names), mends=(fresh(table, names), RESTART),
    )  # fmt: skip


def _apart(table: Table, chain: Chain, nodes: Sequence[Node], field: str) -> list[float]:
    """How far apart rows are at each node; of samples, no farther than they leave their common direction.

    Averages over a graph's neighbours leave rows that differ in length alone, at each depth by as much.
    Behind a narrow place, a scalar say, one direction is all there can be.
    """
    narrow = next((n.index for n in chain.nodes if n.shape and n.shape[n.channel_axis] < FEW), math.inf)
    found = []
    for node in nodes:
        apart = float(getattr(table.forward[node.index], field))
        rows = field == "distance" and len(node.shape) == 2 and node.index < narrow
        off = _off_axis(table, node) if rows else math.inf
        found.append(max(off if off < LENGTHS * apart else apart, ROUNDING))
    return found


def _off_axis(table: Table, node: Node) -> float:
    """The squares outside of the first direction over those in it; infinite where they were not taken."""
    spectrum = table.forward[node.index].spectrum
    return spectrum.stable_rank - 1 if spectrum else math.inf


def _kept(chain: Chain, found: list[float]) -> list[float]:
    """The distance at each node, or the largest behind it where it has but one way on.

    What differs later has not been lost before: of a picture only some places are looked at, and in a first
    layer these may all lie on the background.
    """
    if chain.residual:
        return found
    return [max(found[k:]) for k in range(len(found))]


def _given_back(table: Table, node: Node, field: str) -> bool:
    """Whether a sum right behind holds what is lost here: latents that all ask alike are told apart by it."""
    after = table.graph.following(node.index, ("add",), 3)
    joined = after is not None and (len(after.inputs) > 1 or after.parameters)
    seen = table.forward.get(after.index) if after is not None and joined else None
    lost = max(getattr(table.forward[node.index], field), ROUNDING)
    return seen is not None and getattr(seen, field) > BACK * lost


def _first_distance(table: Table, chain: Chain, first: Node, field: str) -> float:
    """At the chain's first input where that is measured, else at its first node."""
    before = [table.forward[i] for i in first.inputs if table.node(i).kind == "input" and i in table.forward]
    known = [getattr(f, field) for f in before if not math.isnan(getattr(f, field))]
    return float(known[0] if known else getattr(table.forward[first.index], field))


def _narrow_enough(table: Table, node: Node, what: str) -> bool:
    """Positions are compared where they are tokens, not where a picture's neighbours are alike."""
    if what == "samples":
        return True
    aside = len(node.shape) == 3 and node.shape[0] != table.batch == node.shape[1]  # samples lie second
    return len(node.shape) == 3 and not aside and not _turned(table, node)


def _turned(table: Table, node: Node) -> bool:
    """Whether samples and positions, as many as each other, may have changed places on the way."""
    if node.shape[0] != node.shape[1]:
        return False
    turns = (one for one in table.behind(node.index) if one.op in _TURNS and one is not node)
    return any(one.shape[:2] == node.shape[:2] and len(one.shape) == 3 for one in turns)


def constant_output(table: Table) -> Iterator[Finding]:
    """Outputs that hardly depend on the input, though the inputs differ."""
    if table.input_distance == 0 or table.batch < 2:
        return
    for index in table.graph.outputs:
        node = _logits(table, table.node(index))
        forward = table.forward.get(node.index)
        if forward is None or forward.rms == 0 or not node.learnt or math.isnan(forward.distance):
            continue
        start = _start_distance(table)
        depth = sum(n.kind in ("weight", "recurrent") for n in table.graph.nodes[: index + 1])
        chosen = min(opening(table), looked_up(table)) if forward.distance > ROUNDING else 1.0
        lost = _lost(start, forward.distance, depth) + math.log10(chosen)
        severity = severity_of(lost, CONSTANT)
        if severity is None or is_prior(table, node) or _remembered(table, forward.distance):
            continue
        if _made_by_zero(table, node) or _statistic(table, node, start, depth) or rounded(table, index):
            continue
        weights = [n for n in table.graph.nodes if n.weight and n.kind == "weight" and n.index <= index]
        apart = math.sqrt(max(forward.distance, ROUNDING))
        told = chain(
            drowning_biases(table), forgotten_states(table), forgetful_decays(table), narrow_bells(table),
            one_code(table), shared_by_samples(table), wide_kernels(table),
        )  # fmt: skip
        known = next(told, None)
        yield Finding(
            "constant-output", severity, place(node),
            f"outputs of different samples differ by {apart:.1e} of their size",
            f"about {math.sqrt(expected_distance(start, depth)):.2g}",
            known.why if known else _off(table, table.graph.nodes)
            or cause_of(table, weights, math.log10(apart), "difference between samples"),
            paths=known.paths if known else (),
            mends=known.mends or (RESTART,) if known else stack(table, weights),
            blames=known is None,
        )  # fmt: skip
        return


def _logits(table: Table, node: Node) -> Node:
    """What a probability is made of: half of it, or an even share, says nothing of how answers differ."""
    inputs = [table.node(one) for one in node.inputs]
    bent = node.activation == "sigmoid" or node.kind == "softmax"
    return inputs[0] if bent and len(inputs) == 1 and inputs[0].index in table.forward else node


def _start_distance(table: Table) -> float:
    first = [table.forward[n.index].distance for n in table.graph.nodes if n.index in table.forward]
    known = [value for value in first if not math.isnan(value)]
    return known[0] if known else math.nan


def _made_by_zero(table: Table, node: Node) -> bool:
    """Whether a weight or a gate of zeros makes the output on purpose (a bias alone is left)."""
    before = (table.graph.preceding(node.index, kinds, 6) for kinds in (("weight",), ("multiply",)))
    return any(one is not None and table.gated(one.index) for one in (node, *before))


def _statistic(table: Table, node: Node, start: float, depth: int) -> bool:
    """Whether what the last weight makes differs: an entropy, say, is nearly constant behind a small head."""
    if node.kind in ("weight", "recurrent"):
        return False
    head = table.graph.preceding(node.index, ("weight", "recurrent"), 16)
    if head is None:
        return True
    before = table.forward.get(head.index)
    lost = _lost(start, before.distance, depth) if before is not None else math.nan
    return severity_of(lost, CONSTANT) is None and not math.isnan(lost)


def _off(table: Table, nodes: Iterable[Node]) -> str:
    """What is to be said of the first activation of which every unit is off; '' for none."""
    seen = table.forward
    own = (n for n in nodes if n.index in seen and not table.in_loss(n))
    off = next((n for n in own if seen[n.index].off), None)
    if off is None:
        return ""
    return f"every unit of {place(off)} ({off.op}) is off for all samples, so only biases reach the output"

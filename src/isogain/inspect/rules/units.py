"""dead-units and saturated-units: activations whose slope is 0, or nearly."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache

from isogain.graph import Node, family
from isogain.inspect.causes import gain_name, pattern, place
from isogain.inspect.findings import Finding, Severity
from isogain.inspect.fixes import Fix
from isogain.inspect.mending import offsets, sized, smaller_inputs, stack, zeroed
from isogain.inspect.signals import Forward
from isogain.inspect.steps import BOUNDED, critical_gain
from isogain.inspect.table import Table

__all__ = ["SATURATED", "dead_units", "saturated_units"]

DEAD = (0.2, 0.6)
SATURATED = (0.25, 0.6)
BY_SHAPE = 0.1
"""Share of N(0, 1) where a function is flat from which it is so by its shape; tanh's is .04."""
SHUT = 0.9
"""Share of elements without any slope from which an activation is shut: no gate held open, and no prior."""
ALL = 0.999
"""The same from which nothing passes any of its units."""
ROOM, ONE = 1.3, 1.1
"""Times the critical gain up to which a layer is as theory would have it, on inputs of size 1 at most."""
ENOUGH = 8
"""Observations of a unit below which 'never on' says nothing."""


def dead_units(table: Table) -> Iterator[Finding]:
    """Units that are off for every sample, more of them than chance explains on this batch."""
    found = [(n, f) for n, f in _activations(table) if _excess(n, f) > DEAD[0] and not _silenced(table, n)]
    if not found:
        return
    node, forward = max(found, key=lambda pair: _excess(*pair))
    dead, chance = (1.0, 0.0) if _all_shut(node, forward) else (forward.dead_fraction, forward.expected_dead)
    severity: Severity = "critical" if _excess(node, forward) > DEAD[1] or dead > 0.99 else "warning"
    weights = [w for n, _ in found if (w := table.graph.preceding(n.index, ("weight",), 4)) is not None]
    yield Finding(
        "dead-units", severity, _where([n for n, _ in found]),
        f"{dead:.0%} of the units never on ({forward.observations} observations)",
        f"{chance:.0%}, the share never off: drawn weights do not know the sign",
        _why_dead(table, node), "", tuple(place(n) for n, _ in found),
        mends=_mend_dead(table, [n for n, _ in found], weights),
    )  # fmt: skip


def _activations(table: Table) -> Iterator[tuple[Node, Forward]]:
    """Those of the model itself that are trained through: not the loss's own, nor what is only looked at."""
    for node in table.graph.nodes:
        model = not table.in_loss(node) and table.gets_gradient(node)
        if node.activation and node.index in table.forward and model:
            yield node, table.forward[node.index]


def _silenced(table: Table, node: Node) -> bool:
    """Whether it reads exact zeros that a gate of zeros makes, which the first step opens."""
    frontier = set(node.inputs)
    for _ in range(12):
        sources = [table.node(one) for one in frontier]
        if any(table.gated(one.index) and table.opens(one) for one in sources):
            return True
        quiet = [n for n in sources if n.kind == "weight" or table.silent(n)]
        frontier = {one for n in quiet for one in n.inputs}
    return False


def _excess(node: Node, forward: Forward) -> float:
    """Dead share beyond chance and four standard errors; -1 where it cannot be told."""
    if _all_shut(node, forward):
        return 1.0
    if math.isnan(forward.dead_fraction) or forward.observations < ENOUGH:
        return -1.0
    if forward.rms == 0 and forward.dead_fraction == 1:
        return 1.0  # nothing passes, forward or back, however few its units are
    units = max(node.shape[node.channel_axis], 1)
    dead, always = forward.dead_fraction, forward.expected_dead
    # given how many units never change, each is off or on with probability 1/2
    return dead - always - 4 * math.sqrt((dead + always) / units)


def _all_shut(node: Node, forward: Forward) -> bool:
    """Whether a smooth activation (SiLU, GELU) is where it has no slope to speak of for all that it reads."""
    smooth = math.isnan(forward.dead_fraction) and node.activation not in BOUNDED
    return smooth and forward.shut_fraction > ALL


def _why_dead(table: Table, node: Node) -> str:
    before = table.graph.preceding(node.index, ("weight", "norm"), 3)
    if before is None or before.index not in table.forward:
        return f"what {place(node)} receives is never above 0"
    z = table.forward[before.index]
    offset = _offset_said(table, before, 0.5 * z.std)
    return (
        f"{place(before)} hands on mean {z.mean:.3g} with standard deviation {z.std:.3g}{offset}: "
        "units pushed below 0 for every input get no gradient and stay there"
    )


def _offset_said(table: Table, before: Node, bar: float) -> str:
    """What to say of a bias whose mean is beyond the bar."""
    bias = table.parameters.get(before.weight.bias) if before.weight and before.weight.bias else None
    return f"; its bias has mean {bias.mean:.3g}" if bias and abs(bias.mean) > bar else ""


def _mend_dead(table: Table, nodes: Sequence[Node], weights: Sequence[Node]) -> tuple[Fix, ...]:
    """The offsets that push these units off, and only then those of their like; else gains."""
    before = [(n, table.graph.preceding(n.index, ("weight",), 4)) for n in nodes]
    biases = [name for n, w in before if w is not None for name in _offsets(table, n, w)]
    norms = [norm for n in nodes if (norm := table.graph.preceding(n.index, ("norm",), 3)) is not None]
    biases += [name for norm in norms for name in norm.parameters if name.endswith("bias")]
    shifted = [name for name in biases if name in table.parameters and table.parameters[name].rms > 0.1]
    families, heads = {family(name) for name in shifted}, _head_biases(table)
    alike = [n for n, s in table.parameters.items() if family(n) in families and s.rms > 0.1]
    return (
        zeroed(table, shifted),
        zeroed(table, [name for name in alike if name not in heads]),
        *stack(table, weights),
    )


def _head_biases(table: Table) -> set[str | None]:
    return {n.weight.bias for n in table.graph.nodes if n.weight and n.role in ("head", "tied head")}


def saturated_units(table: Table) -> Iterator[Finding]:
    """Bounded activations pushed into their flat ends."""
    found = [
        (n, f)
        for n, f in _activations(table)
        if n.activation in BOUNDED and _beyond_chance(n, f) > SATURATED[0] and not _chosen(table, n, f)
        and not (_beyond_chance(n, f) < SATURATED[1] and _at_critical(table, n))
    ]  # fmt: skip
    if not found:
        return
    node, forward = max(found, key=lambda pair: pair[1].saturated_fraction)
    severity: Severity = "critical" if _beyond_chance(node, forward) > SATURATED[1] else "warning"
    weights = [w for n, _ in found if (w := table.graph.preceding(n.index, ("weight",), 4)) is not None]
    yield Finding(
        "saturated-units", severity, _where([n for n, _ in found]),
        f"{forward.saturated_fraction:.0%} of {node.op} where its slope is below 6 % of the steepest",
        f"{_expected(node):.1%} for pre-activations of variance 1",
        _why_saturated(table, node), "", tuple(place(n) for n, _ in found),
        mends=_mend_saturated(table, weights),
    )  # fmt: skip


def _at_critical(table: Table, node: Node) -> bool:
    """Whether pre-activations are as large as the gain makes them that deep stacks need (of sigmoid 4.7)."""
    before = table.graph.preceding(node.index, ("weight",), 3)
    if before is None or before.weight is None or not before.inputs or node.activation is None:
        return False
    made, read = table.forward.get(before.index), table.forward.get(before.inputs[0])
    wanted = ROOM * critical_gain(node.activation, dict(node.settings))
    return made is not None and read is not None and read.rms <= ONE and made.rms <= wanted * read.rms


def _mend_saturated(table: Table, weights: Sequence[Node]) -> tuple[Fix, ...]:
    """Pre-activations brought to 1: by the first such layer alone, by all of them, or by a new start."""
    loud = {
        n.weight.name: 1 / table.forward[n.index].rms
        for n in weights
        if n.weight and n.index in table.forward and table.forward[n.index].rms > 1
    }
    shift = zeroed(table, offsets(table, weights))
    first = dict(list(loud.items())[:1])
    return smaller_inputs(table), sized(table, first), sized(table, loud) + shift, *stack(table, weights)


def _chosen(table: Table, node: Node, forward: Forward) -> bool:
    """A gate held open, or an output held at a prior, by its bias: an offset; or a threshold of its own."""
    if forward.shut_fraction > SHUT:
        return False
    if _own_slopes(table, node):
        return True
    if forward.shifted_fraction < 0.7 * forward.saturated_fraction:
        return False
    before = table.graph.preceding(node.index, ("weight",), 4)
    if before is None or before.weight is None or before.index not in table.forward:
        return False
    added = [table.parameters[n] for n in _offsets(table, node, before) if n in table.parameters]
    offset = max((state.rms for state in added), default=0.0)
    z = table.forward[before.index]
    ends = node.role == "gate" or not table.graph.weighed_later(node.index)
    return ends and offset > 0.5 * z.rms


def _own_slopes(table: Table, node: Node) -> bool:
    """Whether each unit has a threshold and a steepness of its own, drawn and trained: sigma (v - mu)."""
    steep = table.node(node.inputs[0]) if node.inputs else node
    past = table.node(steep.inputs[0]) if len(steep.inputs) == 1 else steep
    trained = all(any(_drawn(table, name) for name in one.parameters) for one in (steep, past))
    return trained and (steep.kind, past.kind) == ("multiply", "add")


def _drawn(table: Table, name: str) -> bool:
    state = table.parameters.get(name)
    return state is not None and state.requested and state.std > 0


def _offsets(table: Table, node: Node, before: Node) -> list[str]:
    named = [before.weight.bias] if before.weight and before.weight.bias else []
    sums = [table.node(one) for one in node.inputs if table.node(one).kind == "add"]
    return [*named, *(name for one in sums for name in one.parameters)]


def _beyond_chance(node: Node, forward: Forward) -> float:
    """The saturated share of what N(0, 1) leaves: a clipped ReLU is flat below 0."""
    share = forward.saturated_fraction
    expected = _expected(node) if share > SATURATED[0] else 0.0
    return share if expected < BY_SHAPE else (share - expected) / (1 - expected)


def _expected(node: Node) -> float:
    """The share for z ~ N(0, 1)."""
    return _share_of_normal(str(node.activation), tuple(sorted(dict(node.settings).items())))


@lru_cache(maxsize=256)
def _share_of_normal(name: str, settings: tuple[tuple[str, float], ...]) -> float:
    import numpy as np
    from scipy import special

    from isogain.core.activations import activation

    phi = activation(name, **dict(settings))
    z = special.ndtri((np.arange(4000) + 0.5) / 4000)
    slope = np.abs(phi.derivative(z))
    return float(np.mean(slope < 0.06 * np.abs(phi.derivative(np.linspace(-8, 8, 4001))).max()))


def _why_saturated(table: Table, node: Node) -> str:
    before = table.graph.preceding(node.index, ("weight",), 4)
    if before is None or before.weight is None or before.index not in table.forward:
        return f"what {place(node)} receives is too large for it"
    z = table.forward[before.index]
    added = [table.parameters[n] for n in _offsets(table, node, before) if n in table.parameters]
    added = [state for state in added if state.name != before.weight.bias and state.rms > z.rms]
    if added:
        return (
            f"{added[0].name}, of root mean square {added[0].rms:.3g}, is added to what {place(before)} "
            "gives, of "
            f"{z.rms:.3g}: there {node.op} is flat, whatever the input"
        )
    inputs = [table.forward[i].rms for i in before.inputs if i in table.forward]
    seen = f" on inputs of root mean square {inputs[0]:.3g}" if inputs else ""
    offset = _offset_said(table, before, 0.5 * z.rms)
    return (
        f"{place(before)} has {gain_name(before.weight.gain)}{seen}: pre-activations of "
        f"{z.rms:.3g}, where {node.op} is flat{offset}"
    )


def _where(nodes: Sequence[Node]) -> str:
    paths = [place(node) for node in nodes]
    return pattern(paths) if len(paths) > 1 else family(paths[0]) if not paths else paths[0]

"""vanishing-forward by numbers meant otherwise: a probability of keeping, norms drawn like weights."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from isogain.graph import Node
from isogain.inspect.blame import needed_gain
from isogain.inspect.causes import pattern, place, places
from isogain.inspect.chains import is_residual_sum, lone_way
from isogain.inspect.closed import takes_all
from isogain.inspect.findings import Finding
from isogain.inspect.fixes import RESTART
from isogain.inspect.mending import filled, is_matrix, sized
from isogain.inspect.table import ParameterState, Table

__all__ = ["drawn_norms", "dropped_branches", "dropped_signals", "lonely_norms", "loud_noise"]

DROPS = 0.9
"""Probability of dropping from which on that of keeping may have been meant."""
NOISY = 2.0
"""Times the gain that is needed, and the size of the means, from which on noise is all that is seen."""
SAMPLES = 8
"""Samples that a fair draw takes a branch from together once in 256 times."""
NEAR = 3
"""Operations back from a factor to what was measured of the branch."""
UNITS = 8
"""Scales from which on a draw is told from a few that were set."""


def dropped_signals(table: Table) -> Iterator[Finding]:
    """Dropouts that leave one number in ten or fewer."""
    dropping = (node for node in table.graph.nodes if DROPS <= node.settings.get("p", 0.0) < 1)
    found = [node for node in dropping if not _on_branch(table, node)]
    if not found:
        return
    worst = max(found, key=lambda node: node.settings["p"])
    p, paths = worst.settings["p"], places(found)
    yield Finding(
        "vanishing-forward", "warning", pattern(paths), f"dropout with a probability of {p:.3g}",
        "below 0.5, as a rule",
        f"{place(worst)} drops {p:.0%} of the signal and multiplies the rest by {1 / (1 - p):.3g}: its "
        "probability is that of dropping, not of keeping", paths=paths,
    )  # fmt: skip


def _on_branch(table: Table, node: Node) -> bool:
    """Whether a stream goes around it, to which what is left is added."""
    sums = (one for one in table.graph.nodes[node.index :] if is_residual_sum(table, one))
    return node.index not in table.on_trunk and any(table.makers[one.index] >> node.index & 1 for one in sums)


def dropped_branches(table: Table) -> Iterator[Finding]:
    """Branches that a factor of 0, drawn for each sample, takes away from all samples of a batch."""
    found = [node for node in table.graph.nodes if table.batch >= SAMPLES and _drops_branch(table, node)]
    if not found:
        return
    paths = places(found)
    yield Finding(
        "vanishing-forward", "warning", pattern(paths),
        f"a branch times 0 for all {table.batch} samples",
        "a branch that some samples take",
        f"{pattern(paths)} multiplies the branch in front of it by 0 for every sample: nothing of it is "
        "handed on, and none of its parameters gets a gradient (a rate is the probability of dropping, "
        "not of keeping: 1 drops all)",
        paths=paths,
    )  # fmt: skip


def _drops_branch(table: Table, node: Node) -> bool:
    """Whether a signal comes in and nothing goes on to a sum, or back from it, by a factor that is no number
    in the code."""
    scales = node.kind == "multiply" and len(node.inputs) == 1 and not node.parameters
    if not scales or "factor" in node.settings or table.in_loss(node):
        return False
    after = table.graph.following(node.index, ("add",), 2)
    before = next((one for one in lone_way(table, node, NEAR) if one.index in table.backward), None)
    if after is None or before is None or table.silent(before) or not is_residual_sum(table, after):
        return False
    back, other = table.backward[before.index], table.backward.get(after.index)
    lost = back.finite and back.largest == 0 and not back.probe
    return lost and other is not None and other.finite and other.largest > 0


def drawn_norms(table: Table) -> Iterator[Finding]:
    """Norms whose scales are a draw around 0."""
    firsts = [node.parameters[0] for node in table.graph.nodes if node.kind == "norm" and node.parameters]
    states = [table.parameters[name] for name in dict.fromkeys(firsts) if name in table.parameters]
    found = [state for state in states if _drawn(table, state)]
    if not found or _around_another(states):
        return
    names = [state.name for state in found]
    yield Finding(
        "vanishing-forward", "warning", pattern(names),
        f"scales of norms with mean {found[0].mean:.2g} and standard deviation {found[0].std:.2g}",
        "1 each",
        f"{pattern(names)} are drawn like weights, with either sign: a norm hands on {found[0].rms:.2g} of "
        "its size, and half of its channels turned round",
        paths=tuple(names), mends=(filled(table, names, 1.0), RESTART),
    )  # fmt: skip


def _drawn(table: Table, state: ParameterState) -> bool:
    use = table.graph.by_parameter.get(state.name)
    scales = (
        use is not None and len(use.shape) == 1 and use.shape[0] >= UNITS and not state.name.endswith("bias")
    )
    return scales and not state.constant and abs(state.mean) < state.rms / 2


def _around_another(states: Sequence[ParameterState]) -> bool:
    """Whether all that are drawn lie, taken together, around another number than 0: few may seem not to."""
    drawn = [state for state in states if not state.constant]
    mean = sum(state.mean for state in drawn) / len(drawn)
    return len(drawn) > 1 and abs(mean) > math.sqrt(sum(state.rms**2 for state in drawn) / len(drawn)) / 2


def lonely_norms(table: Table) -> Iterator[Finding]:
    """Norms that take all away: over one number, or over numbers that are equal."""
    found = [node for node in table.graph.nodes if node.kind == "norm" and takes_all(table, node)]
    if not found:
        return
    node, paths = found[0], places(found)
    size = table.forward[node.index].rms
    yield Finding(
        "vanishing-forward", "warning", pattern(paths), f"{size:.1e} of a norm that scales by 1",
        f"{table.norm_scale(node):.3g}, whatever the input's size",
        f"{place(node)} normalises over a single number, or over numbers that are all the same: their own "
        "mean is taken away, and nothing of the signal is handed on", paths=paths,
    )  # fmt: skip


def loud_noise(table: Table) -> Iterator[Finding]:
    """Weights drawn at every pass (Bayesian and noisy layers), far louder than what they are drawn around."""
    found = [node for node in table.graph.nodes if node.kind == "weight" and _drowned_by_noise(table, node)]
    if not found:
        return
    spreads = tuple(dict.fromkeys(name for node in found for name in _spreads(table, node)))
    worst = max(node.weight.gain for node in found if node.weight)
    name = pattern(spreads)
    yield Finding(
        "exploding-forward", "warning", name, f"weights with noise of gain {worst:.3g}",
        "noise that is less than the weights' own means",
        f"what {name} makes of noise is louder than the weights around which it is drawn: spreads are "
        "divided by sqrt(fan_in), or are logarithms far below 0",
        paths=spreads, mends=(sized(table, dict.fromkeys(spreads, 1 / worst)), RESTART),
    )  # fmt: skip


def _drowned_by_noise(table: Table, node: Node) -> bool:
    use = node.weight
    if use is None or use.constant is not False or not use.gain > NOISY * needed_gain(table, node):
        return False
    means = [
        table.parameters[name].rms for name in _matrices(table, node) if not table.parameters[name].constant
    ]
    # a spread of one number says that it is noise: other weights are made of several matrices, too
    return bool(means and _spreads(table, node)) and use.rms > NOISY * max(means)


def _spreads(table: Table, node: Node) -> list[str]:
    """The parameters of one number, from which spreads are made."""
    return [name for name in _matrices(table, node) if table.parameters[name].constant]


def _matrices(table: Table, node: Node) -> list[str]:
    return [name for name in node.parameters if is_matrix(table, name) and name in table.parameters]

"""initial-loss: a first loss far above what a prediction that knows nothing would cost."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from isogain.graph import Node
from isogain.inspect.causes import pattern, place, places
from isogain.inspect.chains import chains, lone_way
from isogain.inspect.findings import Finding, Severity
from isogain.inspect.fixes import RESTART, Change, Fix
from isogain.inspect.mending import filled, sized, zeroed
from isogain.inspect.rules.answers import cooled, heads_of, largest_logit, made_by, temperature
from isogain.inspect.rules.softmaxes import lone_answers
from isogain.inspect.table import LossUse, Table

__all__ = ["initial_loss"]

EXCESS = (2.0, 8.0)
"""Nats above chance, beyond what a head at He's gain may cost after a chain of this depth and width."""
RATIO = (10.0, 100.0)
"""A loss of yes or no over what the best constant answer costs."""
SQUARES = (16.0, 100.0)
"""Mean squared error over the variance of the targets, which the best constant prediction would cost."""
DISTANT = (100.0, 1e4)
"""Deviation of the targets, over 1 and over the size of the answers, that usual rates take ages to reach."""
DEARER = (30.0, 1000.0)
"""A loss over what it is with zeros for one output, to warn and to call it critical."""
SURE = 8.0
"""Root mean square of logits from which on a softmax of several is one-hot."""
HOTTEST = 100.0
"""Largest logit up to which a factor on cosines is a temperature that somebody chose: CLIP's own limit."""


def initial_loss(table: Table) -> Iterator[Finding]:
    """The loss at the start against ln C (classes), ln 2 (yes or no), or the targets' variance."""
    told = set[str]()
    for use in () if lone_answers(table) else table.losses:
        finding = _judged(table, _differentiated(table, use))
        if finding is not None and told.isdisjoint(use.of):
            told |= {finding.path, *finding.paths}
            yield finding
    if all(use.kind == "own" for use in table.losses):
        yield from _sure(table)


def _sure(table: Table) -> Iterator[Finding]:
    """A softmax at the end, or in a loss of the caller's own, that picks one answer for sure (a policy's)."""
    for node in table.graph.nodes:
        last = node.kind == "softmax" and (table.in_loss(node) or node.index in table.graph.outputs)
        head, factor = _behind(table, node) if last else (None, 1.0)
        seen = table.forward.get(head.index) if head is not None else None
        if head is None or head.weight is None or seen is None or not seen.finite:
            continue
        size = abs(factor) * seen.rms
        if not size >= SURE:
            continue
        if table.graph.by_parameter[head.weight.name].trainable:
            yield Finding(
                "initial-loss", "warning", place(head), f"logits of root mean square {size:.3g}",
                "about 1 or less before anything is learnt",
                f"{place(head)} has gain {head.weight.gain:.3g}: the softmax behind it picks one answer for "
                "sure, and its slope is near 0"
                if factor == 1
                else f"a constant makes what {place(head)} gives {abs(factor):.3g} times as large (a "
                "temperature far below 1): the softmax behind it picks one answer for sure, and its slope is "
                "near 0",
                mends=(sized(table, {head.weight.name: 0.5 / size}), RESTART) if factor == 1 else (),
            )  # fmt: skip
            return


def _behind(table: Table, softmax: Node) -> tuple[Node | None, float]:
    """The layer that makes the logits, at most two operations before, and the constants between."""
    factor = 1.0
    for node in lone_way(table, softmax, 3):
        if node.kind == "weight":
            return node, factor
        factor *= float(node.settings.get("factor", 1.0))
    return None, factor


def _judged(table: Table, use: LossUse) -> Finding | None:
    if math.isfinite(use.raised):
        return _scaled(table, use)
    if math.isfinite(use.loudest):
        return _loud(table, use)
    if use.kind == "own":
        return _dearer(table, use)
    if math.isfinite(use.constant):
        return _constant(table, use)
    return _classified(table, use) if use.classes else _regressed(table, use)


def _dearer(table: Table, use: LossUse) -> Finding | None:
    """A loss of the caller's own that one output makes far dearer than zeros in its place would."""
    if not use.value > DEARER[0] * use.chance:
        return None
    heads = heads_of(table, use.answers)
    names = use.of or places(heads)
    if not names:
        return None
    weights = [node.weight.name for node in heads if node.weight]
    quiet = sized(table, dict.fromkeys(weights, math.sqrt(use.chance / use.value)))
    return Finding(
        "initial-loss", "critical" if use.value > DEARER[1] * use.chance else "warning", pattern(names),
        f"{use.value:.3g}", f"about {use.chance:.3g}, what zeros in place of one output cost",
        f"what {pattern(names)} gives makes the loss {use.value / use.chance:.3g} times as large: too large, "
        "or the logarithm of a scale and too small",
        paths=names, mends=(zeroed(table, use.of), quiet, RESTART),
    )  # fmt: skip


def _scaled(table: Table, use: LossUse) -> Finding | None:
    """A scale that starts far from what the data have: the loss is far cheaper where it is 1."""
    if (severity := _halved(use)) is None:
        return None
    name, scale = pattern(use.of), math.exp(use.raised)
    return Finding(
        "initial-loss", severity, name,
        f"{use.value:.3g}", f"{use.chance:.3g}, what it is with {name} at 0",
        f"{name} starts at {use.raised:.3g}, and e is raised to it: a scale of {scale:.3g}, which does not "
        f"fit the data; Adam at 1e-3 needs {abs(use.raised) * 1e3:,.0f} steps or more to bring it to 1",
        paths=use.of, mends=(zeroed(table, use.of),),
    )  # fmt: skip


def _halved(use: LossUse) -> Severity | None:
    """How bad a loss is of which other parameters would leave less than half; None for one that is not."""
    if not (use.value - use.chance > EXCESS[0] and use.halved):
        return None
    return "critical" if use.value > DEARER[1] * use.chance > 0 else "warning"


def _loud(table: Table, use: LossUse) -> Finding | None:
    """Weights that are louder than any activation needs: the loss is far cheaper where they are not."""
    if (severity := _halved(use)) is None:
        return None
    names = pattern(use.of)
    weights = [one.weight for one in table.graph.nodes if one.weight and one.weight.name in use.of]
    quiet = sized(table, {one.name: 1 / one.gain for one in weights})
    return Finding(
        "initial-loss", severity, names,
        f"{use.value:.3g}", f"{use.chance:.3g}, what it is with {names} at gain 1",
        f"{names} has a gain of up to {use.loudest:.3g}, and nothing behind makes up for it: the loss is as "
        "much dearer as answers are too large",
        paths=use.of, mends=(quiet, RESTART),
    )  # fmt: skip


def _differentiated(table: Table, use: LossUse) -> LossUse:
    """The use with what is differentiated: of single numbers that are masked or weighed later, the less.

    Their plain mean may be far from it, and it may be a sum over few of them; only both together tell.
    """
    whole = table.loss_value
    alike = any(math.isclose(whole, one, rel_tol=1e-2) for one in (use.value, use.value * use.elements))
    if not use.elements or alike or not math.isfinite(whole):
        return use
    return replace(use, value=min(use.value, whole))


def _constant(table: Table, use: LossUse) -> Finding | None:
    """A loss of yes or no that one constant answer would make far cheaper: the prior is missing."""
    excess, ratio = use.value - use.chance, use.value / use.chance if use.chance > 0 else math.nan
    if not (excess > EXCESS[0] and ratio > RATIO[0]) or _held(table, use):
        return None
    severity: Severity = "critical" if excess > EXCESS[1] and ratio > RATIO[1] else "warning"
    heads = heads_of(table, use.answers)
    paths = places(heads)
    name = pattern(list(paths)) if paths else "the head"
    p = 1 / (1 + math.exp(-use.constant))
    return Finding(
        "initial-loss", severity, pattern(list(paths)) if paths else "loss", f"{use.value:.3g}",
        f"{use.chance:.3g}, which the constant answer {p:.2g} to every question costs",
        f"nearly every answer is {'no' if p < 0.5 else 'yes'}, and the model starts at "
        f"{1 / (1 + math.exp(-_mean(table, heads))):.2g}: "
        f"the bias of {name} should start at log(p / (1 - p)) = {use.constant:.2g}",
        paths=paths, mends=(filled(table, _biases(heads, use.pulled), use.constant),),
    )  # fmt: skip


def _held(table: Table, use: LossUse) -> bool:
    """Whether no prior is missing: what is added behind the last weight makes its answers one-sided."""
    added = [
        name for one in use.answers for name in table.node(one).parameters if table.node(one).kind == "add"
    ]
    sizes = [table.parameters[name].rms for name in added if name in table.parameters]
    return abs(use.constant) < EXCESS[0] and max(sizes, default=0.0) > EXCESS[0]


def _biases(heads: list[Node], pulled: tuple[str, ...]) -> list[str]:
    """Their biases, if each has one and all its elements are asked for this one answer."""
    names = [node.weight.bias for node in heads if node.weight]
    return [name for name in names if name] if set(names).issubset(pulled) else []


def _mean(table: Table, heads: list[Node]) -> float:
    seen = [table.forward[node.index].mean for node in heads if node.index in table.forward]
    return min(max(sum(seen) / len(seen), -30.0), 30.0) if seen else 0.0


def _classified(table: Table, use: LossUse) -> Finding | None:
    excess = use.value - use.chance - _allowed(table)
    # spread logits are the mistake; a mean offset (a prior on rare classes) is a choice
    if not math.isfinite(excess) or excess <= EXCESS[0] or use.spread < 2:
        return None
    cosines, scale = temperature(table, use)
    if cosines and largest_logit(table, use) <= HOTTEST:
        return None  # a temperature is a choice
    severity: Severity = "critical" if excess > EXCESS[1] else "warning"
    if _frozen_head(table, use):
        severity = "info"  # no start of the rest is at fault
    made = made_by(table, use, 0.5) if scale is None else cooled(table, scale)
    return Finding(
        "initial-loss", severity, made.path, f"{use.value:.3g}",
        f"ln {use.classes} = {use.chance:.3g}, plus s²/2 for logits of standard deviation s < 1",
        f"the logits have standard deviation {use.spread:.3g}: the model starts out sure of random "
        f"answers ({made.said})", paths=made.paths, mends=made.mends,
    )  # fmt: skip


def _frozen_head(table: Table, use: LossUse) -> bool:
    """Whether the last weight before the loss is not trained."""
    node = None if use.node is None else table.graph.preceding(use.node, ("weight",), 8)
    if node is None or node.weight is None or node.weight.name not in table.graph.by_parameter:
        return False
    return not table.graph.by_parameter[node.weight.name].trainable


def _allowed(table: Table) -> float:
    """s^2 / 2 - 1 for logits of standard deviation s = sqrt(2), widened by the band of the longest chain."""
    band = max((chain.course.band() for chain in chains(table) if not chain.normalised), default=0.0)
    return min(10 ** (2 * band), 10.0) - 1


def _regressed(table: Table, use: LossUse) -> Finding | None:
    if use.learnt_target or not (use.chance > 0 and math.isfinite(use.value)):
        return None
    ratio = use.value / use.chance
    # of numbers that are weighed later some may be padding, and their targets anything
    distance = 0.0 if use.elements else use.target_std / max(use.spread, 1.0)
    if ratio <= SQUARES[0] and not distance > DISTANT[0]:
        return None
    severity: Severity = "critical" if ratio > SQUARES[1] or distance > DISTANT[1] else "warning"
    off_centre = abs(use.target_mean) > 3 * max(use.target_std, use.spread)
    made = made_by(table, use, use.target_std)
    mends = made.mends
    if off_centre or ratio <= SQUARES[0]:
        why = (
            f"the targets lie around {use.target_mean:.3g} with standard deviation "
            f"{use.target_std:.3g}, and the "
            "model starts around 0: the first steps only learn the mean; standardise the targets, or "
            "start there"
            if off_centre
            else f"the targets have standard deviation {use.target_std:.3g}, and the answers "
            f"{use.spread:.3g}: the first steps only learn their size; standardise the targets"
        )
        scale = f"{use.target_mean:.6g} {use.target_std:.6g}"
        mends = (Fix((Change("targets", text=scale),)),)
    else:
        why = (
            f"predictions of root mean square {use.spread:.3g} for targets of {use.target_std:.3g} "
            f"({made.said})"
        )
    return Finding(
        "initial-loss", severity, made.path, f"mean square error {use.value:.3g}",
        f"{use.chance:.3g}, the variance of the targets", why, paths=made.paths, mends=mends,
    )  # fmt: skip

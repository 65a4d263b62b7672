"""What an optimizer's step did: how far it moved each parameter, if that was too far, and which rate fits.

A rate is too high where parameters move far more than usual and the loss says so: along the step just
taken, from before to after, it is lowest well short of the end. Where it is lowest, the rate would have
fitted. Weights that were trained are never to be drawn anew: findings lose the fixes that would.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

import torch
from torch import nn

from isogain.errors import IsogainError
from isogain.graph.paths import stable_path
from isogain.inspect import Finding, Report
from isogain.theory.rates import RateRange
from isogain.torch.call.inputs import plain_module
from isogain.torch.draw.shards import whole
from isogain.torch.record.gathering import resharded
from isogain.torch.start.walking import Loss, walking

__all__ = ["RATE_TOO_HIGH", "Pace", "pace", "while_training"]

Tensor = torch.Tensor
RATE_TOO_HIGH = "rate-too-high"
USUAL = -3.0
"""log10 of std(change) / std(parameter) of one step that trains well."""
FAR = 1.0
"""Decades above it from which the loss along the step is asked."""
PATIENCE, UNCHANGED = 8, 0.95
"""Steps after which a loss above this share of the first has not fallen."""
SHORTER = tuple(4.0**-k for k in range(9))
"""Shares of the step at which the loss is looked at."""


@dataclass(frozen=True)
class Pace:
    """log10 of std(change) / std(parameter) by parameter, and the share of the step that would have done."""

    updates: dict[str, float]
    weights: frozenset[str] = frozenset()
    """Those that count: a bias that starts at 0 moves far by any step."""
    share: float = 1.0
    """1: the step was not too long."""

    @property
    def typical(self) -> float:
        """The median over weights; nan of none."""
        found = [update for name, update in self.updates.items() if name in self.weights]
        return median(found) if found else math.nan


def pace(wrapped: nn.Module, before: Mapping[str, Tensor], inputs: Any, loss: Loss | None) -> Pace:
    """The Pace of the step from `before` (parameters by name) to the model as it is."""
    model = plain_module(wrapped)
    resharded(model)
    weights = frozenset(stable_path(name) for name, p in model.named_parameters() if p.dim() > 1)
    found = Pace(_updates(model, before), weights)
    if not found.typical > USUAL + FAR:
        return found
    return replace(found, share=_fitting(wrapped, before, inputs, loss))


def values_of(model: nn.Module) -> dict[str, Tensor]:
    """A copy of what trains, by name; of a sharded model each process's share."""
    model = plain_module(model)
    resharded(model)
    return {name: p.detach().clone() for name, p in model.named_parameters() if p.requires_grad}


def _updates(model: nn.Module, before: Mapping[str, Tensor]) -> dict[str, float]:
    found = {}
    for name, parameter in model.named_parameters():
        old = before.get(name)
        if old is None or old.numel() < 2:
            continue
        old, new = whole(old), whole(parameter.detach())
        size = float(old.float().std(correction=0))
        moved = float((new - old).float().std(correction=0))
        if size > 0 and moved > 0:
            found[stable_path(name)] = math.log10(moved / size) if math.isfinite(moved / size) else math.inf
    return found


def _fitting(model: nn.Module, before: Mapping[str, Tensor], inputs: Any, loss: Loss | None) -> float:
    """The share of the step at which the loss is lowest; 1 where there is no loss to ask."""
    try:
        losses = _along(model, before, inputs, loss)
    except IsogainError:
        return 1.0
    best = min(range(len(losses)), key=lambda k: losses[k] if math.isfinite(losses[k]) else math.inf)
    return SHORTER[best] if math.isfinite(losses[best]) else 1.0


def _along(model: nn.Module, before: Mapping[str, Tensor], inputs: Any, loss: Loss | None) -> list[float]:
    """The losses at shares of the step; the model is as it was afterwards."""
    after = {name: whole(value).clone() for name, value in values_of(model).items() if name in before}
    before = {name: whole(value) for name, value in before.items()}
    found, inner = [], plain_module(model)
    with walking(model, inputs, loss, start=before) as walker:
        for share in SHORTER:
            with torch.no_grad():
                for name, parameter in inner.named_parameters():
                    if name in before:
                        parameter.copy_(torch.lerp(before[name], after[name], share))
            walker.look()
            found.append(walker.loss)
    return found


def while_training(
    report: Report, start: Report, step: int, taken: Pace, rates: Sequence[float], fitting: RateRange | None
) -> Report:
    """The report of a step of training: what is wrong with the rate first, and no fix that draws weights."""
    known = {finding.key for finding in start.findings}
    findings = tuple(_later(finding, step, finding.key in known) for finding in report.findings)
    if taken.share < 1:
        findings = (_too_long(step, taken, rates), *findings)
    elif fitting is not None and max(rates, default=0.0) > fitting.high and _lost(report, start, step):
        findings = (_beyond(report, start, step, max(rates), fitting), *findings)
    return replace(report, findings=findings)


def _later(finding: Finding, step: int, known: bool) -> Finding:
    """A finding as it reads while training."""
    told = (
        f"there since the start ({finding.why}): to be mended there, before training"
        if known
        else f"not there at the start: made by step {step} of training"
    )
    return replace(finding, why=told, fix="")


def _too_long(step: int, taken: Pace, rates: Sequence[float]) -> Finding:
    change = ", ".join(f"{rate:.2g} -> {rate * taken.share:.2g}" for rate in dict.fromkeys(rates))
    return _too_high(
        f"step {step} moved the weights by 10^{taken.typical:.1f} of their size, and the loss is lowest "
        f"after {taken.share:.2g} of it",
        f"about 10^{USUAL:.0f}",
        "the learning rate is too high: a step "
        f"{1 / taken.share:.3g} times as short would have fitted" + (f" ({change})" if change else ""),
        taken.share,
    )


def _lost(report: Report, start: Report, step: int) -> bool:
    """Whether training is undone: the loss is no number, or no lower than at the start after some steps."""
    now, first = report.table.loss_value, start.table.loss_value
    return not math.isfinite(now) or (step >= PATIENCE and now > UNCHANGED * first > 0)


def _beyond(report: Report, start: Report, step: int, rate: float, fitting: RateRange) -> Finding:
    now, first = report.table.loss_value, start.table.loss_value
    return _too_high(
        f"a loss of {now:.3g} after {step} steps at a rate of {rate:.2g}, {first:.3g} at the start",
        f"rates from {fitting.low:.2g} to {fitting.high:.2g}, measured at the start",
        f"the learning rate is too high: {fitting.middle:.2g} fits this start; start again with it",
        fitting.middle / rate,
    )


def _too_high(measured: str, expected: str, why: str, share: float) -> Finding:
    mend = f"for group in optimizer.param_groups: group['lr'] *= {share:.3g}"
    return Finding(RATE_TOO_HIGH, "critical", "optimizer", measured, expected, why, mend)

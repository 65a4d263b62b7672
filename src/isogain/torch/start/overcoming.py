"""Whether a start gets over what was found in it: a few usual steps on the batch, all undone.

Gains that are off, samples that look alike and biases that drown the data hold up plain gradient descent;
Adam divides by the size of each gradient, and often gets over them at once.  Then they are notes.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from isogain.errors import IsogainError
from isogain.inspect import Report
from isogain.inspect.findings import Finding, at_least
from isogain.inspect.table import Table
from isogain.torch.call.processes import ALONE, processes_of
from isogain.torch.start.short_run import USUAL, follow
from isogain.torch.start.walking import Loss, walking

__all__ = ["overcome"]

STEPS, LEFT = 20, 0.4
"""Steps, and the share of the first loss that may be left after them.  Of the broken starts of four corpora
in which nothing else is found the best keeps .67; five of the healthy ones keep less than .4."""
HALF, STILL = 10, 0.995
"""Steps after which a loss that has hardly moved is not looked at further."""
LARGEST = 50_000_000
"""Numbers up to which a model takes them."""


def overcome(report: Report, model: nn.Module, inputs: Any, loss: Loss | None) -> Report:
    """The report, with notes in place of what a few steps of Adam got over."""
    if not _may(report, model):
        return report
    try:
        left = _left(model, inputs, loss)
    except (IsogainError, RuntimeError, TypeError, ValueError):
        return report
    found = (_noted(one, left) if left < LEFT else one for one in report.findings)
    return replace(report, findings=tuple(found))


def _may(report: Report, model: nn.Module) -> bool:
    """Whether all that is found could be got over, under a loss above 0, and no gradient is 0."""
    grave = [one for one in report.findings if at_least(one.severity, "warning")]
    numbers = sum(parameter.numel() for parameter in model.parameters())
    return (
        bool(grave) and all(map(_of_size, grave)) and _learns(report.table)
        and numbers <= LARGEST and processes_of(model) is ALONE
    )  # fmt: skip


def _of_size(finding: Finding) -> bool:
    """Whether it is about how strong signals are by the gains on their way; no step mends what is missing."""
    return finding.blames or finding.code == "dead-units"


def _learns(table: Table) -> bool:
    judged = table.loss_source != "random projection" and 0 < table.loss_value < math.inf
    gradients = [one.gradient for one in table.parameters.values() if one.gradient is not None]
    return judged and bool(gradients) and all(one.largest > 0 for one in gradients)


def _left(model: nn.Module, inputs: Any, loss: Loss | None) -> float:
    """The share of the first loss after the steps; 1 where it is no number on the way, or does not move."""
    with walking(model, inputs, loss) as walker:
        first = walker.loss
        optimizer = torch.optim.Adam(walker.parameters, lr=USUAL)
        for step in range(1, STEPS + 1):
            follow(walker, optimizer)
            if not math.isfinite(walker.loss) or (step == HALF and walker.loss > STILL * first):
                return 1.0
        return walker.loss / first


def _noted(finding: Finding, left: float) -> Finding:
    if not at_least(finding.severity, "warning"):
        return finding
    remark = f"it trains as it is: {STEPS} steps of Adam at {USUAL:g} leave {left:.0%} of the loss"
    return replace(finding, severity="info", mends=(), remark=remark)

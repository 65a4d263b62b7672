"""`inspect` as it is offered: what `inspection` sees, with fixes that a copy of the model was mended by."""

from __future__ import annotations

from functools import partial
from typing import Any

from torch import nn

from isogain.errors import IsogainError
from isogain.inspect import Report
from isogain.inspect.findings import at_least
from isogain.inspect.fixes import Dialect, Fix
from isogain.inspect.proving import proved
from isogain.torch.call.inputs import plain_module, understood
from isogain.torch.call.losses import Loss, LossLike
from isogain.torch.inspection.inspecting import Level
from isogain.torch.inspection.inspecting import inspect as look
from isogain.torch.mending.carrying import TORCH, carried_out
from isogain.torch.mending.data import worded
from isogain.torch.record.gathering import copied
from isogain.torch.start.overcoming import overcome

__all__ = ["LARGEST", "inspect"]

LARGEST = 1 << 31
"""Bytes of a model up to which a copy is made."""


def inspect(
    model: nn.Module, inputs: Any = None, loss: LossLike | None = None, *, level: Level = "default",
    dialect: Dialect = TORCH,
) -> Report:  # fmt: skip
    """A Report on the model as it stands: verdict, findings with cause and fix, layers, coverage.

    One forward and one backward pass in the model's present mode; parameters, buffers, gradients, flags,
    hooks and random states are as before afterwards, also when the model raises.  `inputs` is a tensor or an
    array, a tuple of positional or a mapping of keyword arguments, or a DataLoader (its first batch); `loss`
    takes the output, or is "cross_entropy", "mse" or "bce" (of logits), or a function of output and targets:
    then inputs end in the targets.  Without it the output's `.loss` is used where there is one, else a random
    projection of the output.

    Where nothing but gains is at fault, and there is a loss above 0, up to twenty steps of Adam at 1e-3 on
    the batch (undone) say whether the model gets over it: what leaves less than .4 of its loss is a note.
    Where something is found, at most six fixes are tried on copies of the model (up to 2 GiB), each with a
    pass of its own; a finding has a line only if the copy lost that finding, got no worse in any other and
    its first loss did not rise.  A `remark` says why another has none.

    `level="full"` also measures the Jacobian of the outputs by the inputs (||J||_F^2 by random
    vector-Jacobian products, its largest singular value by power iteration) and takes ranks from 256
    observations instead of 32; it costs some tens of backward passes.  `dialect` says how lines are written.

    Raises InspectError when the model or the loss raises, naming what it said.

    >>> report = inspect(model, torch.randn(32, 784))  # doctest: +SKIP
    >>> report.verdict  # doctest: +SKIP
    'healthy'
    """
    given = inputs
    inputs, asked = understood(plain_module(model), inputs, loss)
    report = overcome(look(model, inputs, asked, level=level), model, inputs, asked)
    if not report.findings:
        return report
    tried = partial(_attempt, model, inputs, asked)
    return proved(report, tried, worded(dialect, given, loss), _why_not(model, report))


def _why_not(model: nn.Module, report: Report) -> str:
    """Why no copy is made, if so."""
    if not any(at_least(finding.severity, "warning") for finding in report.findings):
        return "nothing is wrong"
    size = sum(t.numel() * t.element_size() for t in (*model.parameters(), *model.buffers()))
    return f"a copy of the model would take {size / 2**30:.1f} GiB" if size > LARGEST else ""


def _attempt(model: nn.Module, inputs: Any, loss: Loss | None, fix: Fix) -> Report | None:
    """The report on a copy with the Fix; None where it cannot be copied, mended or run."""
    try:
        twin = copied(model)
        return look(twin, *carried_out(fix, twin, inputs, loss))
    except (IsogainError, RuntimeError, TypeError, ValueError, AttributeError, NotImplementedError):
        return None

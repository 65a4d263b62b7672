"""A model that takes steps on one batch with its loss, and is as it was afterwards, parameters too."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from statistics import fmean
from typing import Any

import torch
from torch import nn

from isogain.errors import InspectError
from isogain.graph.entry import PlanError
from isogain.torch.call.calling import (
    PROJECTION,
    applied,
    arguments_of,
    called,
    check_call,
    differentiated,
    eager,
    loss_of,
)
from isogain.torch.call.guard import Untouched
from isogain.torch.call.inputs import plain_module, understood
from isogain.torch.call.losses import Loss, LossLike
from isogain.torch.call.processes import ALONE, Processes, processes_of
from isogain.torch.call.tensors import dense
from isogain.torch.draw.shards import is_dtensor
from isogain.torch.record.gathering import gathered

__all__ = ["Loss", "RateError", "Walker", "walking"]

Tensor = torch.Tensor


class RateError(InspectError):
    """No learning rate can be given: the loss is not finite, or has no slope, where the model stands."""


class Walker:
    """A model that takes steps on one batch."""

    def __init__(
        self,
        model: nn.Module,
        parameters: Sequence[nn.Parameter],
        inputs: Any,
        loss: Loss | None,
        signed: bool,
        processes: Processes = ALONE,
    ) -> None:
        self.model, self.parameters, self.inputs, self.asked = model, parameters, inputs, loss
        self.signed, self.processes = signed, processes
        self.look()
        if not math.isfinite(self.loss):
            raise RateError(f"no learning rate can be given: the loss is {self.loss} at the start")

    @property
    def polyak(self) -> float:
        """The rate at which one step along a straight line would lose all of the loss."""
        if not (self.slope > 0 and math.isfinite(self.slope)):
            raise RateError("no learning rate can be given: the loss has no slope at the start")
        return max(abs(self.loss), 1e-8) / self.slope

    def step(self, rate: float) -> None:
        """Along minus the direction, and a new look."""
        with torch.no_grad():
            for parameter, direction in zip(self.parameters, self.directions, strict=True):
                parameter.sub_(direction, alpha=rate)
        self.look()

    def look(self) -> None:
        """The loss, the direction of the next step against it, and the loss's slope along it."""
        torch.manual_seed(0)  # the same dropout at every step
        positional, named = arguments_of(self.inputs)
        loss, found = self.processes.agreed(partial(self._pass, positional, named))
        pairs = zip(self.parameters, found, strict=True)
        gradients = [self.processes.average_(dense(p, g)) for p, g in pairs]
        self.loss = fmean(self.processes.all(loss))
        self.slope = sum(float((g.abs() if self.signed else g.abs().square()).sum()) for g in gradients)
        self.directions = [g.sgn() for g in gradients] if self.signed else gradients

    def _pass(self, positional: Any, named: Any) -> tuple[float, Sequence[Tensor | None]]:
        """The loss of this process's batch and its gradients."""
        output = applied(self.model, positional, named)
        value, source = loss_of(_Unwatched(), output, self.asked)
        if value is None or source == PROJECTION or not value.requires_grad:
            raise RateError("a range of learning rates needs a loss that can be differentiated: give loss=")
        found = called(lambda: differentiated(value, self.parameters), "the backward pass raised")
        return float(value.detach()), found


class _Unwatched:
    """Stands where a pass that is watched has its watcher."""

    def __enter__(self) -> None: ...

    def __exit__(self, *error: Any) -> None: ...


@contextmanager
def walking(
    model: nn.Module, inputs: Any, loss: LossLike | None, signed: bool = False,
    start: Mapping[str, Tensor] | None = None,
) -> Iterator[Walker]:  # fmt: skip
    """A Walker of this model, which begins at other values by name if given; all is as before afterwards.

    A sharded model is gathered for it; the steps are those of the mean gradient of all processes.
    """
    wrapped, model = model, plain_module(model)
    check_call(dict(model.named_parameters()), loss)
    inputs, asked = understood(model, inputs, loss)
    dtypes = [p.dtype for p in model.parameters()]
    with gathered(model), Untouched(model) as guard, eager(), torch.enable_grad():
        parameters = [p for p in model.parameters() if p.requires_grad]
        _check(parameters, [p.dtype for p in model.parameters()] == dtypes)
        for parameter in parameters:
            guard.keep(parameter)
        with torch.no_grad():
            for name, value in (start or {}).items():
                model.get_parameter(name).copy_(value)
        yield Walker(model, parameters, inputs, asked, signed, processes_of(wrapped))


def _check(parameters: list[nn.Parameter], same_types: bool) -> None:
    if not parameters:
        raise InspectError("a range of learning rates needs a parameter that trains; all of them are frozen")
    if any(p.is_meta or is_dtensor(p) for p in parameters):
        raise PlanError("learning rates are measured on parameters that are here, not on meta ones")
    if not same_types:
        raise PlanError(
            "learning rates are not measured under mixed precision: what is gathered for the pass is too "
            "coarse to take small steps"
        )

"""`rate_range`: which learning rates train a model from where it stands, measured on one batch.

A ramp: steps along the optimizer's own direction, the gradient or its signs, each at a rate 10^(1/4) times the
last one's.  It begins where a straight line says that a small share of the loss goes, and ends where half of
the loss is gone, or where it rises: so the curvature is met that training will meet, not that of the start
alone, which a deep stack multiplies as its outputs grow.
"""

from __future__ import annotations

import inspect as signatures
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import nn

from isogain.errors import InspectError
from isogain.graph.entry import PlanError
from isogain.graph.groups import optimizer_kind
from isogain.theory.rates import MOMENTUM, RateRange, around, family
from isogain.torch.call.calling import arguments_of, called, check_call, eager, loss_of, plain_module
from isogain.torch.call.guard import Untouched
from isogain.torch.draw.shards import is_dtensor

__all__ = ["Loss", "RateError", "ramp_of", "ranges_of", "rate_range", "trained"]

Tensor = torch.Tensor
Loss = Callable[[Any], Tensor]
GROWTH = 10**0.25
"""Factor on the rate from step to step."""
FIRST = 1 / 64
"""The first rate, as a share of the one at which a straight line would lose all of the loss."""
GONE = 0.5
"""Share of the loss that is left when the ramp ends."""
RISEN = 1.5
"""Or above which it does."""
MOST = 40


@dataclass(frozen=True)
class Ramp:
    """The losses at rates that grow from step to step; the first is that of the start, at rate 0."""

    rates: tuple[float, ...]
    losses: tuple[float, ...]

    @property
    def high(self) -> float:
        """The rate at which half of the loss was gone (between two steps, on a line), or it was lowest."""
        best = min(range(len(self.losses)), key=lambda k: self.losses[k])
        goal = GONE * self.losses[0]
        if self.losses[best] > goal or best < 2:
            return self.rates[best]
        before, after = self.losses[best - 1], self.losses[best]
        share = (before - goal) / (before - after)
        return float(self.rates[best - 1] * (self.rates[best] / self.rates[best - 1]) ** share)

    @property
    def reason(self) -> str:
        """What was seen."""
        first, best = self.losses[0], min(self.losses)
        if best <= GONE * first:
            return f"{len(self.losses) - 1} steps at growing rates halved the batch's loss of {first:.3g}"
        return f"at growing rates the batch's loss fell from {first:.3g} to {best:.3g}, then rose"


def rate_range(
    model: nn.Module, inputs: Any, loss: Loss | None = None, optimizer: Any = "adamw"
) -> RateRange:
    """The RateRange of a model as it stands, measured by some ten steps on this batch, all undone.

    `inputs` and `loss` are those of `inspect`; without `loss` the output's own .loss is used.  `optimizer` is
    a name ("sgd", "momentum", "adamw", ...), a class or an instance; an instance's momentum is taken into
    account: a rate sums up to rate / (1 - momentum).  Steps of Adam's kind move every weight by the rate.
    Takes a forward and a backward pass a step and the memory of one copy of the parameters and one gradient.

    Raises InspectError where there is no loss, or it is not finite or cannot be differentiated, PlanError for
    an optimizer whose steps are of no known kind.

    >>> model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 2))
    >>> found = rate_range(model, torch.randn(32, 8), lambda out: out.square().mean(), "sgd")
    >>> found.low < found.middle < found.high
    True

    Source: Smith 2017, arXiv 1506.01186 (rates that grow), here with the steps' own scale (Polyak 1987).
    """
    signed, momentum = _steps_of(optimizer)
    ramp = ramp_of(model, inputs, loss, signed)
    found = around(family(signed), ramp.high, ramp.reason, signed=signed, measured=True)
    return found.scaled(1 - momentum, _named(optimizer))


def ranges_of(model: nn.Module, inputs: Any, loss: Loss | None) -> tuple[RateRange, ...]:
    """The ranges of SGD, without and with momentum .9, and of Adam."""
    sgd = rate_range(model, inputs, loss, "sgd")
    return sgd, sgd.scaled(1 - MOMENTUM, "momentum"), rate_range(model, inputs, loss, "adam")


def trained(model: nn.Module, inputs: Any, loss: Loss | None, optimizer: Any, steps: int) -> float:
    """The lowest loss that so many steps on this batch come to, at the middle of the range, a third and thrice.

    inf where every run leaves the numbers, or there is no rate to take; the steps are undone.
    """
    model = plain_module(model)
    try:
        rate = rate_range(model, inputs, loss, optimizer).middle
    except RateError:
        return math.inf
    return min(_run(model, inputs, loss, optimizer, rate * factor, steps) for factor in (1 / 3, 1.0, 3.0))


def _run(
    model: nn.Module, inputs: Any, loss: Loss | None, optimizer: Any, rate: float, steps: int
) -> float:
    """The mean loss of the last tenth of the steps at one rate; inf where it is no number."""
    parameters = [p for p in model.parameters() if p.requires_grad]
    signed, momentum = _steps_of(optimizer)
    kind = torch.optim.Adam if signed else partial(torch.optim.SGD, momentum=momentum)
    losses: list[float] = []
    with _held(model, parameters):
        walker, stepper = Walker(model, parameters, inputs, loss, False), kind(parameters, lr=rate)
        for _ in range(steps):
            for parameter, gradient in zip(parameters, walker.directions, strict=True):
                parameter.grad = gradient
            stepper.step()
            walker.look()
            losses.append(walker.loss)
    last = losses[-max(steps // 10, 1) :]
    return sum(last) / len(last) if all(map(math.isfinite, last)) else math.inf


def _steps_of(optimizer: Any) -> tuple[bool, float]:
    """Whether steps are of one size a weight, and the momentum that sums them up."""
    if optimizer_kind(optimizer) == "adam":
        return True, 0.0
    if isinstance(optimizer, str):
        return False, 0.0 if optimizer.lower() in ("sgd", "fusedsgd") else MOMENTUM
    if isinstance(optimizer, type):
        parameter = signatures.signature(optimizer).parameters.get("momentum")
        return False, float(getattr(parameter, "default", 0.0) or 0.0)
    return False, max(float(group.get("momentum", 0.0)) for group in optimizer.param_groups)


def _named(optimizer: Any) -> str:
    if isinstance(optimizer, str):
        return optimizer.lower()
    return str(getattr(optimizer, "__name__", type(optimizer).__name__))


def ramp_of(model: nn.Module, inputs: Any, loss: Loss | None, signed: bool) -> Ramp:
    """Steps at growing rates on one batch, all undone."""
    model = plain_module(model)
    parameters = [p for p in model.parameters() if p.requires_grad]
    check_call(dict(model.named_parameters()), loss)
    _check(parameters)
    with _held(model, parameters):
        walker = Walker(model, parameters, inputs, loss, signed)
        rates, losses, first = [0.0], [walker.loss], walker.polyak * FIRST
        while len(losses) <= MOST and not _over(losses):
            rates.append(first * GROWTH ** (len(rates) - 1))
            walker.step(rates[-1])
            losses.append(walker.loss if math.isfinite(walker.loss) else math.inf)
    return Ramp(tuple(rates), tuple(losses))


def _over(losses: list[float]) -> bool:
    last = losses[-1]
    return last <= GONE * losses[0] or last > RISEN * losses[0]


def _check(parameters: list[nn.Parameter]) -> None:
    if not parameters:
        raise InspectError("a range of learning rates needs a parameter that trains; all of them are frozen")
    if any(p.is_meta or is_dtensor(p) for p in parameters):
        raise PlanError("learning rates are measured on parameters that are here, not on meta or sharded ones")


@contextmanager
def _held(model: nn.Module, parameters: list[nn.Parameter]) -> Iterator[None]:
    """The model as it was afterwards, its parameters too."""
    with Untouched(model) as guard, eager(), torch.enable_grad():
        for parameter in parameters:
            guard.keep(parameter)
        yield


class RateError(InspectError):
    """No learning rate can be given: the loss is not finite, or has no slope, where the model stands."""


class Walker:
    """A model that takes steps on one batch."""

    def __init__(
        self, model: nn.Module, parameters: list[nn.Parameter], inputs: Any, loss: Loss | None, signed: bool
    ) -> None:
        self.model, self.parameters, self.inputs, self.asked = model, parameters, inputs, loss
        self.signed = signed
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
        output = called(lambda: self.model(*positional, **named), "the model raised in forward")
        value, source = loss_of(_Unwatched(), output, self.asked)
        if value is None or source == "random projection" or not value.requires_grad:
            raise InspectError(
                "a range of learning rates needs a loss that can be differentiated: give loss="
            )
        found = called(
            lambda: torch.autograd.grad(value, self.parameters, allow_unused=True),
            "the backward pass raised",
        )
        gradients = [torch.zeros_like(p) if g is None else g for p, g in zip(self.parameters, found, strict=True)]
        self.loss = float(value.detach())
        self.slope = sum(float((g.abs() if self.signed else g.square()).sum()) for g in gradients)
        self.directions = [g.sign() for g in gradients] if self.signed else gradients


class _Unwatched:
    """Stands where a pass that is watched has its watcher."""

    def __enter__(self) -> None: ...

    def __exit__(self, *error: Any) -> None: ...

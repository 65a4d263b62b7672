"""`rate_range`: which learning rates train a model from where it stands, measured on one batch.

A ramp: steps along the optimizer's own direction, the gradient or its signs, each at a rate 10^(1/4) times
the last. It begins where a straight line says that a small share of the loss goes, and ends where half of
the loss is gone, or where it rises: so the curvature is met that training will meet, not that of the start
alone, which a deep stack multiplies as its outputs grow.
"""

from __future__ import annotations

import inspect as signatures
import math
from dataclasses import dataclass
from typing import Any

from torch import nn

from isogain.graph.groups import optimizer_kind
from isogain.theory.rates import MOMENTUM, RateRange, around, family
from isogain.torch.call.inputs import plain_module, understood
from isogain.torch.call.losses import LossLike
from isogain.torch.start.walking import Loss, RateError, Walker, walking

__all__ = ["ramp_of", "ranges_of", "rate_range", "steps_of"]

GROWTH = 10**0.25
"""Factor on the rate from step to step."""
FIRST = (2**-6, 2**-12, 2**-18)
"""The first rate, as a share of the one at which a straight line would lose all of the loss; the next where
the loss rises at once."""
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
    model: nn.Module, inputs: Any, loss: LossLike | None = None, optimizer: Any = "adamw"
) -> RateRange:
    """The RateRange of a model as it stands, measured by some ten steps on this batch, all undone.

    `inputs` and `loss` are those of `inspect`; without `loss` the output's own .loss is used.  `optimizer` is
    a name ("sgd", "momentum", "adamw", ...), a class or an instance; an instance's momentum is taken into
    account: a rate sums up to rate / (1 - momentum).  Steps of Adam's kind move every weight by the rate.
    Takes a forward and a backward pass a step and the memory of one copy of the parameters and one gradient.

    Raises InspectError where there is no loss, or it is not finite or cannot be differentiated, PlanError for
    an optimizer whose steps are of no known kind.

    >>> import torch
    >>> model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 2))
    >>> found = rate_range(model, torch.randn(32, 8), lambda out: out.square().mean(), "sgd")
    >>> found.low < found.middle < found.high
    True

    Source: Smith 2017, arXiv 1506.01186 (rates that grow), here with the steps' own scale (Polyak 1987).
    """
    signed, momentum = steps_of(optimizer)
    ramp = ramp_of(model, *understood(plain_module(model), inputs, loss), signed)
    found = around(family(signed), ramp.high, ramp.reason, signed=signed, measured=True)
    return found.scaled(1 - momentum, _named(optimizer))


def ranges_of(model: nn.Module, inputs: Any, loss: Loss | None) -> tuple[RateRange, ...]:
    """The ranges of SGD, without and with momentum .9, and of Adam."""
    sgd = rate_range(model, inputs, loss, "sgd")
    return sgd, sgd.scaled(1 - MOMENTUM, "momentum"), rate_range(model, inputs, loss, "adam")


def steps_of(optimizer: Any) -> tuple[bool, float]:
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
    """Steps at growing rates on one batch, all undone; RateError where the loss rises at the smallest."""
    for share in FIRST:
        with walking(model, inputs, loss, signed) as walker:
            found = _climbed(walker, walker.polyak * share)
        if found.high > 0:
            return found
    if len(found.rates) < 2:
        raise RateError(f"no learning rate can be given: the loss is {found.losses[0]:.3g} before any step")
    raise RateError(
        f"no learning rate can be given: the loss rises at {found.rates[1]:.2g} already, the smallest tried"
    )


def _climbed(walker: Walker, first: float) -> Ramp:
    rates, losses = [0.0], [walker.loss]
    while len(losses) <= MOST and not _over(losses):
        rates.append(first * GROWTH ** (len(rates) - 1))
        walker.step(rates[-1])
        losses.append(walker.loss if math.isfinite(walker.loss) else math.inf)
    return Ramp(tuple(rates), tuple(losses))


def _over(losses: list[float]) -> bool:
    last = losses[-1]
    return last <= GONE * losses[0] or last > RISEN * losses[0]

"""A short run on one batch, at rates that suit the start: what a model comes to, all undone."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import torch
from torch import nn

from isogain.torch.start.ramp import rate_range, steps_of
from isogain.torch.start.walking import Loss, RateError, Walker, walking

__all__ = ["USUAL", "follow", "stepped", "trained"]

FACTORS = (1 / 3, 1.0, 3.0)
"""Of the middle of the range: the rate shall decide nothing between starts."""

USUAL = 1e-3
"""The rate of Adam that most begin with, and many keep."""


def trained(model: nn.Module, inputs: Any, loss: Loss | None, optimizer: Any, steps: int) -> float:
    """The lowest loss that so many steps come to, at the middle of the model's range and to both sides of it.

    inf where every run leaves the numbers, or no rate lowers the loss.
    """
    try:
        rate = rate_range(model, inputs, loss, optimizer).middle
    except RateError:
        return math.inf
    return min(_run(model, inputs, loss, optimizer, rate * factor, steps) for factor in FACTORS)


def stepped(model: nn.Module, inputs: Any, loss: Loss | None, steps: int) -> float:
    """The loss that so many steps of Adam come to at its usual rate; inf where it is no number."""
    return _run(model, inputs, loss, "adam", USUAL, steps)


def follow(walker: Walker, optimizer: torch.optim.Optimizer) -> None:
    """One step of an optimizer against the loss, and a new look."""
    for parameter, gradient in zip(walker.parameters, walker.directions, strict=True):
        parameter.grad = gradient
    optimizer.step()
    walker.look()


def _run(model: nn.Module, inputs: Any, loss: Loss | None, optimizer: Any, rate: float, steps: int) -> float:
    """The mean loss of the last tenth of the steps at one rate; inf where it is no number."""
    signed, momentum = steps_of(optimizer)
    kind = torch.optim.Adam if signed else partial(torch.optim.SGD, momentum=momentum)
    losses: list[float] = []
    with walking(model, inputs, loss) as walker:
        stepper = kind(walker.parameters, lr=rate)
        for _ in range(steps):
            follow(walker, stepper)
            losses.append(walker.loss)
    last = losses[-max(steps // 10, 1) :]
    return sum(last) / len(last) if all(map(math.isfinite, last)) else math.inf

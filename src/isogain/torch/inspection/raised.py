"""What the loss would be with other scales: parameters that e is raised to at 0, loud weights at gain 1."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from typing import Any

import torch

from isogain.inspect.table import LossUse
from isogain.torch.call.calling import Loss, loss_of
from isogain.torch.call.guard import same_random
from isogain.torch.measure.sampling import rms_of
from isogain.torch.record.capture import Recorder

__all__ = ["raised_uses"]

Tensor = torch.Tensor
Cost = Callable[[Mapping[str, float]], float]
"""The loss with some parameters times a factor."""
LOUD = 5.0
"""Gain from which on a weight is asked about."""
MOST = 1e3
"""Times the largest loss that was seen from which on something else makes the loss."""
FAR = 3.0
"""Size of a logarithm from which on it is asked about: a scale of 20, or of a twentieth."""
NUMBERS = 64
"""Numbers up to which a parameter may be the scales of some outputs."""


def raised_uses(
    recorder: Recorder, positional: tuple[Any, ...], named: Mapping[str, Any], loss: Loss | None, value: float
) -> list[LossUse]:
    """The LossUse of the loss against the same with other parameters, where that is cheaper.

    A logarithm of scales at 0; under a loss of the caller's own, loud weights at gain 1.  Nothing where no
    parameter that e is raised to starts far from 0, and no weight is loud.
    """
    if not math.isfinite(value):
        return []

    def cost(factors: Mapping[str, float]) -> float:
        other = {name: factor * recorder.parameters[name].detach() for name, factor in factors.items()}
        output = torch.func.functional_call(recorder.model, other, positional, dict(named))
        found, _ = loss_of(nullcontext(), output, loss)
        return math.nan if found is None else float(found.float())

    try:
        with same_random(), torch.no_grad():
            return [*_of_logarithms(recorder, cost, value), *_of_loud_weights(recorder, cost, value)]
    except Exception:  # it is for a further question alone
        return []


def _of_logarithms(recorder: Recorder, cost: Cost, value: float) -> Iterator[LossUse]:
    best, name = min(((cost({name: 0.0}), name) for name in _logarithms(recorder)), default=(math.nan, ""))
    if best < value and best < cost({name: 0.5}) < value:
        level = float(recorder.parameters[name].detach().float().mean())
        yield LossUse("own", value, best, of=(name,), raised=level)


def _of_loud_weights(recorder: Recorder, cost: Cost, value: float) -> Iterator[LossUse]:
    """Only where no loss of a known chance level makes most of it: others say themselves what is too much."""
    told = max((use.value for use in recorder.meter.losses), default=0.0)
    gains = {} if recorder.meter.losses and value < MOST * told else _loud(recorder)
    best = cost({name: 1 / gain for name, gain in gains.items()}) if gains else math.nan
    if best < value:
        yield LossUse("own", value, best, of=tuple(gains), loudest=max(gains.values()))


def _loud(recorder: Recorder) -> dict[str, float]:
    """The gains of trained weights far above what any activation needs; of tables, that of their rows."""
    uses = [node.weight for node in recorder.nodes if node.kind == "weight" and node.weight is not None]
    gains = {use.name: use.gain for use in uses}
    known = {name: one for name, one in recorder.parameters.items() if one.requires_grad}
    tables = {name: rms_of(one) for name, one in known.items() if one.dim() == 2 and name not in gains}
    return {n: gain for n, gain in (tables | gains).items() if n in known and LOUD < gain < math.inf}


def _logarithms(recorder: Recorder) -> list[str]:
    """The trainable parameters of one number, far from 0, that e is raised to."""
    found = {name: recorder.parameters[name] for name in sorted(recorder.raised)}
    return [name for name, one in found.items() if one.requires_grad and 0 < one.numel() <= NUMBERS
            and _is_far(one.detach().flatten())]  # fmt: skip


def _is_far(values: Tensor) -> bool:
    return bool((values == values[0]).all()) and abs(float(values[0])) >= FAR

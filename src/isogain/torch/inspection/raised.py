"""What the loss would be with other scales: parameters that e is raised to, set to 0."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any

import torch

from isogain.inspect.table import LossUse
from isogain.torch.call.calling import Loss, loss_of
from isogain.torch.call.guard import same_random
from isogain.torch.record.capture import Recorder

__all__ = ["raised_uses"]

Tensor = torch.Tensor
FAR = 3.0
"""Size of a logarithm from which on it is asked about: a scale of 20, or of a twentieth."""
NUMBERS = 64
"""Numbers up to which a parameter may be the scales of some outputs."""


def raised_uses(
    recorder: Recorder, positional: tuple[Any, ...], named: Mapping[str, Any], loss: Loss | None, value: float
) -> list[LossUse]:
    """The LossUse of the loss against the same with one logarithm of scales at 0, where that is cheaper.

    Nothing where no parameter that e is raised to starts far from 0.
    """
    if not math.isfinite(value):
        return []

    def cost(name: str, factor: float) -> float:
        other = {name: factor * recorder.parameters[name].detach()}
        output = torch.func.functional_call(recorder.model, other, positional, dict(named))
        found, _ = loss_of(nullcontext(), output, loss)
        return math.nan if found is None else float(found.float())

    try:
        with same_random(), torch.no_grad():
            asked = [(cost(name, 0.0), name) for name in _logarithms(recorder)]
            best, name = min(asked, default=(math.nan, ""))
            halfway = cost(name, 0.5) if best < value else math.nan
    except Exception:  # it is for a further question alone
        return []
    if not best < halfway < value:
        return []
    level = float(recorder.parameters[name].detach().float().mean())
    return [LossUse("own", value, best, of=(name,), raised=level)]


def _logarithms(recorder: Recorder) -> list[str]:
    """The trainable parameters of one number, far from 0, that e is raised to."""
    found = {name: recorder.parameters[name] for name in sorted(recorder.raised)}
    return [name for name, one in found.items() if one.requires_grad and 0 < one.numel() <= NUMBERS
            and _is_far(one.detach().flatten())]  # fmt: skip


def _is_far(values: Tensor) -> bool:
    return bool((values == values[0]).all()) and abs(float(values[0])) >= FAR

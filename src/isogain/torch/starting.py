"""`init_`: plan, draw, calibrate in one pass, verify; everything but the parameters is as before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import nn

from isogain.graph.receipt import Receipt
from isogain.graph.rules.registry import DEFAULT
from isogain.torch.apply import apply_
from isogain.torch.calibration import calibrate
from isogain.torch.inspection import _arguments, _plain
from isogain.torch.planning import plan

__all__ = ["init_"]


def init_(
    model: nn.Module, inputs: Any, seed: int = 0, *, exclude: str | Sequence[str] = (), recipe: str = DEFAULT
) -> Receipt:
    """Plans, draws and calibrates the start of a model, in place; returns a Receipt."""
    model = _plain(model)
    made = plan(model, inputs, exclude=exclude, recipe=recipe)
    receipt = apply_(model, made, seed)
    positional, named = _arguments(inputs)
    calibrate(model, made, positional, named)
    return receipt

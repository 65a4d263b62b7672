"""Fixes of a Keras model: lines that name its variables by Keras' paths."""

from __future__ import annotations

from isogain.inspect.fixes import Dialect
from isogain.torch.mending.carrying import TORCH

__all__ = ["KERAS"]

KERAS = Dialect(
    "igk.parameter(model, {name})",
    {verb: line for verb, line in TORCH.verbs.items() if verb not in ("freeze", "cast", "entry")}
    | {"restart": "igk.init_(model, inputs)"},
)

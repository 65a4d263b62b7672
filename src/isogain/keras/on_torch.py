"""Keras models on the torch backend, whose layers are torch modules."""

from __future__ import annotations

from typing import Any

from isogain.graph.plan import Plan
from isogain.graph.receipt import Receipt
from isogain.inspect import Report
from isogain.keras.mending import KERAS
from isogain.keras.wrapping import wrap
from isogain.torch.mending.proving import inspect as torch_inspect
from isogain.torch.start.planning import plan as torch_plan
from isogain.torch.start.starting import init_ as torch_init_

__all__ = ["init_", "inspect", "plan"]


def inspect(model: Any, inputs: Any, loss: Any, *, training: bool) -> Report:
    """`isogain.torch.inspect` of the wrapped model."""
    module, given = wrap(model, inputs)
    return torch_inspect(module.train(training), given, loss, dialect=KERAS)


def plan(model: Any, inputs: Any, **settings: Any) -> Plan:
    """`isogain.torch.plan` of the wrapped model."""
    module, given = wrap(model, inputs)
    return torch_plan(module, given, **settings)


def init_(model: Any, inputs: Any, seed: int, *, loss: Any, **settings: Any) -> Receipt:
    """`isogain.torch.init_` of the wrapped model."""
    module, given = wrap(model, inputs)
    return torch_init_(module, given, seed, loss=loss, **settings)

"""Fixes of a Keras model: its variables as torch parameters, and lines that name them by Keras' paths."""

from __future__ import annotations

import keras
from torch import nn

from isogain.errors import InspectError
from isogain.inspect.fixes import Dialect
from isogain.keras.wrapping import KerasModule
from isogain.torch.mending.carrying import TORCH

__all__ = ["KERAS", "parameter"]

KERAS = Dialect(
    "igk.parameter(model, {name})",
    {verb: line for verb, line in TORCH.verbs.items() if verb not in ("freeze", "cast")}
    | {"restart": "igk.init_(model, inputs{text})"},
)


def parameter(model: keras.Model, path: str) -> nn.Parameter:
    """The torch parameter of a trainable Keras variable, by the path that reports and plans give it.

    It is the variable's own: what is written to it is written to the model.  The model must be built and on
    the torch backend.  Raises InspectError for a path that the model does not have; it lists those it has.

    >>> model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(1, name="head")])
    >>> tuple(parameter(model, "head.kernel").shape)
    (8, 1)
    """
    found = dict(KerasModule(model).named_parameters())
    if path not in found:
        names = list(found)
        raise InspectError(
            f"no parameter is named {path!r}; the model has {names[:12]}{' ...' if len(names) > 12 else ''}"
        )
    return found[path]

"""`inspect`, `plan` and `init_` for Keras models, and their variables as torch parameters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras

from isogain.errors import InspectError
from isogain.graph.plan import Plan
from isogain.graph.receipt import Receipt
from isogain.inspect import Report

__all__ = ["init_", "inspect", "parameter", "plan"]

Loss = Callable[[Any], Any]


def inspect(model: keras.Model, inputs: Any, loss: Loss | None = None, *, training: bool = True) -> Report:
    """Return the Report of a Keras model on one batch: what its signals and gradients do, and why.

    Everything is as `isogain.torch.inspect` has it; paths are Keras' (`conv.kernel`).  `inputs` is an
    array or tensor, a tuple of arguments or a dict of keyword arguments, `loss` a function of the output.
    The model must be on the torch backend, where layers are torch modules; it is left as it was.

    >>> import numpy as np
    >>> model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(16, "relu"), keras.layers.Dense(1)])
    >>> inspect(model, np.random.default_rng(0).normal(size=(64, 8)).astype("float32")).verdict
    'healthy'
    """
    from isogain.keras.mending import KERAS
    from isogain.keras.wrapping import wrap
    from isogain.torch.mending.proving import inspect as torch_inspect

    module, given = wrap(model, inputs)
    return torch_inspect(module.train(training), given, loss, dialect=KERAS)


def plan(model: keras.Model, inputs: Any, *, exclude: str | Sequence[str] = ()) -> Plan:
    """Return the Plan of a Keras model: for every weight an initializer, and the reason; nothing is written.

    >>> import numpy as np
    >>> model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(1, name="head")])
    >>> plan(model, np.ones((4, 8), "float32"))["head.kernel"].role
    'head'
    """
    from isogain.keras.wrapping import wrap
    from isogain.torch import plan as torch_plan

    module, given = wrap(model, inputs)
    return torch_plan(module, given, exclude=exclude)


def init_(
    model: keras.Model, inputs: Any, seed: int = 0, *, loss: Loss | None = None, **settings: Any
) -> Receipt:
    """Start a Keras model as well as theory allows, in place; return the Receipt.

    One watched pass plans, one calibrates, one verifies: `isogain.torch.init_`, whose `settings` it takes.
    The model must be on the torch backend; saved from there, its weights load on any other.

    >>> import numpy as np
    >>> model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(16, "relu"), keras.layers.Dense(1)])
    >>> bool(init_(model, np.random.default_rng(0).normal(size=(64, 8)).astype("float32")))
    True
    """
    from isogain.keras.wrapping import wrap
    from isogain.torch import init_ as torch_init_

    module, given = wrap(model, inputs)
    return torch_init_(module, given, seed, loss=loss, **settings)


def parameter(model: keras.Model, path: str) -> Any:
    """The torch parameter of a trainable Keras variable, by the path that reports and plans give it.

    It is the variable's own: what is written to it is written to the model.  The model must be built and on
    the torch backend.  Raises InspectError for a path that the model does not have; it lists those it has.

    >>> model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(1, name="head")])
    >>> tuple(parameter(model, "head.kernel").shape)
    (8, 1)
    """
    from isogain.keras.wrapping import KerasModule

    found = dict(KerasModule(model).named_parameters())
    if path not in found:
        names = list(found)
        raise InspectError(
            f"no parameter is named {path!r}; the model has {names[:12]}{' ...' if len(names) > 12 else ''}"
        )
    return found[path]

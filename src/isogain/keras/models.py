"""`inspect`, `plan` and `init_` for Keras models, and their variables as torch parameters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from isogain.errors import InspectError
from isogain.graph.plan import Plan
from isogain.graph.receipt import Receipt
from isogain.inspect import Report
from isogain.keras.backends import backend, with_targets

__all__ = ["init_", "inspect", "mend_", "parameter", "plan"]


def inspect(model: keras.Model, inputs: Any, loss: Any = None, *, training: bool = True) -> Report:
    """Return the Report of a Keras model on one batch: what its signals and gradients do, and why.

    Everything is as `isogain.torch.inspect` (or, on the JAX backend, `isogain.jax.inspect`) has it; paths are
    Keras' (`conv.kernel`).  `inputs` is an array or tensor, a tuple of arguments or a dict of keyword
    arguments; `loss` a function of the output, or a loss of Keras, whose targets then end the inputs: (x, y).
    The model is left as it was.

    Raises InspectError on the TensorFlow backend, and for what cannot be called so.

    >>> import numpy as np
    >>> model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(16, "relu"), keras.layers.Dense(1)])
    >>> inspect(model, np.random.default_rng(0).normal(size=(64, 8)).astype("float32")).verdict
    'healthy'
    """
    return backend().inspect(model, *with_targets(inputs, loss), training=training)


def plan(model: keras.Model, inputs: Any, *, exclude: str | Sequence[str] = (), **settings: Any) -> Plan:
    """Return the Plan of a Keras model: for every weight an initializer, and the reason; nothing is written.

    On the torch and JAX backends; `settings` are the recipe and its options.

    >>> import numpy as np
    >>> model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(1, name="head")])
    >>> plan(model, np.ones((4, 8), "float32"))["head.kernel"].role
    'head'
    """
    return backend().plan(model, inputs, exclude=exclude, **settings)


def init_(model: keras.Model, inputs: Any, seed: int = 0, *, loss: Any = None, **settings: Any) -> Receipt:
    """Start a Keras model as well as theory allows, in place; return the Receipt.

    One watched pass plans, one calibrates, one verifies: `isogain.torch.init_` on the torch backend and
    `isogain.jax.init` on JAX's, whose `settings` it takes.  Weights saved there load on any other.

    >>> import numpy as np
    >>> model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(16, "relu"), keras.layers.Dense(1)])
    >>> bool(init_(model, np.random.default_rng(0).normal(size=(64, 8)).astype("float32")))
    True
    """
    given, asked = with_targets(inputs, loss)
    return backend().init_(model, given, seed, loss=asked, **settings)


def mend_(model: keras.Model, **changes: Any) -> None:
    """Change variables of a Keras model on the JAX backend, in place, by the paths that a Report gives them.

    The changes are those of `isogain.jax.mend` (fill, norm, normal, orthogonal, patch), which the lines of a
    Report's fixes use; on the torch backend `parameter` gives what to write to.

    Raises InspectError on another backend, and for a path that the model does not have.

    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, name="head")])
    >>> mend_(model, norm={"head.kernel": 2.0})  # doctest: +SKIP
    """
    if keras.backend.backend() != "jax":
        raise InspectError("mend_ is for the JAX backend; on torch's write to parameter(model, path)")
    from isogain.keras.on_jax import mend_ as mend

    mend(model, **changes)


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

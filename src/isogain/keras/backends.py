"""What looks inside a Keras model: by the backend it runs on; and losses of Keras with their targets."""

from __future__ import annotations

from typing import Any, Protocol

import keras

from isogain.errors import InspectError
from isogain.graph.plan import Plan
from isogain.graph.receipt import Receipt
from isogain.inspect import Report

__all__ = ["Backend", "backend", "with_targets"]


class Backend(Protocol):
    """What the module of a backend answers."""

    def inspect(self, model: Any, inputs: Any, loss: Any, *, training: bool) -> Report: ...

    def plan(self, model: Any, inputs: Any, **settings: Any) -> Plan: ...

    def init_(self, model: Any, inputs: Any, seed: int, *, loss: Any, **settings: Any) -> Receipt: ...


def backend() -> Backend:
    """The module with `inspect`, `plan` and `init_` for the backend.

    Raises InspectError for one whose models are not looked into.
    """
    name = keras.backend.backend()
    if name == "torch":
        from isogain.keras import on_torch

        return on_torch
    if name == "jax":
        from isogain.keras import on_jax

        return on_jax
    raise InspectError(
        f"Keras models are looked into on the torch and JAX backends, and the backend is {name!r}; set "
        "KERAS_BACKEND=jax or torch before Keras is imported (weights saved there load on any backend)"
    )


def with_targets(inputs: Any, loss: Any) -> tuple[Any, Any]:
    """Inputs without targets, and the loss of the output alone, of a loss of Keras: (y_true, y_pred)."""
    if not isinstance(loss, keras.losses.Loss) and not _is_function(loss):
        return inputs, loss
    if not isinstance(inputs, tuple) or len(inputs) < 2:
        name = getattr(loss, "name", None) or getattr(loss, "__name__", type(loss).__name__)
        raise InspectError(
            f"the loss {name} of Keras wants targets: give inputs=(x, y), or a function of the output alone"
        )
    *given, targets = inputs
    wanted = keras.ops.convert_to_tensor(targets)
    return given[0] if len(given) == 1 else tuple(given), lambda output: keras.ops.mean(loss(wanted, output))


def _is_function(loss: Any) -> bool:
    """Whether it is one of keras.losses' functions, as keras.losses.mean_squared_error."""
    return callable(loss) and getattr(keras.losses, getattr(loss, "__name__", ""), None) is loss

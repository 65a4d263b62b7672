"""Models as their libraries make them: Flax NNX and Equinox modules as a function of a tree of parameters."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax

from isogain.errors import InspectError
from isogain.jax.model import arguments_of

__all__ = ["Taken", "library_of", "taken"]

INPUTS = "inputs is an array, a tuple of positional or a dict of keyword arguments"


@dataclass(frozen=True)
class Taken:
    """What is called with what; and how changed parameters go back into what was given."""

    function: Callable[..., Any]
    params: Any
    inputs: Any
    loss: Any
    name: str
    module: Any = None
    """A module of Flax NNX, which is written in place."""

    def arguments(self) -> tuple[Any, ...]:
        """Function, parameters and inputs."""
        return self.function, self.params, self.inputs

    def written(self, params: Any) -> Any:
        """The changed parameters, in a module of NNX too."""
        if self.module is None:
            return params
        sys.modules["flax.nnx"].update(self.module, params)
        return self.module


def taken(function: Any, params: Any, inputs: Any = None, loss: Any = None) -> Taken:
    """The Taken of a function, its parameters and inputs; or of a module and its inputs.

    Raises InspectError for what cannot be called so.
    """
    if isinstance(function, type):
        raise InspectError(
            f"the model is the class {function.__name__}, not one of it: did you forget the ()?"
        )
    library, kind = _kind(function)
    if kind:
        if inputs is not None and (loss is not None or not callable(inputs)):
            raise InspectError(f"a module of {library} holds its parameters: give (module, inputs, loss)")
        return _KINDS[kind](function, params, inputs if loss is None else loss)
    name = getattr(function, "__name__", type(function).__name__)
    if library == "Flax Linen":
        function, name = function.apply, type(function).__name__
    if not callable(function):
        raise InspectError(
            f"function must be callable or a module of Flax or Equinox, got {type(function).__name__}"
        )
    if inputs is None:
        raise InspectError(f"give (function, params, inputs), or a module of Flax NNX or Equinox; {INPUTS}")
    return Taken(function, params, inputs, loss, name)


def library_of(model: Any) -> str:
    """'Flax NNX', 'Flax Linen' or 'Equinox' for a module of one of them, else ''."""
    return _kind(model)[0]


def _kind(function: Any) -> tuple[str, str]:
    """The library of a module, and how it is taken; nothing of one that was never imported."""
    for library, module, kind in (
        ("Flax NNX", "flax.nnx", "nnx"), ("Equinox", "equinox", "equinox"), ("Flax Linen", "flax.linen", "")
    ):  # fmt: skip
        found = getattr(sys.modules.get(module), "Module", None)
        if found is not None and isinstance(function, found):
            return library, kind
    return "", ""


def _nnx(module: Any, inputs: Any, loss: Any) -> Taken:
    """Of what is trained; statistics of batches, caches and random states stay as they are."""
    nnx = sys.modules["flax.nnx"]
    graph, state, rest = nnx.split(module, nnx.Param, ...)

    def function(state: Any, *positional: Any, **named: Any) -> Any:
        own = jax.tree_util.tree_map(lambda leaf: leaf, rest)  # variables that this trace may write
        return nnx.merge(graph, state, own)(*positional, **named)

    return Taken(function, state, inputs, loss, type(module).__name__, module)


def _equinox(module: Any, inputs: Any, loss: Any) -> Taken:
    """Of one example, as Equinox writes layers, or of a batch where that is what it takes."""

    def each(module: Any, *positional: Any, **named: Any) -> Any:
        return jax.vmap(lambda args, kwargs: module(*args, **kwargs))(positional, named)

    def whole(module: Any, *positional: Any, **named: Any) -> Any:
        return module(*positional, **named)

    positional, named = arguments_of(inputs)
    try:
        sys.modules["equinox"].filter_eval_shape(each, module, *positional, **named)
        function = each
    except Exception:  # the module's own code may refuse in any way
        function = whole
    return Taken(function, module, inputs, loss, type(module).__name__)


_KINDS: dict[str, Callable[[Any, Any, Any], Taken]] = {"nnx": _nnx, "equinox": _equinox}

"""Where a Keras initializer is being called from: the layer, the weight's path, and how the layer uses it.

Keras tells an initializer the shape and the dtype alone.  The layer that asks is the innermost scope
that Keras keeps open while a weight is made; which of its weights it is follows from the attribute
(`kernel_initializer`, ...) that holds the initializer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Place", "place_of", "usage_of"]

SUFFIX = "_initializer"


@dataclass(frozen=True)
class Place:
    """A weight's path ('' when nobody says) and the geometry its layer reads it with."""

    path: str = ""
    usage: Mapping[str, Any] = field(default_factory=dict)


def place_of(initializer: Any, shape: tuple[int, ...], deferred: dict[str, Place]) -> Place:
    """The place of the weight that `initializer` is asked for right now.

    Layers that are first called inside another layer's `call` have their weights made later, when
    no scope is open any more; `deferred` keeps what was seen when the placeholder was asked for.
    """
    layer, scope = _open_layer()
    waiting = _waiting_variable(initializer, shape, layer)
    if waiting is not None:
        path = str(waiting.path)
        if layer is not None and any(waiting is own for own in _own_variables(layer)):
            deferred[path] = Place(path, usage_of(layer, str(waiting.name)))
        return deferred.get(path, Place(path))
    if layer is None:
        return Place(scope)
    role = _role(layer, initializer)
    return Place(f"{scope}/{_weight_name(layer, role)}" if role else scope, usage_of(layer, role))


def usage_of(layer: Any, role: str) -> dict[str, Any]:
    """layout, groups, stride, transposed of a layer's weight: the nearest class with a rule decides.

    >>> import keras
    >>> usage_of(keras.layers.Embedding(10, 4), "embeddings")
    {'layout': 'lookup out'}
    """
    for kind in type(layer).__mro__:
        rule = RULES.get(kind.__name__)
        if rule is not None:
            return rule(layer, role)
    return {}


def _convolution(layer: Any, role: str) -> dict[str, Any]:
    return {"groups": int(getattr(layer, "groups", 1)), **_steps(layer)}


def _steps(layer: Any) -> dict[str, Any]:
    """The stride, by which an input reaches fewer outputs; nothing where there is none."""
    strides = tuple(int(step) for step in layer.strides)
    return {"stride": strides} if max(strides) > 1 else {}


def _transposed(layer: Any, role: str) -> dict[str, Any]:
    return {"layout": "* out in", "stride": tuple(layer.strides), "transposed": True}


def _depthwise(layer: Any, role: str) -> dict[str, Any]:
    return {"layout": "* group out", **_steps(layer)}


def _separable(layer: Any, role: str) -> dict[str, Any]:
    return _depthwise(layer, role) if role.startswith("depthwise") else {}


def _embedding(layer: Any, role: str) -> dict[str, Any]:
    return {"layout": "in out" if role.startswith("reverse") else "lookup out"}


def _gates(count: int) -> Callable[[Any, str], dict[str, Any]]:
    return lambda layer, role: {"layout": f"* in ({count} out)"}


def _convolved_gates(layer: Any, role: str) -> dict[str, Any]:
    """Only what reads the inputs strides over them; the state is read place by place."""
    return {"layout": "* in (4 out)", **({} if role.startswith("recurrent") else _steps(layer))}


def _einsum(layer: Any, role: str) -> dict[str, Any]:
    """The kernel's letters by where else they appear: both sides a stack, inputs only 'in', else 'out'."""
    source, kernel, target = re.split(r",|->", str(layer.equation).replace(" ", ""))
    roles = {(True, True): "stack", (True, False): "in", (False, True): "out"}
    named = [roles.get((letter in source, letter in target)) for letter in kernel]
    return {"layout": " ".join(filter(None, named))} if all(named) else {}


RULES: dict[str, Callable[[Any, str], dict[str, Any]]] = {
    "BaseConv": _convolution,
    "BaseConvTranspose": _transposed,
    "BaseDepthwiseConv": _depthwise,
    "BaseSeparableConv": _separable,
    "Embedding": _embedding,
    "EinsumDense": _einsum,
    "LSTMCell": _gates(4),
    "GRUCell": _gates(3),
    "ConvLSTMCell": _convolved_gates,
}
"""By the name of a class of Keras; its subclasses are read as it is.  Any other layer: `* in out`."""


def _open_layer() -> tuple[Any, str]:
    """The layer whose scope is innermost, and the path of all open scopes."""
    try:
        from keras.src.backend.common import global_state
        from keras.src.backend.common.name_scope import current_path
    except ImportError:  # a Keras that keeps its scopes elsewhere: no path, Keras' own reading of shapes
        return None, ""
    stack = global_state.get_global_attribute("name_scope_stack") or []
    layer = stack[-1].caller if stack else None
    return (layer if hasattr(layer, "add_weight") else None), str(current_path())


def _waiting_variable(initializer: Any, shape: tuple[int, ...], layer: Any) -> Any:
    """The variable without a value yet that `initializer` will fill, the open layer's own before others."""
    try:
        from keras.src.backend.common import global_state
    except ImportError:
        return None
    waiting = [
        variable
        for variable in global_state.get_global_attribute("uninitialized_variables") or []
        if getattr(variable, "_initializer", None) is initializer
        and getattr(variable, "_value", None) is None
        and tuple(variable.shape) == shape
    ]
    own = _own_variables(layer) if layer is not None else []
    return next((v for v in waiting if any(v is mine for mine in own)), waiting[0] if waiting else None)


def _own_variables(layer: Any) -> list[Any]:
    return [*getattr(layer, "_trainable_variables", ()), *getattr(layer, "_non_trainable_variables", ())]


def _role(layer: Any, initializer: Any) -> str:
    """'kernel' where layer.kernel_initializer is this one; of several, the weight whose turn it is."""
    names = [name for name in vars(layer) if name.endswith(SUFFIX)]
    holding = [name for name in names if getattr(layer, name, None) is initializer]
    if not holding:
        return ""
    turn = names[len(_own_variables(layer)) :][:1]
    chosen: str = turn[0] if turn and turn[0] in holding else holding[0]
    return chosen.removesuffix(SUFFIX).lstrip("_")


def _weight_name(layer: Any, role: str) -> str:
    """The name Keras gives the weight of an attribute, where the two differ."""
    kinds = {kind.__name__ for kind in type(layer).__mro__}
    if "BaseSeparableConv" in kinds and role in ("depthwise", "pointwise"):
        return f"{role}_kernel"
    if "BaseDepthwiseConv" in kinds and role == "depthwise":
        return "kernel"
    return "recurrent_kernel" if role == "recurrent" else role

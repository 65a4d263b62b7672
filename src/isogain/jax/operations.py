"""JAX's primitives and named functions: what kind of node each is, and how a weight's axes are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from isogain.core.activations import ROWS
from isogain.graph import WeightUse

__all__ = ["ACTIVATIONS", "INLINED", "KINDS", "Axes", "activation_named", "moved_axes", "weight_use"]

Axes = tuple[int, ...]

_JAX_NAMES = {
    row.frameworks["jax"].rpartition(".")[2]: row.name
    for row in ROWS
    if "jax" in row.frameworks and "(" not in row.frameworks["jax"]
}
ACTIVATIONS = {
    **_JAX_NAMES,
    "logistic": "sigmoid",
    "atan": "arctan",
    "tanh": "tanh",
    "erf": "erf",
    "erfc": "erf",
    "sin": "sin",
}
"""The name of a jitted function or a primitive -> the name in the table of activations."""
del ACTIVATIONS["identity"], ACTIVATIONS["abs"]

KINDS = {
    "add": "add", "sub": "add", "add_any": "add", "mul": "multiply", "div": "multiply",
    "concatenate": "concatenate", "softmax": "softmax", "_softmax": "softmax", "log_softmax": "softmax",
    "reduce_window_max": "pool", "reduce_window_sum": "pool", "reduce_window": "pool",
    "dot_general": "product", "conv_general_dilated": "product", "dot_product_attention": "attention",
}  # fmt: skip
"""Names that make a node of their own; whatever else happens to a signal is passed through."""

INLINED = {
    "jit": "jaxpr", "pjit": "jaxpr", "closed_call": "call_jaxpr", "core_call": "call_jaxpr",
    "remat": "jaxpr", "remat2": "jaxpr", "checkpoint": "jaxpr",
    "custom_jvp_call": "call_jaxpr", "custom_vjp_call": "call_jaxpr", "custom_vjp_call_jaxpr": "fun_jaxpr",
}  # fmt: skip
"""Primitives that call a jaxpr once, and the parameter that holds it."""


@dataclass(frozen=True)
class Named:
    """An activation as the table names it."""

    name: str
    settings: Mapping[str, float]


def activation_named(name: str, approximate: bool = True) -> Named | None:
    """The activation behind a jitted function's or a primitive's name."""
    found = ACTIVATIONS.get(name)
    if found is None:
        return None
    return Named("gelu_tanh" if found == "gelu" and approximate else found, {})


def moved_axes(name: str, params: Mapping[str, Any], axes: Axes, shape: Sequence[int]) -> Axes | None:
    """Which axis of a parameter each axis of an expression of it is, after one more operation.

    None when the axes are merged or cut.  -1 stands for an axis that the parameter has not.
    """
    if name == "transpose":
        return tuple(axes[one] for one in params["permutation"])
    if name == "squeeze":
        return tuple(axis for place, axis in enumerate(axes) if place not in params["dimensions"])
    if name == "broadcast_in_dim":
        places = params["broadcast_dimensions"]
        return tuple(axes[places.index(k)] if k in places else -1 for k in range(len(shape)))
    if name == "rev":
        return axes
    return axes if len(axes) == len(shape) else None


def weight_use(
    name: str, params: Mapping[str, Any], side: int, parameter: str, shape: tuple[int, ...], rms: float
) -> WeightUse | None:
    """The weight on this side (0 left, 1 right) of a product or convolution, its axes as they are used."""
    if name == "conv_general_dilated":
        return _kernel(params, parameter, shape, rms) if side == 1 else None
    contracted, stacked = (pair[side] for pair in params["dimension_numbers"])
    roles = ["in" if k in contracted else "stack" if k in stacked else "out" for k in range(len(shape))]
    return WeightUse(parameter, shape, " ".join(roles), rms=rms) if roles else None


def _kernel(params: Mapping[str, Any], parameter: str, shape: tuple[int, ...], rms: float) -> WeightUse:
    out_axis, in_axis, *_ = params["dimension_numbers"].rhs_spec
    roles = ["out" if k == out_axis else "in" if k == in_axis else "space" for k in range(len(shape))]
    first = roles.index("space") if "space" in roles else 0
    layout = [role if role != "space" else "*" for role in roles]
    words = [word for k, word in enumerate(layout) if word != "*" or k == first]
    spread = tuple(params["lhs_dilation"])
    transposed = any(step > 1 for step in spread)
    stride = spread if transposed else tuple(params["window_strides"])
    groups = int(params["feature_group_count"])
    return WeightUse(parameter, shape, " ".join(words), groups, stride or (1,), transposed, rms=rms)

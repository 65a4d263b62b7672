"""isogain's activations and jax.nn's functions, each found from the other."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from typing import Any

from isogain.core.activations import ROWS, Activation, ActivationError, activation

__all__ = ["from_jax", "jax_function"]

APPROXIMATE = "(approximate=True)"


def jax_function(which: str | Activation, **parameters: float) -> Callable[..., Any]:
    """Return the function of jax.nn (or jax.numpy, jax.lax) that this activation is, parameters bound.

    Raises ActivationError where JAX has none.

    >>> round(float(jax_function("leaky_relu", negative_slope=0.2)(-1.0)), 3)
    -0.2
    """
    wanted = activation(which, **parameters)
    row = next((row for row in ROWS if row.name == wanted.name), None)
    name = row.frameworks.get("jax") if row else None
    if row is None or name is None:
        raise ActivationError(
            f"JAX has no function of its own for {wanted}; any callable on arrays will do in its place"
        )
    function = _named(name.removesuffix(APPROXIMATE))
    bound: dict[str, Any] = {key: value for key, value in wanted.parameters if value != row.defaults.get(key)}
    bound |= _jax_defaults(row.name)
    if row.name in ("swish", "softplus", "sin", "hard_tanh") and bound:
        raise ActivationError(f"JAX's {name} has no parameter; {wanted} needs a function of your own")
    return functools.partial(function, **bound) if bound else function


def from_jax(function: Callable[..., Any]) -> Activation:
    """Return the Activation a function of jax.nn (or a partial of one) is; others are adopted as they are.

    >>> import jax
    >>> print(from_jax(jax.nn.silu))
    silu
    """
    inner, settings = _unwrapped(function)
    for row in ROWS:
        name = row.frameworks.get("jax")
        if name is None or _named(name.removesuffix(APPROXIMATE)) is not inner:
            continue
        approximate = settings.pop("approximate", inner.__name__ == "gelu")
        if row.name.startswith("gelu"):
            return activation("gelu_tanh" if approximate else "gelu")
        return activation(row.name, **settings)
    return activation(function)


def _jax_defaults(name: str) -> dict[str, Any]:
    return {"gelu": {"approximate": False}, "gelu_tanh": {"approximate": True}}.get(name, {})


def _unwrapped(function: Callable[..., Any]) -> tuple[Any, dict[str, Any]]:
    if isinstance(function, functools.partial) and not function.args:
        return function.func, dict(function.keywords)
    return function, {}


def _named(name: str) -> Any:
    module, _, attribute = name.rpartition(".")
    return getattr(importlib.import_module(module or "jax.nn"), attribute)

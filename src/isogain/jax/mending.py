"""Fixes in JAX: arrays are not changed in place, so a mended tree of parameters comes back."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from isogain.core.initializers import Normal, Orthogonal
from isogain.drawing import draw
from isogain.errors import InspectError, IsogainError
from isogain.inspect import Report
from isogain.inspect.fixes import (
    FLAT_ANSWERS,
    RESCALED_ANSWERS,
    Dialect,
    Fix,
    flat_answers,
    rescaled_answers,
)
from isogain.inspect.proving import proved
from isogain.jax.names import parameter_names

__all__ = ["JAX", "carried_out", "mend", "rescale", "with_fixes"]

Array = NDArray[Any]
JAX = Dialect(
    "",
    {
        verb: f"params = isogain.jax.mend(params, {verb}={{values}})"
        for verb in ("fill", "norm", "normal", "orthogonal", "patch")
    }
    | {
        "inputs": "inputs = inputs / {text}",
        "standardise": "inputs = (inputs - {0}) / {1}",
        "targets": RESCALED_ANSWERS,
        "align": FLAT_ANSWERS,
    },
)


def _normal(array: Array, std: float, path: str) -> Array:
    return np.asarray(draw(Normal(std=std), array.shape, seed=0, path=path))


def _orthogonal(array: Array, gain: float, path: str) -> Array:
    return np.asarray(draw(Orthogonal(gain=gain), array.shape, seed=0, path=path))


def _sized(array: Array, length: float, _: str) -> Array:
    found = math.sqrt(float(np.sum(np.abs(array) ** 2)))
    return np.asarray(array * (length / found if found > 0 else 1.0))


_VERBS: Mapping[str, Callable[[Array, float, str], Array]] = {
    "fill": lambda array, value, _: np.full_like(array, value),
    "norm": _sized,
    "normal": _normal,
    "orthogonal": _orthogonal,
    "patch": lambda array, std, path: np.where(np.isfinite(array), array, _normal(array, std, path)),
}


def mend(
    params: Any,
    *,
    fill: Mapping[str, float] | None = None,
    norm: Mapping[str, float] | None = None,
    normal: Mapping[str, float] | None = None,
    orthogonal: Mapping[str, float] | None = None,
    patch: Mapping[str, float] | None = None,
) -> Any:
    """Return a copy of the tree with the named arrays changed; others stay.  What a Report's fix calls.

    `fill` sets to a value, `norm` scales to a length ‖W‖, `normal` draws N(0, std²), `orthogonal` draws a
    Haar orthogonal matrix times a gain, `patch` draws N(0, std²) where values are not finite.  Draws are
    isogain's, of seed 0 and the array's name.  Names are those of a Report: `Dense_0.kernel`.

    Raises InspectError for a name that the tree does not have; it lists those it has.

    >>> mend({"dense": {"kernel": jnp.ones(4)}}, norm={"dense.kernel": 1.0})["dense"]["kernel"]
    Array([0.5, 0.5, 0.5, 0.5], dtype=float32)
    """
    given = {"fill": fill, "norm": norm, "normal": normal, "orthogonal": orthogonal, "patch": patch}
    for verb, values in given.items():
        params = _changed(params, verb, values) if values else params
    return params


def _changed(params: Any, verb: str, values: Mapping[str, float]) -> Any:
    def of(name: str, leaf: Any) -> Any:
        array = np.asarray(leaf, np.float64 if leaf.dtype == jnp.float64 else np.float32)
        return jnp.asarray(_VERBS[verb](array, values[name], name), leaf.dtype)

    return _replaced(params, values, of)


def _replaced(params: Any, wanted: Mapping[str, float], of: Callable[[str, Any], Any]) -> Any:
    leaves, tree = jax.tree_util.tree_flatten_with_path(params)
    names = parameter_names([path for path, _ in leaves])
    unknown = sorted(set(wanted) - set(names))
    if unknown:
        raise InspectError(
            f"no parameters named {unknown}; the tree has {names[:12]}{' ...' if len(names) > 12 else ''}"
        )
    changed = [
        of(name, leaf) if name in wanted else leaf for name, (_, leaf) in zip(names, leaves, strict=True)
    ]
    return jax.tree_util.tree_unflatten(tree, changed)


def rescale(params: Any, factors: Mapping[str, float]) -> Any:
    """Return a copy of the tree with the named arrays multiplied: W ← factor W; others stay.

    Names are those of a Report: `Dense_0.kernel` for `{"params": {"Dense_0": {"kernel": ...}}}`.

    Raises InspectError for a name that the tree does not have; it lists those it has.

    >>> import jax.numpy as jnp
    >>> rescale({"dense": {"kernel": jnp.ones(2)}}, {"dense.kernel": 2.0})["dense"]["kernel"]
    Array([2., 2.], dtype=float32)
    """
    return _replaced(params, factors, lambda name, leaf: factors[name] * leaf)


def carried_out(
    fix: Fix, params: Any, inputs: Any, loss: Any, restarted: Callable[[], Any] | None = None
) -> tuple[Any, Any, Any]:
    """Parameters, inputs and loss as the Fix has them; `restarted` gives those of a new start."""
    for change in fix.changes:
        if change.verb == "restart" and restarted is not None:
            params = restarted()
        elif change.verb == "inputs":
            (size,) = change.numbers
            inputs = inputs / size
        elif change.verb == "standardise":
            mean, deviation = change.numbers
            inputs = (inputs - mean) / deviation
        elif change.verb == "targets":
            loss = rescaled_answers(loss, *change.numbers)
        elif change.verb == "align":
            loss = flat_answers(loss, change.text)
        else:
            params = _changed(params, change.verb, {n: float(f"{v:.6g}") for n, v in change.values})
    return params, inputs, loss


def with_fixes(
    params: Any, inputs: Any, loss: Any, look: Callable[[Any, Any, Any], Report], dialect: Dialect = JAX,
    restarted: Callable[[], Any] | None = None,
) -> Report:  # fmt: skip
    """What `look` reports, with a line of JAX for every finding that a mended copy of the parameters lost."""

    def attempt(fix: Fix) -> Report | None:
        try:
            return look(*carried_out(fix, params, inputs, loss, restarted))
        except (IsogainError, TypeError, ValueError):
            return None

    report = look(params, inputs, loss)
    return proved(report, attempt, dialect) if report.findings else report

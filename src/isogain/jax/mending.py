"""Fixes as lines of JAX: arrays are not changed in place, so a mended tree of parameters comes back."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import jax

from isogain.errors import InspectError
from isogain.inspect import Report
from isogain.jax.names import parameter_names

__all__ = ["in_jax", "rescale"]

_SEVERAL = re.compile(
    r"\[model\.get_parameter\(n\)\.data\.mul_\((?P<factor>[^()]+)\) for n in (?P<names>\[[^\]]*\])\]"
)
_ONE = re.compile(r"model\.get_parameter\((?P<name>'[^']*')\)\.data\.mul_\((?P<factor>[^()]+)\)")


def rescale(params: Any, factors: Mapping[str, float]) -> Any:
    """Return a copy of the tree with the named arrays multiplied: W ← factor W; others stay.

    Names are those of a Report: `Dense_0.kernel` for `{"params": {"Dense_0": {"kernel": ...}}}`.

    Raises InspectError for a name that the tree does not have; it lists those it has.

    >>> import jax.numpy as jnp
    >>> rescale({"dense": {"kernel": jnp.ones(2)}}, {"dense.kernel": 2.0})["dense"]["kernel"]
    Array([2., 2.], dtype=float32)
    """
    leaves, tree = jax.tree_util.tree_flatten_with_path(params)
    names = parameter_names([path for path, _ in leaves])
    unknown = sorted(set(factors) - set(names))
    if unknown:
        raise InspectError(
            f"no parameters named {unknown}; the tree has {names[:12]}{' ...' if len(names) > 12 else ''}"
        )
    scaled = [
        factors[name] * leaf if name in factors else leaf
        for name, (_, leaf) in zip(names, leaves, strict=True)
    ]
    return jax.tree_util.tree_unflatten(tree, scaled)


def in_jax(report: Report) -> Report:
    """The report with each fix as a line of JAX; what speaks of torch modules is left to the why."""
    return replace(report, findings=tuple(replace(one, fix=_line(one.fix)) for one in report.findings))


def _line(fix: str) -> str:
    if several := _SEVERAL.fullmatch(fix):
        return f"params = isogain.jax.rescale(params, dict.fromkeys({several['names']}, {several['factor']}))"
    if one := _ONE.fullmatch(fix):
        return f"params = isogain.jax.rescale(params, {{{one['name']}: {one['factor']}}})"
    return "" if "torch" in fix or "model" in fix else fix

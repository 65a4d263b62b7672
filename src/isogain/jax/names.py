"""Names of the arrays in a tree of parameters, as reports say them."""

from __future__ import annotations

from typing import Any

import jax

__all__ = ["parameter_names", "path_text"]


def parameter_names(paths: list[Any]) -> list[str]:
    """'Dense_0.kernel' for each path of a tree, without Flax's own 'params' in front and 'value' behind."""
    names = [path_text(path) for path in paths]
    names = [name.removesuffix(".value").removesuffix(".raw_value") for name in names]
    return [name.removeprefix("params.") or "parameter" for name in names]


def path_text(path: Any) -> str:
    """The keys of a path joined by dots."""
    return jax.tree_util.keystr(path, simple=True, separator=".").lstrip(".") or "parameter"

"""Paths of parameters: the same whatever wraps the model, and folded where layers repeat."""

from __future__ import annotations

import re
from functools import lru_cache

__all__ = ["family", "stable_path"]

_NUMBER = re.compile(r"(?<![a-zA-Z])\d+(?![a-zA-Z])|\d+$")
_WRAPPERS = frozenset({"_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"})


@lru_cache(maxsize=65536)
def stable_path(path: str) -> str:
    """The path without the names that wrappers put in."""
    return ".".join(part for part in path.split(".") if part not in _WRAPPERS)


@lru_cache(maxsize=65536)
def family(path: str) -> str:
    """The path with its numbers starred, so that layers which repeat share it: 'h.3.mlp' -> 'h.*.mlp'."""
    return ".".join(_NUMBER.sub("*", part) for part in path.split("."))

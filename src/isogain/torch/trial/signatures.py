"""Which arguments a user's function asks for."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["asks", "takes"]


def takes(function: Callable[..., Any], name: str) -> bool:
    """Whether the function has a parameter of this name, or one positional parameter without a default."""
    return name in _parameters(function) or asks(function) == 1


def asks(function: Callable[..., Any]) -> int:
    """How many positional arguments it cannot do without."""
    return sum(
        one.default is one.empty and one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)
        for one in _parameters(function).values()
    )


def _parameters(function: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    try:
        return inspect.signature(function).parameters
    except (TypeError, ValueError):
        return {}

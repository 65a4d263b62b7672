"""Which arguments a user's function asks for."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

__all__ = ["takes"]


def takes(function: Callable[..., Any], name: str) -> bool:
    """Whether the function has a parameter of this name, or one positional parameter without a default."""
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return False
    needed = [
        one
        for one in parameters.values()
        if one.default is one.empty and one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)
    ]
    return name in parameters or len(needed) == 1

"""Who shows a result: results are data, and what draws them stands above them.

A result asks here for its renderer by a short name; `isogain.renderers`, above everything, says who they are.
So a Report can be printed or written as a page though nothing it is made of knows of pages.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["register", "rendered"]

Renderer = Callable[..., Any]
_RENDERERS: dict[str, Renderer] = {}


def register(name: str) -> Callable[[Renderer], Renderer]:
    """Make the decorated function the renderer called `name`."""

    def registered(renderer: Renderer) -> Renderer:
        _RENDERERS[name] = renderer
        return renderer

    return registered


def rendered(name: str, result: Any, *more: Any) -> Any:
    """What the renderer called `name` makes of a result."""
    return _RENDERERS[name](result, *more)

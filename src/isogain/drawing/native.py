"""Whether the C kernel is there, and which instruction set it uses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["kernel"]


def kernel() -> Callable[..., Any] | None:
    """The native kernel's call, or None."""
    return None

"""What an interpreter of jaxprs knows of a value besides the value."""

from __future__ import annotations

from dataclasses import dataclass

from isogain.jax.operations import Axes

__all__ = ["NOTHING", "Known"]


@dataclass(frozen=True)
class Known:
    """What is known of a value: content comes from the inputs; otherwise it is made of parameters."""

    nodes: tuple[int, ...] = ()
    content: bool = False
    learnt: bool = False
    parameters: tuple[str, ...] = ()
    axes: Axes | None = None
    """Of a permuted or cast parameter: which of its axes each axis is."""
    size: bool = False
    """Whether it is a signal's own size, or its inverse."""
    channel_axis: int = -1
    reduced: bool = False
    """Whether it is a statistic of a signal, taken over its channels: no layer's output."""


NOTHING = Known()

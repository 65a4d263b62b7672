"""How far padding and slicing move positions: what a kernel's tap must make up for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

__all__ = ["shift_of"]


def shift_of(name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[int, ...]:
    """By axis, from the last on: positions put in front of a tensor, or, below 0, cut off there."""
    if not args or not isinstance(args[0], torch.Tensor):
        return ()
    if name == "pad":
        pads = args[1] if len(args) > 1 else kwargs.get("pad", ())
        return tuple(int(one) for one in pads[::2]) if isinstance(pads, tuple | list) else ()
    if name == "__getitem__":
        return _cut(args[0].shape, args[1])
    if name == "narrow" and len(args) == 4 and isinstance(args[2], int):
        axis = args[1] % args[0].dim() - args[0].dim()
        return (*[0] * (-axis - 1), -args[2])
    return ()


def _cut(shape: torch.Size, index: Any) -> tuple[int, ...]:
    """Of an index of slices alone, with or without an ellipsis."""
    parts = list(index) if isinstance(index, tuple) else [index]
    if ... in [one for one in parts if one is ...]:
        place = next(k for k, one in enumerate(parts) if one is ...)
        parts[place : place + 1] = [slice(None)] * (len(shape) - len(parts) + 1)
    if not all(isinstance(one, slice) for one in parts):
        return ()
    parts += [slice(None)] * (len(shape) - len(parts))
    starts = [one.indices(size)[0] for one, size in zip(parts, shape, strict=False)]
    return tuple(-start for start in reversed(starts))

"""Tensors that modules hold beside parameters and buffers: as attributes, in lists and objects of theirs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from types import FunctionType, MethodType, ModuleType
from typing import Any, NamedTuple

import torch
from torch import nn

__all__ = ["Beside", "beside"]

Tensor = torch.Tensor
Put = Callable[[Any], Any]
_OF_ANY = {*vars(nn.Module()), "_isogain_origins"}
"""What every module has: its tables, hooks, mode."""
_PLAIN = {
    int,
    float,
    complex,
    bool,
    str,
    bytes,
    type(None),
    torch.dtype,
    torch.device,
    FunctionType,
    MethodType,
}
_LEAVES = (type, ModuleType, nn.Module)
_DEPTH, _MOST = 3, 1024
"""How far within an attribute is looked, and up to which length of a container."""


class Beside(NamedTuple):
    """A tensor, its name within the module, and what puts another in its place."""

    name: str
    tensor: Tensor
    put: Put


def beside(module: nn.Module, seen: set[int]) -> Iterator[Beside]:
    """Those of a module; containers and objects that were `seen` before are another's."""
    for name, value in list(vars(module).items()):
        if name not in _OF_ANY and type(value) not in _PLAIN:
            yield from _within(name, value, partial(vars(module).__setitem__, name), _DEPTH, seen)


def _within(name: str, value: Any, put: Put, depth: int, seen: set[int]) -> Iterator[Beside]:
    if isinstance(value, Tensor):
        yield Beside(name, value, put)
    elif depth and not isinstance(value, _LEAVES) and id(value) not in seen:
        parts = _parts(value, put)
        if parts:
            seen.add(id(value))
            for key, one, place in parts:
                yield from _within(f"{name}.{key}", one, place, depth - 1, seen)


def _parts(value: Any, put: Put) -> list[tuple[Any, Any, Put]]:
    """(key, part, what puts another there) of a container, or of an object."""
    if isinstance(value, tuple):
        return _of_tuple(value, put)
    held = value if isinstance(value, list | dict) else getattr(value, "__dict__", None)
    if not isinstance(held, list | dict) or not 0 < len(held) <= _MOST:
        return []
    items = enumerate(held) if isinstance(held, list) else held.items()
    return [(key, one, partial(held.__setitem__, key)) for key, one in items if type(one) not in _PLAIN]


def _of_tuple(value: tuple[Any, ...], put: Put) -> list[tuple[Any, Any, Put]]:
    parts = list(value)

    def changed(place: int, one: Any) -> None:
        parts[place] = one
        put(type(value)._make(parts) if hasattr(value, "_make") else tuple(parts))

    some = enumerate(value[:_MOST])
    return [(place, one, partial(changed, place)) for place, one in some if type(one) not in _PLAIN]

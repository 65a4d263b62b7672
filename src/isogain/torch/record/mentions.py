"""Whether the code of a model would use a parameter under other circumstances: read from its names alone."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from types import CodeType
from typing import Any

import torch
from torch import nn

__all__ = ["mentioned"]

_BUILDING = frozenset(["__init__", "reset_parameters", "_reset_parameters", "_init_weights", "post_init"])
_CONTAINERS = (nn.ModuleList, nn.ModuleDict, nn.ParameterList, nn.ParameterDict, nn.Sequential)


def mentioned(model: nn.Module, name: str, used: frozenset[str]) -> bool:
    """Whether a method that runs names the module (or parameter) that holds this unused parameter.

    `self.extra(x)` behind a condition is a branch not taken; a layer that no method names was forgotten.
    A member of a list of which other members ran was passed over, whatever the code says of the list.
    """
    if isinstance(model, torch.jit.ScriptModule):
        return False
    parts = name.split(".")
    for depth in range(len(parts) - 1, -1, -1):
        owner_name, attribute = ".".join(parts[:depth]), parts[depth]
        inside = ".".join(parts[: depth + 1])
        if any(one == inside or one.startswith(inside + ".") for one in used):
            return False
        owner = model.get_submodule(owner_name) if owner_name else model
        if isinstance(owner, _CONTAINERS):
            if any(one.startswith(owner_name + ".") for one in used):
                return False
            continue
        ran = any(one.startswith(owner_name + ".") or not owner_name for one in used)
        if ran or depth == 0:
            return attribute in set(_names(type(owner)))
    return False


def _names(kind: type) -> Iterator[str]:
    """Every attribute that the methods of a class read; of overridden ones only if `super()` is called."""
    overridden: set[str] = set()
    for base in kind.__mro__:
        if base is nn.Module:
            return
        for name, method in vars(base).items():
            code = getattr(inspect.unwrap(method), "__code__", None) if callable(method) else None
            if name in _BUILDING or code is None or name in overridden:
                continue
            found = list(_inside(code))
            yield from found
            if "super" not in found:
                overridden.add(name)


def _inside(code: Any) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _inside(constant)

"""Whether the code of a model would use a parameter under other circumstances: read from its names alone."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import CodeType
from typing import Any, NamedTuple

import torch
from torch import nn

from isogain.torch.record.switches import switched_off

__all__ = ["mentioned"]

_BUILDING = frozenset(["__init__", "reset_parameters", "_reset_parameters", "_init_weights", "post_init"])
_CONTAINERS = (nn.ModuleList, nn.ModuleDict, nn.ParameterList, nn.ParameterDict, nn.Sequential)


class Mention(NamedTuple):
    """What the code says of a parameter that nothing read."""

    optional: bool = False
    """Whether it is named, in a branch that was not taken."""
    switched: bool = False
    """Whether only behind a switch."""
    tapped: bool = False
    """Whether it lies behind the last member of a sequence that ran: what is in front of it was taken out."""


def mentioned(model: nn.Module, names: Iterable[str], used: frozenset[str]) -> dict[str, Mention]:
    """For each unused parameter whether a method that runs names the module (or parameter) that holds it,
    and whether all that do stand behind a switch.

    `self.extra(x)` behind a condition is a branch not taken; a layer that no method names was forgotten.
    A member of a list of which other members ran was passed over, whatever the code says of the list.
    """
    if isinstance(model, torch.jit.ScriptModule):
        return {}
    names = list(names)
    holders = {name: holder for name in names if (holder := _holder(model, name, used)) is not None}
    said = {holder: _said(*holder) for holder in set(holders.values())}  # code is read once for each
    ends = _ends(model, used) if names else {}
    behind = {name: Mention(tapped=True) for name in names if _is_behind(name, ends)}
    return behind | {name: said[holder] for name, holder in holders.items()}


def _ends(model: nn.Module, used: frozenset[str]) -> dict[str, list[str]]:
    """Of each sequence of which members ran: those behind the last one that did."""
    ran: dict[str, set[str]] = {}
    for name in used:
        parts = name.split(".")
        for depth in range(1, len(parts)):
            ran.setdefault(".".join(parts[:depth]), set()).add(parts[depth])
    found = {}
    for path, module in model.named_modules():
        if isinstance(module, nn.Sequential) and path in ran:
            members = [key for key, _ in module.named_children()]
            last = max((members.index(one) for one in ran[path] if one in members), default=len(members))
            found[path] = members[last + 1 :]
    return found


def _is_behind(name: str, ends: Mapping[str, Sequence[str]]) -> bool:
    """Whether a sequence around it was left before it: what is in front of it was taken out."""
    parts = name.split(".")
    return any(parts[depth] in ends.get(".".join(parts[:depth]), ()) for depth in range(1, len(parts)))


def _said(kind: type, attribute: str) -> Mention:
    named = attribute in set(_names(kind))
    return Mention(named, named and switched_off(_methods(kind), attribute))


def _holder(model: nn.Module, name: str, used: frozenset[str]) -> tuple[type, str] | None:
    """The class of the module that runs nearest around a parameter, and its attribute that holds it."""
    parts = name.split(".")
    for depth in range(len(parts) - 1, -1, -1):
        owner_name, attribute = ".".join(parts[:depth]), parts[depth]
        inside = ".".join(parts[: depth + 1])
        if any(one == inside or one.startswith(inside + ".") for one in used):
            return None
        owner = model.get_submodule(owner_name) if owner_name else model
        if isinstance(owner, _CONTAINERS):
            if any(one.startswith(owner_name + ".") for one in used):
                return None
            continue
        ran = any(one.startswith(owner_name + ".") or not owner_name for one in used)
        if ran or depth == 0:
            return type(owner), attribute
    return None


def _names(kind: type) -> Iterator[str]:
    """Every attribute that the methods of a class read."""
    return (one for method in _methods(kind) for one in _inside(method.__code__))


def _methods(kind: type) -> Iterator[Any]:
    """The methods of a class that do not build it; overridden ones only if `super()` is called."""
    overridden: set[str] = set()
    for base in kind.__mro__:
        if base is nn.Module:
            return
        for name, held in vars(base).items():
            method: Any = inspect.unwrap(held) if callable(held) else None
            if name in _BUILDING or not hasattr(method, "__code__") or name in overridden:
                continue
            yield method
            if "super" not in set(_inside(method.__code__)):
                overridden.add(name)


def _inside(code: Any) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _inside(constant)

"""Constructors run once more as a whole, where everything that they were given is known.

A library's `config`, and arguments that a module keeps as they came, tell how it was made; a flag that is
kept nowhere is known where only one of its values makes a module with the same parts, shapes and dtypes.
The twin's start is the module's: it is asked where statements repeated one by one leave something unknown.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from itertools import product
from typing import Any

import torch
from torch import nn

from isogain.torch.own.beside import beside
from isogain.torch.own.constructors import Code, code_of, constructors_of, is_torch
from isogain.torch.own.kept import kept, passed_on

__all__ = ["Build", "pairs_of", "rebuildable"]

Tensor = torch.Tensor
Build = Callable[[], nn.Module]
_MOST_FLAGS = 3
_OPEN = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def rebuildable(model: nn.Module, lost: Collection[nn.Module]) -> dict[int, Build]:
    """By the module's address, what builds it anew: the outermost around each that holds something lost."""
    found: dict[int, Build] = {}
    _search(model, {*map(id, lost)}, found)
    return found


def _search(module: nn.Module, lost: Collection[int], found: dict[int, Build]) -> None:
    if lost.isdisjoint(map(id, module.modules())):
        return
    build = _build_of(module)
    if build is not None:
        found[id(module)] = build
        return
    for child in module.children():
        _search(child, lost, found)


def _build_of(module: nn.Module) -> Build | None:
    """What makes a module with the same structure; None unless one way alone does."""
    found = [one for one in _builds(module) if _is_built_alike(module, one)]
    return found[0] if len(found) == 1 else None


def _builds(module: nn.Module) -> Iterator[Build]:
    kind = _own_kind(module)
    known = _arguments(module, kind) if kind is not None else None
    if kind is None or known is None:
        return
    given, flags = known
    for values in product((False, True), repeat=len(flags)):
        yield partial(_build, kind, {**given, **dict(zip(flags, values, strict=True))})


def _build(kind: type[nn.Module], arguments: Mapping[str, Any]) -> nn.Module:
    """What a constructor changes in its arguments is not the model's."""
    return kind(**{name: _own(value) for name, value in arguments.items()})


def _own(value: Any) -> Any:
    return value if isinstance(value, Tensor) or callable(value) else copy.copy(value)


def _own_kind(module: nn.Module) -> type[nn.Module] | None:
    """Its class as it was written: without what wrapping puts before it."""
    written = (one for one in type(module).__mro__ if not is_torch(one))
    return next((one for one in written if issubclass(one, nn.Module)), None)


def _arguments(module: nn.Module, kind: type) -> tuple[dict[str, Any], list[str]] | None:
    """What its constructor was given, and flags of which that is not known; None where more is not."""
    chain = [code_of(function) for _, function in constructors_of(kind)]
    base: tuple[tuple[str, ...], dict[str, Any]] = ((), {})
    known: dict[str, Any] = {}
    for code in chain:
        if code is None:
            return None
        known = {**passed_on(code, *base), **kept(module, code)}
        base = code.parameters, known
    return _complete(chain[-1], known) if chain and chain[-1] else None


def _complete(code: Code, known: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]] | None:
    names = code.parameters[1:]
    unknown = [name for name in names if name not in known]
    are_flags = all(isinstance(code.defaults.get(name), bool) for name in unknown)
    if not are_flags or len(unknown) > _MOST_FLAGS:
        return None
    return {name: known[name] for name in names if name in known}, unknown


def _is_built_alike(module: nn.Module, build: Build) -> bool:
    try:
        with torch.device("meta"):
            twin = build()
    except Exception:  # a library's own
        return False
    return _structure(module) == _structure(twin)


def _structure(module: nn.Module) -> dict[str, Any]:
    """Parts by their paths, and the shapes and dtypes of what they hold."""
    return {
        path: (_name(one), *({name: _form(each) for name, each in table.items()}
                             for table in (one._parameters, one._buffers)))
        for path, one in module.named_modules(remove_duplicate=False)
    }  # fmt: skip


def _name(module: nn.Module) -> str:
    kind = _own_kind(module) or type(module)
    return f"{kind.__module__}.{kind.__qualname__}"


def _form(tensor: Tensor | None) -> tuple[Any, ...] | None:
    return None if tensor is None else (tuple(tensor.shape), tensor.dtype)


def pairs_of(module: nn.Module, twin: nn.Module, plain: Collection[int]) -> Iterator[tuple[Tensor, Tensor]]:
    """(tensor, its twin's) for all that both hold, of `plain` ones those at these addresses."""
    theirs = dict(twin.named_modules(remove_duplicate=False))
    seen, seen_there = set[int](), set[int]()
    for path, one in module.named_modules(remove_duplicate=False):
        made = _held_by(theirs[path], seen_there)
        for name, held in _held_by(one, seen).items():
            is_asked = id(held) in plain or name in one._parameters or name in one._buffers
            if is_asked and name in made and made[name].shape == held.shape:
                yield held, made[name]


def _held_by(module: nn.Module, seen: set[int]) -> dict[str, Tensor]:
    plain = {one.name: one.tensor for one in beside(module, seen)}
    held = {**module._parameters, **module._buffers}
    return {**plain, **{name: one for name, one in held.items() if one is not None}}

"""Constructors run once more as a whole, where everything that they were given is known.

A library's `config`, and arguments that a module keeps as they came, tell how it was made; a flag or a size
that is kept nowhere is known where only one value makes a module with the same parts, shapes and dtypes.
The twin's start is the module's: it is asked where statements repeated one by one leave something unknown.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from itertools import islice, product
from typing import Any

import torch
from torch import nn

from isogain.torch.own.beside import beside
from isogain.torch.own.constructors import Code, code_of, constructors_of, own_kind
from isogain.torch.own.kept import few, kept, passed_on, placing
from isogain.torch.own.structure import Build, Form, form_of, structure

__all__ = ["known_arguments", "pairs_of", "rebuildable"]

Tensor = torch.Tensor
Choices = tuple[Any, ...]
Look = Callable[[dict[str, Any]], Form | None]
_MOST, _FEW, _TIMES = 1 << 14, 8, 4
"""Of parts in all that are built, trying; of ways in any case; how many times the parts a try may have."""


def rebuildable(model: nn.Module, lost: Collection[nn.Module]) -> dict[int, Build]:
    """By the module's address, what builds it anew: the outermost around each that holds something lost."""
    found: dict[int, Build] = {}
    _search(model, {*map(id, lost)}, found)
    return found


def _search(module: nn.Module, lost: set[int], found: dict[int, Build]) -> None:
    if lost.isdisjoint(map(id, module.modules())):
        return
    build = _build_of(module)
    if build is not None:
        found[id(module)] = build
        return
    for child in module.children():
        _search(child, lost, found)


def _build_of(module: nn.Module) -> Build | None:
    """What makes a module with the same structure; None unless one choice of what is not known does."""
    kind = own_kind(module)
    known = _arguments(module, kind) if kind is not None else None
    if kind is None or known is None:
        return None
    given, choices = known
    form = structure(module)
    most = max(_FEW, _MOST // len(form))
    ways = [dict(zip(choices, one, strict=True)) for one in islice(product(*choices.values()), most + 1)]
    look = partial(_look, kind, _TIMES * len(form) + _FEW)
    fits = (one for one in ways if len(ways) <= most and look({**given, **one}) == form)
    found = [*islice(fits, 2)]
    is_told = len(found) == 1 and all(_tells(form, look, {**given, **found[0]}, name) for name in choices)
    return partial(_build, kind, {**given, **found[0]}) if is_told else None


def _look(kind: type[nn.Module], most: int, arguments: Mapping[str, Any]) -> Form | None:
    return form_of(partial(_build, kind, arguments), most)


def _tells(form: Form, look: Look, given: dict[str, Any], name: str) -> bool:
    """Whether the structure is another one, if a number that was chosen is."""
    number = given[name]
    if isinstance(number, bool) or not isinstance(number, int):
        return True
    others = {1, number + 1, 2 * number} - {number}
    forms = [look({**given, name: one}) for one in others]
    return form not in forms and any(forms)


def _build(kind: type[nn.Module], arguments: Mapping[str, Any]) -> nn.Module:
    """What a constructor changes in its arguments is not the model's."""
    return kind(**{name: _own(value) for name, value in arguments.items()})


def _own(value: Any) -> Any:
    return value if isinstance(value, Tensor) or callable(value) else copy.copy(value)


def _arguments(module: nn.Module, kind: type[nn.Module]) -> tuple[dict[str, Any], dict[str, Choices]] | None:
    """What its constructor was given, and what the rest of it may have been; None where that is anything."""
    found = known_arguments(module, kind)
    if found is None:
        return None
    code, known = found
    names = code.parameters[1:]
    choices = {name: _choices(module, code, name) for name in names if name not in known}
    return (
        ({name: known[name] for name in names if name in known}, choices) if all(choices.values()) else None
    )


def known_arguments(module: nn.Module, kind: type[nn.Module]) -> tuple[Code, dict[str, Any]] | None:
    """The constructor, and what the module keeps of its and its bases' arguments; None without a source."""
    chain = [code_of(function) for _, function in constructors_of(kind)]
    base: tuple[tuple[str, ...], dict[str, Any]] = ((), {})
    known: dict[str, Any] = {}
    for code in chain:
        if code is None:
            return None
        known = {**placing(code), **passed_on(code, *base), **kept(module, code)}
        base = code.parameters, known
    return (chain[-1], known) if chain and chain[-1] is not None else None


def _choices(module: nn.Module, code: Code, name: str) -> Choices:
    """What an argument may have been: of a number, any size that is in the module."""
    default = code.defaults.get(name)
    is_number = type(default) is int or (default is inspect.Parameter.empty and name not in code.open)
    return few(module, code, name) or (_sizes(module) if is_number else ())


def _sizes(module: nn.Module) -> tuple[int, ...]:
    shapes = {size for one in (*module.parameters(), *module.buffers()) for size in one.shape}
    lengths = {len(one._modules) for one in module.modules()}
    return tuple(sorted((shapes | lengths) - {0}))


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

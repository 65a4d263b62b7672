"""The parameters of a constructor that a module keeps: under a name of its own, its base's, its library's."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import torch
from torch import nn

from isogain.torch.own.constructors import Code
from isogain.torch.own.statements import assigned, statements_of, stored_names

__all__ = ["few", "kept", "passed_on", "placing", "stored"]


def kept(module: nn.Module, code: Code) -> dict[str, Any]:
    """Parameter -> value, where the constructor keeps it as it came."""
    own = {one: getattr(module, name) for one, name in _attributes(code) if hasattr(module, name)}
    return {**dict(_in_config(module, code)), **own}


@lru_cache(maxsize=4096)
def stored(code: Code) -> frozenset[str]:
    """The names that it gives a value."""
    return frozenset().union(*map(stored_names, code.body))


@lru_cache(maxsize=4096)
def _attributes(code: Code) -> tuple[tuple[str, str], ...]:
    """(parameter, attribute that holds it as it came)."""
    statements = [*statements_of(code.body)]
    places = [assigned(one) for one in statements]
    named = ((getattr(one, "value", None), name) for one, name in zip(statements, places, strict=True))
    plain = [(value.id, name) for value, name in named if name and isinstance(value, ast.Name)]
    unchanged = {*code.parameters} - stored(code)
    return tuple(one for one in plain if one[0] in unchanged and places.count(one[1]) == 1)


def _in_config(module: nn.Module, code: Code) -> Iterator[tuple[str, Any]]:
    """A library's record of all arguments (diffusers' `config`)."""
    config = vars(module).get("_internal_dict", vars(module).get("config"))
    if isinstance(config, Mapping) and code.parameters[1:] and config.keys() >= {*code.parameters[1:]}:
        yield from ((name, config[name]) for name in code.parameters[1:])


def placing(code: Code) -> dict[str, Any]:
    """The device that a tensor is made on, which says nothing about what is in it."""
    has_none = "device" in code.parameters and code.defaults["device"] is None
    return {"device": None} if has_none else {}


def few(module: nn.Module, code: Code, name: str) -> tuple[Any, ...]:
    """All that a parameter may have been, where those are few: a flag, or a kind of numbers."""
    if isinstance(code.defaults.get(name), bool):
        return False, True
    if name != "dtype" or code.defaults.get(name, name) is not None:
        return ()
    kinds = {one.dtype for one in (*module.parameters(), *module.buffers()) if one.is_floating_point()}
    return None, *(kinds - {torch.get_default_dtype()})


def passed_on(code: Code, parameters: tuple[str, ...], known: Mapping[str, Any]) -> dict[str, Any]:
    """Parameter -> value, where it is handed to the base's constructor, which keeps it."""
    changed = stored(code)
    return {
        given.id: known[name]
        for call in _calls_of_base(code)
        for name, given in _arguments(call, parameters)
        if isinstance(given, ast.Name) and given.id not in changed and name in known
    }


@lru_cache(maxsize=4096)
def _calls_of_base(code: Code) -> tuple[ast.Call, ...]:
    return tuple(_based(code))


def _based(code: Code) -> Iterator[ast.Call]:
    for one in statements_of(code.body):
        call = one.value if isinstance(one, ast.Expr) else None
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "super().__init__":
            yield call


def _arguments(call: ast.Call, parameters: tuple[str, ...]) -> Iterator[tuple[str, ast.expr]]:
    yield from zip(parameters[1:], call.args, strict=False)
    yield from ((one.arg, one.value) for one in call.keywords if one.arg)

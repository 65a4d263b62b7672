"""The parameters of a constructor that a module keeps: under a name of its own, its base's, its library's."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import Any

from torch import nn

from isogain.torch.own.constructors import Code
from isogain.torch.own.statements import assigned, statements_of, stored_names

__all__ = ["kept", "passed_on"]


def kept(module: nn.Module, code: Code) -> dict[str, Any]:
    """Parameter -> value, where the constructor keeps it as it came."""
    found = dict(_in_config(module, code))
    changed = {name for one in code.body for name in stored_names(one)}
    places = [assigned(one) for one in statements_of(code.body)]
    for one in statements_of(code.body):
        name, value = assigned(one), getattr(one, "value", None)
        if not name or not isinstance(value, ast.Name) or value.id in changed:
            continue
        if value.id in code.parameters and places.count(name) == 1 and hasattr(module, name):
            found[value.id] = getattr(module, name)
    return found


def _in_config(module: nn.Module, code: Code) -> Iterator[tuple[str, Any]]:
    """A library's record of all arguments (diffusers' `config`)."""
    config = vars(module).get("_internal_dict", vars(module).get("config"))
    if isinstance(config, Mapping) and code.parameters[1:] and config.keys() >= {*code.parameters[1:]}:
        yield from ((name, config[name]) for name in code.parameters[1:])


def passed_on(code: Code, parameters: tuple[str, ...], known: Mapping[str, Any]) -> dict[str, Any]:
    """Parameter -> value, where it is handed to the base's constructor, which keeps it."""
    changed = {name for one in code.body for name in stored_names(one)}
    return {
        given.id: known[name]
        for call in _calls_of_base(code)
        for name, given in _arguments(call, parameters)
        if isinstance(given, ast.Name) and given.id not in changed and name in known
    }


def _calls_of_base(code: Code) -> Iterator[ast.Call]:
    for one in statements_of(code.body):
        call = one.value if isinstance(one, ast.Expr) else None
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "super().__init__":
            yield call


def _arguments(call: ast.Call, parameters: tuple[str, ...]) -> Iterator[tuple[str, ast.expr]]:
    yield from zip(parameters[1:], call.args, strict=False)
    yield from ((one.arg, one.value) for one in call.keywords if one.arg)

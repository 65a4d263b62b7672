"""Statements that have been run, what their names stand for, and which of them have to do with a model."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch
from torch import nn

__all__ = ["Held", "Scene", "names_in"]

Tensor = torch.Tensor
_LOOKED_AT = 1024
"""Elements of a container that are looked at."""
_PASSES_ON = (list, tuple, dict, set, frozenset, Iterator)
"""What may hold parts of a model for a while."""


class Held:
    """What belongs to a model."""

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self._modules = {*map(id, model.modules())}
        self.tensors = [*model.parameters(), *model.buffers()]
        self._memory = {*map(_memory, self.tensors)}

    def has_part(self, value: Any, depth: int = 2) -> bool:
        """Whether the value is part of the model, or holds some of it."""
        if isinstance(value, nn.Module):
            return any(id(one) in self._modules for one in value.modules())
        if isinstance(value, Tensor):
            return _memory(value) in self._memory
        if not depth or isinstance(value, type) or callable(getattr(value, "__next__", None)):
            return False
        # copies: to look at what lies in them may load more of a module, or another thread may
        held = tuple(value.values()) if isinstance(value, dict) else value
        if not isinstance(value, dict | list | tuple | set | frozenset):
            held = tuple(getattr(value, "__dict__", {}).values()) if not callable(value) else ()
        return any(self.has_part(one, depth - 1) for one in islice(held, _LOOKED_AT))

    def is_named(self, node: ast.AST, values: Mapping[str, Any]) -> bool:
        """Whether one of the names in it stands for a part."""
        return any(name in values and self.has_part(values[name]) for name in names_in(node))

    def tensors_in(self, node: ast.AST, values: Mapping[str, Any]) -> list[Tensor]:
        """The model's tensors that a statement names; all where it names none by itself."""
        found = [one for value in _parts(node, values) for one in _tensors(value)]
        mine = {_memory(one) for one in found}
        return [one for one in self.tensors if _memory(one) in mine] or self.tensors


def _parts(node: ast.AST, values: Mapping[str, Any]) -> Iterator[Any]:
    value = _registered(node, values)
    value = _value(node, values) if value is None else value
    if isinstance(value, nn.Module | Tensor):
        yield value
        return
    for one in ast.iter_child_nodes(node):
        yield from _parts(one, values)


def _registered(node: ast.AST, values: Mapping[str, Any]) -> Any:
    """What `register_buffer`, or another that is told a name, puts into a module."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or not node.args:
        return None
    base, name = _value(node.func.value, values), getattr(node.args[0], "value", None)
    is_told = isinstance(base, nn.Module) and node.func.attr.startswith("register_")
    return getattr(base, name, None) if is_told and isinstance(name, str) else None


def _value(node: ast.AST, values: Mapping[str, Any]) -> Any:
    """What a name stands for, or a chain of names through a model."""
    if isinstance(node, ast.Name):
        return values.get(node.id)
    base = _value(node.value, values) if isinstance(node, ast.Attribute) else None
    is_model = isinstance(base, nn.Module) and isinstance(node, ast.Attribute)
    return getattr(base, node.attr, None) if is_model else None  # type: ignore[attr-defined]


def _memory(tensor: Tensor) -> int:
    try:
        return int(tensor.untyped_storage()._cdata)
    except (NotImplementedError, RuntimeError):  # a share of another, or a tensor of a library's own
        return id(tensor)


@dataclass(frozen=True)
class Scene:
    """Statements of a function or a module up to a line, with the values of names."""

    body: Sequence[ast.stmt]
    values: Mapping[str, Any]
    place: str
    before: int = 0
    """Lines of the file before the first one of the statements' counting."""
    line: int = 1 << 60
    """The last line that has begun."""

    def touching(self, is_first: Callable[[ast.stmt], bool]) -> list[ast.stmt]:
        """Those of which it is so, and those that have to do with names that passed through such ones."""
        run = [one for one in _leaves(self.body) if one.lineno + self.before <= self.line]
        names = {one: set(filter(self._may_hold, names_in(one))) for one in run}
        found = set(filter(is_first, run))
        known, grown = set[str]().union(*(names[one] for one in found)), -1
        while len(known) != grown:
            grown = len(known)
            found |= {one for one in run if not known.isdisjoint(names[one])}
            known |= set().union(*(names[one] for one in found))
        return [one for one in run if one in found]

    def _may_hold(self, name: str) -> bool:
        """Whether the name may have stood for a part of a model, and does not now, or holds some."""
        return name not in self.values or isinstance(self.values[name], _PASSES_ON)


def _tensors(value: Any) -> list[Tensor]:
    return [*value.parameters(), *value.buffers()] if isinstance(value, nn.Module) else [value]


def _leaves(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements without others inside, and what others begin with; definitions only give names."""
    for one in body:
        if isinstance(
            one, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Import | ast.ImportFrom
        ):
            continue
        inner = [*_bodies(one)]
        if inner:
            yield _heading(one)
            yield from _leaves(inner)
        else:
            yield from _singly(one)


def _bodies(one: ast.stmt) -> Iterator[ast.stmt]:
    for each in ast.iter_child_nodes(one):
        if isinstance(each, ast.stmt):
            yield each
        elif isinstance(each, ast.ExceptHandler | ast.match_case):
            yield from each.body


def _singly(one: ast.stmt) -> Iterator[ast.stmt]:
    """Several names given at once, one by one."""
    target, value = (one.targets[0], one.value) if isinstance(one, ast.Assign) else (None, None)
    if (
        not isinstance(target, ast.Tuple)
        or not isinstance(value, ast.Tuple)
        or len(target.elts) != len(value.elts)
    ):
        yield one
        return
    for name, each in zip(target.elts, value.elts, strict=True):
        yield ast.copy_location(ast.Assign([name], each), one)


def _heading(one: ast.stmt) -> ast.stmt:
    """What a compound statement says before its body."""
    said = [each for each in ast.iter_child_nodes(one) if isinstance(each, ast.expr)]
    said += [
        each for item in getattr(one, "items", ()) for each in (item.context_expr, item.optional_vars) if each
    ]
    return ast.copy_location(ast.Expr(ast.Tuple(said, ast.Load())), one)


def names_in(one: ast.AST) -> set[str]:
    return {node.id for node in ast.walk(one) if isinstance(node, ast.Name)}

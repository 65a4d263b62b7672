"""One constructor, repeated on a finished module statement by statement.

Layers are there, so nothing is built.  A parameter of the constructor is known where the module keeps it
(`self.scale = scale`, a base's, a library's `config`); of one that is true or false both ways are gone.  A
statement that needs another is not run, and whatever it may have written is lost: nobody knows it, unless
something later writes it again.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import product
from types import FunctionType
from typing import Any

import torch
from torch import nn

from isogain.torch.own.constructors import Code, code_of, function_of, resolved
from isogain.torch.own.facts import RECIPES
from isogain.torch.own.kept import few, kept, passed_on, placing, stored
from isogain.torch.own.places import shown_file
from isogain.torch.own.setting import Lost, Setting, Way, tensors_of
from isogain.torch.own.statements import (
    assigned,
    created,
    handed,
    is_none,
    is_reset,
    needed_names,
    own_call,
    root_of,
    sized,
    statements_of,
    stored_names,
    targets_of,
)

__all__ = ["Repetition"]

Tensor = torch.Tensor
_PLAIN = (int, float, str, bytes, torch.dtype, torch.Size, type(None))
_ITEM = "__item"
_BUILDS = ("append", "extend", "insert", "add_module", "register_module", "register_parameter",
           "register_buffer", "setattr", "__init__")  # fmt: skip
_MOST_FLAGS = 3


class Repetition:
    """A constructor and what is known where it stands."""

    def __init__(
        self, setting: Setting, module: nn.Module, kind: type, code: Code,
        base: tuple[tuple[str, ...], Mapping[str, Any]], chain: Sequence[Code],
    ) -> None:  # fmt: skip
        self.setting, self.module, self.kind, self.code, self._chain = setting, module, kind, code, chain
        self.kept = {**placing(code), **passed_on(code, *base), **kept(module, code)}
        self.unknown = {*code.parameters, *stored(code)} - {code.parameters[0]} - self.kept.keys()
        self.names = {name: one for name, one in code.names.items() if name not in self.unknown}
        self.names.update({**self.kept, code.parameters[0]: module})
        reach, given = setting.reach, map(function_of, self.kept.values())
        self._reaches = (
            reach.writes if any(isinstance(one, FunctionType) for one in given) else reach.of_statement
        )
        """Of a class that is given functions, each repetition sees others."""
        self._passes: dict[int, int] = {}
        self._is_between = False
        """Whether one of several ways is being gone."""

    def statements(self, body: Sequence[ast.stmt]) -> None:
        """Repeats them in order."""
        for one in body:
            self._statement(one)

    def _statement(self, one: ast.stmt) -> None:
        if isinstance(one, ast.If):
            self._either(one)
        elif isinstance(one, ast.With | ast.Try):
            self.statements(one.body)
        elif (made := self._made(one)) is not None:
            self._create(*made)
        elif is_reset(one):
            self.setting.reset(self.module)
        elif self._is_local(one):
            self._keep(one)
        elif self._writes(one) or self._makes(one):
            self._write(one)
        else:
            self._forget(one)

    def _writes(self, one: ast.stmt) -> bool:
        """Whether it may write values; a function that nobody keeps may, if it is given something."""
        calls = (node.value for node in statements_of([one]) if isinstance(node, ast.Expr))
        unknown = any(
            isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in self.unknown
            for call in calls
        )
        return unknown or self._reaches(one, self.names)

    def _makes(self, one: ast.stmt) -> bool:
        """Whether it calls a method that makes tensors of the module's own, and no layers."""
        called = own_call(one)
        function = getattr(type(self.module), called, None) if called else None
        code = code_of(function) if isinstance(function, FunctionType) else None
        made = [found[0] for each in statements_of(code.body) if (found := created(each))] if code else []
        layers = (isinstance(getattr(self.module, name, None), nn.Module) for name in made)
        return any(self._own(name) is not None for name in made) and not any(layers)

    # branches -----------------------------------------------------------------------------------------

    def _either(self, one: ast.If) -> None:
        try:
            chosen = bool(self._value(one.test))
        except Exception:  # nobody knows which
            self._both(one)
        else:
            self.statements(one.body if chosen else one.orelse)

    def _both(self, one: ast.If) -> None:
        """Makes what either makes, if it is there; then goes both ways, if they write."""
        branches = one.body, one.orelse
        for made in filter(None, map(self._made, (*one.body, *one.orelse))):
            self._create(*made, is_sure=False)
        writing = [[each for each in body if not self._made(each)] for body in branches]
        if any(map(self._writes, (*writing[0], *writing[1]))):
            self._go(one, [partial(self.statements, body) for body in writing])
        self._forget(one)

    def _go(self, one: ast.stmt, ways: Sequence[Way]) -> None:
        """One of these ways; within another choice, nobody knows what they write."""
        tensors = tensors_of(self.module)
        if self._is_between:
            for way in ways:
                self.setting.witness.unsure(tensors, way)
            return
        self._passes[one.lineno] = self._passes.get(one.lineno, 0) + 1
        key = id(self.module), self.code.place, self.code.first_line + one.lineno, self._passes[one.lineno]
        self._is_between = True
        try:
            self.setting.witness.ways(key, tensors, ways)
        finally:
            self._is_between = False

    # tensors of its own -------------------------------------------------------------------------------

    def _made(self, one: ast.stmt) -> tuple[str, ast.expr] | None:
        """The name and value of a tensor of the module's own that the statement makes."""
        found = created(one)
        return found if found and self._own(found[0]) is not None and not is_none(found[1]) else None

    def _own(self, name: str) -> Tensor | None:
        held = self.module._parameters.get(name)
        found = held if held is not None else self.module._buffers.get(name)
        return found if found is not None else self._plain(name)

    def _plain(self, name: str) -> Tensor | None:
        """A tensor that is only an attribute."""
        found = vars(self.module).get(name)
        return found if isinstance(found, Tensor) and name in self.setting.reach.tensors else None

    def _create(self, name: str, value: ast.expr, is_sure: bool = True) -> None:
        """A tensor of the module's own, as its constructor made it."""
        tensor = self._own(name)
        assert tensor is not None
        try:
            if not is_sure and self._sites(name) > 1:
                raise Lost("it is made in several places")
            found = self._value(sized(value, tuple(tensor.shape), self._is_number))
            found = found if isinstance(found, Tensor) else torch.as_tensor(found)
            if found.shape != tensor.shape:
                raise Lost(f"{tuple(found.shape)} for {tuple(tensor.shape)}")
            self.setting.witness.give(tensor, found)
        except Exception:  # made of what the module does not keep
            self.setting.witness.lose([tensor])

    def _is_number(self, node: ast.expr) -> bool:
        try:
            return isinstance(self._value(node), int | float)
        except Exception:
            return False

    def _sites(self, name: str) -> int:
        """In how many places of the constructors the tensor is made."""
        made = filter(None, (created(one) for code in self._chain for one in statements_of(code.body)))
        return sum(one == name and not is_none(value) for one, value in made)

    # names --------------------------------------------------------------------------------------------

    def _is_local(self, one: ast.stmt) -> bool:
        """Whether it only gives names to what it computes."""
        targets = targets_of(one)
        is_helper = isinstance(one, ast.FunctionDef | ast.Import | ast.ImportFrom)
        return is_helper or (bool(targets) and all(map(root_of, targets)))

    def _keep(self, one: ast.stmt) -> None:
        """Numbers, words and tensors; what else has the name may be a layer, and the module has its own."""
        try:
            if self._builds(one):
                raise Lost("it builds layers")
            self._run(one)
        except Exception:
            if self._writes(one):
                self._tell(one, Lost("it builds layers and writes values"))
                self.setting.witness.lose(tensors_of(self.module))
            self._forget(one)
            return
        is_helper = not targets_of(one)
        for name in stored_names(one):
            if is_helper or _is_plain(self.names.get(name)):
                self.unknown.discard(name)
            else:
                self._drop(name)

    def _forget(self, one: ast.stmt) -> None:
        """Names that a statement gives have a value that is not known."""
        for name in stored_names(one):
            self._drop(name)

    def _drop(self, name: str) -> None:
        if name != self.code.parameters[0]:
            self.names.pop(name, None)
            self.unknown.add(name)

    # what writes --------------------------------------------------------------------------------------

    def _write(self, one: ast.stmt) -> None:
        """What writes values: run, or its targets are lost."""
        if any(isinstance(node, ast.Attribute) and node.attr in RECIPES for node in ast.walk(one)):
            self.setting.own_way.add(id(self.module))
        try:
            if self._builds(one):
                raise Lost("it builds layers as well")
            self._run(one)
        except Exception as error:
            if not (self._by_flags(one, error) or self._broken_up(one)):
                self._tell(one, error)
                self.setting.witness.lose(self._reached(one))
        self._forget(one)

    def _by_flags(self, one: ast.stmt, error: Exception) -> bool:
        """Whether it could be run with each value of what is true or false, and is not kept."""
        names = error.names if isinstance(error, Lost) else ()
        choices = [few(self.module, self.code, name) for name in names]
        if not names or not all(choices) or len(names) > _MOST_FLAGS or self._is_between:
            return False
        values = [dict(zip(names, each, strict=True)) for each in product(*choices)]
        try:
            self._go(one, [partial(self._with, each, one) for each in values])
        except Exception:
            return False
        return True

    def _with(self, values: Mapping[str, Any], one: ast.stmt) -> None:
        self.names.update(values)
        self.unknown -= values.keys()
        try:
            self._run(one)
        finally:
            for name in values:
                self._drop(name)

    def _broken_up(self, one: ast.stmt) -> bool:
        """Whether a loop could be taken item by item, so that what is known in it is not lost."""
        leaves = any(isinstance(node, ast.Break | ast.Continue) for node in ast.walk(one))
        if not isinstance(one, ast.For) or one.orelse or leaves:
            return False
        try:
            items = list(self._value(one.iter))
        except Exception:
            return False
        for self.names[_ITEM] in items:
            given = ast.copy_location(ast.Assign([one.target], ast.Name(_ITEM, ast.Load())), one)
            self._run(ast.fix_missing_locations(given))
            self.unknown -= stored_names(one.target)
            self.statements(one.body)
        return True

    def _tell(self, one: ast.stmt, error: Exception) -> None:
        line = self.code.first_line + one.lineno - 1
        what = f"{self.kind.__name__}.__init__ ({shown_file(self.code.place)}:{line})"
        self.setting.tell(f"{what} cannot be repeated: {error}")

    def _reached(self, one: ast.stmt) -> list[Tensor]:
        """All that the statement may have written."""
        inner = getattr(self.module, assigned(one), None) if assigned(one) else None
        if isinstance(inner, nn.Module):
            return tensors_of(inner)
        try:
            values = [self._value(argument) for argument in handed(one)]
        except Exception:
            values = []
        given = [value for value in values if isinstance(value, Tensor)]
        return given or tensors_of(self.module)

    def _builds(self, one: ast.stmt) -> bool:
        return any(self._is_building(node) for node in ast.walk(one))

    def _is_building(self, node: ast.AST) -> bool:
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            return node.attr != "data" and node.attr not in self.setting.reach.tensors
        if not isinstance(node, ast.Call):
            return False
        called = resolved(node.func, self.names)
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        return name in _BUILDS or (isinstance(called, type) and issubclass(called, nn.Module))

    # running ------------------------------------------------------------------------------------------

    @torch.no_grad()
    def _value(self, node: ast.expr) -> Any:
        self._require(node)
        expression = ast.fix_missing_locations(ast.Expression(node))
        return eval(compile(expression, self.code.place, "eval"), dict(self.names))

    @torch.no_grad()
    def _run(self, one: ast.stmt) -> None:
        self._require(one)
        names = dict(self.names)
        exec(compile(ast.Module([one], []), self.code.place, "exec"), names)
        self.names.update({name: names[name] for name in stored_names(one) if name in names})

    def _require(self, node: ast.AST) -> None:
        lost = sorted(needed_names(node) & self.unknown)
        if lost:
            raise Lost(names=lost)


def _is_plain(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    return isinstance(value, _PLAIN) or (isinstance(value, Tensor) and not isinstance(value, nn.Parameter))

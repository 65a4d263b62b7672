"""Constructors repeated on a finished module: the statements that give values, with what the module keeps.

Layers are there, so nothing is built.  A parameter of the constructor is known where the module keeps it
(`self.scale = scale`, a base's, a library's `config`); a statement that needs one it does not keep is not
run, and whatever it may have written is lost: nobody knows it, unless something later writes it again.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import FunctionType
from typing import Any

import torch
from torch import nn

from isogain.torch.own.constructors import (
    RECIPES,
    RESETS,
    Code,
    Reach,
    code_of,
    constructors_of,
    is_torch,
    resolved,
)
from isogain.torch.own.kept import kept, passed_on
from isogain.torch.own.places import shown_file
from isogain.torch.own.recorder import Recorder
from isogain.torch.own.statements import (
    assigned,
    created,
    is_none,
    is_reset,
    needed_names,
    root_of,
    sized,
    stored_names,
    targets_of,
)

__all__ = ["Repeater"]

Tensor = torch.Tensor
_PLAIN = (int, float, str, bytes, torch.dtype, torch.Size, type(None))
_ITEM = "__item"
_BUILDS = ("append", "extend", "insert", "add_module", "register_module", "register_parameter",
           "register_buffer", "setattr", "__init__")  # fmt: skip


class Repeater:
    """Repeats the constructors of a model's modules under a recorder."""

    def __init__(self, model: nn.Module, recorder: Recorder, reset: Callable[[nn.Module, Any], None]) -> None:
        self.recorder, self.reach, self._reset = recorder, Reach(model), reset
        self.said: list[str] = []
        self.ran_recipes: set[int] = set()
        """Modules whose constructor calls a recipe in a way of its own."""
        self._modules_reset: set[int] = set()

    def repeat(self, module: nn.Module) -> None:
        """All that the module's constructors gave values to, its inner modules' own constructors left out."""
        if any(is_torch(base) and _has_reset(base) for base in type(module).__mro__):
            self.reset(module)
        chain = constructors_of(type(module))
        base: tuple[tuple[str, ...], Mapping[str, Any]] = ((), {})
        for kind, function in chain:
            code = code_of(function)
            if code is None:
                self._unread(module, kind, function)
                continue
            one = _Repetition(self, module, kind, code, base, [code_of(other) for _, other in chain])
            one.statements(code.body)
            base = code.parameters, one.kept
        self.reset(module)

    def reset(self, module: nn.Module) -> None:
        """Its own `reset_parameters`, once."""
        if id(module) in self._modules_reset:
            return
        self._modules_reset.add(id(module))
        name = next((name for name in RESETS if callable(getattr(module, name, None))), None)
        if name is not None:
            try:
                self._reset(module, getattr(module, name))
            except Exception as error:
                self.said.append(f"{type(module).__name__}.{name} raised {type(error).__name__}: {error}")

    def lose(self, tensors: Iterator[Tensor]) -> None:
        """Nobody knows what is in them now."""
        for tensor in tensors:
            self.recorder.lose(tensor)

    def _unread(self, module: nn.Module, kind: type, function: FunctionType) -> None:
        names = function.__code__.co_names
        if any(name.endswith("_") and not name.endswith("__") for name in names):
            self.said.append(f"{kind.__name__}.__init__ has no source to read")
            self.lose(_tensors_of(module))


def _has_reset(base: type) -> bool:
    return any(name in vars(base) for name in RESETS)


def _tensors_of(module: nn.Module) -> Iterator[Tensor]:
    yield from module.parameters()
    yield from module.buffers()


class _Repetition:
    """One constructor, statement by statement."""

    def __init__(
        self, repeater: Repeater, module: nn.Module, kind: type, code: Code,
        base: tuple[tuple[str, ...], Mapping[str, Any]], chain: Sequence[Code | None],
    ) -> None:  # fmt: skip
        self.repeater, self.module, self.kind, self.code = repeater, module, kind, code
        self.kept = {**passed_on(code, *base), **kept(module, code)}
        stored = {name for one in code.body for name in stored_names(one)}
        self.unknown = {*code.parameters, *stored} - {code.parameters[0]} - self.kept.keys()
        self.names = {name: one for name, one in code.names.items() if name not in self.unknown}
        self.names.update({**self.kept, code.parameters[0]: module})
        self._chain = [one for one in chain if one is not None]

    def statements(self, body: Sequence[ast.stmt], is_sure: bool = True) -> None:
        for one in body:
            self._statement(one, is_sure)

    def _statement(self, one: ast.stmt, is_sure: bool) -> None:
        if isinstance(one, ast.If):
            self._either(one, is_sure)
        elif isinstance(one, ast.With | ast.Try):
            self.statements(one.body, is_sure)
        elif (made := self._made(one)) is not None:
            self._create(*made, is_sure)
        elif is_reset(one):
            self.repeater.reset(self.module)
        elif self._is_local(one):
            self._keep(one)
        elif self.repeater.reach.writes(one, self.names):
            self._write(one, is_sure)
        else:
            self._forget(one)

    def _either(self, one: ast.If, is_sure: bool) -> None:
        try:
            chosen = bool(self._value(one.test))
        except Exception:  # nobody knows which
            self.statements(one.body, False)
            self.statements(one.orelse, False)
        else:
            self.statements(one.body if chosen else one.orelse, is_sure)

    def _create(self, name: str, value: ast.expr, is_sure: bool) -> None:
        """A tensor of the module's own, as its constructor made it."""
        tensor = _own_tensor(self.module, name)
        assert tensor is not None
        try:
            if not is_sure and self._sites(name) > 1:
                raise LookupError
            found = self._value(sized(value, tuple(tensor.shape), self._is_number))
            self._give(tensor, torch.as_tensor(found))
        except Exception:  # made of what the module does not keep
            self.repeater.recorder.lose(tensor)

    @torch.no_grad()
    def _give(self, tensor: Tensor, found: Tensor) -> None:
        recorder = self.repeater.recorder
        if found.shape != tensor.shape:
            raise LookupError(f"{tuple(found.shape)} for {tuple(tensor.shape)}")
        if recorder.knows(found) and not recorder.has_written(found):
            recorder.lose(tensor)  # memory that is written later
        else:
            tensor.copy_(found)

    def _is_number(self, node: ast.expr) -> bool:
        try:
            return isinstance(self._value(node), int | float)
        except Exception:
            return False

    def _sites(self, name: str) -> int:
        """In how many places of the constructors the tensor is made."""
        statements = (node for code in self._chain for one in code.body for node in ast.walk(one))
        made = filter(None, (created(one) for one in statements if isinstance(one, ast.stmt)))
        return sum(one == name and not is_none(value) for one, value in made)

    def _made(self, one: ast.stmt) -> tuple[str, ast.expr] | None:
        """The name and value of a tensor of the module's own that the statement makes."""
        found = created(one)
        return found if found and _own_tensor(self.module, found[0]) is not None else None

    def _is_local(self, one: ast.stmt) -> bool:
        """Whether it only gives names to what it computes."""
        if isinstance(one, ast.FunctionDef | ast.Import | ast.ImportFrom):
            return True
        targets = targets_of(one)
        return bool(targets) and all(map(root_of, targets))

    def _keep(self, one: ast.stmt) -> None:
        """Numbers, words and tensors; what else has the name may be a layer, and the module has its own."""
        try:
            if self._builds(one):
                raise LookupError
            self._run(one)
        except Exception:
            self._forget(one)
            return
        is_helper = not isinstance(one, ast.Assign | ast.AnnAssign | ast.AugAssign)
        for name in stored_names(one):
            if is_helper or _is_plain(self.names.get(name)):
                self.unknown.discard(name)
            else:
                self._drop(name)

    def _write(self, one: ast.stmt, is_sure: bool) -> None:
        """What writes values: run, or its targets are lost."""
        recorder = self.repeater.recorder
        time = len(recorder.record.steps)
        if any(isinstance(node, ast.Attribute) and node.attr in RECIPES for node in ast.walk(one)):
            self.repeater.ran_recipes.add(id(self.module))
        try:
            if self._builds(one):
                raise LookupError("it builds layers as well")
            self._run(one)
        except Exception as error:
            if not self._broken_up(one, is_sure):
                self._tell(one, error)
                self.repeater.lose(self._reached(one))
        if not is_sure:
            self.repeater.lose(self._written_since(time))
        self._forget(one)

    def _written_since(self, time: int) -> Iterator[Tensor]:
        was_written = self.repeater.recorder.was_written
        return iter([one for one in _tensors_of(self.module) if was_written(one, time)])

    def _broken_up(self, one: ast.stmt, is_sure: bool) -> bool:
        """Whether a loop could be taken item by item, so that what is known in it is not lost."""
        leaves = any(isinstance(node, ast.Break | ast.Continue) for node in ast.walk(one))
        if not isinstance(one, ast.For) or one.orelse or leaves:
            return False
        try:
            items = list(self._value(one.iter))
        except Exception:
            return False
        for item in items:
            self.names[_ITEM] = item
            given = ast.Assign([one.target], ast.Name(_ITEM, ast.Load()))
            self._run(ast.fix_missing_locations(ast.copy_location(given, one)))
            self.unknown -= stored_names(one.target)
            self.statements(one.body, is_sure)
        return True

    def _tell(self, one: ast.stmt, error: Exception) -> None:
        line = self.code.first_line + one.lineno - 1
        what = f"{self.kind.__name__}.__init__ ({shown_file(self.code.place)}:{line})"
        said = f"{what} cannot be repeated: {error}"
        if said not in self.repeater.said:
            self.repeater.said.append(said)

    def _reached(self, one: ast.stmt) -> Iterator[Tensor]:
        """All that the statement may have written."""
        inner = getattr(self.module, assigned(one), None) if assigned(one) else None
        if isinstance(inner, nn.Module):
            return _tensors_of(inner)
        given = self._given(one)
        return iter(given) if given else _tensors_of(self.module)

    def _given(self, one: ast.stmt) -> list[Tensor]:
        """The tensors that are handed to a function which writes what it is given, as its name says."""
        call = one.value if isinstance(one, ast.Expr) else None
        if not isinstance(call, ast.Call):
            return []
        name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
        name = call.func.id if isinstance(call.func, ast.Name) else name
        if not name.endswith("_") or name.endswith("__"):
            return []
        found = []
        for argument in [*call.args[:1], *(one.value for one in call.keywords if one.arg == "tensor")]:
            try:
                value = self._value(argument)
            except Exception:
                return []
            found += [value] if isinstance(value, Tensor) else []
        return found

    def _builds(self, one: ast.stmt) -> bool:
        return any(self._is_building(node) for node in ast.walk(one))

    def _is_building(self, node: ast.AST) -> bool:
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            return node.attr != "data" and node.attr not in self.repeater.reach.tensors
        if not isinstance(node, ast.Call):
            return False
        called = resolved(node.func, self.names)
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        return name in _BUILDS or (isinstance(called, type) and issubclass(called, nn.Module))

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
            raise LookupError(f"the model does not keep {', '.join(lost)}")

    def _forget(self, one: ast.stmt) -> None:
        """Names that a statement gives have a value that is not known."""
        for name in stored_names(one):
            self._drop(name)

    def _drop(self, name: str) -> None:
        if name != self.code.parameters[0]:
            self.names.pop(name, None)
            self.unknown.add(name)


def _is_plain(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    return isinstance(value, _PLAIN) or (isinstance(value, Tensor) and not isinstance(value, nn.Parameter))


def _own_tensor(module: nn.Module, name: str) -> Tensor | None:
    found = module._parameters.get(name)
    return found if found is not None else module._buffers.get(name)

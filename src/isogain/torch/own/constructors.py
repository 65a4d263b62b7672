"""What constructors say in their own code: which of their statements write values over tensors.

A finished model does not tell what its constructors did after its layers were there (a gain of 0, smaller
ends of branches, an `apply`).  Their code does: a statement that reaches an operation ending in an
underscore, an assignment to `.data`, or to elements of a parameter, in whatever function it calls.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache, partial
from types import FunctionType, ModuleType
from typing import Any, NamedTuple

import torch
from torch import nn

from isogain.torch.draw.materialize import places_of

__all__ = ["RECIPES", "RESETS", "Code", "Reach", "code_of", "constructors_of", "is_torch"]

RESETS = ("reset_parameters", "_reset_parameters")
RECIPES = ("initialize_weights", "init_weights", "_init_weights")
_ONLY_SET_UP = ("requires_grad_", "share_memory_", "detach_", "retains_grad_", "rename_", "resize_")


class Code(NamedTuple):
    """A function's own code, and the names it sees."""

    body: list[ast.stmt]
    names: Mapping[str, Any]
    parameters: tuple[str, ...]
    defaults: Mapping[str, Any]
    place: str
    """Its file, shown to people."""
    first_line: int
    """Of the file; statements count from it."""


def is_torch(kind: Any) -> bool:
    """Whether a class or function is torch's own."""
    return str(getattr(kind, "__module__", "")).partition(".")[0] == "torch"


@lru_cache(maxsize=4096)
def code_of(function: FunctionType) -> Code | None:
    """None where there is no source."""
    try:
        lines, first = inspect.getsourcelines(function)
        (tree,) = ast.parse(textwrap.dedent("".join(lines))).body
    except (OSError, TypeError, SyntaxError, ValueError):
        return None
    if not isinstance(tree, ast.FunctionDef):
        return None
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=False)
    names = {**function.__globals__, **{name: _content(cell) for name, cell in cells}}
    given = inspect.signature(function).parameters
    defaults = {name: one.default for name, one in given.items()}
    return Code(tree.body, names, tuple(given), defaults, function.__code__.co_filename, first)


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # nothing is in it yet
        return None


def constructors_of(kind: type) -> list[tuple[type, FunctionType]]:
    """The constructors of a module's class that are not torch's, in the order in which they end."""
    found: list[tuple[type, FunctionType]] = []
    for base in kind.__mro__:
        own = vars(base).get("__init__")
        if own is None:
            continue
        function = inspect.unwrap(own)
        if is_torch(base) or not isinstance(function, FunctionType):
            break
        found.append((base, function))
        if "__init__" not in function.__code__.co_names:
            break  # it leaves out its bases'
    return found[::-1]


class Reach:
    """What the functions that a model's classes call may write."""

    def __init__(self, model: nn.Module) -> None:
        kinds = {base for module in model.modules() for base in type(module).__mro__ if not is_torch(base)}
        self._methods: dict[str, list[FunctionType]] = {}
        for kind in kinds:
            for name, one in vars(kind).items():
                if isinstance(function := _function(one), FunctionType) and name != "__init__":
                    self._methods.setdefault(name, []).append(function)
        self.tensors = {name for one in places_of(model) for _, name in one.owners}
        self._known: dict[FunctionType, bool] = {}
        self._of_statements: dict[ast.stmt, bool] = {}

    def of_statement(self, one: ast.stmt, names: Mapping[str, Any], given: Iterable[Any]) -> bool:
        """Whether a statement of a constructor may write: found once for a class given no function."""
        if any(isinstance(_function(value), FunctionType) for value in given):
            return self.writes(one, names)
        known = self._of_statements.get(one)
        if known is None:
            known = self._of_statements[one] = self.writes(one, names)
        return known

    def writes(self, node: ast.AST, names: Mapping[str, Any], *, is_own: bool = True) -> bool:
        """Whether running the node may write values; of the constructor's own code, recipes' calls too."""
        if isinstance(node, ast.Call) and _calls_recipe(node):
            if is_own:
                return True
            if _is_plain_call(node):
                return False  # the recipe is run as such
        if self._writes_itself(node) or any(map(self._does, self._called(node, names))):
            return True
        return any(self.writes(one, names, is_own=is_own) for one in ast.iter_child_nodes(node))

    def _writes_itself(self, node: ast.AST) -> bool:
        if isinstance(node, ast.Attribute | ast.Name):
            name = node.attr if isinstance(node, ast.Attribute) else node.id
            return isinstance(node.ctx, ast.Load) and _is_writer(name)
        targets = node.targets if isinstance(node, ast.Assign) else []
        if isinstance(node, ast.AugAssign):
            targets = [node.target]
        return any(self._is_over_values(one, node) for one in targets)

    def _is_over_values(self, target: ast.expr, node: ast.AST) -> bool:
        if isinstance(target, ast.Subscript) and isinstance(target.value, ast.Attribute):
            return target.value.attr == "data" or target.value.attr in self.tensors
        if not isinstance(target, ast.Attribute):
            return False
        if target.attr == "data":
            return True
        is_self = isinstance(target.value, ast.Name) and target.value.id == "self"
        is_tie = isinstance(node, ast.Assign) and isinstance(node.value, ast.Attribute | ast.Name)
        return target.attr in self.tensors and not is_tie and (isinstance(node, ast.AugAssign) or not is_self)

    def _called(self, node: ast.AST, names: Mapping[str, Any]) -> Iterator[FunctionType]:
        """The functions that a name stands for: also those that are only handed on."""
        if isinstance(node, ast.Name):
            found = [names.get(node.id)]
        elif isinstance(node, ast.Attribute):
            outside = resolved(node, names)
            found = [outside] if outside is not None else [*self._methods.get(node.attr, [])]
        else:
            return
        for one in map(_function, found):
            if isinstance(one, FunctionType) and not is_torch(one):
                yield one

    def _does(self, function: FunctionType) -> bool:
        known = self._known.get(function)
        if known is None:
            self._known[function] = False  # while it is looked at: it may call itself
            code = code_of(function)
            named = partial(self.writes, is_own=False)
            known = (
                any(map(_is_writer, function.__code__.co_names))
                if code is None
                else any(named(one, code.names) for one in code.body)
            )
            self._known[function] = known
        return known


def resolved(node: ast.AST, names: Mapping[str, Any]) -> Any:
    """What a name stands for, or a chain of names through Python's modules; else None."""
    if isinstance(node, ast.Name):
        return names.get(node.id)
    if isinstance(node, ast.Attribute):
        base = resolved(node.value, names)
        return getattr(base, node.attr, None) if isinstance(base, ModuleType) else None
    return None


def _calls_recipe(node: ast.Call) -> bool:
    """Whether it calls, or hands to `apply`, what starts a model by its name."""
    named = (one for one in (node.func, *node.args[:1]) if isinstance(one, ast.Attribute))
    return any(one.attr in (*RECIPES, *RESETS) for one in named)


def _is_plain_call(node: ast.Call) -> bool:
    """A recipe called as it is run without a constructor: with nothing, or by `apply`."""
    called = node.func.attr if isinstance(node.func, ast.Attribute) else ""
    if called == "apply":
        return len(node.args) == 1 and not node.keywords
    return called in (*RECIPES, *RESETS) and not node.args and not node.keywords


def _is_writer(name: str) -> bool:
    ends = name.endswith("_") and not name.endswith("__") and name not in _ONLY_SET_UP
    return ends and (hasattr(torch.Tensor, name) or hasattr(nn.init, name))


def _function(one: Any) -> Any:
    """What is behind partials, methods and decorators."""
    while isinstance(one, partial):
        one = one.func
    one = getattr(one, "__func__", one)
    return inspect.unwrap(one) if isinstance(one, FunctionType) else one

"""Functions as they are written: their statements, and the names that these see."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from types import CodeType, FunctionType, ModuleType
from typing import Any

from torch import nn

__all__ = [
    "Code",
    "code_of",
    "constructors_of",
    "definition_of",
    "function_of",
    "is_torch",
    "names_of",
    "own_kind",
    "resolved",
]


@dataclass(frozen=True, eq=False)
class Code:
    """A function's own code, and the names it sees."""

    body: list[ast.stmt]
    names: Mapping[str, Any]
    parameters: tuple[str, ...]
    defaults: Mapping[str, Any]
    open: tuple[str, ...]
    """Those parameters that take any number of arguments."""
    place: str
    """Its file, shown to people."""
    first_line: int
    """Of the file; statements count from it."""


def is_torch(kind: Any) -> bool:
    """Whether a class or function is torch's own."""
    return str(getattr(kind, "__module__", "")).partition(".")[0] == "torch"


def own_kind(module: nn.Module) -> type[nn.Module] | None:
    """A module's class as it was written, without what wrapping puts before it; None for torch's own."""
    written = (one for one in type(module).__mro__ if not is_torch(one))
    return next((one for one in written if issubclass(one, nn.Module)), None)


@lru_cache(maxsize=4096)
def code_of(function: FunctionType) -> Code | None:
    """None where there is no source."""
    try:
        lines, first = inspect.findsource(function)
        tree = _definition(function.__code__, lines[first:])
    except (OSError, TypeError, SyntaxError, ValueError):
        return None
    if not isinstance(tree, ast.FunctionDef):
        return None
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=False)
    names = {**function.__globals__, **{name: _content(cell) for name, cell in cells}}
    given = inspect.signature(function).parameters
    defaults = {name: one.default for name, one in given.items()}
    open_ones = tuple(
        name for name, one in given.items() if one.kind in (one.VAR_POSITIONAL, one.VAR_KEYWORD)
    )
    return Code(tree.body, names, tuple(given), defaults, open_ones, function.__code__.co_filename, first + 1)


def definition_of(code: CodeType) -> tuple[list[ast.stmt], int] | None:
    """The statements of a function or a module of Python, and the number of lines before their line 1."""
    try:
        lines, first = inspect.findsource(code)
        if code.co_name == "<module>":
            return ast.parse("".join(lines)).body, 0
        found = _definition(code, lines[first:])
    except (OSError, TypeError, SyntaxError, ValueError):
        return None
    is_function = isinstance(found, ast.FunctionDef | ast.AsyncFunctionDef)
    return (found.body, first) if is_function else None  # type: ignore[attr-defined]


def _definition(code: CodeType, lines: Sequence[str]) -> ast.stmt:
    """The statement that defines it: as far as its operations go, or as its layout says, which takes long."""
    for some in (lines[: _last_line(code) - code.co_firstlineno + 1], lines):
        whole = some if some is not lines else inspect.getblock(lines)
        try:
            (found,) = ast.parse(textwrap.dedent("".join(whole))).body
        except (SyntaxError, ValueError):
            continue
        return found
    raise SyntaxError


def _last_line(code: CodeType) -> int:
    inner = (_last_line(one) for one in code.co_consts if isinstance(one, CodeType))
    return max(code.co_firstlineno, *inner, *(end or 0 for _, end, _, _ in code.co_positions()))


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


def resolved(node: ast.AST, names: Mapping[str, Any]) -> Any:
    """What a name stands for, or a chain of names through Python's modules; else None."""
    if isinstance(node, ast.Name):
        return names.get(node.id)
    if isinstance(node, ast.Attribute):
        base = resolved(node.value, names)
        return getattr(base, node.attr, None) if isinstance(base, ModuleType) else None
    return None


def function_of(one: Any) -> Any:
    """What is behind partials, methods and decorators."""
    while isinstance(one, partial):
        one = one.func
    one = getattr(one, "__func__", one)
    is_wrapper = isinstance(one, FunctionType) and hasattr(one, "__wrapped__")
    return inspect.unwrap(one) if is_wrapper else one


def names_of(code: CodeType) -> Iterator[str]:
    """All names in a function that are not its own, and in those that are written in it."""
    yield from code.co_names
    yield from code.co_freevars
    for one in code.co_consts:
        if isinstance(one, CodeType):
            yield from names_of(one)

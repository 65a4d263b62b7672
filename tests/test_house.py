"""The house keeps its order: no import by a string, small files, short functions."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from statistics import quantiles

import pytest

import isogain

SOURCE = Path(isogain.__file__).parent
FILES = sorted(SOURCE.rglob("*.py"))
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in FILES}
LAZY = {"__init__.py", "lab/__init__.py"}
"""The two public namespaces whose names are loaded on first use."""


def loads_by_name(tree: ast.AST) -> Iterator[ast.Call]:
    """Every call of import_module or __import__."""
    for node in ast.walk(tree):
        name = node.func if isinstance(node, ast.Call) else None
        if getattr(name, "id", getattr(name, "attr", "")) in ("import_module", "__import__"):
            assert isinstance(node, ast.Call)
            yield node


def names_isogain(call: ast.Call) -> bool:
    """Whether a loading call's name can be one of ours: it says so, or is looked up in a table."""
    parts = [node.value for node in ast.walk(call) if isinstance(node, ast.Constant)]
    return any(isinstance(part, str) and part.startswith("isogain") for part in parts)


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function without its signature and docstring."""
    body = function.body[1:] if ast.get_docstring(function) and len(function.body) > 1 else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1


def test_nothing_of_ours_is_imported_by_a_string() -> None:
    found = [
        f"{path.relative_to(SOURCE)}:{call.lineno}"
        for path, tree in TREES.items()
        for call in loads_by_name(tree)
        if names_isogain(call) and path.relative_to(SOURCE).as_posix() not in LAZY
    ]
    assert not found, "the import contract cannot see these; turn the dependence round instead"


@pytest.mark.parametrize(
    ("text", "caught"),
    [
        ('import_module("isogain.report")', True),
        ('importlib.import_module(f"isogain.lab.{name}")', True),
        ('__import__("isogain.torch")', True),
        ('importlib.import_module("jax.experimental")', False),
        ("importlib.import_module(module_name)", False),
    ],
)
def test_the_check_can_fail(text: str, caught: bool) -> None:
    assert [names_isogain(call) for call in loads_by_name(ast.parse(text))] == [caught]


def test_files_and_functions_stay_small() -> None:
    longest = {str(p.relative_to(SOURCE)): len(p.read_text(encoding="utf-8").splitlines()) for p in FILES}
    assert not {path: lines for path, lines in longest.items() if lines > 400}
    functions = (
        body_lines(node)
        for tree in TREES.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    tenths = quantiles(functions, n=10)
    assert tenths[4] <= 5
    assert tenths[8] <= 15


def test_every_room_says_its_purpose() -> None:
    silent = [p for p, tree in TREES.items() if p.name == "__init__.py" and not ast.get_docstring(tree)]
    assert not silent

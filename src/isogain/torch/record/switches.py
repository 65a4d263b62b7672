"""Whether all code that uses an attribute stands behind switches: conditions that no call can change."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterable, Iterator
from typing import Any

__all__ = ["switched_off"]

MODES = frozenset(["training"])
"""Attributes of a module that are set again and again."""
Conditions = tuple[ast.expr, ...]


def switched_off(methods: Iterable[Callable[..., Any]], attribute: str) -> bool:
    """Whether methods use it, and each time behind a condition on the module's own attributes, or globals.

    A condition on what is handed in, on what was worked out of it, or on the mode is no switch.
    """
    found = [switched for method in methods for switched in _uses(method, attribute)]
    return bool(found) and all(found)


def _uses(method: Callable[..., Any], attribute: str) -> Iterator[bool]:
    """For each use in a method, whether a switch stands before it."""
    try:
        (function,) = ast.parse(textwrap.dedent(inspect.getsource(method))).body
    except (OSError, TypeError, ValueError, SyntaxError):  # no source, or a lambda in the middle of a line
        return
    if not isinstance(function, ast.FunctionDef) or not function.args.args:
        return
    own = function.args.args[0].arg
    changing = {one.arg for one in ast.walk(function.args) if isinstance(one, ast.arg)} - {own}
    changing |= {n.id for n in ast.walk(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    for conditions in _reads(function, own, attribute, ()):
        yield any(_is_switch(one, changing) for one in conditions)


def _reads(node: ast.AST, own: str, attribute: str, before: Conditions) -> Iterator[Conditions]:
    """The conditions before each read of `own.attribute`; reads within a condition itself are none."""
    if isinstance(node, ast.Attribute) and node.attr == attribute:
        if isinstance(node.value, ast.Name) and node.value.id == own:
            yield before
        return
    test = node.test if isinstance(node, (ast.If, ast.IfExp, ast.While)) else None
    inside = before if test is None else (*before, test)
    for child in ast.iter_child_nodes(node):
        if child is not test:
            yield from _reads(child, own, attribute, inside)


def _is_switch(test: ast.expr, changing: set[str]) -> bool:
    names = {one.id for one in ast.walk(test) if isinstance(one, ast.Name)}
    attributes = {one.attr for one in ast.walk(test) if isinstance(one, ast.Attribute)}
    return names.isdisjoint(changing) and attributes.isdisjoint(MODES)

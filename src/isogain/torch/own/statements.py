"""What a statement of a constructor is, by its syntax alone: what it names, makes, and needs."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache

__all__ = [
    "assigned",
    "created",
    "handed",
    "is_none",
    "is_reset",
    "needed_names",
    "own_call",
    "root_of",
    "sized",
    "statements_of",
    "stored_names",
    "targets_of",
]

_FACTORIES = ("zeros", "ones", "empty", "rand", "randn", "full")
_HOLDERS = ("Parameter", "Buffer")
_MOST = 1 << 15
"""Of statements whose names are remembered: layers of a kind have them in common."""


@lru_cache(maxsize=_MOST)
def targets_of(one: ast.stmt) -> tuple[ast.expr, ...]:
    """What an assignment assigns to, pairs taken apart."""
    if isinstance(one, ast.AnnAssign | ast.AugAssign):
        return (one.target,)
    found = list(one.targets) if isinstance(one, ast.Assign) else []
    return tuple(inner for target in found for inner in _apart(target))


def _apart(target: ast.expr) -> list[ast.expr]:
    return list(target.elts) if isinstance(target, ast.Tuple | ast.List) else [target]


def root_of(target: ast.expr) -> str:
    """The local name that a target is, or an element of; empty for an attribute."""
    while isinstance(target, ast.Subscript):
        target = target.value
    return target.id if isinstance(target, ast.Name) else ""


@lru_cache(maxsize=_MOST)
def assigned(one: ast.stmt) -> str:
    """The name of the attribute of `self` that the statement assigns."""
    targets = targets_of(one)
    target = targets[0] if len(targets) == 1 and not isinstance(one, ast.AugAssign) else None
    is_own = isinstance(target, ast.Attribute) and _is_self(target.value)
    return target.attr if is_own else ""  # type: ignore[union-attr]


def _is_self(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id == "self"


@lru_cache(maxsize=_MOST)
def created(one: ast.stmt) -> tuple[str, ast.expr] | None:
    """(name, value) of what a statement makes an attribute of `self`: assigned, or registered by name."""
    if assigned(one):
        value = getattr(one, "value", None)
        return (assigned(one), value) if value is not None else None
    call = one.value if isinstance(one, ast.Expr) else None
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute) or len(call.args) < 2:
        return None
    registers = call.func.attr in ("register_buffer", "register_parameter") and _is_self(call.func.value)
    name = call.args[0].value if registers and isinstance(call.args[0], ast.Constant) else None
    return (name, call.args[1]) if isinstance(name, str) else None


def handed(one: ast.stmt) -> list[ast.expr]:
    """What is handed to a function that, as its name says by its underscore, writes what it is given."""
    call = one.value if isinstance(one, ast.Expr) else None
    if not isinstance(call, ast.Call):
        return []
    func = call.func
    name = func.attr if isinstance(func, ast.Attribute) else func.id if isinstance(func, ast.Name) else ""
    if not name.endswith("_") or name.endswith("__"):
        return []
    return [*call.args[:1], *(one.value for one in call.keywords if one.arg == "tensor")]


def is_none(value: ast.expr) -> bool:
    """Whether nothing is made."""
    return isinstance(value, ast.Constant) and value.value is None


@lru_cache(maxsize=_MOST)
def own_call(one: ast.stmt) -> str:
    """The method of `self` that a statement calls, and does nothing else."""
    call = one.value if isinstance(one, ast.Expr) else None
    func = call.func if isinstance(call, ast.Call) else None
    return func.attr if isinstance(func, ast.Attribute) and _is_self(func.value) else ""


@lru_cache(maxsize=_MOST)
def is_reset(one: ast.stmt) -> bool:
    """Whether it is `self.reset_parameters()` and nothing else."""
    is_named = own_call(one) in ("reset_parameters", "_reset_parameters")
    call = getattr(one, "value", None)
    return is_named and isinstance(call, ast.Call) and not call.args and not call.keywords


def statements_of(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """Those of a body, and within them."""
    for one in body:
        yield from _within(one)


@lru_cache(maxsize=_MOST)
def _within(one: ast.stmt) -> tuple[ast.stmt, ...]:
    return tuple(node for node in ast.walk(one) if isinstance(node, ast.stmt))


@lru_cache(maxsize=_MOST)
def stored_names(one: ast.AST) -> frozenset[str]:
    """The local names that a statement gives a value, or of which it writes an element."""
    found = {node.id for node in ast.walk(one) if isinstance(node, ast.Name) and not _is_load(node)}
    for node in ast.walk(one):
        if isinstance(node, ast.stmt):
            found |= {root_of(target) for target in targets_of(node)} - {""}
        if isinstance(node, ast.FunctionDef):
            found.add(node.name)
        if isinstance(node, ast.alias):
            found.add((node.asname or node.name).partition(".")[0])
    return frozenset(found)


@lru_cache(maxsize=_MOST)
def needed_names(one: ast.AST) -> frozenset[str]:
    """The names that it reads before it gives them a value itself."""
    loads = {node.id for node in ast.walk(one) if isinstance(node, ast.Name) and _is_load(node)}
    if isinstance(one, ast.Assign | ast.AnnAssign | ast.AugAssign):
        inner = {name for node in ast.walk(one) if isinstance(node, ast.comprehension)
                 for name in stored_names(node.target)}  # fmt: skip
        return frozenset(loads - inner)
    own = {node.arg for node in ast.walk(one) if isinstance(node, ast.arg)}
    return frozenset(loads - stored_names(one) - own)


def _is_load(node: ast.Name) -> bool:
    return isinstance(node.ctx, ast.Load)


def sized(node: ast.expr, shape: tuple[int, ...], is_number: Callable[[ast.expr], bool]) -> ast.expr:
    """The expression with the sizes that its tensor has, where it is one factory's, number by number."""
    if isinstance(node, ast.BinOp):
        for side, other in (("left", node.right), ("right", node.left)):
            inner = sized(getattr(node, side), shape, is_number)
            if inner is not getattr(node, side) and is_number(other):
                sides = {"left": node.left, "right": node.right, side: inner}
                return ast.BinOp(sides["left"], node.op, sides["right"])
        return node
    if not isinstance(node, ast.Call):
        return node
    func = node.func
    name = func.attr if isinstance(func, ast.Attribute) else func.id if isinstance(func, ast.Name) else ""
    if name in _HOLDERS and node.args:
        return ast.Call(func, [sized(node.args[0], shape, is_number), *node.args[1:]], node.keywords)
    if isinstance(func, ast.Attribute) and isinstance(func.value, ast.Name) and func.value.id == "torch":
        return _factory(node, name, shape)
    return _method(node, shape, is_number)


def _factory(node: ast.Call, name: str, shape: tuple[int, ...]) -> ast.expr:
    if name.endswith("Tensor") and len(node.args) == len(shape) > 1:  # by sizes; one alone may be data
        return ast.Call(node.func, [ast.Constant(one) for one in shape], [])
    if name not in _FACTORIES:
        return node
    number = node.args[1:2] or [one.value for one in node.keywords if one.arg == "fill_value"]
    size = ast.Tuple([ast.Constant(one) for one in shape], ast.Load())
    return ast.Call(node.func, [size, *(number if name == "full" else [])], [])


def _method(node: ast.Call, shape: tuple[int, ...], is_number: Callable[[ast.expr], bool]) -> ast.expr:
    """A method that leaves the shape: one in place, or a change of kind."""
    func = node.func
    if not isinstance(func, ast.Attribute):
        return node
    is_in_place = func.attr.endswith("_") and all(map(is_number, node.args))
    if not is_in_place and func.attr not in ("float", "double", "half", "clone", "contiguous"):
        return node
    inner = sized(func.value, shape, is_number)
    if inner is func.value:
        return node
    return ast.Call(ast.Attribute(inner, func.attr, ast.Load()), node.args, node.keywords)

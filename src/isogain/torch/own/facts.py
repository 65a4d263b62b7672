"""What a piece of code says by its syntax alone, found once: what it names, assigns to, and calls."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import nn

__all__ = ["RECIPES", "RESETS", "Facts", "facts_of", "facts_of_names", "spelling"]

RESETS = ("reset_parameters", "_reset_parameters")
RECIPES = ("initialize_weights", "init_weights", "_init_weights")
_ONLY_SET_UP = ("requires_grad_", "share_memory_", "detach_", "retains_grad_", "rename_", "resize_")
_UNCOUNTED = ("trunc_normal_", "orthogonal_", "sparse_", "dirac_")
"""Of `torch.nn.init`: on the meta device these leave no count."""
_EXCHANGES = ("register_parameter", "register_buffer", "_parameters", "_buffers")
"""Of a module: other tensors in the place of its own."""
_MOST = 1 << 15


@dataclass(frozen=True, slots=True)
class Facts:
    """Of a node and all within it."""

    named: tuple[ast.Name | ast.Attribute, ...]
    """What is read, each spelling once."""
    targets: tuple[tuple[ast.expr, ast.AST], ...]
    """(what is written to, by which assignment)."""
    given: frozenset[str]
    """What is called with something, as it is spelled."""
    writes: bool
    """Whether it writes values, whatever its model's tensors are called."""
    has_data: bool
    """Whether it goes by `.data`, what is written through which is not counted."""
    is_uncounted: bool
    """Whether it writes what nobody counts."""
    exchanges: bool
    """Whether it puts other tensors in the place of a module's own."""


@lru_cache(maxsize=_MOST)
def facts_of(node: ast.AST, is_own: bool) -> Facts:
    """Of a constructor's own code calls of recipes count as writing; elsewhere they are run as such."""
    walk = _Walk(is_own)
    walk.through(node)
    over_data = any(isinstance(one, ast.Attribute) and one.attr == "data" for one, _ in walk.targets)
    named = tuple({spelling(one): one for one in walk.loads}.values())
    names = tuple(_spelled(one) for one in named if not _is_own(one))
    said = facts_of_names(names)
    by_data = any(isinstance(one, ast.Attribute) and one.attr == "data" for one in named)
    return Facts(
        named, tuple(walk.targets), frozenset(walk.given), said.writes or walk.calls_recipe or over_data,
        by_data or over_data, said.is_uncounted,
        said.exchanges or {"setattr", "Parameter"} <= {*names},
    )  # fmt: skip


def facts_of_names(names: Sequence[str]) -> Facts:
    """The same of code of which nothing else can be read."""
    is_uncounted, exchanges = (not {*names}.isdisjoint(some) for some in (_UNCOUNTED, _EXCHANGES))
    return Facts((), (), frozenset(), any(map(_is_writer, names)), "data" in names, is_uncounted, exchanges)


class _Walk:
    """Collects, outer nodes first."""

    def __init__(self, is_own: bool) -> None:
        self.is_own, self.calls_recipe = is_own, False
        self.loads: list[ast.Name | ast.Attribute] = []
        self.targets: list[tuple[ast.expr, ast.AST]] = []
        self.given: set[str] = set()

    def through(self, node: ast.AST) -> None:
        if isinstance(node, ast.Call) and (node.args or node.keywords):
            self.given.add(spelling(node.func))
        if isinstance(node, ast.Call) and _calls_recipe(node):
            self.calls_recipe |= self.is_own
            if not self.is_own and _is_plain_call(node):
                return  # the recipe is run as such
        elif isinstance(node, ast.Attribute | ast.Name) and isinstance(node.ctx, ast.Load):
            self.loads.append(node)
        elif isinstance(node, ast.Assign | ast.AugAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            self.targets.extend((one, node) for one in targets)
        for one in ast.iter_child_nodes(node):
            self.through(one)


def _spelled(node: ast.Name | ast.Attribute) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id


def _is_own(node: ast.Name | ast.Attribute) -> bool:
    """Whether it is how a module registers its own, which is no exchange."""
    is_self = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self"
    return is_self and _spelled(node) in _EXCHANGES


def spelling(node: ast.expr) -> str:
    """A chain of names, written out; of what is no chain its end."""
    if isinstance(node, ast.Attribute):
        return f"{spelling(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else "?"


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

"""Small questions about tensors and operations: what holds them, what they are called, who owns them."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import torch

from isogain.torch.operations import KIND_OF

__all__ = ["UNKNOWN", "Value", "is_wrapped", "operation_name", "owner_of", "tensors_in", "transparent"]

Tensor = torch.Tensor


class Value(NamedTuple):
    """What is known of a tensor: the node that made it, or the parameters it is an expression of."""

    node: int | None = None
    parameters: frozenset[str] = frozenset()
    flipped: bool = False
    """Whether an expression of parameters has its last two axes exchanged."""
    content: bool = False
    scale: bool = False
    """Whether it is a standard deviation, a norm or the inverse of one."""
    window: Any = None
    """For an expression of one parameter: which of its entries it holds, where that was followed."""


UNKNOWN = Value()


def tensors_in(value: Any, depth: int = 4) -> Iterator[Tensor]:
    """Every tensor in nested tuples, lists, dicts and dataclasses, in order."""
    if isinstance(value, Tensor):
        yield value
    elif depth and isinstance(value, Mapping):
        for item in value.values():
            yield from tensors_in(item, depth - 1)
    elif depth and isinstance(value, (tuple, list)):
        for item in value:
            yield from tensors_in(item, depth - 1)
    elif depth and hasattr(value, "__dataclass_fields__"):
        for name in value.__dataclass_fields__:
            yield from tensors_in(getattr(value, name, None), depth - 1)


@lru_cache(maxsize=4096)
def operation_name(func: Callable[..., Any]) -> str:
    name = getattr(func, "__name__", "") or ""
    if name == "__get__":
        attribute = getattr(getattr(func, "__self__", None), "__name__", "")
        return attribute if attribute in KIND_OF or attribute in ("data", "real", "H", "mH") else "size"
    return name


_OVERRIDES = ("has_torch_function", "has_torch_function_unary", "has_torch_function_variadic")


@lru_cache(maxsize=8)
def transparent(func: Any) -> Callable[..., Any]:
    """The same function without its question for overrides: what it calls is recorded one by one."""
    names = dict(func.__globals__) | dict.fromkeys(_OVERRIDES, _never)
    copy = types.FunctionType(func.__code__, names, func.__name__, func.__defaults__, func.__closure__)
    copy.__kwdefaults__ = func.__kwdefaults__
    return copy


def _never(*_: Any) -> bool:
    return False


def is_wrapped(tensor: Tensor) -> bool:
    """Whether a torch.func transform (vmap, grad, jvp) holds the tensor: it has no numbers to read."""
    functorch = torch._C._functorch
    return bool(functorch.is_functorch_wrapped_tensor(tensor))


def owner_of(name: str) -> str:
    """The module of a parameter: 'fc.weight' -> 'fc', 'fc.parametrizations.weight.original0' -> 'fc'."""
    path = (
        name.partition(".parametrizations.")[0] if ".parametrizations." in name else name.rpartition(".")[0]
    )
    return "" if name.startswith("parametrizations.") else path

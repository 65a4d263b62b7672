"""Small questions about tensors and operations: what holds them, what they are called, who owns them."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import torch

from isogain.torch.call.operations import KIND_OF

__all__ = [
    "UNKNOWN",
    "Value",
    "dense",
    "is_wrapped",
    "memory_of",
    "operation_name",
    "owner_of",
    "reads",
    "tensors_in",
    "tensors_of_call",
    "transparent",
]

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
    constant: float = 1.0
    """For an expression of one parameter: the number that multiplies it."""
    bound: bool = False
    """Whether an expression of a parameter is no multiple of it."""
    op: str = ""
    """The operation that made an expression of parameters."""
    window: Any = None
    """For an expression of one parameter: which of its entries it holds, where that was followed."""


UNKNOWN = Value()


_PLAIN = frozenset([int, float, bool, str, type(None), torch.dtype, torch.device])


def tensors_in(value: Any, depth: int = 4) -> Iterator[Tensor]:
    """Every tensor in nested tuples, lists, dicts and dataclasses, in order."""
    if isinstance(value, Tensor):
        yield value
    elif type(value) in _PLAIN:  # by far the most frequent, and Mapping is slow to ask for
        return
    elif depth and isinstance(value, Mapping):
        for item in value.values():
            yield from tensors_in(item, depth - 1)
    elif depth and isinstance(value, (tuple, list)):
        for item in value:
            yield from tensors_in(item, depth - 1)
    elif depth and hasattr(value, "__dataclass_fields__"):
        for name in value.__dataclass_fields__:
            yield from tensors_in(getattr(value, name, None), depth - 1)


def tensors_of_call(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> list[Tensor]:
    """Every tensor that an operation was called with."""
    found: list[Tensor] = []
    for value in (*args, *kwargs.values()) if kwargs else args:
        if isinstance(value, Tensor):
            found.append(value)
        elif type(value) not in _PLAIN:
            found.extend(tensors_in(value, 2))
    return found


@lru_cache(maxsize=4096)
def operation_name(func: Callable[..., Any]) -> str:
    name = getattr(func, "__name__", "") or ""
    if name == "__get__":
        attribute = getattr(getattr(func, "__self__", None), "__name__", "")
        return attribute if attribute in KIND_OF or attribute in ("data", "real", "H", "mH") else "size"
    return name


def reads(given: list[Tensor], parameter: Tensor) -> bool:
    """Whether any of these tensors lies in the parameter's memory."""
    if any(tensor is parameter for tensor in given):
        return True
    own = memory_of(parameter)
    return own is not None and any(memory_of(tensor) == own for tensor in given)


def memory_of(tensor: Tensor) -> int | None:
    """The address of a tensor's memory; None where it has none of its own."""
    if tensor.is_meta or tensor.layout != torch.strided or is_wrapped(tensor):
        return None
    return tensor.untyped_storage().data_ptr()


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


@lru_cache(maxsize=65536)
def owner_of(name: str) -> str:
    """The module of a parameter: 'fc.weight' -> 'fc', 'fc.parametrizations.weight.original0' -> 'fc'."""
    path = (
        name.partition(".parametrizations.")[0] if ".parametrizations." in name else name.rpartition(".")[0]
    )
    return "" if name.startswith("parametrizations.") else path


def dense(parameter: Tensor, gradient: Tensor | None) -> Tensor:
    """The gradient as a tensor of the parameter's kind: 0 where none came, dense where only rows did."""
    if gradient is None:
        return torch.zeros_like(parameter)
    return gradient if gradient.layout == torch.strided else gradient.to_dense()

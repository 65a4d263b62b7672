"""What constructors do most, read as it is called: making memory of a size, filling it by number.

Everything that an operation of the dispatcher would say is known here already, so it need not be asked,
which is most of what recording it would cost.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch

from isogain.torch.own.operation import operation_of

__all__ = ["SHORTCUTS", "Found", "Making", "Writing", "is_direct"]

Tensor = torch.Tensor
Arguments = tuple[Any, ...]


class Making(NamedTuple):
    """A factory of dense memory."""

    func: Any
    size: tuple[int, ...]
    dtype: torch.dtype | None


class Writing(NamedTuple):
    """Numbers written over all of a tensor."""

    func: Any
    target: Tensor
    numbers: Arguments


Found = Making | Writing | Tensor
"""A tensor among these is a number that Python has, on the CPU."""
Shortcut = Callable[[Arguments, dict[str, Any]], Found | None]


def is_direct() -> bool:
    """Whether the recorder is the only mode of the dispatcher, so that nobody else misses an operation."""
    return torch._C._len_torch_dispatch_stack() == 1


def _factory(func: Any) -> Shortcut:
    def read(args: Arguments, kwargs: dict[str, Any]) -> Making | None:
        if not args or not kwargs.keys() <= _PLAIN:
            return None
        size = tuple(args[0]) if len(args) == 1 and isinstance(args[0], tuple | list) else args
        if not all(type(one) is int and one >= 0 for one in size):
            return None
        return Making(func, size, kwargs.get("dtype"))

    return read


def _fill(func: Any, **defaults: float) -> Shortcut:
    operation = operation_of(func)

    def read(args: Arguments, kwargs: dict[str, Any]) -> Writing | None:
        target, numbers = args[0], args[1:]
        if kwargs:
            if kwargs.get("generator") is not None or not kwargs.keys() <= {*defaults, "generator"}:
                return None
            left = list(defaults.items())[len(numbers) :]
            numbers = (*numbers, *(kwargs.get(name, number) for name, number in left))
        if not target.is_meta or (target.requires_grad and torch.is_grad_enabled()):
            return None
        if not operation.changes_only_values((target, *numbers), {}):
            return None
        return Writing(func, target, tuple(map(float, numbers)) if operation.is_random else numbers)

    return read


def _number(args: Arguments, kwargs: dict[str, Any]) -> Tensor | None:
    if len(args) != 1 or type(args[0]) not in (bool, int, float) or not kwargs.keys() <= _PLAIN:
        return None
    with torch._C._DisableTorchDispatch():
        return torch.tensor(args[0], dtype=kwargs.get("dtype"), device="cpu")


_PLAIN = {"dtype", "device"}
_ATEN = torch.ops.aten
SHORTCUTS: dict[Any, Shortcut] = {
    torch.empty: _factory(_ATEN.empty.memory_format),
    torch.zeros: _factory(_ATEN.zeros.default),
    torch.ones: _factory(_ATEN.ones.default),
    torch.randn: _factory(_ATEN.randn.default),
    torch.rand: _factory(_ATEN.rand.default),
    torch.tensor: _number,
    Tensor.fill_: _fill(_ATEN.fill_.Scalar),
    Tensor.zero_: _fill(_ATEN.zero_.default),
    Tensor.normal_: _fill(_ATEN.normal_.default, mean=0.0, std=1.0),
    Tensor.uniform_: _fill(_ATEN.uniform_.default),
}

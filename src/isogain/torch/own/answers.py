"""What tensors without memory answer where the dispatcher is not asked: their device, their values."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from isogain.torch.own.places import look

__all__ = ["Answers"]

Tensor = torch.Tensor
Value = Callable[[Tensor], Tensor]
Answer = Callable[[Value, Any, tuple[Any, ...], dict[str, Any]], Any]


class Answers(TorchFunctionMode):
    """While it is on, tensors on the meta device say that they are on the CPU; `value` gives their values."""

    def __init__(self, value: Value) -> None:
        super().__init__()
        self.value = value

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        answer = _ANSWERS.get(func)
        if answer is not None and args and isinstance(args[0], Tensor) and args[0].is_meta:
            return answer(self.value, func, args, kwargs or {})
        return func(*args, **(kwargs or {}))


def _with_values(value: Value, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return func(value(args[0]), *args[1:], **kwargs)


def _truth(value: Value, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """False where an init function asks whether its draw is to be repeated: a law never repeats one."""
    return False if look(sys._getframe(1)).init else func(*args, **kwargs)


def _new_tensor(value: Value, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    like, data = args
    return torch.tensor(data, dtype=kwargs.get("dtype") or like.dtype)


def _address(value: Value, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> int:
    """Different for different memory, as those who look for tied tensors expect."""
    (tensor,) = args
    return int(tensor.untyped_storage()._cdata + tensor.storage_offset() * tensor.element_size())


def _always(result: Any) -> Answer:
    return lambda value, func, args, kwargs: result


_ANSWERS: dict[Any, Answer] = {
    Tensor.device.__get__: _always(torch.device("cpu")),
    Tensor.is_meta.__get__: _always(False),  # type: ignore[attr-defined]
    Tensor.is_cpu.__get__: _always(True),  # type: ignore[attr-defined]
    Tensor.data_ptr: _address,
    Tensor.tolist: _with_values,
    Tensor.numpy: _with_values,
    Tensor.__array__: _with_values,
    Tensor.new_tensor: _new_tensor,
    Tensor.cpu: lambda value, func, args, kwargs: args[0],
    Tensor.__bool__: _truth,
}

"""What tensors without memory answer where the dispatcher is not asked: their device, their values.

A function of torch.nn.init is answered here as well, by a line in the record instead of its steps.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from isogain.torch.own.places import Seen, look

__all__ = ["Answers"]

Tensor = torch.Tensor
Value = Callable[[Tensor], Tensor]
TakeUp = Callable[[Seen], bool]
Answer = Callable[["Answers", Any, tuple[Any, ...], dict[str, Any]], Any]


class Answers(TorchFunctionMode):
    """While it is on, tensors on the meta device say that they are on the CPU.

    `value` gives a tensor's values; `take_up` records a whole init function, if it can be.
    """

    def __init__(self, value: Value, take_up: TakeUp) -> None:
        super().__init__()
        self.value, self.take_up = value, take_up

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        answer = _ANSWERS.get(func)
        if answer is None:
            return func(*args, **kwargs) if kwargs else func(*args)
        kwargs = kwargs or {}
        asked = args[0] if args else kwargs.get("tensor")
        if isinstance(asked, Tensor) and asked.is_meta:
            return answer(self, func, args, kwargs)
        return func(*args, **kwargs)


def _with_values(answers: Answers, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return func(answers.value(args[0]), *args[1:], **kwargs)


def _truth(answers: Answers, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """False where an init function asks whether its draw is to be repeated: a law never repeats one."""
    return False if look(sys._getframe(1)).init else func(*args, **kwargs)


def _is_meta(answers: Answers, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """True where an init function asks whether it has nothing to do: the record has it then."""
    seen = look(sys._getframe(1))
    return bool(seen.init) and answers.take_up(seen)


def _init(answers: Answers, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A function that fills a tensor of any shape, or by the fans of one that has them."""
    tensor = kwargs["tensor"]
    fits = not args and tensor.numel() and (tensor.dim() > 1 or func not in _BY_FANS)
    return tensor if fits and answers.take_up(look(sys._getframe(1))) else func(*args, **kwargs)


def _new_tensor(answers: Answers, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    like, data = args
    return torch.tensor(data, dtype=kwargs.get("dtype") or like.dtype)


def _address(answers: Answers, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> int:
    """Different for different memory, as those who look for tied tensors expect."""
    (tensor,) = args
    return int(tensor.untyped_storage()._cdata + tensor.storage_offset() * tensor.element_size())


def _always(result: Any) -> Answer:
    return lambda answers, func, args, kwargs: result


_BY_FANS = frozenset([nn.init.kaiming_uniform_, nn.init.kaiming_normal_])
_ANSWERS: dict[Any, Answer] = {
    Tensor.device.__get__: _always(torch.device("cpu")),
    Tensor.is_meta.__get__: _is_meta,  # type: ignore[attr-defined]
    Tensor.is_cpu.__get__: _always(True),  # type: ignore[attr-defined]
    Tensor.data_ptr: _address,
    Tensor.tolist: _with_values,
    Tensor.numpy: _with_values,
    Tensor.__array__: _with_values,
    Tensor.new_tensor: _new_tensor,
    Tensor.cpu: lambda answers, func, args, kwargs: args[0],
    Tensor.__bool__: _truth,
    nn.init.uniform_: _init, nn.init.normal_: _init, nn.init.constant_: _init,
    **dict.fromkeys(_BY_FANS, _init),
}  # fmt: skip

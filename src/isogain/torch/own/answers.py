"""What tensors without memory answer where the dispatcher is not asked: their device, their values.

A function of torch.nn.init is answered here as well, by a line in the record instead of its steps.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from isogain.torch.own.places import Seen, look
from isogain.torch.own.shortcuts import SHORTCUTS, Found, is_direct

__all__ = ["Answers"]

Tensor = torch.Tensor
Answer = Callable[["Answers", Any, tuple[Any, ...], dict[str, Any]], Any]


class Tape(Protocol):
    """Who records."""

    @property
    def is_silent(self) -> bool:
        """Whether operations run as they are, for now."""

    def value(self, tensor: Tensor) -> Tensor:
        """A tensor's values."""

    def take_up_init(self, seen: Seen) -> bool:
        """Records a whole init function, if it can be."""

    def follow(self, found: Found) -> Tensor:
        """What an operation gives that is recorded by its shortcut."""


class Answers(TorchFunctionMode):
    """While it is on, tensors on the meta device say that they are on the CPU."""

    def __init__(self, tape: Tape) -> None:
        super().__init__()
        self.tape = tape

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        answer = _ANSWERS.get(func)
        if answer is None:
            return func(*args, **kwargs) if kwargs else func(*args)
        kwargs = kwargs or {}
        if answer is _shortly:
            return answer(self, func, args, kwargs)
        asked = args[0] if args else kwargs.get("tensor")
        if isinstance(asked, Tensor) and asked.is_meta:
            return answer(self, func, args, kwargs)
        return func(*args, **kwargs)


def _with_values(answers: Answers, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return func(answers.tape.value(args[0]), *args[1:], **kwargs)


def _truth(answers: Answers, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """False where an init function asks whether its draw is to be repeated: a law never repeats one."""
    return False if look(sys._getframe(1)).init else func(*args, **kwargs)


def _is_meta(answers: Answers, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """True where an init function asks whether it has nothing to do: the record has it then."""
    seen = look(sys._getframe(1))
    return bool(seen.init) and answers.tape.take_up_init(seen)


def _init(answers: Answers, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A function that fills a tensor of any shape, or by the fans of one that has them."""
    tensor = kwargs["tensor"]
    fits = not args and tensor.numel() and (tensor.dim() > 1 or func not in _BY_FANS)
    return tensor if fits and answers.tape.take_up_init(look(sys._getframe(1))) else func(*args, **kwargs)


def _shortly(answers: Answers, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What the record can take up without the dispatcher."""
    tape = answers.tape
    found = None if tape.is_silent or not is_direct() else SHORTCUTS[func](args, kwargs)
    return func(*args, **kwargs) if found is None else tape.follow(found)


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
    **dict.fromkeys(SHORTCUTS, _shortly),
}  # fmt: skip

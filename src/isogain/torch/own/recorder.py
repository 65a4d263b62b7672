"""Runs a constructor on the meta device, believing it is on the CPU, and records what it does.

Two modes.  The dispatcher's sees every operation that makes or writes memory, in-place ones and those of
legacy constructors too; it runs them without memory and keeps a Step.  The function mode answers what asks
for values or for the device.  Values that Python needs (`.item()`, `nonzero`, ...) are computed from the
record, on the CPU, there and then.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import Any

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

from isogain.torch.own.places import Seen, look
from isogain.torch.own.record import InitCall, Record, Ref, Step
from isogain.torch.own.replay import Replay

__all__ = ["Recorder"]

Tensor = torch.Tensor
META, CPU = torch.device("meta"), torch.device("cpu")

_LIFTS = ("lift_fresh", "lift_fresh_copy", "lift")
_VOID = ("empty", "new_empty", "empty_like", "empty_strided", "new_empty_strided")
_ONLY_WRITE = (
    "normal_", "uniform_", "fill_", "zero_", "copy_", "random_", "exponential_", "log_normal_", "cauchy_",
    "geometric_", "bernoulli_",
)  # fmt: skip
"""In-place operations that do not read what they write."""


class Recorder:
    """Two modes around a constructor and the record they fill."""

    def __init__(self) -> None:
        self.record = Record()
        self._numbers: dict[int, int] = {}
        self._kept: list[Any] = []
        self._functions, self._operations = _Functions(self), _Operations(self)

    def __enter__(self) -> Recorder:
        self._functions.__enter__()
        self._operations.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._operations.__exit__(*error)
        self._functions.__exit__(*error)

    def knows(self, tensor: Tensor) -> bool:
        """Whether the tensor's memory was made under this recorder."""
        return _is_plain(tensor) and tensor.is_meta and tensor.untyped_storage()._cdata in self._numbers

    def ref(self, tensor: Tensor, time: int | None = None) -> Ref:
        """The tensor as it is now (or as it was)."""
        storage = self._number(tensor)
        return Ref(
            storage, len(self.record.steps) if time is None else time, tuple(tensor.shape),
            tuple(tensor.stride()), tensor.storage_offset(), tensor.dtype, tensor.is_conj(),
        )  # fmt: skip

    def _number(self, tensor: Tensor) -> int:
        memory = tensor.untyped_storage()
        number = self._numbers.get(memory._cdata)
        if number is None:
            number = self._numbers[memory._cdata] = len(self._numbers)
            self._kept.append(memory)  # no other memory may get its address
            self.record.sizes[number] = memory.nbytes()
        return number

    def value(self, tensor: Tensor) -> Tensor:
        """The tensor's values now, on the CPU; of random ones a sample."""
        if not tensor.is_meta:
            return tensor
        with torch._C.DisableTorchFunction(), self._operations.off():
            return Replay(self.record).tensor(self.ref(tensor))

    def constant(self, real: Tensor) -> Tensor:
        """A tensor without memory that stands for one with values."""
        meta = torch.empty_strided(real.shape, real.stride(), dtype=real.dtype, device=META)
        ref = self.ref(meta)
        self.record.homes.setdefault(ref.storage, ref)
        place = look(sys._getframe(1)).place
        self.record.add(
            Step(ref.time, "constant", None, (), {}, (), (), (ref,), place, value=real.detach().clone())
        )
        return meta

    def run(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """An operation, without memory, and its Step."""
        operation = _operation(func)
        tensors = [one for one in tree_flatten((args, kwargs))[0] if isinstance(one, Tensor)]
        if not all(map(_is_plain, tensors)):
            return func(*args, **kwargs)
        if operation.name in _LIFTS:
            return args[0] if args[0].is_meta else self.constant(args[0])
        if tensors and not any(one.is_meta for one in tensors):
            return func(*args, **kwargs)  # of a model that has memory
        if operation.asks or any(not one.is_meta and operation.writes_to(args, kwargs, one) for one in tensors):
            return self._really(func, args, kwargs)
        to_meta = lambda one: self.constant(one) if isinstance(one, Tensor) and not one.is_meta else one
        args, kwargs = tree_map(to_meta, args), tree_map(to_meta, kwargs)
        return self._recorded(func, operation, args, kwargs)

    def _really(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The same with values; what comes out of it is a constant."""
        real = lambda one: self.value(one) if isinstance(one, Tensor) else one
        kwargs = {name: CPU if isinstance(one, torch.device) else one for name, one in kwargs.items()}
        found = func(*tree_map(real, args), **tree_map(real, kwargs))
        if isinstance(found, Tensor) and any(found is one for one in tree_flatten((args, kwargs))[0]):
            return found
        return tree_map(lambda one: self.constant(one) if isinstance(one, Tensor) else one, found)

    def _recorded(
        self, func: Any, operation: Operation, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        generator, state = kwargs.get("generator"), None
        if isinstance(generator, torch.Generator) and generator.device.type == "cpu":
            state = generator.get_state()
            self._advance(func, args, kwargs)
            kwargs = {**kwargs, "generator": None}
        time = len(self.record.steps)
        known = {one: self.ref(one) for one in _tensors((args, kwargs))}
        meta_kwargs = {**kwargs, **operation.on_meta} if operation.on_meta else kwargs
        try:
            found = func(*args, **meta_kwargs)
        except NotImplementedError:  # its shape depends on values
            return self._really(func, args, kwargs)
        written = tuple(known[one] for one in operation.written(args, kwargs))
        made = tuple(self._made(one, time) for one in tree_flatten(found)[0])
        if written or any(made):
            self._take_up(func, operation, args, kwargs, known, written, made, state)
        return found

    def _made(self, one: Any, time: int) -> Ref | None:
        if not isinstance(one, Tensor) or one.untyped_storage()._cdata in self._numbers:
            return None
        ref = self.ref(one, time)
        self.record.homes.setdefault(ref.storage, ref)
        return ref

    def _take_up(
        self, func: Any, operation: Operation, args: Any, kwargs: Any, known: dict[Tensor, Ref],
        written: tuple[Ref, ...], made: tuple[Ref | None, ...], state: Tensor | None,
    ) -> None:  # fmt: skip
        seen = look(sys._getframe(1))
        if seen.init and self._take_up_init(seen):
            return
        swap = lambda one: known[one] if isinstance(one, Tensor) else one
        unread = written if operation.name in _ONLY_WRITE else ()
        reads = tuple(ref for ref in known.values() if not any(ref is one for one in unread))
        if operation.has_dtype and kwargs.get("dtype") is None and made and made[0] is not None:
            kwargs = {**kwargs, "dtype": made[0].dtype}  # the default dtype of this moment
        is_void = operation.name in _VOID
        self.record.add(
            Step(
                len(self.record.steps), operation.name, None if is_void else func, tree_map(swap, args),
                tree_map(swap, kwargs), () if is_void else reads, written, made, seen.place,
                operation.is_random and state is None, generator=state,
            )
        )  # fmt: skip

    def _take_up_init(self, seen: Seen) -> bool:
        """One Step for a whole init function, at its first operation; whether this one is part of it."""
        settings = dict(seen.settings or {})
        target = settings.pop("tensor", None)
        if not isinstance(target, Tensor) or not self.knows(target) or settings.get("generator") is not None:
            return False
        plain = tuple((k, v) for k, v in settings.items() if isinstance(v, bool | int | float | str))
        arguments = tuple((k, v) for k, v in plain if k in _INIT_ARGUMENTS[seen.init])
        ref = self.ref(target)
        last = self.record.steps[-1].call if self.record.steps else None
        if last is not None and last.name == seen.init and last.target.sees(ref) and last.settings == arguments:
            return True
        call = InitCall(seen.init, ref, arguments)
        is_random = seen.init not in ("constant_", "ones_", "zeros_", "eye_", "dirac_")
        self.record.add(Step(ref.time, seen.init, None, (), {}, (), (ref,), (), seen.place, is_random, call))
        return True

    def _advance(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Takes the numbers out of a generator that the library holds itself, for what follows."""
        real = lambda one: torch.empty(one.shape, dtype=one.dtype) if isinstance(one, Tensor) else one
        with self._operations.off():
            func(*tree_map(real, args), **{k: real(v) for k, v in kwargs.items() if k != "device"})

    def answers_sample(self) -> bool:
        """Whether the question is one of an init function's, whose values nobody needs."""
        return bool(look(sys._getframe(1)).init)


_INIT_ARGUMENTS = {
    "uniform_": ("a", "b"), "normal_": ("mean", "std"), "trunc_normal_": ("mean", "std", "a", "b"),
    "constant_": ("val",), "ones_": (), "zeros_": (), "eye_": (), "dirac_": ("groups",),
    "xavier_uniform_": ("gain",), "xavier_normal_": ("gain",),
    "kaiming_uniform_": ("a", "mode", "nonlinearity"), "kaiming_normal_": ("a", "mode", "nonlinearity"),
    "orthogonal_": ("gain",), "sparse_": ("sparsity", "std"),
}  # fmt: skip


class Operation:
    """What the schema of an operation says, read once."""

    def __init__(self, func: Any) -> None:
        schema = func._schema
        self.name: str = schema.name.partition("::")[2]
        self.is_random = torch.Tag.nondeterministic_seeded in func.tags
        tensors = [str(one.type) for one in schema.returns]
        self.asks = torch.Tag.data_dependent_output in func.tags or (
            bool(tensors) and not any("Tensor" in one for one in tensors) and self.name not in _SIZES
        )
        names = [one.name for one in schema.arguments]
        self.has_dtype = "dtype" in names and "device" in names
        self.on_meta: dict[str, Any] = {"device": META} if "device" in names else {}
        if "pin_memory" in names:
            self.on_meta["pin_memory"] = False
        self._written = [
            (place, one.name)
            for place, one in enumerate(schema.arguments)
            if one.alias_info is not None and one.alias_info.is_write
        ]

    def written(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Tensor]:
        """The arguments it writes to."""
        found = [args[place] if place < len(args) else kwargs.get(name) for place, name in self._written]
        return _tensors(found)

    def writes_to(self, args: tuple[Any, ...], kwargs: dict[str, Any], tensor: Tensor) -> bool:
        """Whether it writes to this tensor."""
        return any(one is tensor for one in self.written(args, kwargs))


_SIZES = ("size", "stride", "numel", "dim", "sym_size", "sym_stride", "sym_numel", "sym_storage_offset")


@lru_cache(maxsize=2048)
def _operation(func: Any) -> Operation:
    return Operation(func)


def _tensors(tree: Any) -> list[Tensor]:
    return [one for one in tree_flatten(tree)[0] if isinstance(one, Tensor)]


def _is_plain(tensor: Tensor) -> bool:
    return type(tensor) in (Tensor, torch.nn.Parameter, torch.nn.Buffer) or isinstance(tensor, torch.nn.Parameter)


class _Off:
    def __init__(self, mode: _Operations) -> None:
        self.mode = mode

    def __enter__(self) -> None:
        self.mode.silent += 1

    def __exit__(self, *error: Any) -> None:
        self.mode.silent -= 1


class _Operations(TorchDispatchMode):
    """Sees every operation below autograd."""

    def __init__(self, recorder: Recorder) -> None:
        super().__init__()
        self.recorder, self.silent = recorder, 0

    def off(self) -> _Off:
        """A context in which operations run as they are."""
        return _Off(self)

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if self.silent:
            return func(*args, **(kwargs or {}))
        with torch._C.DisableTorchFunction():
            return self.recorder.run(func, args, kwargs or {})


class _Functions(TorchFunctionMode):
    """Answers what cannot be answered without memory."""

    def __init__(self, recorder: Recorder) -> None:
        super().__init__()
        self.recorder = recorder

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        answer = _ANSWERS.get(func)
        if answer is not None and args and isinstance(args[0], Tensor) and args[0].is_meta:
            return answer(self.recorder, func, args, kwargs or {})
        return func(*args, **(kwargs or {}))


def _numbers(recorder: Recorder, func: Any, args: Any, kwargs: Any) -> Any:
    with recorder._operations.off():
        return func(recorder.value(args[0].detach()), *args[1:], **kwargs)


def _item(recorder: Recorder, func: Any, args: Any, kwargs: Any) -> Any:
    """False where an init function asks whether its draw is to be repeated: the law never asks that."""
    if recorder.answers_sample():
        return False if args[0].dtype == torch.bool else 0.0
    return func(*args, **kwargs)


def _new_tensor(recorder: Recorder, func: Any, args: Any, kwargs: Any) -> Any:
    like, data = args
    return torch.tensor(data, dtype=kwargs.get("dtype") or like.dtype)


def _itself(recorder: Recorder, func: Any, args: Any, kwargs: Any) -> Any:
    return args[0]


_ANSWERS: dict[Any, Callable[[Recorder, Any, Any, Any], Any]] = {
    Tensor.device.__get__: lambda recorder, func, args, kwargs: CPU,  # type: ignore[attr-defined]
    Tensor.is_meta.__get__: lambda recorder, func, args, kwargs: False,  # type: ignore[attr-defined]
    Tensor.is_cpu.__get__: lambda recorder, func, args, kwargs: True,  # type: ignore[attr-defined]
    Tensor.data_ptr: lambda recorder, func, args, kwargs: args[0].untyped_storage()._cdata
    + args[0].storage_offset() * args[0].element_size(),
    Tensor.tolist: _numbers,
    Tensor.numpy: _numbers,
    Tensor.__array__: _numbers,
    Tensor.new_tensor: _new_tensor,
    Tensor.cpu: _itself,
    Tensor.__bool__: _item,
}  # fmt: skip

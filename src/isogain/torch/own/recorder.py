"""Runs a constructor on the meta device, believing it is on the CPU, and records what it does.

The dispatcher's mode sees every operation that makes or writes memory, in-place ones and those of legacy
constructors too; it runs them without memory and keeps a Step.  Values that Python needs (`.item()`,
`nonzero`, ...) are computed from the record, on the CPU, there and then; of random ones that is a sample.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.nn.parameter import is_lazy
from torch.utils._python_dispatch import TorchDispatchMode

from isogain.torch.own.answers import Answers
from isogain.torch.own.operation import Operation, leaves_of, mapped, operation_of, tensors_in
from isogain.torch.own.places import Seen, look
from isogain.torch.own.record import InitCall, Record, Ref, Step
from isogain.torch.own.replay import Replay
from isogain.torch.own.shortcuts import Found, Making, Writing

__all__ = ["Recorder"]

Tensor = torch.Tensor
META, CPU = torch.device("meta"), torch.device("cpu")

_INIT_ARGUMENTS = {
    "uniform_": ("a", "b"), "normal_": ("mean", "std"), "trunc_normal_": ("mean", "std", "a", "b"),
    "constant_": ("val",), "ones_": (), "zeros_": (), "eye_": (), "dirac_": ("groups",),
    "xavier_uniform_": ("gain",), "xavier_normal_": ("gain",),
    "kaiming_uniform_": ("a", "mode", "nonlinearity"), "kaiming_normal_": ("a", "mode", "nonlinearity"),
    "orthogonal_": ("gain",), "sparse_": ("sparsity", "std"),
}  # fmt: skip
_SETTINGS = (int, float, str)
_WITHOUT_NUMBERS = ("constant_", "ones_", "zeros_", "eye_", "dirac_")


class _Call:
    """An operation as it was called."""

    __slots__ = ("args", "func", "kwargs", "operation", "tensors", "written")

    def __init__(
        self, func: Any, operation: Operation, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        self.func, self.operation, self.args, self.kwargs = func, operation, args, kwargs
        self.tensors = tensors_in((args, kwargs) if kwargs else args)
        """The tensors among its arguments."""
        self.written = operation.written(args, kwargs) if self.tensors else []
        """Those that it writes to."""

    def mapped(self, change: Any) -> _Call:
        """The same with its tensors changed."""
        args, kwargs = mapped(change, self.args), mapped(change, self.kwargs)
        return _Call(self.func, self.operation, args, kwargs)

    def run(self, **changed: Any) -> Any:
        """Runs it, with some keyword arguments changed."""
        return self.func(*self.args, **{**self.kwargs, **changed})


class Recorder(TorchDispatchMode):
    """A context whose operations are recorded; `record` holds them."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.record = Record()
        self._numbers: dict[int, int] = {}
        self._kept: list[Any] = []
        self._silent = 0
        self._answers = Answers(self)

    def __enter__(self) -> Recorder:
        self._answers.__enter__()  # type: ignore[no-untyped-call]
        super().__enter__()  # type: ignore[no-untyped-call]
        return self

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)  # type: ignore[no-untyped-call]
        self._answers.__exit__(*error)  # type: ignore[no-untyped-call]

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """No: what is asked of the compiler at each operation would load it first, which takes seconds."""
        return False

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if self._silent:
            return func(*args, **(kwargs or {}))
        with torch._C.DisableTorchFunction():
            return self._run(_Call(func, operation_of(func), args, kwargs or {}))

    @property
    def is_silent(self) -> bool:
        """Whether operations run as they are, for now."""
        return self._silent > 0

    def knows(self, tensor: Tensor) -> bool:
        """Whether the tensor's memory was made under this recorder."""
        return _is_plain(tensor) and tensor.is_meta and tensor.untyped_storage()._cdata in self._numbers

    def has_written(self, tensor: Tensor) -> bool:
        """Whether some operation gave the tensor's memory values."""
        last = self.record.last_write(self._number(tensor), len(self.record.steps))
        return last is not None and not self.record.steps[last].is_void

    def is_born_void(self, tensor: Tensor) -> bool:
        """Whether the tensor's memory had no values at first."""
        written = self.record.writers.get(self._number(tensor), [])
        return bool(written) and self.record.steps[written[0]].is_void

    def was_written(self, tensor: Tensor, since: int) -> bool:
        """Whether an operation after that time wrote to the tensor's memory."""
        last = self.record.last_write(self._number(tensor), len(self.record.steps))
        return last is not None and last >= since

    def steps_of(self, tensor: Tensor, since: int) -> list[Step]:
        """What wrote to the tensor's memory after that time."""
        written = self.record.writers.get(self._number(tensor), [])
        return [self.record.steps[index] for index in written if index >= since]

    def lose(self, tensor: Tensor, name: str = "lost") -> None:
        """From now on nobody knows what is in the tensor, or there are no values ("void")."""
        ref = self.ref(tensor)
        place = look(sys._getframe(1)).place
        self.record.add(Step(ref.time, name, None, (), {}, (), (ref,), (), place))

    def ref(self, tensor: Tensor, time: int | None = None) -> Ref:
        """The tensor as it is now, or as it was at a time."""
        dtype = tensor.dtype
        return Ref(
            self._number(tensor), len(self.record.steps) if time is None else time, tuple(tensor.shape),
            tensor.stride(), int(tensor.storage_offset()), dtype, dtype.is_complex and tensor.is_conj(),
        )  # fmt: skip

    def value(self, tensor: Tensor) -> Tensor:
        """The tensor's values now, on the CPU; of random ones a sample."""
        if not tensor.is_meta:
            return tensor
        with torch._C.DisableTorchFunction(), self._off():
            return Replay(self.record).tensor(self.ref(tensor))

    @contextmanager
    def _off(self) -> Iterator[None]:
        """Operations run as they are."""
        self._silent += 1
        try:
            yield
        finally:
            self._silent -= 1

    def _number(self, tensor: Tensor) -> int:
        memory = tensor.untyped_storage()
        address = memory._cdata
        number = self._numbers.get(address)
        if number is None:
            number = self._numbers[address] = len(self._numbers)
            self._kept.append(memory)  # so that no other memory gets its address
            self.record.sizes[number] = memory.nbytes()
        return number

    def _constant(self, real: Tensor) -> Tensor:
        """A tensor without memory that stands for one with values."""
        meta = torch.empty_strided(real.shape, real.stride(), dtype=real.dtype, device=META)
        ref = self.ref(meta)
        self.record.homes.setdefault(ref.storage, ref)
        place = look(sys._getframe(1)).place
        copy = real.detach().clone()
        self.record.add(Step(ref.time, "constant", None, (), {}, (), (), (ref,), place, value=copy))
        return meta

    def _as_constant(self, one: Any) -> Any:
        return self._constant(one) if isinstance(one, Tensor) and not one.is_meta else one

    def _run(self, call: _Call) -> Any:
        """An operation, without memory, and its Step."""
        tensors = call.tensors
        if not all(map(_is_plain, tensors)):
            return call.run()
        if call.operation.is_lift:
            return self._as_constant(call.args[0])
        real = [one for one in tensors if not one.is_meta]
        if real and len(real) == len(tensors):
            return call.run()  # of a model that has memory
        if call.operation.asks or any(not one.is_meta for one in call.written):
            return self._really(call)
        return self._without_memory(call.mapped(self._as_constant) if real else call)

    def _really(self, call: _Call) -> Any:
        """The same with values; what comes out of it is a constant."""
        devices = {name: CPU for name, one in call.kwargs.items() if isinstance(one, torch.device)}
        real = call.mapped(lambda one: self.value(one) if isinstance(one, Tensor) else one)
        found = real.run(**devices)
        if any(found is one for one in call.tensors):
            return found
        return mapped(self._as_constant, found)

    def _without_memory(self, call: _Call) -> Any:
        state = self._own_generator(call)
        if state is not None:
            call = _Call(call.func, call.operation, call.args, {**call.kwargs, "generator": None})
        time = len(self.record.steps)
        known = {one: self.ref(one) for one in call.tensors}
        try:
            found = self._result(call)
        except NotImplementedError:  # its shape depends on values
            return self._really(call)
        made = tuple(self._made(one, time) for one in leaves_of(found))
        if call.written or any(made):
            self._take_up(call, known, made, state)
        return found

    def _result(self, call: _Call) -> Any:
        """What it gives without memory."""
        if len(call.tensors) == 1 and call.operation.changes_only_values(call.args, call.kwargs):
            return call.args[0]
        return call.run(**call.operation.on_meta)

    def _own_generator(self, call: _Call) -> Tensor | None:
        """The state of a generator that the library holds itself, which then goes on as if it had drawn."""
        generator = call.kwargs.get("generator")
        if generator is None or generator.device.type != "cpu":
            return None
        state: Tensor = generator.get_state()
        real = call.mapped(lambda one: torch.empty_like(one, device=CPU) if isinstance(one, Tensor) else one)
        with self._off():
            real.run()
        return state

    def _made(self, one: Any, time: int) -> Ref | None:
        if not isinstance(one, Tensor) or one.untyped_storage()._cdata in self._numbers:
            return None
        ref = self.ref(one, time)
        self.record.homes.setdefault(ref.storage, ref)
        return ref

    def _take_up(
        self, call: _Call, known: dict[Tensor, Ref], made: tuple[Ref | None, ...], state: Tensor | None
    ) -> None:
        seen, operation = look(sys._getframe(1)), call.operation
        if seen.init and self.take_up_init(seen):
            return
        if operation.has_dtype and call.kwargs.get("dtype") is None and made and made[0] is not None:
            call.kwargs["dtype"] = made[0].dtype  # the default dtype of this moment
        writes = tuple(known[one] for one in call.written)
        unread = () if operation.reads_what_it_writes else writes
        reads = tuple(ref for ref in known.values() if not any(ref is one for one in unread))
        args, kwargs = call.args, call.kwargs
        if known:
            args, kwargs = (
                mapped(lambda one: known.get(one, one) if isinstance(one, Tensor) else one, part)
                for part in (args, kwargs)
            )
        run, reads = (None, ()) if operation.is_void else (call.func, reads)
        self.record.add(
            Step(
                len(self.record.steps), operation.name, run, args, kwargs, reads, writes,
                made, seen.place, operation.is_random and state is None, generator=state,
            )
        )  # fmt: skip

    def follow(self, found: Found) -> Tensor:
        """What an operation gives that is recorded by its shortcut."""
        if isinstance(found, Writing):
            return self._write(found)
        with torch._C._DisableTorchDispatch():
            return self._make(found) if isinstance(found, Making) else self._constant(found)

    def _make(self, making: Making) -> Tensor:
        """Memory of a size; its values, if it has some, are in the record."""
        found = torch.empty(making.size, dtype=making.dtype, device=META)
        operation, made = operation_of(making.func), self._made(found, len(self.record.steps))
        kwargs, run = {"dtype": found.dtype}, None if operation.is_void else making.func
        self._add_plain(operation, run, (list(making.size),), kwargs, (), made)
        return found

    def _write(self, writing: Writing) -> Tensor:
        """The tensor, all of it written over in the record."""
        ref = self.ref(writing.target)
        operation = operation_of(writing.func)
        self._add_plain(operation, writing.func, (ref, *writing.numbers), {}, (ref,), None)
        return writing.target

    def _add_plain(
        self, operation: Operation, run: Any, args: tuple[Any, ...], kwargs: dict[str, Any],
        writes: tuple[Ref, ...], *made: Ref | None,
    ) -> None:  # fmt: skip
        seen = look(sys._getframe(3))
        if not (seen.init and self.take_up_init(seen)):
            time, name = len(self.record.steps), operation.name
            step = Step(time, name, run, args, kwargs, (), writes, made, seen.place, operation.is_random)
            self.record.add(step)

    def take_up_init(self, seen: Seen) -> bool:
        """One Step for a whole init function, at its first operation; whether it is taken up as one."""
        settings = seen.settings or {}
        target = settings.get("tensor")
        if not isinstance(target, Tensor) or not self.knows(target) or settings.get("generator") is not None:
            return False
        given = tuple([(name, settings[name]) for name in _INIT_ARGUMENTS[seen.init]])
        if any(not isinstance(value, _SETTINGS) for _, value in given):
            return False
        ref, last = self.ref(target), self.record.steps[-1].call if self.record.steps else None
        if last is None or last.name != seen.init or not last.target.sees(ref) or last.settings != given:
            is_random = seen.init not in _WITHOUT_NUMBERS
            call = InitCall(seen.init, ref, given)
            self.record.add(
                Step(ref.time, seen.init, None, (), {}, (), (ref,), (), seen.place, is_random, call)
            )
        return True


def _is_plain(tensor: Tensor) -> bool:
    """Whether it is a tensor with one memory of its own: no share of another, no lazy parameter."""
    kind: Any = type(tensor)
    return kind.__torch_dispatch__ is Tensor.__torch_dispatch__ and not is_lazy(tensor)

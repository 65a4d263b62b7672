"""Two looks at constructors that are repeated: how often each tensor is written, and what is in it then.

Memory on the meta device has no values, but counts how often it was written.  Where a constructor's way
hangs on what the model does not keep (`zero_init=True`), each way is counted, and the one is taken that the
model's own counts show; where several fit, what they do not agree on is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from isogain.torch.own.record import Ref, Step
from isogain.torch.own.recorder import Recorder

__all__ = ["Counting", "Key", "Recording"]

Tensor = torch.Tensor
Key = tuple[Any, ...]
"""A statement of a module's constructor."""
Way = Callable[[], None]
Counts = dict[int, int]


@dataclass
class Counting:
    """Constructors repeated as they ran, on the meta device: what is written how often."""

    born: Counts = field(default_factory=dict)
    """What a tensor's count is to be taken from: what its constructor made may have been written before."""
    unknown: set[int] = field(default_factory=set)
    in_spite: set[int] = field(default_factory=set)
    """What was made with memory in spite of the meta device."""
    tried: dict[Key, list[Counts | None]] = field(default_factory=dict)
    """How often each way of a statement writes which tensor; None for one that cannot be gone."""

    def give(self, tensor: Tensor, found: Tensor) -> None:
        """The tensor was made anew."""
        self.born[id(tensor)] = tensor._version - found._version
        if not found.is_meta:
            self.in_spite.add(id(tensor))

    def lose(self, tensors: Iterable[Tensor]) -> None:
        """Nobody knows what was done to these."""
        self.unknown.update(map(id, tensors))

    def unsure(self, tensors: Sequence[Tensor], way: Way) -> None:
        """Runs what may not have run."""
        self.unknown.update(self._counted(tensors, way))

    def ways(self, key: Key, tensors: Sequence[Tensor], ways: Sequence[Way]) -> None:
        """Runs each of them; the last error where none can be."""
        found: list[Counts | None] = []
        for way in ways:
            try:
                found.append(self._counted(tensors, way))
            except Exception as error:
                found.append(None)
                last = error
        if not any(one is not None for one in found):
            raise last
        self.tried[key] = found
        for counts in filter(None, found):
            for one, number in counts.items():
                self.born[one] = self.born.get(one, 0) + number

    def _counted(self, tensors: Sequence[Tensor], way: Way) -> Counts:
        before = [one._version for one in tensors]
        way()
        return {id(one): one._version - old for one, old in zip(tensors, before, strict=True)
                if one._version > old}  # fmt: skip

    def count(self, tensor: Tensor) -> int:
        """How often it was written for sure."""
        return tensor._version - self.born.get(id(tensor), 0)

    def fitting(self, counts: Mapping[int, int]) -> dict[Key, list[int]]:
        """The ways that the counts of the model's own tensors allow, given less what is sure."""
        users: dict[int, int] = {}
        for ways in self.tried.values():
            for one in set().union(*filter(None, ways)):
                users[one] = users.get(one, 0) + 1
        return {key: _fitting(ways, counts, users) for key, ways in self.tried.items()}

    def beyond(self, counts: Mapping[int, int], fits: Mapping[Key, Collection[int]]) -> set[int]:
        """The tensors that were written more often than any way of their constructors does."""
        most: Counts = {}
        for key, ways in self.tried.items():
            for one in set().union(*filter(None, ways)):
                most[one] = most.get(one, 0) + max((ways[number] or {}).get(one, 0) for number in fits[key])
        return {one for one, number in counts.items() if number > most.get(one, 0)}


def _fitting(ways: Sequence[Counts | None], counts: Mapping[int, int], users: Mapping[int, int]) -> list[int]:
    possible = [number for number, one in enumerate(ways) if one is not None]
    told = [one for one in set().union(*filter(None, ways)) if one in counts and users[one] == 1]
    fits = [
        number for number in possible if all((ways[number] or {}).get(one, 0) == counts[one] for one in told)
    ]
    return fits or possible


@dataclass
class Recording:
    """The same under the recorder, by the ways that fit."""

    recorder: Recorder
    fits: Mapping[Key, Collection[int]]
    is_void: dict[int, bool] = field(default_factory=dict)
    """Whether constructors made it as memory without values, of those of which that is known."""

    @torch.no_grad()
    def give(self, tensor: Tensor, found: Tensor) -> None:
        """The tensor has these values, if anybody gave them any."""
        with torch._C.DisableTorchFunction():  # which would say that it is on the CPU
            is_recorded = self.recorder.knows(found)
            is_empty = is_recorded and not self.recorder.has_written(found)
            self.is_void[id(tensor)] = is_recorded and self.recorder.is_born_void(found)
        if is_empty:
            self.recorder.lose(tensor, "void")  # it is written later
        else:
            tensor.copy_(found)

    def lose(self, tensors: Iterable[Tensor]) -> None:
        """Nobody knows what is in these."""
        for one in tensors:
            self.recorder.lose(one)

    def unsure(self, tensors: Sequence[Tensor], way: Way) -> None:
        """Runs what may not have run: what it writes is lost."""
        time = len(self.recorder.record.steps)
        way()
        self.lose([one for one in tensors if self.recorder.was_written(one, time)])

    def ways(self, key: Key, tensors: Sequence[Tensor], ways: Sequence[Way]) -> None:
        """Runs those that fit; what is not the same by all of them is lost."""
        time = len(self.recorder.record.steps)
        seen: list[list[tuple[Any, ...]]] = []
        for number in self.fits.get(key, range(len(ways))):
            self.recorder.record.go_back(time)
            ways[number]()
            seen.append([self._since(one, time) for one in tensors])
        same = [len(set(of_one)) == 1 for of_one in zip(*seen, strict=True)]
        self.lose([one for one, is_same in zip(tensors, same, strict=True) if not is_same])

    def _since(self, tensor: Tensor, time: int) -> tuple[Any, ...]:
        return tuple(map(_said, self.recorder.steps_of(tensor, time)))


def _said(step: Step) -> str:
    """What a step does, wherever in the record it is."""
    if step.call is not None:
        return f"{step.call.name} {step.call.settings} {_place(step.call.target)}"
    return f"{step.name} {[_place(one) for one in step.args]} {step.kwargs} {list(map(_place, step.writes))}"


def _place(one: Any) -> str:
    if not isinstance(one, Ref):
        return repr(one)
    return repr((one.storage, one.shape, one.stride, one.offset, one.dtype))

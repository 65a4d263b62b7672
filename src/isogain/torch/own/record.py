"""The tape of a constructor: which operations gave every stretch of memory its values.

A tensor is named by the memory it looks at (`Ref`), so views, `.data` and in-place writes need no rule of
their own.  Reading a value backwards gives the few steps that made it; whatever was overwritten falls away.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch

from isogain.torch.own.places import Place

__all__ = ["InitCall", "Needed", "Record", "Ref", "Step"]


@dataclass(slots=True)
class Ref:
    """A tensor as the steps before `time` left it: a view of recorded memory."""

    storage: int
    time: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]
    offset: int
    dtype: torch.dtype
    conjugated: bool = False

    @property
    def count(self) -> int:
        """How many elements it has."""
        return math.prod(self.shape)

    @property
    def is_dense(self) -> bool:
        """Whether its elements fill one stretch of memory, each once."""
        expected = 1
        for stride, size in sorted(zip(self.stride, self.shape, strict=True)):
            if size != 1 and stride != expected:
                return False
            expected *= size
        return True

    @property
    def is_contiguous(self) -> bool:
        """Whether the elements lie in the order of their indices."""
        expected = 1
        for stride, size in zip(reversed(self.stride), reversed(self.shape), strict=True):
            if size != 1 and stride != expected:
                return False
            expected *= size
        return True

    def sees(self, other: Ref) -> bool:
        """Whether both look at the same elements in the same order."""
        mine = (self.storage, self.shape, self.stride, self.offset, self.dtype)
        return mine == (other.storage, other.shape, other.stride, other.offset, other.dtype)


@dataclass(frozen=True)
class InitCall:
    """A call of one of torch.nn.init's functions: what it was asked for."""

    name: str
    target: Ref
    settings: tuple[tuple[str, Any], ...]


@dataclass(frozen=True)
class Step:
    """One operation: what it was called with, what it read and wrote, and whose line asked for it.

    Without `run` it is the birth of memory that nobody wrote; with `value` a tensor that existed; with
    `call` a whole init function.
    """

    index: int
    name: str
    run: Callable[..., Any] | None
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    reads: tuple[Ref, ...]
    writes: tuple[Ref, ...]
    made: tuple[Ref | None, ...]
    """What it returned: a Ref for each tensor of new memory."""
    place: Place
    is_random: bool = False
    call: InitCall | None = None
    value: torch.Tensor | None = None
    generator: torch.Tensor | None = None
    """The state of a generator that the library brought itself: its numbers are the library's."""

    @property
    def is_void(self) -> bool:
        """Whether it only makes memory."""
        return self.run is None and self.call is None and self.value is None


@dataclass(frozen=True)
class Needed:
    """What a value is made of: steps in order, memory that is taken from elsewhere, memory nobody wrote."""

    steps: tuple[int, ...]
    taken: frozenset[tuple[int, int]]
    void: frozenset[int]


@dataclass
class Record:
    """All steps of a build, in order, and which of them wrote which memory."""

    steps: list[Step] = field(default_factory=list)
    writers: dict[int, list[int]] = field(default_factory=dict)
    sizes: dict[int, int] = field(default_factory=dict)
    homes: dict[int, Ref] = field(default_factory=dict)
    """The tensor that each memory was made as."""

    def __deepcopy__(self, memo: dict[int, Any]) -> Record:
        return self  # a copied model has the same past

    def __reduce__(self) -> tuple[type[Record], tuple[()]]:
        return Record, ()  # a pickled one has none

    def add(self, step: Step) -> None:
        """Takes up a step."""
        self.steps.append(step)
        refs = (*step.writes, *step.made) if step.writes and step.made else step.writes or step.made
        for ref in refs:
            if ref is not None:
                written = self.writers.setdefault(ref.storage, [])
                if not written or written[-1] != step.index:
                    written.append(step.index)

    def go_back(self, time: int) -> None:
        """Forgets the steps since then."""
        del self.steps[time:]
        for written in self.writers.values():
            del written[bisect_left(written, time) :]

    def last_write(self, storage: int, time: int) -> int | None:
        """The last step before `time` that wrote there."""
        before = bisect_left(self.writers.get(storage, ()), time)
        return self.writers[storage][before - 1] if before else None

    def covers(self, step: Step, storage: int) -> bool:
        """Whether nothing of what was there before the step is left after it."""
        if any(ref is not None and ref.storage == storage for ref in step.made):
            return True
        if any(ref.storage == storage for ref in step.reads):
            return False
        return any(
            ref.storage == storage and ref.is_dense
            and ref.count * ref.dtype.itemsize == self.sizes[storage] for ref in step.writes
        )  # fmt: skip

    def _writes_back(self, storage: int, time: int) -> Iterator[Step]:
        written = self.writers.get(storage, [])
        for place in range(bisect_left(written, time) - 1, -1, -1):
            yield self.steps[written[place]]

    def _alone(self, ref: Ref) -> Step | None:
        """The step that a tensor is made of, where that is all: most are."""
        index = self.last_write(ref.storage, ref.time)
        step = None if index is None else self.steps[index]
        return None if step is None or step.reads or not self.covers(step, ref.storage) else step

    def needed(self, ref: Ref, taken: Callable[[int, int], bool] = lambda storage, index: False) -> Needed:
        """The steps behind a tensor; `taken(memory, last step)` says where somebody else has the values."""
        alone = self._alone(ref)
        if alone is not None and not taken(ref.storage, alone.index):
            void = frozenset((ref.storage,)) if alone.is_void else frozenset[int]()
            return Needed((alone.index,), frozenset(), void)
        waiting, seen = [(ref.storage, ref.time)], set[tuple[int, int]]()
        steps, substitutes, unwritten = set[int](), set[tuple[int, int]](), set[int]()
        while waiting:
            storage, time = waiting.pop()
            for step in self._writes_back(storage, time):
                node = (storage, step.index)
                if node in seen:
                    break
                seen.add(node)
                if taken(*node):
                    substitutes.add(node)
                    break
                steps.add(step.index)
                waiting += [(one.storage, one.time) for one in step.reads]
                if self.covers(step, storage):
                    if step.is_void:
                        unwritten.add(storage)
                    break
            else:
                unwritten.add(storage)
        return Needed(tuple(sorted(steps)), frozenset(substitutes), frozenset(unwritten))

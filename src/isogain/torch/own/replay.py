"""Values from a record: the steps behind a tensor, run again on the CPU."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from isogain.torch.draw.fill import fill_
from isogain.torch.own.laws import initializer_of
from isogain.torch.own.operation import leaves_of, mapped
from isogain.torch.own.record import Record, Ref, Step

__all__ = ["Replay"]

Tensor = torch.Tensor
Leaf = Callable[[int], tuple[int, str]]
"""Step number of a random operation -> (seed, path) of its numbers."""


def _sample(index: int) -> tuple[int, str]:
    return 0, f"sample {index}"


class Replay:
    """Runs steps of a record again; `leaf` keys random ones, `taken` gives memory that is known already."""

    def __init__(
        self, record: Record, leaf: Leaf = _sample,
        taken: Callable[[int, int], Callable[[], Tensor] | None] = lambda storage, index: None,
    ) -> None:  # fmt: skip
        self.record, self.leaf, self.taken = record, leaf, taken
        self.memory: dict[int, torch.UntypedStorage] = {}

    @torch.no_grad()
    def tensor(self, ref: Ref) -> Tensor:
        """The tensor as it was."""
        needed = self.record.needed(ref, lambda storage, index: self.taken(storage, index) is not None)
        known = {index: storage for storage, index in needed.taken}
        for index in sorted({*needed.steps, *known}):
            if index in known:
                give = self.taken(known[index], index)
                assert give is not None
                self._bind(self.record.homes[known[index]], give())
            if index in needed.steps:
                self._run(self.record.steps[index])
        return self.view(ref)

    def view(self, ref: Ref) -> Tensor:
        """The memory that a Ref looks at, as it is now."""
        memory = self.memory.get(ref.storage)
        if memory is None:
            memory = self.memory[ref.storage] = _memory(self.record.sizes[ref.storage])
        found = torch.empty(0, dtype=ref.dtype).set_(memory, ref.offset, ref.shape, ref.stride)
        return found.conj() if ref.conjugated else found

    def _run(self, step: Step) -> None:
        if step.is_void:
            return
        if step.value is not None:
            assert step.made[0] is not None
            self._bind(step.made[0], step.value)
        elif step.call is not None:
            self._init(step)
        else:
            args, kwargs = mapped(self._real, step.args), mapped(self._real, step.kwargs)
            with self._numbers(step) as extra:
                found = step.run(*args, **{**kwargs, **extra}) if step.run else None
            for ref, one in zip(step.made, leaves_of(found), strict=True):
                if ref is not None:
                    self._bind(ref, one)

    def _real(self, one: Any) -> Any:
        if isinstance(one, torch.device):
            return torch.device("cpu")
        return self.view(one) if isinstance(one, Ref) else one

    def _bind(self, ref: Ref, value: Tensor) -> None:
        """Gives memory its values, in the strides that the record has for it."""
        size = self.record.sizes[ref.storage]
        self.memory[ref.storage] = _memory(size)
        self.view(ref).copy_(value)

    def _init(self, step: Step) -> None:
        assert step.call is not None
        seed, path = self.leaf(step.index)
        target = self.view(step.call.target)
        init, geometry = initializer_of(step.call, tuple(target.shape))
        if target.numel():
            fill_(target, init, seed=seed, path=path, **geometry)

    @contextmanager
    def _numbers(self, step: Step) -> Iterator[dict[str, Any]]:
        if step.generator is not None:
            generator = torch.Generator()
            generator.set_state(step.generator)
            yield {"generator": generator}
            return
        if not step.is_random:
            yield {}
            return
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(_number(*self.leaf(step.index)))
            yield {}


def _memory(size: int) -> torch.UntypedStorage:
    return torch.UntypedStorage(size)  # type: ignore[no-untyped-call]


def _number(seed: int, path: str) -> int:
    """63 bits for torch's generator."""
    digest = hashlib.blake2b(f"isogain own start/1/{seed}/{path}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1

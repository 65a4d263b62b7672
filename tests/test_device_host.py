"""Filling a device from the host: two buffers in turn, none written while a copy from it is under way."""

from __future__ import annotations

from collections import deque
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from isogain.core.values.distributions import NormalLaw  # noqa: E402
from isogain.drawing.key import Key  # noqa: E402
from isogain.drawing.laws import writer  # noqa: E402
from isogain.drawing.regions import Region  # noqa: E402
from isogain.torch.device import host  # noqa: E402

LAW, KEY = NormalLaw(0.0, 1.0), Key.of(0, "w")


class Slow:
    """A tensor of a device whose copies end as late as they may: when somebody waits for their event."""

    def __init__(self, memory: Any, queue: deque[Any]) -> None:
        self.memory, self.queue = memory, queue
        self.device, self.dtype = torch.device("cpu"), memory.dtype

    def __getitem__(self, place: Any) -> Slow:
        return Slow(self.memory[place], self.queue)

    def copy_(self, source: Any, non_blocking: bool) -> None:
        assert non_blocking
        self.queue.append((self.memory, source))


def events(queue: deque[Any]) -> Any:
    class Event:
        last = None

        def record(self, stream: str) -> None:
            assert stream == "its own"
            self.last = queue[-1]

        def synchronize(self) -> None:
            while any(copy is self.last for copy in queue):
                target, source = queue.popleft()
                target.copy_(source)

    return SimpleNamespace(Event=Event, current_stream=lambda device: "its own")


@pytest.mark.parametrize("shape", [(7, 33), (231,), (3, 5, 11)])
def test_a_copy_is_under_way_while_the_next_piece_is_drawn(
    shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    memory, queue = torch.zeros(shape), deque()  # type: ignore[var-annotated]
    under_way = []
    monkeypatch.setattr(host, "_ELEMENTS", 40)
    monkeypatch.setattr(host, "_queue", lambda device: events(queue))
    empty = torch.empty
    monkeypatch.setattr(torch, "empty", lambda *a, pin_memory=False, **k: empty(*a, **k))

    def writer_of(region: Region) -> Any:
        under_way.append(len(queue))
        return writer(LAW, "float32", KEY, region, 1)

    region = Region.of(shape)
    host.through_host(Slow(memory, queue), region, writer_of)  # type: ignore[arg-type]
    assert under_way[:2] == [0, 1]
    assert set(under_way[1:]) == {1}
    while queue:
        target, source = queue.popleft()
        target.copy_(source)
    expected = np.empty(shape, np.float32)
    writer(LAW, "float32", KEY, region, 1)(expected)
    assert np.array_equal(memory.numpy(), expected)

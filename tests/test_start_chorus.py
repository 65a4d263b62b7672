"""Processes that scale weights in the middle of a pass: together on one way, each for itself on different ones."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from isogain.torch.measure.sizes import mean_square  # noqa: E402
from isogain.torch.start.chorus import Chorus  # noqa: E402


class Meeting:
    """Processes played by threads: each of its calls waits for all of them."""

    groups = ("all",)

    def __init__(self, count: int) -> None:
        self.values: list[Any] = [None] * count
        self.barrier = threading.Barrier(count, timeout=20)

    def of(self, rank: int) -> Meeting:
        """The same for one of them."""
        one = object.__new__(Meeting)
        one.values, one.barrier, one.rank = self.values, self.barrier, rank
        return one

    def all(self, value: Any) -> list[Any]:
        self.values[self.rank] = value
        self.barrier.wait()
        found = list(self.values)
        self.barrier.wait()
        return found


def sing(ways: list[list[str]], lost: list[bool]) -> list[tuple[list[float], bool, bool]]:
    """What each hears at the places of its way, at the end, and whether it is apart then."""
    meeting = Meeting(len(ways))

    def one(rank: int) -> tuple[list[float], bool, bool]:
        chorus = Chorus(meeting.of(rank))  # type: ignore[arg-type]
        heard = [chorus.mean(place, mean_square(torch.full((4,), rank + 1.0))) for place in ways[rank]]
        return heard, chorus.end(lost[rank]), chorus.apart

    with ThreadPoolExecutor(len(ways)) as pool:
        return list(pool.map(one, range(len(ways))))


def test_one_way_is_measured_over_all() -> None:
    first, second = sing([["a", "b"], ["a", "b"]], [False, False])
    assert first == second == ([2.5, 2.5], False, False)  # (1 + 4) / 2


def test_different_ways_are_measured_alone_from_there_on() -> None:
    first, second = sing([["a", "left", "c", "d"], ["a", "right"]], [False, True])
    assert first == ([2.5, 1.0, 1.0, 1.0], True, False)
    assert second == ([2.5, 4.0], True, False)


def test_who_is_done_waits_for_who_is_not() -> None:
    first, second = sing([["a"], ["a", "b", "c"]], [False, False])
    assert first == ([2.5], False, False)
    assert second == ([2.5, 4.0, 4.0], False, False)


def test_three_of_whom_one_leaves() -> None:
    found = sing([["a", "b"], ["a", "b"], ["a", "x", "y"]], [False, False, True])
    assert [heard[0] for heard, _, _ in found] == pytest.approx([14 / 3] * 3)
    assert [heard[1:] for heard, _, _ in found] == [[1.0], [4.0], [9.0, 9.0]]
    assert all(lost and not apart for _, lost, apart in found)

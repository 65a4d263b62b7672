"""A recipe, a key and a region become numbers in memory, on as many threads as asked.

The region is cut into stretches of neighbouring elements; each stretch is made by the native kernel
with the interpreter lock released or, without one, by the reference.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, TypeVar, final

import numpy as np
from numpy.typing import NDArray

from isogain.checking import shown
from isogain.drawing import reference
from isogain.drawing.key import Key
from isogain.drawing.native import kernel
from isogain.drawing.recipe import Recipe
from isogain.drawing.regions import Region
from isogain.errors import DrawError

__all__ = ["fill", "is_one_piece", "share", "thread_count"]

_LARGEST: Final = 1 << 20
"""Elements of the largest piece of work: 4 MB of float32, about a millisecond."""
_SMALLEST: Final = 1 << 17
"""Below it, waking a thread takes longer than the draw."""
_PIECES: Final = 8
"""At least as many for each thread where the draw is large enough: who is done early takes over more."""
_MOST_THREADS: Final = 256
_REFERENCE_CHUNK: Final = 1 << 16
Piece = TypeVar("Piece")


def thread_count(threads: int | None) -> int:
    """The number of threads: as asked, else ISOGAIN_THREADS, else every core this process may use."""
    if threads is None:
        threads = _from_environment() or _available_cores()
    if isinstance(threads, bool) or not isinstance(threads, int) or threads < 1:
        raise DrawError(f"threads must be a positive integer or None, got {shown(threads)}")
    return threads


def _from_environment() -> int | None:
    text = os.environ.get("ISOGAIN_THREADS")
    if not text:
        return None
    if not text.isdecimal() or int(text) < 1:
        raise DrawError(f"the environment variable ISOGAIN_THREADS must be a positive integer, got {text!r}")
    return int(text)


def _available_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@final
@dataclass(frozen=True)
class _Work:
    """Runs `first`, ... `first + count - 1`, each cut to [skip, skip + length), for out[place:]."""

    first: int
    count: int
    skip: int
    length: int
    place: int


def fill(
    out: NDArray[Any], key: Key, recipe: Recipe, region: Region, threads: int = 1, draw: int = 0
) -> None:
    """Write the region into `out`, a C-contiguous array of the recipe's storage type, row-major.

    `draw` is word 3 of the counter where no law needs it for itself: other draws, other numbers.
    """
    if region.size == 0:
        return
    work = list(_plan(region, _piece(region.size, threads)))
    share(_maker(out.reshape(-1), key, recipe, region, draw), work, threads)


def is_one_piece(size: int) -> bool:
    """Whether a draw of so many elements is made by one thread, however many there are."""
    return size <= 2 * _SMALLEST


def _piece(size: int, threads: int) -> int:
    """Elements of one piece of work: a power of two, so that no tile is cut."""
    if threads == 1:
        return _LARGEST
    wanted = size // (threads * _PIECES)
    return int(min(_LARGEST, max(_SMALLEST, 1 << wanted.bit_length())))


def _plan(region: Region, chunk: int) -> Iterator[_Work]:
    run = region.run
    runs = region.size // run
    if run >= chunk:
        for number in range(runs):
            yield from _long_run(region, number, run, chunk)
        return
    step = max(1, chunk // run)
    for first in range(0, runs, step):
        yield _Work(first, min(step, runs - first), 0, run, first * run)


def _long_run(region: Region, number: int, run: int, chunk: int) -> Iterator[_Work]:
    """Cut one run where the whole tensor's index is a multiple of the chunk: no tile is made twice."""
    start = int(region.runs(number, 1)[0])
    skip = 0
    while skip < run:
        length = min(run - skip, chunk - (start + skip) % chunk)
        yield _Work(number, 1, skip, length, number * run + skip)
        skip += length


def _maker(
    flat: NDArray[Any], key: Key, recipe: Recipe, region: Region, draw: int
) -> Callable[[_Work], None]:
    native = kernel()

    def make(work: _Work) -> None:
        starts = region.runs(work.first, work.count) + np.uint64(work.skip)
        target = flat[work.place : work.place + work.count * work.length]
        if native is None:
            _fill_by_reference(target, key, recipe, starts, work.length, draw)
        else:
            native(target, key, recipe, starts, work.length, draw)

    return make


def _fill_by_reference(
    target: NDArray[Any], key: Key, recipe: Recipe, starts: NDArray[np.uint64], length: int, draw: int
) -> None:
    for first in range(0, target.size, _REFERENCE_CHUNK):
        number = np.arange(first, min(first + _REFERENCE_CHUNK, target.size), dtype=np.int64)
        indices = starts[number // length] + (number % length).astype(np.uint64)
        target[first : first + number.size] = reference.elements(key, recipe, indices, draw)


def share(make: Callable[[Piece], None], work: Sequence[Piece], threads: int) -> None:
    """This thread and helpers take pieces of work until none is left."""
    if threads == 1 or len(work) == 1:
        for piece in work:
            make(piece)
    elif work:
        _share(make, work, min(threads, len(work)))


def _share(make: Callable[[Piece], None], work: Sequence[Piece], threads: int) -> None:
    left, errors = deque(work), deque[Exception]()

    def take() -> None:
        while True:
            try:
                piece = left.popleft()
            except IndexError:
                return
            try:
                make(piece)
            except Exception as error:
                errors.append(error)

    helpers: list[Future[None]] = []
    try:
        with suppress(RuntimeError):  # no thread to be had, or the interpreter ends: this one does it all
            helpers += (_pool().submit(take) for _ in range(threads - 1))
        take()
    finally:
        left.clear()
        for helper in helpers:
            if not helper.cancel():
                helper.result()
    if errors:
        done = len(work) - len(errors)
        raise DrawError(
            f"{len(errors)} of {len(work)} pieces of the draw failed ({errors[0]!r}); "
            f"the other {done} pieces of the target were written"
        ) from errors[0]


@lru_cache(maxsize=1)
def _pool() -> ThreadPoolExecutor:
    """Threads that wait for the next draw: it is often over before a new one would have started."""
    return ThreadPoolExecutor(_MOST_THREADS, thread_name_prefix="isogain-draw")


if hasattr(os, "register_at_fork"):  # a child process has none of its parent's threads
    os.register_at_fork(after_in_child=_pool.cache_clear)

"""Who runs jobs: this process, others of this machine (joblib's loky), Dask or Ray.

A job is a function of (shared, item): what all jobs share is sent to a process once.  Results come back as
they are ready, whatever their order, so that the caller can keep each at once.  When a process dies, what
it was running is run again, and nothing else is.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from typing import Any, Self

from isogain.checking import shown
from isogain.errors import JobError
from isogain.jobs.on_dask import OnDask
from isogain.jobs.on_loky import OnLoky
from isogain.jobs.on_ray import OnRay
from isogain.jobs.places import Place
from isogain.jobs.working import packed

__all__ = ["BACKENDS", "Crew", "cores"]

BACKENDS = ("loky", "dask", "ray")
MOST_LOSSES = 3
"""Deaths of a process in a row without a job finished in between: then it is the jobs that kill it."""
PATIENCE_S = 10
"""How long a cluster may take to answer."""
EXTRAS = {"joblib": "lab", "cloudpickle": "lab", "distributed": "dask", "dask": "dask", "ray": "ray"}
Job = Callable[[Any, Any], Any]
"""A function of (what all jobs share, what this one is)."""


def cores() -> int:
    """How many processors this process may use."""
    usable = getattr(os, "sched_getaffinity", None)
    return len(usable(0)) if usable else os.cpu_count() or 1


class Crew:
    """Those who run the jobs of one function; a context manager.

    `workers` None: one a core here, all that there are on a cluster.  One worker of "loky" is this process.
    Raises JobError for an unknown backend, one that is not installed, or a cluster that does not answer.
    """

    def __init__(
        self, function: Job, shared: Any, backend: str = "loky", workers: int | None = None,
        address: str | None = None, gpus: bool = False,
    ) -> None:  # fmt: skip
        if backend not in BACKENDS:
            raise JobError(f"backend must be one of {', '.join(BACKENDS)}, got {shown(backend)}")
        self.function, self.shared, self.backend, self.address = function, shared, backend, address
        self.gpus = gpus
        here = backend == "loky"
        self.workers = workers if workers is not None else (cores() if here else -1)
        self.width = max(self.workers, 1)
        """How many jobs run at a time."""
        self.alone = here and self.workers == 1
        self.lost = 0
        """Processes that died so far."""
        self._running: dict[Any, tuple[int, Any]] = {}

    def __enter__(self) -> Self:
        self._stack = ExitStack()
        if not self.alone:
            self._explained(self._connect)
        return self

    def __exit__(self, *error: Any) -> None:
        if not self.alone:
            self._place.abandon(list(self._running))
        self._stack.close()

    def run(
        self, items: Sequence[Any], go_on: Callable[[], bool] = lambda: True
    ) -> Iterator[tuple[int, Any]]:
        """(index, result) of every item as it is ready; no new one is begun once `go_on` says no."""
        if self.alone:
            yield from self._here(items, go_on)
            return
        waiting = deque(enumerate(items))
        self._in_a_row = 0
        self._fill(waiting, go_on)
        while self._running:
            done = [
                one for handle in self._place.ready(list(self._running)) for one in self._of(handle, waiting)
            ]
            self._fill(waiting, go_on)
            yield from done

    def _fill(self, waiting: deque[tuple[int, Any]], go_on: Callable[[], bool]) -> None:
        while waiting and len(self._running) < self._place.ahead and go_on():
            one = waiting.popleft()
            self._running[self._place.begin(*one)] = one

    def _of(self, handle: Any, waiting: deque[tuple[int, Any]]) -> Iterator[tuple[int, Any]]:
        """What came of a job that is done; one whose process died waits again."""
        job = self._running.pop(handle)
        try:
            found = self._place.result(handle)
        except ModuleNotFoundError as error:
            raise JobError(f"the workers cannot import {error.name or error}: install it there") from error
        except self._place.lost as error:
            waiting.appendleft(job)
            self.lost, self._in_a_row = self.lost + 1, self._in_a_row + 1
            if self._in_a_row >= MOST_LOSSES:
                raise JobError(_hopeless(error)) from error
            return
        self._in_a_row = 0
        yield found

    def _here(self, items: Iterable[Any], go_on: Callable[[], bool]) -> Iterator[tuple[int, Any]]:
        for index, item in enumerate(items):
            if not go_on():
                return
            yield index, self.function(self.shared, item)

    def _explained(self, connect: Callable[[], None]) -> None:
        try:
            connect()
        except ModuleNotFoundError as error:
            extra = EXTRAS.get((error.name or "").partition(".")[0], "lab")
            hint = f"pip install 'isogain[{extra}]'"
            raise JobError(
                f"backend {self.backend!r} needs {error.name}, which is not here: {hint}"
            ) from error
        except JobError:
            raise
        except (OSError, TimeoutError, ConnectionError, ValueError) as error:  # the last: no address at all
            where = f" at {self.address}" if self.address else ""
            raise JobError(f"no {self.backend} cluster answers{where}: {error}") from error

    def _connect(self) -> None:
        self._place = self._placed()
        self.width = self._place.width

    def _placed(self) -> Place:
        parcel = packed((self.function, self.shared))
        if self.backend == "dask":
            return OnDask(parcel, self._stack.enter_context(_dask_client(self.address)), self.workers)
        if self.backend == "ray":
            return OnRay(parcel, self.address, self.workers, self.gpus)
        return OnLoky(parcel, self.width)


def _dask_client(address: str | None) -> AbstractContextManager[Any]:
    """A client of the scheduler at this address, of the one already in use, or of a new one here."""
    from contextlib import nullcontext

    from distributed import get_client

    if address is not None:
        return _client(address, timeout=PATIENCE_S)
    try:
        return nullcontext(get_client())
    except ValueError:
        return _client(n_workers=cores(), threads_per_worker=1)


def _client(*where: Any, **settings: Any) -> AbstractContextManager[Any]:
    from distributed import Client

    made: Callable[..., AbstractContextManager[Any]] = Client
    return made(*where, **settings, set_as_default=False)


def _hopeless(error: BaseException) -> str:
    return (
        f"a worker process died {MOST_LOSSES} times in a row with nothing finished in between ({error}): "
        "the jobs themselves end it, by memory most likely; take fewer workers or a smaller model"
    )

"""Where jobs run: here, in other processes or on Dask through joblib, or on Ray.

A job is a function of (shared, item): what all jobs share is sent to a process once.  Results come back as
they are ready, whatever their order, so that the caller can keep each at once.  When a process dies, what
it was running is run again; what had come back is not.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from isogain.checking import shown
from isogain.errors import JobError
from isogain.jobs.on_ray import caller, joined, on_ray

__all__ = ["BACKENDS", "Crew", "cores"]

BACKENDS = ("loky", "dask", "ray")
MOST_LOSSES = 3
"""Deaths of a process in a row without a job finished in between: then it is the jobs that kill it."""
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

    def __enter__(self) -> Self:
        self._stack = ExitStack()
        if not self.alone:
            self._explained(self._connect)
        return self

    def __exit__(self, *error: Any) -> None:
        self._disband()
        self._stack.close()

    def run(
        self, items: Sequence[Any], go_on: Callable[[], bool] = lambda: True
    ) -> Iterator[tuple[int, Any]]:
        """(index, result) of every item as it is ready; no new one is begun once `go_on` says no."""
        if self.alone:
            yield from self._here(items, go_on)
            return
        waiting = dict(enumerate(items))
        in_a_row = 0
        while waiting and go_on():
            try:
                for index, result in self._round(waiting, go_on):
                    del waiting[index]
                    in_a_row = 0
                    yield index, result
                return
            except ModuleNotFoundError as error:
                raise JobError(
                    f"the workers cannot import {error.name or error}: install it there"
                ) from error
            except _lost_worker() as error:
                self._disband()
                self.lost, in_a_row = self.lost + 1, in_a_row + 1
                if in_a_row >= MOST_LOSSES:
                    raise JobError(_hopeless(error)) from error

    def _here(self, items: Iterable[Any], go_on: Callable[[], bool]) -> Iterator[tuple[int, Any]]:
        for index, item in enumerate(items):
            if not go_on():
                return
            yield index, self.function(self.shared, item)

    def _round(self, waiting: Mapping[int, Any], go_on: Callable[[], bool]) -> Iterator[tuple[int, Any]]:
        todo = list(waiting.items())
        if self.backend == "ray":
            yield from on_ray(self._call, self._ahead, todo, go_on)
            return
        from joblib import delayed

        call = delayed(_perform)
        parallel = self._gathered()
        yield from parallel(call(self.digest, self.payload, *one) for one in todo if go_on())

    def _gathered(self) -> Any:
        """The workers, kept from call to call."""
        from joblib import Parallel, parallel_config

        if self._parallel is None:
            with parallel_config(backend=self.backend, **self._settings):
                how = {"return_as": "generator_unordered", "batch_size": 1, "pre_dispatch": "2*n_jobs"}
                self._parallel = Parallel(self.workers, **how)
                self._parallel.__enter__()
        return self._parallel

    _parallel: Any = None

    @property
    def _settings(self) -> dict[str, Any]:
        if self.backend == "dask":
            return {"client": self._client}
        return {"inner_max_num_threads": 1} if self.backend == "loky" else {}

    def _disband(self) -> None:
        parallel, self._parallel = self._parallel, None
        if parallel is not None:
            parallel.__exit__(None, None, None)

    def _explained(self, connect: Callable[[], None]) -> None:
        try:
            connect()
        except ModuleNotFoundError as error:
            extra = EXTRAS.get((error.name or "").partition(".")[0], "lab")
            hint = f"pip install 'isogain[{extra}]'"
            raise JobError(
                f"backend {self.backend!r} needs {error.name}, which is not here: {hint}"
            ) from error
        except (OSError, TimeoutError, ConnectionError) as error:
            where = f" at {self.address}" if self.address else ""
            raise JobError(f"no {self.backend} cluster answers{where}: {error}") from error

    def _connect(self) -> None:
        self.payload = _packed((self.function, self.shared))
        self.digest = hashlib.sha256(self.payload.tobytes()).hexdigest()
        if self.backend == "dask":
            self._client = self._stack.enter_context(_dask_client(self.address))
            self.width = sum(self._client.ncores().values())
        elif self.backend == "ray":
            self.width = joined(self.address)
            self._call = caller(_perform, self.digest, self.payload, self.gpus)
            few = 0 < self.workers < self.width  # else Ray itself lets no more run than there are processors
            self._ahead = self.workers if few else 2 * self.width


def _dask_client(address: str | None) -> AbstractContextManager[Any]:
    """A client of the scheduler at this address, of the one already in use, or of a new one here."""
    from contextlib import nullcontext

    from distributed import get_client

    if address is not None:
        return _client(address, timeout=10)
    try:
        return nullcontext(get_client())
    except ValueError:
        return _client(n_workers=cores(), threads_per_worker=1)


def _client(*where: Any, **settings: Any) -> AbstractContextManager[Any]:
    from distributed import Client

    made: Callable[..., AbstractContextManager[Any]] = Client
    return made(*where, **settings, set_as_default=False)


def _packed(value: Any) -> NDArray[np.uint8]:
    """The value as bytes in an array, after where its modules are: joblib sends a large array once."""
    import cloudpickle

    return np.frombuffer(pickle.dumps((sys.path, cloudpickle.dumps(value))), dtype=np.uint8)


_UNPACKED: dict[str, Any] = {}
"""In a worker: what the jobs of the present crew share."""


def _perform(digest: str, payload: NDArray[np.uint8], index: int, item: Any) -> tuple[int, Any]:
    """Runs in the worker."""
    if digest not in _UNPACKED:
        places, content = pickle.loads(payload.tobytes())
        sys.path.extend(place for place in places if place not in sys.path)
        _UNPACKED.clear()
        _UNPACKED[digest] = pickle.loads(content)
    function, shared = _UNPACKED[digest]
    return index, function(shared, item)


def _lost_worker() -> tuple[type[BaseException], ...]:
    """How the backends in use say that a process died."""
    from concurrent.futures.process import BrokenProcessPool

    found: list[type[BaseException]] = [BrokenProcessPool]
    if "distributed" in sys.modules:
        from distributed import KilledWorker

        found.append(KilledWorker)
    if "ray" in sys.modules:
        from ray.exceptions import WorkerCrashedError

        found.append(WorkerCrashedError)
    return tuple(found)


def _hopeless(error: BaseException) -> str:
    return (
        f"a worker process died {MOST_LOSSES} times in a row with nothing finished in between ({error}): "
        "the jobs themselves end it, by memory most likely; take fewer workers or a smaller model"
    )

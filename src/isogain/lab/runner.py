"""From a description to finished runs: what is missing in the store is trained, group by group.

A group is one computation: arms of one network structure at one seed (or a block of seeds that all
see every example).  Groups are cut the same way whatever is already there, so a resumed experiment
gives the same bits as an uninterrupted one.  As many groups train at a time as there are cores, each
on one thread, which measures faster than one group on all of them.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from isogain.jobs.executing import Crew
from isogain.jobs.store import Store, StoredRun
from isogain.lab.datasets import Dataset
from isogain.lab.fitting import check_fits
from isogain.lab.grouping import Group, Run, groups
from isogain.lab.measures import Arrays
from isogain.lab.spec import Experiment, content_hash
from isogain.lab.training import ENGINE_VERSION, Examples, train

__all__ = ["Progress", "Ticker", "Where", "complete", "run_key"]

Progress = Callable[[str, int, int], None]
"""Told the experiment's title, updates done and updates in all."""


def run_key(experiment: Experiment, run: Run, data_digest: str) -> str:
    """The hash of all that decides a run's numbers."""
    content = {
        "arm": run.arm.content,
        "conditions": experiment.conditions,
        "seed": run.seed,
        "data": data_digest,
        "engine": ENGINE_VERSION,
    }
    return content_hash(content)


class Ticker:
    """Counts updates over all threads, reports them, and carries the wish to stop."""

    def __init__(self, total: int, title: str, progress: Progress | None) -> None:
        self.total, self.title, self.progress = total, title, progress
        self.done, self.stop, self._lock = 0, threading.Event(), threading.Lock()

    def tick(self, updates: int) -> bool:
        """Counts, and answers whether to go on."""
        with self._lock:
            self.done = min(self.done + updates, self.total)
        return not self.stop.is_set()

    def report(self) -> None:
        """Tells the progress callback where things stand; called from the main thread only."""
        if self.progress:
            self.progress(self.title, self.done, self.total)


@dataclass(frozen=True)
class _Work:
    """One group that still has to be trained, with its keys."""

    group: Group
    keys: tuple[str, ...]


@dataclass(frozen=True)
class Where:
    """Who trains: threads of this process, or a crew's processes here or on a cluster; the same bits."""

    backend: str = "threads"
    workers: int | None = None
    address: str | None = None


def complete(
    experiment: Experiment, data: Dataset, store: Store, progress: Progress | None = None,
    where: Where = Where(),
) -> float:  # fmt: skip
    """Trains whatever the store does not hold yet; seconds it took.

    An interrupt (Ctrl-C) keeps every finished group and is passed on.
    """
    started = time.monotonic()
    check_fits(experiment, data)
    work = _missing(experiment, data, store)
    if work:
        updates = len(work) * max(experiment.iterations, 1)
        ticker = Ticker(updates, experiment.title, progress)
        examples = Examples.of(data, experiment)
        if where.backend == "threads":
            _train_all(experiment, examples, work, store, ticker)
        else:
            _train_elsewhere(experiment, examples, work, store, ticker, where)
    return time.monotonic() - started if work else 0.0


def _missing(experiment: Experiment, data: Dataset, store: Store) -> list[_Work]:
    every = [
        _Work(group, tuple(run_key(experiment, run, data.digest) for run in group))
        for group in groups(experiment)
    ]
    present = store.present(key for work in every for key in work.keys)
    return [work for work in every if not present.issuperset(work.keys)]


def _train_all(
    experiment: Experiment, examples: Examples, work: Sequence[_Work], store: Store, ticker: Ticker
) -> None:
    waiting = list(reversed(work))
    running: dict[Future[tuple[list[Arrays], float]], _Work] = {}
    with _workers() as (pool, count):
        try:
            while waiting or running:
                while waiting and len(running) < count:
                    item = waiting.pop()
                    running[pool.submit(_timed, experiment, item.group, examples, ticker)] = item
                finished, _ = wait(running, timeout=0.2, return_when=FIRST_COMPLETED)
                for future in finished:
                    item = running.pop(future)
                    store.save(_stored(experiment, item, *future.result()))
                ticker.report()
        except BaseException:
            ticker.stop.set()
            raise


def _train_elsewhere(
    experiment: Experiment, examples: Examples, work: Sequence[_Work], store: Store, ticker: Ticker,
    where: Where,
) -> None:  # fmt: skip
    crew = Crew(_trained, (experiment, examples), where.backend, where.workers, where.address)
    with crew:
        for index, result in crew.run([item.group for item in work]):
            store.save(_stored(experiment, work[index], *result))
            ticker.tick(max(experiment.iterations, 1))
            ticker.report()


def _trained(shared: tuple[Experiment, Examples], group: Group) -> tuple[list[Arrays], float]:
    """Runs in a worker."""
    experiment, examples = shared
    return _timed(experiment, group, examples, Ticker(1, "", None))


def _timed(
    experiment: Experiment, group: Group, examples: Examples, ticker: Ticker
) -> tuple[list[Arrays], float]:
    torch.set_num_threads(1)
    started = time.monotonic()
    measured = train(experiment, group, examples, ticker.tick)
    return measured, time.monotonic() - started


def _stored(
    experiment: Experiment, work: _Work, measured: Sequence[Arrays], elapsed_s: float
) -> Iterator[StoredRun]:
    share = elapsed_s / len(measured)
    for key, run, arrays in zip(work.keys, work.group, measured, strict=True):
        content = {"arm": run.arm.content, "conditions": experiment.conditions}
        yield StoredRun(key, experiment.name, run.arm.label, run.seed, content, share, arrays)


@contextmanager
def _workers() -> Iterator[tuple[ThreadPoolExecutor, int]]:
    """One thread a core (as many as torch may use), torch's own number of threads restored afterwards."""
    before = torch.get_num_threads()
    count = max(1, min(before, os.cpu_count() or 1))
    try:
        with ThreadPoolExecutor(count, thread_name_prefix="isogain-lab") as pool:
            yield pool, count
    finally:
        torch.set_num_threads(before)

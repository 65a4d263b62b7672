"""What a worker is given: jobs that go well together, each of them answered for itself."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch

from isogain.errors import IsogainError
from isogain.torch.call.guard import same_random
from isogain.torch.trial.problem import Problem
from isogain.torch.trial.running import Arrays, Done, First, Job, looked, trained
from isogain.torch.trial.together import trained_together

__all__ = ["gathered", "perform"]

MOST = 24
"""Runs in one computation: more gain little, and a worker that dies costs them all."""
PARTS = 4
"""Parts for every worker, so that all of them end at about the same time."""
Jobs = tuple[Job, ...]


def gathered(jobs: Sequence[Job], together: bool, width: int, bounded: bool) -> list[Jobs]:
    """The jobs in parts, in their order, for so many workers.

    Runs at one rate make one computation where the problem allows it; else those of one start and seed share
    what comes before training, unless time may be up between them.
    """
    if together:
        return _parts(jobs, lambda job: (job.kind, job.optimizer, job.rate), math.ceil(len(jobs) / width))
    most = 1 if bounded else len(jobs) // (PARTS * width)
    return _parts(jobs, lambda job: (job.kind, job.start, job.seed), most)


def _parts(jobs: Sequence[Job], key: Callable[[Job], object], most: int) -> list[Jobs]:
    alike: dict[object, list[Job]] = {}
    for job in jobs:
        alike.setdefault(key(job), []).append(job)
    size = min(max(most, 1), MOST)
    return [tuple(own[at : at + size]) for own in alike.values() for at in range(0, len(own), size)]


def perform(problem: Problem, jobs: Jobs) -> list[Done]:
    """Runs jobs; one that raises says so, and raises nothing."""
    known: First = {}
    with _alone(problem.threads):
        made = _together(problem, [job for job in jobs if job.kind == "train"])
        return [made[job] if job in made else _single(problem, job, known) for job in jobs]


def _together(problem: Problem, jobs: Sequence[Job]) -> dict[Job, Done]:
    if not jobs or not problem.form:
        return {}
    began = time.perf_counter()
    made = trained_together(problem, jobs)
    each = (time.perf_counter() - began) / max(len(made), 1)
    return {job: _done(what, each) for job, what in made.items()}


def _single(problem: Problem, job: Job, known: First) -> Done:
    began = time.perf_counter()
    made: Arrays | Exception
    try:
        made = trained(problem, job, known) if job.kind == "train" else looked(problem, job)
    except Exception as error:
        made = error
    return _done(made, time.perf_counter() - began)


def _done(made: Arrays | Exception, elapsed_s: float) -> Done:
    if not isinstance(made, Exception):
        return Done(made, elapsed_s)
    said = str(made) if isinstance(made, IsogainError) else f"{type(made).__name__}: {made}"
    return Done({}, elapsed_s, said[:600])


@contextmanager
def _alone(threads: int) -> Iterator[None]:
    """As many threads as the problem says, so that bits are the same everywhere; all put back afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with same_random(), torch.enable_grad():
            yield
    finally:
        torch.set_num_threads(before)

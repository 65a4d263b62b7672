"""Results of jobs, as they come from a worker or the store, become runs and looks."""

from __future__ import annotations

import json

import numpy as np

from isogain.torch.trial.problem import Problem
from isogain.torch.trial.running import Done, Job
from isogain.torch.trial.runs import Look, Run

__all__ = ["look_of", "run_of"]


def run_of(problem: Problem, job: Job, done: Done) -> Run:
    """The Run of a training job."""
    start, optimizer = problem.starts[job.start].name, problem.optimizers[job.optimizer][0]
    if done.error:
        nothing, never = np.zeros(0), np.zeros(0, dtype=np.int64)
        return Run(start, optimizer, job.rate, job.seed, nothing, never, nothing, nothing, error=done.error)
    of = done.arrays
    return Run(
        start, optimizer, job.rate, job.seed, of["loss"], of["evaluated_at"], of["validation.loss"],
        of["validation.metric"], int(of["diverged_at"][0]),
    )  # fmt: skip


def look_of(name: str, done: Done) -> Look:
    """The Look of a job that inspected."""
    if done.error:
        return Look(name, "impossible", error=done.error)
    told = json.loads(bytes(done.arrays["report"]))
    worse = [f"{code}:{path}" for severity, code, path in told["findings"] if severity != "info"]
    return Look(name, told["verdict"], tuple(worse), told["left"], told["digest"])

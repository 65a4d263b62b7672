"""Which jobs are run, in which order, and what the budget leaves out: successive halving, seed by seed.

Every start is run at every rate, the seeds outermost.  Where the budget does not hold them all, what cannot
be the best any more at the confidence asked for is dropped after each seed, and the rest goes on: what could
still win is never dropped, and if the budget ends first the trial says after how many seeds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from isogain._version import __version__
from isogain.jobs.comparing import survivors
from isogain.jobs.executing import Crew
from isogain.jobs.identity import content_hash, json_hash
from isogain.jobs.store import Store, StoredRun
from isogain.torch.trial.budget import Budget
from isogain.torch.trial.judging import Configuration, scores_of
from isogain.torch.trial.performing import gathered
from isogain.torch.trial.problem import Problem
from isogain.torch.trial.running import ENGINE, Done, Job
from isogain.torch.trial.runs import Dropped, Look, Run
from isogain.torch.trial.unpacking import look_of, run_of

__all__ = ["Asked", "Campaign"]

FEWEST = 2
"""Seeds before anything can be dropped."""


@dataclass(frozen=True)
class Asked:
    """What was asked for, beside the problem itself."""

    name: str
    rates: Mapping[str, tuple[float, ...]]
    seeds: tuple[int, ...]
    confidence: float
    digest: str
    """Of the problem."""
    inspect: bool = True


@dataclass
class Campaign:
    """The runs so far, and what is to come."""

    problem: Problem
    asked: Asked
    store: Store
    crew: Crew
    budget: Budget
    report: Callable[[str, int, int], None]
    """Told what just ended, runs done, runs in all."""
    runs: dict[Job, Run] = field(default_factory=dict)
    looks: dict[str, Look] = field(default_factory=dict)
    dropped: dict[str, Dropped] = field(default_factory=dict)
    looked: int = 0
    """How often it was asked what could still win."""
    seconds: list[float] = field(default_factory=list)
    """What each run took, those from the store included."""

    def complete(self) -> None:
        """Run everything, or as much as the budget holds."""
        alive, seeds = self._grid(), list(self.asked.seeds)
        if self.asked.inspect:
            self._look(seeds[0])
        while seeds and alive:
            block = 1 if self.budget.bounded and not self._fits(alive, seeds) else len(seeds)
            jobs = [self._job(one, seed) for seed in seeds[:block] for one in alive]
            if not self._train(jobs, len(alive) * len(seeds)):
                return
            seeds = seeds[block:]
            if seeds and not self._fits(alive, seeds):
                alive = self._kept(alive)

    def _grid(self) -> list[Configuration]:
        """Every start at every rate; middle rates first, so that an early end has them of every start."""
        names = [start.name for start in self.problem.starts]
        tried = [
            (abs(place - (len(rates) - 1) / 2), optimizer, rate)
            for optimizer, rates in self.asked.rates.items()
            for place, rate in enumerate(rates)
        ]
        ordered = sorted(tried, key=lambda one: one[0])
        return [(name, optimizer, rate) for _, optimizer, rate in ordered for name in names]

    def _job(self, one: Configuration, seed: int) -> Job:
        start = [start.name for start in self.problem.starts].index(one[0])
        optimizer = [name for name, _ in self.problem.optimizers].index(one[1])
        return Job("train", start, seed, optimizer, one[2])

    def _fits(self, alive: Sequence[Configuration], seeds: Sequence[int]) -> bool:
        """Whether what is left fits into the budget; unknown before the first seed, so no."""
        if not self.budget.bounded:
            return True
        each = float(np.mean(self.seconds)) / max(self.crew.width, 1) if self.seconds else np.inf
        new = [job for one in alive for seed in seeds if (job := self._job(one, seed)) not in self.runs]
        return self.budget.allows(len(new), self.problem.steps, each if new else 0.0)

    def _kept(self, alive: Sequence[Configuration]) -> list[Configuration]:
        """Those that could still win; looked at after each seed, surely enough for all those looks."""
        scores = scores_of(list(self.runs.values()), self._lower)
        seen = {_label(one): scores[one] for one in alive if one in scores}
        if min((len(one) for one in seen.values()), default=0) < FEWEST:
            return [one for one in alive if one in scores]
        self.looked += 1
        every = len(self._grid())
        share = 1 - (1 - self.asked.confidence) / len(self.asked.seeds)
        kept, lost = survivors(seen, {_label(one): one[0] for one in alive}, share, every)
        for start, how in lost.items():
            count = len(next(one for name, one in seen.items() if name.startswith(f"{start}|")))
            self.dropped[start] = Dropped(start, count, how.leader.partition("|")[0], how.lag)
        return [one for one in alive if _label(one) in set(kept)]

    @property
    def _lower(self) -> bool:
        return self.problem.measure.lower_is_better

    def _look(self, seed: int) -> None:
        jobs = [Job("look", place, seed) for place in range(len(self.problem.starts))]
        for job, done in self.done(jobs, lambda: True):
            name = self.problem.starts[job.start].name
            self.looks[name] = look_of(name, done)

    def _train(self, jobs: Sequence[Job], ahead: int) -> bool:
        """Whether all of them were run."""
        wanted = [job for job in jobs if job not in self.runs]
        held = wanted[: self.budget.affordable(len(wanted), self.problem.steps)]
        self.budget.spent += len(held) * self.problem.steps
        total = len(self.runs) + ahead
        for job, done in self.done(held, self.budget.goes_on):
            self.runs[job] = run_of(self.problem, job, done)
            self.seconds.append(done.elapsed_s)
            self.report(self._told(job), len(self.runs), total)
        return all(job in self.runs for job in jobs)

    def done(self, jobs: Sequence[Job], go_on: Callable[[], bool]) -> Any:
        """(job, Done) of every job as it is ready: from the store, or run and kept; failures are not."""
        keys = {job: self.key(job) for job in jobs}
        present = self.store.present(keys.values())
        for job in [job for job in jobs if keys[job] in present]:
            yield job, Done(self.store.arrays(keys[job]), self.store.elapsed(keys[job]))
        missing = [job for job in jobs if keys[job] not in present]
        parts = gathered(missing, bool(self.problem.form), self.crew.width, self.budget.bounded)
        for index, results in self.crew.run(parts, go_on):
            found = list(zip(parts[index], results, strict=True))
            self.store.save(self._stored(keys[job], job, done) for job, done in found if not done.error)
            yield from found

    def key(self, job: Job) -> str:
        """The hash of all that decides the job's numbers."""
        start, optimizer = self.problem.starts[job.start], self.problem.optimizers[job.optimizer]
        import torch

        return json_hash({
            "trial": ENGINE, "isogain": __version__, "torch": torch.__version__, "problem": self.asked.digest,
            "kind": job.kind, "seed": job.seed, "start": content_hash(start.scheme),
            **({"optimizer": content_hash(optimizer), "rate": job.rate} if job.kind == "train" else {}),
        })  # fmt: skip

    def _stored(self, key: str, job: Job, done: Done) -> StoredRun:
        name = self.problem.starts[job.start].name
        content = {
            "arm": {"start": name, "learning_rate": job.rate, "weights": name, "kind": job.kind,
                    "optimizer": self.problem.optimizers[job.optimizer][0]},
            "conditions": {"iterations": self.problem.steps, "record": {}},
        }  # fmt: skip
        return StoredRun(key, self.asked.name, name, job.seed, content, done.elapsed_s, done.arrays)

    def _told(self, job: Job) -> str:
        """'init_ at 0.1, seed 2; best so far he_normal 0.213'."""
        run = f"{self.problem.starts[job.start].name} at {job.rate:g}, seed {job.seed}"
        scores = scores_of(list(self.runs.values()), self._lower)
        means = {one: float(np.mean(list(seen.values()))) for one, seen in scores.items()}
        if not means:
            return run
        best = max(means, key=lambda one: means[one])
        return f"{run}; best so far {best[0]} {abs(means[best]):.3g}"


def _label(one: Configuration) -> str:
    return "|".join(map(str, one))

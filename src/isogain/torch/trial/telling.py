"""What a reader of a trial has to know: the settings that repeat it, and what went another way than asked."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from isogain._version import __version__
from isogain.jobs.statistics import interval
from isogain.torch.trial.budget import Budget
from isogain.torch.trial.judging import Standing
from isogain.torch.trial.problem import Problem
from isogain.torch.trial.result import Trial
from isogain.torch.trial.runs import Run

if TYPE_CHECKING:
    from isogain.torch.trial.campaign import Asked

__all__ = ["notes_of", "settings_of"]


def settings_of(problem: Problem, asked: Asked) -> dict[str, str]:
    """All it takes to repeat it, as name -> text."""
    rates = "; ".join(f"{name} at {', '.join(f'{one:g}' for one in of)}" for name, of in asked.rates.items())
    better = "lower" if problem.measure.lower_is_better else "higher"
    return {
        "Starts": ", ".join(start.name for start in problem.starts),
        "Optimizers and rates": rates,
        "Updates": f"{problem.steps:,}",
        "Seeds": ", ".join(map(str, asked.seeds)),
        "Metric": f"{problem.measure.name} on held-out examples, {better} is better",
        "Intervals": f"paired t over seeds, together {asked.confidence:.0%} (Bonferroni over pairs "
        "of starts)",
        "Rates chosen": "by the mean metric over all seeds, which judge as well; the same choice for "
        "every start",
        "Problem": asked.digest[:16],
        "Versions": f"isogain {__version__}, torch {torch.__version__}, Python {platform.python_version()}",
    }


def notes_of(trial: Trial, lost: int, budget: Budget) -> tuple[str, ...]:
    """What went another way than asked."""
    return (
        *_failures(trial),
        *_diverged(trial),
        *_short(trial, budget),
        *_dropped(trial),
        *_same(trial),
        *_edges(trial),
        *_lost(lost),
    )


def _failures(trial: Trial) -> Iterator[str]:
    """Each message once, with how many runs it ended."""
    for message, count in Counter(run.error for run in trial.runs if run.error).items():
        runs = [run for run in trial.runs if run.error == message]
        first = f"{runs[0].start} at {runs[0].rate:g}, seed {runs[0].seed}"
        others = f" and {count - 1} more" if count > 1 else ""
        yield f"{count} of {len(trial.runs)} runs failed ({first}{others}): {message}"


def _diverged(trial: Trial) -> Iterator[str]:
    """Starts that train at no rate, and whether it was the loss or only the metric."""
    for one in trial.judged.standings:
        runs = [run for run in trial.runs if run.start == one.start and not run.error]
        if not runs or not all(run.diverged for run in runs):
            continue
        yield f"{one.start}: {_why(runs)}"


def _why(runs: Sequence[Run]) -> str:
    """Of runs that all diverged: the rate, the start or data, or the metric."""
    first = min(run.diverged_at for run in runs)
    if all(np.isfinite(run.losses).all() for run in runs):
        return f"the metric is no number in all of its {len(runs)} runs, though the training loss is"
    if first == 0:
        return f"all of its {len(runs)} runs diverged, one before any update: no rate is to blame"
    return f"all of its {len(runs)} runs diverged, the first at update {first}: try smaller rates"


def _short(trial: Trial, budget: Budget) -> Iterator[str]:
    reached = max((one.score.seeds for one in trial.judged.standings), default=0)
    if reached < len(trial.seeds) and budget.bounded:
        yield (
            f"the budget ended after {reached} of {len(trial.seeds)} seeds: the same call with a "
            f"larger one goes on "
            "from what is finished"
        )


def _dropped(trial: Trial) -> Iterator[str]:
    for one in trial.dropped.values():
        yield (
            f"{one.start} was dropped after {one.seeds} seeds, behind {one.leader} by "
            f"{one.lag.written()}: it "
            f"could not win any more at {trial.confidence:.0%}"
        )


def _same(trial: Trial) -> Iterator[str]:
    """Starts that are one."""
    for look in trial.looks.values():
        if look.left:
            yield f"{look.start} left the model as it was built: {look.left}"
    seen: dict[str, str] = {}
    for look in trial.looks.values():
        other = seen.setdefault(look.digest, look.start) if look.digest else look.start
        if other != look.start and not look.left:
            yield f"{look.start} gives the same values as {other}"


def _edges(trial: Trial) -> Iterator[str]:
    for one in trial.judged.standings:
        if one.at_edge and _learns(trial, one):
            yield f"{one.start} does best at the {one.at_edge} rate tried, {one.rate:g}: try some beyond it"


def _learns(trial: Trial, one: Standing) -> bool:
    """Whether this start's runs are better than before training: of one that stands still no rate is best."""
    where = (one.start, one.optimizer, one.rate)
    own = [run for run in trial.runs if (run.start, run.optimizer, run.rate) == where and len(run.metric)]
    gains = interval([run.metric[-1] - run.metric[0] for run in own], trial.confidence)
    return gains.below_zero if trial.lower_is_better else gains.above_zero


def _lost(lost: int) -> Iterator[str]:
    if lost:
        yield f"{lost} worker process{'es' * (lost > 1)} died; what they were running was run again"

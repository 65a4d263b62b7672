"""A trial in the terminal: the answer, a line a start, what went another way; sixty lines at most."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from isogain.rendering import filled, padded
from isogain.report.terminal import sparkline
from isogain.report.words import say

if TYPE_CHECKING:
    from isogain.jobs.statistics import Interval
    from isogain.torch.trial.judging import Standing
    from isogain.torch.trial.result import Trial

__all__ = ["as_text", "smooth"]

WIDTH = 100
MOST_STARTS, MOST_NOTES = 24, 8
CURVE = 16


def as_text(trial: Trial) -> str:
    """The trial as plain text, at most 100 columns wide and 60 lines long."""
    return "\n".join([*_head(trial), "", *_table(trial), *_notes(trial)])


def _head(trial: Trial) -> Iterator[str]:
    seeds = max((one.score.seeds for one in trial.judged.standings), default=0)
    about = f"{len(trial.starts)} starts, {trial.steps:,} updates, {seeds} seeds"
    yield say(f"Trial of {trial.name[:40]}: {about}")
    yield from filled(say(trial.judged.answer), WIDTH).split("\n")[:6]


def _table(trial: Trial) -> Iterator[str]:
    shown = trial.judged.standings[:MOST_STARTS]
    name = min(max((len(one.start) for one in shown), default=5), 22)
    what = ("val. loss" if trial.metric == "loss" else trial.metric)[:10]
    yield _columns(name, *map(say, ("start", "at step 0", "rate", what, "behind the first", "diverged")))
    for one in shown:
        yield _line(one, trial, name)
    if len(trial.judged.standings) > MOST_STARTS:
        yield say(f"… {len(trial.judged.standings) - MOST_STARTS} more in to_frame()")
    yield ""
    yield from (
        f"{one.start[:name]:{name}}  {curve}"
        for one in shown[:8]
        if (curve := _curve(trial, one, _range(trial, shown)))
    )


def _columns(name: int, start: str, *texts: str) -> str:
    """A line of the table, names `name` wide: at step 0, rate, score, lag and how many diverged."""
    seen, rate, score, lag, diverged = texts
    numbers = (padded(text, width, right=True) for text, width in ((rate, 8), (score, 24), (lag, 24)))
    return "  ".join((padded(start[:name], name), padded(seen, 10), *numbers, diverged))


def _line(one: Standing, trial: Trial, name: int) -> str:
    look = trial.looks.get(one.start)
    seen = look.verdict if look else "–"
    if one.place == "impossible":
        return f"{one.start[:name]:{name}}  {padded(say('impossible'), 10)}  {one.why}"[:WIDTH]
    lag = say("first") if one.lag is None else _written(one.lag, "+.3g")
    lag = lag if one.place in ("first", "behind") or one.lag is None else f"{lag} ="
    rate = f"{one.rate:g}" + (
        "" if len({run.optimizer for run in trial.runs}) < 2 else f" {one.optimizer[:6]}"
    )
    diverged = say(f"{one.diverged} of {one.runs}") if one.diverged else "–"
    return _columns(name, one.start, say(seen), rate, _written(one.score), lag, diverged)


def _written(interval: Interval, format: str = ".3g") -> str:
    return interval.written(format) if math.isfinite(interval.mean) else "–"


def _range(trial: Trial, shown: tuple[Standing, ...]) -> tuple[float, float]:
    """Of all curves that are drawn, in logarithms."""
    every = np.concatenate([smooth(trial, one) for one in shown] or [np.zeros(0)])
    every = np.log(every[np.isfinite(every) & (every > 0)])
    return (float(every.min()), float(every.max())) if len(every) else (0.0, 0.0)


def _curve(trial: Trial, one: Standing, range_: tuple[float, float]) -> str:
    losses = smooth(trial, one)
    good = losses[np.isfinite(losses) & (losses > 0)]
    if len(good) < 2 or len(good) < len(losses):
        return ""
    ends = say(f"training loss {good[0]:.3g} → {good[-1]:.3g}")
    return f"{sparkline([float(value) for value in np.log(good)], *range_)}  {ends}"


def smooth(trial: Trial, one: Standing) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """The mean training loss of a start at its rate, in a few windows; NaN where a run diverged."""
    runs = [run.losses for run in trial.runs if _is_of(run, one) and len(run.losses)]
    if not runs or not math.isfinite(one.rate):
        return np.zeros(0)
    mean = np.mean(runs, axis=0)
    return np.array([part.mean() for part in np.array_split(mean, min(CURVE, len(mean)))])


def _is_of(run: object, one: Standing) -> bool:
    return all(getattr(run, name) == getattr(one, name) for name in ("start", "optimizer", "rate"))


def _notes(trial: Trial) -> Iterator[str]:
    yield from ([""] if trial.notes else [])
    for note in trial.notes[:MOST_NOTES]:
        yield from filled(say(note), WIDTH - 2, "- ", "  ").split("\n")[:2]
    if len(trial.notes) > MOST_NOTES:
        yield say(f"- … {len(trial.notes) - MOST_NOTES} more in .notes")

"""A trial as an Outcome, a page, a notebook's fragment, and single figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from isogain.errors import ReportError
from isogain.jobs.statistics import interval, intervals
from isogain.lab.outcome import Chart, Column, Outcome, Table
from isogain.report import write_page
from isogain.report.trial_text import as_text
from isogain.report.words import say

if TYPE_CHECKING:
    from isogain.torch.trial.judging import Standing
    from isogain.torch.trial.result import Trial
    from isogain.torch.trial.runs import Run

__all__ = ["figure", "fragment", "outcome", "write_trial"]

POINTS = 60
"""Windows of a curve."""
ROOM = 2.0
"""So many times what the best start gains is shown above it."""
FORMATS = ("svg", "pdf", "png")


def write_trial(trial: Trial, path: str | Path) -> Path:
    """Writes the page of a trial; returns its absolute path."""
    return write_page([outcome(trial)], path, title=say(f"Trial of {trial.name}"), summary="")


def fragment(trial: Trial) -> str:
    """The trial for a notebook: what it prints, and its curves where pictures can be made."""
    try:
        from isogain.report.pictures import inline_svg

        picture = inline_svg(charts(trial)[0]) if trial.runs else ""
    except ImportError:  # without the lab's extra the words alone
        picture = ""
    return f'<div class="isogain"><pre style="line-height:1.35">{escape(as_text(trial))}</pre>{picture}</div>'


def figure(trial: Trial, kind: str, path: str | Path | None) -> Any:
    """One of the trial's charts, written as a file or given as an Altair chart."""
    chart = dict(zip(("curves", "rates", "ranking"), charts(trial), strict=True))[kind]
    if path is not None and Path(path).suffix[1:] not in FORMATS:
        raise ReportError(f"a figure is a file that ends in {', '.join(FORMATS)}, got {path}")
    try:
        from isogain.report.pictures import as_altair, write_picture
    except ImportError as error:
        raise ReportError(f"figures need pip install 'isogain[lab]' (no module {error.name!r})") from error
    return as_altair(chart) if path is None else write_picture(chart, path)


def outcome(trial: Trial) -> Outcome:
    """The trial as an Outcome: curves, rates, ranking; who stands where; what inspect said before."""
    return Outcome(
        "trial", f"Trial of {trial.name}", f"From which start does {trial.name} train best?",
        trial.judged.answer, charts(trial), (_standings(trial), _looks(trial)),
        settings=trial.settings, notes=trial.notes, elapsed_s=trial.elapsed_s,
    )  # fmt: skip


def charts(trial: Trial) -> tuple[Chart, Chart, Chart]:
    """Curves, rates, ranking."""
    return _curves(trial), _rates(trial), _ranking(trial)


def _caption(trial: Trial) -> str:
    told = trial.settings
    parts = [
        f"{say(name).lower()}: {told[name]}"
        for name in ("Optimizers and rates", "Updates", "Seeds")
        if name in told
    ]
    return f"{trial.name}; {'; '.join(parts)}."


def _curves(trial: Trial) -> Chart:
    rows = _readable([list(_curve(trial, one)) for one in trial.judged.standings])
    return Chart(
        "lines", "Training loss of each start at its rate", tuple(rows), "x", "y", "updates",
        "loss of the update's batch", color="start", color_title="start", low="low", high="high",
        order=trial.starts, log_y=_positive(rows),
        caption=f"Mean over seeds with {trial.confidence:.0%} interval, in windows; what explodes ends "
        f"where it leaves the picture. {_caption(trial)}",
        alt="One line for each start: training loss against updates.",
    )  # fmt: skip


def _readable(curves: list[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """All curves up to where one is above the best one's first losses by several times what that one gains:
    a start that explodes would else flatten the others."""
    best = [row["y"] for row in next(filter(None, curves), [])]
    if not best:
        return []
    most = max(best) + ROOM * max(max(best) - min(best), 0.1 * abs(max(best)))
    kept = [row for curve in curves for row in takewhile(lambda row: row["y"] <= most, curve)]
    return [row | {"high": None if row["high"] is None else min(row["high"], most)} for row in kept]


def _positive(rows: list[dict[str, Any]]) -> bool:
    """Whether logarithms can show it, intervals included."""
    return bool(rows) and all(row["y"] > 0 and (row["low"] is None or row["low"] > 0) for row in rows)


def _curve(trial: Trial, one: Standing) -> Iterator[dict[str, Any]]:
    runs = [run.losses for run in _runs_of(trial, one) if len(run.losses)]
    if not runs:
        return
    windows = np.array_split(np.arange(trial.steps), min(POINTS, trial.steps))
    seen = np.array([[losses[window].mean() for window in windows] for losses in runs])
    mean, low, high = intervals(seen, trial.confidence)
    low = np.maximum(low, _least(seen))
    for place, window in enumerate(windows):
        if np.isfinite(mean[place]):
            ends = [float(end[place]) if np.isfinite(end[place]) else None for end in (low, high)]
            yield {"x": int(window[-1]) + 1, "y": float(mean[place]), "low": ends[0], "high": ends[1],
                   "start": one.start}  # fmt: skip


def _least(values: ArrayLike) -> float:
    """Where intervals end: at 0 for what is never below it, a loss or an accuracy."""
    return 0.0 if bool((np.asarray(values) >= 0).all()) else -np.inf


def _cut(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Intervals not far beyond the lines: one of few seeds would else flatten these."""
    means = [row["y"] for row in rows]
    if not means:
        return rows
    room = (max(means) - min(means)) / 2 or 0.1 * abs(max(means))
    least, most = max(min(means) - room, _least(means)), max(means) + room
    return [
        row
        if row["y_low"] is None
        else row | {"y_low": max(row["y_low"], least), "y_high": min(row["y_high"], most)}
        for row in rows
    ]


def _runs_of(trial: Trial, one: Standing) -> list[Run]:
    where = (one.start, one.optimizer, one.rate)
    return [run for run in trial.runs if (run.start, run.optimizer, run.rate) == where and not run.error]


def _rates(trial: Trial) -> Chart:
    found: dict[tuple[str, str, float], list[float]] = {}
    for run in trial.runs:
        if np.isfinite(run.score):
            found.setdefault((run.start, run.optimizer, run.rate), []).append(run.score)
    several = len({optimizer for _, optimizer, _ in found}) > 1
    rows = [
        {
            "rate": rate,
            "optimizer": optimizer,
            "start": start,
            **interval(values, trial.confidence).columns("y"),
        }
        for (start, optimizer, rate), values in sorted(found.items())
    ]
    return Chart(
        "lines", "What each rate comes to", tuple(_cut(rows)), "rate", "y", "learning rate", trial.metric,
        color="start", color_title="start", low="y_low", high="y_high", order=trial.starts, log_x=True,
        facet_column="optimizer" if several else None,
        caption="Runs that diverged are left out here, and counted in the table; intervals end where they "
        f"leave the picture. {_caption(trial)}",
        alt="One line for each start: the metric at the end against the learning rate.",
    )  # fmt: skip


def _ranking(trial: Trial) -> Chart:
    rows = []
    for one in trial.judged.standings:
        if one.place == "impossible":
            continue
        ends = {"low": None, "high": None} if one.lag is None else {"low": one.lag.low, "high": one.lag.high}
        rows.append({"start": one.start, "y": 0.0 if one.lag is None else one.lag.mean, **ends})
    return Chart(
        "dots", "How far each start is behind the first", tuple(rows), "start", "y", "start",
        f"behind the first, in {trial.metric}", low="low", high="high",
        caption=f"Paired by seed; intervals hold together at {trial.confidence:.0%}. Above 0 is worse. "
        f"{_caption(trial)}",
        alt="One dot for each start: how far behind the leader, with its interval.",
    )  # fmt: skip


def _standings(trial: Trial) -> Table:
    columns = (
        Column("start", "start", ""), Column("place", "place", ""), Column("optimizer", "optimizer", ""),
        Column("rate", "rate", "g"), Column("score", trial.metric, ".4g", "score_low", "score_high"),
        Column("lag", "behind the first", ".3g", "lag_low", "lag_high"), Column("diverged", "diverged", "d"),
        Column("runs", "runs", "d"),
    )  # fmt: skip
    rows = tuple(_row(one.to_dict() | {"place": say(one.place)}) for one in trial.judged.standings)
    return Table("Standings", columns, rows, "Diverged: of all its runs, at every rate.")


def _row(told: Mapping[str, Any]) -> Mapping[str, Any]:
    return {
        key: None if isinstance(value, float) and not np.isfinite(value) else value
        for key, value in told.items()
    }


def _looks(trial: Trial) -> Table:
    columns = (
        Column("start", "start", ""), Column("place", "after training", ""),
        Column("verdict", "inspect before training", ""), Column("findings", "findings", ""),
    )  # fmt: skip
    rows = []
    for one in trial.judged.standings:
        look = trial.looks.get(one.start)
        said = "" if look is None else look.error or ", ".join(look.findings[:6]) or say("none")
        rows.append(
            {
                "start": one.start,
                "place": say(one.place),
                "verdict": say(look.verdict) if look else "",
                "findings": said,
            }
        )
    return Table(
        "Prediction and outcome", columns, tuple(rows), "What inspect saw at step 0, on the first seed."
    )

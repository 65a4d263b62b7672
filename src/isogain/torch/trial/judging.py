"""From runs to an answer: a rate for each start, scores with intervals, and who is ahead of whom.

The rate of a start is the one with the best mean score over all seeds, and the same seeds judge: that leans
towards nobody, since every start chooses among the same rates.  Seeds that choose and others that judge would
look cleaner and err more: two starts of one law then differ by the rates that chance gave them, on every
seed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from isogain.jobs.comparing import Compared, compared
from isogain.jobs.statistics import Interval, interval
from isogain.rendering import Line
from isogain.torch.trial.runs import Dropped, Look, Run

__all__ = ["Configuration", "Judged", "Standing", "Terms", "judged", "scores_of"]

Configuration = tuple[str, str, float]
"""Start, optimizer, rate."""


@dataclass(frozen=True)
class Terms:
    """What is judged by, and how surely."""

    metric: str
    lower_is_better: bool
    confidence: float
    looks: int

    @property
    def sign(self) -> float:
        """Times a metric: more is better."""
        return -1.0 if self.lower_is_better else 1.0


@dataclass(frozen=True)
class Standing(Line):
    """One start at the rate that served it best."""

    start: str
    optimizer: str
    rate: float
    score: Interval
    """Over seeds, of the metric itself."""
    lag: Interval | None
    """How far behind the leader, paired by seed, corrected for the number of starts; positive is worse."""
    place: str
    """'first', 'level' with the first, 'behind' it, 'not settled' (too few seeds), or 'impossible'."""
    diverged: int
    """Of its runs at every rate."""
    runs: int
    diverged_here: int = 0
    """Of those at this rate."""
    at_edge: str = ""
    """'smallest' or 'largest' where its rate is the last one tried on that side."""
    why: str = ""

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready, but for numbers that are not finite."""
        lag = self.lag.columns("lag") if self.lag else {"lag": None, "lag_low": None, "lag_high": None}
        return {
            "start": self.start, "place": self.place, "optimizer": self.optimizer, "rate": self.rate,
            **self.score.columns("score"), **lag, "seeds": self.score.seeds, "diverged": self.diverged,
            "runs": self.runs, "diverged_at_rate": self.diverged_here, "why": self.why,
        }  # fmt: skip

    def __str__(self) -> str:
        if self.place == "impossible":
            return f"{self.start}: impossible, {self.why}"
        lag = f", {self.lag.written()} behind the first" if self.lag else ""
        diverged = f"; {self.diverged} of {self.runs} runs diverged" if self.diverged else ""
        at = f"{self.score.written()} at {self.optimizer} {self.rate:g}"
        return f"{self.start}: {self.place}, {at}{lag}{diverged}"


@dataclass(frozen=True)
class Judged(Line):
    """All starts, the leader first."""

    standings: tuple[Standing, ...]
    verdict: str
    winner: str | None
    answer: str

    def __getitem__(self, start: str) -> Standing:
        return next(one for one in self.standings if one.start == start)

    def __str__(self) -> str:
        return "\n".join([self.answer, *map(str, self.standings)])


def scores_of(runs: Sequence[Run], lower_is_better: bool) -> dict[Configuration, dict[int, float]]:
    """Scores by configuration and seed, turned so that more is better.

    A run that diverged has learnt nothing: it gets the worst score of its seed, those before training
    included; NaN where there is none.
    """
    sign = -1.0 if lower_is_better else 1.0
    worst: dict[int, float] = {}
    for run in runs:
        known = (
            [sign * value for value in run.metric[[0, -1]] if math.isfinite(value)] if len(run.metric) else []
        )
        worst[run.seed] = min([worst.get(run.seed, math.inf), *known])
    found: dict[Configuration, dict[int, float]] = {}
    for run in runs:
        if not run.error:
            lost = worst[run.seed] if math.isfinite(worst[run.seed]) else math.nan
            score = sign * run.score if math.isfinite(run.score) else lost
            found.setdefault((run.start, run.optimizer, run.rate), {})[run.seed] = score
    return found


def judged(
    starts: Sequence[str], runs: Sequence[Run], looks: Mapping[str, Look], dropped: Mapping[str, Dropped],
    terms: Terms,
) -> Judged:  # fmt: skip
    """The standings, and what they come to in words."""
    scores = scores_of(runs, terms.lower_is_better)
    chosen = {start: best for start in starts if (best := _chosen(start, scores)) is not None}
    lost = tuple(_impossible(start, runs, looks) for start in starts if start not in chosen)
    if not chosen:
        return Judged(lost, "not settled", None, "No run has finished.")
    alive = {start: scores[best] for start, best in chosen.items() if start not in dropped}
    ranked = compared(alive, terms.confidence, terms.looks, len(starts))
    ranked += tuple(Compared(start, one.lag) for start, one in dropped.items())
    standing = [_standing(one, chosen[one.name], scores, runs, terms) for one in ranked]
    return _answered((*standing, *lost), terms)


def _chosen(start: str, scores: Mapping[Configuration, Mapping[int, float]]) -> Configuration | None:
    """The configuration of the best mean, of those that ran on the most seeds: others were dropped."""
    own = [one for one in scores if one[0] == start]
    most = max((len(scores[one]) for one in own), default=0)
    whole = [one for one in own if len(scores[one]) == most]
    return max(whole, key=lambda one: float(np.mean(list(scores[one].values()))), default=None)


def _standing(
    one: Compared, chosen: Configuration, scores: Mapping[Configuration, Mapping[int, float]],
    runs: Sequence[Run], terms: Terms,
) -> Standing:  # fmt: skip
    start, optimizer, rate = chosen
    own = [run for run in runs if run.start == start]
    here = [run for run in own if (run.optimizer, run.rate) == (optimizer, rate)]
    score = interval([terms.sign * value for value in scores[chosen].values()], terms.confidence)
    return Standing(
        *chosen, score, one.lag, _place(one, score), sum(run.diverged for run in own), len(own),
        sum(run.diverged for run in here),
        _edge(rate, {run.rate for run in own if run.optimizer == optimizer}),
        next((run.error for run in own if run.error), ""),
    )  # fmt: skip


def _edge(rate: float, tried: set[float]) -> str:
    """On which side nothing was tried; with one or two rates nobody wanted to know."""
    if len(tried) < 3:
        return ""
    return {min(tried): "smallest", max(tried): "largest"}.get(rate, "")


def _place(one: Compared, score: Interval) -> str:
    if score.seeds < 2:
        return "not settled"
    if one.lag is None:
        return "first"
    return "behind" if one.behind else "level"


def _impossible(start: str, runs: Sequence[Run], looks: Mapping[str, Look]) -> Standing:
    own = [run for run in runs if run.start == start]
    said = [run.error for run in own if run.error] + ([looks[start].error] if start in looks else [])
    nothing = Interval(math.nan, None, None, 0)
    return Standing(start, "", math.nan, nothing, None, "impossible", 0, len(own), why=(said or [""])[0])


def _answered(standings: tuple[Standing, ...], terms: Terms) -> Judged:
    possible = [one for one in standings if one.place != "impossible"]
    first, rest = possible[0], possible[1:]
    if all(one.diverged == one.runs for one in possible):
        lost = tuple(replace(one, place="not settled") if one in possible else one for one in standings)
        return Judged(lost, "not settled", None, "Every run diverged: no start can be judged at these rates.")
    if first.place == "not settled":
        told = f"Not settled: {first.start} leads on one seed; intervals need two or more."
        return Judged(standings, "not settled", None, told)
    if not rest:
        told = f"Only {first.start} ran to its end: there is nothing to compare it with."
        return Judged(standings, "not settled", None, told)
    level = [one for one in rest if one.place != "behind"]
    behind = [one for one in rest if one.place == "behind"]
    if level:
        names = ", ".join(one.start for one in (first, *level))
        more = f"; {first.start} is {_ahead(behind)}" if behind else ""
        told = f"Level: {names} cannot be told apart at {terms.confidence:.0%}{more}."
        return Judged(standings, "level", None, told)
    what = "validation loss" if terms.metric == "loss" else terms.metric
    told = f"{first.start} trains best: {what} {first.score.written()}, {_ahead(rest)}."
    return Judged(standings, "won", first.start, told)


def _ahead(rest: Sequence[Standing]) -> str:
    return "ahead of " + ", ".join(
        f"{one.start} by {one.lag.written()}" for one in rest if one.lag is not None
    )

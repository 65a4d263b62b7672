"""From runs to one line a row and optimizer: the rate chosen on validation, the test scores at it."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from starting.rows import Row
from starting.store import Key, Record

Verdict = Literal["better", "level", "worse"]


@dataclass(frozen=True)
class Cell:
    """One start in one row, at the rate its validation score chose."""

    start: str
    rate: float
    scores: tuple[float, ...]
    """Test scores of the runs that stayed finite."""
    runs: int
    diverged: int

    @property
    def mean(self) -> float:
        return statistics.fmean(self.scores) if self.scores else math.nan

    @property
    def error(self) -> float:
        """Standard error over seeds."""
        return statistics.stdev(self.scores) / len(self.scores) ** 0.5 if len(self.scores) > 1 else 0.0


def best_rate(row: Row, records: Mapping[Key, Record], start: str, optimizer: str) -> float | None:
    """The rate with the best mean validation score of the seeds that choose; None before all were trained."""
    sign = -1 if row.task().measure == "loss" else 1

    def merit(rate: float) -> float | None:
        chosen_by = range(row.choosers.get(optimizer, 1))
        runs = [records.get((row.name, start, optimizer, rate, seed)) for seed in chosen_by]
        if not all(runs):
            return None
        scores = [run["validation"] for run in runs if run]
        return -math.inf if None in scores else sign * statistics.fmean(scores)

    merits = {rate: merit(rate) for rate in row.rates[optimizer]}
    known = {rate: found for rate, found in merits.items() if found is not None}
    return max(known, key=known.__getitem__) if len(known) == len(merits) else None


def cell(
    row: Row, records: Mapping[Key, Record], start: str, optimizer: str, seeds: Iterable[int]
) -> Cell | None:
    """What is known of a start; None where it was not run to the end."""
    rate = best_rate(row, records, start, optimizer)
    if rate is None:
        return None
    found = [records.get((row.name, start, optimizer, rate, seed)) for seed in seeds]
    runs = [record for record in found if record]
    if len(runs) < len(found):
        return None
    scores = tuple(record["test"] for record in runs if record["test"] is not None)
    return Cell(start, rate, scores, len(runs), len(runs) - len(scores))


def verdict(ours: Cell, other: Cell, lower: bool) -> Verdict:
    """Against another start: level within two standard errors of the difference; what diverged is worst."""
    if ours.diverged != other.diverged:
        return "better" if ours.diverged < other.diverged else "worse"
    if not ours.scores:
        return "level"
    gap = (other.mean - ours.mean) if lower else (ours.mean - other.mean)
    noise = 2 * math.hypot(ours.error, other.error)
    return "level" if abs(gap) <= noise else "better" if gap > 0 else "worse"


def reached(row: Row, ours: Cell, others: Iterable[Cell], lower: bool) -> bool:
    """Whether the row's goal is met: its number, or where it has none or asks for it, nothing is better."""
    behind = any(verdict(ours, other, lower) == "worse" for other in others)
    if row.reach is None:
        return not behind
    if ours.diverged or (row.best and behind):
        return False
    return (min(ours.scores) if row.every else ours.mean) >= row.reach

"""What single jobs found: a Run that trained, a Look that inspected."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isogain.jobs.statistics import Interval
from isogain.rendering import Line

__all__ = ["Dropped", "Look", "Run"]


@dataclass(frozen=True, eq=False)
class Run(Line):
    """One training from one start, at one rate, from one seed."""

    start: str
    optimizer: str
    rate: float
    seed: int
    losses: NDArray[np.float64]
    """Of each update's batch before it; NaN after the one that was no number."""
    evaluated_at: NDArray[np.int64]
    validation_loss: NDArray[np.float64]
    metric: NDArray[np.float64]
    """On the held-out batches, after `evaluated_at` updates."""
    diverged_at: int = -1
    """The update whose loss was no number; -1 where there was none."""
    error: str = ""
    """Why the run ended without a number, if it did."""

    @property
    def score(self) -> float:
        """The metric at the end; NaN for a run that diverged or raised."""
        return math.nan if self.diverged or self.error else float(self.metric[-1])

    @property
    def diverged(self) -> bool:
        """Whether it left the numbers."""
        return self.diverged_at >= 0

    def __str__(self) -> str:
        score = f"diverged at update {self.diverged_at}" if self.diverged else f"{self.score:.4g}"
        return f"{self.start} at {self.optimizer} {self.rate:g}, seed {self.seed}: {self.error or score}"


@dataclass(frozen=True)
class Dropped(Line):
    """A start that was left out on the way, because it could not win any more."""

    start: str
    seeds: int
    leader: str
    """Which it was behind."""
    lag: Interval
    """By how much, at the rate that served it best, corrected for all that was looked at."""

    def __str__(self) -> str:
        return f"{self.start}: left out after {self.seeds} seeds, {self.lag.written()} behind {self.leader}"


@dataclass(frozen=True)
class Look(Line):
    """What `inspect` says of a start before training."""

    start: str
    verdict: str
    findings: tuple[str, ...] = ()
    """'code:path' of what is worse than a note."""
    left: str = ""
    """Why init_ left the model as it was, if it did."""
    digest: str = ""
    error: str = ""

    def __str__(self) -> str:
        said = self.error or ", ".join(self.findings) or self.left or "nothing found"
        return f"{self.start}: {self.verdict}, {said}"

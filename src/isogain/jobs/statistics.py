"""Means over seeds with 95 % intervals, paired differences, and whether intervals keep apart."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit

from isogain.rendering import Line

__all__ = ["CONFIDENCE", "METHOD", "Interval", "interval", "intervals", "paired", "separated"]

CONFIDENCE = 0.95
METHOD = "95 % intervals over seeds, Student's t"


@dataclass(frozen=True)
class Interval(Line):
    """A mean over seeds and where it lies with 95 % confidence; one seed gives no interval (None)."""

    mean: float
    low: float | None
    high: float | None
    seeds: int

    def within(self, least: float, most: float) -> Interval:
        """The interval cut to what can be: a share lies in [0, 1]."""
        if self.low is None or self.high is None:
            return self
        return Interval(self.mean, max(self.low, least), min(self.high, most), self.seeds)

    def written(self, format: str = ".3g") -> str:
        """'0.512 [0.498, 0.526]'."""
        if self.low is None or self.high is None:
            return f"{self.mean:{format}}"
        return f"{self.mean:{format}} [{self.low:{format}}, {self.high:{format}}]"

    def columns(self, key: str) -> dict[str, Any]:
        """{key, key_low, key_high} for a row of a table or chart; what is not finite is None."""
        values = {key: self.mean, f"{key}_low": self.low, f"{key}_high": self.high}
        return {
            name: value if value is not None and math.isfinite(value) else None
            for name, value in values.items()
        }

    @property
    def above_zero(self) -> bool:
        """Whether the whole interval is above 0."""
        return self.low is not None and self.low > 0

    @property
    def below_zero(self) -> bool:
        """Whether the whole interval is below 0."""
        return self.high is not None and self.high < 0

    def __str__(self) -> str:
        return self.written()


def interval(values: ArrayLike, confidence: float = CONFIDENCE) -> Interval:
    """mean +- t(n - 1) s / sqrt(n) over the values, one a seed.

    A value that is not finite makes mean and ends not finite: it is never dropped.

    >>> interval([1.0, 2.0, 3.0]).written(".2f")
    '2.00 [-0.48, 4.48]'
    """
    mean, low, high = intervals(np.asarray(values, dtype=np.float64).reshape(-1), confidence)
    count = int(np.size(values))
    if count < 2:
        return Interval(float(mean), None, None, count)
    return Interval(float(mean), float(low), float(high), count)


def intervals(
    values: ArrayLike, confidence: float = CONFIDENCE
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Mean, low and high over the first axis (seeds) of many quantities at once; NaN ends for one seed."""
    numbers = np.asarray(values, dtype=np.float64)
    count = numbers.shape[0]
    with np.errstate(invalid="ignore", over="ignore"):
        mean = numbers.mean(0)
        if count < 2:
            return mean, np.full_like(mean, np.nan), np.full_like(mean, np.nan)
        half = stdtrit(count - 1, (1 + confidence) / 2) * numbers.std(0, ddof=1) / np.sqrt(count)
        return mean, mean - half, mean + half


def paired(first: ArrayLike, second: ArrayLike, confidence: float = CONFIDENCE) -> Interval:
    """The interval of first - second, seed by seed: both saw the same batches, so what they share cancels."""
    return interval(np.asarray(first, dtype=np.float64) - np.asarray(second, dtype=np.float64), confidence)


def separated(lower: Interval, upper: Interval) -> bool:
    """Whether `lower` ends before `upper` begins: intervals that do not overlap, in this order."""
    return lower.high is not None and upper.low is not None and lower.high < upper.low

"""What the values of parameters are like, of many of one shape at once."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from isogain.inspect.scattering import HUGE, decades_of_few, scattering
from isogain.torch.measure.arrays import moments
from isogain.torch.measure.cuts import KEPT
from isogain.torch.measure.notes import Stack

__all__ = ["Values", "values_of"]

Array = np.ndarray[Any, Any]
ROUNDED = (1e-18, 1e-12)
"""Of the largest, what is left of a 0 that was computed in float64: cos(k pi / 2) is 6e-17 k."""
BEYOND = 30.0
"""Times the median size from which a number lies out: 20 standard deviations of a normal one."""
SEVERAL, MANY_OUT = 3, 0.02
"""Equal ones among a sample, and the share of it, between which they are outliers."""
LOOKED_AT = 1024
"""Numbers that tell whether somebody drew them."""
FEWEST, MANY = 8, 16
"""Below the first nobody can tell; below the second all numbers have to differ, unlike written ones."""


class Values(NamedTuple):
    """What the values of a parameter are like."""

    mean: float
    rms: float
    std: float
    zero_fraction: float
    low: float
    high: float
    decades: float
    """Between the 1 % and the 99 % quantile of sizes; 0 of few."""
    scattered: float
    outlying: float
    """Share of the elements that are the largest, where several are, and it lies far beyond the median."""
    drawn: bool
    """Whether they look drawn: mostly different, in no order."""
    sample: Array
    """At most about 2^14 of them, float32."""

    @property
    def finite(self) -> bool:
        """Whether all are."""
        return math.isfinite(self.low) and math.isfinite(self.high)

    @property
    def constant(self) -> bool:
        """Whether all are one."""
        return self.low == self.high


def values_of(stack: Stack) -> list[Values]:
    """The Values of each of its notes."""
    rows = stack.cuts.flat
    means, sizes, zeros = moments(rows)
    count = max(rows.shape[1], 1)
    with np.errstate(invalid="ignore", over="ignore"):
        stds = rows.std(1, dtype=np.float64).tolist()
        drawn = _drawn(rows[:, :LOOKED_AT])
    shares = [zero / count for zero in zeros]
    spread = _spread(rows[:, :KEPT])
    decades, scattered, medians = spread
    outlying = [_outlying(row, median) for row, median in zip(rows, medians, strict=True)]
    columns = zip(
        means,
        sizes,
        stds,
        shares,
        *stack.ends.T.tolist(),
        decades,
        scattered,
        outlying,
        drawn,
        rows,
        strict=True,
    )
    return [Values(*column) for column in columns]


def _outlying(row: Array, median: float) -> float:
    """Of a row of numbers whose sizes have this median, the share that is the largest of all."""
    largest = max(-float(row.min()), float(row.max())) if len(row) else 0.0
    if not BEYOND * median < largest < math.inf:
        return 0.0
    share = np.count_nonzero(np.abs(row) == largest) / len(row)
    return share if SEVERAL / len(row) <= share < MANY_OUT else 0.0


def _spread(rows: Array) -> tuple[list[float], list[float], list[float]]:
    """Decades over which the sizes of each row are spread, their scattering, the median of those not 0."""
    sizes = np.abs(rows)
    huge = (sizes.max(1) > HUGE).tolist()
    known = (sizes > 0) & (sizes < math.inf)
    sizes[~known] = math.inf
    sizes.sort(1)
    counts = np.count_nonzero(known, axis=1).tolist()
    decades = [_decades(row[:count]) for row, count in zip(sizes, counts, strict=True)]
    medians = [float(row[count // 2]) if count > 1 else 0.0 for row, count in zip(sizes, counts, strict=True)]
    return decades, [scattering(row) if one else 0.0 for row, one in zip(rows, huge, strict=True)], medians


def _decades(size: Array) -> float:
    """Of sizes in order."""
    few = len(size) // 100
    if len(size) < 20:
        return decades_of_few(size)
    if size[0] <= 2 * ROUNDED[1] * size[-1 - few]:
        relative = size / size[-1 - few]
        size = size[(relative < ROUNDED[0]) | (relative > ROUNDED[1])]
        few = len(size) // 100
    return math.log10(float(size[-1 - few]) / float(size[few]))


def _drawn(rows: Array) -> list[bool]:
    count = rows.shape[1]
    if count < FEWEST:
        return [False] * len(rows)
    order = np.sort(rows, 1)
    fresh = (order[:, 1:] != order[:, :-1]) & (order[:, :-1] == order[:, :-1])  # all NaN are one
    different = 1 + np.count_nonzero(fresh, axis=1) >= (0.5 * count if count >= MANY else count)
    rising = np.diff(rows, axis=1) >= 0
    written = rising.all(1) | ~rising.any(1)  # a ramp that somebody wrote down
    return (different & ~written).tolist()  # type: ignore[no-any-return]

"""Sizes that share no scale: what lies in memory, against what a law draws or somebody writes down."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

__all__ = ["HUGE", "decades_of_few", "scattering"]

FEWEST = 16
"""Numbers from which quartiles tell."""
HUGE = 1e6
"""Size that no weight is given; small ones of many sizes are what weight decay leaves of trained units."""


TINIEST = 1e-30
"""Size that none is given beside a huge one."""


def decades_of_few(sizes: np.ndarray[Any, Any]) -> float:
    """Decades over which a few sizes above 0, in order, are spread, where the ends are what no law gives."""
    if len(sizes) < 2 or not (sizes[0] < TINIEST and HUGE < sizes[-1] < math.inf):
        return 0.0
    return math.log10(float(sizes[-1])) - math.log10(float(sizes[0]))


def scattering(numbers: np.ndarray[Any, Any]) -> float:
    """Decades between the quartiles of |x|: .55 for a normal draw, .48 for a uniform one; 0 of few numbers.

    0, too, where none is huge, and where the large ones have one sign: rates, frequencies and time steps are
    spread evenly over decades and are positive, and a mask is negative.
    """
    if not np.abs(numbers).max(initial=0.0) > HUGE:
        return 0.0
    known = numbers[np.isfinite(numbers) & (numbers != 0)]
    sizes = np.abs(known).astype(np.float64)
    if len(known) < FEWEST:
        return 0.0
    low, high = np.quantile(sizes, (0.25, 0.75))
    large = known[sizes >= high] > 0
    return math.log10(float(high) / float(low)) if large.any() and not large.all() else 0.0

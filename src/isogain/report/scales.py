"""Ranges of axes and the places of labels, worked out before drawing so that every width agrees."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

__all__ = ["TICK_LABEL", "extent", "log_ticks", "spread_labels"]

# d3 writes 0.0000012 in full; beyond four zeros a power of ten is what a reader can take in.
TICK_LABEL = (
    "datum.value === 0 ? '0' : (abs(datum.value) < 0.001 || abs(datum.value) >= 100000)"
    " ? replace(replace(format(datum.value, '.1e'), '.0e', 'e'), '+', '') : format(datum.value, '~g')"
)


def extent(values: Iterable[float], *, log: bool, from_zero: bool = False) -> tuple[float, float]:
    """The range of an axis that holds `values` with a little air; (0, 1) or (0.1, 1) when there are none.

    `from_zero`: an axis of small positive values starts at 0, so heights can be compared.
    """
    kept = [v for v in values if math.isfinite(v) and (v > 0 or not log)]
    if not kept:
        return (0.1, 1.0) if log else (0.0, 1.0)
    low, high = min(kept), max(kept)
    if log:
        air = (high / low) ** 0.04 if high > low else 2.0
        return low / air, high * air
    air = (high - low) * 0.04 or abs(high) * 0.05 or 0.5
    if from_zero and 0 <= low <= 0.4 * high:
        return 0.0, high + air
    return low - air, high + air


def log_ticks(domain: tuple[float, float], most: int) -> list[float]:
    """About `most` round values within a logarithmic axis: powers of ten, else 1, 2 and 5 times them, else,
    where the axis is too short for those, even steps."""
    first, last = math.floor(math.log10(domain[0])), math.ceil(math.log10(domain[1]))
    powers = [float(f"1e{p}") for p in range(first, last + 1)]
    inside = [t for t in powers if domain[0] <= t <= domain[1]]
    if len(inside) >= 3:
        return inside[:: -(-len(inside) // most)]
    fine = [float(f"{m}e{p}") for p in range(first, last + 1) for m in (1, 2, 5)]
    inside = [t for t in fine if domain[0] <= t <= domain[1]]
    return inside if len(inside) >= 3 else _even_ticks(*domain)


def _even_ticks(low: float, high: float) -> list[float]:
    """Three values or more, a round step apart; the ends where there is nothing between them."""
    if not high > low:
        return [low]
    size = math.floor(math.log10(high - low))
    for step in (float(f"{m}e{p}") for p in (size, size - 1) for m in (5, 2, 1)):
        places = range(math.ceil(low / step), math.floor(high / step) + 1)
        if len(places) >= 3:
            return [float(f"{place * step:.12g}") for place in places]
    return [low, high]


def spread_labels(
    values: Sequence[float], domain: tuple[float, float], *, height: float, gap: float, log: bool
) -> list[float]:
    """Where to write labels that belong at `values` so that none overlaps: at least `gap` px apart.

    Order is kept and the labels stay within the axis of `height` px while they fit at all.
    """
    low, high = (math.log(end) for end in domain) if log else domain
    scale = height / (high - low)
    pixels = [((math.log(v) if log else v) - low) * scale for v in values]
    order = sorted(range(len(values)), key=pixels.__getitem__)
    placed = _pushed_apart([pixels[i] for i in order], gap, height)
    result = [0.0] * len(values)
    for position, index in zip(placed, order, strict=True):
        coordinate = position / scale + low
        result[index] = math.exp(coordinate) if log else coordinate
    return result


def _pushed_apart(positions: list[float], gap: float, height: float) -> list[float]:
    upward: list[float] = []
    for position in positions:
        upward.append(max(position, upward[-1] + gap) if upward else position)
    ceiling = height
    for index in reversed(range(len(upward))):
        upward[index] = min(upward[index], ceiling)
        ceiling = upward[index] - gap
    return upward

"""A root of a function of one number between two ends of different sign.

SciPy's brentq is as good, but importing scipy.optimize takes longer than a whole advice.
"""

from __future__ import annotations

import math
from collections.abc import Callable

__all__ = ["root", "steep_root"]

ROUNDING = 2e-15
"""Values of ln Q(q) - ln q that rounding alone brings about."""


def root(function: Callable[[float], float], low: float, high: float, tolerance: float = 1e-13) -> float:
    """Where the function is 0, by regula falsi with the Illinois step, bisecting where that is slow.

    Raises ValueError where the ends have the same sign.
    """
    at_low, at_high = function(low), function(high)
    if at_low * at_high > 0:
        raise ValueError(f"no change of sign between {low!r} and {high!r}")
    for step in range(200):
        width = high - low
        if abs(width) <= tolerance * (1 + abs(low)) or at_low == 0 or at_high == 0:
            break
        guess = low + width / 2 if step % 4 == 3 else high - at_high * width / (at_high - at_low)
        value = function(guess)
        if value == 0:
            return guess
        if value * at_high < 0:
            low, at_low = high, at_high
        else:
            at_low /= 2  # Illinois: the end that stays would slow the next step down
        high, at_high = guess, value
    return low if abs(at_low) < abs(at_high) else high


def steep_root(
    function: Callable[[float], tuple[float, float]], low: float, high: float, tolerance: float = 1e-13
) -> float:
    """Where a function of order 1 with its slope is 0: Newton's steps, bisecting where one leaves.

    Raises ValueError where the ends have the same sign.
    """
    at_low, at_high = function(low)[0], function(high)[0]
    if at_low * at_high > 0:
        raise ValueError(f"no change of sign between {low!r} and {high!r}")
    if at_low == 0 or at_high == 0:
        return low if at_low == 0 else high
    place = low + (high - low) / 2
    for _ in range(200):
        value, slope = function(place)
        if abs(value) < ROUNDING:
            return place
        low, high = (place, high) if value * at_low > 0 else (low, place)
        guess = place - value / slope if slope else math.nan
        moved = guess - place if low < guess < high else low + (high - low) / 2 - place
        place += moved
        if abs(moved) <= tolerance * (1 + abs(place)):
            break
    return place

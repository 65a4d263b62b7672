"""Expectations under a normal law, each with a bound on its error.

The range is cut at the integrand's kinks, every panel is integrated whole and in halves by
Gauss-Legendre, and panels whose two answers differ are halved again.  The halves' answer is the one
returned, so the difference is a generous bound; rounding and the cut tail are added to it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from isogain.errors import IsogainError

__all__ = ["Estimate", "ExpectationError", "Floats", "expectations", "legendre"]

Floats = NDArray[np.float64]
Integrand = Callable[[Floats], Floats]

ORDER = 15
DEEPEST = 48
"""Halvings of one panel before its disagreement is simply added to the bound."""
MOST_PANELS = 2000
EPSILON = float(np.finfo(np.float64).eps)


class ExpectationError(IsogainError):
    """An expectation does not exist, overflows, or cannot be evaluated in bounded time."""


class Estimate(NamedTuple):
    """A number and a bound on how far it can be from the truth."""

    value: float
    error: float


@lru_cache(maxsize=8)
def legendre(order: int = ORDER) -> tuple[Floats, Floats]:
    """Gauss-Legendre nodes and weights on [0, 1]."""
    # eigenvalues of the recurrence (Golub & Welsch 1969) and a Newton step: numpy.polynomial loads slowly
    step = np.arange(1, order) / np.sqrt(4.0 * np.arange(1, order) ** 2 - 1)
    x = np.linalg.eigvalsh(np.diag(step, 1) + np.diag(step, -1))
    value, slope = _legendre_polynomial(x, order)
    x = x - value / slope
    weights = 1 / ((1 - x * x) * np.square(_legendre_polynomial(x, order)[1]))
    return (x - x[::-1]) / 4 + 0.5, (weights + weights[::-1]) / 2


def _legendre_polynomial(x: Floats, order: int) -> tuple[Floats, Floats]:
    """P_n(x) and P_n'(x) by the three-term recurrence."""
    before, here = np.ones_like(x), x
    for n in range(2, order + 1):
        before, here = here, ((2 * n - 1) * x * here - (n - 1) * before) / n
    return here, order * (x * here - before) / (x * x - 1)


def density(z: Floats) -> Floats:
    """The standard normal density."""
    return np.asarray(np.exp(-0.5 * z * z) / math.sqrt(2 * math.pi))


def expectations(integrand: Integrand, breaks: Sequence[float] = ()) -> tuple[Floats, Floats]:
    """E[f(z)] for z ~ N(0, 1), and bounds on the errors, for a stack of functions.

    `integrand` maps z of shape (n,) to shape (m, n); `breaks` are the places, in z, where a derivative
    jumps.  Raises ExpectationError where an integrand is not finite or grows faster than e^{z^2/2} falls.
    """
    reach, tail = _reach(integrand)
    even = np.linspace(-reach, reach, round(4 * reach / 3) + 1)
    edges = np.sort(np.clip(np.concatenate([even, list(breaks)]), -reach, reach))
    edges = edges[np.append(True, np.diff(edges) > 0)]  # numpy.unique would import numpy.ma
    left, right = edges[:-1], edges[1:]
    middle = (left + right) / 2
    # whole panels and their halves in one call: most integrands need no more
    starts, ends = np.concatenate([left, left, middle]), np.concatenate([right, middle, right])
    values, sizes = _panels(integrand, starts, ends)
    count = len(left)
    whole, halves, sizes = values[:, :count], values[:, count:], sizes[:, count:]
    total, bound = np.zeros(len(whole)), tail
    scale = sizes.sum(axis=1)
    for depth in range(DEEPEST + 1):
        if depth:
            middle, count = (left + right) / 2, len(left)
            halves, sizes = _panels(integrand, np.append(left, middle), np.append(middle, right))
        refined = halves[:, :count] + halves[:, count:]
        gap = np.abs(refined - whole)
        rounding = 8 * EPSILON * (sizes[:, :count] + sizes[:, count:])
        bad = np.any(gap > np.maximum(rounding, EPSILON * scale[:, None]), axis=0)
        if depth == DEEPEST or 2 * bad.sum() > MOST_PANELS:
            bad[:] = False
        total = total + refined[:, ~bad].sum(axis=1)
        bound = bound + (gap + rounding)[:, ~bad].sum(axis=1)
        if not bad.any():
            break
        again = np.concatenate([bad, bad])
        left, right = np.append(left[bad], middle[bad]), np.append(middle[bad], right[bad])
        whole = halves[:, again]
    return total, bound


def _panels(integrand: Integrand, left: Floats, right: Floats) -> tuple[Floats, Floats]:
    """Integral of f * density, and of its absolute value, over each panel: two (m, panels) arrays."""
    nodes, weights = legendre()
    width = right - left
    z = left[:, None] + width[:, None] * nodes
    values = _finite(integrand, z.ravel()).reshape(-1, *z.shape)
    values = values * (density(z) * weights * width[:, None])
    return values.sum(axis=2), np.abs(values).sum(axis=2)


def _finite(integrand: Integrand, z: Floats) -> Floats:
    with np.errstate(over="ignore", invalid="ignore"):
        values = np.atleast_2d(integrand(z))
    if not np.isfinite(values).all():
        place = z[~np.isfinite(values).all(axis=0)][0]
        raise ExpectationError(
            f"the integrand is not finite {place:+.3g} standard deviations from the mean; "
            "a smaller variance, or a function that is finite everywhere, has this expectation"
        )
    return np.asarray(values, dtype=np.float64)


def _reach(integrand: Integrand) -> tuple[float, Floats]:
    """How many standard deviations hold the integral, and a bound on what lies outside."""
    nodes, _ = legendre()
    for reach in (12.0, 18.0, 26.0, 36.0):
        ends = np.concatenate([-reach - nodes, reach + nodes, [-reach, reach]])
        probe = np.concatenate([ends, np.linspace(-reach, reach, 49)])
        sizes = np.abs(_finite(integrand, probe)) * density(probe)
        tail, body = 2 * sizes[:, : len(ends)].max(axis=1), sizes[:, len(ends) :].max(axis=1)
        if (tail <= EPSILON * np.maximum(body, 1e-300)).all():
            return reach, tail
    raise ExpectationError(
        "the expectation does not exist: the function grows faster than the normal density falls; "
        "use a smaller variance or a function of slower growth"
    )

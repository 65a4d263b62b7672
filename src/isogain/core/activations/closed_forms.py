"""Moments of activations in closed form, for pre-activations u ~ N(0, q).

Sources: Cho & Saul 2009 (two slopes), Williams 1998 (erf), Klambauer et al. 2017 (SELU; the ELU by
scaling); GELU and sine follow from Stein's identity E[u g(u)] = q E[g'(u)].
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["ClosedForms"]

OfVariance = Callable[[float], float]
OfCorrelation = Callable[[float, float], float]


@dataclass(frozen=True)
class ClosedForms:
    """What is known exactly; None where only quadrature helps.

    `mean` E[phi], `second` E[phi^2], `fourth` E[phi^4], `slope_second` E[phi'^2] as functions of q;
    `cross` E[phi(u1) phi(u2)] and `cross_slope` E[phi'(u1) phi'(u2)] as functions of (q, c);
    `gap` E[(phi(u1) - phi(u2))^2] / 2 as a function of (q, 1 - c), exact where c is nearly 1.
    """

    mean: OfVariance | None = None
    second: OfVariance | None = None
    fourth: OfVariance | None = None
    slope_second: OfVariance | None = None
    cross: OfCorrelation | None = None
    cross_slope: OfCorrelation | None = None
    gap: OfCorrelation | None = None
    smallest_variance: float = 0.0
    """Below this the formulas cancel, and quadrature is the more exact."""


def two_slopes(negative: float, positive: float) -> ClosedForms:
    """phi(u) = a- u below 0 and a+ u above."""
    power = (negative**2 + positive**2) / 2
    jump = (positive - negative) ** 2 / (2 * math.pi)

    def cross(q: float, c: float) -> float:
        return q * (power * c + jump * (math.sqrt(max(1 - c * c, 0.0)) - c * math.acos(c)))

    def gap(q: float, distance: float) -> float:
        angle = 2 * math.asin(math.sqrt(distance / 2))
        return q * (power * distance - jump * (math.sin(angle) - angle * math.cos(angle)))

    return ClosedForms(
        mean=lambda q: (positive - negative) * math.sqrt(q / (2 * math.pi)),
        second=lambda q: power * q,
        fourth=lambda q: 1.5 * q * q * (negative**4 + positive**4),
        slope_second=lambda q: power,
        cross=cross,
        cross_slope=lambda q, c: power - jump * math.acos(c),
        gap=gap,
    )


def erfcx(x: float) -> float:
    """e^{x^2} erfc(x) for x >= 0; from 5 on by Laplace's continued fraction, which needs no large factors."""
    if x < 5:
        return math.exp(x * x) * math.erfc(x)
    below = x
    for term in range(40, 0, -1):
        below = x + 0.5 * term / below
    return 1 / (math.sqrt(math.pi) * below)


def elu(alpha: float = 1.0, scale: float = 1.0, width: float = 1.0) -> ClosedForms:
    """scale * (u, or alpha (e^{u / width} - 1) below 0); E[e^{ku}; u < 0] = erfcx(k s / sqrt 2) / 2."""

    def half(k: float, q: float) -> float:
        return 0.5 * erfcx(k / width * math.sqrt(q / 2))

    return ClosedForms(
        mean=lambda q: scale * (math.sqrt(q / (2 * math.pi)) + alpha * (half(1, q) - 0.5)),
        second=lambda q: scale**2 * (q / 2 + alpha**2 * (half(2, q) - 2 * half(1, q) + 0.5)),
        slope_second=lambda q: scale**2 * (0.5 + (alpha / width) ** 2 * half(2, q)),
        smallest_variance=0.05 * width**2,
    )


def gelu() -> ClosedForms:
    """u * Phi(u)."""

    def second(q: float) -> float:
        root = math.sqrt(1 + 2 * q)
        inner = math.pi / 2 + math.asin(q / (1 + q)) + 2 * q / ((1 + q) * root)
        return q / (2 * math.pi) * inner

    def slope_second(q: float) -> float:
        root = math.sqrt(1 + 2 * q)
        turn = math.asin(q / (1 + q)) / 2 + q / ((1 + q) * root) + q / (2 * root**3)
        return 0.25 + turn / math.pi

    return ClosedForms(
        mean=lambda q: q / math.sqrt(2 * math.pi * (1 + q)), second=second, slope_second=slope_second
    )


def erf() -> ClosedForms:
    """erf(u)."""

    def cross_slope(q: float, c: float) -> float:
        return 4 / math.pi / math.sqrt((1 + 2 * q * (1 - c)) * (1 + 2 * q * (1 + c)))

    return ClosedForms(
        mean=lambda q: 0.0,
        second=lambda q: 2 / math.pi * math.asin(2 * q / (1 + 2 * q)),
        slope_second=lambda q: 4 / math.pi / math.sqrt(1 + 4 * q),
        cross=lambda q, c: 2 / math.pi * math.asin(2 * q * c / (1 + 2 * q)),
        cross_slope=cross_slope,
    )


def sine(omega: float = 1.0) -> ClosedForms:
    """sin(omega u), with p = omega^2 q."""

    def cross(q: float, c: float) -> float:
        p = omega**2 * q
        return (math.exp(-p * (1 - c)) - math.exp(-p * (1 + c))) / 2

    def cross_slope(q: float, c: float) -> float:
        p = omega**2 * q
        return omega**2 * (math.exp(-p * (1 - c)) + math.exp(-p * (1 + c))) / 2

    def gap(q: float, distance: float) -> float:
        p = omega**2 * q
        near, far = math.exp(-2 * p), math.exp(p * (distance - 2))
        rise = near * math.expm1(p * distance) if p * distance < 1 else far - near
        return (rise - math.expm1(-p * distance)) / 2

    def fourth(q: float) -> float:  # sin^4 = (3 - 4 cos 2x + cos 4x) / 8
        p = omega**2 * q
        return (-4 * math.expm1(-2 * p) + math.expm1(-8 * p)) / 8

    return ClosedForms(
        mean=lambda q: 0.0,
        second=lambda q: -math.expm1(-2 * omega**2 * q) / 2,
        fourth=fourth,
        slope_second=lambda q: omega**2 * (1 + math.exp(-2 * omega**2 * q)) / 2,
        cross=cross,
        cross_slope=cross_slope,
        gap=gap,
        smallest_variance=0.05 / omega**2,
    )

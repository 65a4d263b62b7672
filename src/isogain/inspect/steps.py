"""One layer as theory sees it: an activation, then weights at the point where nothing grows or shrinks.

With weights of law Gaussian the variance of ln q obeys v' = S^2 v + kappa / n, with orthogonal ones
kappa - 2 S^2 takes kappa's place (kappa = E[phi^4] / E[phi^2]^2 - 1, S = d ln Q / d ln q; for ReLU this is
the 5 / n a layer of Hanin & Nica 2019).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

from isogain.core.activations import activation
from isogain.errors import IsogainError
from isogain.theory import MeanField, critical_point

__all__ = ["BOUNDED", "UNKNOWN_NOISE", "Step", "critical_gain", "forward_gain", "step"]

BOUNDED = ("tanh", "sigmoid", "hard_tanh", "hard_sigmoid", "softsign", "erf", "arctan")
"""Activations that are flat on both sides; half of a ReLU is flat by nature."""
UNKNOWN_NOISE = 5.0
"""n times the variance of ln q that a layer adds where no activation is known: ReLU's, among the largest."""
PLACES_PER_E = 4
"""Places a factor e of q at which moments are computed."""
SMALLEST, LARGEST = 1e-8, 1e8


@dataclass(frozen=True)
class Step:
    """What one layer does at one pre-activation variance."""

    log_growth: float
    """ln of Q(q) / q at critical weights; 0 where the activation has no critical point."""
    log_slope: float
    """ln chi there."""
    elasticity: float
    """S = d ln Q / d ln q"""
    forward_noise: float
    """n times the variance of ln q that the layer adds."""
    backward_noise: float
    """n times the variance of ln g that the layer adds."""


def step(name: str, settings: dict[str, float], q: float, orthogonal: bool) -> Step | None:
    """The Step of an activation of isogain's table ('linear' for none); None where theory is silent."""
    place = round(PLACES_PER_E * math.log(min(max(q, SMALLEST), LARGEST)))
    return _step(name, tuple(sorted(settings.items())), place, orthogonal)


@lru_cache(maxsize=4096)
def _step(name: str, settings: tuple[tuple[str, float], ...], place: int, orthogonal: bool) -> Step | None:
    try:
        phi = activation(name, **dict(settings))
        point = critical_point(phi)
        if not point.exists or point.weight_variance is None or point.bias_variance is None:
            return None
        q = math.exp(place / PLACES_PER_E)
        field, moments = MeanField(phi, point.weight_variance, point.bias_variance), phi.moments(q)
        after, slope = field.variance(q), field.elasticity(q)
        noise = (after - field.bias_variance) ** 2 / after**2 * moments.kappa
        steep = moments.slope_second.value
        back = 3 * moments.slope_fourth.value / steep**2 - 1
    except (IsogainError, ZeroDivisionError, OverflowError):
        return None
    if orthogonal:
        noise -= 2 * slope**2
        back -= 2 + 2 * moments.slope_elasticity**2
    found = Step(
        math.log(after / q), math.log(field.chi(q)), slope, max(noise, 0.0), max(back, 0.0)
    )  # fmt: skip
    return found if all(math.isfinite(x) for x in (found.log_growth, found.log_slope, noise, back)) else None


@lru_cache(maxsize=256)
def _gains(name: str, settings: tuple[tuple[str, float], ...], q: float) -> tuple[float, float]:
    try:
        moments = activation("sigmoid" if name == "glu" else name, **dict(settings)).moments(q)
    except IsogainError:
        return math.nan, math.nan
    slope, second = moments.slope_second.value, moments.second.value
    if name == "glu":  # a sigmoid(b): two signals of variance q
        slope, second = second + q * slope, q * second
    forward = math.sqrt(q / second) if second > 0 else math.nan
    backward = 1 / math.sqrt(slope) if slope > 0 and math.isfinite(slope) else math.nan
    return forward, backward


def critical_gain(name: str, settings: dict[str, float], q: float = 1.0) -> float:
    """sigma_w with chi = sigma_w^2 E[phi'^2] = 1 at pre-activation variance q; nan where there is none."""
    return _gains(name, tuple(sorted(settings.items())), q)[1]


def forward_gain(name: str, settings: dict[str, float], q: float = 1.0) -> float:
    """sigma_w with sigma_w^2 E[phi^2] = q at pre-activation variance q; nan where there is none."""
    return _gains(name, tuple(sorted(settings.items())), q)[0]

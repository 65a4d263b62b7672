"""The weight and bias variance at which neither signals nor gradients grow or shrink.

Both susceptibilities are 1 at once where chi = 1 and dQ/dq = 1, that is weight_variance = 1 / E[phi'^2],
bias_variance = q - weight_variance E[phi^2] >= 0 and E[phi phi''] = 0 (Roberts, Yaida & Hanin 2022,
chapter 5).  Three things happen: every q is such a point (ReLU and other functions without a scale), one
finite q is (GELU, SiLU), or q -> 0 is (tanh, sin); or there is none (sigmoid, softplus).
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from isogain.checking import Checks
from isogain.core.activations import Activation, activation
from isogain.rendering import Line
from isogain.theory.maps import VARIANCES, is_homogeneous
from isogain.theory.mirrored import mirrored
from isogain.theory.pairs import TheoryError
from isogain.theory.roots import root

__all__ = ["CriticalPoint", "critical_point", "edge_of_chaos"]

SCHEMA = "isogain.theory.critical-point/1"


@dataclass(frozen=True)
class CriticalPoint(Line):
    """Where signals and gradients travel unchanged, or the plain statement that there is no such place.

    `weight_variance` is fan_in * Var[w]; `q` the pre-activation variance it holds (0: reached in the
    limit; `any_q`: every variance); `chi` the gradient factor, `variance_rate` dQ/dq there.
    """

    activation: str
    exists: bool
    weight_variance: float | None
    bias_variance: float | None
    q: float | None
    chi: float | None
    variance_rate: float | None
    stable: bool
    stability: str
    """stable, marginal (nothing grows or shrinks), half-stable (one side comes back), unstable, or none."""
    any_q: bool
    reason: str
    instead: str
    """What to do where no critical point exists or it is unstable."""

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready, with a schema version."""
        return {"schema": SCHEMA, **asdict(self)}

    def __str__(self) -> str:
        if not self.exists:
            return f"{self.activation}: no critical point exists. {self.reason} Instead: {self.instead}"
        where = "any q" if self.any_q else f"q = {self.q:.6g}"
        text = (
            f"{self.activation}: weight variance {self.weight_variance:.6g} / fan_in, bias variance "
            f"{self.bias_variance:.6g}, at {where} ({self.stability}). {self.reason}"
        )
        return f"{text} {self.instead}".strip()

    def __repr__(self) -> str:
        where = "any q" if self.any_q else f"q = {self.q:.6g}" if self.q is not None else ""
        found = f"weight variance {self.weight_variance:.6g} / fan_in, {where}" if self.exists else "none"
        return f"<CriticalPoint of {self.activation}: {found}>"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(str(self))


def critical_point(which: Any, variance: float | None = None, **parameters: Any) -> CriticalPoint:
    """The critical weight and bias variance of an activation (a name, an Activation or a callable).

    With `variance`, the point of the edge of chaos (chi = 1) that holds that pre-activation variance;
    without, the point where dQ/dq = 1 as well.  Where none exists `exists` is False, the numbers are
    None, and `instead` says what to do.  Raises IsogainError for what is not an activation.

    >>> point = critical_point("gelu")
    >>> round(point.weight_variance, 5), round(point.bias_variance, 5)
    (1.98306, 0.17292)
    """
    phi = activation(which, **parameters)
    if variance is not None:
        return edge_of_chaos(phi, variance)
    return _critical_point(phi)


@lru_cache(maxsize=256)
def _critical_point(phi: Activation) -> CriticalPoint:
    if phi.jumps:
        return _none(phi, "Its values jump, so E[phi'^2] is infinite and gradients have no finite scale.")
    if not phi.moments(1.0).slope_second.value > 0:
        return _none(phi, "It has no slope anywhere, so no weights hand on a gradient.")
    if is_homogeneous(phi):
        weight = 1 / phi.moments(1.0).slope_second.value
        reason = "It has no scale of its own: the variance stays what the input gives it."
        return _point(phi, weight, 0.0, 1.0, "marginal", reason, any_q=True)
    return _finite(phi) or _vanishing(phi) or _none(phi, _why_none(phi))


def edge_of_chaos(phi: Activation, q: float) -> CriticalPoint:
    """chi = 1 at exactly this pre-activation variance."""
    q = float(Checks(TheoryError).number("the pre-activation variance", q, above=0))
    moments = phi.moments(q)
    slope = moments.slope_second.value
    if not (math.isfinite(slope) and slope > 0):
        return _none(phi, f"At q = {q:g} E[phi'^2] is {slope:g}, so no weights make chi = 1.")
    weight = 1 / slope
    bias = q - weight * moments.second.value
    if bias < -1e-12 * q:
        return _none(phi, f"At q = {q:g} chi = 1 would need a bias variance of {bias:.4g}, below 0.")
    rate = weight * (slope + moments.bend.value)
    stability = "marginal" if abs(rate - 1) < 1e-9 else "stable" if abs(rate) < 1 else "unstable"
    reason = f"On the edge of chaos: gradients keep their size at this variance, and dQ/dq = {rate:.4g}."
    return _point(phi, weight, max(bias, 0.0), float(q), stability, reason, is_homogeneous(phi))


def _point(
    phi: Activation, weight: float, bias: float, q: float, stability: str, reason: str, any_q: bool = False
) -> CriticalPoint:
    moments = phi.moments(q)
    rate = weight * (moments.slope_second.value + (moments.bend.value if q else 0.0))
    stable = stability in ("stable", "marginal")
    caution = {
        "half-stable": "A variance pushed to one side drifts away, slowly at first: keep the bias variance "
        "as given, or calibrate on one batch.",
        "unstable": "A variance off this point grows away from it: calibrate on one batch, or normalise.",
    }
    return CriticalPoint(
        str(phi), True, weight, bias, q, weight * moments.slope_second.value, rate, stable, stability, any_q,
        reason, caution.get(stability, ""),
    )  # fmt: skip


def _finite(phi: Activation) -> CriticalPoint | None:
    """The finite q where E[phi phi''] = 0, if a bias variance of at least 0 goes with it."""
    grid = VARIANCES[16:53]  # 1e-4 to 1e5: beyond, rounding decides the sign
    bends = [phi.moments(math.exp(t)).bend for t in grid]
    trusted = [b.value if abs(b.value) > 4 * b.error + 1e-13 else 0.0 for b in bends]
    for i in range(len(grid) - 1):
        if trusted[i] * trusted[i + 1] >= 0:
            continue
        log_q = root(lambda t: phi.moments(math.exp(t)).bend.value, grid[i], grid[i + 1])
        q = math.exp(log_q)
        moments = phi.moments(q)
        weight = 1 / moments.slope_second.value
        bias = q - weight * moments.second.value
        if bias >= 0:
            # dQ/dq falls through 1 here: a larger variance comes back, a smaller one does not
            direction = "stable" if trusted[i] > 0 > trusted[i + 1] else "unstable"
            reason = f"dQ/dq and chi are both 1 at this variance; {_side(phi, weight, bias, q)}"
            return _point(phi, weight, bias, q, _stability(phi, weight, bias, q, direction), reason)
    return None


def _drift(phi: Activation, weight: float, bias: float, q: float, factor: float) -> float:
    """ln Q(q') - ln q' at q' = factor q."""
    start = factor * q
    return math.log((weight * phi.moments(start).second.value + bias) / start)


def _stability(phi: Activation, weight: float, bias: float, q: float, fallback: str) -> str:
    above, below = _drift(phi, weight, bias, q, 1.01), _drift(phi, weight, bias, q, 1 / 1.01)
    if above < 0 < below:
        return "stable"
    if above > 0 > below:
        return "unstable"
    return "half-stable" if above * below > 0 else fallback


def _side(phi: Activation, weight: float, bias: float, q: float) -> str:
    above, below = _drift(phi, weight, bias, q, 1.01), _drift(phi, weight, bias, q, 1 / 1.01)
    towards = [name for name, good in (("above", above < 0), ("below", below > 0)) if good]
    if not towards:
        return "variances on both sides move away from it."
    return f"variances {' and '.join(towards)} it move towards it."


def _vanishing(phi: Activation) -> CriticalPoint | None:
    """q -> 0: the network is nearly linear there, and the variance sinks to it as a power of depth."""
    at_zero = phi.moments(0.0)
    slope = at_zero.slope_second.value
    if abs(at_zero.mean.value) > 1e-12 or slope < 1e-12:
        return None
    weight = 1 / slope
    drift = [weight * phi.moments(q).second.value / q - 1 for q in (1e-3, 1e-2, 1e-1, 1.0)]
    if drift[1] > 1e-9 or drift[3] > 1e-9:
        reason = "dQ/dq and chi are both 1 at q -> 0; every variance above it moves away from it."
        return _point(phi, weight, 0.0, 0.0, "unstable", reason)
    reason = "Near 0 it is linear, or linear on each side; the variance sinks towards 0 as a power of depth."
    return _point(phi, weight, 0.0, 0.0, "stable", reason)


def _why_none(phi: Activation) -> str:
    value = float(phi(0.0))
    if abs(value) > 1e-12:
        text = f"phi(0) = {value:.4g} is added by every layer, so E[phi^2] stays above q E[phi'^2]"
        return f"{text}{_late_edge(phi)}."
    return "Its slope at 0 is 0, so small signals are blocked and large ones grow."


def _late_edge(phi: Activation) -> str:
    """From which variance on chi = 1 is possible after all, where it is."""
    for q in np.geomspace(1e-2, 1e5, 57):
        moments = phi.moments(float(q))
        if q * moments.slope_second.value > moments.second.value:
            weight = 1 / moments.slope_second.value
            return f"; only from q of about {q:.2g} (weight variance {weight:.2g}) can chi reach 1"
    return " at every variance, and chi stays below 1 wherever the variance is held"


def _none(phi: Activation, reason: str) -> CriticalPoint:
    options = ["put batch or layer normalization before it"]
    mirror = mirrored(phi)
    if mirror.usable and mirror.variance_rate > 0.25:
        shape = "a straight line" if mirror.linear else "nearly one near 0"
        options.append(f"start mirrored orthogonal, where only phi(z) - phi(-z) is left ({shape})")
    options.append("or take an activation with phi(0) = 0 and a slope there (tanh, ReLU, GELU)")
    instead = "; ".join(options) + "."
    return CriticalPoint(
        str(phi), False, None, None, None, None, None, False, "none", False, reason, instead
    )  # fmt: skip

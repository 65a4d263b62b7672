"""Which start a deep plain stack wants, and at which scale: computed from the activation, at its depth.

Only the odd part psi of an activation acts under mirrored weights, and all of an odd activation under
orthogonal ones; either way the signal map is psi's own.  Weights at sqrt(q / E[psi(sqrt(q) z)^2]) keep the
variance q exactly, and multiply the gradient's variance by

    chi(q) = q E[psi'^2] / E[psi^2] = sum_k k a_k^2 / sum_k a_k^2 >= 1,

a_k the Hermite coefficients of psi(sqrt(q) z).  psi is nearly a line near 0, so chi falls to 1 there, and
faster than psi straightens: what bends in psi costs signals and gradients the same to first order (Stein),
which the scale gives back.  The start takes the largest q up to 1 at which `depth` layers multiply
gradients by no more than e: as nonlinear as the depth allows.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any, Literal

from isogain.checking import Checks
from isogain.core.activations import Activation, activation
from isogain.theory.critical import critical_point
from isogain.theory.mirrored import is_odd, mirrored, odd_part
from isogain.theory.pairs import TheoryError
from isogain.theory.roots import root

__all__ = ["DeepStart", "deep_start", "is_deep", "width_spread"]

Kind = Literal["mirrored", "orthogonal", "gaussian"]

CHECKS = Checks(TheoryError)
MOST = 10**12
DEEP = 8
"""Plain layers from which on the exact isometry of a deep start is worth half the width."""
SPREAD = 0.75
"""Or the variance of ln q over Gaussian draws, 5 sum 1 / fan_in (Hanin & Nica 2019), beyond which it is."""
GROWTH = 1.0
"""ln of what the gradient's variance may grow by over all layers."""
SMALLEST = 1e-10
"""No pre-activation variance below this: float32 has to tell phi(z) from phi(-z)."""
LOGITS = 0.3
"""Standard deviation of the outputs of the last layer: the loss starts near that of knowing nothing."""


@dataclass(frozen=True)
class DeepStart:
    """How to start a plain stack: the kind of matrix, and its scale for first, hidden and last layers.

    `gain` is what the initializer of that kind takes: times 1 / psi'(0) for "mirrored", the singular value
    for "orthogonal", sqrt(fan_in) * std for "gaussian".  `first_gain` (for inputs of second moment 1) and
    `last_gain` likewise.  `q` is the pre-activation variance that is held, `growth` what all layers together
    multiply the gradient's variance by, `spread` the standard deviation of ln q at the last layer over draws:
    v' = S^2 v + (kappa - 2 S^2) / n for orthogonal matrices of n rows, kappa / n for Gaussian ones, with
    kappa = E[psi^4] / E[psi^2]^2 - 1 and S = d ln Q / d ln q (Hanin & Rolnick 2018; in this form ours).
    """

    kind: Kind
    gain: float
    first_gain: float
    last_gain: float
    bias_variance: float
    q: float
    growth: float
    spread: float
    reason: str

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)


def is_deep(depth: int, spread: float) -> bool:
    """Whether Gaussian weights would stray too far over so many plain layers of this `width_spread`."""
    return depth > DEEP or spread > SPREAD


def width_spread(depth: int, width: float) -> float:
    """What `depth` layers of one fan in add to the variance of ln q, with Gaussian weights and ReLU."""
    return 5 * depth / width


def deep_start(which: Activation | str | Any, depth: int, width: int) -> DeepStart:
    """The start of `depth` plain layers of `width` units with this activation.

    >>> deep_start("relu", depth=50, width=128).kind, deep_start("tanh", depth=50, width=128).kind
    ('mirrored', 'orthogonal')
    """
    depth, width = CHECKS.whole("depth", depth, most=MOST), CHECKS.whole("width", width, most=MOST)
    return _deep_start(activation(which), depth, width)


@lru_cache(maxsize=256)
def _deep_start(phi: Activation, depth: int, width: int) -> DeepStart:
    mirror = mirrored(phi)
    if phi.jumps or not mirror.usable:
        return _even(phi, mirror.why, depth, width)
    if is_odd(phi):
        return _of_odd(phi, "orthogonal", phi, 1.0, depth, width)
    return _of_odd(phi, "mirrored", odd_part(phi), mirror.slope, depth, max(width // 2, 1))


def _gradient_rate(psi: Activation, q: float) -> float:
    """chi: what a layer that keeps the variance q multiplies the gradient's variance by."""
    moments = psi.moments(q)
    return q * moments.slope_second.value / moments.second.value


def _variance(psi: Activation, depth: int) -> float:
    """The largest q up to 1 at which the gradients of `depth` layers grow no more than e^GROWTH."""

    def excess(log_q: float) -> float:
        return depth * math.log(max(_gradient_rate(psi, math.exp(log_q)), 1.0)) - GROWTH

    if excess(0.0) <= 0:
        return 1.0
    smallest = math.log(SMALLEST)
    return SMALLEST if excess(smallest) >= 0 else math.exp(root(excess, smallest, 0.0))


def _of_odd(phi: Activation, kind: Kind, psi: Activation, unit: float, depth: int, rows: int) -> DeepStart:
    """Orthogonal blocks of `rows` rows before psi; gains in multiples of 1 / unit."""
    q = _variance(psi, depth)
    moments = psi.moments(q)
    size = math.sqrt(moments.second.value)
    growth = _gradient_rate(psi, q) ** depth
    kick = (moments.kappa - 2 * moments.elasticity**2) / rows
    return DeepStart(
        kind, unit * math.sqrt(q) / size, math.sqrt(q), unit * LOGITS / size, 0.0, q, growth,
        _spread(moments.elasticity, kick, depth), _reason(phi, kind, q, growth, depth),
    )  # fmt: skip


def _spread(elasticity: float, kick: float, depth: int) -> float:
    """sqrt(v) after `depth` layers that each add `kick` and multiply what there was by elasticity^2."""
    rate = elasticity**2
    total = depth if abs(rate - 1) < 1e-12 else (1 - rate**depth) / (1 - rate)
    return math.sqrt(max(kick, 0.0) * total)


def _reason(phi: Activation, kind: Kind, q: float, growth: float, depth: int) -> str:
    what = "is odd" if kind == "orthogonal" else "leaves only phi(z) - phi(-z) under mirrored weights"
    if growth - 1 < 1e-6:
        return f"{phi.name} {what}, a straight line: an isometry at any depth"
    return (
        f"{phi.name} {what}: at variance {q:.3g} signals keep their size and {depth} layers multiply "
        f"the gradient's variance by {growth:.3g}"
    )


def _even(phi: Activation, why: str, depth: int, width: int) -> DeepStart:
    """No odd part to hold on to: orthogonal at the critical point, or else Gaussian, the variance kept."""
    point = critical_point(phi)
    kind: Kind = "gaussian"
    gain, bias, q, at = (
        phi.gain(),
        0.0,
        1.0,
        "Gaussian weights that keep the variance, as it has no critical point",
    )
    if point.exists and point.weight_variance and point.q:
        kind, gain, bias, q = (
            "orthogonal",
            math.sqrt(point.weight_variance),
            point.bias_variance or 0.0,
            point.q,
        )
        at = "orthogonal weights at its critical point"
    moments, share = phi.moments(q), (q - bias) / q
    fixed = 2 * moments.elasticity**2 if kind == "orthogonal" else 0.0
    return DeepStart(
        kind, gain, math.sqrt(q), LOGITS / math.sqrt(moments.second.value), bias, q,
        (gain**2 * moments.slope_second.value) ** depth,
        _spread(moments.elasticity * share, (moments.kappa - fixed) * share**2 / width, depth),
        f"{phi.name} cannot be mirrored ({why}): {at}",
    )  # fmt: skip

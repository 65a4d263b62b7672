"""What a mirrored (looks-linear) start does to an activation: only its odd part is left.

Weights [[Q, -Q], [-Q, Q]] feed phi(z) and phi(-z) to every later unit with opposite signs, so the layer
applies psi(z) = phi(z) - phi(-z) to half the width; where psi is linear, a network of any depth is an
orthogonal linear map at the start (Balduzzi et al. 2017, arXiv 1702.08591).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from isogain.checking import Checks
from isogain.core.activations import Activation, activation, names
from isogain.core.activations.quadrature import Floats, expectations
from isogain.theory.maps import log_second
from isogain.theory.pairs import MOST, TheoryError

__all__ = ["Mirrored", "is_odd", "known_by_name", "mirrored", "odd_part"]

CHECKS = Checks(TheoryError)

MOST_LAYERS, LOST = 2000, -40.0
"""Layers that are followed, and the ln of a variance at which a signal counts as lost."""
LINEAR = 1e-9
"""Share of psi that may be curved for the start to count as exactly linear (rounding, not modelling)."""


@dataclass(frozen=True)
class Mirrored:
    """psi(z) = phi(z) - phi(-z), measured against a straight line at one pre-activation variance.

    `slope` is psi'(0); `scale` the factor 1 / psi'(0) for hidden layers; `curvature` the share of
    E[psi^2] that no straight line explains; `variance_rate` what one mirrored layer at that scale
    multiplies a variance by; `linear` whether the start is an exact isometry at this variance.
    """

    activation: str
    variance: float
    slope: float
    curvature: float
    variance_rate: float
    usable: bool
    why: str
    odd: Activation = field(repr=False, compare=False)
    """psi itself."""

    @property
    def linear(self) -> bool:
        return self.usable and self.curvature < LINEAR

    @property
    def scale(self) -> float:
        return 1 / self.slope if self.slope else math.inf

    def isometry_error(self, depth: int) -> float:
        """|ln of the factor on the squared length| after `depth` layers, psi followed layer by layer."""
        if not self.usable:
            return math.inf
        log_v = start = math.log(self.variance)
        for _ in range(0 if self.linear else min(depth, MOST_LAYERS)):
            before, log_v = log_v, log_second(self.odd, log_v) - 2 * math.log(abs(self.slope))
            if abs(log_v - before) < 1e-7 or log_v < LOST:
                break
        return abs(log_v - start)


def is_odd(phi: Activation) -> bool:
    """Whether phi(-z) = -phi(z), to rounding, wherever signals are."""
    z = np.concatenate([np.geomspace(1e-6, 1e-2, 9), np.linspace(0.02, 8.0, 400)])
    values = phi(z)
    return bool(np.all(np.abs(values + phi(-z)) <= 1e-9 * (np.abs(values) + z)))


def odd_part(phi: Activation) -> Activation:
    """psi(z) = phi(z) - phi(-z) as an activation of its own."""
    kinks = tuple(sorted({*phi.kinks, *(-kink for kink in phi.kinks)}))
    if len(kinks) == 1 and kinks[0] == 0:
        kinks = ()  # both one-sided slopes at 0 are phi'(0+) + phi'(0-): the odd part is smooth there
    return Activation(
        f"{phi.name} mirrored",
        phi.parameters,
        phi.source,
        function=lambda x: phi.function(x) - phi.function(-x),
        slope=lambda x: phi.slope(x) + phi.slope(-x),
        kinks=kinks,
    )


def _slope_at_zero(psi: Activation, step: float = 1e-5) -> float:
    """psi'(0) from two secants, so that a second derivative that jumps at 0 (ELU) drops out."""
    return float(4 * psi(step / 2) - psi(step)) / step


def mirrored(which: Activation | str, variance: float = 1.0) -> Mirrored:
    """How nearly linear the mirrored start of an activation is, computed from the function itself.

    Raises TheoryError for a variance that is no number above 0, ActivationError for no activation.

    >>> mirrored("gelu").linear, mirrored("tanh").linear
    (True, False)
    """
    return _mirrored(activation(which), CHECKS.number("variance", variance, above=0, most=MOST))


@lru_cache(maxsize=256)
def _mirrored(phi: Activation, variance: float) -> Mirrored:
    psi = odd_part(phi)
    slope = _slope_at_zero(psi)
    std = math.sqrt(variance)

    def integrand(z: Floats) -> Floats:
        values = psi.function(std * z)
        return np.stack([values * values, values * z])

    (power, along), _ = expectations(integrand, [kink / std for kink in psi.kinks])
    if power < 1e-20 or abs(slope) < 1e-9:
        why = "it is even around 0, so mirroring cancels it" if power < 1e-20 else "it has no slope at 0"
        return Mirrored(phi.name, variance, 0.0, 1.0, 0.0, False, why, psi)
    curvature = max(1 - float(along) ** 2 / float(power), 0.0)
    rate = float(power) / (slope**2 * variance)
    why = "phi(z) - phi(-z) is linear" if curvature < LINEAR else "phi(z) - phi(-z) bends"
    return Mirrored(phi.name, variance, slope, curvature, rate, True, why, psi)


@lru_cache(maxsize=256)
def known_by_name(phi: Activation) -> tuple[str, float]:
    """A name that MirroredOrthogonal takes for it, and what is left of psi'(0) to divide a gain by."""
    if phi.source is None and phi.name in names() and phi == activation(phi.name):
        return phi.name, 1.0
    return "relu", mirrored(phi).slope

"""An activation as a value, and its moments under a normal law."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, final

import numpy as np
from numpy.typing import ArrayLike

from isogain.checking import Checks, shown
from isogain.core.activations.adopt import ActivationError
from isogain.core.activations.closed_forms import ClosedForms
from isogain.core.activations.functions import Function
from isogain.core.activations.quadrature import EPSILON, Estimate, Floats, expectations

__all__ = ["Activation", "Moments", "landmarks"]

OF_SLOPE = [3, 4, 6, 7, 8, 10]
"""The integrands that contain phi', in the order in which Moments lists them."""


@final
@dataclass(frozen=True)
class Moments:
    """Moments of phi(u), u ~ N(input_mean, input_variance), each an Estimate (value, error bound).

    mean E[phi], second E[phi^2], fourth E[phi^4], slope E[phi'], slope_second E[phi'^2],
    bend E[phi phi''] (in the sense of distributions: a kink contributes its jump of slope),
    slope_fourth E[phi'^4], joint E[phi^2 phi'^2], slope_tilt d E[phi'^2] / d ln q, and the second
    derivatives curve q^2 d^2 E[phi^2] / dq^2 and slope_curve q^2 d^2 E[phi'^2] / dq^2.
    """

    input_variance: float
    input_mean: float
    mean: Estimate
    second: Estimate
    fourth: Estimate
    slope: Estimate
    slope_second: Estimate
    bend: Estimate
    slope_fourth: Estimate
    joint: Estimate
    slope_tilt: Estimate
    curve: Estimate
    slope_curve: Estimate

    @property
    def variance(self) -> float:
        """Var[phi(u)]."""
        return max(self.second.value - self.mean.value**2, 0.0)

    @property
    def kappa(self) -> float:
        """E[phi^4] / E[phi^2]^2 - 1: the variance that one layer of width n adds to ln q, times n."""
        return self.fourth.value / self.second.value**2 - 1 if self.second.value else math.inf

    @property
    def elasticity(self) -> float:
        """d ln E[phi^2] / d ln q: S_q of a network without biases."""
        if self.input_variance == 0 or self.second.value == 0:
            return 1.0
        return self.input_variance * (self.slope_second.value + self.bend.value) / self.second.value

    @property
    def slope_elasticity(self) -> float:
        """d ln E[phi'^2] / d ln q."""
        return self.slope_tilt.value / self.slope_second.value if self.slope_second.value else 0.0


@final
@dataclass(frozen=True)
class Activation:
    """An elementwise nonlinearity: callable, differentiable, with its kinks and moments known.

    Two activations are equal when name, parameters and the callable they were made from are equal.
    """

    name: str
    parameters: tuple[tuple[str, float], ...] = ()
    source: Callable[..., Any] | None = None
    """The user's callable; None for a row of the table."""
    function: Function = field(compare=False, repr=False, kw_only=True)
    slope: Function = field(compare=False, repr=False, kw_only=True)
    kinks: tuple[float, ...] = field(default=(), compare=False, kw_only=True)
    jumps: bool = field(default=False, compare=False, kw_only=True)
    """Whether a value (not only a slope) jumps at a kink."""
    closed: ClosedForms = field(default=ClosedForms(), compare=False, repr=False, kw_only=True)

    def __call__(self, x: ArrayLike) -> Floats:
        """phi(x), elementwise, in float64."""
        return np.asarray(self.function(self._numbers(x)))

    def derivative(self, x: ArrayLike) -> Floats:
        """phi'(x), elementwise, in float64; at a kink, one of its one-sided values."""
        return np.asarray(self.slope(self._numbers(x)))

    def _numbers(self, x: ArrayLike) -> Floats:
        try:
            return np.asarray(x, dtype=np.float64)
        except Exception as error:
            raise ActivationError(
                f"activation {self.name!r}: inputs must be a real number or an array of them, got {shown(x)}"
            ) from error

    def moments(self, variance: float = 1.0, mean: float = 0.0) -> Moments:
        """The moments of phi(u) for u ~ N(mean, variance), each with an error bound that holds.

        >>> from isogain.core.activations import activation
        >>> activation("relu").moments(variance=2.0).second
        Estimate(value=1.0, error=...)
        """
        checks, owner = Checks(ActivationError), f"activation {self.name!r}: "
        wide = float(checks.number(f"{owner}variance", variance, least=0))
        return _moments(self, wide, float(checks.number(f"{owner}mean", mean)))

    def gain(self, variance: float = 1.0) -> float:
        """sqrt(variance / E[phi(u)^2]), u ~ N(0, variance): keeps the forward variance through a layer.

        >>> from isogain.core.activations import activation
        >>> round(activation("relu").gain(), 12)
        1.414213562373
        """
        second = self.moments(variance).second.value
        if second <= 0:
            raise ActivationError(
                f"activation {self.name!r} is 0 for every input at variance {variance:g}: no gain keeps "
                "a signal that it blocks; choose another activation or a larger variance"
            )
        return math.sqrt(variance / second)

    def __str__(self) -> str:
        inside = ", ".join(f"{key}={value:g}" for key, value in self.parameters)
        return f"{self.name}({inside})" if inside else self.name


LANDMARKS = (0.0, *(sign * 2.0**power for power in range(-6, 7) for sign in (-1.0, 1.0)))


def landmarks(std: float) -> tuple[float, ...]:
    """Inputs at which activations turn, to be looked at where a wide law would step over them."""
    return LANDMARKS if std > 2 else ()


@lru_cache(maxsize=8192)
def _moments(activation: Activation, variance: float, mean: float) -> Moments:
    if variance == 0:
        return _at_a_point(activation, mean)
    std = math.sqrt(variance)
    derivative_error = 0.0 if activation.source is None else 1e-9

    def integrand(z: Floats) -> Floats:
        phi, slope = activation.function(mean + std * z), activation.slope(mean + std * z)
        square, steep = phi * phi, slope * slope
        # Stein: E[phi'^2 + phi phi''] = E[(z^2 - 1) phi^2] / (2 q); d E[f] / d ln q = E[(z^2 - 1) f] / 2
        tilt = (z * z - 1) / 2
        twice = (z**4 - 6 * z * z + 3) / 4
        rows = (phi, square, square * square, slope, steep, tilt * square, steep * steep, square * steep)
        return np.stack([*rows, tilt * steep, twice * square, twice * steep])

    breaks = [(place - mean) / std for place in (*activation.kinks, *landmarks(std))]
    values, errors = expectations(integrand, breaks)
    errors[OF_SLOPE] += derivative_error * (1 + np.abs(values[OF_SLOPE]))
    if activation.jumps:
        values[OF_SLOPE], errors[OF_SLOPE] = math.inf, math.inf
    first, second, fourth, slope, steep, tilted, *rest = (
        Estimate(float(v), float(e)) for v, e in zip(values, errors, strict=True)
    )
    bend = Estimate(tilted.value / variance - steep.value, tilted.error / variance + steep.error)
    result = Moments(variance, mean, first, second, fourth, slope, steep, bend, *rest)
    return _with_closed_forms(activation.closed, result) if mean == 0 else result


def _with_closed_forms(closed: ClosedForms, quadrature: Moments) -> Moments:
    """The same moments, exact where a closed form is known."""
    variance = quadrature.input_variance
    if variance < closed.smallest_variance:
        return quadrature
    exact: dict[str, Any] = {}
    for key in ("mean", "second", "fourth", "slope_second"):
        formula = getattr(closed, key)
        if formula is not None:
            value = float(formula(variance))
            # the formulas' terms may exceed their sum; what quadrature saw bounds the size
            exact[key] = Estimate(value, 64 * EPSILON * (abs(value) + 1))
    return replace(quadrature, **exact)


def _at_a_point(activation: Activation, mean: float) -> Moments:
    """The limit of variance 0: everything is the function's value and slope at the mean."""
    value = float(activation(mean))
    sides = activation.derivative(np.array([mean - 1e-9, mean + 1e-9]))
    slope, slope_second = float(sides.mean()), float(np.square(sides).mean())
    fourth_slope = float((sides**4).mean())

    def exact(number: float) -> Estimate:
        return Estimate(number, EPSILON * abs(number))

    none = Estimate(0.0, 0.0)
    return Moments(
        input_variance=0.0,
        input_mean=mean,
        mean=exact(value),
        second=exact(value**2),
        fourth=exact(value**4),
        slope=exact(slope),
        slope_second=exact(slope_second),
        bend=none if value == 0 else Estimate(math.nan, math.inf),
        slope_fourth=exact(fourth_slope),
        joint=exact(value**2 * slope_second),
        slope_tilt=none,
        curve=none,
        slope_curve=none,
    )

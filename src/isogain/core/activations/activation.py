"""An activation as a value, and its moments under a normal law."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, final

import numpy as np
from numpy.typing import ArrayLike

from isogain.core.activations.adopt import ActivationError
from isogain.core.activations.closed_forms import ClosedForms
from isogain.core.activations.functions import Function
from isogain.core.quadrature import EPSILON, Estimate, Floats, expectations

__all__ = ["Activation", "Moments"]


@final
@dataclass(frozen=True)
class Moments:
    """Moments of phi(u), u ~ N(input_mean, input_variance), each an Estimate (value, error bound).

    mean E[phi], second E[phi^2], fourth E[phi^4], slope E[phi'], slope_second E[phi'^2], and
    bend E[phi phi''] (in the sense of distributions: a kink contributes its jump of slope).
    """

    input_variance: float
    input_mean: float
    mean: Estimate
    second: Estimate
    fourth: Estimate
    slope: Estimate
    slope_second: Estimate
    bend: Estimate

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
        return np.asarray(self.function(np.asarray(x, dtype=np.float64)))

    def derivative(self, x: ArrayLike) -> Floats:
        """phi'(x), elementwise, in float64; at a kink, one of its one-sided values."""
        return np.asarray(self.slope(np.asarray(x, dtype=np.float64)))

    def moments(self, variance: float = 1.0, mean: float = 0.0) -> Moments:
        """The moments of phi(u) for u ~ N(mean, variance), each with an error bound that holds.

        >>> from isogain.core.activations import activation
        >>> activation("relu").moments(variance=2.0).second
        Estimate(value=1.0, error=...)
        """
        variance, mean = float(variance), float(mean)
        if not (math.isfinite(variance) and variance >= 0 and math.isfinite(mean)):
            raise ActivationError(
                f"activation {self.name!r}: moments need a finite variance of at least 0 and a finite mean, "
                f"got variance={variance!r}, mean={mean!r}"
            )
        return _moments(self, variance, mean)

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


@lru_cache(maxsize=8192)
def _moments(activation: Activation, variance: float, mean: float) -> Moments:
    if variance == 0:
        return _at_a_point(activation, mean)
    std = math.sqrt(variance)
    derivative_error = 0.0 if activation.source is None else 1e-9

    def integrand(z: Floats) -> Floats:
        phi = activation.function(mean + std * z)
        slope = activation.slope(mean + std * z)
        square = phi * phi
        # Stein: E[phi'] = E[z phi] / s and E[phi'^2 + phi phi''] = E[(z^2 - 1) phi^2] / (2 q)
        return np.stack([phi, square, square * square, slope, slope * slope, (z * z - 1) * square])

    breaks = [(kink - mean) / std for kink in activation.kinks]
    values, errors = expectations(integrand, breaks)
    estimate = [Estimate(float(v), float(e)) for v, e in zip(values, errors, strict=True)]
    first, second, fourth, slope, slope_second, tilted = estimate
    slope = Estimate(slope.value, slope.error + derivative_error * (1 + abs(slope.value)))
    slope_second = Estimate(
        slope_second.value, slope_second.error + derivative_error * (1 + slope_second.value)
    )
    if activation.jumps:
        slope, slope_second = Estimate(math.nan, math.inf), Estimate(math.inf, math.inf)
    bend = Estimate(
        tilted.value / (2 * variance) - slope_second.value,
        tilted.error / (2 * variance) + slope_second.error,
    )
    result = Moments(variance, mean, first, second, fourth, slope, slope_second, bend)
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
    exact = [Estimate(v, EPSILON * abs(v)) for v in (value, value**2, value**4, slope, slope_second)]
    first, second, fourth, slope_mean, slope_square = exact
    bend = Estimate(0.0, 0.0) if value == 0 else Estimate(math.nan, math.inf)
    return Moments(0.0, mean, first, second, fourth, slope_mean, slope_square, bend)

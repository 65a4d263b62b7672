"""Initializers whose weights are independent draws from one law."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal, final

from isogain.checking import shown
from isogain.core.geometry.fans import FRAMEWORK_RULES, MODES, Fans, axes_only_fans, axis_fans, geometry_fans
from isogain.core.geometry.layout import Geometry
from isogain.core.values.distributions import (
    CHECKS,
    ComplexDiscLaw,
    ComplexLaw,
    ConstantLaw,
    Law,
    NormalLaw,
    TruncatedNormalLaw,
    UniformLaw,
    require,
    require_finite,
    truncated_std,
)
from isogain.core.values.initializer import Initializer, require_choice, require_flag, require_positive

__all__ = ["Constant", "Normal", "Ones", "TruncatedNormal", "Uniform", "VarianceScaling", "Zeros"]


@final
@dataclass(frozen=True, repr=False)
class Constant(Initializer):
    """Every weight equals `value` (a real or complex number)."""

    value: float | complex = 0.0

    def __post_init__(self) -> None:
        value = self.value
        for part in (value.real, value.imag) if isinstance(value, complex) else (value,):
            require_finite(self, value=part)

    def _law(self, geometry: Geometry, is_complex: bool) -> Law:
        return ConstantLaw(self.value)


@final
@dataclass(frozen=True, repr=False)
class Zeros(Initializer):
    """Every weight is 0.  For biases; a weight matrix of zeros cannot break symmetry."""

    def _law(self, geometry: Geometry, is_complex: bool) -> Law:
        return ConstantLaw(0.0)


@final
@dataclass(frozen=True, repr=False)
class Ones(Initializer):
    """Every weight is 1.  For the scales of a normalization."""

    def _law(self, geometry: Geometry, is_complex: bool) -> Law:
        return ConstantLaw(1.0)


@final
@dataclass(frozen=True, repr=False)
class Normal(Initializer):
    """N(mean, std^2), whatever the shape.  Complex: each part has std / sqrt(2)."""

    std: float = 1.0
    mean: float = 0.0

    def __post_init__(self) -> None:
        require_positive(self, std=self.std)
        require_finite(self, mean=self.mean)

    def _law(self, geometry: Geometry, is_complex: bool) -> Law:
        if is_complex:
            return ComplexLaw(NormalLaw(self.mean, self.std / math.sqrt(2)))
        return NormalLaw(self.mean, self.std)


@final
@dataclass(frozen=True, repr=False)
class Uniform(Initializer):
    """U[low, high), whatever the shape.  Complex: both parts, each divided by sqrt(2)."""

    low: float = -1.0
    high: float = 1.0

    def __post_init__(self) -> None:
        require_finite(self, low=self.low, high=self.high)
        require(self.low <= self.high, f"Uniform: low {self.low!r} is above high {self.high!r}")

    def _law(self, geometry: Geometry, is_complex: bool) -> Law:
        if self.low == self.high:
            return ConstantLaw(self.low)
        if is_complex:
            return ComplexLaw(UniformLaw(self.low / math.sqrt(2), self.high / math.sqrt(2)))
        return UniformLaw(self.low, self.high)


@final
@dataclass(frozen=True, repr=False)
class TruncatedNormal(Initializer):
    """A normal law conditioned on an interval; `std` is what is delivered, after truncation.

    `low` and `high` are in units of the underlying sigma, from `mean`; with bounds='absolute' they
    are weights (torch's `trunc_normal_`).  With corrected=False, `std` is the underlying sigma and
    the delivered one is smaller (Keras', JAX's and torch's own laws).
    """

    std: float = 1.0
    mean: float = 0.0
    low: float = -2.0
    high: float = 2.0
    bounds: Literal["sigma", "absolute"] = "sigma"
    corrected: bool = True
    quiet: ClassVar[tuple[str, ...]] = ("bounds", "corrected")

    def __post_init__(self) -> None:
        require_positive(self, std=self.std)
        require_finite(self, mean=self.mean)
        require_choice(self, "bounds", ("sigma", "absolute"))
        for name in ("low", "high"):
            bound = getattr(self, name)
            if not (isinstance(bound, float) and math.isinf(bound)):
                require_finite(self, **{name: bound})
        require_flag(self, "corrected")
        require(
            self.low < self.high,
            f"TruncatedNormal: low {self.low!r} must be below high {self.high!r}",
        )
        require(
            not (self.corrected and self.bounds == "absolute"),
            "TruncatedNormal: absolute bounds move with no sigma, so the std cannot be corrected for them; "
            "give corrected=False, or the bounds in units of sigma",
        )

    def _law(self, geometry: Geometry, is_complex: bool) -> Law:
        std = self.std / math.sqrt(2) if is_complex else self.std
        if std == 0:
            return ConstantLaw(self.mean)
        if self.bounds == "absolute":
            law = TruncatedNormalLaw(self.mean, std, self.low, self.high)
        else:
            law = _truncated(self.mean, std, self.low, self.high, self.corrected)
        return _maybe_complex(law, is_complex)


@final
@dataclass(frozen=True, repr=False)
class VarianceScaling(Initializer):
    """Zero mean and Var[w] = scale / fan: the general law behind Xavier, LeCun and He.

    normal            N(0, scale / fan)
    uniform           U(-sqrt(3 scale / fan), +sqrt(3 scale / fan))
    truncated_normal  cut at 2 sigma of the underlying normal, its variance corrected to scale / fan
                      (`truncation`: 'corrected', 'uncorrected', or 'jax', whose complex law is 0.93 %
                      too wide)

    mode says which fan: fan_in keeps the forward signal, fan_out the gradient, fan_avg and
    fan_geo_avg are the arithmetic and geometric compromise.  Complex dtypes: E|w|^2 = scale / fan,
    circular (normal parts; uniform on a disc; |w| cut at twice its sigma).

    `fan_rule` 'layout' reads the fans off the layout; 'torch', 'keras', 'caffe' and 'mlx' off the bare
    shape, as those frameworks do; 'axes' by in_axis, out_axis and batch_axis, the others being the
    receptive field (JAX); 'axes_only' by in_axis and out_axis alone (Keras' `input_axes`).  Where a layout
    is given, frameworks' rules take its outputs and inputs instead of guessing them from the shape, and
    stay blind to groups, segments and strides; axes that are given hold before it.

    Glorot and Bengio 2010, equation 16; LeCun et al. 1998, equation 16; He et al. 2015, equation 10.

    >>> VarianceScaling(scale=1.0, mode="fan_avg", distribution="uniform").law((300, 300)).bounds
    (-0.1, 0.1)
    """

    scale: float = 1.0
    mode: str = "fan_in"
    distribution: str = "normal"
    truncation: str = "corrected"
    fan_rule: str = "layout"
    in_axis: tuple[int, ...] = (-2,)
    out_axis: tuple[int, ...] = (-1,)
    batch_axis: tuple[int, ...] = ()
    quiet: ClassVar[tuple[str, ...]] = ("truncation", "fan_rule", "in_axis", "out_axis", "batch_axis")

    def __post_init__(self) -> None:
        require_positive(self, scale=self.scale)
        require_choice(self, "mode", MODES)
        require_choice(self, "distribution", ("normal", "truncated_normal", "uniform"))
        require_choice(self, "truncation", ("corrected", "uncorrected", "jax"))
        require_choice(self, "fan_rule", ("layout", "axes", "axes_only", *FRAMEWORK_RULES))
        for name in ("in_axis", "out_axis", "batch_axis"):
            value = getattr(self, name)
            axes = (
                (value,)
                if isinstance(value, int)
                else CHECKS.series(f"VarianceScaling: {name}", value, "axes")
            )
            whole = all(isinstance(axis, int) and abs(axis) <= 64 for axis in axes)
            require(whole, f"VarianceScaling: {name} names axes by number, got {shown(value)}")
            object.__setattr__(self, name, axes)

    def fans(self, geometry: Geometry) -> Fans:
        """The fans this value reads off a weight, by its own fan rule."""
        if self.fan_rule == "layout":
            return geometry_fans(geometry)
        if geometry.told and not self._names_axes():
            return geometry_fans(geometry.bare())
        if self.fan_rule == "axes":
            return axis_fans(geometry.shape, self.in_axis, self.out_axis, self.batch_axis)
        if self.fan_rule == "axes_only":
            return axes_only_fans(geometry.shape, self.in_axis, self.out_axis)
        return FRAMEWORK_RULES[self.fan_rule](geometry.shape)

    def _names_axes(self) -> bool:
        axes = (self.in_axis, self.out_axis, self.batch_axis)
        return self.fan_rule == "axes_only" or (self.fan_rule == "axes" and axes != ((-2,), (-1,), ()))

    def _law(self, geometry: Geometry, is_complex: bool) -> Law:
        fan = self.fans(geometry).get(self.mode)
        if fan == 0 or self.scale == 0:
            return ConstantLaw(0.0)  # an empty tensor, or a scale of nothing
        std = math.sqrt(self.scale / fan)
        if is_complex and self.distribution == "truncated_normal":
            return self._complex_truncated(std)
        if is_complex and self.distribution == "uniform":
            return ComplexDiscLaw(std, math.sqrt(2), "uniform")
        if is_complex:
            std /= math.sqrt(2)
        return _maybe_complex(self._real(std), is_complex)

    def _real(self, std: float) -> NormalLaw | UniformLaw | TruncatedNormalLaw:
        if self.distribution == "normal":
            return NormalLaw(0.0, std)
        if self.distribution == "uniform":
            return UniformLaw(-math.sqrt(3) * std, math.sqrt(3) * std)
        return _truncated(0.0, std, -2.0, 2.0, self.truncation != "uncorrected")

    def _complex_truncated(self, std: float) -> ComplexDiscLaw:
        delivered = {
            "corrected": ComplexDiscLaw(1.0, 2.0).std,
            "uncorrected": 1.0,
            "jax": 0.95311164380491208,  # without the division by the mass 1 - e^-4
        }[self.truncation]
        return ComplexDiscLaw(std / delivered, 2.0)


def _maybe_complex(law: NormalLaw | UniformLaw | TruncatedNormalLaw, is_complex: bool) -> Law:
    return ComplexLaw(law) if is_complex else law


def _truncated(mean: float, std: float, low: float, high: float, corrected: bool) -> TruncatedNormalLaw:
    sigma = std / truncated_std(low, high) if corrected else std
    return TruncatedNormalLaw(mean, sigma, mean + low * sigma, mean + high * sigma)

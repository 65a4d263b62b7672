"""Laws whose scale is another power of the fans than 1 / sqrt(fan): SIREN, muP, OLMo, spectral."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, final

from isogain.core.geometry.fans import geometry_fans
from isogain.core.geometry.layout import Geometry
from isogain.core.values.distributions import (
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
from isogain.core.values.initializer import (
    Initializer,
    refuse_complex,
    require_choice,
    require_flag,
    require_positive,
)

__all__ = ["PowerScaling", "SpectralScaling"]


@final
@dataclass(frozen=True, repr=False)
class PowerScaling(Initializer):
    """Zero mean and Std[w] = factor * fan_in^in_power * fan_out^out_power.

    distribution normal, uniform, or truncated_normal: cut at `cut` sigma of the underlying normal, which is
    widened to deliver the std asked for unless corrected=False.  Complex: normal only, each part with
    std / sqrt(2).

    >>> PowerScaling(factor=2.0, in_power=-1.0).law((50, 10)).std
    0.04
    """

    factor: float = 1.0
    in_power: float = -0.5
    out_power: float = 0.0
    distribution: str = "normal"
    cut: float = 2.0
    corrected: bool = True
    quiet: ClassVar[tuple[str, ...]] = ("out_power", "cut", "corrected")

    def __post_init__(self) -> None:
        require_positive(self, factor=self.factor)
        require_finite(self, in_power=self.in_power, out_power=self.out_power, cut=self.cut)
        require_choice(self, "distribution", ("normal", "truncated_normal", "uniform"))
        require_flag(self, "corrected")
        require(self.cut > 0, f"PowerScaling: cut is a number of sigmas above 0, got {self.cut!r}")

    def _law(self, geometry: Geometry, is_complex: bool) -> Law:
        fans = geometry_fans(geometry)
        if not fans.fan_in or not fans.fan_out or not self.factor:
            return ConstantLaw(0.0)  # an empty tensor, or a factor of nothing
        std = self.factor * fans.fan_in ** float(self.in_power) * fans.fan_out ** float(self.out_power)
        if is_complex:
            refuse_complex(self, self.distribution != "normal")
            return ComplexLaw(NormalLaw(0.0, std / math.sqrt(2)))
        return self._real(std)

    def _real(self, std: float) -> Law:
        if self.distribution == "normal":
            return NormalLaw(0.0, std)
        if self.distribution == "uniform":
            return UniformLaw(-math.sqrt(3) * std, math.sqrt(3) * std)
        sigma = std / truncated_std(-self.cut, self.cut) if self.corrected else std
        return TruncatedNormalLaw(0.0, sigma, -self.cut * sigma, self.cut * sigma)


@final
@dataclass(frozen=True, repr=False)
class SpectralScaling(Initializer):
    """N(0, std^2) with std = gain * min(1, sqrt(fan_out / fan_in)) / sqrt(fan_in).

    The spectral norm of the weight is then of the order sqrt(fan_out / fan_in) at every width, which is
    what feature learning needs (Yang, Simon & Bernstein 2023, arXiv 2310.17813, eq. 3 and section 3).
    """

    gain: float = 1.0

    def __post_init__(self) -> None:
        require_positive(self, gain=self.gain)

    def _law(self, geometry: Geometry, is_complex: bool) -> Law:
        fans = geometry_fans(geometry)
        if not fans.fan_in or not fans.fan_out:
            return ConstantLaw(0.0)
        std = self.gain * min(1.0, math.sqrt(fans.fan_out / fans.fan_in)) / math.sqrt(fans.fan_in)
        return ComplexLaw(NormalLaw(0.0, std / math.sqrt(2))) if is_complex else NormalLaw(0.0, std)

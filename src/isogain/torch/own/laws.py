"""An expression of a drawn number becomes an Initializer, with fans where its size is one of a fan's."""

from __future__ import annotations

import math
from typing import Any

from isogain.core.geometry.fans import FRAMEWORK_RULES
from isogain.core.initializers import (
    Constant,
    Normal,
    Ones,
    StepBias,
    TruncatedNormal,
    Uniform,
    VarianceScaling,
    Zeros,
)
from isogain.core.names.dialects import pytorch
from isogain.core.values.distributions import Law, NormalLaw, TruncatedNormalLaw, UniformLaw
from isogain.core.values.initializer import Initializer
from isogain.errors import IsogainError
from isogain.torch.own.expressions import Expression
from isogain.torch.own.record import InitCall

__all__ = ["constant_law", "initializer_of", "law_of_expression", "plain_layout"]

Shape = tuple[int, ...]


def plain_layout(shape: Shape) -> str:
    """How torch.nn.init reads a shape."""
    return "out in *" if len(shape) > 1 else "out" if shape else "*"


def initializer_of(call: InitCall, shape: Shape) -> tuple[Initializer, dict[str, Any]]:
    """What a call of torch.nn.init draws, and the geometry to draw it with."""
    settings = dict(call.settings)
    geometry = {"layout": plain_layout(shape), "groups": settings.pop("groups", 1)}
    return getattr(pytorch, call.name)(**settings), geometry


def constant_law(value: float) -> Initializer:
    """Zeros, Ones or Constant."""
    return Zeros() if value == 0 else Ones() if value == 1 else Constant(value)


def law_of_expression(found: Expression, shape: Shape) -> Initializer | None:
    """The initializer that draws what the expression says, element by element; None where there is none."""
    if found.op == "drawn":
        return (
            found.law
            if isinstance(found.law, VarianceScaling) or found.law is None
            else _named(found.law, shape)
        )
    if found.value is not None:
        return constant_law(float(found.value)) if math.isfinite(found.value) else None
    for rule in (_shifted, _truncated, _steps):
        law = rule(found, shape)
        if law is not None:
            return _named(law, shape)
    return None


def _split(found: Expression) -> tuple[Expression, float, float]:
    return found.parts if found.op == "affine" else (found, 1.0, 0.0)


def _shifted(found: Expression, shape: Shape) -> Initializer | None:
    """slope * w + shift of a plain draw."""
    inner, slope, shift = _split(found)
    law = _plain_law(inner, shape)
    if slope == 0:
        return constant_law(shift)
    if isinstance(law, NormalLaw):
        return Normal(abs(slope) * law.scale, slope * law.location + shift)
    if isinstance(law, UniformLaw):
        ends = sorted((slope * law.low + shift, slope * law.high + shift))
        return Uniform(*ends)
    if isinstance(law, TruncatedNormalLaw):
        low, high = sorted((slope * law.low + shift, slope * law.high + shift))
        return _cut(slope * law.location + shift, abs(slope) * law.scale, low, high)
    return None


def _plain_law(found: Expression, shape: Shape) -> Law | None:
    if found.op != "drawn" or found.law is None:
        return None
    try:
        return found.law.law(shape, **dict(found.geometry))
    except IsogainError:
        return None


def _cut(mean: float, std: float, low: float, high: float) -> Initializer:
    return TruncatedNormal(std, mean, low, high, bounds="absolute", corrected=False)


def _truncated(found: Expression, shape: Shape) -> Initializer | None:
    """mean + std * sqrt(2) * erfinv(U(2 cdf(a) - 1, 2 cdf(b) - 1)), with or without a clamp to [a, b]."""
    bounds: tuple[float | None, float | None] = (None, None)
    inner, outer_slope, outer_shift = _split(found)
    if inner.op == "clamp":
        inner, *ends = inner.parts
        bounds = ends[0], ends[1]
    core, slope, shift = _split(inner)
    if core.op != "erfinv":
        return None
    share, a, b = _split(core.parts[0])
    law = _plain_law(share, shape)
    if not isinstance(law, UniformLaw) or slope == 0:
        return None
    low, high = (math.sqrt(2) * _erfinv(a * end + b) for end in (law.low, law.high))
    std = abs(slope) / math.sqrt(2)
    ends = sorted((shift + std * low, shift + std * high))
    ends = [
        own if given is None or not _near(own, given, std) else given
        for own, given in zip(ends, bounds, strict=True)
    ]
    if any(given is not None and not _near(own, given, std) for own, given in zip(ends, bounds, strict=True)):
        if math.isfinite(ends[0]) or math.isfinite(ends[1]):
            return None  # clamped inside: mass would pile up at the ends
        ends = [end if given is None else given for end, given in zip(ends, bounds, strict=True)]
    shape_ends = sorted(outer_slope * end + outer_shift for end in ends)
    return _cut(outer_slope * shift + outer_shift, abs(outer_slope) * std, *shape_ends)


def _near(one: float, other: float, std: float) -> bool:
    """Equal to float32's rounding, or both beyond what a float32 uniform can reach (5.5 sigma)."""
    far = 5.4 * std
    return abs(one - other) <= 1e-3 * std or (abs(one) >= far and abs(other) >= far and one * other > 0)


def _erfinv(value: float) -> float:
    from scipy import special

    return float(special.erfinv(min(max(value, -1.0), 1.0)))


def _steps(found: Expression, shape: Shape) -> Initializer | None:
    """Log-uniform steps, and softplus' inverse of them: dt + log(-expm1(-dt))."""
    if found.op == "sum":
        first, second = found.parts
        if second.op != "log":
            first, second = second, first
        steps = _log_uniform(first, shape)
        inverse = second.op == "log" and second.parts[0] == _negative(
            Expression("expm1", (_negative(first),))
        )
        return StepBias(*steps, form="softplus") if steps and inverse else None
    steps = _log_uniform(found, shape)
    return StepBias(*steps, form="value") if steps else None


def _negative(found: Expression) -> Expression:
    return Expression("affine", (found, -1.0, 0.0))


def _log_uniform(found: Expression, shape: Shape) -> tuple[float, float, float] | None:
    floor = 0.0
    if found.op == "clamp" and found.parts[2] is None:
        found, floor = found.parts[0], float(found.parts[1])
    if found.op != "exp":
        return None
    share, slope, shift = _split(found.parts[0])
    law = _plain_law(share, shape)
    if not isinstance(law, UniformLaw) or slope == 0:
        return None
    low, high = sorted(_tidy(math.exp(slope * end + shift)) for end in (law.low, law.high))
    return low, high, floor


def _tidy(number: float) -> float:
    """Without the last digits of a logarithm that was taken back."""
    return float(f"{number:.12g}")


_SCALES = (1.0, 2.0, 1 / 3, 0.5, 2 / 3, 0.25, 4.0, 2.25, 25 / 9, 9 / 16)
"""Squares of the gains that people use: linear, ReLU, torch's layers, tanh's 5/3, SELU's 3/4, ..."""


def _named(law: Initializer, shape: Shape) -> Initializer:
    """The law of variance scaling whose number this is, unless somebody wrote the number itself."""
    if len(shape) < 2 or 0 in shape:
        return law
    kind, variance = _kind(law)
    if not kind or variance <= 0 or _is_written(law):
        return law
    fans = FRAMEWORK_RULES["torch"](shape)
    for mode in ("fan_in", "fan_out", "fan_avg"):
        for scale in _SCALES:
            if math.isclose(variance * fans.get(mode), scale, rel_tol=2e-6):
                return VarianceScaling(scale, mode, kind, fan_rule="torch")
    return law


def _kind(law: Initializer) -> tuple[str, float]:
    if isinstance(law, Normal) and law.mean == 0:
        return "normal", law.std**2
    if isinstance(law, Uniform) and math.isclose(law.low, -law.high, rel_tol=1e-9):
        return "uniform", law.high**2 / 3
    return "", 0.0


def _is_written(law: Initializer) -> bool:
    """Whether its number has three digits or fewer, as numbers in source code have."""
    number = law.std if isinstance(law, Normal) else law.high if isinstance(law, Uniform) else 0.0
    return math.isclose(float(f"{number:.3g}"), number, rel_tol=1e-9)

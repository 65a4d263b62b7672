"""A law and a dtype become a recipe: the few numbers from which a kernel makes values.

Everything that decides *which* numbers are drawn is settled here, once, in float64; the reference and
the native kernel only execute it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property, lru_cache
from typing import Any, Final, final

import numpy as np

from isogain.core.values.distributions import Law, NormalLaw, TruncatedNormalLaw, UniformLaw
from isogain.drawing.dtypes import Dtype
from isogain.errors import DrawError

__all__ = ["WORDS", "Kind", "Recipe", "recipe_for"]

_FARTHEST: Final = {"float32": 8.7, "float64": 9.5}
"""No normal lies farther from 0: the quantile of 2^-57, and sqrt(2 * 65 ln 2)."""
_ENOUGH: Final = 0.3
"""Above this acceptance the parent normal itself is the proposal."""


class Kind(IntEnum):
    """What a kernel does with the words; the numbers are part of the C interface."""

    WORDS = 0
    NORMAL = 1
    UNIFORM = 2
    TRUNCATED_BY_NORMAL = 3
    TRUNCATED_BY_UNIFORM = 4
    TRUNCATED_BY_EXPONENTIAL = 5
    TRUNCATED_SYMMETRIC = 6


@final
@dataclass(frozen=True)
class Recipe:
    """What to make of the words, in numbers the working type holds exactly.

    `offset + factor * variate` is the value.  Proposals outside [accept_low, accept_high] are refused
    and drawn again; values are clamped to [clamp_low, clamp_high], the outermost numbers of the target
    dtype inside the bounds, before the one rounding.  `shape0..2` belong to the proposals that
    are not normal and to symmetric bounds, see below.
    """

    kind: Kind
    dtype: Dtype
    offset: float = 0.0
    factor: float = 1.0
    clamp_low: float = -math.inf
    clamp_high: float = math.inf
    accept_low: float = -math.inf
    accept_high: float = math.inf
    shape0: float = 0.0
    shape1: float = 0.0
    shape2: float = 0.0

    @cached_property
    def numbers(self) -> tuple[float, ...]:
        """The nine numbers in the order of the C interface."""
        return (
            *(self.offset, self.factor, self.clamp_low, self.clamp_high),
            *(self.accept_low, self.accept_high, self.shape0, self.shape1, self.shape2),
        )


WORDS: Final = Recipe(Kind.WORDS, Dtype.of("float32"))
"""The raw 32-bit words themselves."""


@lru_cache(maxsize=512)
def recipe_for(law: Law, dtype: Dtype) -> Recipe:
    """The recipe of a normal, uniform or truncated normal law in one dtype.

    Raises DrawError when the dtype cannot hold what the law asks for.
    """
    if isinstance(law, NormalLaw):
        return _normal(law, dtype)
    if isinstance(law, UniformLaw):
        return _uniform(law, dtype)
    if isinstance(law, TruncatedNormalLaw):
        return _truncated(law, dtype)
    raise DrawError(f"no way to draw the law {law!r} element by element")


def _normal(law: NormalLaw, dtype: Dtype) -> Recipe:
    reach = abs(law.location) + law.scale * _FARTHEST[dtype.working.name]
    if not reach <= dtype.largest:
        raise DrawError(
            f"{law!r} reaches {reach:.4g}, beyond {dtype.name}'s largest number {dtype.largest:.4g}; "
            "ask for a smaller std or a wider dtype"
        )
    return Recipe(Kind.NORMAL, dtype, dtype.work(law.location), dtype.work(law.scale))


def _uniform(law: UniformLaw, dtype: Dtype) -> Recipe:
    if law.low == law.high:
        low = high = dtype.nearest(law.low)
    else:
        low, high = dtype.inside(law.low, law.high, open_above=True)
    middle, half = law.low / 2 + law.high / 2, law.high / 2 - law.low / 2
    return Recipe(Kind.UNIFORM, dtype, dtype.work(middle), dtype.work(half), low, high)


def _truncated(law: TruncatedNormalLaw, dtype: Dtype) -> Recipe:
    low, high = dtype.inside(law.low, law.high)
    accept = dtype.as_working.inside(law.low, law.high)
    bounds: dict[str, Any] = {
        "dtype": dtype,
        "clamp_low": low,
        "clamp_high": high,
        "accept_low": accept[0],
        "accept_high": accept[1],
    }
    alpha, beta = law.alpha, law.beta
    mass = _mass(alpha, beta)
    if mass >= _ENOUGH and dtype.working == np.float32 and _is_symmetric(alpha, beta):
        return _symmetric(law, bounds)
    if mass >= _ENOUGH:
        numbers = dtype.work(law.location), dtype.work(law.scale)
        return Recipe(Kind.TRUNCATED_BY_NORMAL, **bounds, offset=numbers[0], factor=numbers[1])
    if _uniform_acceptance(alpha, beta) >= _exponential_acceptance(alpha, beta):
        return _by_uniform(law, bounds)
    return _by_exponential(law, bounds)


def _is_symmetric(alpha: float, beta: float) -> bool:
    """Whether the bounds lie alike on both sides, or both farther out than any draw."""
    return min(-alpha, beta) > _FARTHEST["float32"] or abs(alpha + beta) <= 1e-9 * min(-alpha, beta)


def _symmetric(law: TruncatedNormalLaw, bounds: dict[str, Any]) -> Recipe:
    """The quantile of a tail probability between that of the bound, q, and 1/2: no draw is refused.

    With m the magnitude of the word, 2^32 times that probability is shape0 m + shape1.
    """
    dtype: Dtype = bounds["dtype"]
    q = _normal_cdf(-min(law.beta, -law.alpha))
    return Recipe(
        Kind.TRUNCATED_SYMMETRIC,
        **bounds,
        offset=dtype.work(law.location),
        factor=dtype.work(law.scale),
        shape0=dtype.work(1 - 2 * q),
        shape1=dtype.work(2.0**32 * q),
    )


def _by_uniform(law: TruncatedNormalLaw, bounds: dict[str, Any]) -> Recipe:
    """Proposal offset + factor u, u uniform on (-1, 1); kept when d (d + shape2) <= -2 log u'.

    d = shape0 + shape1 u is the distance, in standard deviations, from the densest point of the
    interval, m; then x^2 - m^2 = d (d + 2m) without cancellation.
    """
    dtype: Dtype = bounds["dtype"]
    half = law.beta / 2 - law.alpha / 2
    if law.alpha >= 0:
        shape = (half, half, 2 * law.alpha)
    elif law.beta <= 0:
        shape = (half, -half, -2 * law.beta)
    else:
        shape = (law.alpha / 2 + law.beta / 2, half, 0.0)
    middle, radius = law.low / 2 + law.high / 2, law.high / 2 - law.low / 2
    return Recipe(
        Kind.TRUNCATED_BY_UNIFORM,
        **bounds,
        offset=dtype.work(middle),
        factor=dtype.work(radius),
        shape0=dtype.work(shape[0]),
        shape1=dtype.work(shape[1]),
        shape2=dtype.work(shape[2]),
    )


def _by_exponential(law: TruncatedNormalLaw, bounds: dict[str, Any]) -> Recipe:
    """Proposal bound +- scale E / a, E exponential, a the distance of the nearer bound in deviations.

    With r = 2E = -2 log u it is offset + factor r, kept when shape0 r^2 <= -2 log u' (Robert 1995,
    "Simulation of truncated normal variables", with rate a).
    """
    dtype: Dtype = bounds["dtype"]
    right = law.alpha > 0
    rate = law.alpha if right else -law.beta
    step = law.scale / rate / 2
    return Recipe(
        Kind.TRUNCATED_BY_EXPONENTIAL,
        **bounds,
        offset=dtype.work(law.low if right else law.high),
        factor=dtype.work(step if right else -step),
        shape0=dtype.work(0.25 / rate / rate),
    )


def _mass(alpha: float, beta: float) -> float:
    """P(alpha <= z <= beta); only its size matters here, not its last digits."""
    if alpha > 0:
        alpha, beta = -beta, -alpha
    return _normal_cdf(beta) - _normal_cdf(alpha)


def _normal_cdf(z: float) -> float:
    """P(Z <= z), its relative precision kept for z far below 0."""
    return 0.5 * math.erfc(-z / math.sqrt(2))


def _uniform_acceptance(alpha: float, beta: float) -> float:
    """Mean of exp(-(x^2 - m^2)/2) over [alpha, beta]: how often the uniform proposal is kept."""
    if not math.isfinite(beta - alpha):
        return 0.0
    near = max(alpha, -beta, 0.0)
    steps = np.linspace(0.0, beta - alpha, 2001)
    distance = steps if near > 0 else steps + alpha
    return float(np.mean(np.exp(-0.5 * distance * (distance + 2 * near))))


def _exponential_acceptance(alpha: float, beta: float) -> float:
    """How often the exponential proposal with rate a = the nearer bound is kept."""
    near = max(alpha, -beta)
    if near <= 0:
        return 0.0
    width = min(beta - alpha, 50 / near)
    steps = np.linspace(0.0, width, 2001)
    return float(np.mean(near * np.exp(-steps * (near + 0.5 * steps))) * width)

"""The few forms that libraries' rows are lines of."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from isogain.core.initializers import Initializer, Uniform, VarianceScaling
from isogain.core.values.distributions import CHECKS

__all__ = ["Axes", "Taps", "axes", "bounded", "one_over_root", "reading", "scaled", "taps"]

Axes = int | Sequence[int]
Taps = int | Sequence[int]
"""A kernel's size, along all axes or along each."""


def scaled(
    scale: float, mode: str, distribution: str, rule: str, truncation: str = "corrected"
) -> Initializer:
    """Var[w] = scale / fan by a framework's rule."""
    return VarianceScaling(float(scale), mode, distribution, truncation, rule)


def bounded(bound: float) -> Initializer:
    """U(±bound)."""
    return Uniform(-bound, bound)


def reading(rule: str, groups: int = 1, scale: float = 1 / 3) -> Initializer:
    """U(±√(3 scale / fan_in)), 1/√fan_in as it stands; `groups`: all groups' inputs are counted."""
    return scaled(scale / groups, "fan_in", "uniform", rule)


def one_over_root(*sizes: float) -> Initializer:
    """U(±1/√(product of the sizes)), for a vector that does not show them."""
    return bounded(1 / math.sqrt(math.prod(sizes)))


def axes(name: str, given: Axes) -> tuple[int, ...]:
    """The axes named, by one number or several."""
    return (given,) if isinstance(given, int) else CHECKS.series(name, given, "axes")


def taps(kernel_size: Taps, axes: int) -> int:
    """How many positions a kernel has."""
    if isinstance(kernel_size, Sequence | np.ndarray) and not isinstance(kernel_size, str):
        sizes = CHECKS.series("the kernel's size", kernel_size, "whole numbers")
        return math.prod(CHECKS.whole("the kernel's size", one) for one in sizes)
    positions: int = CHECKS.whole("the kernel's size", kernel_size) ** axes
    return positions

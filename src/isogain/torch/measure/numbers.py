"""Numbers of one signal or gradient, worked out where it lies in the host's memory, by C if it was built."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from isogain.inspect.formats import Scales
from isogain.inspect.signals import Channels
from isogain.torch.measure.cuts import FEATURES, KEPT, SAMPLE, SAMPLES, UNITS, Wanted

try:
    from isogain.torch.measure import _numbers  # type: ignore[attr-defined]
except ImportError:  # pragma: no cover - no compiler where it was installed
    _numbers = None

__all__ = ["Signal", "Sizes", "Slopes", "lies_here", "rms_here", "sample_here", "signal_of", "slopes_of"]

Tensor = torch.Tensor
Array = np.ndarray[Any, Any]
DEEPEST = 10
"""Axes of what C looks at."""


class Sizes(NamedTuple):
    """How large the elements are; all but the ends of a sample of them."""

    low: float
    high: float
    mean: float
    rms: float
    zeros: int
    elements: int
    """Of the sample."""
    scales: Scales

    @property
    def finite(self) -> bool:
        """Whether all elements are."""
        return math.isfinite(self.low) and math.isfinite(self.high)


class Signal(NamedTuple):
    """What is known of what a node handed on."""

    sizes: Sizes
    distance: float
    places: float
    """The distance of positions."""
    channels: Channels | None
    seen: Array | None
    """(observations, units) for a spectrum"""
    kept: bytes | None = None
    """The elements, float32, that wait for their gradient."""


class Slopes(NamedTuple):
    """What is known of a gradient."""

    sizes: Sizes
    met: tuple[float, ...] | None
    """Root mean squares of slopes, of values, of what varies of them, of the products with both."""


def lies_here(values: Tensor) -> bool:
    """Whether C can read a tensor where it lies."""
    plain = type(values) in (Tensor, nn.Parameter) and values.dtype == torch.float32
    if _numbers is None or not plain or not values.is_cpu or values.is_neg():
        return False
    return 0 < values.dim() <= DEEPEST and values.numel() > 0 and values.layout == torch.strided


def signal_of(values: Tensor, what: Wanted) -> Signal:
    """The Signal of a tensor that lies here."""
    axis = -1 if what.channels is None else values.dim() + what.channels
    told, apart, places, channels, shape, seen, kept = _numbers.signal(
        *_place(values), -1 if what.samples is None else what.samples, what.places, axis, what.rows,
        (SAMPLE, KEPT, SAMPLES, FEATURES, UNITS),
    )  # fmt: skip
    sizes = _sizes(values, told)
    if seen is not None:
        seen = np.frombuffer(seen, np.float32).reshape(shape)
    if not sizes.finite:
        apart, places, channels = math.nan, math.nan, None
    return Signal(sizes, apart, places, channels and Channels(*channels), seen, kept)


def rms_here(values: Tensor) -> float:
    """The root mean square of a sample of a tensor that lies here."""
    return sample_here(values).rms


def sample_here(values: Tensor) -> Sizes:
    """The Sizes of a sample of a tensor that lies here, with the sample's own ends."""
    (low, high, mean, rms, zeros, count, first, counts), _ = _numbers.slopes(
        *_place(values), (SAMPLE, KEPT), None
    )
    return Sizes(low, high, mean, rms, zeros, count, Scales(first, counts, zeros))


def slopes_of(values: Tensor, signal: bytes | None) -> Slopes:
    """The Slopes of a gradient that lies here, and of the elements kept of its signal."""
    told, met = _numbers.slopes(*_place(values), (SAMPLE, KEPT), signal)
    return Slopes(_sizes(values, told), met)


def _place(values: Tensor) -> tuple[Any, ...]:
    """Where it lies: address, sizes, strides."""
    return values.data_ptr(), tuple(values.shape), values.stride()


def _sizes(values: Tensor, told: tuple[Any, ...]) -> Sizes:
    low, high, mean, rms, zeros, count, first, counts = told
    if count < values.numel():
        low, high = map(float, torch.aminmax(values))
    return Sizes(low, high, mean, rms, zeros, count, Scales(first, counts, zeros))

"""Summaries of signals and gradients: small numbers in float32, from a spread sample of large tensors."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from isogain.inspect.formats import Scales
from isogain.inspect.table import Backward, Channels, Forward, Spectrum
from isogain.torch.measure.sampling import (
    Numbers,
    distance,
    extremes,
    observations,
    positions,
    samples,
    spread,
    sum_of_squares,
)

__all__ = ["KEPT", "ROWS", "backward_summary", "forward_summary", "kept_sample", "scales_of", "spectrum"]

Tensor = torch.Tensor
KEPT = 1 << 12
"""Elements of each signal kept until its gradient arrives."""
SPARSE = 64.0
"""Largest over root mean square of a sample from which the sample has missed what matters."""
ROWS = {"default": 32, "full": 256}
"""Observations behind a spectrum and the statistics of channels, by level."""


def forward_summary(
    tensor: Tensor, batch: int, units: dict[str, Any] | None = None, axis: int | None = None, rows: int = 32
) -> Forward:
    """The Forward of a tensor; `units` holds what `unit_summary` found of an activation.

    With the `axis` of its channels it has a spectrum and statistics of channels, from `rows` observations.
    """
    low, high = extremes(tensor)
    values = Numbers(spread(tensor))
    finite = math.isfinite(low) and math.isfinite(high)
    first, places = samples(tensor, batch) if finite else None, positions(tensor) if finite else None
    seen = observations(tensor, axis, rows) if finite and axis is not None else None
    return Forward(
        mean=values.mean, rms=values.rms, minimum=low, maximum=high,
        zero_fraction=values.zero_fraction, finite=finite, size=tensor.numel(),
        distance=math.nan if first is None else distance(first),
        position_distance=math.nan if places is None else distance(places),
        scales=scales_of(values), spectrum=None if seen is None else spectrum(seen),
        channels=None if seen is None else _channels(seen), **(units or {}),
    )  # fmt: skip


def scales_of(values: Numbers) -> Scales:
    """The histogram of sizes of a sample; infinities and NaN are left out.

    The exponent of a float32 lies in its bits 23 to 30; numbers below 2^-126 count as one octave.
    """
    exponents = (np.ascontiguousarray(values.float32).view(np.int32) >> 23) & 255
    counts = np.bincount(exponents, minlength=256)[:255]
    counts[0] -= values.zeros
    seen = np.flatnonzero(counts)
    if not len(seen):
        return Scales(0, (), values.zeros)
    first, last = int(seen[0]), int(seen[-1])
    return Scales(first - 127, tuple(counts[first : last + 1].tolist()), values.zeros)


def spectrum(rows: Tensor) -> Spectrum | None:
    """Effective and stable rank of (observations, units), from the eigenvalues of the smaller Gram matrix."""
    matrix = rows.detach().cpu().double()
    small = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    squares = torch.linalg.eigvalsh(small @ small.T).clamp_min(0.0).numpy()
    if not squares[-1] > 0:
        return None
    singular = np.sqrt(squares)
    share = singular[singular > 0] / singular.sum()
    entropy = -float(share @ np.log(share))
    return Spectrum(math.exp(entropy), float(squares.sum() / squares[-1]), min(matrix.shape))


def _channels(rows: Tensor) -> Channels:
    values = rows.numpy(force=True).astype(np.float64)
    sizes = np.sqrt(np.square(values).mean(0))
    spread_of_means = float(values.mean(0).std())
    return Channels(
        float(sizes.min()), float(np.median(sizes)), float(sizes.max()), spread_of_means, len(values)
    )


def backward_summary(gradient: Tensor, signal: Tensor | None = None) -> Backward:
    """The Backward of a gradient; `signal` is the spread sample of what it is the gradient of."""
    low, high = extremes(gradient)
    finite, largest = math.isfinite(low) and math.isfinite(high), max(abs(low), abs(high))
    values = Numbers(spread(gradient))
    rms = values.rms
    if finite and largest > SPARSE * rms:
        rms = _whole_rms(gradient, largest)
    influence = math.nan
    if signal is not None:
        met = spread(gradient, KEPT)
        influence = _met(met, signal, rms) if met.shape == signal.shape else influence
    return Backward(rms, largest, finite, gradient.numel(), influence, values.mean, scales_of(values))


def _whole_rms(gradient: Tensor, largest: float) -> float:
    """Of every element, by the largest: of a gradient that few places get, a sample sees next to nothing."""
    length = float(torch.linalg.vector_norm(gradient.detach().abs() / largest, dtype=torch.float32))
    return largest * length / math.sqrt(gradient.numel())


def _met(gradient: Tensor, signal: Tensor, rms: float) -> float:
    """Root mean square of the product with what varies, in float64: an offset (a prior) tells nothing.

    Both may be tiny.  Where the sample missed most of the gradient, whose `rms` is given, in its proportion.
    """
    values, slopes = signal.numpy(force=True), gradient.numpy(force=True).astype(np.float64)
    with np.errstate(all="ignore"):
        varying = values - values.mean(dtype=np.float64)
        seen, product = _rms(slopes), _rms(slopes * varying)
    if not seen < rms / 2:
        return product
    return product * rms / seen if seen > 0 else rms * _rms(varying)


def _rms(values: np.ndarray[Any, Any]) -> float:
    return math.sqrt(sum_of_squares(values) / max(len(values), 1))


def kept_sample(tensor: Tensor) -> Tensor:
    """A small copy of a signal, for `backward_summary`."""
    return spread(tensor, KEPT).clone()

"""Summaries of signals and gradients: small numbers in float32, from a spread sample of large tensors."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from isogain.inspect.formats import Scales
from isogain.inspect.table import Backward, Channels, Forward, Spectrum
from isogain.torch.sampling import distance, extremes, observations, positions, rms, samples, spread

__all__ = ["KEPT", "ROWS", "backward_summary", "forward_summary", "kept_sample", "scales_of", "spectrum"]

Tensor = torch.Tensor
KEPT = 1 << 12
"""Elements of each signal kept until its gradient arrives."""
ROWS = {"default": 32, "full": 256}
"""Observations behind a spectrum and the statistics of channels, by level."""


def forward_summary(
    tensor: Tensor, batch: int, units: dict[str, Any] | None = None, axis: int | None = None, rows: int = 32
) -> Forward:
    """The Forward of a tensor; `units` holds what `unit_summary` found of an activation.

    With the `axis` of its channels it has a spectrum and statistics of channels, from `rows` observations.
    """
    low, high = extremes(tensor)
    values = spread(tensor)
    finite = math.isfinite(low) and math.isfinite(high)
    first, places = samples(tensor, batch) if finite else None, positions(tensor) if finite else None
    seen = observations(tensor, axis, rows) if finite and axis is not None else None
    return Forward(
        mean=float(values.mean()), rms=rms(values), minimum=low, maximum=high,
        zero_fraction=float((values == 0).float().mean()), finite=finite, size=tensor.numel(),
        distance=math.nan if first is None or first.is_complex() else distance(first),
        position_distance=math.nan if places is None else distance(places),
        scales=scales_of(values), spectrum=None if seen is None else spectrum(seen),
        channels=None if seen is None else _channels(seen), **(units or {}),
    )  # fmt: skip


def scales_of(values: Tensor) -> Scales:
    """The histogram of sizes of a float32 sample; infinities and NaN are left out.

    The exponent of a float32 lies in its bits 23 to 30; numbers below 2^-126 count as one octave.
    """
    numbers = values.numpy(force=True)
    counts = np.bincount((numbers.view(np.int32) >> 23) & 255, minlength=256)[:255]
    zeros = int(numbers.size - np.count_nonzero(numbers))
    counts[0] -= zeros
    seen = np.flatnonzero(counts)
    if not len(seen):
        return Scales(0, (), zeros)
    first, last = int(seen[0]), int(seen[-1])
    return Scales(first - 127, tuple(counts[first : last + 1].tolist()), zeros)


def spectrum(rows: Tensor) -> Spectrum | None:
    """Effective and stable rank of (observations, units), from the eigenvalues of the smaller Gram matrix."""
    matrix = rows.double()
    small = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    squares = torch.linalg.eigvalsh(small @ small.T).clamp_min(0.0)
    largest = float(squares[-1])
    if not largest > 0:
        return None
    singular = squares.sqrt()
    share = singular / singular.sum()
    entropy = -float(torch.special.xlogy(share, share).sum())
    return Spectrum(math.exp(entropy), float(squares.sum()) / largest, min(matrix.shape))


def _channels(rows: Tensor) -> Channels:
    squares = rows.square().mean(0).sqrt().sort().values
    last = len(squares) - 1
    return Channels(
        float(squares[0]), float(squares[last // 2]), float(squares[last]),
        float(rows.mean(0).std(correction=0)), rows.shape[0],
    )  # fmt: skip


def backward_summary(gradient: Tensor, signal: Tensor | None = None) -> Backward:
    """The Backward of a gradient; `signal` is the spread sample of what it is the gradient of."""
    low, high = extremes(gradient)
    finite = math.isfinite(low) and math.isfinite(high)
    influence = math.nan
    if signal is not None:
        met = spread(gradient, KEPT)
        influence = rms(met.double() * signal) if met.shape == signal.shape else math.nan
    values = spread(gradient)
    return Backward(
        rms(values), max(abs(low), abs(high)), finite, gradient.numel(), influence,
        float(values.mean()), scales_of(values),
    )  # fmt: skip


def kept_sample(tensor: Tensor) -> Tensor:
    """A small copy of a signal, for `backward_summary`."""
    return spread(tensor, KEPT).clone()

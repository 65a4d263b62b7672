"""Small samples of large tensors, in float32, and what they have in common."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

__all__ = [
    "Numbers",
    "distance",
    "extremes",
    "is_constant",
    "observations",
    "positions",
    "rms_of",
    "samples",
    "spread",
]

Tensor = torch.Tensor
SAMPLE = 1 << 14
"""Elements behind a mean or a root mean square: a standard error of about 1 %."""
SAMPLES, FEATURES = 16, 2048


def spread(tensor: Tensor, limit: int = SAMPLE) -> Tensor:
    """At most about `limit` elements at odd distances, flat, float32 (real parts' magnitudes for complex)."""
    flat = tensor.detach().reshape(-1)
    step = -(-flat.numel() // limit)
    if step > 1:
        flat = flat[:: step | 1]
    if flat.is_complex():
        flat = torch.view_as_real(flat).reshape(-1)
    return flat.float()


def sum_of_squares(values: np.ndarray[Any, Any]) -> float:
    """Without BLAS, whose threads would spin for a while after each product and hold up torch's."""
    return float(np.square(values).sum())


class Numbers:
    """Mean, root mean square and zeros of a spread sample, worked out in float64."""

    def __init__(self, values: Tensor) -> None:
        self.float32 = values.numpy(force=True)
        self.float64 = self.float32.astype(np.float64)
        self.count = max(self.float64.size, 1)
        self.zeros = int(self.float64.size - np.count_nonzero(self.float32))

    @property
    def mean(self) -> float:
        """Mean; 0 of nothing."""
        return float(self.float64.sum()) / self.count

    @property
    def rms(self) -> float:
        """Root mean square; 0 of nothing."""
        return math.sqrt(sum_of_squares(self.float64) / self.count)

    @property
    def std(self) -> float:
        """Standard deviation."""
        return float(self.float64.std()) if self.float64.size else 0.0

    @property
    def constant(self) -> bool:
        """Whether all values are one."""
        return bool((self.float32 == self.float32[:1]).all())

    @property
    def zero_fraction(self) -> float:
        """Share of zeros."""
        return self.zeros / self.count


def rms_of(tensor: Tensor) -> float:
    """Root mean square from a spread sample."""
    return Numbers(spread(tensor)).rms


def extremes(tensor: Tensor) -> tuple[float, float]:
    flat = tensor.detach()
    if flat.is_complex():
        flat = torch.view_as_real(flat)
    if flat.is_floating_point() and flat.element_size() == 1:  # of eight bits, which torch does not compare
        flat = flat.float()
    low, high = torch.aminmax(flat)
    return float(low), float(high)


def is_constant(tensor: Tensor) -> bool:
    """Whether all elements are one value; False where there is nothing to read."""
    if tensor.is_meta or tensor.numel() == 0:
        return False
    low, high = extremes(tensor)
    return low == high


def distance(rows: Tensor) -> float:
    """Mean over pairs of |x - y|^2 / 2, over mean |x|^2: 1 - cosine for rows of one length.

    0 for equal rows, about 1 for unrelated ones of mean 0; exact also for nearly equal ones; nan below two
    rows or when all are 0.
    """
    values = rows.numpy(force=True).astype(np.float64)
    size, count = sum_of_squares(values), len(values)
    if count < 2 or not size > 0:
        return math.nan
    apart = values - values.mean(0)
    return sum_of_squares(apart) * count / (count - 1) / size


def samples(tensor: Tensor, batch: int) -> Tensor | None:
    axis = next((i for i, size in enumerate(tensor.shape[:2]) if size == batch), 0)
    if tensor.dim() < 1 or tensor.shape[axis] < 2 or tensor.numel() == tensor.shape[axis] == 1:
        return None
    rows = tensor.detach().movedim(axis, 0)[:SAMPLES]
    rows = rows.reshape(rows.shape[0], -1)
    if rows.is_complex():
        rows = torch.view_as_real(rows).flatten(1)
    step = -(-rows.shape[1] // FEATURES)
    return rows[:, :: step | 1].float() if step > 1 else rows.float()


def positions(tensor: Tensor) -> Tensor | None:
    if tensor.dim() != 3 or tensor.shape[1] < 2:
        return None
    row = tensor.detach()[0]
    if row.is_complex():
        row = torch.view_as_real(row).flatten(1)
    return row[:: -(-row.shape[0] // SAMPLES), :FEATURES].float()


def observations(tensor: Tensor, axis: int, most: int, units: int = 512) -> Tensor | None:
    """(at most about `most` observations, at most `units` units) of a tensor whose units lie along `axis`.

    Positions are thinned out before samples are.  None where there are not two of each.
    """
    if tensor.dim() < 2 or tensor.shape[axis] < 2 or tensor.is_complex():
        return None
    moved = tensor.detach().movedim(axis, -1)
    sizes = list(moved.shape[:-1])
    steps = [1] * len(sizes)
    for place in range(len(sizes) - 1, -1, -1):
        left = math.prod(-(-size // step) for size, step in zip(sizes, steps, strict=True))
        steps[place] = min(max(-(-left // most), 1), sizes[place])
    cut = moved[tuple(slice(None, None, step) for step in steps)]
    cut = cut[..., :: -(-cut.shape[-1] // units)]
    rows = cut.reshape(-1, cut.shape[-1])
    return rows.float() if rows.shape[0] > 1 else None

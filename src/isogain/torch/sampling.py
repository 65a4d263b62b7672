"""Small samples of large tensors, in float32, and what they have in common."""

from __future__ import annotations

import math

import torch

__all__ = [
    "distance",
    "extremes",
    "is_constant",
    "observations",
    "positions",
    "rms",
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


def rms_of(tensor: Tensor) -> float:
    """Root mean square from a spread sample; scaled so that neither squares nor sums overflow."""
    return rms(spread(tensor))


def rms(values: Tensor) -> float:
    if values.numel() == 0:
        return 0.0
    return float(torch.linalg.vector_norm(values, dtype=torch.float64)) / math.sqrt(values.numel())


def extremes(tensor: Tensor) -> tuple[float, float]:
    flat = tensor.detach()
    if flat.is_complex():
        flat = torch.view_as_real(flat)
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
    rows = rows.double()
    size, count = float(rows.square().sum()), rows.shape[0]
    if count < 2 or not size > 0:
        return math.nan
    return float((rows - rows.mean(0)).square().sum()) * count / (count - 1) / size


def samples(tensor: Tensor, batch: int) -> Tensor | None:
    axis = next((i for i, size in enumerate(tensor.shape[:2]) if size == batch), 0)
    if tensor.dim() < 1 or tensor.shape[axis] < 2 or tensor.numel() == tensor.shape[axis] == 1:
        return None
    rows = tensor.detach().movedim(axis, 0)[:SAMPLES]
    rows = rows.reshape(rows.shape[0], -1)
    step = -(-rows.shape[1] // FEATURES)
    return rows[:, :: step | 1].float() if step > 1 else rows.float()


def positions(tensor: Tensor) -> Tensor | None:
    if tensor.dim() != 3 or tensor.shape[1] < 2:
        return None
    row = tensor.detach()[0]
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

"""Small samples of large tensors, in float32, and what they have in common."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from isogain.torch.measure import cuts
from isogain.torch.measure.cuts import SAMPLE, thinned
from isogain.torch.measure.numbers import lies_here, rms_here

__all__ = [
    "Numbers",
    "extremes",
    "is_constant",
    "observations",
    "own_array",
    "rms_of",
    "spread",
]

Tensor = torch.Tensor


def spread(tensor: Tensor, limit: int = SAMPLE) -> Tensor:
    """At most about `limit` elements at odd distances, flat, float32 (real parts' magnitudes for complex)."""
    flat = tensor.detach().reshape(-1)
    flat = thinned(flat, limit)
    if flat.is_complex():
        flat = torch.view_as_real(flat).reshape(-1)
    return flat.float()


def sum_of_squares(values: np.ndarray[Any, Any]) -> float:
    """Without BLAS, whose threads would spin for a while after each product and hold up torch's."""
    return float(np.square(values).sum())


def own_array(tensor: Tensor) -> np.ndarray[Any, Any]:
    """A copy: memory that NumPy shares cannot be given back, as a sharded model has to."""
    return tensor.detach().clone().numpy(force=True)


class Numbers:
    """Mean, root mean square and zeros of a spread sample, worked out in float64."""

    def __init__(self, values: Tensor) -> None:
        self.float32 = own_array(values)
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
    if lies_here(plain := tensor.detach()):
        return rms_here(plain)
    values = own_array(spread(tensor)).astype(np.float64)
    return math.sqrt(sum_of_squares(values) / max(values.size, 1))


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


def observations(tensor: Tensor, axis: int, most: int, units: int = 512) -> Tensor | None:
    """(at most about `most` observations, at most `units` units) of a tensor whose units lie along `axis`.

    Positions are thinned out before samples are.  None where there are not two of each.
    """
    if tensor.dim() < 2 or tensor.shape[axis] < 2 or tensor.is_complex():
        return None
    rows = cuts.observations(tensor.detach()[None], axis % tensor.dim() - tensor.dim(), most, units)[0]
    return rows.float() if rows.shape[0] > 1 else None

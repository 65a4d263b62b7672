"""The values that are looked at: all, or of a large tensor rows and columns at fixed strides."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from isogain.identification.stored import Floats, Stored, matrix_view

__all__ = ["Sample", "taken"]

MOST = 1 << 16
"""Values: they tell a normal law's std to .3 %, a uniform law's bound to .002 %."""


@dataclass(frozen=True)
class Sample:
    """A matrix of values, with the shape of what it was taken from."""

    matrix: Floats
    shape: tuple[int, ...]
    resolution: float

    @cached_property
    def flat(self) -> Floats:
        """All values."""
        return self.matrix.reshape(-1)

    @property
    def count(self) -> int:
        """How many there are."""
        return self.matrix.size

    @cached_property
    def mean(self) -> float:
        """Their mean."""
        return float(self.flat.mean())

    @cached_property
    def std(self) -> float:
        """Their standard deviation."""
        return float(self.flat.std())

    @cached_property
    def low(self) -> float:
        """The smallest."""
        return float(self.flat.min())

    @cached_property
    def high(self) -> float:
        """The largest."""
        return float(self.flat.max())

    @cached_property
    def kurtosis(self) -> float:
        """Fourth moment over the squared second."""
        square = np.square(self.flat - self.mean)
        return float(np.square(square).mean() / max(float(square.mean()), 1e-300) ** 2)

    @cached_property
    def digest(self) -> bytes:
        """Equal for equal values in equal places."""
        return hashlib.blake2b(self.matrix.tobytes() + str(self.shape).encode(), digest_size=16).digest()


def taken(stored: Stored) -> Sample:
    """The sample of a tensor."""
    rows, columns = matrix_view(stored.shape)
    across = _strided(columns, max(MOST // max(rows, 1), 256)) if rows * columns > MOST else slice(None)
    width = columns if isinstance(across, slice) else len(across)
    down = _strided(rows, max(MOST // max(width, 1), 1))
    return Sample(stored.rows(down, across), stored.shape, stored.resolution)


def _strided(size: int, most: int) -> NDArray[np.intp]:
    return np.linspace(0, size - 1, min(size, most)).astype(np.intp)

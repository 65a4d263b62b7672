"""Where tensors lie: anything that gives rows of a matrix view, so that nothing is read whole."""

from __future__ import annotations

import math
import os
from abc import ABC, abstractmethod
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["InFile", "InMemory", "Stored", "matrix_view"]

Floats = NDArray[np.float64]
FEWEST_ROWS = 32


def matrix_view(shape: Sequence[int]) -> tuple[int, int]:
    """(rows, columns): as many leading axes as give enough rows to compare, a vector as one row."""
    if len(shape) < 2:
        return 1, math.prod(shape)
    rows = 1
    for size in shape[:-1]:
        rows *= size
        if rows >= FEWEST_ROWS:
            break
    return rows, math.prod(shape) // max(rows, 1)


class Stored(ABC):
    """A tensor that has not been read."""

    path: str
    shape: tuple[int, ...]
    resolution: float
    """Half the distance of neighbouring numbers of its type, relative."""
    identity: Hashable | None = None
    """Equal for tensors that share memory."""

    @abstractmethod
    def rows(self, which: NDArray[np.intp], columns: NDArray[np.intp] | slice) -> Floats:
        """These rows and columns of the matrix view."""

    @property
    def count(self) -> int:
        return math.prod(self.shape)


@dataclass
class InMemory(Stored):
    """An array."""

    path: str
    array: NDArray[Any]
    identity: Hashable | None = None

    def __post_init__(self) -> None:
        self.shape = tuple(self.array.shape)
        self.resolution = float(np.finfo(self.array.dtype).eps) / 2 if self.array.dtype.kind == "f" else 0.0

    def rows(self, which: NDArray[np.intp], columns: NDArray[np.intp] | slice) -> Floats:
        return np.asarray(self.array.reshape(matrix_view(self.shape))[which][:, columns], dtype=np.float64)


def _announced(file: int, places: Sequence[int], size: int) -> None:
    """Tells the system what will be read, so that a disk is not waited for row by row."""
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(file, 0, 0, os.POSIX_FADV_RANDOM)  # and nothing beside it
        for place in places:
            os.posix_fadvise(file, place, size, os.POSIX_FADV_WILLNEED)


@dataclass
class InFile(Stored):
    """A stretch of a file, in C order."""

    path: str
    file: Path
    offset: int
    shape: tuple[int, ...]
    dtype: str
    """NumPy's name, or "bfloat16"."""
    identity: Hashable | None = None

    def __post_init__(self) -> None:
        self.resolution = 2.0**-9 if self.dtype == "bfloat16" else float(np.finfo(self.dtype).eps) / 2

    def rows(self, which: NDArray[np.intp], columns: NDArray[np.intp] | slice) -> Floats:
        _, width = matrix_view(self.shape)
        size = 2 if self.dtype == "bfloat16" else np.dtype(self.dtype).itemsize
        found = []
        with self.file.open("rb", buffering=0) as file:
            places = [self.offset + int(row) * width * size for row in which]
            _announced(file.fileno(), places, width * size)
            for place in places:
                file.seek(place)
                found.append(self._decoded(file.read(width * size))[columns])
        return np.asarray(found, dtype=np.float64)

    def _decoded(self, raw: bytes) -> NDArray[Any]:
        if self.dtype != "bfloat16":
            return np.frombuffer(raw, self.dtype)
        return (np.frombuffer(raw, "<u2").astype(np.uint32) << 16).view(np.float32)

"""Slices of stacked parameters: experts, heads, layers of a scan, one along the first axis."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Slices", "mean_cosine", "slices_of"]

SAMPLE = 4096
"""Elements of a slice behind its size."""


@dataclass(frozen=True)
class Slices:
    """A parameter whose first axis counts maps of their own."""

    count: int
    twins: int
    """Slices that equal another one, bit for bit, in numbers that look drawn."""
    kinship: float
    """Mean cosine between the gradients of such slices: 1 parts none of them; nan without any."""
    idle: int
    """Slices whose gradient is exactly 0; 0 where no slice has one."""
    sizes: tuple[float, ...]
    """Root mean square of each."""
    parallel: bool = False
    """Whether one operation reads all of them (experts, heads), or each its own (layers)."""


def slices_of(
    values: np.ndarray[Any, Any], gradient: np.ndarray[Any, Any] | None, parallel: bool
) -> Slices | None:
    """The Slices of an array along its first axis; None below two of them."""
    if values.ndim < 2 or len(values) < 2 or not values[0].size:
        return None
    rows = _flat(values)
    step = -(-rows.shape[1] // SAMPLE) | 1
    some = rows[:, ::step]
    groups = _equal(some)
    idle = 0 if gradient is None else _idle(_flat(gradient))
    akin = [] if gradient is None else [mean_cosine(_flat(gradient)[group]) for group in groups]
    sizes = np.sqrt(np.square(np.abs(some), dtype=np.float64).mean(1))
    twins, kinship = sum(map(len, groups)), max(akin, default=math.nan)
    return Slices(len(values), twins, kinship, idle, tuple(map(float, sizes)), parallel)


def _flat(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return values.reshape(len(values), -1)


def _equal(rows: np.ndarray[Any, Any]) -> list[list[int]]:
    """Groups of equal rows that look drawn: mostly different numbers, in no order."""
    groups: dict[bytes, list[int]] = {}
    for index, row in enumerate(rows):
        groups.setdefault(row.tobytes(), []).append(index)
    return [group for group in groups.values() if len(group) > 1 and _drawn(rows[group[0]])]


def _drawn(row: np.ndarray[Any, Any]) -> bool:
    rising = np.diff(row) >= 0
    return len(row) >= 16 and len(np.unique(row)) > 0.5 * len(row) and bool(rising.any() and not rising.all())


def _idle(rows: np.ndarray[Any, Any]) -> int:
    silent = ~rows.any(axis=1)
    return 0 if silent.all() else int(silent.sum())


def mean_cosine(rows: np.ndarray[Any, Any]) -> float:
    """The mean cosine between pairs of rows; 1 where all are 0, and 0 where some are."""
    rows = rows.astype(np.float64)
    sizes = np.sqrt((rows**2).sum(1, keepdims=True))
    if not sizes.all():
        return float(not sizes.any())
    products = (rows / sizes) @ (rows / sizes).T
    return float(products[np.triu_indices(len(rows), 1)].mean())

"""Orthogonal matrices: lines of one length at right angles, of which a few are enough."""

from __future__ import annotations

import math

import numpy as np

from isogain.core.initializers import Orthogonal
from isogain.identification.result import Fit
from isogain.identification.sample import Sample
from isogain.identification.scales import rounded
from isogain.identification.stored import Floats, Stored, matrix_view

__all__ = ["orthogonal_fit"]

LINES = 48
ENOUGH = 8
"""Lines that are not at right angles by chance; two or three long ones may be, to a thousandth."""
MOST = 1 << 22
"""Numbers that are read for it."""


def orthogonal_fit(stored: Stored, sample: Sample) -> Fit | None:
    """The law, where rows of a wide matrix or columns of a tall one are orthonormal up to a gain."""
    for rule, lines in _lines(stored, sample):
        if len(lines) < 2:
            continue
        gram = lines @ lines.T
        gain = math.sqrt(max(float(np.trace(gram)), 0.0) / len(gram))
        off = float(np.abs(gram / gain**2 - np.eye(len(gram))).max()) if gain else math.inf
        if off < (1e-3 if len(lines) >= ENOUGH else 2e-5) + 20 * sample.resolution:
            return Fit(Orthogonal(rounded(gain, 5), rule), f"orthogonal, gain {gain:.4g}", 0.0)
    return None


def _lines(stored: Stored, sample: Sample) -> list[tuple[str, Floats]]:
    """Some of the lines that would be orthonormal, by both readings of more than two axes."""
    shape, size = stored.shape, stored.count
    if len(shape) < 2 or not _may_be(sample):
        return []
    if sample.count == size:
        whole = sample.flat
    elif len(shape) == 2 and shape[0] <= shape[1]:
        return [("first", stored.rows(_some(shape[0]), slice(None)))]
    elif size <= MOST:
        rows, _ = matrix_view(shape)
        whole = stored.rows(np.arange(rows), slice(None)).reshape(-1)
    else:
        return []
    folded = {"first": whole.reshape(shape[0], -1), "last": whole.reshape(-1, shape[-1])}
    return [(rule, _short_side(matrix)) for rule, matrix in folded.items()]


def _may_be(sample: Sample) -> bool:
    """Entries of an orthogonal matrix have the mean 0."""
    return abs(sample.mean) < 6 * sample.std / math.sqrt(sample.count) + 0.05 * sample.std


def _short_side(matrix: Floats) -> Floats:
    lines = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    return lines[_some(len(lines))]


def _some(count: int) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    return np.linspace(0, count - 1, min(count, LINES)).astype(np.intp)

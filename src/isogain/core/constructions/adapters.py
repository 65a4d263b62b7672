"""Low-rank adapters that start from the weight they adapt: PiSSA and OLoRA."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isogain.checking import Checks, shown
from isogain.errors import InitializerError

__all__ = ["Adapter", "olora", "pissa"]

Array = NDArray[Any]


class Adapter(NamedTuple):
    """A weight taken apart: weight = base + scaling * b @ a."""

    a: Array
    """(rank, in)."""
    b: Array
    """(out, rank)."""
    base: Array
    """What stays frozen, (out, in)."""


def pissa(weight: ArrayLike, rank: int, *, scaling: float = 1.0) -> Adapter:
    """The adapter of a weight's largest singular directions, and the rest of the weight, frozen.

    With W = U S V^T:  B = U_r sqrt(S_r / scaling),  A = sqrt(S_r / scaling) V_r^T,  base = W - scaling B A.
    `weight` is (out, in), as torch holds it; `scaling` is alpha / rank (alpha / sqrt(rank) with rsLoRA).
    Raises InitializerError for a weight that is no matrix, or a rank that it does not have.

    >>> parts = pissa([[2.0, 0.0], [0.0, 1.0]], rank=1)
    >>> parts.base.round(6) + 0.0
    array([[0., 0.],
           [0., 1.]])

    Source: Meng, Wang & Zhang 2024, arXiv 2404.02948, eq. 2-4.
    """
    matrix = _checked(weight, rank, scaling)
    left, values, right = np.linalg.svd(matrix, full_matrices=False)
    roots = np.sqrt(values[:rank] / scaling)
    return _adapter(matrix, roots[:, None] * right[:rank], left[:, :rank] * roots, scaling)


def olora(weight: ArrayLike, rank: int, *, scaling: float = 1.0) -> Adapter:
    """The adapter of a weight's first orthonormal columns, and the rest of the weight, frozen.

    With W = Q R (Householder):  B = Q[:, :r],  A = R[:r],  base = W - scaling B A.  Arguments and errors as
    for `pissa`.

    >>> olora([[3.0, 1.0], [4.0, 2.0]], rank=1).b.round(6)
    array([[-0.6],
           [-0.8]])

    Source: Büyükakyüz 2024, arXiv 2406.01775, algorithm 1.
    """
    matrix = _checked(weight, rank, scaling)
    basis, upper = np.linalg.qr(matrix)
    return _adapter(matrix, upper[:rank], basis[:, :rank], scaling)


def _adapter(matrix: Array, a: Array, b: Array, scaling: float) -> Adapter:
    return Adapter(a, b, matrix - scaling * (b @ a))


def _checked(weight: ArrayLike, rank: int, scaling: float) -> Array:
    try:
        matrix = np.asarray(weight)
    except Exception as error:
        raise InitializerError(f"a weight is a matrix of numbers, got {shown(weight)}") from error
    if matrix.dtype.kind not in "iufc":
        raise InitializerError(f"a weight is a matrix of numbers, got {shown(weight)}")
    if matrix.ndim != 2 or not matrix.size:
        raise InitializerError(f"an adapter is made for a weight (out, in), got the shape {matrix.shape}")
    if not isinstance(rank, int) or not 1 <= rank <= min(matrix.shape):
        raise InitializerError(
            f"rank must lie between 1 and {min(matrix.shape)} for a weight of shape {matrix.shape}, "
            f"got {shown(rank)}"
        )
    Checks(InitializerError).number("scaling", scaling, above=0)
    wide = matrix.astype(np.result_type(matrix.dtype, np.float32))
    if not np.isfinite(wide).all():
        raise InitializerError("an adapter cannot be made for a weight with NaN or infinite entries")
    return wide

"""Haar orthogonal matrices from random Householder reflectors, in blocks."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["haar_orthogonal", "namespace"]

Array = NDArray[Any]

_BLOCK = 128
"""Reflectors applied at once; measured, 64 to 256 are within a tenth of each other."""
_SMALL, _SMALL_BLOCK = 256, 32
"""Up to this many columns, smaller blocks: fewer operations, and products too small for BLAS's threads."""
_ROWS = 512
"""Rows updated at once: the products stay in the cache, the temporary below a few megabytes."""

small: Callable[[Array], bool] = lambda q: False  # noqa: E731 (a hook, not a function of this module)
"""Makes Q^T of a small matrix's normals in place and returns True, or leaves them alone.

`isogain.drawing.native` puts its C kernel here: below a few hundred columns, calling NumPy and BLAS
takes longer than the arithmetic.
"""


def haar_orthogonal(rows: int, columns: int, normals: Array) -> Array:
    """A (semi-)orthogonal matrix, uniform in the Haar sense, from rows * columns standard normals.

    With x_k the k-th row of the normals read as (min, max), from its k-th number on, and H_k the
    reflector that maps x_k to a multiple of e_k, it is H_1 H_2 ... E diag(-sign x_kk), the Q that the
    QR decomposition of a Gaussian matrix would have (Stewart 1980, section 3) at half its cost; its
    transpose where there are as many columns as rows, or more.  The products are applied in blocks
    I - U T U^T with T^-1 = 1 + (the strict upper triangle of U^T U) (Puglisi 1992).

    NumPy's normals are used up: the matrix takes their memory, and a few megabytes besides.  Other
    libraries' arrays go through the `haar_orthogonal` of their namespace where it has one, or their QR.
    """
    if not isinstance(normals, np.ndarray):
        return getattr(namespace(normals), "haar_orthogonal", _by_qr)(rows, columns, normals)
    tall, wide = max(rows, columns), min(rows, columns)
    q = np.ascontiguousarray(normals.reshape(wide, tall))  # row k: first the reflector, then column k of Q
    if not small(q):
        _by_blocks(q)
    return q if columns >= rows else q.T


def namespace(array: Any) -> Any:
    """The library an array belongs to, as its module of functions (array API); NumPy where it says none."""
    own = getattr(array, "__array_namespace__", None)
    return np if own is None or isinstance(array, np.ndarray) else own()


def _by_qr(rows: int, columns: int, normals: Any) -> Any:
    """The same law in any array library: QR of the Gaussian matrix, signs fixed by the diagonal of R."""
    xp = namespace(normals)
    tall, wide = max(rows, columns), min(rows, columns)
    if wide == 0:
        return xp.zeros((rows, columns), dtype=normals.dtype)
    q, r = xp.linalg.qr(normals.reshape(wide, tall).T)
    q = xp.where(xp.linalg.diagonal(r) < 0, -q, q)
    return q.T if columns >= rows else q


def _by_blocks(q: Array) -> None:
    """Q^T in the place of its normals."""
    wide = len(q)
    signs = _reflectors(q)
    block = _SMALL_BLOCK if wide <= _SMALL else _BLOCK
    for first in range((wide - 1) // block * block, -1, -block):
        _apply_block(q, first, min(first + block, wide))
    q *= signs[:, None]


def _reflectors(x: Array) -> Array:
    """Make row k the vector u of H = 1 - u u^T, in place; the sign that H leaves to e_k's image."""
    for first in range(0, len(x), _ROWS):
        part = x[first : first + _ROWS]
        part[...] = np.triu(part, first)
    head = np.diagonal(x).copy()
    norm = np.sqrt(np.einsum("ij,ij->i", x, x, dtype=np.float64))
    np.fill_diagonal(x, head + np.copysign(norm, head).astype(x.dtype))
    x /= np.sqrt(norm * (norm + np.abs(head))).astype(x.dtype)[:, None]
    signs: Array = -np.copysign(np.ones_like(head), head)
    return signs


def _apply_block(q: Array, first: int, last: int) -> None:
    """Rows `first` on of q, which hold Q^T of the later reflectors, times this block's product."""
    size = last - first
    u = q[first:last, first:].copy()
    t = _inverse(np.where(_above(size), u @ u.T, np.eye(size, dtype=q.dtype)))
    q[first:last, first:] = 0
    q[np.arange(first, last), np.arange(first, last)] = 1
    weights = np.empty((len(q) - first, size), q.dtype)
    weights[:size] = u[:, :size].T
    np.matmul(q[last:, last:], u[:, size:].T, out=weights[size:])
    weights = weights @ t.T
    for row in range(first, len(q), _ROWS):
        part = q[row : row + _ROWS, first:]
        part -= weights[row - first : row - first + len(part)] @ u


@cache
def _above(size: int) -> NDArray[np.bool_]:
    """Where a square matrix of this size lies above its diagonal."""
    return np.triu(np.ones((size, size), np.bool_), 1)


def _inverse(upper: Array) -> Array:
    """Of a triangle with ones on its diagonal, by halves: pieces so small that LAPACK starts no threads."""
    from scipy.linalg import lapack  # here, since it takes longer to import than all of isogain

    size = len(upper)
    if size <= _SMALL_BLOCK:
        invert = lapack.strtri if upper.dtype == np.float32 else lapack.dtrtri
        return np.asarray(invert(upper, unitdiag=1)[0])
    half = size // 2
    first, last = _inverse(upper[:half, :half]), _inverse(upper[half:, half:])
    corner = -(first @ upper[:half, half:] @ last)
    return np.block([[first, corner], [np.zeros_like(corner.T), last]])

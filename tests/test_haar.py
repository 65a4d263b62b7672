"""The blocked construction against LAPACK's QR decomposition of the same Gaussian matrix."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

import isogain as ig
from isogain.core.haar import haar_orthogonal


@pytest.mark.parametrize("shape", [(1, 1), (5, 5), (1, 7), (129, 128), (300, 700), (1100, 600), (650, 650)])
def test_it_is_the_q_of_the_qr_decomposition_with_positive_diagonal(shape: tuple[int, int]) -> None:
    """Of the trapezoid of the normals: for one Gaussian column after the other, QR's reflectors."""
    rows, columns = shape
    tall, wide = max(shape), min(shape)
    normals = np.random.default_rng(1).standard_normal(rows * columns)
    q = haar_orthogonal(rows, columns, normals.copy())
    q = q.T if columns >= rows else q
    reflected = np.zeros((tall, wide))  # H_1 ... H_{k-1} x_k, whose QR has exactly these reflectors
    basis = np.eye(tall)
    for k in range(wide):
        x = np.zeros(tall)
        x[k:] = normals.reshape(wide, tall)[k, k:]
        reflected[:, k] = basis @ x
        u = x.copy()
        u[k] += np.copysign(np.linalg.norm(x), x[k])
        basis -= 2 * np.outer(basis @ u, u) / (u @ u)
    expected, r = np.linalg.qr(reflected)
    assert np.abs(q - expected * np.sign(np.diagonal(r))).max() < 1e-9 * tall


@pytest.mark.parametrize(("rows", "columns"), [(1000, 1000), (1300, 400), (400, 1300)])
def test_float32_is_orthogonal_to_one_in_a_hundred_thousand(rows: int, columns: int) -> None:
    normals = np.random.default_rng(2).standard_normal(rows * columns, dtype=np.float32)
    q = haar_orthogonal(rows, columns, normals).astype(np.float64)
    gram = q @ q.T if rows <= columns else q.T @ q
    assert np.abs(gram - np.eye(min(rows, columns))).max() < 1e-5


def test_a_square_matrix_is_drawn_in_the_targets_own_memory() -> None:
    """Of 2000 x 2000 float32 numbers, 16 MB: what is allocated besides stays below half of them."""
    out = np.empty((2000, 2000), np.float32)
    ig.draw("orthogonal", (8, 8), seed=0)  # imports and tables apart
    tracemalloc.start()
    try:
        ig.draw("orthogonal", out.shape, layout="out in", seed=0, path="w", out=out)
        besides = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert besides < out.nbytes / 2
    assert np.array_equal(out, ig.draw("orthogonal", out.shape, layout="out in", seed=0, path="w"))

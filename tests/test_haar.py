"""The blocked construction against LAPACK's QR decomposition of the same Gaussian matrix."""

from __future__ import annotations

import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
import pytest

import isogain as ig
from drawing_samples import instruction_set
from isogain.core.constructions.haar import haar_orthogonal
from isogain.drawing import native

SETS = native.instruction_sets()
SMALL = [
    (1, 1),
    (2, 2),
    (5, 5),
    (1, 7),
    (7, 1),
    (17, 33),
    (33, 17),
    (128, 128),
    (129, 130),
    (250, 64),
    (3, 5000),
]
"""Sizes that the C kernel makes; it leaves those of more than a megabyte to NumPy."""
LARGE = [(300, 700), (700, 600)]


@cache
def q_of_qr(shape: tuple[int, int], seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Normals that float32 holds, and the Q with positive diagonal of LAPACK's QR decomposition.

    Of the trapezoid of the normals: for one Gaussian column after the other, QR's reflectors.
    """
    tall, wide = max(shape), min(shape)
    normals = np.random.default_rng(seed).standard_normal(tall * wide).astype(np.float32).astype(np.float64)
    x = np.triu(normals.reshape(wide, tall)).T
    reflected = x.copy()  # column k: H_1 ... H_{k-1} x_k, whose QR has exactly these reflectors
    for k in range(wide - 1, -1, -1):
        u = x[:, k].copy()
        u[k] += np.copysign(np.linalg.norm(u), u[k])
        reflected[:, k + 1 :] -= np.outer(2 * u / (u @ u), u @ reflected[:, k + 1 :])
    q, r = np.linalg.qr(reflected)
    q = q * np.sign(np.diagonal(r))
    return normals, q.T if shape[1] >= shape[0] else q


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("shape", SMALL + LARGE)
def test_it_is_the_q_of_the_qr_decomposition_with_positive_diagonal(
    shape: tuple[int, int], name: str
) -> None:
    normals, expected = q_of_qr(shape)
    with instruction_set(name):
        q = haar_orthogonal(*shape, normals.copy())
        single = haar_orthogonal(*shape, normals.astype(np.float32))
    assert q.shape == single.shape == shape
    assert (q.dtype, single.dtype) == (np.float64, np.float32)
    assert np.abs(q - expected).max() < 1e-12
    assert np.abs(single - expected).max() < 1e-5


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("shape", SMALL)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_small_ones_are_orthogonal_to_rounding(shape: tuple[int, int], dtype: type, name: str) -> None:
    normals = np.random.default_rng(3).standard_normal(shape[0] * shape[1]).astype(dtype)
    with instruction_set(name):
        q = haar_orthogonal(*shape, normals).astype(np.float64)
    gram = q @ q.T if shape[0] <= shape[1] else q.T @ q
    # lengths are sums of many products, whose rounding walks; how far depends on the machine's own BLAS
    steps = 12 + max(shape) ** 0.5 / 4
    assert np.abs(gram - np.eye(min(shape))).max() < steps * np.finfo(dtype).eps


@pytest.mark.skipif(len(SETS) < 3, reason="less than two instruction sets")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_instruction_set_gives_the_same_bits(dtype: type) -> None:
    rng = np.random.default_rng(4)
    for shape in [*SMALL, *((n, n + more) for n in range(1, 40) for more in (0, 1, 15))]:
        normals = rng.standard_normal(shape[0] * shape[1]).astype(dtype)
        found = []
        for name in SETS[:-1]:
            with instruction_set(name):
                found.append(haar_orthogonal(*shape, normals.copy()).tobytes())
        assert found == found[:1] * len(found), shape


@pytest.mark.skipif(len(SETS) < 2, reason="no C kernel was built")
def test_the_kernel_makes_the_small_ones_and_numpy_the_others() -> None:
    """Of the latter not a bit differs from what NumPy makes alone; of the former, the last ones do."""
    for size, same in ((512, False), (513, True)):
        normals = np.random.default_rng(5).standard_normal(size * size, dtype=np.float32)
        with instruction_set("numpy"):
            by_numpy = haar_orthogonal(size, size, normals.copy())
        by_kernel = haar_orthogonal(size, size, normals)
        assert np.array_equal(by_kernel, by_numpy) == same
        assert np.abs(by_kernel - by_numpy).max() < 1e-5


@pytest.mark.parametrize("name", SETS)
def test_without_elements_and_from_normals_that_lie_apart(name: str) -> None:
    apart = np.random.default_rng(6).standard_normal(2 * 35)[::2]
    before = apart.copy()
    with instruction_set(name):
        for shape in ((0, 0), (0, 5), (5, 0)):
            assert haar_orthogonal(*shape, np.empty(0)).shape == shape
        square = np.ascontiguousarray(apart[:25])
        assert np.array_equal(haar_orthogonal(5, 5, apart[:25]), haar_orthogonal(5, 5, square))
        rows = apart.reshape(5, 7)[:, :5]  # neither can be flattened in place
        assert np.array_equal(haar_orthogonal(5, 5, rows), haar_orthogonal(5, 5, rows.copy()))
    assert np.array_equal(apart[25:], before[25:])


@pytest.mark.skipif(len(SETS) < 2, reason="no C kernel was built")
def test_many_threads_draw_the_same_matrices() -> None:
    def one(k: int) -> bytes:
        return ig.draw("orthogonal", (90, 70), seed=k, layout="out in").tobytes()

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(one, range(40))) == [one(k) for k in range(40)]


@pytest.mark.skipif(len(SETS) < 2, reason="no C kernel was built")
@pytest.mark.parametrize(
    "arguments", [(3, 5, 0, 0), (4, 3, 0, 0), (2, 6, 99, 0), (2, 6, 0, 1), (-2, -6, 0, 0), (2, 6, -1, 0)]
)
def test_the_kernel_refuses_what_does_not_fit(arguments: tuple[int, ...]) -> None:
    """(wide, tall, instruction set, format) for a buffer of 12 float32 numbers."""
    values = np.ones(12, np.float32)
    with pytest.raises(ValueError, match="do not fit"):
        native._native.haar(values, *arguments)
    assert np.all(values == 1)


@pytest.mark.parametrize(("rows", "columns"), [(1000, 1000), (1300, 400), (400, 1300)])
def test_float32_is_orthogonal_to_one_in_a_hundred_thousand(rows: int, columns: int) -> None:
    normals = np.random.default_rng(2).standard_normal(rows * columns, dtype=np.float32)
    q = haar_orthogonal(rows, columns, normals).astype(np.float64)
    gram = q @ q.T if rows <= columns else q.T @ q
    assert np.abs(gram - np.eye(min(rows, columns))).max() < 1e-5


def test_a_square_matrix_is_drawn_in_the_targets_own_memory() -> None:
    """Of 2800 x 2800 float32 numbers, 31 MB: what is allocated besides stays below half of them."""
    out = np.empty((2800, 2800), np.float32)
    ig.draw("orthogonal", (600, 600), seed=0)  # imports and tables apart
    tracemalloc.start()
    try:
        ig.draw("orthogonal", out.shape, layout="out in", seed=0, path="w", out=out)
        besides = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert besides < out.nbytes / 2
    assert np.array_equal(out, ig.draw("orthogonal", out.shape, layout="out in", seed=0, path="w"))

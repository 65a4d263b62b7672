"""Any part of a tensor is that part of the whole, however it is asked for."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import isogain as ig
from isogain.core.values.distributions import (
    ComplexDiscLaw,
    ComplexLaw,
    ConstantLaw,
    Law,
    NormalLaw,
    SparseLaw,
    TruncatedNormalLaw,
    UniformLaw,
)
from isogain.drawing import draw_law
from isogain.drawing.regions import Region

SHAPE = (5, 12, 70)
CASES: dict[str, tuple[Law, str]] = {
    "normal": (NormalLaw(0.0, 1.0), "float32"),
    "normal64": (NormalLaw(0.0, 1.0), "float64"),
    "uniform16": (UniformLaw(-1.0, 1.0), "float16"),
    "truncated": (TruncatedNormalLaw(0.0, 1.0, -1.0, 1.0), "float32"),
    "tail": (TruncatedNormalLaw(0.0, 1.0, 3.0, math.inf), "float64"),
    "constant": (ConstantLaw(0.5), "float16"),
    "sparse": (SparseLaw(0.1, 4, 12, 1), "float32"),
    "sparse_last": (SparseLaw(0.1, 9, 70, -1), "float64"),
    "complex": (ComplexLaw(NormalLaw(0.0, 1.0)), "complex64"),
    "disc": (ComplexDiscLaw(1.0, 2.0), "complex128"),
}
WHOLE = {name: draw_law(law, SHAPE, seed=4, path=name, dtype=dtype) for name, (law, dtype) in CASES.items()}


@st.composite
def boxes(draw: Any) -> tuple[slice, ...]:
    parts = []
    for size in SHAPE:
        low = draw(st.integers(0, size))
        parts.append(slice(low, draw(st.integers(low, size))))
    return tuple(parts)


@settings(max_examples=150, deadline=None)
@given(name=st.sampled_from(sorted(CASES)), box=boxes(), threads=st.integers(1, 3))
def test_a_region_is_that_slice_of_the_whole(name: str, box: tuple[slice, ...], threads: int) -> None:
    law, dtype = CASES[name]
    part = draw_law(law, SHAPE, seed=4, path=name, dtype=dtype, region=box, threads=threads)
    assert part.tobytes() == np.ascontiguousarray(WHOLE[name][box]).tobytes()


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from(sorted(CASES)), box=boxes(), order=st.permutations(range(3)), step=st.integers(1, 3)
)
def test_out_of_any_strides_holds_the_same(name: str, box: tuple[slice, ...], order: Any, step: int) -> None:
    law, dtype = CASES[name]
    sizes = [part.stop - part.start for part in box]
    memory = np.full([sizes[axis] * step for axis in order], 7, dtype)
    out = memory[tuple(slice(None, None, step) for _ in order)].transpose(np.argsort(order))
    assert out.shape == tuple(sizes)
    assert draw_law(law, SHAPE, seed=4, path=name, dtype=dtype, region=box, out=out) is out
    assert np.array_equal(out, WHOLE[name][box])
    assert np.count_nonzero(memory == 7) >= memory.size - out.size


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_threads_change_nothing(threads: int) -> None:
    law = TruncatedNormalLaw(0.0, 1.0, -2.0, 2.0)
    shape = (3, 1_200_007)
    part = draw_law(law, shape, seed=1, path="t", threads=threads, region=(slice(1, 3), slice(5, 1_200_006)))
    assert np.array_equal(part, draw_law(law, shape, seed=1, path="t", threads=1)[1:, 5:-1])


def test_row_and_column_shards_put_together_are_the_whole() -> None:
    whole = ig.draw("he_normal", (300, 130), seed=2, path="w")
    for count in (2, 3, 8):
        for axis in (0, 1):
            ends = np.linspace(0, whole.shape[axis], count + 1).astype(int)
            boxes = [
                tuple(slice(a, b) if axis == at else slice(None) for at in (0, 1))
                for a, b in itertools.pairwise(ends)
            ]
            parts = [ig.draw("he_normal", (300, 130), seed=2, path="w", region=box) for box in boxes]
            assert np.concatenate(parts, axis).tobytes() == whole.tobytes()


def test_above_two_to_the_31_elements_by_region() -> None:
    """The last corner of 2^45 elements, row by row and at once; and no wrap-around at 2^31, 2^32."""
    shape = (2**25, 2**20)
    law = NormalLaw(0.0, 1.0)
    corner = draw_law(law, shape, path="big", region=(slice(-3, None), slice(-40, None)))
    rows = [draw_law(law, shape, path="big", region=(slice(r, r + 1), slice(-40, None))) for r in (-3, -2)]
    last = draw_law(law, shape, path="big", region=(slice(2**25 - 1, None), slice(2**20 - 40, None)))
    assert np.array_equal(corner, np.concatenate([*rows, last]))
    seen = [
        draw_law(law, (2**40,), path="big", region=(slice(at, at + 64),)) for at in (0, 2**31, 2**32, 2**36)
    ]
    assert len({part.tobytes() for part in seen}) == 4
    flat = draw_law(law, (2**40,), path="big", region=(slice(2**31 - 5, 2**31 + 5),))
    assert np.array_equal(flat[5:], seen[1][:5])


def test_the_shape_matters_only_through_the_place() -> None:
    law = NormalLaw(0.0, 1.0)
    flat = draw_law(law, (600,), seed=1, path="x")
    assert np.array_equal(draw_law(law, (20, 30), seed=1, path="x").ravel(), flat)
    assert np.array_equal(draw_law(law, (900,), seed=1, path="x")[:600], flat)


@settings(max_examples=100, deadline=None)
@given(box=boxes(), elements=st.integers(1, 900))
def test_pieces_tile_a_region(box: tuple[slice, ...], elements: int) -> None:
    region = Region.of(SHAPE, box)
    seen = np.zeros(region.shape, int)
    for piece in region.pieces(elements):
        assert piece.size <= max(elements, 1)
        seen[piece.relative_to(region)] += 1
    assert np.all(seen == 1)


def test_scalars_and_one_element_tensors() -> None:
    law = NormalLaw(0.0, 1.0)
    assert draw_law(law, ()).shape == ()
    assert draw_law(law, ()) == draw_law(law, (1, 1))[0, 0] == draw_law(law, 5)[0]

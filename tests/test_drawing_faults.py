"""Every fault gives one clear error, and leaves the target as it was."""

from __future__ import annotations

import builtins
import math
from typing import Any

import numpy as np
import pytest

import isogain as ig
from isogain.core.values.distributions import (
    ConstantLaw,
    NormalLaw,
    SparseLaw,
    TruncatedNormalLaw,
    UniformLaw,
)
from isogain.drawing import draw_law, engine
from isogain.errors import DrawError, IsogainError

NORMAL = NormalLaw(0.0, 1.0)
READ_ONLY = np.zeros((4, 4), np.float32)
READ_ONLY.flags.writeable = False


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"dtype": "int8"}, "dtype 'int8'"),
        ({"dtype": "float8_e4m3fn"}, "draw in float32 and round"),
        ({"region": (slice(0, 5),)}, "outside a length of 4"),
        ({"region": (slice(3, 1),)}, "outside a length of 4"),
        ({"region": (slice(None), slice(None), slice(None))}, "has 3 axes"),
        ({"region": (slice(0, 4, 2),)}, "step"),
        ({"region": (2,)}, "no slice"),
        ({"region": (slice(0.5, 2),)}, "integer bounds"),
        ({"seed": 1.5}, "seed must be an integer"),
        ({"path": 3}, "path must be a string"),
        ({"path": "\ud800"}, "Unicode"),
        ({"threads": 0}, "threads"),
        ({"threads": True}, "threads"),
        ({"out": READ_ONLY}, "read-only"),
        ({"out": np.zeros((4, 3), np.float32)}, r"shape \(4, 3\)"),
        ({"out": np.zeros((4, 4))}, "dtype float64"),
        ({"out": np.zeros((4, 4), ">f4")}, "dtype"),
        ({"out": [[0.0] * 4] * 4}, "NumPy array"),
    ],
)
def test_what_cannot_be_drawn_is_named(options: dict[str, Any], words: str) -> None:
    with pytest.raises(DrawError, match=words):
        draw_law(NORMAL, (4, 4), **options)


@pytest.mark.parametrize(
    ("shape", "words"),
    [((0, 5), "no elements"), ((-1,), "negative"), ((2.5,), "integers"), ((2**40, 2**30), "2\\*\\*62")],
)
def test_shapes_without_a_meaning_are_refused(shape: Any, words: str) -> None:
    with pytest.raises(DrawError, match=words):
        draw_law(NORMAL, shape)


def test_an_empty_region_is_an_empty_array() -> None:
    assert draw_law(NORMAL, (4, 4), region=(slice(2, 2),)).shape == (0, 4)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -1.0])
def test_a_law_without_sense_is_refused_at_birth(bad: float) -> None:
    with pytest.raises(IsogainError, match="std"):
        NormalLaw(0.0, bad)


@pytest.mark.parametrize(
    ("law", "dtype", "words"),
    [
        (NormalLaw(0.0, 2e4), "float16", "largest number 6.55e\\+04"),
        (NormalLaw(0.0, 1e38), "float32", "largest number"),
        (UniformLaw(1.0001, 1.0002), "bfloat16", "has no number in"),
        (TruncatedNormalLaw(0.0, 1.0, 2.0001, 2.0002), "float16", "has no number in"),
        (ConstantLaw(1e39), "float32", "largest"),
        (ConstantLaw(1j), "float32", "complex"),
        (NORMAL, "complex64", "real numbers"),
        (SparseLaw(0.1, 2, 5, 0), "float32", "does not fit the shape"),
    ],
)
def test_a_dtype_that_cannot_hold_the_law_is_named_before_anything_is_written(
    law: Any, dtype: str, words: str
) -> None:
    part = {"bfloat16": "float32"}.get(dtype, dtype)
    out = np.full((4, 4), 7, part) if dtype != "bfloat16" else None
    with pytest.raises(DrawError, match=words):
        draw_law(law, (4, 4), dtype=dtype, out=out) if out is not None else _bfloat16_fill(law)
    assert out is None or np.all(out == 7)


def _bfloat16_fill(law: Any) -> None:
    from drawing_samples import stretch

    stretch(law, "bfloat16", 0, 4)


def test_bfloat16_without_ml_dtypes_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    real_import = builtins.__import__

    def without(name: str, *rest: Any, **options: Any) -> Any:
        if name == "ml_dtypes":
            raise ImportError(name)
        return real_import(name, *rest, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(DrawError, match="pip install ml_dtypes"):
        draw_law(NORMAL, (3,), dtype="bfloat16")


def test_bfloat16_arrays_are_those_of_ml_dtypes() -> None:
    ml_dtypes = pytest.importorskip("ml_dtypes")
    wide = ig.draw("he_normal", (64, 10), path="w")
    assert np.array_equal(
        ig.draw("he_normal", (64, 10), path="w", dtype="bfloat16"), wide.astype(ml_dtypes.bfloat16)
    )


def test_refused_memory_is_one_clear_error() -> None:
    with pytest.raises(DrawError, match="no memory for an array of shape"):
        draw_law(NORMAL, (2**30, 2**30))


def test_a_piece_that_fails_says_how_much_was_written(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(target: Any, key: Any, recipe: Any, starts: Any, length: int, draw: int) -> None:
        if starts[0] > 0:
            raise RuntimeError("a cosmic ray")
        target[...] = 1

    monkeypatch.setattr(engine, "kernel", lambda: failing)
    with pytest.raises(
        DrawError, match=r"1 of 2 pieces .* cosmic ray.* other 1 pieces of the target were written"
    ):
        draw_law(NORMAL, (200_000,), threads=2)


def test_the_environment_s_thread_count_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ISOGAIN_THREADS", "many")
    with pytest.raises(DrawError, match="ISOGAIN_THREADS"):
        draw_law(NORMAL, (3,))
    monkeypatch.setenv("ISOGAIN_THREADS", "2")
    assert engine.thread_count(None) == 2


def test_networks() -> None:
    parameters = ig.draw_network([784, 100, 10], seed=0, layout="in out")
    assert {name: value.shape for name, value in parameters.items()} == {
        "W1": (784, 100),
        "b1": (100,),
        "W2": (100, 10),
        "b2": (10,),
    }
    assert not parameters["b1"].any()
    assert np.array_equal(parameters["W2"], ig.draw("he_normal", (100, 10), layout="in out", path="W2"))
    with pytest.raises(DrawError, match="input and an output"):
        ig.draw_network([784])
    with pytest.raises(DrawError, match="layout"):
        ig.draw_network([784, 10], layout="* in out")

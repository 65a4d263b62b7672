"""Laws that together take every path of the drawing, shared by the drawing tests."""

from __future__ import annotations

import math
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from isogain.core.values.distributions import NormalLaw, TruncatedNormalLaw, UniformLaw
from isogain.drawing.dtypes import Dtype
from isogain.drawing.engine import fill
from isogain.drawing.key import Key
from isogain.drawing.recipe import recipe_for
from isogain.drawing.regions import Region

LAWS = {
    "normal": NormalLaw(0.0, 1.0),
    "normal_shifted": NormalLaw(0.3, 0.02),
    "uniform": UniformLaw(0.0, 1.0),
    "uniform_symmetric": UniformLaw(-0.05, 0.05),
    "truncated_2": TruncatedNormalLaw(0.0, 1.0, -2.0, 2.0),
    "truncated_far": TruncatedNormalLaw(0.3, 2.0, -9.7, 10.3),
    "truncated_asymmetric": TruncatedNormalLaw(0.2, 0.5, -0.1, 1.9),
    "truncated_tail": TruncatedNormalLaw(0.0, 1.0, 8.0, math.inf),
    "truncated_left_tail": TruncatedNormalLaw(1.0, 2.0, -math.inf, -7.0),
    "truncated_far_slice": TruncatedNormalLaw(0.0, 1.0, 3.0, 4.0),
    "truncated_narrow": TruncatedNormalLaw(0.0, 1.0, -0.1, 0.05),
}
DTYPES = ("float32", "float64", "float16", "bfloat16")


def stretch(
    law: Any, dtype: str, start: int, count: int, *, seed: int = 0, path: str = "p", threads: int = 1
) -> np.ndarray[Any, Any]:
    """Elements start .. start + count - 1 of a tensor of 2^61 elements, as they are stored."""
    target = Dtype.of(dtype)
    out = np.zeros(count, target.storage)
    region = Region.of((2**61,), slice(start, start + count))
    fill(out, Key.of(seed, path), recipe_for(law, target), region, threads)
    return out


def numbers(law: Any, dtype: str, count: int, **options: Any) -> np.ndarray[Any, Any]:
    """The same as float64 numbers."""
    return Dtype.of(dtype).to_working(stretch(law, dtype, 0, count, **options)).astype(np.float64)


@contextmanager
def instruction_set(name: str):  # type: ignore[no-untyped-def]
    """Draw with one instruction set while inside."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ISOGAIN_ISA", name)
        yield

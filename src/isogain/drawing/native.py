"""Whether the C kernel is there, and which instruction set it uses.

The environment variable ISOGAIN_ISA forces one: avx512, avx2, baseline, or numpy for the reference.
It is read at every draw, so a test may change it.  Without a kernel, one RuntimeWarning says so; the
numbers are the same.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from isogain.core.constructions import haar
from isogain.drawing.key import Key
from isogain.drawing.recipe import Recipe
from isogain.errors import DrawError

try:
    from isogain.drawing import _native  # type: ignore[attr-defined]
except ImportError:
    _native = None

__all__ = ["CACHED", "Fill", "instruction_sets", "kernel"]

Fill = Callable[[NDArray[Any], Key, Recipe, NDArray[np.uint64], int, int], None]

_TARGETS: Final = {"float32": 0, "float16": 1, "bfloat16": 2, "float64": 3}
_WORKING: Final = {np.dtype(np.float32): 0, np.dtype(np.float64): 3}
CACHED: Final = 1 << 20
"""Bytes of the largest orthogonal matrix made by the C kernel; beyond the cache BLAS is faster."""


def instruction_sets() -> tuple[str, ...]:
    """What ISOGAIN_ISA may say on this machine, the fastest first; 'numpy' is always the last."""
    built = _native.INSTRUCTION_SETS if _native is not None else ()
    return (*(name for name in built if name is not None), "numpy")


def kernel() -> Fill | None:
    """The native kernel's call with the instruction set chosen, or None for the reference."""
    number = _number(os.environ.get("ISOGAIN_ISA", ""))
    return None if number is None else partial(_fill, number)


@lru_cache(maxsize=8)
def _number(wanted: str) -> int | None:
    """Of the instruction set to use; None for the reference."""
    there = instruction_sets()
    if wanted and wanted not in there:
        raise DrawError(f"ISOGAIN_ISA={wanted!r} is not available here; choose from {', '.join(there)}")
    chosen = wanted or there[0]
    if chosen != "numpy":
        return int(_native.INSTRUCTION_SETS.index(chosen))
    if not wanted:
        warnings.warn(
            "isogain was installed without its C kernel (no C compiler was found): draws give the same "
            "numbers, about a hundred times more slowly. ISOGAIN_ISA=numpy silences this.",
            RuntimeWarning,
            stacklevel=2,
        )
    return None


def _fill(
    number: int,
    out: NDArray[Any],
    key: Key,
    recipe: Recipe,
    starts: NDArray[np.uint64],
    length: int,
    draw: int,
) -> None:
    """out: runs of `length` elements that begin at `starts`, side by side."""
    words = (key.word0, key.word1, key.stream, draw)
    target = _TARGETS[recipe.dtype.name]
    _native.fill(out, starts, length, number, int(recipe.kind), target, words, recipe.numbers)


def _small_haar(q: NDArray[Any]) -> bool:
    """The hook of core.haar: Q^T in the place of its normals, where they fit the cache."""
    target = _WORKING.get(q.dtype)
    if _native is None or target is None or q.nbytes > CACHED or not q.flags.carray:
        return False
    number = _number(os.environ.get("ISOGAIN_ISA", ""))
    if number is not None:
        _native.haar(q, *q.shape, number, target)
    return number is not None


haar.small = _small_haar

"""Every kind of law, from the ones drawn element by element to whole constructions."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, Final

import numpy as np
from numpy.typing import DTypeLike, NDArray

from isogain.core.values.distributions import (
    ComplexDiscLaw,
    ComplexLaw,
    ConstantLaw,
    Law,
    NormalLaw,
    SparseLaw,
    StructuredLaw,
)
from isogain.drawing import reference, variates
from isogain.drawing.dtypes import Dtype, complex_parts
from isogain.drawing.engine import fill
from isogain.drawing.key import Key
from isogain.drawing.recipe import WORDS, Recipe, recipe_for
from isogain.drawing.regions import Region
from isogain.errors import DrawError
from isogain.memory import require_room

__all__ = ["representable", "writer"]

Fill = Callable[[NDArray[Any]], None]

_SPARSE_DRAW: Final = 1 << 31
_DISC_DRAW: Final = (1 << 31) + 1
"""Values of counter word 3 that no rejection ever reaches."""
_PIECE: Final = 1 << 20


def writer(law: Law, dtype: DTypeLike, key: Key, region: Region, threads: int) -> Fill:
    """What writes this law's region into an array of its shape and dtype, of any strides.

    For bfloat16 the array may hold ml_dtypes' numbers or their bits as uint16.  All that can be refused
    is refused here, before anything is written.
    """
    part = complex_parts(dtype)
    if isinstance(law, ConstantLaw):
        return partial(_constant, representable(law.value, dtype, part))
    if isinstance(law, StructuredLaw):
        return partial(_structured, law, Dtype.of(part or dtype), key, region, threads)
    fill_box = _by_box(law, dtype, key, region, threads)

    def write(out: NDArray[Any]) -> None:
        if out.flags.c_contiguous:
            fill_box(region, out)
            return
        for piece in region.pieces(_PIECE):
            values = np.empty(piece.shape, out.dtype)
            fill_box(piece, values)
            out[piece.relative_to(region)] = values

    return write


def _by_box(
    law: Law, dtype: DTypeLike, key: Key, region: Region, threads: int
) -> Callable[[Region, NDArray[Any]], None]:
    """The same for any box of the region and a C-contiguous array."""
    part = complex_parts(dtype)
    if part is not None:
        return _complex(law, Dtype.of(part), key, threads)
    target = Dtype.of(dtype)
    if isinstance(law, SparseLaw):
        scaled = recipe_for(NormalLaw(law.location, law.scale), target)
        _check_sparse(law, region)
        return lambda box, out: _sparse(law, key, scaled, box, threads, _bits(out))
    recipe = recipe_for(law, target)
    return lambda box, out: fill(_bits(out), key, recipe, box, threads)


def _bits(out: NDArray[Any]) -> NDArray[Any]:
    """A bfloat16 array as the uint16 it is stored in; any other as it is."""
    return out.view(np.uint16) if out.dtype.name == "bfloat16" else out


def representable(value: float | complex, dtype: DTypeLike, part: str | None) -> float | complex:
    """The constant, once it is sure that the dtype can hold it."""
    number = complex(value)
    target = Dtype.of(part or dtype)
    if part is None and number.imag:
        raise DrawError(f"the constant {value!r} is complex and needs a complex dtype, not {target.name}")
    rounded = complex(target.nearest(number.real), target.nearest(number.imag))
    return rounded if part else rounded.real


def _constant(value: float | complex, out: NDArray[Any]) -> None:
    if out.dtype == np.uint16:
        out.fill(np.float32(value.real).view(np.uint32) >> 16)
    else:
        out.fill(value)


def _complex(law: Law, part: Dtype, key: Key, threads: int) -> Callable[[Region, NDArray[Any]], None]:
    if isinstance(law, ComplexLaw):
        recipe = recipe_for(law.part, part)
        return lambda box, out: fill(out.view(part.storage), key, recipe, box.with_last(2), threads)
    if isinstance(law, ComplexDiscLaw):
        return partial(_disc, law, part, key)
    raise DrawError(f"{law!r} is a law of real numbers; draw it in a real dtype")


def _disc(law: ComplexDiscLaw, part: Dtype, key: Key, region: Region, out: NDArray[Any]) -> None:
    """|w|^2 = -scale^2 log(1 - u (1 - e^{-radius^2})), or u (scale radius)^2; words of block number i."""
    working = part.working.type
    flat, run = out.reshape(-1), region.run
    cut = working(-np.expm1(-(law.radius**2)))
    for first in range(0, region.size, _PIECE):
        number = np.arange(first, min(first + _PIECE, region.size), dtype=np.int64)
        starts = region.runs(int(number[0]) // run, int(number[-1]) // run - int(number[0]) // run + 1)
        indices = starts[number // run - number[0] // run] + (number % run).astype(np.uint64)
        words = reference.blocks(key, indices, _DISC_DRAW)
        pairs = (words[:2], words[2:]) if part.name == "float64" else (words[:1], words[1:2])
        uniform = variates.uniform64(*pairs[0]) if part.name == "float64" else variates.uniform32(*pairs[0])
        share = uniform * working(0.5) + working(0.5)
        if law.density == "uniform":
            radius = working(law.scale * law.radius) * np.sqrt(share)
        else:
            g = -share * cut
            radius = working(law.scale) * np.sqrt(variates.neg2log1p(g, working(1) + g) * working(0.5))
        cosine, sine = variates.angle(*pairs[1])
        flat[first : first + number.size] = radius * cosine + 1j * (radius * sine)


def _check_sparse(law: SparseLaw, region: Region) -> None:
    axes = len(region.whole)
    if not -axes <= law.axis < axes or region.whole[law.axis] != law.length:
        raise DrawError(
            f"{law!r} does not fit the shape {region.whole}: axis {law.axis} must have that length"
        )
    if not 0 <= law.zeros <= law.length or law.length >= 2**32:
        raise DrawError(f"{law!r}: zeros must lie between 0 and the length, itself below 2**32")


def _sparse(law: SparseLaw, key: Key, recipe: Any, region: Region, threads: int, out: NDArray[Any]) -> None:
    fill(out, key, recipe, region, threads)
    axis = law.axis % len(region.whole)
    if law.zeros == 0:
        return
    for piece in _whole_lines(region, axis):
        ranks = np.empty(piece.shape, np.uint32)
        fill(ranks, key, WORDS, piece, threads, _SPARSE_DRAW)
        order = _with_row(ranks, axis)
        last = np.partition(order, law.zeros - 1, axis=axis).take([law.zeros - 1], axis=axis)
        asked = [slice(None)] * len(piece.whole)
        asked[axis] = slice(region.start[axis], region.stop[axis])
        target = list(piece.relative_to(region))
        target[axis] = slice(None)
        out[tuple(target)][(order <= last)[tuple(asked)]] = 0


def _whole_lines(region: Region, axis: int) -> list[Region]:
    """The region's lines along the axis at full length, a few megabytes at a time."""
    across = list(zip(region.start, region.stop, strict=True))
    thin = Region(
        tuple(1 if a == axis else size for a, size in enumerate(region.whole)),
        tuple(0 if a == axis else low for a, (low, _) in enumerate(across)),
        tuple(1 if a == axis else high for a, (_, high) in enumerate(across)),
    )
    length = region.whole[axis]
    pieces = []
    for part in thin.pieces(max(1, _PIECE // length)):
        start, stop = list(part.start), list(part.stop)
        start[axis], stop[axis] = 0, length
        pieces.append(Region(region.whole, tuple(start), tuple(stop)))
    return pieces


def _with_row(ranks: NDArray[np.uint32], axis: int) -> NDArray[np.uint64]:
    """(word, row) as one number, so that no two of a line are equal."""
    shape = [1] * ranks.ndim
    shape[axis] = -1
    rows = np.arange(ranks.shape[axis], dtype=np.uint64).reshape(shape)
    return (ranks.astype(np.uint64) << np.uint64(32)) | rows


def _structured(
    law: StructuredLaw, target: Dtype, key: Key, region: Region, threads: int, out: NDArray[Any]
) -> None:
    recipe = _standard_normal(target.as_working)

    def normals(first: int, count: int) -> NDArray[Any]:
        values = lent if first == 0 and count == lent.size else np.empty(count, target.working)
        if count:
            fill(values, key, recipe, Region((first + count,), (first,), (first + count,)), threads)
        return values

    if law.box is not None:
        lent = np.empty(0, target.working)
        box = law.box(normals)
        share = math.prod(region.shape[1:]) / math.prod(region.whole[1:])
        for piece in region.pieces(max(1, int(_PIECE * share))):
            _put(box(piece.slices), target, out[piece.relative_to(region)])
        return
    largest = max(law.normals, math.prod(region.whole)) * target.working.itemsize
    require_room(largest, f"the construction {law.construction!r} of shape {region.whole}", DrawError)
    lent = _lent(law, target, region, out)
    built = np.asarray(law.build(normals))
    if built.shape != region.whole:
        raise DrawError(f"the construction {law.construction!r} has shape {built.shape}, not {region.whole}")
    _put(built[region.slices], target, out)


def _put(part: NDArray[Any], target: Dtype, out: NDArray[Any]) -> None:
    """Rounds to the target's type, once."""
    if target.name == "bfloat16":
        _bits(out)[...] = variates.to_bfloat16(part.astype(np.float32))
    else:
        out[...] = part


@lru_cache(maxsize=2)
def _standard_normal(working: Dtype) -> Recipe:
    return recipe_for(NormalLaw(0.0, 1.0), working)


def _lent(law: StructuredLaw, target: Dtype, region: Region, out: NDArray[Any]) -> NDArray[Any]:
    """The target's own memory, flat, where a law's only stretch of normals fits it; else nothing.

    Large matrices are then built in place, and a draw needs no second one.
    """
    whole = region.size == law.normals == out.size and target.name != "bfloat16"
    if whole and out.flags.c_contiguous and out.dtype == target.working:
        return out.reshape(-1)
    return np.empty(0, target.working)

"""Part of a tensor, and where its elements stand in the whole one."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import EllipsisType
from typing import Any, SupportsIndex, final

import numpy as np
from numpy.typing import NDArray

from isogain.checking import Checks, shown
from isogain.errors import DrawError

__all__ = ["Region", "RegionLike", "checked_shape"]

CHECKS = Checks(DrawError)
RegionLike = Any
"""None, a slice, or a sequence of slices in which one Ellipsis may stand for all axes not named."""


def checked_shape(shape: Sequence[SupportsIndex] | SupportsIndex) -> tuple[int, ...]:
    """The shape as a tuple of positive integers of a tensor below 2^62 elements, or DrawError."""
    sizes: tuple[int, ...]
    try:
        sizes = (operator.index(shape),)  # type: ignore[arg-type]
    except Exception:  # no number: a sequence of them
        sizes = tuple(_index(size, shape) for size in CHECKS.series("shape", shape, "integers"))
    if any(size < 0 for size in sizes):
        raise DrawError(f"shape {shown(sizes)} has a negative length")
    if 0 in sizes:
        raise DrawError(f"shape {shown(sizes)} has no elements: there is nothing to draw")
    if math.prod(sizes) >= 2**62:
        raise DrawError(f"shape {shown(sizes)} has 2**62 elements or more, beyond the 64-bit element index")
    return sizes


def _index(size: Any, shape: object) -> int:
    try:
        return operator.index(size)
    except Exception:
        raise DrawError(f"shape must be a sequence of integers, got {shown(shape)}") from None


@final
@dataclass(frozen=True)
class Region:
    """A box in a tensor: `start[axis] <= index < stop[axis]`, in a tensor of `whole` shape."""

    whole: tuple[int, ...]
    start: tuple[int, ...]
    stop: tuple[int, ...]

    @staticmethod
    def of(whole: tuple[int, ...], region: RegionLike = None) -> Region:
        """The box that slices name; DrawError for one outside the tensor, a step or a plain index.

        >>> Region.of((4, 6), (slice(1, 3),)).shape
        (2, 6)
        """
        slices = _slices(whole, region)
        bounds = [
            _bounds(axis, size, part) for axis, (size, part) in enumerate(zip(whole, slices, strict=True))
        ]
        return Region(whole, tuple(low for low, _ in bounds), tuple(high for _, high in bounds))

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the part."""
        return tuple(stop - start for start, stop in zip(self.start, self.stop, strict=True))

    @property
    def size(self) -> int:
        """How many elements the part has."""
        return math.prod(self.shape)

    @property
    def slices(self) -> tuple[slice, ...]:
        """The part as an index of the whole array."""
        return tuple(slice(start, stop) for start, stop in zip(self.start, self.stop, strict=True))

    def with_last(self, doubled: int) -> Region:
        """The same box in a tensor with one more axis, taken whole (the parts of complex numbers)."""
        return Region((*self.whole, doubled), (*self.start, 0), (*self.stop, doubled))

    @property
    def run(self) -> int:
        """How many neighbouring elements of the whole lie side by side in the part."""
        return math.prod(self.shape[self._contiguous_axis :])

    def runs(self, first: int, count: int) -> NDArray[np.uint64]:
        """Where runs number first, first + 1, ... begin in the whole tensor."""
        axis = self._contiguous_axis
        offset = _dot(self.start, _strides(self.whole))
        if axis == 0:
            return np.full(1, offset, dtype=np.uint64)
        numbers = np.arange(first, first + count, dtype=np.int64)
        positions = np.full(count, offset, dtype=np.int64)
        for size, stride in zip(
            self.shape[axis - 1 :: -1], _strides(self.whole)[axis - 1 :: -1], strict=True
        ):
            positions += (numbers % size) * stride
            numbers //= size
        return positions.view(np.uint64)

    def even_runs(self) -> Iterator[tuple[int, int, int]]:
        """The runs in their order, as (where the first begins, from one to the next, how many)."""
        axis = self._contiguous_axis
        sizes, strides = self.shape[:axis], _strides(self.whole)[:axis]
        count, step = 1, 0
        while axis > 0 and (count == 1 or strides[axis - 1] == step * count):
            axis -= 1
            step = strides[axis] if count == 1 else step
            count *= sizes[axis]
        origin = _dot(self.start, _strides(self.whole))
        for outer in np.ndindex(*sizes[:axis]):
            yield origin + _dot(outer, strides[:axis]), step, count

    @property
    def _contiguous_axis(self) -> int:
        """The first axis from which on the part is one stretch of memory of the whole."""
        axis = len(self.whole)
        while axis > 0 and (axis == len(self.whole) or self.shape[axis] == self.whole[axis]):
            axis -= 1
        return axis

    def pieces(self, elements: int) -> Iterator[Region]:
        """Boxes of at most `elements` elements (or single ones of the last axes) that tile this one."""
        axis = 0
        while axis < len(self.whole) - 1 and math.prod(self.shape[axis + 1 :]) > elements:
            axis += 1
        if not self.whole:
            yield self
            return
        step = max(1, elements // max(1, math.prod(self.shape[axis + 1 :])))
        for leading in np.ndindex(*self.shape[:axis]):
            corner = tuple(s + i for s, i in zip(self.start[:axis], leading, strict=True))
            for low in range(self.start[axis], self.stop[axis], step):
                high = min(low + step, self.stop[axis])
                yield Region(
                    self.whole,
                    (*corner, low, *self.start[axis + 1 :]),
                    (*(c + 1 for c in corner), high, *self.stop[axis + 1 :]),
                )

    def relative_to(self, outer: Region) -> tuple[slice, ...]:
        """This box as an index of an array that holds `outer`."""
        return tuple(
            slice(low - base, high - base)
            for low, high, base in zip(self.start, self.stop, outer.start, strict=True)
        )


def _slices(whole: tuple[int, ...], region: RegionLike) -> list[Any]:
    if region is None:
        return [slice(None)] * len(whole)
    single = isinstance(region, slice | EllipsisType)
    parts: list[Any] = [region] if single else list(CHECKS.series("region", region, "slices"))
    dots = [place for place, part in enumerate(parts) if part is Ellipsis]
    if len(dots) == 1:
        parts[dots[0] : dots[0] + 1] = [slice(None)] * (len(whole) - len(parts) + 1)
    if len(parts) > len(whole):
        raise DrawError(f"region {shown(region)} has {len(parts)} axes, shape {whole} only {len(whole)}")
    return parts + [slice(None)] * (len(whole) - len(parts))


def _bounds(axis: int, size: int, part: Any) -> tuple[int, int]:
    if not isinstance(part, slice):
        raise DrawError(
            f"region axis {axis}: {shown(part)} is no slice; write slice(i, i + 1) for one index i"
        )
    if part.step is not None and _end(part.step, 1, 0) != 1:
        raise DrawError(
            f"region axis {axis}: {shown(part)} has a step; draw the box and take every n-th of it"
        )
    low = _end(part.start, 0, size)
    high = _end(part.stop, size, size)
    if not 0 <= low <= high <= size:
        raise DrawError(f"region axis {axis}: {shown(part)} lies outside a length of {size}")
    return low, high


def _end(end: Any, default: int, size: int) -> int:
    if end is None:
        return default
    try:
        value = operator.index(end)
    except Exception:
        raise DrawError(f"a region needs integer bounds, got {shown(end)}") from None
    return value + size if value < 0 else value


def _strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(math.prod(shape[axis + 1 :]) for axis in range(len(shape)))


def _dot(first: tuple[int, ...], second: tuple[int, ...]) -> int:
    return sum(a * b for a, b in zip(first, second, strict=True))

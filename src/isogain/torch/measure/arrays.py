"""Numbers of stacks of copies by NumPy, in float64: of what C cannot read, and where it was not built."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from isogain.inspect.formats import Scales
from isogain.inspect.signals import Channels
from isogain.torch.measure.numbers import Signal, Sizes, Slopes

__all__ = ["distances", "moments", "octaves", "signals", "slopes"]

Array = np.ndarray[Any, Any]
PADDED = 30.0
"""Times the slopes of the others that those of zeros have where they are padding."""


def signals(cuts: Any, ends: Array) -> list[Signal]:
    """A Signal of each row of cuts of what nodes handed on."""
    finite = np.asarray(np.isfinite(ends).all(1))
    apart, places = (_of(part, finite, distances, math.nan) for part in (cuts.first, cuts.places))
    channels = _of(cuts.seen, finite, _channels, None)
    seen = [None] * len(ends) if cuts.seen is None else cuts.seen
    return [
        Signal(*one) for one in zip(_sizes_of(cuts.flat, ends), apart, places, channels, seen, strict=True)
    ]


def slopes(flat: Array, ends: Array, met: Array | None, signal: Array | None) -> list[Slopes]:
    """A Slopes of each row of gradients, and of the elements of it and of its signal that meet."""
    sizes = _sizes_of(flat, ends)
    if met is None or signal is None or met.shape != signal.shape:
        return [Slopes(one, None) for one in sizes]
    return [Slopes(*one) for one in zip(sizes, _meetings(met, signal), strict=True)]


def _sizes_of(flat: Array, ends: Array) -> list[Sizes]:
    means, sizes, zeros = moments(flat)
    scales = octaves(flat, zeros)
    return [
        Sizes(low, high, mean, size, zero, flat.shape[1], scale)
        for (low, high), mean, size, zero, scale in zip(
            ends.tolist(), means, sizes, zeros, scales, strict=True
        )
    ]


def _of(stack: Array | None, finite: Array, made: Any, lost: Any) -> list[Any]:
    """What `made` makes of the finite ones; `lost` for the others, and where nothing was cut."""
    if stack is None or not finite.any():
        return [lost] * len(finite)
    found = iter(made(stack if finite.all() else stack[finite]))
    return [next(found) if one else lost for one in finite]


def moments(flat: Array) -> tuple[list[float], list[float], list[int]]:
    """Mean, root mean square and zeros of each row; 0 of nothing."""
    count = max(flat.shape[1], 1)
    values = flat.astype(np.float64)
    zeros = flat.shape[1] - np.count_nonzero(flat, axis=1)
    with np.errstate(invalid="ignore", over="ignore"):
        means = values.sum(1) / count
        sizes = np.sqrt(np.square(values, out=values).sum(1) / count)
    return means.tolist(), sizes.tolist(), zeros.tolist()


def octaves(flat: Array, zeros: Sequence[int]) -> list[Scales]:
    """The histogram of sizes of each row of a sample; infinities and NaN are left out.

    The exponent of a float32 lies in its bits 23 to 30; numbers below 2^-126 count as one octave.
    """
    exponents = (np.ascontiguousarray(flat, dtype=np.float32).view(np.int32) >> 23) & 255
    exponents += np.arange(len(flat), dtype=np.int32)[:, None] * 256
    counts = np.bincount(exponents.reshape(-1), minlength=256 * len(flat)).reshape(-1, 256)[:, :255]
    counts[:, 0] -= zeros
    seen = counts != 0
    first, last = seen.argmax(1).tolist(), (254 - seen[:, ::-1].argmax(1)).tolist()
    return [
        Scales(first[i] - 127, tuple(counts[i, first[i] : last[i] + 1].tolist()), zero)
        if counts[i, first[i]]
        else Scales(0, (), zero)
        for i, zero in enumerate(zeros)
    ]


def distances(rows: Array) -> list[float]:
    """Mean over pairs of |x - y|^2 / 2, over mean |x|^2, for each (rows, features): 1 - cosine of like rows.

    0 for equal rows, about 1 for unrelated ones of mean 0; exact also for nearly equal ones; nan below two
    rows or when all are 0.
    """
    values = rows.astype(np.float64)
    count = values.shape[1]
    size = np.square(values).sum((1, 2))
    if count < 2:
        return [math.nan] * len(values)
    values -= values.mean(1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        found = np.square(values, out=values).sum((1, 2)) * count / (count - 1) / size
    return np.where(size > 0, found, math.nan).tolist()  # type: ignore[no-any-return]


def _channels(rows: Array) -> list[Channels]:
    values = rows.astype(np.float64)
    spread = values.mean(1).std(1).tolist()
    sizes = np.sort(np.sqrt(np.square(values, out=values).mean(1)), 1)
    middle = sizes.shape[1] // 2
    median = (sizes[:, middle] + sizes[:, -1 - middle]) / 2
    ends = zip(sizes[:, 0].tolist(), median.tolist(), sizes[:, -1].tolist(), spread, strict=True)
    return [Channels(*one, values.shape[1]) for one in ends]


def _meetings(met: Array, signal: Array) -> list[tuple[float, ...]]:
    slopes, values = met.astype(np.float64), signal.astype(np.float64)  # both may be tiny
    with np.errstate(all="ignore"):
        varying = np.where(_padded(slopes, values), 0.0, values - values.mean(1, keepdims=True))
        parts = (slopes, values, varying, slopes * values, slopes * varying)
        return list(zip(*(_roots(one).tolist() for one in parts), strict=True))


def _padded(slopes: Array, values: Array) -> Array:
    """Values of exactly 0 where those get slopes beyond all others: rows of padding behind a norm.

    They hand on 0 whatever comes before them, so nothing of them varies.
    """
    idle = values == 0
    quiet, loud = (np.where(one, np.square(slopes), 0.0).sum(1) / one.sum(1) for one in (~idle, idle))
    return np.asarray(idle & (loud > PADDED**2 * quiet)[:, None])


def _roots(rows: Array) -> Array:
    return np.asarray(np.sqrt(np.square(rows).sum(1) / max(rows.shape[1], 1)))

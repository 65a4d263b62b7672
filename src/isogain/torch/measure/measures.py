"""Numbers made of stacks of signals and gradients, of all in a stack at once; worked out in float64."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from isogain.inspect.formats import Scales
from isogain.inspect.table import Backward, Channels, Forward, Spectrum
from isogain.torch.measure.notes import Stack
from isogain.torch.measure.units import units_of

__all__ = ["ROWS", "backwards", "distances", "forwards", "moments", "octaves", "spectra"]

Array = np.ndarray[Any, Any]
ROWS = {"default": 32, "full": 256}
"""Observations behind a spectrum and the statistics of channels, by level."""


def forwards(stack: Stack) -> list[Forward]:
    """A Forward of each of its notes."""
    cuts, finite = stack.cuts, _finite(stack.ends)
    lows, highs = stack.ends.T.tolist()
    means, sizes, zeros = moments(cuts.flat)
    scales = octaves(cuts.flat, zeros)
    apart, places = (_of(part, finite, distances, math.nan) for part in (cuts.first, cuts.places))
    ranks, channels = (_of(cuts.seen, finite, made, None) for made in (spectra, _channels))
    count = max(cuts.flat.shape[1], 1)
    notes, known = stack.notes, finite.tolist()
    units: list[dict[str, Any]] = units_of(stack.units, len(notes)) if stack.units else [{}] * len(notes)
    return [
        Forward(
            mean=means[i], rms=sizes[i], minimum=lows[i], maximum=highs[i],
            zero_fraction=zeros[i] / count, finite=known[i], size=note.size,
            distance=apart[i], position_distance=places[i], scales=scales[i],
            spectrum=ranks[i], channels=channels[i], **units[i],
        )
        for i, note in enumerate(notes)
    ]  # fmt: skip


def backwards(stack: Stack) -> list[Backward]:
    """A Backward of each of its notes."""
    finite = _finite(stack.ends).tolist()
    means, sizes, zeros = moments(stack.cuts.flat)
    scales = octaves(stack.cuts.flat, zeros)
    largest = np.abs(stack.ends).max(1).tolist()
    for i, note in enumerate(stack.notes):  # of a gradient that few places get, a sample may see nothing
        sizes[i] = max(sizes[i], largest[i] / math.sqrt(note.size)) if finite[i] else sizes[i]
    met = _influences(stack, sizes)
    return [
        Backward(
            sizes[i], largest[i], finite[i], note.size, met[i][0], means[i], scales[i], varying=met[i][1]
        )
        for i, note in enumerate(stack.notes)
    ]  # fmt: skip


def _of(stack: Array | None, finite: Array, made: Any, lost: Any) -> list[Any]:
    """What `made` makes of the finite ones; `lost` for the others, and where nothing was cut."""
    if stack is None or not finite.any():
        return [lost] * len(finite)
    found = iter(made(stack if finite.all() else stack[finite]))
    return [next(found) if one else lost for one in finite]


def _finite(ends: Array) -> Array:
    return np.isfinite(ends[:, 0]) & np.isfinite(ends[:, 1])


def moments(flat: Array) -> tuple[list[float], list[float], list[int]]:
    """Mean, root mean square and zeros of each row; 0 of nothing."""
    count = max(flat.shape[1], 1)
    values = flat.astype(np.float64)
    means = values.sum(1) / count
    zeros = flat.shape[1] - np.count_nonzero(flat, axis=1)
    with np.errstate(invalid="ignore", over="ignore"):
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


def spectra(rows: Array) -> list[Spectrum | None]:
    """Effective and stable rank of each (observations, units), by the smaller Gram matrix."""
    matrix = torch.from_numpy(rows.astype(np.float64))
    small = matrix if matrix.shape[1] <= matrix.shape[2] else matrix.mT
    squares = torch.linalg.eigvalsh(small @ small.mT).clamp_min(0.0).numpy()
    singular = np.sqrt(squares)
    with np.errstate(all="ignore"):
        stable = (squares.sum(1) / squares[:, -1]).tolist()
        entropies = _entropies(singular / singular.sum(1, keepdims=True))
    cap = min(rows.shape[1:])
    return [
        Spectrum(math.exp(entropy), ratio, cap) if one[-1] > 0 else None
        for one, entropy, ratio in zip(squares, entropies, stable, strict=True)
    ]


def _entropies(shares: Array) -> list[float]:
    """Of rows of shares, without those of nothing."""
    if (shares > 0).all():
        return (-(shares * np.log(shares)).sum(1)).tolist()  # type: ignore[no-any-return]
    some = (row[row > 0] for row in shares)
    return [-float((row * np.log(row)).sum()) for row in some]


def _channels(rows: Array) -> list[Channels]:
    values = rows.astype(np.float64)
    spread = values.mean(1).std(1).tolist()
    sizes = np.sort(np.sqrt(np.square(values, out=values).mean(1)), 1)
    middle = sizes.shape[1] // 2
    median = (sizes[:, middle] + sizes[:, -1 - middle]) / 2
    ends = zip(sizes[:, 0].tolist(), median.tolist(), sizes[:, -1].tolist(), spread, strict=True)
    return [Channels(*one, values.shape[1]) for one in ends]


def _influences(stack: Stack, sizes: Sequence[float]) -> list[tuple[float, float]]:
    """Root mean square of gradient times signal, and times what of it varies; nan where there is no signal.

    Where the elements met missed most of a gradient of this size, in its proportion.
    """
    met, signal = stack.met, stack.signal
    if met is None or signal is None or met.shape != signal.shape:
        return [(math.nan, math.nan)] * len(sizes)
    slopes, values = met.astype(np.float64), signal.astype(np.float64)  # both may be tiny
    with np.errstate(all="ignore"):
        varying = values - values.mean(1, keepdims=True)
        seen, whole = _sizes(slopes), np.asarray(sizes)
        pairs = [_together(slopes, one, seen, whole) for one in (values, varying)]
    return list(zip(*pairs, strict=True))


def _together(slopes: Array, values: Array, seen: Array, whole: Array) -> list[float]:
    product = _sizes(slopes * values)
    guess = np.where(seen > 0, product * whole / seen, whole * _sizes(values))
    return np.where(seen < whole / 2, guess, product).tolist()  # type: ignore[no-any-return]


def _sizes(rows: Array) -> Array:
    return np.asarray(np.sqrt(np.square(rows).sum(1) / max(rows.shape[1], 1)))

"""Numbers made of cuts of signals and gradients, of many alike at once; worked out in float64."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from isogain.inspect.formats import Scales
from isogain.inspect.table import Backward, Channels, Forward, Spectrum
from isogain.torch.measure.cuts import Cuts
from isogain.torch.measure.units import units_of

__all__ = ["ROWS", "Values", "backwards", "distances", "forwards", "octaves", "spectra", "values_of"]

Array = np.ndarray[Any, Any]
ROWS = {"default": 32, "full": 256}
"""Observations behind a spectrum and the statistics of channels, by level."""


def forwards(notes: Sequence[Any], cuts: Cuts, ends: Array) -> list[Forward]:
    """A Forward of each note, from their cuts and ends."""
    finite = _finite(ends)
    means, sizes, zeros = _moments(cuts.flat)
    scales = octaves(cuts.flat, zeros)
    apart, places = (_of(part, finite, distances, math.nan) for part in (cuts.first, cuts.places))
    ranks, channels = (_of(cuts.seen, finite, made, None) for made in (spectra, _channels))
    count = max(cuts.flat.shape[1], 1)
    units: list[dict[str, Any]] = (
        units_of([note.units for note in notes]) if notes[0].units else [{}] * len(notes)
    )
    return [
        Forward(
            mean=means[i], rms=sizes[i], minimum=float(ends[i, 0]), maximum=float(ends[i, 1]),
            zero_fraction=zeros[i] / count, finite=bool(finite[i]), size=note.size,
            distance=apart[i], position_distance=places[i], scales=scales[i],
            spectrum=ranks[i], channels=channels[i], **units[i],
        )
        for i, note in enumerate(notes)
    ]  # fmt: skip


def backwards(notes: Sequence[Any], cuts: Cuts, ends: Array) -> list[Backward]:
    """A Backward of each note."""
    finite = _finite(ends)
    means, sizes, zeros = _moments(cuts.flat)
    scales = octaves(cuts.flat, zeros)
    met = _influences(notes)
    largest = np.abs(ends).max(1).tolist()
    return [
        Backward(sizes[i], largest[i], bool(finite[i]), note.size, met[i], means[i], scales[i])
        for i, note in enumerate(notes)
    ]


class Values(NamedTuple):
    """What the values of a parameter are like."""

    mean: float
    rms: float
    std: float
    zero_fraction: float
    low: float
    high: float
    sample: Array
    """At most about 2^14 of them, float32."""

    @property
    def finite(self) -> bool:
        """Whether all are."""
        return math.isfinite(self.low) and math.isfinite(self.high)

    @property
    def constant(self) -> bool:
        """Whether all are one."""
        return self.low == self.high


def values_of(notes: Sequence[Any], cuts: Cuts, ends: Array) -> list[Values]:
    """The Values of each note."""
    means, sizes, zeros = _moments(cuts.flat)
    count = max(cuts.flat.shape[1], 1)
    with np.errstate(invalid="ignore", over="ignore"):
        stds = cuts.flat.std(1, dtype=np.float64).tolist()
    return [
        Values(
            means[i], sizes[i], stds[i], zeros[i] / count, float(ends[i, 0]), float(ends[i, 1]), cuts.flat[i]
        )
        for i in range(len(notes))
    ]


def _of(stack: Array | None, finite: Array, made: Any, lost: Any) -> list[Any]:
    """What `made` makes of the finite ones; `lost` for the others, and where nothing was cut."""
    if stack is None or not finite.any():
        return [lost] * len(finite)
    found = iter(made(stack if finite.all() else stack[finite]))
    return [next(found) if one else lost for one in finite]


def _finite(ends: Array) -> Array:
    return np.isfinite(ends[:, 0]) & np.isfinite(ends[:, 1])


def _moments(flat: Array) -> tuple[list[float], list[float], list[int]]:
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
    return [_octaves(row, zero) for row, zero in zip(counts, zeros, strict=True)]


def _octaves(counts: Array, zeros: int) -> Scales:
    seen = np.flatnonzero(counts)
    if not len(seen):
        return Scales(0, (), zeros)
    first, last = int(seen[0]), int(seen[-1])
    return Scales(first - 127, tuple(counts[first : last + 1].tolist()), zeros)


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
    return [_spectrum(one, min(rows.shape[1:])) for one in squares]


def _spectrum(squares: Array, cap: int) -> Spectrum | None:
    if not squares[-1] > 0:
        return None
    singular = np.sqrt(squares)
    share = singular[singular > 0] / singular.sum()
    entropy = -float((share * np.log(share)).sum())
    return Spectrum(math.exp(entropy), float(squares.sum() / squares[-1]), cap)


def _channels(rows: Array) -> list[Channels]:
    values = rows.astype(np.float64)
    spread = values.mean(1).std(1).tolist()
    sizes = np.sort(np.sqrt(np.square(values, out=values).mean(1)), 1)
    middle = sizes.shape[1] // 2
    median = (sizes[:, middle] + sizes[:, -1 - middle]) / 2
    ends = zip(sizes[:, 0].tolist(), median.tolist(), sizes[:, -1].tolist(), spread, strict=True)
    return [Channels(*one, values.shape[1]) for one in ends]


def _influences(notes: Sequence[Any]) -> list[float]:
    """Root mean square of gradient times signal, element by element; nan where there is no signal."""
    met, signal = notes[0].met, notes[0].signal
    if met is None or met.shape != signal.shape:
        return [math.nan] * len(notes)
    both = np.concatenate([note.met for note in notes]).astype(np.float64)  # both may be tiny
    both *= np.concatenate([note.signal for note in notes])
    return np.sqrt(np.square(both, out=both).sum(1) / max(both.shape[1], 1)).tolist()  # type: ignore[no-any-return]

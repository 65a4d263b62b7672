"""What is told of stacks of signals and gradients, made of their numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from isogain.inspect.signals import Backward, Forward, Spectrum
from isogain.torch.measure.notes import Stack
from isogain.torch.measure.numbers import Slopes
from isogain.torch.measure.units import units_of

__all__ = ["ROWS", "backwards", "forwards", "spectra"]

Array = np.ndarray[Any, Any]
ROWS = {"default": 32, "full": 256}
"""Observations behind a spectrum and the statistics of channels, by level."""


def forwards(stack: Stack) -> list[Forward]:
    """A Forward of each of its notes."""
    told = stack.signals()
    count = len(told)
    ranks = _spectra([one.seen if one.sizes.finite else None for one in told])
    units: list[dict[str, Any]] = units_of(stack.units, count) if stack.units else [{}] * count
    return [
        Forward(
            mean=one.sizes.mean, rms=one.sizes.rms, minimum=one.sizes.low, maximum=one.sizes.high,
            zero_fraction=one.sizes.zeros / max(one.sizes.elements, 1), finite=one.sizes.finite,
            size=note.size, distance=one.distance, position_distance=one.places,
            scales=one.sizes.scales, spectrum=rank, channels=one.channels, **unit,
        )
        for note, one, rank, unit in zip(stack.notes, told, ranks, units, strict=True)
    ]  # fmt: skip


def backwards(stack: Stack) -> list[Backward]:
    """A Backward of each of its notes."""
    return [_backward(one, note.size) for one, note in zip(stack.slopes(), stack.notes, strict=True)]


def _backward(one: Slopes, count: int) -> Backward:
    """Of a gradient that few places get, a sample may see nothing; the largest element tells."""
    sizes = one.sizes
    largest = max(abs(sizes.low), abs(sizes.high))
    size = max(sizes.rms, largest / math.sqrt(count)) if sizes.finite else sizes.rms
    influence, varying = _influences(one.met, size)
    return Backward(size, largest, sizes.finite, count, influence, sizes.mean, sizes.scales, varying=varying)


def _influences(met: tuple[float, ...] | None, whole: float) -> tuple[float, float]:
    """Root mean square of gradient times signal, and times what of it varies; nan where there is no signal.

    Where the elements met missed most of a gradient of this size, in its proportion.
    """
    if met is None:
        return math.nan, math.nan
    seen, values, varying, product, changing = met
    found = []
    for size, together in ((values, product), (varying, changing)):
        guess = together * whole / seen if seen > 0 else whole * size
        found.append(guess if seen < whole / 2 else together)
    return found[0], found[1]


def _spectra(seen: list[Array | None]) -> list[Spectrum | None]:
    """The Spectrum of each that was seen, of all together."""
    known = [one for one in seen if one is not None]
    found = iter(spectra(np.stack(known)) if known else ())
    return [None if one is None else next(found) for one in seen]


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

"""What is kept of a signal until numbers are made of it: small cuts, of many signals of one shape at once.

A cut is taken of a stack (n, *shape) of signals: by torch on the device where signals are large, by NumPy
later where they are small enough to be kept whole.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import torch

__all__ = ["KEPT", "SAMPLE", "Cuts", "Wanted", "cut", "observations", "thinned", "wanted"]

Tensor = torch.Tensor
SAMPLE = 1 << 14
"""Elements behind a mean or a root mean square: a standard error of about 1 %."""
KEPT = 1 << 12
"""Elements of each signal kept until its gradient arrives."""
SAMPLES, FEATURES, UNITS = 16, 2048, 512


class Wanted(NamedTuple):
    """What is to be known of a signal beside its size."""

    samples: int | None
    """The axis of its samples, if there are two or more."""
    places: bool
    """Whether it has positions, along axis 1."""
    channels: int | None
    """The axis of its units, from the end, if observations of them are asked for."""
    rows: int


class Cuts(NamedTuple):
    """Small parts of each of n signals: (n, elements), (n, samples, features), (n, positions, features),
    (n, observations, units)."""

    flat: Any
    first: Any = None
    places: Any = None
    seen: Any = None


def wanted(tensor: Tensor, batch: int, axis: int | None, rows: int) -> Wanted:
    """What can be known of a tensor whose units lie along `axis`."""
    shape = tensor.shape
    along = next((i for i, size in enumerate(shape[:2]) if size == batch), 0)
    channels = None if axis is None or not shape else axis % len(shape) - len(shape)
    several = channels is not None and len(shape) > 1 and shape[channels] > 1 and not tensor.is_complex()
    if several and channels is not None:
        several = math.prod(shape) // shape[channels] > 1
    return Wanted(
        along if len(shape) > 0 and shape[along] > 1 else None,
        len(shape) == 3 and shape[1] > 1,
        channels if several else None,
        rows,
    )


def thinned(flat: Any, limit: int) -> Any:
    """At most about `limit` elements of the last axis, at odd distances."""
    step = -(-flat.shape[-1] // limit)
    return flat[..., :: step | 1] if step > 1 else flat


def cut(stack: Any, what: Wanted) -> Cuts:
    """The cuts of a stack of signals."""
    return Cuts(
        thinned(stack.reshape(len(stack), -1), SAMPLE),
        None if what.samples is None else _samples(stack, what.samples),
        _positions(stack) if what.places else None,
        None if what.channels is None else observations(stack, what.channels, what.rows),
    )


def _moved(stack: Any, source: int, target: int) -> Any:
    return (
        np.moveaxis(stack, source, target) if isinstance(stack, np.ndarray) else stack.movedim(source, target)
    )


def _samples(stack: Any, axis: int) -> Any:
    rows = _moved(stack, axis + 1, 1)[:, :SAMPLES]
    return thinned(rows.reshape(*rows.shape[:2], -1), FEATURES)


def _positions(stack: Any) -> Any:
    rows = stack[:, 0]
    rows = rows[:, :: -(-rows.shape[1] // SAMPLES)]
    return rows.reshape(*rows.shape[:2], -1)[..., :FEATURES]


def observations(stack: Any, axis: int, most: int, units: int = UNITS) -> Any:
    """(n, at most about `most` observations, units): positions are thinned out before samples are."""
    moved = _moved(stack, axis, -1)
    sizes = list(moved.shape[1:-1])
    steps = [1] * len(sizes)
    for place in range(len(sizes) - 1, -1, -1):
        left = math.prod(-(-size // step) for size, step in zip(sizes, steps, strict=True))
        steps[place] = min(max(-(-left // most), 1), sizes[place])
    thin = moved[(slice(None), *(slice(None, None, step) for step in steps))]
    thin = thin[..., :: -(-thin.shape[-1] // units)]
    return thin.reshape(len(stack), -1, thin.shape[-1])

"""How many directions a signal fills, and how its channels differ, from a few observations of it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isogain.inspect.signals import Channels, Spectrum

__all__ = ["RANKED", "channels", "observations", "spectrum"]

Array = NDArray[Any]
RANKED = frozenset(["weight", "embedding", "recurrent", "add", "attention"])
"""Kinds of nodes that have a spectrum and statistics of channels."""
OBSERVATIONS, UNITS = 32, 512


def observations(values: Array, axis: int) -> Array | None:
    """(about 32 observations, at most 512 units) of an array whose units lie along `axis`, in float64.

    Positions are thinned out before samples are.  None where there are not two of each.
    """
    if values.ndim < 2 or values.shape[axis] < 2 or values.dtype.kind == "c":
        return None
    moved = np.moveaxis(values, axis, -1)
    steps = [1] * (moved.ndim - 1)
    for place in reversed(range(len(steps))):
        left = math.prod(-(-size // step) for size, step in zip(moved.shape[:-1], steps, strict=True))
        steps[place] = min(max(-(-left // OBSERVATIONS), 1), moved.shape[place])
    cut = moved[tuple(slice(None, None, step) for step in steps)][..., :: -(-moved.shape[-1] // UNITS)]
    rows = cut.reshape(-1, cut.shape[-1]).astype(np.float64)
    return rows if len(rows) > 1 and np.isfinite(rows).all() else None


def spectrum(rows: Array) -> Spectrum | None:
    """Effective and stable rank of (observations, units); None of zeros."""
    singular = np.linalg.svd(rows, compute_uv=False)
    if not singular[0] > 0:
        return None
    share = singular[singular > 0] / singular.sum()
    entropy = -float(share @ np.log(share))
    return Spectrum(math.exp(entropy), float(np.square(singular / singular[0]).sum()), min(rows.shape))


def channels(rows: Array) -> Channels:
    """The quietest, median and loudest channel's root mean square, and the spread of their means."""
    sizes = np.sqrt(np.square(rows).mean(0))
    spread = float(rows.mean(0).std())
    return Channels(float(sizes.min()), float(np.median(sizes)), float(sizes.max()), spread, len(rows))

"""What sines and exponentials receive: angles, and the rates at which a state forgets."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch

from isogain.inspect.looks import Angles, Decays
from isogain.torch.measure.sampling import observations, spread

__all__ = ["of_exponential", "of_sine"]

Tensor = torch.Tensor
ROWS, CHANNELS, ASKED, SAMPLE, FEWEST = 1024, 64, 16, 4096, 4
GRID = 0.7
"""Share of a grid's places that have a neighbour one step away: some may be missing from a batch."""
EVEN = 0.02
"""By how much the distances of a grid's places may seem to differ, and those of a place to itself from 0."""


def of_sine(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Angles | None:
    """The Angles of sin(z) or cos(z)."""
    z = args[0] if args else kwargs.get("input")
    if not isinstance(z, Tensor) or not z.is_floating_point() or z.is_meta or z.numel() < 2:
        return None
    z = z.detach()
    numbers = spread(z)
    largest = float(numbers.abs().max())
    rows = observations(z, -1, ROWS, CHANNELS)
    rows = numbers[:ROWS, None] if rows is None else rows
    near = _nearest(rows)
    std = rows.std(0) if len(rows) > 1 else rows.new_zeros(1)
    return Angles(
        float(numbers.double().square().mean().sqrt()), largest, len(rows),
        float(std.square().mean().sqrt()), float(std.max()),
        near.turn, largest * torch.finfo(z.dtype).eps / 2, bool((rows == rows[:1]).all()),
        _alike(z), near.kinship, near.regular,
    )  # fmt: skip


def _alike(z: Tensor) -> int:
    """How many units lie along the last axis, where all of them are one, and observations differ."""
    units = z.shape[-1]
    if z.dim() < 2 or units < FEWEST or not bool((z[..., 1] == z[..., 0]).all()):
        return 0
    first = z[..., :1]
    return units if bool((z == first).all()) and not bool((first == first.flatten()[0]).all()) else 0


class Nearest(NamedTuple):
    """Between observations and the nearest other one of each, the median of a few."""

    turn: float
    """The 10 % quantile over channels of how far they turn."""
    kinship: float
    """Mean cosine of how far they turn: what their sines and cosines have in common."""
    regular: bool
    """Whether all are as far from each other, as the places of a grid."""


def _nearest(rows: Tensor) -> Nearest:
    asked = rows[:: -(-len(rows) // ASKED)]
    apart = torch.cdist(asked, rows, compute_mode="donot_use_mm_for_euclid_dist")
    apart[apart == 0] = math.inf  # itself, and copies of it
    best, place = apart.min(1)
    kept = torch.isfinite(best)
    if not bool(kept.any()):
        return Nearest(0.0, 1.0, False)
    turns, best = (asked[kept] - rows[place[kept]]).abs(), best[kept]
    even = (best < (1 + EVEN) * best.min()).float().mean()
    regular = len(best) > 2 and float(even) > GRID
    return Nearest(float(turns.quantile(0.1, 1).median()), float(turns.cos().mean(1).median()), regular)


def of_exponential(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Decays | None:
    """The Decays of exp(z) where every z (or its real part) is at most 0."""
    z = args[0] if args else kwargs.get("input")
    if not isinstance(z, Tensor) or z.is_meta or z.numel() < 8:
        return None
    z = z.detach()
    alike = 0 if z.is_complex() else _alike(z)
    if z.is_complex():
        z = _one_step(z.real)
    if not z.is_floating_point():
        return None
    numbers = spread(z, SAMPLE)
    if not bool((numbers <= 0).all()) or not bool((numbers < 0).any()):
        return None
    low, middle, high = (-numbers).quantile(torch.tensor([0.02, 0.5, 0.98], device=numbers.device)).tolist()
    return Decays(low, middle, high, alike, _alone(-z))


def _alone(z: Tensor) -> float:
    """Of the last matrix of a batch, if it is square with a diagonal of zeros: the least beside that."""
    if z.dim() < 2 or not FEWEST <= z.shape[-1] == z.shape[-2]:
        return math.nan
    rows = z.reshape(-1, *z.shape[-2:])[0]
    if float(rows.diagonal().abs().max()) > EVEN * float(rows.abs().max()):
        return math.nan
    some = torch.arange(0, len(rows), -(-len(rows) // CHANNELS), device=rows.device)
    beside = rows[some].clone()
    beside[torch.arange(len(some), device=rows.device), some] = math.inf
    return float(beside.min(1).values.median())


def _one_step(z: Tensor) -> Tensor:
    """Of rates times 0, 1, 2, ... along the last axis, those of one step."""
    counted = z.shape[-1] > 2 and not bool(z[..., 0].any()) and bool(torch.allclose(2 * z[..., 1], z[..., 2]))
    return z[..., 1] if counted else z

"""How places are told apart: constant tables added to signals, and grids that say where signals are read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from isogain.inspect.looks import Grid, Rows
from isogain.torch.measure.sampling import rms_of

__all__ = ["of_grid", "of_summands"]

Tensor = torch.Tensor
ROWS, FEWEST, SAMPLE = 64, 4, 4096


def of_summands(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Rows | None:
    """The Rows of a constant table (places, channels) that is added to a signal of several samples."""
    given = [*args[:2], kwargs.get("other")]
    pair = [one for one in given if isinstance(one, Tensor)]
    if len(pair) != 2 or pair[0].shape[-2:] != pair[1].shape[-2:]:
        return None
    table, signal = sorted(pair, key=lambda one: one.numel())
    if table.requires_grad or table.is_meta or not table.is_floating_point() or not signal.dim() > 2:
        return None
    places = table.shape[-2] if table.dim() > 1 else 0
    if places < FEWEST or table.shape[-1] < FEWEST or table.numel() != places * table.shape[-1]:
        return None
    if signal.numel() == table.numel() or not table.stride(-2):  # one row, on purpose, for all places
        return None
    return _rows(table.detach().reshape(places, -1)[:ROWS].double(), rms_of(signal))


def _rows(table: Tensor, signal: float) -> Rows:
    rms = float(table.square().mean().sqrt())
    apart = table - table.mean(0)
    across = float((table.mean(0) - table.mean()).square().mean().sqrt())
    return Rows(len(table), rms, float(apart.square().mean().sqrt()), across, signal)


def of_grid(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Grid | None:
    """The Grid of grid_sample(signal, grid), whose coordinates run from -1 to 1."""
    signal, grid = (args[k] if len(args) > k else kwargs.get(n) for k, n in enumerate(("input", "grid")))
    if not isinstance(signal, Tensor) or not isinstance(grid, Tensor) or grid.is_meta or grid.numel() < 2:
        return None
    places = grid.detach().reshape(-1, grid.shape[-1])
    places = places[:: -(-len(places) // SAMPLE)].float()
    outside = (places.abs() > 1).any(-1)
    return Grid(len(places), float(outside.float().mean()), rms_of(grid))

"""What an activation does to its units: how many it turns off, how many it holds where it is flat."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import torch

from isogain.core.activations import ActivationError, activation

__all__ = ["unit_summary"]

Tensor = torch.Tensor
FLAT = ("relu", "relu6", "hard_tanh", "hard_sigmoid", "hard_swish", "softshrink", "relu_squared")
"""Activations with a slope of exactly 0 somewhere."""
SATURATED = 0.06


def _by_unit(tensor: Tensor, axis: int) -> Tensor:
    """(observations, units)"""
    moved = tensor.detach().movedim(axis, -1)
    return moved.reshape(-1, moved.shape[-1])


def unit_summary(inputs: Tensor, name: str, settings: dict[str, float], axis: int) -> dict[str, float]:
    """What an activation does to its units: dead and saturated shares, with what chance would give."""
    if inputs.dim() < 2 or inputs.numel() == 0 or not inputs.is_floating_point():
        return {}
    rows = _by_unit(inputs, axis)
    found: dict[str, float] = {"observations": rows.shape[0]}
    if name in FLAT:
        found |= _dead(rows, name, settings)
    return found | _saturated(rows, name, settings)


def _dead(rows: Tensor, name: str, settings: dict[str, float]) -> dict[str, float]:
    low, high = torch.aminmax(rows, dim=0)
    left, right = _flat_ends(name, tuple(settings.items()))
    dead = (high <= left) | (low >= right)
    # drawn weights do not know the sign: as many units are on for every sample as are off
    always = (low > left) & (high < right)
    return {"dead_fraction": float(dead.float().mean()), "expected_dead": float(always.float().mean())}


@lru_cache(maxsize=64)
def _flat_ends(name: str, settings: tuple[tuple[str, float], ...]) -> tuple[float, float]:
    """Below the first and above the second the slope is 0."""
    phi = activation(name, **dict(settings))
    grid = np.linspace(-40, 40, 16001)
    flat = phi.derivative(grid) == 0
    left = grid[np.argmin(flat) - 1] if flat[0] else -math.inf
    right = grid[len(grid) - np.argmin(flat[::-1])] if flat[-1] else math.inf
    return round(float(left), 2), round(float(right), 2)


@lru_cache(maxsize=64)
def _steepest(name: str, settings: tuple[tuple[str, float], ...]) -> float:
    grid = np.linspace(-8, 8, 4001)
    return float(np.abs(activation(name, **dict(settings)).derivative(grid)).max())


def _saturated(rows: Tensor, name: str, settings: dict[str, float]) -> dict[str, float]:
    z = rows[:: max(rows.shape[0] // 64, 1)][:, :: max(rows.shape[1] // 128, 1)].float().cpu().numpy()
    try:
        phi = activation(name, **settings)
    except ActivationError:
        return {}
    bar = SATURATED * _steepest(name, tuple(settings.items()))
    with np.errstate(all="ignore"):
        flat = np.abs(phi.derivative(z)) < bar
        shifted = np.abs(phi.derivative(z.mean(0))) < bar
    return {"saturated_fraction": float(flat.mean()), "shifted_fraction": float((flat & shifted).mean())}

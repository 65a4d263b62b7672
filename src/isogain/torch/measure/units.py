"""What an activation does to its units: how many it turns off, how many it holds where it is flat."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import torch

from isogain.core.activations import Activation, ActivationError, activation
from isogain.torch.measure.sampling import observations

__all__ = ["unit_summary"]

Tensor = torch.Tensor
FLAT = ("relu", "relu6", "hard_tanh", "hard_sigmoid", "hard_swish", "softshrink", "relu_squared")
"""Activations with a slope of exactly 0 somewhere."""
SATURATED = 0.06


OBSERVATIONS, UNITS = 4096, 4096
SLOPES = 64, 128
"""Observations and units at which slopes are taken."""


def unit_summary(inputs: Tensor, name: str, settings: dict[str, float], axis: int) -> dict[str, float]:
    """What an activation does to its units: dead and saturated shares, with what chance would give."""
    if inputs.dim() < 2 or inputs.numel() == 0 or not inputs.is_floating_point():
        return {}
    rows = observations(inputs, axis, OBSERVATIONS, UNITS)
    if rows is None:
        rows = inputs.detach().movedim(axis, -1).reshape(-1, inputs.shape[axis]).float()
    found: dict[str, float] = {"observations": rows.shape[0]}
    known = tuple(sorted(settings.items()))
    if name in FLAT:
        found |= _dead(rows, name, known)
    return found | _saturated(rows, name, known)


def _dead(rows: Tensor, name: str, settings: tuple[tuple[str, float], ...]) -> dict[str, float]:
    low, high = (ends.numpy(force=True) for ends in (rows.amin(0), rows.amax(0)))
    left, right = _flat_ends(name, settings)
    dead = (high <= left) | (low >= right)
    # drawn weights do not know the sign: as many units are on for every sample as are off
    always = (low > left) & (high < right)
    return {"dead_fraction": float(dead.mean()), "expected_dead": float(always.mean())}


@lru_cache(maxsize=256)
def _known(name: str, settings: tuple[tuple[str, float], ...]) -> Activation | None:
    try:
        return activation(name, **dict(settings))
    except ActivationError:
        return None


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


def _saturated(rows: Tensor, name: str, settings: tuple[tuple[str, float], ...]) -> dict[str, float]:
    phi = _known(name, settings)
    if phi is None:
        return {}
    step, stride = (max(size // most, 1) for size, most in zip(rows.shape, SLOPES, strict=True))
    z = rows[:: step | 1, ::stride].numpy(force=True)  # an even step would meet one column of a picture
    bar = SATURATED * _steepest(name, settings)
    with np.errstate(all="ignore"):
        flat = np.abs(phi.derivative(z)) < bar
        shifted = np.abs(phi.derivative(z.mean(0))) < bar
    return {"saturated_fraction": float(flat.mean()), "shifted_fraction": float((flat & shifted).mean())}

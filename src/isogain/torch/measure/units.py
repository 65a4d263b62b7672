"""What an activation does to its units: how many it turns off, how many it holds where it is flat."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import torch

from isogain.core.activations import Activation, ActivationError, activation
from isogain.torch.measure.cuts import SAMPLE, observations

__all__ = ["Units", "noted_units", "units_of"]

Tensor = torch.Tensor
Array = np.ndarray[Any, Any]
FLAT = ("relu", "relu6", "hard_tanh", "hard_sigmoid", "hard_swish", "softshrink", "relu_squared")
"""Activations with a slope of exactly 0 somewhere."""
SATURATED = 0.06
SHUT = 1e-6
"""Part of the steepest slope below which nothing is learnt through it: as a prior, one in a million."""


OBSERVATIONS, UNITS = 4096, 4096
SLOPES = 64, 128
"""Observations and units at which slopes are taken."""


class Units(NamedTuple):
    """What is kept of an activation's inputs: whole where they are few, else their cuts."""

    name: str
    settings: tuple[tuple[str, float], ...]
    axis: int
    """That of the units, from the end."""
    whole: bool
    observations: int
    span: Any
    """(2, units), each unit's least and largest; None while whole, and where the slope is never 0."""
    values: Any
    """(observations, units), as many as slopes are taken at; or all inputs as they were."""

    @property
    def kind(self) -> tuple[Any, ...]:
        """What those have in common that can be stacked."""
        return (*self[:5], self.span is not None and self.span.shape, self.values.shape)


def noted_units(inputs: Tensor, name: str, settings: dict[str, float], axis: int) -> Units | None:
    """The Units of an activation, before an operation in place overwrites its input."""
    if inputs.dim() < 2 or inputs.numel() == 0 or not inputs.is_floating_point():
        return None
    values, axis = inputs.detach(), axis % inputs.dim() - inputs.dim()
    whole = Units(name, tuple(sorted(settings.items())) if settings else (), axis, True, 0, None, values)
    if values.numel() <= SAMPLE:
        return whole._replace(values=values.to(torch.float32, copy=True))
    some = _cut(whole._replace(values=values[None]))
    span = None if some.span is None else some.span[0].float()
    return some._replace(span=span, values=some.values[0].to(torch.float32, copy=True))


def _cut(stack: Units) -> Units:
    """The cuts of a stack of inputs that are whole."""
    inputs = stack.values
    units, elements = inputs.shape[stack.axis], math.prod(inputs.shape[1:])
    limits = (OBSERVATIONS, UNITS) if 1 < units < elements else (elements, elements)
    rows = observations(inputs, stack.axis, *limits)
    step, stride = (max(size // most, 1) for size, most in zip(rows.shape[1:], SLOPES, strict=True))
    values = rows[:, :: step | 1, ::stride]  # an even step would meet one column of a picture
    span = _span(rows) if stack.name in FLAT else None
    return stack._replace(whole=False, observations=rows.shape[1], span=span, values=values)


def _span(rows: Any) -> Any:
    if isinstance(rows, np.ndarray):
        return np.stack([rows.min(1), rows.max(1)], 1)
    return torch.stack([rows.amin(1), rows.amax(1)], 1)  # ten times as fast as aminmax


def units_of(stack: Units, count: int) -> list[dict[str, Any]]:
    """What activations of one kind do to their units: dead and saturated shares, with what chance gives."""
    cut = _cut(stack) if stack.whole else stack
    found: list[dict[str, Any]] = [{"observations": cut.observations} for _ in range(count)]
    parts = [] if cut.span is None else [_dead(cut.span, cut)]
    parts.append(_saturated(cut.values, cut))
    for part in parts:
        for one, numbers in zip(found, part, strict=False):
            one |= numbers
    return found


def _dead(ends: Array, first: Units) -> list[dict[str, float]]:
    low, high = ends[:, 0], ends[:, 1]
    left, right = _flat_ends(first.name, first.settings)
    dead = ((high <= left) | (low >= right)).mean(1).tolist()
    # drawn weights do not know the sign: as many units are on for every sample as are off
    always = ((low > left) & (high < right)).mean(1).tolist()
    return [{"dead_fraction": a, "expected_dead": b} for a, b in zip(dead, always, strict=True)]


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


def _saturated(z: Array, first: Units) -> list[dict[str, float]]:
    phi = _known(first.name, first.settings)
    if phi is None:
        return []
    steepest = _steepest(first.name, first.settings)
    with np.errstate(all="ignore"):
        slopes = np.abs(phi.derivative(z))
        flat, shut = slopes < SATURATED * steepest, slopes < SHUT * steepest
        shifted = np.abs(phi.derivative(z.mean(1))) < SATURATED * steepest
    names = ("saturated_fraction", "shifted_fraction", "shut_fraction")
    shares = [one.mean((1, 2)).tolist() for one in (flat, flat & shifted[:, None], shut)]
    return [dict(zip(names, row, strict=True)) for row in zip(*shares, strict=True)]

"""Summaries of tensors: small numbers in float32, from a spread sample where the tensor is large."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import torch

from isogain.core.activations import ActivationError, activation
from isogain.inspect.table import Backward, Forward, ParameterState

__all__ = [
    "backward_summary",
    "distance",
    "forward_summary",
    "kept_sample",
    "parameter_state",
    "rms_of",
    "unit_summary",
]

Tensor = torch.Tensor
SAMPLE = 1 << 14
"""Elements behind a mean or a root mean square: a standard error of about 1 %."""
KEPT = 1 << 12
"""Elements of each signal kept until its gradient arrives."""
SAMPLES, FEATURES = 16, 2048
BOUNDED = ("tanh", "sigmoid", "hard_tanh", "hard_sigmoid", "softsign", "erf", "arctan")
"""Activations that saturate on both sides."""
FLAT = ("relu", "relu6", "hard_tanh", "hard_sigmoid", "hard_swish", "softshrink", "relu_squared")
"""Activations with a slope of exactly 0 somewhere."""
SATURATED = 0.06


def spread(tensor: Tensor, limit: int = SAMPLE) -> Tensor:
    """At most about `limit` elements at odd distances, flat, float32 (real parts' magnitudes for complex)."""
    flat = tensor.detach().reshape(-1)
    step = -(-flat.numel() // limit)
    if step > 1:
        flat = flat[:: step | 1]
    if flat.is_complex():
        flat = torch.view_as_real(flat).reshape(-1)
    return flat.float()


def rms_of(tensor: Tensor) -> float:
    """Root mean square from a spread sample; scaled so that neither squares nor sums overflow."""
    return _rms(spread(tensor))


def _rms(values: Tensor) -> float:
    if values.numel() == 0:
        return 0.0
    return float(torch.linalg.vector_norm(values, dtype=torch.float64)) / math.sqrt(values.numel())


def _extremes(tensor: Tensor) -> tuple[float, float]:
    flat = tensor.detach()
    if flat.is_complex():
        flat = torch.view_as_real(flat)
    low, high = torch.aminmax(flat)
    return float(low), float(high)


def distance(rows: Tensor) -> float:
    """Mean over pairs of |x - y|^2 / 2, over mean |x|^2: 1 - cosine for rows of one length.

    0 for equal rows, about 1 for unrelated ones of mean 0; exact also for nearly equal ones; nan below two
    rows or when all are 0.
    """
    rows = rows.double()
    size, count = float(rows.square().sum()), rows.shape[0]
    if count < 2 or not size > 0:
        return math.nan
    return float((rows - rows.mean(0)).square().sum()) * count / (count - 1) / size


def _samples(tensor: Tensor, batch: int) -> Tensor | None:
    axis = next((i for i, size in enumerate(tensor.shape[:2]) if size == batch), 0)
    if tensor.dim() < 1 or tensor.shape[axis] < 2 or tensor.numel() == tensor.shape[axis] == 1:
        return None
    rows = tensor.detach().movedim(axis, 0)[:SAMPLES]
    rows = rows.reshape(rows.shape[0], -1)
    step = -(-rows.shape[1] // FEATURES)
    return rows[:, :: step | 1].float() if step > 1 else rows.float()


def _positions(tensor: Tensor) -> Tensor | None:
    if tensor.dim() != 3 or tensor.shape[1] < 2:
        return None
    row = tensor.detach()[0]
    return row[:: -(-row.shape[0] // SAMPLES), :FEATURES].float()


def forward_summary(tensor: Tensor, batch: int, units: dict[str, Any] | None = None) -> Forward:
    """The Forward of a tensor; `units` holds what `unit_summary` found of an activation."""
    low, high = _extremes(tensor)
    values = spread(tensor)
    finite = math.isfinite(low) and math.isfinite(high)
    samples, positions = _samples(tensor, batch) if finite else None, _positions(tensor) if finite else None
    return Forward(
        mean=float(values.mean()), rms=_rms(values), minimum=low, maximum=high,
        zero_fraction=float((values == 0).float().mean()), finite=finite, size=tensor.numel(),
        distance=math.nan if samples is None or samples.is_complex() else distance(samples),
        position_distance=math.nan if positions is None else distance(positions),
        **(units or {}),
    )  # fmt: skip


def backward_summary(gradient: Tensor, signal: Tensor | None = None) -> Backward:
    """The Backward of a gradient; `signal` is the spread sample of what it is the gradient of."""
    low, high = _extremes(gradient)
    finite = math.isfinite(low) and math.isfinite(high)
    influence = math.nan
    if signal is not None:
        met = spread(gradient, KEPT)
        influence = _rms(met.double() * signal) if met.shape == signal.shape else math.nan
    return Backward(_rms(spread(gradient)), max(abs(low), abs(high)), finite, gradient.numel(), influence)


def kept_sample(tensor: Tensor) -> Tensor:
    """A small copy of a signal, for `backward_summary`."""
    return spread(tensor, KEPT).clone()


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
    if name in BOUNDED:
        found |= _saturated(rows, name, settings)
    return found


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


def parameter_state(name: str, parameter: Tensor, gradient: Tensor | None, unit_axis: int | None,
                    bias: Tensor | None = None, asked: bool = True) -> ParameterState:  # fmt: skip
    """The ParameterState of a parameter and the gradient it got (None where none reached it)."""
    if parameter.is_meta or parameter.numel() == 0:
        nan = math.nan
        lost = parameter.is_meta or tuple(parameter.shape) == (0,)
        return ParameterState(
            name, nan, nan, nan, nan, nan, True, False, on_device=not lost, empty=not lost, requested=asked
        )
    low, high = _extremes(parameter)
    values = spread(parameter)
    constant = low == high
    duplicates, twins, units = 0.0, math.nan, 0
    if unit_axis is not None and parameter.dim() >= 2 and math.isfinite(low + high):
        duplicates, twins, units = _duplicates(parameter, gradient, unit_axis, bias)
    return ParameterState(
        name, _rms(values), float(values.mean()), float(values.std(correction=0)), max(abs(low), abs(high)),
        float((values == 0).float().mean()), math.isfinite(low) and math.isfinite(high), constant,
        implausible=_decades(values), duplicate_units=duplicates, units=units, twin_gradients=twins,
        fingerprint="" if constant else _fingerprint(parameter, values),
        gradient=None if gradient is None else backward_summary(gradient), requested=asked,
    )  # fmt: skip


def _decades(values: Tensor) -> float:
    size = values[:KEPT].abs()
    size = size[(size > 0) & torch.isfinite(size)]
    if size.numel() < 20:
        return 0.0
    ordered = size.sort().values
    low, high = float(ordered[len(ordered) // 100]), float(ordered[-1 - len(ordered) // 100])
    return math.log10(high / low)


def _fingerprint(parameter: Tensor, values: Tensor) -> str:
    """A hash of the values, if they look drawn: in two axes or more, mostly different, in no order."""
    if sum(size > 1 for size in parameter.shape) < 2 or values.numel() < 16:
        return ""
    unique = torch.unique(values[:1024])
    if unique.numel() < 0.5 * min(values.numel(), 1024):
        return ""
    steps = values[:1024].diff()
    if float((steps >= 0).float().mean()) in (0.0, 1.0):  # a ramp that somebody wrote down
        return ""
    return hashlib.blake2b(values.cpu().numpy().tobytes(), digest_size=12).hexdigest()


def _duplicates(
    parameter: Tensor, gradient: Tensor | None, axis: int, bias: Tensor | None
) -> tuple[float, float, int]:
    """Share of units with an exact twin (bias included), and of those, share with equal gradients."""
    rows = parameter.detach().movedim(axis, 0).reshape(parameter.shape[axis], -1)
    units, _width = rows.shape
    if units < 2:
        return 0.0, math.nan, units
    groups = _equal_rows(rows, bias)
    if not groups:
        return 0.0, math.nan, units
    members = sum(len(group) for group in groups)
    if gradient is None:
        return members / units, math.nan, units
    slopes = gradient.detach().movedim(axis, 0).reshape(units, -1)
    same = sum(len(group) for group in groups if _nearly_equal(slopes[list(group)]))
    return members / units, same / members, units


def _equal_rows(rows: Tensor, bias: Tensor | None) -> list[Sequence[int]]:
    columns = torch.linspace(0, rows.shape[1] - 1, min(rows.shape[1], 4), device=rows.device).long()
    keys = rows[:, columns].float()
    if bias is not None and bias.numel() == rows.shape[0]:
        keys = torch.cat([keys, bias.detach().reshape(-1, 1).float()], dim=1)
    buckets: dict[tuple[float, ...], list[int]] = {}
    for index, key in enumerate(keys.tolist()):
        buckets.setdefault(tuple(key), []).append(index)
    found: list[Sequence[int]] = []
    for bucket in buckets.values():
        if len(bucket) > 1:
            first = rows[bucket[0]]
            equal = (rows[bucket] == first).all(dim=1).tolist()
            same = [index for index, one in zip(bucket, equal, strict=True) if one]
            found += [same] if len(same) > 1 else []
    return found


def _nearly_equal(slopes: Tensor) -> bool:
    """Equal up to the rounding of sums done in another order."""
    slopes = slopes.double()
    scale = float(slopes.abs().max())
    return scale == 0 or float((slopes - slopes[0]).abs().max()) <= 1e-4 * scale

"""Summaries of signals, gradients and parameters as NumPy arrays, as an inspection's table holds them."""

from __future__ import annotations

import hashlib
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isogain.core.activations import ActivationError, activation
from isogain.inspect.formats import Scales
from isogain.inspect.scattering import decades_of_few, scattering
from isogain.inspect.signals import Backward, Forward
from isogain.inspect.table import ParameterState
from isogain.jax.ranks import channels, observations, spectrum

__all__ = ["backward_summary", "distance", "forward_summary", "parameter_state", "unit_summary"]

Array = NDArray[Any]
SAMPLE, SAMPLES, FEATURES = 1 << 14, 16, 2048
SATURATED = 0.06
"""A slope below this share of the steepest one counts as flat."""
SHUT = 1e-6
"""And below this one nothing is learnt through it."""
STEEP = 8.0
"""Slopes are compared on (-STEEP, STEEP)."""


def forward_summary(
    values: Array, batch: int, units: dict[str, Any] | None = None, axis: int | None = None
) -> Forward:
    """The Forward of a signal; `units` is what `unit_summary` found of an activation.

    With the `axis` of its channels it has a spectrum and statistics of channels.
    """
    flat = _real(values)
    finite = bool(np.isfinite(flat).all())
    part = _spread(flat)
    rows = observations(values, axis) if finite and axis is not None else None
    return Forward(
        mean=float(part.mean()), rms=_rms(part), minimum=float(flat.min()), maximum=float(flat.max()),
        zero_fraction=float((part == 0).mean()), finite=finite, size=values.size,
        distance=_between_samples(values, batch) if finite else math.nan,
        position_distance=_between_positions(values) if finite else math.nan,
        scales=_scales(part), spectrum=None if rows is None else spectrum(rows),
        channels=None if rows is None else channels(rows), **(units or {}),
    )  # fmt: skip


def backward_summary(gradient: Array, signal: Array | None = None) -> Backward:
    """The Backward of a gradient; with the signal it belongs to, its influence too."""
    flat = _real(gradient)
    part = _spread(flat)
    met = None if signal is None else _spread(_real(signal))
    influence, varying = (math.nan, math.nan) if met is None else (
        _rms(part * met), _rms(part * (met - met.mean()))
    )  # fmt: skip
    return Backward(
        _rms(part), float(np.abs(flat).max()), bool(np.isfinite(flat).all()), gradient.size, influence,
        float(part.mean()), _scales(part), varying=varying,
    )  # fmt: skip


def unit_summary(inputs: Array, name: str, settings: dict[str, float], axis: int) -> dict[str, Any]:
    """Dead, always active and saturated shares of an activation's units; nothing where it is unknown."""
    if inputs.ndim < 2 or inputs.dtype.kind == "c":
        return {}
    try:
        phi = activation(name, **settings)
    except ActivationError:
        return {}
    rows = np.moveaxis(inputs, axis, -1).reshape(-1, inputs.shape[axis]).astype(np.float64)
    steepest = float(np.abs(phi.derivative(np.linspace(-STEEP, STEEP, 4001))).max())
    few = rows[:: max(len(rows) // 256, 1)]
    slopes = np.abs(phi.derivative(few))
    flat = slopes < SATURATED * steepest
    constant = np.abs(phi.derivative(few.mean(0))) < SATURATED * steepest
    found = {
        "observations": len(rows),
        "saturated_fraction": float(flat.mean()),
        "shifted_fraction": float((flat & constant).mean()),
        "shut_fraction": float((slopes < SHUT * steepest).mean()),
    }
    if (phi.derivative(np.linspace(-40, 40, 4001)) == 0).any():
        slopes = np.abs(phi.derivative(rows[:: max(len(rows) // 4096, 1)]))
        found["dead_fraction"] = float((slopes == 0).all(axis=0).mean())
        found["expected_dead"] = float((slopes != 0).all(axis=0).mean())
    return found


def parameter_state(
    name: str, values: Array, gradient: Array | None, axis: int | None, trainable: bool
) -> ParameterState:
    """The ParameterState of a parameter; `axis` counts its output units, None where none does."""
    if values.size == 0:
        nan = math.nan
        return ParameterState(name, nan, nan, nan, nan, nan, True, False, empty=True, requested=trainable)
    flat = _real(values)
    part, constant = _spread(flat), bool(flat.min() == flat.max())
    duplicates, twins, units = 0.0, math.nan, 0
    orthogonal = False
    if axis is not None and values.ndim >= 2:
        rows = np.moveaxis(values, axis, 0).reshape(values.shape[axis], -1)
        duplicates, twins, units = _duplicates(rows, gradient, axis)
        orthogonal = not constant and _is_orthogonal(rows)
    return ParameterState(
        name, _rms(part), float(part.mean()), float(part.std()), float(np.abs(flat).max()),
        float((part == 0).mean()), bool(np.isfinite(flat).all()), constant,
        implausible=_decades(part), scattered=scattering(part), duplicate_units=duplicates, units=units,
        twin_gradients=twins, orthogonal=orthogonal, fingerprint=_fingerprint(values, part, constant),
        gradient=None if gradient is None else backward_summary(gradient), requested=trainable,
    )  # fmt: skip


def distance(rows: Array) -> float:
    """Mean over pairs of |x - y|^2 / 2, over mean |x|^2: 1 - cosine for rows of one length."""
    rows = rows.astype(np.float64)
    size, count = float(np.square(rows).sum()), len(rows)
    if count < 2 or not size > 0:
        return math.nan
    return float(np.square(rows - rows.mean(0)).sum()) * count / (count - 1) / size


def _real(values: Array) -> Array:
    flat = np.asarray(values).reshape(-1)
    if flat.dtype.kind == "c":
        flat = flat.view(flat.real.dtype)
    return flat if flat.dtype in (np.float32, np.float64) else flat.astype(np.float32)


def _spread(flat: Array) -> Array:
    step = -(-flat.size // SAMPLE)
    return flat[:: step | 1].astype(np.float64) if step > 1 else flat.astype(np.float64)


def _rms(values: Array) -> float:
    return float(np.linalg.norm(values)) / math.sqrt(values.size) if values.size else 0.0


def _between_samples(values: Array, batch: int) -> float:
    axis = next((i for i, size in enumerate(values.shape[:2]) if size == batch), 0)
    if values.ndim < 1 or values.shape[axis] < 2 or values.size == values.shape[axis] == 1:
        return math.nan
    rows = np.moveaxis(values, axis, 0)[:SAMPLES]
    rows = rows.reshape(len(rows), -1)
    step = -(-rows.shape[1] // FEATURES)
    return math.nan if rows.dtype.kind == "c" else distance(rows[:, :: step | 1] if step > 1 else rows)


def _between_positions(values: Array) -> float:
    if values.ndim != 3 or values.shape[1] < 2 or values.dtype.kind == "c":
        return math.nan
    return distance(values[0][:: -(-values.shape[1] // SAMPLES), :FEATURES])


def _scales(values: Array) -> Scales:
    sizes = np.abs(values[np.isfinite(values) & (values != 0)])
    zeros = int((values == 0).sum())
    if not sizes.size:
        return Scales(0, (), zeros)
    powers = np.frexp(sizes)[1] - 1
    first = int(powers.min())
    return Scales(first, tuple(np.bincount(powers - first).tolist()), zeros)


def _decades(values: Array) -> float:
    sizes = np.sort(np.abs(values[:4096][np.isfinite(values[:4096]) & (values[:4096] != 0)]))
    if sizes.size < 20:
        return decades_of_few(sizes)
    return math.log10(sizes[-1 - sizes.size // 100] / sizes[sizes.size // 100])


def _fingerprint(values: Array, part: Array, constant: bool) -> str:
    """A hash of the values if they look drawn: in two axes or more, mostly different, in no order."""
    if constant or sum(size > 1 for size in values.shape) < 2 or part.size < 16:
        return ""
    first = part[:1024]
    rising = float((np.diff(first) >= 0).mean())
    if len(np.unique(first)) < 0.5 * first.size or rising in (0.0, 1.0):
        return ""
    return hashlib.blake2b(part.tobytes(), digest_size=12).hexdigest()


def _duplicates(rows: Array, gradient: Array | None, axis: int) -> tuple[float, float, int]:
    """Share of units with an exact twin, and of those, share whose gradients agree to rounding."""
    groups: dict[bytes, list[int]] = {}
    for index, row in enumerate(rows):
        groups.setdefault(row.tobytes(), []).append(index)
    twins = [group for group in groups.values() if len(group) > 1]
    members = sum(map(len, twins))
    if not members or gradient is None:
        return members / max(len(rows), 1), math.nan, len(rows)
    slopes = np.moveaxis(gradient, axis, 0).reshape(len(rows), -1).astype(np.float64)
    same = sum(len(group) for group in twins if _nearly_equal(slopes[group]))
    return members / len(rows), same / members, len(rows)


def _nearly_equal(rows: Array) -> bool:
    return bool(np.abs(rows - rows[0]).max() <= 1e-4 * np.abs(rows).max())


def _is_orthogonal(matrix: Array) -> bool:
    """8 rows tell: cosines of independent rows of length n are about 1 / sqrt(n)."""
    short = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    if short.shape[0] < 4 or short.shape[1] < 8 or matrix.dtype.kind == "c":
        return False
    rows = short[:: max(len(short) // 8, 1)][:8].astype(np.float64)
    lengths = np.linalg.norm(rows, axis=1)
    if not (lengths > 0).all():
        return False
    cosines = rows @ rows.T / np.outer(lengths, lengths) - np.eye(len(rows))
    alike = lengths.max() / lengths.min() < 1.05
    return bool(alike and np.abs(cosines).max() < 0.1 / math.sqrt(short.shape[1]))

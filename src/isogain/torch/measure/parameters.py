"""The state of a parameter: its values, its twins, the gradient it got."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch

from isogain.inspect.scattering import scattering
from isogain.inspect.slices import mean_cosine
from isogain.inspect.table import Backward, ParameterState
from isogain.torch.measure.cuts import KEPT
from isogain.torch.measure.ledger import backward_summaries, values_summaries
from isogain.torch.measure.measures import Values
from isogain.torch.measure.sampling import own_array

__all__ = ["Asked", "is_orthogonal", "parameter_states"]

Tensor = torch.Tensor
Array = np.ndarray[Any, Any]


class Asked(NamedTuple):
    """A parameter whose state is asked for."""

    name: str
    parameter: Tensor
    gradient: Tensor | None
    """What it got; None where no gradient reached it."""
    unit_axis: int | None = None
    bias: Tensor | None = None
    requested: bool = True


def parameter_states(asked: Sequence[Asked]) -> dict[str, ParameterState]:
    """The ParameterState of each, by name; statistics are made of all together."""
    there = [_dense(one) for one in asked if not one.parameter.is_meta and one.parameter.numel()]
    values = values_summaries([one.parameter for one in there])
    felt = {one.name: one.gradient for one in there if one.gradient is not None}
    backs = dict(zip(felt, backward_summaries(list(felt.values())), strict=True))
    found = {
        one.name: _state(one, each, backs.get(one.name)) for one, each in zip(there, values, strict=True)
    }
    akin = _kinship({one.name: (found[one.name].fingerprint, one.gradient) for one in there})
    found |= {name: replace(found[name], kinship=kinship) for name, kinship in akin.items()}
    return {one.name: found[one.name] if one.name in found else _nothing(one) for one in asked}


def _kinship(known: Mapping[str, tuple[str, Tensor | None]]) -> dict[str, float]:
    """For each of several parameters with one fingerprint, how much the gradients of all agree."""
    groups: dict[tuple[str, torch.Size], list[str]] = {}
    for name, (fingerprint, gradient) in known.items():
        if fingerprint and gradient is not None:
            groups.setdefault((fingerprint, gradient.shape), []).append(name)
    return {
        name: mean_cosine(_rows([known[one][1] for one in names]))
        for names in groups.values()
        if len(names) > 1
        for name in names
    }


def _rows(gradients: Sequence[Tensor | None]) -> Array:
    return torch.stack([g.flatten() for g in gradients if g is not None]).float().numpy(force=True)


def _dense(one: Asked) -> Asked:
    """With a strided gradient: of an embedding the rows that were read, which are no units."""
    gradient = one.gradient
    if gradient is None or gradient.layout == torch.strided:
        return one
    dense = gradient.coalesce().values() if gradient.is_sparse else gradient.to_dense()
    return one._replace(gradient=dense, unit_axis=None)


def _nothing(one: Asked) -> ParameterState:
    nan = math.nan
    lost = one.parameter.is_meta or tuple(one.parameter.shape) == (0,)
    return ParameterState(
        one.name, nan, nan, nan, nan, nan, True, False,
        on_device=not lost, empty=not lost, requested=one.requested,
    )  # fmt: skip


def _state(one: Asked, values: Values, back: Backward | None) -> ParameterState:
    duplicates, twins, units, distinct, orthogonal = 0.0, math.nan, 0, 0, False
    if one.unit_axis is not None and one.parameter.dim() >= 2 and values.finite:
        duplicates, twins, units, distinct = _duplicates(one.parameter, one.gradient, one.unit_axis, one.bias)
        turned = one.parameter.movedim(one.unit_axis, 0).flatten(1)
        orthogonal = not values.constant and is_orthogonal(turned)
    return ParameterState(
        one.name, values.rms, values.mean, values.std, max(abs(values.low), abs(values.high)),
        values.zero_fraction, values.finite, values.constant,
        implausible=_implausible(one.parameter, values.sample[:KEPT]),
        scattered=scattering(values.sample[:KEPT]), duplicate_units=duplicates,
        units=units, distinct_units=distinct, twin_gradients=twins,
        orthogonal=orthogonal,
        fingerprint="" if values.constant else _fingerprint(one.parameter, values.sample),
        gradient=back, requested=one.requested,
    )  # fmt: skip


def is_orthogonal(matrix: Tensor) -> bool:
    """Whether rows (or columns, if there are fewer) are orthogonal and of one length: 8 of them tell.

    Between independent rows of length n a cosine is about 1 / sqrt(n); 28 of them below a tenth of that
    do not happen by chance.
    """
    short = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    if short.shape[0] < 4 or short.shape[1] < 8 or matrix.is_complex():
        return False
    some = short.detach()[:: max(short.shape[0] // 8, 1)][:8].float()
    rows = some.cpu().double()
    gram = (rows @ rows.T).numpy()
    size = np.sqrt(gram.diagonal())
    if not (size > 0).all() or size.max() > 1.05 * size.min():
        return False
    cosines = gram / size[:, None] / size
    np.fill_diagonal(cosines, 0.0)
    return bool(np.abs(cosines).max() < 0.1 / math.sqrt(short.shape[1]))


IMPLAUSIBLE = 12.0
"""Decades from which sizes are looked at more closely."""
ROUNDED = (1e-18, 1e-12)
"""Of the largest, what is left of a 0 that was computed in float64: cos(k pi / 2) is 6e-17 k."""
BEND = 1.0
"""Decades by which neighbours of a written down series hardly ever leave a straight line of sizes."""


def _implausible(parameter: Tensor, sample: Array) -> float:
    """Decades over which sizes are spread; 0 for a series that falls smoothly (a window, a decay)."""
    spread = _decades(sample)
    return spread if spread <= IMPLAUSIBLE or not _smooth(parameter) else 0.0


def _smooth(parameter: Tensor) -> bool:
    """Whether sizes along some axis follow a smooth curve, nearly always."""
    values = own_array(parameter[tuple(slice(64) for _ in parameter.shape)].float())
    with np.errstate(all="ignore"):
        steps = [np.abs(np.diff(np.log10(np.abs(values)), 2, axis=k)) for k in range(values.ndim)]
        known = [one[np.isfinite(one)] for one in steps]
    return any(len(one) > 8 and np.quantile(one, 0.95) < BEND for one in known)


def _decades(sample: Array) -> float:
    size = np.abs(sample)
    size = np.sort(size[(size > 0) & np.isfinite(size)])
    if len(size) < 20:
        return 0.0
    relative = size / size[-1 - len(size) // 100]
    size = size[(relative < ROUNDED[0]) | (relative > ROUNDED[1])]
    return math.log10(float(size[-1 - len(size) // 100]) / float(size[len(size) // 100]))


def _fingerprint(parameter: Tensor, numbers: Array) -> str:
    """A hash of the values, if they look drawn: in two axes or more, mostly different, in no order."""
    if sum(size > 1 for size in parameter.shape) < 2 or len(numbers) < 16:
        return ""
    if len(np.unique(numbers[:1024])) < 0.5 * min(len(numbers), 1024):
        return ""
    rising = np.diff(numbers[:1024]) >= 0
    if rising.all() or not rising.any():  # a ramp that somebody wrote down
        return ""
    return hashlib.blake2b(numbers.tobytes(), digest_size=12).hexdigest()


def _duplicates(
    parameter: Tensor, gradient: Tensor | None, axis: int, bias: Tensor | None
) -> tuple[float, float, int, int]:
    """Shares of units with an exact twin (bias included), of those with equal gradients; units, distinct."""
    rows = parameter.detach().movedim(axis, 0).reshape(parameter.shape[axis], -1)
    units, _width = rows.shape
    if units < 2:
        return 0.0, math.nan, units, units
    groups = _equal_rows(rows, bias)
    if not groups:
        return 0.0, math.nan, units, units
    members = sum(len(group) for group in groups)
    distinct = units - members + len(groups)
    if gradient is None:
        return members / units, math.nan, units, distinct
    slopes = gradient.detach().movedim(axis, 0).reshape(units, -1)
    same = sum(len(group) for group in groups if _nearly_equal(slopes[list(group)]))
    return members / units, same / members, units, distinct


def _equal_rows(rows: Tensor, bias: Tensor | None) -> list[Sequence[int]]:
    """Groups of rows that are equal, with equal biases; four columns sort out almost all."""
    keys = rows[:, :: max(rows.shape[1] // 4, 1)][:, :4]
    keys = torch.view_as_real(keys).flatten(1) if keys.is_complex() else keys.float()
    if bias is not None and bias.numel() == rows.shape[0]:
        keys = torch.cat([keys, bias.detach().reshape(-1, 1).float()], dim=1)
    numbers = own_array(keys)
    if len(np.unique(numbers[:, 0])) == len(numbers):
        return []
    _, group, count = np.unique(numbers, axis=0, return_inverse=True, return_counts=True)
    found: list[Sequence[int]] = []
    for place in np.flatnonzero(count > 1):
        bucket = np.flatnonzero(group.reshape(-1) == place).tolist()
        equal = (rows[bucket] == rows[bucket[0]]).all(dim=1).tolist()
        same = [index for index, one in zip(bucket, equal, strict=True) if one]
        found += [same] if len(same) > 1 else []
    return found


def _nearly_equal(slopes: Tensor) -> bool:
    """Equal up to the rounding of sums done in another order."""
    slopes = slopes.double()
    scale = float(slopes.abs().max())
    return scale == 0 or float((slopes - slopes[0]).abs().max()) <= 1e-4 * scale

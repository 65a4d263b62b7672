"""The state of a parameter: its values, its twins, the gradient it got."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch

from isogain.inspect.signals import Backward
from isogain.inspect.slices import mean_cosine
from isogain.inspect.table import ParameterState
from isogain.torch.measure.cuts import KEPT, thinned
from isogain.torch.measure.measures import backwards
from isogain.torch.measure.notes import felt, summaries
from isogain.torch.measure.rows import are_orthogonal, equal_rows, plainly_different
from isogain.torch.measure.sampling import own_array
from isogain.torch.measure.values import Values, values_of

__all__ = ["Asked", "parameter_states"]

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
    table: bool = False
    """Whether the rows are those of a table that is no map."""


def parameter_states(asked: Sequence[Asked]) -> dict[str, ParameterState]:
    """The ParameterState of each, by name; statistics are made of all together."""
    there = [_dense(one) for one in asked if not one.parameter.is_meta and one.parameter.numel()]
    values = summaries([one.parameter for one in there], values_of)
    slopes = {one.name: one.gradient for one in there if one.gradient is not None}
    backs = dict(zip(slopes, summaries(list(slopes.values()), backwards, felt), strict=True))
    found = {
        one.name: _state(one, each, backs.get(one.name), rows)
        for one, each, rows in zip(there, values, _rows_of(there, values), strict=True)
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


def _state(one: Asked, values: Values, back: Backward | None, rows: Rows) -> ParameterState:
    return ParameterState(
        one.name, values.rms, values.mean, values.std, max(abs(values.low), abs(values.high)),
        values.zero_fraction, values.finite, values.constant,
        implausible=_implausible(one.parameter, values.decades), scattered=values.scattered,
        outlying=values.outlying if _by_chance(one.parameter, values) else 0.0,
        duplicate_units=rows.duplicates, units=rows.units, distinct_units=rows.distinct,
        twin_gradients=rows.twins, lone_gradients=rows.lone, twin_sets=rows.sets,
        orthogonal=rows.orthogonal,
        fingerprint=_fingerprint(one.parameter, values), gradient=back, requested=one.requested,
    )  # fmt: skip


class Rows(NamedTuple):
    """What the rows of a weight are like."""

    duplicates: float = 0.0
    """Share of units with an exact twin, bias included."""
    twins: float = math.nan
    """Share of those with equal gradients."""
    units: int = 0
    distinct: int = 0
    lone: bool = False
    """Whether one of each set of twins alone gets a gradient."""
    sets: int = 0
    """How many sets of equal size, of two or more, have one gradient each; 0 where units part."""
    orthogonal: bool = False


def _rows_of(asked: Sequence[Asked], values: Sequence[Values]) -> list[Rows]:
    """The Rows of each, where units are known; of all that are of one shape together."""
    groups: dict[tuple[Any, ...], list[int]] = {}
    for place, (one, each) in enumerate(zip(asked, values, strict=True)):
        if one.unit_axis is not None and one.parameter.dim() >= 2 and each.finite:
            p = one.parameter
            groups.setdefault((p.shape, one.unit_axis, p.dtype, p.device), []).append(place)
    found = [Rows()] * len(asked)
    for (_, axis, *_), places in groups.items():
        alike = [asked[place] for place in places]
        different = plainly_different([one.parameter for one in alike], axis)
        turned = [one.parameter.detach().movedim(axis, 0).flatten(1) for one in alike]
        right = are_orthogonal(turned)
        for k, place in enumerate(places):
            units = len(turned[k])
            twins = Rows(units=units, distinct=units) if different[k] else _duplicates(alike[k], turned[k])
            found[place] = twins._replace(orthogonal=right[k] and not values[place].constant)
    for place, (one, each) in enumerate(zip(asked, values, strict=True)):
        if (one.unit_axis is None or one.table) and each.constant and one.parameter.dim() > 1:
            found[place] = _alike(one)
    return found


def _alike(one: Asked) -> Rows:
    """The Rows of a constant table that is no weight, and whether its rows get one and the same gradient."""
    units, gradient = math.prod(one.parameter.shape[:-1]), one.gradient
    if units < 2 or gradient is None or gradient.shape != one.parameter.shape:
        return Rows()
    same = _nearly_equal(gradient.detach().reshape(units, -1))
    return Rows(1.0, float(same), units, 1)


def _duplicates(one: Asked, rows: Tensor) -> Rows:
    """Units with an exact twin (bias included), those of them with equal gradients, and who gets any."""
    units = len(rows)
    groups = equal_rows(rows, one.bias)
    if not groups:
        return Rows(units=units, distinct=units)
    members = sum(len(group) for group in groups)
    distinct = units - members + len(groups)
    if one.gradient is None:
        return Rows(members / units, math.nan, units, distinct)
    slopes = one.gradient.detach().movedim(one.unit_axis or 0, 0).reshape(units, -1)
    same = sum(len(group) for group in groups if _nearly_equal(slopes[list(group)]))
    lone = all(int(slopes[list(group)].any(1).sum()) == 1 for group in groups)
    sets = _sets(slopes) if distinct == 1 else 0
    return Rows(members / units, same / members, units, distinct, lone, sets)


def _sets(slopes: Tensor) -> int:
    """Of how many sets of equal size these rows are, each of two or more that are nearly equal; 0 of none."""
    left, room, found = slopes.double(), SAME * float(slopes.abs().max()), list[int]()
    while len(left) and math.isfinite(room) and room > 0:
        alike = ((left - left[0]).abs() <= room).all(1)
        found.append(int(alike.sum()))
        if found[-1] < 2 or found[-1] != found[0]:
            return 0
        left = left[~alike]
    return len(found)


SAME = 1e-4
"""Part of the largest by which rounding may leave gradients apart that are one."""
IMPLAUSIBLE = 12.0
"""Decades from which sizes are looked at more closely."""
BEND = 1.0
"""Decades by which neighbours of a written down series hardly ever leave a straight line of sizes."""


def _implausible(parameter: Tensor, spread: float) -> float:
    """Decades over which sizes are spread; 0 for a series that falls smoothly (a window, a decay)."""
    return spread if spread <= IMPLAUSIBLE or not _smooth(parameter) else 0.0


def _smooth(parameter: Tensor) -> bool:
    """Whether sizes along some axis follow a smooth curve, nearly always."""
    values = own_array(parameter[tuple(slice(64) for _ in parameter.shape)].float())
    with np.errstate(all="ignore"):
        steps = [np.abs(np.diff(np.log10(np.abs(values)), 2, axis=k)) for k in range(values.ndim)]
        known = [one[np.isfinite(one)] for one in steps]
    return any(len(one) > 8 and np.quantile(one, 0.95) < BEND for one in known)


def _by_chance(parameter: Tensor, values: Values) -> bool:
    """Whether the largest numbers stand anywhere, and not one in each row or column, as a diagonal's do."""
    if not values.outlying or parameter.dim() < 2:
        return False
    out = (parameter.detach().abs() == max(-values.low, values.high)).flatten(1)
    counts = (out.sum(axis) for axis in (0, 1))
    return all(bool((one != one[0]).any()) for one in counts)


def _fingerprint(parameter: Tensor, values: Values) -> str:
    """A hash of the values, if they look drawn, in two axes or more."""
    if values.constant or not values.drawn or sum(size > 1 for size in parameter.shape) < 2:
        return ""
    return hashlib.blake2b(thinned(values.sample, KEPT).tobytes(), digest_size=12).hexdigest()


def _nearly_equal(slopes: Tensor) -> bool:
    """Equal up to the rounding of sums done in another order."""
    slopes = slopes.double()
    scale = float(slopes.abs().max())
    return scale == 0 or float((slopes - slopes[0]).abs().max()) <= SAME * scale

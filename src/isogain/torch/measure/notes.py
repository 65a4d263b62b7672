"""Copies of signals that wait until numbers are made of them, and the same of many alike in one stack."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import torch

from isogain.torch.measure import arrays
from isogain.torch.measure.cuts import KEPT, SAMPLE, Cuts, Wanted, cut, thinned
from isogain.torch.measure.numbers import Signal, Slopes, lies_here, signal_of, slopes_of
from isogain.torch.measure.units import Units

__all__ = ["NOTHING", "Note", "Stack", "copied", "felt", "noted", "numbers_of", "summaries", "to_host"]

Tensor = torch.Tensor
Array = np.ndarray[Any, Any]
NOTHING = Wanted(None, False, None, 0)
AT_ONCE = 1 << 16
"""Elements of copies that are stacked at once: in float64 they stay in a processor's cache."""
MOVED = 1 << 19
"""The same of tensors on a device: each stack is a transfer."""


class Note(NamedTuple):
    """One signal or gradient: its numbers, or copies of which they will be made, whole or of its cuts."""

    key: tuple[Any, ...]
    """Notes of one key can be stacked."""
    what: Wanted
    size: int
    whole: bool
    flat: Tensor | None = None
    """The whole signal, or a sample of its elements."""
    first: Tensor | None = None
    places: Tensor | None = None
    seen: Tensor | None = None
    ends: Tensor | None = None
    """(least, largest) where they cannot be told from the copy."""
    met: Tensor | None = None
    """Of a gradient that is not whole, the elements that stand where those of `signal` stood."""
    signal: Tensor | None = None
    """What a gradient is that of: whole, or the elements kept of it."""
    units: Units | None = None
    told: Signal | Slopes | None = None
    """Its numbers, where they are known already."""

    @property
    def columns(self) -> tuple[Any, ...]:
        """All places where a copy may be."""
        span, values = (self.units.span, self.units.values) if self.units else (None, None)
        return (*self[4:11], span, values)

    @property
    def held(self) -> int:
        """Elements of all copies."""
        seen = self.told.seen if isinstance(self.told, Signal) else None
        copies: int = sum(one.numel() for one in self.columns if one is not None)
        return copies if seen is None else copies + int(seen.size)


class Stack(NamedTuple):
    """Many notes of one key, their copies as arrays with an axis more."""

    notes: Sequence[Note]
    cuts: Cuts
    ends: Array
    """(notes, 2)"""
    met: Array | None
    signal: Array | None
    units: Units | None

    @staticmethod
    def of(notes: Sequence[Note], columns: Sequence[Any]) -> Stack:
        """Of their columns, stacked."""
        flat, first, places, seen, ends, met, signal, span, values = columns
        one = notes[0]
        units = one.units._replace(span=span, values=values) if one.units else None
        if flat is None:
            return Stack(notes, Cuts(None), np.empty((0, 2)), None, None, units)
        rows = flat.reshape(len(notes), -1)
        cuts = cut(flat, one.what) if one.whole else Cuts(flat, first, places, seen)
        if ends is None:
            ends = np.stack([rows.min(1), rows.max(1)], 1)
        if signal is not None:
            met = thinned(rows, KEPT) if met is None else met
            signal = thinned(signal.reshape(len(notes), -1), KEPT)
        return Stack(notes, cuts, ends, met, signal, units)

    def signals(self) -> list[Signal]:
        """Their numbers, as those of what nodes handed on."""
        told = [note.told for note in self.notes if isinstance(note.told, Signal)]
        return told or arrays.signals(self.cuts, self.ends)

    def slopes(self) -> list[Slopes]:
        """Their numbers, as those of gradients."""
        told = [note.told for note in self.notes if isinstance(note.told, Slopes)]
        return told or arrays.slopes(self.cuts.flat, self.ends, self.met, self.signal)


def noted(tensor: Tensor, what: Wanted = NOTHING, units: Units | None = None) -> Note:
    """A Note of what a node handed on."""
    values = _real(tensor)
    if not lies_here(values):
        return copied(tensor, what, units=units)
    told = signal_of(values, what)
    key = (told.seen is not None and told.seen.shape, units and units.kind)
    return Note(key, what, tensor.numel(), True, units=units, told=told)


def felt(gradient: Tensor, signal: Tensor | bytes | None = None) -> Note:
    """A Note of a gradient, and of what was kept of the signal that it is that of."""
    values = _real(gradient)
    if isinstance(signal, Tensor) or not lies_here(values):
        return copied(gradient, signal=signal if isinstance(signal, Tensor) else None)
    return Note((), NOTHING, gradient.numel(), True, told=slopes_of(values, signal))


def _real(tensor: Tensor) -> Tensor:
    values = tensor.detach()
    return torch.view_as_real(values) if values.is_complex() else values


def copied(
    tensor: Tensor,
    what: Wanted = NOTHING,
    signal: Tensor | None = None,
    units: Units | None = None,
    kept: bool = True,
) -> Note:
    """A Note of copies; of the tensor's own memory, where it is small, if they are used at once."""
    values = _real(tensor)
    size, shape, double = tensor.numel(), values.shape, values.dtype == torch.float64
    key = (what, shape, double, signal is not None and signal.shape, units and units.kind)
    if values.numel() <= SAMPLE:
        ends = torch.stack(torch.aminmax(values)) if double else None
        flat = values.to(torch.float32, copy=kept)
        return Note(key, what, size, True, flat, ends=ends, signal=signal, units=units)
    parts: list[Any] = [
        None if one is None else one[0].to(torch.float32, copy=kept) for one in cut(values[None], what)
    ]
    ends = torch.stack(torch.aminmax(values))
    met = None if signal is None else thinned(values.reshape(-1), KEPT).to(torch.float32, copy=kept)
    sample, first, places, seen = parts
    return Note(key, what, size, False, sample, first, places, seen, ends, met, signal, units)


def numbers_of(notes: Sequence[Note], made: Callable[[Stack], list[Any]]) -> list[Any]:
    """What `made` makes of each note, of many of one key together; all are brought to the host at once."""
    parts = list(_parts([one.key for one in notes], lambda place: notes[place].held))
    stacks = _stacks([[notes[place] for place in part] for part in parts])
    return _in_order(parts, map(made, stacks))


_BRIEFLY = partial(copied, kept=False)


def summaries(
    tensors: Sequence[Tensor],
    made: Callable[[Stack], list[Any]],
    note: Callable[[Tensor], Note] = _BRIEFLY,
) -> list[Any]:
    """The same of tensors that are at hand: of each, nothing is kept."""
    keys = [(one.shape, one.dtype) for one in tensors]
    most = AT_ONCE if all(one.is_cpu for one in tensors) else MOVED
    parts = list(_parts(keys, lambda place: min(tensors[place].numel(), SAMPLE), most))
    return _in_order(parts, (numbers_of([note(tensors[place]) for place in part], made) for part in parts))


def _parts(keys: Sequence[Any], size: Callable[[int], int], most: int = AT_ONCE) -> Iterator[list[int]]:
    """Places of one key, as many as are stacked at once, by the size of the first."""
    groups: dict[Any, list[int]] = {}
    for place, key in enumerate(keys):
        groups.setdefault(key, []).append(place)
    for places in groups.values():
        many = max(most // max(size(places[0]), 1), 1)
        yield from (places[start : start + many] for start in range(0, len(places), many))


def _in_order(parts: Sequence[Sequence[int]], found: Iterable[list[Any]]) -> list[Any]:
    pairs = (zip(part, made, strict=True) for part, made in zip(parts, found, strict=True))
    there = dict(chain.from_iterable(pairs))
    return [there[place] for place in range(len(there))]


def _stacks(groups: Sequence[Sequence[Note]]) -> Iterator[Stack]:
    columns = [list(zip(*(note.columns for note in group), strict=True)) for group in groups]
    held = [column for row in columns for column in row if column[0] is not None]
    arrays = iter(to_host(held, _is_on_the_host))
    for group, row in zip(groups, columns, strict=True):
        yield Stack.of(group, [None if column[0] is None else next(arrays) for column in row])


def to_host(columns: Sequence[Sequence[Tensor]], is_here: Callable[[Tensor], bool]) -> list[Array]:
    """Tensors of one shape, stacked, for each column: in one transfer from each device for each type."""
    found: dict[int, Array] = {}
    groups: dict[tuple[Any, ...], list[int]] = {}
    for place, column in enumerate(columns):
        if is_here(column[0]):
            found[place] = _array(torch.stack(tuple(column)))
        else:
            groups.setdefault((column[0].device, column[0].dtype), []).append(place)
    for places in groups.values():
        moved = [torch.stack(tuple(columns[place])) for place in places]
        flat = _array(torch.cat([one.reshape(-1) for one in moved]))
        parts = np.split(flat, np.cumsum([one.numel() for one in moved])[:-1])
        found |= {
            k: part.reshape(tuple(one.shape)) for k, part, one in zip(places, parts, moved, strict=True)
        }
    return [found[place] for place in range(len(columns))]


def _is_on_the_host(tensor: Tensor) -> bool:
    return tensor.device.type == "cpu"


def _array(tensor: Tensor) -> Array:
    exact = tensor if tensor.dtype in (torch.float32, torch.float64) else tensor.float()
    return exact.numpy(force=True)

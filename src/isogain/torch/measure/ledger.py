"""Signals noted as they pass, and numbers made of all of them together.

To read a number off a tensor takes longer than to work it out, above all on a GPU.  So a pass only notes
small copies; `Ledger.settle` brings them to the host at once, and makes numbers of all signals of one shape
together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from isogain.inspect.table import Backward, Forward
from isogain.torch.measure.cuts import KEPT, SAMPLE, Cuts, Wanted, cut, thinned, wanted
from isogain.torch.measure.measures import Values, backwards, forwards, values_of
from isogain.torch.measure.units import Units

__all__ = ["Ledger", "Note", "backward_summaries", "forward_summary", "to_host", "values_summaries"]

Tensor = torch.Tensor
Array = np.ndarray[Any, Any]
NOTHING = Wanted(None, False, None, 0)
MOST, AT_ONCE = 1 << 20, 1 << 19
"""Elements of noted copies at which numbers are made of them, pass or no pass; of those stacked at once."""


class Note(NamedTuple):
    """Copies of one signal: whole where it is small, else its cuts; each tensor has a leading axis of 1."""

    what: Wanted
    size: int
    cuts: Cuts
    whole: bool
    ends: Any
    """(least, largest) where they cannot be told from the copies."""
    met: Any = None
    """Of a gradient, the elements that stand where those of `signal` stood."""
    signal: Any = None
    units: Units | None = None

    @property
    def tensors(self) -> tuple[Any, ...]:
        """All copies."""
        return tuple(one for one in self.held if one is not None)

    @property
    def held(self) -> tuple[Any, ...]:
        """All places where a copy may be."""
        units = (self.units.ends, self.units.values) if self.units else (None, None)
        return (*self.cuts, self.ends, self.met, self.signal, *units)

    def on_host(self, arrays: Iterator[Array]) -> Note:
        """The same with arrays in place of its tensors."""
        *cuts, ends, met, signal, low_high, values = [
            None if one is None else next(arrays) for one in self.held
        ]
        units = self.units._replace(ends=low_high, values=values) if self.units else None
        return self._replace(cuts=Cuts(*cuts), ends=ends, met=met, signal=signal, units=units)

    @property
    def key(self) -> tuple[Any, ...]:
        """Notes of one key can be stacked."""
        shapes = tuple(None if one is None else one.shape for one in self.held)
        kind = self.units and self.units[:2]
        return (self.what, self.whole, kind, *shapes)


def noted(tensor: Tensor, what: Wanted, signal: Tensor | None = None, units: Units | None = None) -> Note:
    """A Note of a signal, or of a gradient and what it is the gradient of."""
    values = tensor.detach()
    if values.is_complex():
        values = torch.view_as_real(values)
    size, whole = tensor.numel(), values.numel() <= SAMPLE
    if whole:
        cuts = Cuts(_copy(values[None]))
        ends = None if values.dtype != torch.float64 else torch.stack(torch.aminmax(values))
    else:
        cuts = Cuts(*(None if one is None else _copy(one) for one in cut(values[None], what)))
        ends = torch.stack(torch.aminmax(values))
    met = None
    if signal is not None:
        met = thinned((cuts.flat if whole else values).reshape(1, -1), KEPT)
        met = met if whole else _copy(met)
    return Note(what, size, cuts, whole, ends, met, signal, units)


def _copy(tensor: Tensor) -> Tensor:
    return tensor.to(torch.float32, copy=True)


def to_host(tensors: Sequence[Tensor]) -> list[Array]:
    """The tensors as arrays, moved in one transfer for each device and type."""
    found: dict[int, Array] = {}
    groups: dict[tuple[Any, ...], list[int]] = {}
    for place, tensor in enumerate(tensors):
        groups.setdefault((tensor.device, tensor.dtype), []).append(place)
    for (device, _), places in groups.items():
        if device.type == "cpu":
            found |= {place: _array(tensors[place]) for place in places}
            continue
        flat = _array(torch.cat([tensors[place].reshape(-1) for place in places]))
        ends = np.cumsum([tensors[place].numel() for place in places])
        for place, part in zip(places, np.split(flat, ends[:-1]), strict=True):
            found[place] = part.reshape(tuple(tensors[place].shape))
    return [found[place] for place in range(len(tensors))]


def _array(tensor: Tensor) -> Array:
    exact = tensor if tensor.dtype in (torch.float32, torch.float64) else tensor.float()
    return exact.numpy(force=True)


class Ledger:
    """Notes of one pass; `forward` and `backward` are what was made of them when it was last settled."""

    def __init__(self) -> None:
        self.forward: dict[int, Forward] = {}
        self.backward: dict[int, Backward] = {}
        self._ahead: dict[int, Note] = {}
        self._back: dict[int, Note] = {}
        self._held = 0

    def __contains__(self, index: int) -> bool:
        return index in self._ahead or index in self.forward

    def note(self, index: int, tensor: Tensor, what: Wanted, units: Units | None = None) -> None:
        """Notes what a node handed on."""
        self._keep(self._ahead, index, noted(tensor, what, units=units))

    def note_back(self, index: int, gradient: Tensor, signal: Tensor | None) -> None:
        """Notes the gradient that came back to it."""
        self._keep(self._back, index, noted(gradient, NOTHING, signal))

    def kept(self, index: int, tensor: Tensor) -> Tensor:
        """The copy of a signal that waits for its gradient."""
        note = self._ahead.get(index)
        if note is not None and note.whole:
            return thinned(note.cuts.flat.reshape(1, -1), KEPT)  # type: ignore[no-any-return]
        values = tensor.detach()
        values = torch.view_as_real(values) if values.is_complex() else values
        return _copy(thinned(values.reshape(1, -1), KEPT))

    def _keep(self, notes: dict[int, Note], index: int, note: Note) -> None:
        self._held += sum(tensor.numel() for tensor in note.tensors)
        notes[index] = note
        if self._held > MOST:
            self.settle()

    def settle(self) -> None:
        """Makes numbers of all notes."""
        ahead, back = self._ahead, self._back
        self._ahead, self._back, self._held = {}, {}, 0
        self.forward |= dict(zip(ahead, _settled(list(ahead.values()), forwards), strict=True))
        self.backward |= dict(zip(back, _settled(list(back.values()), backwards), strict=True))


def _settled(notes: Sequence[Note], made: Any) -> list[Any]:
    """What `made` makes of notes that are alike, in the order of the notes."""
    arrays = iter(to_host([tensor for note in notes for tensor in note.tensors]))
    groups: dict[tuple[Any, ...], list[tuple[int, Note]]] = {}
    for place, note in enumerate(notes):
        moved = note.on_host(arrays)
        groups.setdefault(moved.key, []).append((place, moved))
    found: dict[int, Any] = {}
    for group in groups.values():
        many = max(AT_ONCE // max(sum(one.size for one in group[0][1].tensors), 1), 1)
        for start in range(0, len(group), many):
            places, alike = zip(*group[start : start + many], strict=True)
            found |= dict(zip(places, made(alike, *_stacked(alike)), strict=True))
    return [found[place] for place in range(len(notes))]


def _stacked(notes: Sequence[Note]) -> tuple[Cuts, Array]:
    """The cuts of notes that are alike, each along a first axis, and the ends of each signal: (n, 2)."""
    parts: list[Any] = [
        None if column[0] is None else np.concatenate(column)
        for column in zip(*(note.cuts for note in notes), strict=True)
    ]
    cuts = cut(parts[0], notes[0].what) if notes[0].whole else Cuts(*parts)
    if notes[0].ends is not None:
        return cuts, np.stack([note.ends for note in notes])
    flat = parts[0].reshape(len(notes), -1)
    return cuts, np.stack([flat.min(1), flat.max(1)], 1)


def forward_summary(tensor: Tensor, batch: int, axis: int | None = None, rows: int = 32) -> Forward:
    """The Forward of one tensor.

    With the `axis` of its channels it has a spectrum and statistics of channels, from `rows` observations.
    """
    note = noted(tensor, wanted(tensor, batch, axis, rows))
    return _settled([note], forwards)[0]  # type: ignore[no-any-return]


def backward_summaries(gradients: Sequence[Tensor]) -> list[Backward]:
    """The Backward of each gradient."""
    return _settled([noted(one, NOTHING) for one in gradients], backwards)


def values_summaries(parameters: Sequence[Tensor]) -> list[Values]:
    """The Values of each parameter."""
    return _settled([noted(one, NOTHING) for one in parameters], values_of)

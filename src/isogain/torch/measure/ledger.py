"""Signals noted as they pass, and numbers made of all of them together.

To read a number off a tensor takes longer than to work it out, above all on a GPU.  So a pass only notes
small copies; `Ledger.settle` brings them to the host at once, and makes numbers of all signals of one shape
together.
"""

from __future__ import annotations

import torch

from isogain.inspect.signals import Backward, Forward
from isogain.torch.measure.cuts import KEPT, Wanted, thinned, wanted
from isogain.torch.measure.measures import backwards, forwards
from isogain.torch.measure.notes import Note, felt, noted, numbers_of
from isogain.torch.measure.numbers import Signal
from isogain.torch.measure.units import Units

__all__ = ["Ledger", "forward_summary"]

Tensor = torch.Tensor
MOST = 1 << 20
"""Elements of noted copies at which numbers are made of them, pass or no pass."""


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
        self._keep(self._ahead, index, noted(tensor, what, units))

    def note_back(self, index: int, gradient: Tensor, signal: Tensor | bytes | None) -> None:
        """Notes the gradient that came back to it."""
        self._keep(self._back, index, felt(gradient, signal))

    def kept(self, index: int, tensor: Tensor) -> Tensor | bytes:
        """The copy of a signal that waits for its gradient."""
        note = self._ahead.get(index)
        if note is not None and isinstance(note.told, Signal) and note.told.kept is not None:
            return note.told.kept
        if note is not None and note.whole and note.flat is not None:
            return note.flat
        values = tensor.detach()
        values = torch.view_as_real(values) if values.is_complex() else values
        return thinned(values.reshape(-1), KEPT).to(torch.float32, copy=True)  # type: ignore[no-any-return]

    def _keep(self, notes: dict[int, Note], index: int, note: Note) -> None:
        self._held += note.held
        notes[index] = note
        if self._held > MOST:
            self.settle()

    def settle(self) -> None:
        """Makes numbers of all notes."""
        ahead, back = self._ahead, self._back
        self._ahead, self._back, self._held = {}, {}, 0
        self.forward |= dict(zip(ahead, numbers_of(list(ahead.values()), forwards), strict=True))
        self.backward |= dict(zip(back, numbers_of(list(back.values()), backwards), strict=True))


def forward_summary(tensor: Tensor, batch: int, axis: int | None = None, rows: int = 32) -> Forward:
    """The Forward of one tensor.

    With the `axis` of its channels it has a spectrum and statistics of channels, from `rows` observations.
    """
    found: list[Forward] = numbers_of([noted(tensor, wanted(tensor, batch, axis, rows))], forwards)
    return found[0]

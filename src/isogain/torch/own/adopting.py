"""A model's start taken from its library's entry, where its own code leaves something unknown."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

import torch
from torch import nn

from isogain.torch.draw.materialize import Places
from isogain.torch.own.entries import Entry, entries_of, tell_of
from isogain.torch.own.origins import attribute, restoring
from isogain.torch.own.outside import Unseen, exchanged_parts, unseen_writes
from isogain.torch.own.recipes import Told, run_recipes
from isogain.torch.own.start import OwnStart, Piece, own_start
from isogain.torch.own.unwritten import Wanted, doubts_of, plain_of

__all__ = ["by_entries"]

_SMALL = 1 << 20
"""Elements of what is computed, up to which its values are compared."""


def by_entries(
    model: nn.Module, places: Sequence[Places], lost: Collection[nn.Module], start: OwnStart, told: Told
) -> tuple[OwnStart, Told]:
    """The start and what is told, once entries were run for what is lost; the same ones where none fits.

    The whole part is taken as its entry starts it, for what was made from other parameters to follow them;
    so the entry has to start as the part's own code tells whatever that tells.
    """
    entries, said = entries_of(model, lost)
    builders = [function for entry in entries for function in entry.runs]
    if entries:
        said += [f"{one.said} may have exchanged parts" for one in exchanged_parts(model, builders)]
    if not entries or said:
        return start, replace(told, said=(*said, *told.said))
    restore = restoring(model.modules())
    fresh = _run(model, places, entries, unseen_writes(model, builders))
    found = own_start(places)
    other = next(_differences(start, found), None)
    if other is not None:
        restore()
        names = " and ".join(entry.said for entry in entries)
        more = f"{names} starts {other} otherwise than the model's own code does: an argument was another"
        return start, replace(told, said=(more, *told.said))
    for entry in entries:
        tell_of(entry)
    return found, fresh


def _run(
    model: nn.Module, places: Sequence[Places], entries: Sequence[Entry], unseen: Sequence[Unseen]
) -> Told:
    """Records what the entries do to all that is in their parts."""
    held = {id(module) for entry in entries for module in entry.module.modules()}
    inside = [one for one in places if one.tensor.is_meta and id(one.owners[0][0]) in held]
    plain = [one for one in plain_of(model, places) if id(one.module) in held]
    builds = {id(entry.module): entry.build for entry in entries}
    told = run_recipes(model, Wanted(inside, doubts_of(places), plain), unseen, builds)
    for entry in entries:
        attribute(entry.module, entry.said)
    return told


def _differences(start: OwnStart, found: OwnStart) -> Iterator[str]:
    """The paths of which both tell, and not the same."""
    for path, one in start.pieces.items():
        other = found.pieces.get(path)
        if (
            other is not None
            and other.record is not one.record
            and not _agree(path, one, other, start, found)
        ):
            yield path


def _agree(path: str, one: Piece, other: Piece, start: OwnStart, found: OwnStart) -> bool:
    if one.kind != other.kind or one.reading != other.reading:
        return False
    if one.kind != "computed" or one.reading is not None or one.like.numel() > _SMALL:
        return True
    return torch.equal(start.value(path, 0), found.value(path, 0))

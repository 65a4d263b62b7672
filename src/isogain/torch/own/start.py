"""A model's own start: what fills each of its tensors, read from the record or from its own recipes.

A tensor is *drawn* where its steps are a law of isogain's, under its own path; *computed* where nothing is
random in it, from the record as it was; *replayed* where it is random without a law.  What was made from
another parameter's values (a copied layer, the length of a weight norm) follows that parameter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import partial

import torch

from isogain.core.initializers import Constant, Ones, Zeros
from isogain.torch.draw.fill import Write, prepare
from isogain.torch.draw.materialize import Places
from isogain.torch.draw.shards import local_boxes, local_part
from isogain.torch.own.origins import Origin, origins_of
from isogain.torch.own.reading import Reading, read
from isogain.torch.own.record import Needed, Record, Ref, Step
from isogain.torch.own.replay import Replay

__all__ = ["OwnStart", "Piece", "own_start"]

Tensor = torch.Tensor
Given = Callable[[str, Tensor], Write | None]
"""(path, tensor of the whole shape) -> what was chosen for it in place of its own start."""
Node = tuple[int, int, int]
"""Memory of a record after one of its steps."""


@dataclass
class Piece:
    """One tensor of the model and what its record says."""

    path: str
    like: Tensor
    origin: Origin
    node: Node
    """The first memory that had its values; later ones are copies."""
    needed: Needed
    reading: Reading | None
    random: tuple[int, ...]
    """Its random steps, those of parameters that it follows left out."""
    drawn: bool = False
    follows: tuple[str, ...] = ()
    """The parameters from whose values it is made."""

    @property
    def record(self) -> Record:
        """The record it is in."""
        return self.origin.record

    @property
    def step(self) -> Step:
        """The step that wrote it last."""
        last = self.record.last_write(self.origin.ref.storage, self.origin.ref.time)
        assert last is not None
        return self.record.steps[last]

    @property
    def kind(self) -> str:
        """'drawn', 'replayed' (random without a law), 'following' or 'computed'."""
        if self.drawn:
            return "drawn"
        return "replayed" if self.random else "following" if self.follows else "computed"


@dataclass
class OwnStart:
    """The pieces of a model under their paths, and the paths of which nothing is known."""

    pieces: dict[str, Piece]
    missing: tuple[str, ...] = ()
    unwritten: tuple[str, ...] = ()
    """Of tensors with memory in which a constructor left what was there."""
    owners: dict[Node, str] = field(default_factory=dict)
    leaves: dict[tuple[int, int], str] = field(default_factory=dict)

    def write(self, path: str, seed: int, threads: int | None = None, given: Given | None = None) -> Write:
        """What fills the tensor, or any of its shape, dtype and sharding; refuses what can be refused."""
        piece = self.pieces[path]
        if piece.drawn:
            assert piece.reading is not None
            law, geometry = (
                piece.reading.law,
                {"layout": piece.reading.layout, "groups": piece.reading.groups},
            )
            return prepare(piece.like, law, seed=seed, path=path, threads=threads, **geometry)
        value = _one_number(piece)
        if value is not None:
            return lambda tensor: _fill(tensor, value)
        return partial(_copy, lambda: self.value(path, seed, threads, given))

    def value(self, path: str, seed: int, threads: int | None = None, given: Given | None = None) -> Tensor:
        """The whole tensor, on the CPU, from its steps."""
        piece = self.pieces[path]
        giver = partial(self._giver, piece, seed, threads, given)

        def leaf(index: int) -> tuple[int, str]:
            return seed, self.leaves.get((id(piece.record), index), f"{path}#{index}")

        return Replay(piece.record, leaf, giver).tensor(piece.origin.ref)

    def beside(
        self, path: str, like: Tensor, origin: Origin, seed: int, threads: int | None = None,
        given: Given | None = None,
    ) -> Tensor | None:  # fmt: skip
        """The values of a tensor that is none of the pieces; None where nobody wrote it."""
        piece = piece_of(path, like, origin)
        if piece is None:
            return None
        return replace(self, pieces={**self.pieces, path: piece}).value(path, seed, threads, given)

    def _giver(
        self, piece: Piece, seed: int, threads: int | None, given: Given | None, storage: int, index: int
    ) -> Callable[[], Tensor] | None:
        """The values of another parameter that this one is made from."""
        owner = self.owners.get((id(piece.record), storage, index))
        if owner is None or owner == piece.path:
            return None
        home = piece.record.homes[storage]

        def give() -> Tensor:
            whole = torch.empty(home.shape, dtype=home.dtype)
            twin = self.pieces[owner]
            write = (given(owner, whole) if given else None) or OwnStart({owner: _whole(twin, whole)}).write(
                owner, seed, threads
            )
            write(whole)
            return whole

        return give


def own_start(places: Iterable[Places]) -> OwnStart:
    """Reads the records of these tensors; those without one, or with memory nobody wrote, are missing."""
    pieces, missing = {}, []
    for one in places:
        origin = _origin_of(one)
        piece = None if origin is None else _piece(one, origin)
        if piece is None:
            missing.append(one.path)
        else:
            pieces[one.path] = piece
    found = OwnStart(pieces, tuple(missing))
    _settle(found)
    return found


def _origin_of(places: Places) -> Origin | None:
    found = (origins_of(module).get(name) for module, name in places.owners)
    return next(
        (one for one in found if one is not None and one.ref.shape == tuple(places.tensor.shape)), None
    )


def _piece(places: Places, origin: Origin) -> Piece | None:
    return piece_of(places.path, places.tensor, origin)


def piece_of(path: str, like: Tensor, origin: Origin) -> Piece | None:
    """A tensor's piece; None where some of its memory was never written."""
    record, ref = origin.record, origin.ref
    needed = record.needed(ref)
    if any(not _is_written(record, needed, storage, ref) for storage in needed.void):
        return None
    random = tuple(index for index in needed.steps if record.steps[index].is_random)
    reading = read(record, ref, needed)
    return Piece(path, like, origin, _first_copy(record, ref), needed, reading, random)


def _is_written(record: Record, needed: Needed, storage: int, ref: Ref) -> bool:
    """Whether writes to parts of the memory make up all of it that is looked at."""
    home = record.homes.get(storage)
    if home is None:
        return False
    written = torch.zeros(max(record.sizes[storage] // home.dtype.itemsize, 1), dtype=torch.bool)
    for index in needed.steps:
        step = record.steps[index]
        for one in () if step.is_void else step.writes:
            if one.storage == storage and one.dtype.itemsize == home.dtype.itemsize:
                written.as_strided(one.shape, one.stride, one.offset).fill_(True)
    looked = written if storage != ref.storage else written.as_strided(ref.shape, ref.stride, ref.offset)
    return bool(looked.all())


def _first_copy(record: Record, ref: Ref) -> Node:
    """The memory that this is a copy of, back to the first."""
    while True:
        index = record.last_write(ref.storage, ref.time)
        if index is None:
            return id(record), ref.storage, -1
        step = record.steps[index]
        source = next((one for one in step.args if isinstance(one, Ref)), None)
        copies = step.name in ("clone", "_to_copy", "copy_") and record.covers(step, ref.storage)
        if step.name == "copy_":
            source = step.args[1] if len(step.args) > 1 and isinstance(step.args[1], Ref) else None
        if not copies or source is None or not _same(source, ref, record):
            return id(record), ref.storage, index
        ref = source


def _same(source: Ref, ref: Ref, record: Record) -> bool:
    home = record.homes.get(source.storage)
    whole = home is not None and home.sees(source)
    return whole and (source.shape, source.stride, source.dtype) == (ref.shape, ref.stride, ref.dtype)


def _settle(start: OwnStart) -> None:
    """Which pieces are drawn by their law: not those whose random numbers somebody else needs as well."""
    for piece in start.pieces.values():
        lawful = piece.reading is not None and bool(piece.random) and piece.like.is_floating_point()
        piece.drawn = lawful and piece.node not in start.owners
        if piece.drawn:
            start.owners[piece.node] = piece.path
    while _gives_up(start):
        pass
    for piece in start.pieces.values():
        if piece.drawn:
            continue
        taken = _after_others(start, piece)
        used = [index for index in taken.steps if piece.record.steps[index].is_random]
        for number, index in enumerate(used):
            start.leaves.setdefault((id(piece.record), index), f"{piece.path}#{number}")
        piece.random = tuple(used)
        piece.follows = tuple(dict.fromkeys(start.owners[(id(piece.record), *node)] for node in taken.taken))


def _gives_up(start: OwnStart) -> bool:
    """Takes its law from a piece that shares numbers with one that does not go through its memory."""
    users: dict[tuple[int, int], list[Piece]] = {}
    for piece in start.pieces.values():
        steps = piece.random if piece.drawn else _after_others(start, piece).steps
        for index in steps:
            if piece.record.steps[index].is_random:
                users.setdefault((id(piece.record), index), []).append(piece)
    for sharing in users.values():
        for piece in sharing:
            if piece.drawn and len(sharing) > 1:
                piece.drawn = False
                del start.owners[piece.node]
                return True
    return False


def _after_others(start: OwnStart, piece: Piece) -> Needed:
    if not piece.random:
        return piece.needed

    def taken(storage: int, index: int) -> bool:
        owner = start.owners.get((id(piece.record), storage, index))
        return owner is not None and owner != piece.path

    return piece.record.needed(piece.origin.ref, taken)


def _whole(piece: Piece, like: Tensor) -> Piece:
    """The piece for an unsharded tensor."""
    return replace(piece, like=like)


def _one_number(piece: Piece) -> float | None:
    """The number that all elements are, if the record says so."""
    law = piece.reading.law if piece.reading else None
    if piece.kind != "computed" or not isinstance(law, Constant | Ones | Zeros):
        return None
    value = law.value if isinstance(law, Constant) else 1.0 if isinstance(law, Ones) else 0.0
    return None if isinstance(value, complex) else value


@torch.no_grad()
def _fill(tensor: Tensor, value: float) -> None:
    local_part(tensor).fill_(value)


@torch.no_grad()
def _copy(value: Callable[[], Tensor], tensor: Tensor) -> None:
    """Each process copies what it holds."""
    whole, local = value(), local_part(tensor)
    for place, region in local_boxes(tensor):
        part = local[place] if place else local
        part.copy_(whole[region.slices] if region.slices else whole)

"""`own_plan`: the start that a model's library wrote, parameter by parameter, with file and line."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import torch
from torch import nn

from isogain.core.constructions.state_space import DiagonalState
from isogain.drawing.public import draw
from isogain.graph.entry import Entry
from isogain.graph.paths import family
from isogain.graph.plan import Plan
from isogain.torch.draw.materialize import Places, places_of
from isogain.torch.draw.targets import Target, targets
from isogain.torch.own.beginning import known_start
from isogain.torch.own.laws import constant_law, plain_layout
from isogain.torch.own.reading import Reading
from isogain.torch.own.start import OwnStart, Piece
from isogain.torch.own.unwritten import is_unknown, plain_of

__all__ = ["own_plan"]


def own_plan(model: nn.Module) -> Plan:
    """Return the laws that the model's library starts it with, as a Plan; each reason is `file:line`.

    From the record of `deferred`, or, where there is none, from the model's own code, run without memory on
    stand-ins (what its constructors did; `initialize_weights`, `init_weights` or `_init_weights`).  A law
    comes with fans where its number is one of a fan's.  What is computed, copied from another parameter, or
    random without a law of isogain's has no initializer ("kept"): `materialize_` and `apply_` give it what
    its steps give.  Buffers, and parameters of which nothing is known, are in `notes`.

    The plan is data: edit it, save it, and give it to `materialize_(model, plan, seed=0)`.

    >>> from isogain.torch.own.deferring import deferred
    >>> plan = own_plan(deferred(lambda: nn.Linear(784, 10)))
    >>> plan["weight"].initializer
    VarianceScaling(scale=0.3333333333333333, mode='fan_in', distribution='uniform', fan_rule='torch')
    """
    places = places_of(model)
    start, said = known_start(model, places, places)
    by_path = {one.path: one for one in places}
    entries = [_entry(path, target, start, by_path) for path, target in targets(model).items()]
    plain = [one.path for one in plain_of(model, places) if is_unknown(one)]
    notes = [*said, *_buffers(places, start)]
    notes += [f"tensor {path}: nothing is known of its start" for path in plain]
    return Plan(type(model).__name__, entries, recipe="own", notes=notes)


def _entry(path: str, target: Target, start: OwnStart, places: Mapping[str, Places]) -> Entry:
    shape = tuple(target.like.shape)
    if target.places is None:
        return Entry(
            path,
            shape,
            None,
            "parametrized weight",
            _parametrized(target, start, places),
            plain_layout(shape),
        )
    piece = start.pieces.get(path)
    role = _role(target.places)
    if piece is None:
        return Entry(path, shape, None, role, "nothing is known of its start", plain_layout(shape))
    reading = piece.reading or _constant(piece, start)
    if reading is None or piece.kind not in ("drawn", "computed"):
        said = f"{_described(piece)}{_state(piece, start)}: {_where(piece)}"
        return Entry(path, shape, None, role, said, plain_layout(shape))
    return Entry(path, shape, reading.law, role, _where(piece), reading.layout, reading.groups)


_SMALL = 1 << 22


def _constant(piece: Piece, start: OwnStart) -> Reading | None:
    """What was computed, but is one number everywhere."""
    if piece.kind != "computed" or not 0 < piece.origin.ref.count <= _SMALL or piece.like.is_complex():
        return None
    value = start.value(piece.path, 0)
    low, high = float(value.min()), float(value.max())
    shape = piece.origin.ref.shape
    return Reading(constant_law(low), plain_layout(shape)) if low == high and math.isfinite(low) else None


def _state(piece: Piece, start: OwnStart) -> str:
    """The name of what was computed, where it is the diagonal of a state matrix (Mamba's A_log)."""
    shape = piece.origin.ref.shape
    if piece.kind != "computed" or not shape or not 0 < piece.origin.ref.count <= _SMALL:
        return ""
    value = start.value(piece.path, 0)
    named = (law for law in _STATES if value.is_floating_point() and _is_near(value, law, shape))
    return next((f" as {law}" for law in named), "")


_STATES = (DiagonalState("real", "log"), DiagonalState("real"), DiagonalState("lin", "imaginary"))


def _is_near(value: torch.Tensor, law: DiagonalState, shape: tuple[int, ...]) -> bool:
    if shape[-1] < 2:
        return False
    last = torch.from_numpy(draw(law, shape[-1:], layout="out", seed=0)).double()
    return torch.allclose(value.double(), last.expand(shape), rtol=1e-6, atol=0)


def _parametrized(target: Target, start: OwnStart, places: Mapping[str, Places]) -> str:
    behind = {id(tensor) for tensor in target.tensors}
    found = [
        start.pieces[path]
        for path, one in places.items()
        if id(one.tensor) in behind and path in start.pieces
    ]
    return "; ".join(f"{piece.path.rpartition('.')[2]} {_law(piece)}: {_where(piece)}" for piece in found)


def _law(piece: Piece) -> str:
    return (
        str(piece.reading.law) if piece.kind in ("drawn", "computed") and piece.reading else _described(piece)
    )


def _described(piece: Piece) -> str:
    """How a tensor without a law of its own comes to be."""
    if piece.kind == "following":
        return f"made from {', '.join(piece.follows)}"
    return "random, without a law of its own" if piece.random else "computed"


def _role(places: Places) -> str:
    module, name = places.owners[0]
    return f"{type(module).__name__}.{name}"


def _where(piece: Piece) -> str:
    """The lines that wrote it, or what it is a copy of; the last three."""
    _, storage, _ = piece.node
    steps = [piece.record.steps[index] for index in piece.needed.steps]
    found = [step.place for step in steps if not step.is_void and _touches(step.writes, step.made, storage)]
    shown = list(dict.fromkeys(map(str, found)))[-3:]
    by = f", as {piece.origin.by} does" if piece.origin.by else ""
    return (", ".join(shown) or str(piece.step.place)) + by


def _touches(writes: tuple, made: tuple, storage: int) -> bool:  # type: ignore[type-arg]
    return any(ref is not None and ref.storage == storage for ref in (*writes, *made))


def _buffers(places: list[Places], start: OwnStart) -> Iterator[str]:
    """One line for each family of buffers."""
    found: dict[str, None] = {}
    for one in places:
        if one.is_parameter or not one.tensor.is_meta:
            continue
        piece = start.pieces.get(one.path)
        said = f"{_law(piece)}: {_where(piece)}" if piece else "nothing is known of its start"
        found[f"buffer {family(one.path)}: {said}"] = None
    yield from found

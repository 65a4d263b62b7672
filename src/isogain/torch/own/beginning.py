"""Gives a model memory and values: what was chosen, and its own start for the rest."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace

import torch
from torch import nn

from isogain.errors import DrawError, IsogainError
from isogain.torch.draw.fill import Write
from isogain.torch.draw.materialize import Choice, Places, prepared, tell_sharding, write_all
from isogain.torch.own.adopting import by_entries
from isogain.torch.own.beside import beside
from isogain.torch.own.origins import Origin, origins_of
from isogain.torch.own.outside import exchanged_parts, unseen_writes
from isogain.torch.own.rebuilding import rebuildable
from isogain.torch.own.recipes import Told, run_recipes
from isogain.torch.own.start import OwnStart, own_start
from isogain.torch.own.unwritten import Wanted, doubts_of, is_unknown, plain_of, without_memory

__all__ = ["begin", "known_start"]

Tensor = torch.Tensor
_TOLD = 12
"""Names in an error: behind hundreds nobody would read why."""


@contextmanager
def _on_the_host() -> Iterator[None]:
    """Inside of somebody's `torch.device("meta")` too, what is computed has values."""
    with torch.device("cpu") if torch.get_default_device().type != "cpu" else nullcontext():
        yield


@_on_the_host()
def begin(
    model: nn.Module, places: Sequence[Places], choices: Mapping[str, Choice], *, seed: int,
    device: torch.device | str | None = None, threads: int | None = None, reserved: Collection[str] = (),
    refusal: type[IsogainError] = DrawError,
) -> None:  # fmt: skip
    """Writes the choices, gives the reserved ones memory alone, and all others on meta their own start.

    A `refusal` names every tensor that has none, before anything is written.
    """
    chosen = {
        one.path: prepared(one, choices[one.path], seed, threads) for one in places if one.path in choices
    }
    rest = [
        one for one in places if one.tensor.is_meta and one.path not in chosen and one.path not in reserved
    ]
    start, said = known_start(model, places, rest)
    left = [one for one in places if one.path in start.unwritten]
    rest += [without_memory(one) for one in left if one.path not in chosen and one.path not in reserved]
    plain = [*plain_of(model, places)]
    _refuse(rest, [one.path for one in plain if is_unknown(one)], start, said, refusal)

    def given(path: str, whole: Tensor) -> Write | None:
        one = next((one for one in places if one.path == path), None)
        if one is None or path not in choices:
            return None
        return prepared(replace(one, tensor=whole), choices[path], seed, threads)

    own = {one.path: start.write(one.path, seed, threads, given) for one in rest}
    empty = [one for one in places if one.path in reserved and one.tensor.is_meta]
    fresh = {one.path: one for one in rest}
    work = [(fresh.get(one.path, one), write) for one in places
            if (write := chosen.get(one.path) or own.get(one.path))]  # fmt: skip
    before = {id(one.tensor): one.owners[0] for one in places}
    write_all([*((one, _nothing) for one in empty), *work], device, threads)

    def value(path: str, like: Tensor, origin: Origin) -> Tensor | None:
        return start.beside(path, like, origin, seed, threads, given)

    _fill_attributes(model, before, device, value)
    tell_sharding(model)


@_on_the_host()
def known_start(
    model: nn.Module, places: Sequence[Places], needed: Sequence[Places]
) -> tuple[OwnStart, tuple[str, ...]]:
    """The own start of these tensors, by the model's recipes where a record lacks some; and what failed."""
    start: OwnStart = own_start(places)
    lost = [one for one in needed if one.path in start.missing]
    plain = [one for one in plain_of(model, places) if one.held.name not in origins_of(one.module)]
    wanted = Wanted(lost, doubts_of(places), plain)
    if not wanted.is_asked(model):
        return start, ()
    unseen = unseen_writes(model)
    told = run_recipes(model, wanted, unseen, {})
    start = own_start(places)
    rebuilt = rebuildable(model, _holders_of_lost(wanted, start, told))
    if rebuilt and not exchanged_parts(model):
        told = run_recipes(model, wanted, unseen, rebuilt)
        start = own_start(places)
    left = _holders_of_lost(wanted, start, told)
    if left:
        start, told = by_entries(model, places, left, start, told)
    return replace(start, unwritten=told.unwritten), told.said


def _holders_of_lost(wanted: Wanted, start: OwnStart, told: Told) -> list[nn.Module]:
    doubtful = {*told.unborn, *({*told.unwritten} & {*start.missing})}
    return wanted.holders_of_lost(start.missing, doubtful)


def _refuse(
    rest: Sequence[Places], plain: Sequence[str], start: OwnStart, said: Sequence[str],
    refusal: type[IsogainError],
) -> None:  # fmt: skip
    lost = [
        one.path if one.is_parameter else f"the buffer {one.path}"
        for one in rest
        if one.path in start.missing
    ] + [f"the tensor {path}" for path in plain]
    if not lost:
        return
    failed = f" ({'; '.join(said[:3])})" if said else ""
    more = f" and {len(lost) - _TOLD} more" if len(lost) > _TOLD else ""
    raise refusal(
        f"nothing was written: no start is known for {', '.join(lost[:_TOLD])}{more}{failed}; build the "
        "model with igt.deferred(build), or give each of them a choice: an initializer, a tensor or a number"
    )


def _nothing(tensor: Tensor) -> None:
    """For memory that is written later."""


def _fill_attributes(
    model: nn.Module, before: Mapping[int, tuple[nn.Module, str]], device: torch.device | str | None,
    value: Callable[[str, Tensor, Origin], Tensor | None],
) -> None:  # fmt: skip
    """Tensors that modules hold beside parameters and buffers: the one they are, or one of their own."""
    seen = set[int]()
    for path, module in model.named_modules():
        for name, tensor, put in [*beside(module, seen)]:
            same, origin = before.get(id(tensor)), origins_of(module).get(name)
            if same is not None and tensor.is_meta:
                put(getattr(*same))
            elif origin is not None and tensor.is_meta:
                found = value(f"{path}.{name}", tensor, origin)
                put(tensor if found is None else found.to(device or "cpu"))

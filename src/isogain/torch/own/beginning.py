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
from isogain.torch.own.origins import Origin, attributes_of
from isogain.torch.own.rebuilding import rebuildable
from isogain.torch.own.recipes import run_recipes
from isogain.torch.own.start import OwnStart, own_start

__all__ = ["begin", "known_start"]

Tensor = torch.Tensor


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
    _refuse(rest, start, said, refusal)

    def given(path: str, whole: Tensor) -> Write | None:
        one = next((one for one in places if one.path == path), None)
        if one is None or path not in choices:
            return None
        return prepared(replace(one, tensor=whole), choices[path], seed, threads)

    own = {one.path: start.write(one.path, seed, threads, given) for one in rest}
    empty = [one for one in places if one.path in reserved and one.tensor.is_meta]
    work = [(one, write) for one in places if (write := chosen.get(one.path) or own.get(one.path))]
    before = {id(one.tensor): one.owners[0] for one in places}
    write_all([*((one, _nothing) for one in empty), *work], device, threads)

    def beside(path: str, like: Tensor, origin: Origin) -> Tensor | None:
        return start.beside(path, like, origin, seed, threads, given)

    _fill_attributes(model, before, device, beside)
    tell_sharding(model)


@_on_the_host()
def known_start(
    model: nn.Module, places: Sequence[Places], needed: Sequence[Places]
) -> tuple[OwnStart, tuple[str, ...]]:
    """The own start of these tensors, by the model's recipes where a record lacks some; and what failed."""
    start: OwnStart = own_start(places)
    said: tuple[str, ...] = ()
    lost = [one for one in needed if one.path in start.missing]
    if lost:
        said = run_recipes(model, lost)
        start = own_start(places)
    left = [one for one in lost if one.path in start.missing]
    rebuilt = rebuildable(model, [module for one in left for module, _ in one.owners]) if left else {}
    if rebuilt:
        said = run_recipes(model, lost, rebuilt)
        start = own_start(places)
    return start, said


def _refuse(
    rest: Sequence[Places], start: OwnStart, said: Sequence[str], refusal: type[IsogainError]
) -> None:
    lost = [
        one.path if one.is_parameter else f"the buffer {one.path}"
        for one in rest
        if one.path in start.missing
    ]
    if not lost:
        return
    failed = f" ({'; '.join(said[:3])})" if said else ""
    raise refusal(
        f"nothing was written: no start is known for {', '.join(lost)}{failed}; build the model with "
        "igt.deferred(build), or give each of them a choice: an initializer, a tensor or a number"
    )


def _nothing(tensor: Tensor) -> None:
    """For memory that is written later."""


def _fill_attributes(
    model: nn.Module, before: Mapping[int, tuple[nn.Module, str]], device: torch.device | str | None,
    value: Callable[[str, Tensor, Origin], Tensor | None],
) -> None:  # fmt: skip
    """Tensors that modules hold beside parameters and buffers: the one they are, or one of their own."""
    paths = {id(module): path for path, module in model.named_modules()}
    for module, (name, tensor, put), origin in list(attributes_of(model.modules())):
        same = before.get(id(tensor))
        if same is not None:
            put(getattr(*same))
        elif (found := value(f"{paths[id(module)]}.{name}", tensor, origin)) is not None:
            put(found.to(device or "cpu"))

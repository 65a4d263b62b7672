"""Models on the meta device: memory and weights, parameter by parameter."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from typing import Any, final

import torch
from torch import nn

from isogain.checking import shown
from isogain.core.geometry.layout import LayoutLike, implied
from isogain.core.names.typed import InitializerName
from isogain.core.values.distributions import Law
from isogain.core.values.initializer import Initializer
from isogain.drawing.engine import share, thread_count
from isogain.errors import DrawError, IsogainError
from isogain.graph.paths import stable_path
from isogain.torch.draw.fill import LAYOUT, Draw, Write, allocate, prepare

__all__ = [
    "Choice",
    "Choices",
    "Filling",
    "Places",
    "chosen",
    "give_memory",
    "places_of",
    "prepared",
    "tell_sharding",
    "write_all",
]


@final
@dataclass(frozen=True)
class Filling:
    """An initializer together with how the weight's axes are to be read."""

    init: InitializerName | str | Initializer | Law
    layout: LayoutLike = None
    """None: "out in *", with the rows of frameworks as their framework has them."""
    groups: int = 1
    stride: int | tuple[int, ...] = 1
    transposed: bool = False


MOST = 2**64
Choice = InitializerName | str | Initializer | Law | Filling | torch.Tensor | float
"""What may stand for a parameter or buffer: an initializer, a tensor to copy, or one number."""
Choices = Mapping[str, Choice] | Callable[[str, torch.Tensor], Choice | None]


@final
@dataclass(frozen=True)
class Places:
    """One tensor of a model, under its first path, and every (module, name) that holds it."""

    path: str
    tensor: torch.Tensor
    owners: tuple[tuple[nn.Module, str], ...]
    is_parameter: bool


def places_of(model: nn.Module) -> list[Places]:
    """Every parameter and buffer of the model once, in the order of first appearance."""
    found: dict[int, Places] = {}
    for prefix, module in model.named_modules(remove_duplicate=False):
        for table, is_parameter in ((module._parameters, True), (module._buffers, False)):
            for name, tensor in table.items():
                if tensor is None:
                    continue
                first = found.get(id(tensor))
                path = first.path if first else stable_path(f"{prefix}.{name}" if prefix else name)
                owners = first.owners if first else ()
                if (module, name) not in owners:
                    owners = (*owners, (module, name))
                found[id(tensor)] = Places(path, tensor, owners, is_parameter)
    return list(found.values())


def chosen(choices: Choices, found: list[Places]) -> dict[str, Choice]:
    """Path -> choice for each tensor that has one.

    DrawError for choices of another kind, for a path or pattern that fits nothing, and where a function of
    the user's own raises.
    """
    _check(choices)
    if isinstance(choices, Mapping):
        _refuse_idle(choices, found)
    named = {one.path: _asked(_function(choices), one) for one in found}
    return {path: choice for path, choice in named.items() if choice is not None}


def _function(choices: Choices) -> Callable[[str, torch.Tensor], Choice | None]:
    return choices if callable(choices) else lambda path, tensor: _by_pattern(choices, path)


def _check(choices: object) -> None:
    named = isinstance(choices, Mapping) and all(isinstance(one, str) for one in choices)
    if not named and (isinstance(choices, Mapping) or not callable(choices)):
        raise DrawError(
            "choices must map paths or patterns to initializers, or be a function of (path, tensor), "
            f"got {shown(choices)}"
        )


def _asked(choose: Callable[[str, torch.Tensor], Choice | None], places: Places) -> Choice | None:
    try:
        return choose(places.path, places.tensor)
    except IsogainError:
        raise
    except Exception as error:  # a function of the user's own
        told = f"{type(error).__name__}: {error}"
        raise DrawError(f"nothing was written: choices raised at {places.path}: {told}") from error


def _by_pattern(choices: Mapping[str, Choice], path: str) -> Choice | None:
    if path in choices:
        return choices[path]
    return next((choice for pattern, choice in choices.items() if fnmatchcase(path, pattern)), None)


def _refuse_idle(choices: Mapping[str, Choice], found: list[Places]) -> None:
    """A path or pattern that fits nothing is a slip of the pen, and what it meant gets another's choice."""
    paths = [places.path for places in found]
    idle = [one for one in choices if one not in paths and not any(fnmatchcase(path, one) for path in paths)]
    if idle:
        near = {one: difflib.get_close_matches(one, paths, n=3) for one in idle}
        told = [repr(one) + (f" (near: {', '.join(near[one])})" if near[one] else "") for one in idle]
        raise DrawError(
            f"nothing was written: {', '.join(told)} fits no parameter or buffer of the model; leave it out, "
            "or name one that is there (a tied one under its first path)"
        )


def prepared(places: Places, choice: Choice, seed: int, threads: int | None) -> Write:
    """What writes the choice into a tensor like this one, checked."""
    if isinstance(choice, torch.Tensor | float | int):
        return _copier(places, choice)
    if not isinstance(choice, Filling):
        choice = _default_filling(places, choice)
    geometry: dict[str, Any] = {
        "layout": LAYOUT if choice.layout is None else choice.layout, "groups": choice.groups,
        "stride": choice.stride, "transposed": choice.transposed,
    }  # fmt: skip
    try:
        return prepare(places.tensor, choice.init, seed=seed, path=places.path, threads=threads, **geometry)
    except ValueError as error:
        raise DrawError(f"nothing was written: {places.path}: {error}") from error


def _copier(places: Places, choice: torch.Tensor | float) -> Write:
    if isinstance(choice, torch.Tensor) and choice.shape != places.tensor.shape:
        shapes = f"{tuple(choice.shape)} for {tuple(places.tensor.shape)}"
        raise DrawError(f"nothing was written: {places.path}: a tensor of shape {shapes}")

    if isinstance(choice, int) and abs(choice) > MOST:
        raise DrawError(f"nothing was written: {places.path}: no dtype holds the number {shown(choice)}")

    @torch.no_grad()
    def write(tensor: torch.Tensor) -> None:
        tensor.copy_(choice) if isinstance(choice, torch.Tensor) else tensor.fill_(choice)

    return write


def _default_filling(places: Places, init: InitializerName | str | Initializer | Law) -> Filling:
    """The layout that torch's own layers hold their weights in."""
    module, name = places.owners[0]
    if name == "weight" and isinstance(module, nn.modules.conv._ConvNd):
        if module.transposed:
            return Filling(init, implied("in out *"), module.groups, module.stride, transposed=True)
        return Filling(init, LAYOUT, module.groups)
    if name == "weight" and isinstance(module, nn.Embedding | nn.EmbeddingBag):
        return Filling(init, implied("in out"))
    return Filling(init, LAYOUT if places.tensor.dim() > 1 else "out" if places.tensor.dim() else "*")


def write_all(
    work: Sequence[tuple[Places, Write]], device: torch.device | str | None, threads: int | None = None
) -> None:
    """Gives each tensor memory, where it has none, and its values; small draws several at a time.

    DrawError names what failed.
    """
    beside: list[tuple[Places, Callable[[], None]]] = []
    for places, write in work:
        with _named_in_errors(places):
            tensor = give_memory(places, device)
            if isinstance(write, Draw) and write.leaves_threads(tensor):
                beside.append((places, partial(write, tensor)))
            else:
                write(tensor)
    share(_run, beside, thread_count(threads))


def _run(job: tuple[Places, Callable[[], None]]) -> None:
    places, draw = job
    with _named_in_errors(places):
        draw()


@contextmanager
def _named_in_errors(places: Places) -> Iterator[None]:
    try:
        yield
    except (DrawError, RuntimeError, MemoryError) as error:
        raise DrawError(
            f"{places.path} failed ({error}); others of the model's tensors were written"
        ) from error


def give_memory(places: Places, device: torch.device | str | None) -> torch.Tensor:
    """The tensor itself, or fresh memory put in its place everywhere."""
    old = places.tensor
    if not old.is_meta:
        return old
    new = allocate(old, device, places.path)
    if places.is_parameter:
        new = nn.Parameter(new, requires_grad=old.requires_grad)
        vars(new).update(vars(old))
    for module, name in places.owners:
        (module._parameters if places.is_parameter else module._buffers)[name] = new  # type: ignore[assignment]
    return new


def tell_sharding(model: nn.Module) -> None:
    """Let FSDP2's modules take up their new parameters (there are none where nobody imported it)."""
    sharded = getattr(sys.modules.get("torch.distributed.fsdp"), "FSDPModule", None)
    if sharded is None:
        return
    for module in model.modules():
        if isinstance(module, sharded):
            module._apply(lambda tensor: tensor, recurse=False)

"""Models on the meta device: memory and weights, parameter by parameter."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import final

import torch
from torch import nn

from isogain.core.values.distributions import Law
from isogain.core.values.initializer import Initializer
from isogain.errors import DrawError
from isogain.graph.paths import stable_path
from isogain.torch.draw.fill import Write, allocate, prepare

__all__ = ["Filling", "Places", "materialize_", "places_of"]


@final
@dataclass(frozen=True)
class Filling:
    """An initializer together with how the weight's axes are to be read."""

    init: str | Initializer | Law
    layout: str = "out in *"
    groups: int = 1
    stride: int | tuple[int, ...] = 1
    transposed: bool = False


Choice = str | Initializer | Law | Filling | torch.Tensor | float
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


def materialize_(
    model: nn.Module,
    choices: Choices,
    *,
    seed: int,
    device: torch.device | str | None = None,
    threads: int | None = None,
) -> nn.Module:
    """Return the model, its meta tensors now real, every chosen parameter and buffer filled.

    `choices` maps paths, or patterns such as "layers.*.weight" (the first that fits counts), to an
    initializer, a `Filling` (initializer and layout), a tensor to copy or a number; or is a function
    (path, tensor) -> one of these or None.  Weights of convolutions, transposed convolutions and
    embeddings are read through their own layout unless a Filling says otherwise.

    Every parameter needs a choice, and so does every buffer on the meta device; buffers that have
    memory are kept unless chosen.  Tied parameters are drawn once, under their first path, and stay
    tied.  DTensors (`fully_shard` on the meta device included) get memory and numbers for their own
    share only.  Paths are those of `named_parameters` without the wrappers of torch.compile, activation
    checkpointing and DistributedDataParallel, so wrapping changes no number.  Memory beyond the model's
    own stays under one parameter's.

    Raises DrawError that names every path without a choice, or the first that its choice does not fit,
    before anything is written.

    >>> with torch.device("meta"):
    ...     model = nn.Linear(784, 10)
    >>> materialize_(model, {"weight": "he_normal", "bias": 0.0}, seed=0).weight.device
    device(type='cpu')
    """
    if isinstance(model, nn.parallel.DistributedDataParallel):
        materialize_(model.module, choices, seed=seed, device=device, threads=threads)
        return model
    choose = choices if callable(choices) else lambda path, tensor: _by_pattern(choices, path)
    work, missing = [], []
    for places in places_of(model):
        choice = choose(places.path, places.tensor)
        if choice is not None:
            work.append((places, _prepared(places, choice, seed, threads)))
        elif places.is_parameter or places.tensor.is_meta:
            missing.append(places.path)
    if missing:
        raise DrawError(
            f"nothing was written: no choice for {', '.join(missing)}; name each of them, "
            "or a pattern that fits it"
        )
    _run(work, device)
    _tell_sharding(model)
    return model


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


def _by_pattern(choices: Mapping[str, Choice], path: str) -> Choice | None:
    if path in choices:
        return choices[path]
    return next((choice for pattern, choice in choices.items() if fnmatchcase(path, pattern)), None)


def _prepared(places: Places, choice: Choice, seed: int, threads: int | None) -> Write:
    """What writes the choice into a tensor like this one, checked."""
    if isinstance(choice, torch.Tensor | float | int):
        return _copier(places, choice)
    if not isinstance(choice, Filling):
        choice = _default_filling(places, choice)
    geometry = {name: getattr(choice, name) for name in ("layout", "groups", "stride", "transposed")}
    try:
        return prepare(places.tensor, choice.init, seed=seed, path=places.path, threads=threads, **geometry)
    except ValueError as error:
        raise DrawError(f"nothing was written: {places.path}: {error}") from error


def _copier(places: Places, choice: torch.Tensor | float) -> Write:
    if isinstance(choice, torch.Tensor) and choice.shape != places.tensor.shape:
        shapes = f"{tuple(choice.shape)} for {tuple(places.tensor.shape)}"
        raise DrawError(f"nothing was written: {places.path}: a tensor of shape {shapes}")

    @torch.no_grad()
    def write(tensor: torch.Tensor) -> None:
        tensor.copy_(choice) if isinstance(choice, torch.Tensor) else tensor.fill_(choice)

    return write


def _default_filling(places: Places, init: str | Initializer | Law) -> Filling:
    """The layout that torch's own layers hold their weights in."""
    module, name = places.owners[0]
    if name == "weight" and isinstance(module, nn.modules.conv._ConvNd):
        if module.transposed:
            return Filling(init, "in out *", module.groups, module.stride, transposed=True)
        return Filling(init, "out in *", module.groups)
    if name == "weight" and isinstance(module, nn.Embedding | nn.EmbeddingBag):
        return Filling(init, "in out")
    return Filling(init, "out in *" if places.tensor.dim() > 1 else "out" if places.tensor.dim() else "*")


def _run(work: list[tuple[Places, Write]], device: torch.device | str | None) -> None:
    for done, (places, write) in enumerate(work):
        try:
            write(_real(places, device))
        except (DrawError, RuntimeError, MemoryError) as error:
            raise DrawError(
                f"{places.path} failed ({error}); the {done} tensors before it in the model were written"
            ) from error


def _real(places: Places, device: torch.device | str | None) -> torch.Tensor:
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


def _tell_sharding(model: nn.Module) -> None:
    """Let FSDP2's modules take up their new parameters (there are none where nobody imported it)."""
    sharded = getattr(sys.modules.get("torch.distributed.fsdp"), "FSDPModule", None)
    if sharded is None:
        return
    for module in model.modules():
        if isinstance(module, sharded):
            module._apply(lambda tensor: tensor, recurse=False)

"""A library's entry, run once more: the function that it names a whole model by, and builds it with.

timm writes into a model the name of the entry that built it.  torchvision does not; there it is the only
one of those beside the model's class that makes the same parts.  An entry gives its class scales and gains
that no module keeps, so it is asked last, with what the model tells of its own arguments, and only where all
parts, shapes, dtypes, counts of writes and the numbers that parts keep come out the same.  What leaves no
trace in those is then the entry's own, which the plan's reasons and a warning say.
"""

from __future__ import annotations

import inspect
import math
import sys
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import islice
from types import FunctionType, ModuleType
from typing import Any

import torch
from torch import nn

from isogain.torch.draw.shards import is_dtensor
from isogain.torch.own.constructors import own_kind
from isogain.torch.own.places import depth_of_caller
from isogain.torch.own.rebuilding import known_arguments
from isogain.torch.own.structure import Build, built, structure

__all__ = ["Entry", "entries_of", "tell_of"]

Tensor = torch.Tensor
Make = Callable[..., nn.Module]
Maker = tuple[Make, tuple[FunctionType, ...]]
"""What builds a model, and the functions that it runs."""
_MOST = 1 << 14
"""Of parts that one may have."""
_PLAIN = (bool, int, float, str)


@dataclass(frozen=True)
class Entry:
    """A part of a model, and the entry that builds it anew."""

    said: str
    module: nn.Module
    build: Build
    runs: tuple[FunctionType, ...]
    """The functions that build it."""


def entries_of(model: nn.Module, lost: Collection[nn.Module]) -> tuple[list[Entry], list[str]]:
    """The outermost parts that an entry builds around all that is lost; and which ones made another model."""
    found, said = list[Entry](), list[str]()
    _search(model, {*map(id, lost)}, found, said, set())
    return found, said


def tell_of(entry: Entry) -> None:
    """Warns of what nobody can know."""
    warnings.warn(
        f"{entry.said} was run once more for the start of {type(entry.module).__name__}: its modules do not "
        "keep all arguments they were given, so those that leave no trace (scales, gains, rates of "
        "initial values) are taken at that entry's own; if you gave it others, build the model with "
        "igt.deferred(build)",
        stacklevel=depth_of_caller(),
    )


def _search(module: nn.Module, lost: set[int], found: list[Entry], said: list[str], tried: set[type]) -> None:
    if lost.isdisjoint(map(id, module.modules())):
        return
    kind = own_kind(module)
    if kind is not None and kind not in tried:
        tried.add(kind)
        makers = _makers(module, kind)
        fits = [*islice(_fitting(module, makers), 2)]
        if len(fits) == 1:
            found += fits
            return
        said += [_refused(kind, makers, bool(fits))] if makers else []
    for child in module.children():
        _search(child, lost, found, said, tried)


def _refused(kind: type[nn.Module], makers: Collection[str], is_several: bool) -> str:
    names = " and ".join([*makers][:2])
    if is_several:
        return f"more than one of the entries of {kind.__name__} makes the same parts ({names})"
    return f"no entry of {kind.__name__} makes the parts that are there, as they are ({names})"


def _fitting(module: nn.Module, makers: Mapping[str, Maker]) -> Iterator[Entry]:
    form = structure(module)
    for said, (make, runs) in makers.items():
        build, twin = _adapted(module, make)
        is_equal = twin is not None and structure(twin) == form
        if is_equal and twin is not None and _is_written_as(module, twin) and _keeps_as(module, twin):
            yield Entry(said, module, build, runs)


def _is_written_as(module: nn.Module, twin: nn.Module) -> bool:
    """Whether nothing was written less often; what was moved to the meta device does not tell."""
    pairs = zip((*module.parameters(), *module.buffers()), (*twin.parameters(), *twin.buffers()), strict=True)
    counts = [(one._version, other._version) for one, other in pairs if not is_dtensor(one)]
    return all(one >= other for one, other in counts) or not any(one for one, _ in counts)


def _keeps_as(module: nn.Module, twin: nn.Module) -> bool:
    """Whether no part keeps another number, word or flag of its constructor's arguments."""
    theirs = dict(twin.named_modules())
    return all(_agree(_kept(one), _kept(theirs[path])) for path, one in module.named_modules())


def _agree(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> bool:
    both = [(ours[name], theirs[name]) for name in ours.keys() & theirs.keys()]
    return all(one == other or _is_near(one, other) for one, other in both if isinstance(one, _PLAIN))


def _is_near(one: Any, other: Any) -> bool:
    """Rates of layers are found anew from the largest."""
    return isinstance(one, float) and isinstance(other, float) and math.isclose(one, other, rel_tol=1e-5)


# what a model tells of its arguments ----------------------------------------------------------------------


def _adapted(module: nn.Module, make: Make) -> tuple[Build, nn.Module | None]:
    """The entry with those of the model's arguments that are not its own anyway, and what that builds."""
    twin = built(make, _MOST)
    own = {} if twin is None else _told(twin)
    given = _told(module).items()
    others = {name: value for name, value in given if not _same(value, own.get(name))}
    build = partial(make, **others)
    return build, built(build, _MOST) if others else twin


def _told(module: nn.Module) -> dict[str, Any]:
    """What its constructor was given as far as it keeps it, and what its parts show."""
    plain = {name: one for name, one in _kept(module).items() if not isinstance(one, nn.Module | Tensor)}
    return {**dict(_shown(module)), **plain}


def _kept(module: nn.Module) -> dict[str, Any]:
    kind = own_kind(module)
    found = known_arguments(module, kind) if kind is not None else None
    return {} if found is None else found[1]


def _shown(module: nn.Module) -> Iterator[tuple[str, Any]]:
    *_, last = (None, *module.parameters())
    if last is not None and last.dim():
        yield "num_classes", last.shape[0]
    sizes = (one.img_size for one in module.modules() if hasattr(one, "img_size"))
    yield from (("img_size", one) for one in islice(sizes, 1))
    given = (getattr(one, "drop_prob", None) for one in module.modules())
    rates = [one for one in given if isinstance(one, float)]
    yield "drop_path_rate", max(rates, default=0.0)


def _same(one: Any, other: Any) -> bool:
    try:
        return bool(one == other)
    except Exception:  # a value that does not say
        return False


# libraries ------------------------------------------------------------------------------------------------


def _makers(module: nn.Module, kind: type[nn.Module]) -> dict[str, Maker]:
    """By what is said of each, the entries that may have built it."""
    package = kind.__module__.partition(".")[0]
    home, find = sys.modules.get(package), _LIBRARIES.get(package)
    return {} if home is None or find is None else dict(find(home, module, kind))


def _timm(timm: ModuleType, module: nn.Module, kind: type[nn.Module]) -> Iterator[tuple[str, Maker]]:
    settings = getattr(module, "pretrained_cfg", None)
    name = settings.get("architecture") if isinstance(settings, Mapping) else None
    if isinstance(name, str) and timm.is_model(name):
        make = partial(timm.create_model, name, pretrained=False)
        yield f"timm.create_model({name!r})", (make, (timm.create_model, timm.model_entrypoint(name)))


def _torchvision(
    torchvision: ModuleType, module: nn.Module, kind: type[nn.Module]
) -> Iterator[tuple[str, Maker]]:
    models = torchvision.models
    builders = {name: models.get_model_builder(name) for name in models.list_models()}
    beside = {name: one for name, one in builders.items() if one.__module__ == kind.__module__}
    for name, builder in beside.items():
        no_download = {one: None for one in ("weights", "weights_backbone") if one in _parameters(builder)}
        make = partial(models.get_model, name, **no_download)
        yield f"torchvision.models.get_model({name!r})", (make, (models.get_model, builder))


def _parameters(builder: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    return inspect.signature(builder).parameters


_LIBRARIES: dict[str, Callable[[ModuleType, nn.Module, type[nn.Module]], Iterator[tuple[str, Maker]]]] = {
    "timm": _timm,
    "torchvision": _torchvision,
}

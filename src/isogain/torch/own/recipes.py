"""Models that are on the meta device without a record: their own code, run under the recorder.

First what each module's constructors did, inner modules first: `reset_parameters`, and the statements that
give values; then the model's own recipe over it: `initialize_weights` (transformers), `init_weights`
(torchtitan and others), `_init_weights` with `apply`, where no constructor has called it in a way of its own.
They run on stand-ins of the whole shape, so a sharded model is asked the same as an unsharded one.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FunctionType
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.utils import parametrize
from torch.nn.utils.weight_norm import WeightNorm

from isogain.torch.draw.materialize import Places, places_of
from isogain.torch.draw.shards import is_dtensor
from isogain.torch.own.constructors import function_of, is_torch, names_of
from isogain.torch.own.origins import bind
from isogain.torch.own.outside import Unseen
from isogain.torch.own.reach import Reach
from isogain.torch.own.recorder import Recorder
from isogain.torch.own.repeating import Repeater
from isogain.torch.own.structure import Build
from isogain.torch.own.unwritten import Plain, Wanted, is_left
from isogain.torch.own.witnesses import Counting, Key, Recording

__all__ = ["Told", "run_recipes"]

Tensor = torch.Tensor
_DONE = "_is_hf_initialized"
"""The mark by which transformers passes over what it has started already."""


@dataclass(frozen=True)
class Told:
    """What is known besides the record."""

    said: tuple[str, ...]
    """By the recipes that failed."""
    unwritten: tuple[str, ...]
    """The doubtful tensors that a constructor made without values."""
    unborn: tuple[str, ...]
    """Those that no constructor could be seen to make."""


def run_recipes(
    model: nn.Module, wanted: Wanted, unseen: Sequence[Unseen], rebuilt: Mapping[int, Build]
) -> Told:
    """Records what the model's recipes do to the wanted tensors, but for what may have been done `unseen`.

    Of modules that can be rebuilt, constructors are run as a whole.
    """
    asked = {(id(module), name) for places in wanted.lost for module, name in places.owners}
    reach = Reach(model)
    plain = [*_plain(wanted.plain, reach)]
    asked |= {(id(one.module), one.held.name) for one in plain}
    counts = _counted(model, reach, plain, rebuilt)
    recorder, said = Recorder(), list[str]()
    places = places_of(model)
    with _stand_ins(model, plain, recorder) as (join, stand_ins), _unmarked(model):
        witness = Recording(recorder, counts.fits)
        repeater = Repeater(reach, witness, _reset, rebuilt, stand_ins)
        modules = list(_inner_first(model))
        with recorder:
            repeater.repeat_all(model)
        born = _born(wanted.doubts, witness)
        left, unsure = _left(born, places, counts)
        asked |= {(id(module), name) for one in (*left, *unsure) for module, name in one.owners}
        said += repeater.said + _lose(recorder, counts)
        whole = [*_of_model(modules, reach, repeater.own_way)]
        said += _run(recorder, (one for one in whole if _ties_later(one[0])))
        join()
        said += _run(recorder, (one for one in whole if not _ties_later(one[0])))
        said += _lose_unseen(recorder, places, unseen)
        said += _lose_unsure(recorder, unsure)
        bind(recorder, model.modules(), lambda module, name: (id(module), name) in asked)
    return Told(tuple(said), _paths((*left, *unsure)), _paths(one for one, kind in born if kind is None))


def _paths(some: Iterable[Places]) -> tuple[str, ...]:
    return tuple(one.path for one in some)


def _born(doubts: Iterable[Places], witness: Recording) -> list[tuple[Places, bool | None]]:
    """Whether a constructor made each without values; None where none could be seen to make it."""
    return [(one, witness.is_void.get(id(_held(*one.owners[0])))) for one in doubts]


def _left(
    born: Iterable[tuple[Places, bool | None]], places: Iterable[Places], counts: _Counts
) -> tuple[list[Places], list[Places]]:
    """Those that are as their constructors left them, without values, and those that may be."""
    others = [one for one in places if _address(one) not in counts.in_spite]
    found = [(one, is_left(one, others)) for one, is_void in born if is_void]
    return [one for one, left in found if left], [one for one, left in found if left is None]


def _plain(found: Iterable[Plain], reach: Reach) -> Iterator[Plain]:
    """Plain tensors that constructors make."""
    for one in found:
        name = one.held.name.partition(".")[0]
        if name in reach.mentions(type(one.module)):
            reach.tensors.add(name)
            yield one


def _address(one: Places) -> tuple[int, str]:
    module, name = one.owners[0]
    return id(module), name


def _lose_unsure(recorder: Recorder, doubts: Iterable[Places]) -> Iterator[str]:
    for one in doubts:
        held = _held(*one.owners[0])
        if held is not None:
            recorder.lose(held)
            yield f"{one.path} has memory that its constructor left as it was, and others around it values"


def _lose(recorder: Recorder, counts: _Counts) -> list[str]:
    for owner in counts.beyond:
        held = _held(*owner)
        if held is not None:
            recorder.lose(held)
    number = len(counts.beyond)
    said = f"code outside of the modules' constructors wrote to {number} of the tensors"
    return [said] if number else []


def _lose_unseen(recorder: Recorder, places: Iterable[Places], unseen: Iterable[Unseen]) -> Iterator[str]:
    """What code outside may have written last of all, out of sight."""
    held = {id(one.tensor): now for one in places if (now := _held(*one.owners[0])) is not None}
    for one in unseen:
        for tensor in [held[id(each)] for each in one.tensors if id(each) in held]:
            recorder.lose(tensor)
        yield f"{one.said} may have written to it, and leaves no count of it on the meta device"


@dataclass(frozen=True)
class _Counts:
    """What the model's own tensors say about how they were started."""

    fits: Mapping[Key, Sequence[int]]
    beyond: tuple[tuple[nn.Module, str], ...]
    """Those that others wrote than the constructors of the modules that are there."""
    in_spite: frozenset[tuple[int, str]]
    """Those that constructors give memory in spite of meta, by the address of the holder and the name."""


def _counted(model: nn.Module, reach: Reach, plain: Sequence[Plain], rebuilt: Mapping[int, Build]) -> _Counts:
    """Constructors repeated as they ran, on the meta device, so that what they write is counted."""
    places = places_of(model)
    witness = Counting()
    with _stand_ins(model, plain) as (_, stand_ins), _unmarked(model):
        repeater = Repeater(reach, witness, _reset, rebuilt, stand_ins)
        with torch.random.fork_rng(devices=[]), torch.device("meta"):
            repeater.repeat_all(model)
        now = {one.path: _held(*one.owners[0]) for one in places if len(one.owners) == 1}
        counts = {
            id(held): one.tensor._version - witness.count(held)
            for one in places
            if (held := now.get(one.path)) is not None and id(held) not in witness.unknown
            if not is_dtensor(one.tensor)
        }
    fits = witness.fitting(counts)
    beyond = witness.beyond(counts, fits)
    others = (one.owners[0] for one in places if id(now.get(one.path)) in beyond)
    in_spite = (_address(one) for one in places if id(now.get(one.path)) in witness.in_spite)
    return _Counts(fits, tuple(owner for owner in others if not _kept_by_passes(*owner)), frozenset(in_spite))


def _kept_by_passes(module: nn.Module, name: str) -> bool:
    """Whether it is a statistic that a pass writes, which on the meta device left nothing in it."""
    return isinstance(module, _NormBase) and name in dict(module.named_buffers(recurse=False))


def _run(recorder: Recorder, recipes: Iterable[tuple[str, Callable[[], Any]]]) -> Iterator[str]:
    with recorder:
        for name, recipe in recipes:
            try:
                recipe()
            except Exception as error:
                yield f"{name} raised {type(error).__name__}: {error}"


def _reset(module: nn.Module, reset: Callable[[], Any]) -> None:
    """Runs it; what it gives a computed weight goes on to the tensors behind, which were made of it."""
    if parametrize.is_parametrized(module):
        with parametrize.cached(), torch.no_grad():
            reset()
            for name in module.parametrizations:  # type: ignore[union-attr]
                setattr(module, name, getattr(module, name))
        return
    hooks = [one for one in module._forward_pre_hooks.values() if isinstance(one, WeightNorm)]
    for hook in hooks:
        setattr(module, hook.name, torch.empty(getattr(module, f"{hook.name}_v").shape))
    reset()
    for hook in hooks:
        _set_normed(module, hook)


@torch.no_grad()
def _set_normed(module: nn.Module, hook: WeightNorm) -> None:
    """Direction and size of a weight under the older weight norm."""
    size, direction, weight = (getattr(module, f"{hook.name}{part}") for part in ("_g", "_v", ""))
    direction.copy_(weight)
    size.copy_(torch.norm_except_dim(weight, 2, hook.dim))


def _of_model(
    modules: Sequence[nn.Module], reach: Reach, own_way: Collection[int]
) -> Iterator[tuple[str, Callable[[], Any]]]:
    """What is run: a recipe that its own module's constructors do not call is left to a holder's, if any."""
    recipes = {id(module): [*_of_whole(module)] for module in modules if id(module) not in own_way}
    holders = [module for module in modules if recipes.get(id(module), True)]
    held = {id(one) for holder in holders for one in holder.modules() if one is not holder}
    for module in modules:
        if recipes.get(id(module)) and (id(module) not in held or reach.begins(type(module))):
            yield from recipes[id(module)]


def _of_whole(module: nn.Module) -> Iterator[tuple[str, Callable[[], Any]]]:
    kind = type(module).__name__
    for name in ("initialize_weights", "init_weights"):
        recipe = getattr(module, name, None)
        if callable(recipe) and _takes_nothing(recipe):
            yield f"{kind}.{name}", recipe
            return
    recipe = getattr(module, "_init_weights", None)
    if callable(recipe) and not _takes_nothing(recipe) and _names_it(type(module), "_init_weights"):
        yield f"{kind}._init_weights", lambda: module.apply(recipe)


def _names_it(kind: type, method: str) -> bool:
    """Whether code of the class names the method: of what nobody calls nothing was started."""
    own = (one for base in kind.__mro__ if not is_torch(base) for one in vars(base).values())
    functions = (one for one in map(function_of, own) if isinstance(one, FunctionType))
    return any(method in names_of(one.__code__) for one in functions)


def _ties_later(name: str) -> bool:
    """Whether a library ties weights after this recipe (transformers), not before."""
    return name.endswith(".initialize_weights")


def _takes_nothing(recipe: Callable[..., Any]) -> bool:
    try:
        inspect.signature(recipe).bind()
    except (TypeError, ValueError):
        return False
    return True


def _inner_first(model: nn.Module) -> Iterator[nn.Module]:
    for child in model.children():
        yield from _inner_first(child)
    yield model


@contextmanager
def _stand_ins(
    model: nn.Module, plain: Sequence[Plain], recorder: Recorder | None = None
) -> Iterator[tuple[Callable[[], None], Collection[int]]]:
    """Every tensor of the model replaced by one without memory or values; put back at the end.

    A tied tensor belongs to the first of its holders whose recipe writes it; each holds one of its own until
    `join` is called, as in a constructor, where they are tied once they are there.  The addresses of those
    for plain tensors are given as well.
    """
    places = places_of(model)
    for one in places:
        for module, name in one.owners:
            _put(module, name, _stand_in(one, recorder), one.is_parameter)
    beside = [_plain_stand_in(one, recorder) for one in plain]

    def join() -> None:
        assert recorder is not None
        for one in places:
            tensors = [held for owner in one.owners if (held := _held(*owner)) is not None]
            _tie(one, next(filter(recorder.has_written, tensors), tensors[0]))

    try:
        yield join, {*map(id, beside)}
    finally:
        for one in places:
            _tie(one, one.tensor)
        for plain_one in plain:
            plain_one.held.put(plain_one.held.tensor)


def _plain_stand_in(plain: Plain, recorder: Recorder | None) -> Tensor:
    old = plain.held.tensor
    with recorder or torch.device("meta"):
        fresh: Tensor = torch.empty(old.shape, dtype=old.dtype)
    if recorder is not None:
        recorder.lose(fresh)
    plain.held.put(fresh)
    return fresh


def _tie(places: Places, tensor: Tensor) -> None:
    for module, name in places.owners:
        _put(module, name, tensor, places.is_parameter)


def _stand_in(places: Places, recorder: Recorder | None) -> Tensor:
    old = places.tensor
    with recorder or torch.device("meta"):
        fresh: Tensor = torch.empty(old.shape, dtype=old.dtype)
        if places.is_parameter:
            fresh = nn.Parameter(fresh, requires_grad=old.requires_grad)
            vars(fresh).update({name: value for name, value in vars(old).items() if name != _DONE})
    return fresh


def _held(module: nn.Module, name: str) -> Tensor | None:
    held = module._parameters.get(name)
    return held if held is not None else module._buffers.get(name)


def _put(module: nn.Module, name: str, tensor: Tensor, is_parameter: bool) -> None:
    (module._parameters if is_parameter else module._buffers)[name] = tensor  # type: ignore[assignment]


@contextmanager
def _unmarked(model: nn.Module) -> Iterator[None]:
    marked = [module for module in model.modules() if vars(module).pop(_DONE, False)]
    try:
        yield
    finally:
        for module in marked:
            vars(module)[_DONE] = True

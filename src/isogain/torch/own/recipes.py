"""Models that are on the meta device without a record: their own recipes, run under the recorder.

First every module's `reset_parameters`, as its constructor would have; then the model's own recipe over it:
`initialize_weights` (transformers), `init_weights` (torchtitan and others), `_init_weights` with `apply`.
They run on stand-ins of the whole shape, so a sharded model is asked the same as an unsharded one.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from isogain.torch.draw.materialize import Places, places_of
from isogain.torch.own.origins import bind
from isogain.torch.own.recorder import Recorder

__all__ = ["run_recipes"]

Tensor = torch.Tensor
_DONE = "_is_hf_initialized"
"""The mark by which transformers passes over what it has started already."""


def run_recipes(model: nn.Module, wanted: Iterable[Places]) -> tuple[str, ...]:
    """Records what the model's recipes do to the wanted tensors; returns what those that failed said."""
    asked = {(id(module), name) for places in wanted for module, name in places.owners}
    recorder, said = Recorder(), list[str]()
    with _stand_ins(model, recorder), _unmarked(model):
        with recorder:
            for name, recipe in _recipes(model):
                try:
                    recipe()
                except Exception as error:
                    said.append(f"{name} raised {type(error).__name__}: {error}")
        bind(recorder, model.modules(), lambda module, name: (id(module), name) in asked)
    return tuple(said)


def _recipes(model: nn.Module) -> Iterator[tuple[str, Callable[[], Any]]]:
    """The resets of all modules, inner ones first, then the recipes of whole models, outer ones last."""
    for module in _inner_first(model):
        for name in ("reset_parameters", "_reset_parameters"):
            reset = getattr(module, name, None)
            if callable(reset):
                yield f"{type(module).__name__}.{name}", reset
                break
    for module in _inner_first(model):
        yield from _of_whole(module)


def _of_whole(module: nn.Module) -> Iterator[tuple[str, Callable[[], Any]]]:
    kind = type(module).__name__
    for name in ("initialize_weights", "init_weights"):
        recipe = getattr(module, name, None)
        if callable(recipe) and _takes_nothing(recipe):
            yield f"{kind}.{name}", recipe
            return
    recipe = getattr(module, "_init_weights", None)
    if callable(recipe) and not _takes_nothing(recipe):
        yield f"{kind}._init_weights", lambda: module.apply(recipe)


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
def _stand_ins(model: nn.Module, recorder: Recorder) -> Iterator[None]:
    """Every tensor of the model replaced by one without memory or values; put back at the end."""
    places = places_of(model)
    for one in places:
        with recorder:
            fresh: Tensor = torch.empty(one.tensor.shape, dtype=one.tensor.dtype)
            if one.is_parameter:
                fresh = nn.Parameter(fresh, requires_grad=one.tensor.requires_grad)
                kept = {name: value for name, value in vars(one.tensor).items() if name != _DONE}
                vars(fresh).update(kept)
        for module, name in one.owners:
            _put(module, name, fresh, one.is_parameter)
    try:
        yield
    finally:
        for one in places:
            for module, name in one.owners:
                _put(module, name, one.tensor, one.is_parameter)


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

"""Why a call of a model failed, in words of what it was given: the inputs, and what they should have been."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from torch import nn

from isogain.checking import shown
from isogain.torch.call.inputs import INPUTS, arguments, takes
from isogain.torch.call.tensors import tensors_in

__all__ = ["explained", "shapes_of"]


def explained(model: nn.Module, positional: tuple[Any, ...], named: Mapping[str, Any]) -> str:
    """A sentence on what is wrong with the inputs, where something is; else what they were."""
    reason = next(filter(None, _reasons(model, positional, named)), "")
    given = shapes_of((positional, named))
    return f". {reason}" if reason else f" (it was given {given}; {INPUTS})"


def shapes_of(inputs: Any) -> str:
    """'float32 32×784, int64 32'"""
    kinds = [
        f"{str(t.dtype).removeprefix('torch.')} {'×'.join(map(str, t.shape))}" for t in tensors_in(inputs)
    ]
    return ", ".join(kinds[:6]) or "none"


def _reasons(model: nn.Module, positional: tuple[Any, ...], named: Mapping[str, Any]) -> Iterator[str]:
    given: list[tuple[str, Any]] = [(f"inputs[{k!r}]", one) for k, one in named.items()]
    given += [("inputs" if len(positional) == 1 else f"inputs[{k}]", one) for k, one in enumerate(positional)]
    yield _shape(positional)
    for place, value in given:
        yield _text(place, value)
        yield _numbers(place, value)
    yield _unbound(model, positional, named)
    yield _device(model, positional, named)
    yield _dtype(model, positional, named)


def _shape(positional: tuple[Any, ...]) -> str:
    """A shape says nothing of the sizes that a report is about."""
    if not positional or not all(type(one) is int for one in positional):
        return ""
    return (
        f"inputs {positional} is a shape, and how large the numbers are is what is looked at: give a batch "
        f"of your data, or torch.randn{positional} if it is standardised"
    )


def _text(place: str, value: Any) -> str:
    first = value[0] if isinstance(value, (list, tuple)) and value else value
    if not isinstance(first, str):
        return ""
    return f"{place} is text, {shown(first)}: tokenize it first, tokenizer(text, return_tensors='pt')"


def _numbers(place: str, value: Any) -> str:
    """Lists of numbers, as a tokenizer gives that was not asked for tensors."""
    first = value
    while isinstance(first, (list, tuple)) and first:
        first = first[0]
    if not isinstance(value, (list, tuple)) or not isinstance(first, (int, float)):
        return ""
    return f"{place} is a list and no tensor: torch.tensor(...), or of a tokenizer return_tensors='pt'"


def _unbound(model: nn.Module, positional: tuple[Any, ...], named: Mapping[str, Any]) -> str:
    """More or fewer arguments than forward takes, or none of their names."""
    why = takes(model, positional, named)
    if not why:
        return ""
    if len(positional) > 1 and not takes(model, positional[:-1], named):
        return f"{why}; if the last of inputs are targets, say so: loss='cross_entropy' (or 'mse', 'bce')"
    return f"{why}; {_example(model)}"


def _example(model: nn.Module) -> str:
    """How inputs of a model are given that take more than one tensor."""
    names = [one.name for one in arguments(model) if one.default is one.empty] or ["name"]
    listed = ", ".join(f"{name!r}: ..." for name in names)
    return f"inputs is a tuple of positional or a dict of keyword arguments, as {{{listed}}}"


def _device(model: nn.Module, positional: tuple[Any, ...], named: Mapping[str, Any]) -> str:
    places = {str(p.device) for p in model.parameters()}
    other = next((t for t in tensors_in((positional, named)) if str(t.device) not in places), None)
    if len(places) != 1 or other is None:
        return ""
    return f"the model is on {min(places)} and inputs on {other.device}: inputs.to({min(places)!r})"


def _dtype(model: nn.Module, positional: tuple[Any, ...], named: Mapping[str, Any]) -> str:
    own = {p.dtype for p in model.parameters() if p.is_floating_point()}
    given = {t.dtype for t in tensors_in((positional, named)) if t.is_floating_point()}
    if len(own) != 1 or not given or given == own:
        return ""
    wanted, found = (str(min(one, key=str)).removeprefix("torch.") for one in (own, given - own))
    return (
        f"the model is in {wanted}, inputs in {found}: inputs.to(torch.{wanted}) or model.to(torch.{found})"
    )

"""What an expression of parameters does to them before an operation reads it: a constant on it, or more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from isogain.torch.call.operations import kind_of, plain_name
from isogain.torch.call.tensors import Value

__all__ = ["reshaped_by"]

Tensor = torch.Tensor
_BENDS = frozenset(
    ["exp", "abs", "square", "pow", "__pow__", "clamp", "sign", "round", "floor", "_weight_norm"]
)
_DIVIDES = frozenset(["div", "__truediv__", "true_divide"])


def reshaped_by(
    name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any], sources: list[tuple[Tensor, Value]]
) -> tuple[float, bool]:
    """(the number that multiplies the parameter so far, whether what it is made into is no multiple of it).

    An equalised learning rate is a number; a weight that is standardised, divided by its own norm, masked or
    sent through a function is bound: the law of the parameter is not that of the weight.
    """
    made = [value for _, value in sources if value.parameters]
    constant = made[0].constant if len(made) == 1 else 1.0
    bound = any(value.bound for value in made)
    kind, plain = kind_of(name), plain_name(name)
    if kind in ("norm", "softmax", "activation") or plain in _BENDS:
        return constant, True
    if kind in ("multiply", "add") and len(made) > 1:
        shared = frozenset[str].intersection(*[value.parameters for value in made])
        return 1.0, bound or bool(shared)
    if kind == "multiply":
        number = _number([*args, *kwargs.values()], [t for t, value in sources if value.parameters])
        if number is None:
            return 1.0, True
        constant *= 1 / number if plain in _DIVIDES and number else number
    return constant, bound


def _number(given: list[Any], made: list[Tensor]) -> float | None:
    """The one number among the operands of a product; None where there is none (a mask, say)."""
    for one in given:
        if isinstance(one, int | float) and not isinstance(one, bool):
            return float(one)
        if (
            isinstance(one, Tensor)
            and one.numel() == 1
            and not one.is_meta
            and all(one is not t for t in made)
        ):
            return float(one.detach().real)
    return None

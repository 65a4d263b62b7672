"""Which operand of an operation is its weight, and what its axes mean."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Protocol

import torch

from isogain.graph import WeightUse

__all__ = ["find_weight", "main_factor"]

Tensor = torch.Tensor


class Describe(Protocol):
    """Name and transposition of an expression of parameters; None for anything else."""

    def __call__(self, tensor: Any, beside: Any = None) -> tuple[str, bool] | None:
        """Of the parameters that `beside` is made of none is named."""


def find_weight(
    op: str, args: tuple[Any, ...], kwargs: Mapping[str, Any], describe: Describe
) -> tuple[WeightUse, Tensor] | None:
    """The WeightUse of an operation and the tensor it multiplies by; None where it has no weight."""
    if op == "linear" or op.startswith("conv"):
        return _layer(op, args, kwargs, describe)
    if op == "embedding":
        return _embedding(args, kwargs, describe)
    if op in _PRODUCTS:
        return _product(op, args, kwargs, describe)
    if op == "einsum":
        return _einsum(args, describe)
    if op == "bilinear":
        return _bilinear(args, kwargs, describe)
    return None


def _argument(
    args: tuple[Any, ...], kwargs: Mapping[str, Any], place: int, name: str, default: Any = None
) -> Any:
    return args[place] if len(args) > place else kwargs.get(name, default)


def _bias(describe: Describe, given: Any, weight: Any) -> str | None:
    """What makes a bias; where it is worked out with the weight's own parameters, what else does."""
    found = describe(given, weight)
    return found[0] if found else None


def _layer(
    op: str, args: tuple[Any, ...], kwargs: Mapping[str, Any], describe: Describe
) -> tuple[WeightUse, Tensor] | None:
    weight = _argument(args, kwargs, 1, "weight")
    found = describe(weight)
    if found is None:
        return None
    bias = _bias(describe, _argument(args, kwargs, 2, "bias"), weight)
    shape = tuple(weight.shape)
    if op == "linear":
        layout = "out in" if weight.dim() == 2 else "in"
        return WeightUse(found[0], shape, layout, bias=bias), weight
    transposed = "transpose" in op
    stride = _argument(args, kwargs, 3, "stride", 1)
    groups = _argument(args, kwargs, 6, "groups", 1)
    strides = (stride,) if isinstance(stride, int) else tuple(stride)
    layout = "in out *" if transposed else "out in *"
    place = (4, 5) if not transposed else (4, 7)
    padding = _sizes(_argument(args, kwargs, place[0], "padding", 0))
    dilation = _sizes(_argument(args, kwargs, place[1], "dilation", 1))
    return WeightUse(
        found[0], shape, layout, int(groups), strides, transposed, bias, padding=padding, dilation=dilation
    ), weight


def _sizes(given: Any) -> tuple[int, ...]:
    """One for each axis, or one for all; of 'same' and 'valid' -1 and 0."""
    if isinstance(given, str):
        return (-1,) if given == "same" else (0,)
    return (int(given),) if isinstance(given, int) else tuple(map(int, given))


def _bilinear(
    args: tuple[Any, ...], kwargs: Mapping[str, Any], describe: Describe
) -> tuple[WeightUse, Tensor] | None:
    """(out, in, in): every output sums over all pairs of inputs."""
    weight = _argument(args, kwargs, 2, "weight")
    found = describe(weight)
    bias = _bias(describe, _argument(args, kwargs, 3, "bias"), weight)
    return (
        None if found is None else (WeightUse(found[0], tuple(weight.shape), "out in *", bias=bias), weight)
    )


def _embedding(
    args: tuple[Any, ...], kwargs: Mapping[str, Any], describe: Describe
) -> tuple[WeightUse, Tensor] | None:
    weight = _argument(args, kwargs, 1, "weight")
    found = describe(weight)
    return None if found is None else (WeightUse(found[0], tuple(weight.shape), "lookup out"), weight)


_PRODUCTS: dict[str, tuple[int, int]] = {
    "matmul": (0, 1), "__matmul__": (0, 1), "__rmatmul__": (1, 0), "mm": (0, 1), "bmm": (0, 1), "mv": (0, 1),
    "addmm": (1, 2), "baddbmm": (1, 2), "addbmm": (1, 2), "grouped_mm": (0, 1), "_grouped_mm": (0, 1),
    "grouped_mm_fallback": (0, 1),
}  # fmt: skip
"""Places of the left and the right factor."""


def _product(
    op: str, args: tuple[Any, ...], kwargs: Mapping[str, Any], describe: Describe
) -> tuple[WeightUse, Tensor] | None:
    places = _PRODUCTS[op]
    if max(places) >= len(args):
        return None
    left, right = args[places[0]], args[places[1]]
    weight, first = (left, True) if describe(left) else (right, False)
    found = describe(weight)
    if found is None or weight.dim() < 2:
        return None
    bias = _bias(describe, args[0], weight) if op.startswith("add") or op == "baddbmm" else None
    inner = "out in" if first else "in out"
    layout = " ".join(["stack"] * (weight.dim() - 2) + [inner])
    # the axes of the parameter itself do not matter here: the layout is that of the tensor as used
    return WeightUse(found[0], tuple(weight.shape), layout, bias=bias), weight


def main_factor(args: tuple[Any, ...], use: WeightUse) -> Tensor | None:
    """Of an einsum with a weight, the factor that the weight sums over; the others weigh its results."""
    left = args[0].replace(" ", "").partition("->")[0].split(",")
    factors = list(args[1:]) if len(args) > 2 else list(args[1])
    words = use.layout.split()
    own = next(
        k for k, one in enumerate(factors) if len(left[k]) == len(words) and tuple(one.shape) == use.shape
    )
    summed = {letter for letter, word in zip(left[own], words, strict=True) if word == "in"}
    return next((one for k, one in enumerate(factors) if k != own and summed & set(left[k])), None)


def _einsum(args: tuple[Any, ...], describe: Describe) -> tuple[WeightUse, Tensor] | None:
    """The one factor made of parameters; its axes by the letters of the others and of the result.

    out: in the result alone; in: in one other factor alone; stack: in another factor and the result, or in
    several factors (experts and their shares), so that each entry is a map of its own.
    """
    factors = list(args[1:])
    if len(factors) == 1 and isinstance(factors[0], (tuple, list)):
        factors = list(factors[0])
    if not isinstance(args[0], str) or "->" not in args[0]:
        return None
    left, _, result = args[0].replace(" ", "").partition("->")
    terms = left.split(",")
    found = [(k, named) for k, one in enumerate(factors) if (named := describe(one))]
    if len(found) != 1 or len(terms) != len(factors) or "." in terms[found[0][0]]:
        return None
    place, (name, _) = found[0]
    others = [term for k, term in enumerate(terms) if k != place]
    words = [_word(letter, others, result) for letter in terms[place]]
    if None in words or "out" not in words or "in" not in words:
        return None
    weight, last = factors[place], terms[place].find(result[-1])
    channel = last if last >= 0 and words[last] == "out" else None
    return WeightUse(name, tuple(weight.shape), " ".join(map(str, words)), channel=channel), weight


def _word(letter: str, others: list[str], result: str) -> str | None:
    readers = sum(letter in term for term in others)
    if readers == 0:
        return "out" if letter in result else None
    return "in" if readers == 1 and letter not in result else "stack"


def unit_axis(use: WeightUse, parameter_shape: tuple[int, ...], flipped: bool = False) -> int | None:
    """The axis of the parameter that counts output units; None where units cannot be told apart by rows."""
    if tuple(parameter_shape) == use.shape:
        names = use.layout.split()
        return (
            names.index("out") if "out" in names and "stack" not in names and "lookup" not in names else None
        )
    if tuple(parameter_shape) == use.shape[::-1] and math.prod(use.shape) == math.prod(parameter_shape):
        return 1 - use.layout.split().index("out") if len(use.shape) == 2 else None
    return None

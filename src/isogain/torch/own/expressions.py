"""What every element of a stretch of memory is: an expression of one random number and constants.

Normal and uniform draws are carried through arithmetic, exponentials, clamps, copies and casts; whatever
else happens to them is an expression nobody has a name for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from isogain.core.values.initializer import Initializer

__all__ = ["Expression", "affine", "combined", "constant"]

Number = int | float


@dataclass(frozen=True)
class Expression:
    """`op` of `parts`; 'constant' and 'drawn' are the leaves, a drawn one with its law and its step."""

    op: str
    parts: tuple[Any, ...] = ()
    law: Initializer | None = None
    geometry: tuple[tuple[str, Any], ...] = ()
    leaf: int = -1

    @property
    def value(self) -> Number | None:
        """The number of a constant."""
        return self.parts[0] if self.op == "constant" else None


def constant(value: Number) -> Expression:
    """Every element is this number."""
    return Expression("constant", (value,))


def affine(inner: Expression, slope: float, shift: float) -> Expression:
    """slope * inner + shift, those of `inner` taken in."""
    if inner.op == "affine":
        core, a, b = inner.parts
        return Expression("affine", (core, a * slope, b * slope + shift))
    return Expression("affine", (inner, slope, shift))


def combined(name: str, operands: list[Expression], settings: dict[str, Any]) -> Expression | None:
    """An elementwise operation on expressions; None where it is not one of those that are followed."""
    if any(one.op == "constant" for one in operands) and all(one.op == "constant" for one in operands):
        return _of_constants(name, operands, settings)
    if name in _UNARY and len(operands) == 1:
        return Expression(name, (operands[0],))
    if name in ("clamp", "clamp_min", "clamp_max", "maximum", "minimum"):
        return _clamped(name, operands, settings)
    return _arithmetic(name, operands, settings)


_UNARY = ("exp", "log", "log1p", "expm1", "erfinv", "sqrt", "rsqrt", "reciprocal", "sigmoid", "tanh", "abs")


def _arithmetic(name: str, operands: list[Expression], settings: dict[str, Any]) -> Expression | None:
    alpha = float(settings.get("alpha", 1))
    if name == "neg":
        return affine(operands[0], -1.0, 0.0)
    if name not in ("add", "sub", "rsub", "mul", "div") or len(operands) != 2:
        return None
    left, right = (operands[1], operands[0]) if name == "rsub" else operands
    if right.value is not None:
        number = float(right.value)
        if name == "mul":
            return affine(left, number, 0.0)
        if name == "div":
            return affine(left, 1 / number, 0.0) if number else None
        return affine(left, 1.0, alpha * number if name == "add" else -alpha * number)
    if left.value is not None:
        number = float(left.value)
        if name == "mul":
            return affine(right, number, 0.0)
        if name in ("add", "sub", "rsub"):
            return affine(right, alpha if name == "add" else -alpha, number)
        return None
    return Expression("sum", (left, right)) if name == "add" and alpha == 1 else None


def _clamped(name: str, operands: list[Expression], settings: dict[str, Any]) -> Expression | None:
    bounds = [one.value for one in operands[1:]]
    inner = operands[0]
    low = settings.get("min", bounds[0] if bounds and name in ("clamp", "clamp_min", "maximum") else None)
    high = settings.get("max", bounds[-1] if bounds and name in ("clamp_max", "minimum") else None)
    if name == "clamp" and len(bounds) == 2:
        low, high = bounds
    if inner.op == "clamp":
        core, a, b = inner.parts
        low = a if low is None else low if a is None else max(a, low)
        high = b if high is None else high if b is None else min(b, high)
        inner = core
    return Expression("clamp", (inner, low, high))


def _of_constants(name: str, operands: list[Expression], settings: dict[str, Any]) -> Expression | None:
    """Computed as torch would, in float32."""
    function = getattr(torch, name, None)
    if function is None or name not in (*_UNARY, "add", "sub", "mul", "div", "neg", "pow", "clamp"):
        return None
    numbers = [torch.tensor(one.value) for one in operands]
    try:
        return constant(function(*numbers, **settings).item())
    except (TypeError, RuntimeError):
        return None

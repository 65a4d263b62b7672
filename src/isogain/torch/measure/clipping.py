"""Numbers that are cut off at two bounds: by a clamp, or by a quantiser's range."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from isogain.inspect.looks import Clipped
from isogain.torch.measure.sampling import spread

__all__ = ["of_clamp", "of_quantiser"]

Tensor = torch.Tensor
SAMPLE, FEWEST = 4096, 8
NAMES = (("min", "min_val"), ("max", "max_val"))


def of_clamp(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Clipped | None:
    """Of clamp(x, low, high), or hardtanh."""
    low, high = (
        next((kwargs[name] for name in names if name in kwargs), args[k] if len(args) > k else None)
        for k, names in enumerate(NAMES, 1)
    )
    return _clipped(args[0] if args else kwargs.get("input"), low, high)


def of_quantiser(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Clipped | None:
    """Of fake_quantize_per_tensor_affine(x, scale, zero_point, lowest, highest)."""
    names = ("input", "scale", "zero_point", "quant_min", "quant_max")
    given: list[Any] = [args[k] if len(args) > k else kwargs.get(n) for k, n in enumerate(names)]
    x, scale, zero, low, high = given
    return _clipped(x, float(scale) * (low - int(zero)), float(scale) * (high - int(zero)))


def _clipped(x: Any, low: Any, high: Any) -> Clipped | None:
    bounded = all(type(one) in (int, float) for one in (low, high))
    if not bounded or not isinstance(x, Tensor) or not x.is_floating_point() or x.is_meta:
        return None
    if x.numel() < FEWEST or not x.requires_grad:
        return None
    numbers = spread(x, SAMPLE)
    numbers = numbers[numbers != 0]
    if not len(numbers):
        return None
    beyond = ((numbers < low) | (numbers > high)).float().mean()
    return Clipped(float(beyond), float(numbers.square().mean().sqrt()), float(max(abs(low), abs(high))))

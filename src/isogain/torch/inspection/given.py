"""What the inputs themselves say: whether samples differ, where along their steps, and what counts these."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch

from isogain.torch.call.tensors import tensors_in

__all__ = ["count_steps", "differ_early", "input_distance"]

Tensor = torch.Tensor


def input_distance(given: Any) -> float:
    """0 when all samples of every input are the same, else 1; nan where there is one sample."""
    found = list(_samples(given))
    return float(any(not _one(tensor) for tensor in found)) if found else math.nan


def differ_early(given: Any) -> bool:
    """Whether all samples end alike: sequences of numbers or vectors whose second halves are the same."""
    found = list(_samples(given))
    steps = [t for t in found if t.dim() == 3 or (t.dim() == 2 and not t.is_floating_point())]
    late = (tensor[:, tensor.shape[1] // 2 :] for tensor in steps)
    return bool(steps) and len(steps) == len(found) and all(map(_one, late))


def count_steps(given: Any) -> bool:
    """Whether one of several inputs counts the steps of each sample, one by one."""
    found = [t for t in _samples(given) if t.dim() == 2 and not t.is_floating_point() and t.shape[1] > 1]
    return any(bool((tensor.long().diff(dim=1) == 1).all()) for tensor in found)


def _samples(given: Any) -> Iterator[Tensor]:
    return (tensor for tensor in tensors_in(given) if tensor.dim() > 0 and tensor.shape[0] > 1)


def _one(tensor: Tensor) -> bool:
    return bool((tensor[1:] == tensor[:1]).all())

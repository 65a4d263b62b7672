"""Quantised weights: numbers of a few bits, or tensors of a library's own kind, which stand for others."""

from __future__ import annotations

from typing import Any

import torch

from isogain.torch.draw.shards import is_dtensor

__all__ = ["codes_of", "numbers_behind", "stands_for_numbers"]

Tensor = torch.Tensor
_NAME = "_isogain_codes"


def codes_of(tensor: Tensor) -> str:
    """What a quantised tensor's codes are of; empty for a tensor whose elements are what multiplies."""
    known = str(vars(tensor).get(_NAME, "")) if hasattr(tensor, "__dict__") else ""
    if known or is_dtensor(tensor):
        return known
    if _has_its_own_kind(tensor):
        return type(tensor).__name__
    few = tensor.element_size() == 1 and tensor.dtype != torch.bool
    return str(tensor.dtype).removeprefix("torch.") if few else ""


def stands_for_numbers(tensor: Tensor) -> bool:
    """Whether the tensor is of a library's own kind, which gives the numbers behind its codes."""
    return _has_its_own_kind(tensor) and not is_dtensor(tensor)


def numbers_behind(tensor: Any) -> Tensor:
    """Those numbers, as a frozen parameter that knows what it was."""
    found = torch.nn.Parameter(tensor.dequantize().detach().clone(), requires_grad=False)
    setattr(found, _NAME, type(tensor).__name__)
    return found


def _has_its_own_kind(tensor: Tensor) -> bool:
    """Whether operations on it are another library's, so that its memory is not that of its elements."""
    kind: Any = type(tensor)
    return kind.__torch_dispatch__ is not Tensor.__torch_dispatch__

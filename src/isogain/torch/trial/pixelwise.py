"""Images and kernels laid out pixel by pixel (`channels_last`), which processors convolve faster, and pooled
before a ReLU."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch import nn
from torch.utils import _pytree as pytree

__all__ = ["pixelwise", "pixelwise_model"]

Tensor = torch.Tensor


def pixelwise(batch: Any) -> Any:
    """The batch with its images laid out pixel by pixel."""
    return pytree.tree_map_only(Tensor, _by_pixels, batch)


def pixelwise_model(model: nn.Module) -> nn.Module:
    """The model with its kernels laid out as its images are, its gradients kept so, and less to do.

    A flattened image has a gradient laid out plane by plane.  Max pooling goes backward in the layout of what
    it is given: it would bring its input's gradient, four times the size, into that layout and back.
    """
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    for module in list(model.modules()):
        if type(module) is nn.Sequential:
            _pool_first(module)
        if isinstance(module, nn.MaxPool2d):
            module.register_forward_hook(_keep_gradient)
    return model


def _keep_gradient(module: nn.Module, given: Any, output: Any) -> None:
    if isinstance(output, Tensor) and output.requires_grad:
        output.register_hook(_by_pixels)  # type: ignore[no-untyped-call]


def _pool_first(layers: nn.Sequential) -> None:
    """The largest of a ReLU's values is its value of the largest: bit for bit, backward too, for less."""
    for place, (one, other) in enumerate(pairwise(list(layers))):
        if type(one) is nn.ReLU and type(other) is nn.MaxPool2d and not other.return_indices:
            layers[place], layers[place + 1] = other, one


def _by_pixels(tensor: Tensor) -> Tensor:
    return tensor.contiguous(memory_format=torch.channels_last) if tensor.dim() == 4 else tensor

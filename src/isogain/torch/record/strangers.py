"""Parameters that a model reads and does not hold: modules in a Python list are none of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import nn

__all__ = ["Stranger", "named_strangers", "strange"]

Stranger = tuple[str, tuple[int, ...]]
"""Where it was found, and its shape."""
_OWN = frozenset(["_parameters", "_buffers", "_modules"])
_DEPTH = 3
"""Containers within containers that are looked into."""


def strange(tensor: torch.Tensor) -> bool:
    """Whether a tensor that nobody knows is to be trained: it is a leaf, and gradients are kept."""
    plain = type(tensor) in (nn.Parameter, torch.Tensor)
    return plain and tensor.requires_grad and tensor.is_leaf and torch.is_grad_enabled()


def named_strangers(model: nn.Module, found: Mapping[int, torch.Tensor]) -> tuple[Stranger, ...]:
    """Name and shape of each, by the attribute of the model that holds it; without one, none are told."""
    if not found:
        return ()
    held = {
        id(parameter): name
        for path, module in model.named_modules()
        for attribute, value in vars(module).items() if attribute not in _OWN
        for name, parameter in _inside(f"{path}.{attribute}".lstrip("."), value, _DEPTH)
    }  # fmt: skip
    return tuple((held[key], tuple(one.shape)) for key, one in found.items() if key in held)


def _inside(name: str, value: Any, depth: int) -> Iterator[tuple[str, torch.Tensor]]:
    if isinstance(value, torch.Tensor):
        yield name, value
    elif isinstance(value, nn.Module):
        yield from ((f"{name}.{inner}", parameter) for inner, parameter in value.named_parameters())
    elif isinstance(value, (list, tuple, dict)) and depth:
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        for key, one in pairs:
            yield from _inside(f"{name}[{key!r}]", one, depth - 1)

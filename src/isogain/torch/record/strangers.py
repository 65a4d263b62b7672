"""What a model reads and does not hold: parameters in a Python list, matrices that are no parameters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import nn
from torch.nn import functional

__all__ = ["Stranger", "Strangers"]

Stranger = tuple[str, tuple[int, ...]]
"""Where it was found, and its shape."""
_MAPS = frozenset(["matmul", "__matmul__", "mm", "linear", "conv1d", "conv2d", "addmm"])
"""Operations whose last matrix is what a layer calls its weight."""
_FEWEST = 16
"""Numbers from which on a matrix tells whether it was drawn."""
_OWN = frozenset(["_parameters", "_buffers", "_modules"])
_DEPTH = 3
"""Containers within containers that are looked into."""


class Strangers:
    """Tensors that nobody knows, as operations read them."""

    def __init__(self) -> None:
        self._trained: dict[int, torch.Tensor] = {}
        self._fixed: dict[int, tuple[torch.Tensor, int]] = {}

    def note(self, name: str, unknown: list[torch.Tensor], node: int) -> None:
        """Those among what the operation of a node reads."""
        self._trained |= {id(tensor): tensor for tensor in unknown if _to_be_trained(tensor)}
        if name in _MAPS and unknown and _may_be_weight(unknown[-1]):
            self._fixed.setdefault(id(unknown[-1]), (unknown[-1], node))

    def named(self, model: nn.Module) -> tuple[Stranger, ...]:
        """Name and shape of those to be trained, by the attribute that holds each; else they are not told."""
        held = _held(model) if self._trained else {}
        return tuple((held[k], tuple(one.shape)) for k, one in self._trained.items() if k in held)

    def maps(self, model: nn.Module) -> dict[int, str]:
        """node -> the attribute whose matrix it multiplies by, where that was drawn and is no parameter."""
        held = _held(model) if len(self._fixed) > 1 else {}
        return {node: held[k] for k, (tensor, node) in self._fixed.items() if k in held and _is_drawn(tensor)}


def _to_be_trained(tensor: torch.Tensor) -> bool:
    """A leaf whose gradients are kept."""
    plain = type(tensor) in (nn.Parameter, torch.Tensor)
    return plain and tensor.requires_grad and tensor.is_leaf and torch.is_grad_enabled()


def _may_be_weight(tensor: torch.Tensor) -> bool:
    plain = type(tensor) is torch.Tensor and not tensor.requires_grad
    return plain and tensor.is_floating_point() and tensor.dim() > 1 and tensor.numel() >= _FEWEST


def _is_drawn(tensor: torch.Tensor) -> bool:
    """Whether the numbers vary around 0 and the rows are at no right angles, as those of transforms are."""
    values = tensor.detach().float().flatten(1)
    size = float(values.square().mean().sqrt())
    if not size > 0 or abs(float(values.mean())) > size / 2 or float((values == 0).float().mean()) > 0.1:
        return False
    rows = functional.normalize((values if values.shape[0] <= values.shape[1] else values.T)[:64])
    angles = rows @ rows.T - torch.eye(len(rows), device=rows.device)
    return float(angles.abs().max()) > 1e-3


def _held(model: nn.Module) -> dict[int, str]:
    return {
        id(tensor): name
        for path, module in model.named_modules()
        for attribute, value in vars(module).items() if attribute not in _OWN
        for name, tensor in _inside(f"{path}.{attribute}".lstrip("."), value, _DEPTH)
    }  # fmt: skip


def _inside(name: str, value: Any, depth: int) -> Iterator[tuple[str, torch.Tensor]]:
    if isinstance(value, torch.Tensor):
        yield name, value
    elif isinstance(value, nn.Module):
        yield from ((f"{name}.{inner}", parameter) for inner, parameter in value.named_parameters())
    elif isinstance(value, (list, tuple, dict)) and depth:
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        for key, one in pairs:
            yield from _inside(f"{name}[{key!r}]", one, depth - 1)

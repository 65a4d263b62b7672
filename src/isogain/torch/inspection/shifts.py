"""By how much an output would have to be moved: the caller's loss is asked, at constants added to it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch.utils import _pytree as pytree

from isogain.inspect.looks import Offset
from isogain.torch.call.tensors import tensors_in
from isogain.torch.inspection.priors import cost_of
from isogain.torch.record.capture import Recorder

__all__ = ["offset_of"]

Tensor = torch.Tensor
OUTPUTS, CHANNELS = 4, 8
"""Outputs that are looked at, and channels of each up to which they are moved one by one."""
ONE_WAY = 0.95
"""Share of an output's numbers that the loss pulls one way from which on they may lack a constant."""
FARTHEST = 2.0**20
SAVED = 0.6
"""Share of a loss that a constant has to save."""
FLAT = 0.01
"""Share of the cost that twice the best constant has to cost more."""
CLOSER = (0.6, 0.75, 0.875, 1.25, 1.5)


def offset_of(
    recorder: Recorder, loss: Callable[[Any], Tensor] | None, output: Any, value: float
) -> Offset | None:
    """The constant that makes a loss of the caller's own far cheaper when it is added to one output.

    None for losses that are known, and for those that fall for ever, as a critic's.
    """
    if loss is None or recorder.meter.losses or not math.isfinite(value):
        return None
    learnt = [t for t in tensors_in(output) if t.is_floating_point() and t.requires_grad][:OUTPUTS]
    try:
        found = [_moved(loss, output, *one, value) for one in _pulled(loss, output, learnt)]
    except Exception:  # a loss may refuse answers that its model never gives
        return None
    best = min((one for one in found if one is not None), key=lambda one: one[0], default=None)
    if best is None:
        return None
    cost, by, tensor, channel = best
    known = recorder.value(tensor)
    units = tensor.shape[-1] if channel is not None else 1
    level = float((tensor if channel is None else tensor[:, channel]).detach().float().mean())
    return Offset(known.node, tuple(sorted(known.parameters)), value, cost, by, channel, units, level)


def _pulled(
    loss: Callable[[Any], Tensor], output: Any, learnt: list[Tensor]
) -> Iterator[tuple[Tensor, int | None, float]]:
    """(output, channel, direction) for each that the loss pulls one way in nearly all its numbers."""
    copies = {id(one): one.detach().clone().requires_grad_() for one in learnt}
    given = pytree.tree_map_only(Tensor, lambda one: copies.get(id(one), one.detach()), output)
    gradients = torch.autograd.grad(loss(given).float().mean(), list(copies.values()), allow_unused=True)
    for tensor, gradient in zip(learnt, gradients, strict=True):
        if gradient is None or gradient.numel() < CHANNELS:
            continue
        several = gradient.dim() == 2 and 1 < gradient.shape[1] <= CHANNELS
        for channel in range(gradient.shape[1]) if several else (None,):
            part = gradient if channel is None else gradient[:, channel]
            way = float(part.mean().sign())
            if float((part * way > 0).float().mean()) > ONE_WAY:
                yield tensor, channel, -way


def _moved(
    loss: Callable[[Any], Tensor], output: Any, tensor: Tensor, channel: int | None, way: float, value: float
) -> tuple[float, float, Tensor, int | None] | None:
    """(cost, constant, output, channel) at the constant that costs least, if that is far less."""

    def at(by: float) -> float:
        found = cost_of(loss, pytree.tree_map_only(Tensor, partial(_added, tensor, channel, by), output))
        return found if math.isfinite(found) else math.inf

    by, cost = way, at(way)
    while abs(by) < FARTHEST and (farther := at(2 * by)) < cost:
        by, cost = 2 * by, farther
    if not abs(by) < FARTHEST or at(2 * by) - cost <= FLAT * abs(cost):
        return None  # it falls for ever, or is flat from there on
    cost, by = min((at(share * by), share * by) for share in (1.0, *CLOSER))
    return (cost, by, tensor, channel) if value - cost > SAVED * abs(value) else None


def _added(tensor: Tensor, channel: int | None, by: float, one: Tensor) -> Tensor:
    # copies: a loss may write on what it is given
    moved = one.detach().clone()
    if one is tensor:
        (moved if channel is None else moved[:, channel]).add_(by)
    return moved

"""Buffers: what a model holds beside its parameters, which no scheme draws and nobody looks at."""

from __future__ import annotations

import math

import torch
from torch import nn

from isogain.inspect.looks import BufferState

__all__ = ["buffer_states"]

Tensor = torch.Tensor
MOST = 1 << 18
"""Elements of a buffer that are read: tables and masks may be large."""


def buffer_states(model: nn.Module) -> tuple[BufferState, ...]:
    """The BufferState of every buffer with real numbers in it."""
    norms = (nn.modules.batchnorm._NormBase,)
    variances = {id(m.running_var) for m in model.modules() if isinstance(m, norms)}
    return tuple(
        _state(name, buffer, id(buffer) in variances)
        for name, buffer in model.named_buffers()
        if buffer.is_floating_point() and (buffer.numel() or buffer.is_meta)
        and buffer.layout == torch.strided
    )  # fmt: skip


def _state(name: str, buffer: Tensor, variance: bool) -> BufferState:
    dtype, device = str(buffer.dtype).removeprefix("torch."), str(buffer.device)
    if buffer.is_meta:
        return BufferState(name, dtype, device, math.nan, math.nan, 0, on_device=False)
    flat = buffer.detach().reshape(-1)
    values = flat[:: -(-flat.numel() // MOST)].float()
    mask = torch.finfo(buffer.dtype).min
    least, most = map(float, torch.aminmax(values))
    if least == most != mask and math.isfinite(most):  # as nearly all are at the start
        low, high, nans = abs(least), abs(most), 0
    else:
        sizes = values[torch.isfinite(values) & (values != 0) & (values != mask)].abs()
        low, high = map(float, torch.aminmax(sizes)) if sizes.numel() else (0.0, 0.0)
        nans = int(torch.isnan(values).sum())
    return BufferState(name, dtype, device, high, low, nans, negative_variance=variance and least < 0)

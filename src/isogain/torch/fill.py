"""Draws written into PyTorch tensors, in place."""

from __future__ import annotations

import torch

from isogain.core.initializer import Initializer
from isogain.drawing import draw

__all__ = ["fill_"]


@torch.no_grad()
def fill_(
    tensor: torch.Tensor,
    init: str | Initializer,
    *,
    seed: int,
    path: str = "",
    layout: str = "out in *",
    groups: int = 1,
) -> torch.Tensor:
    """The tensor, filled in place with `ig.draw` of its shape; the same bits."""
    name = str(tensor.dtype).removeprefix("torch.")
    sampled = "float32" if name in ("float16", "bfloat16") else name
    values = draw(init, tuple(tensor.shape), layout=layout, seed=seed, path=path, dtype=sampled, groups=groups)
    return tensor.copy_(torch.from_numpy(values))

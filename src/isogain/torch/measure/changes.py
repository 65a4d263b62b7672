"""What parameters make of a weight: how far they move a frozen one, how many of its rows differ."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from isogain.torch.call.tensors import is_wrapped
from isogain.torch.measure.sampling import rms_of

__all__ = ["distinct_rows", "moved_by"]

Tensor = torch.Tensor
FEWEST, ENTRIES = 4, 8
"""Rows, and entries of each, from which on equal ones are no chance, as a few signs are."""
NOTHING = 1e-4
"""What rounding leaves of a product that is 0."""


def moved_by(weight: Tensor, makers: Sequence[Tensor]) -> float:
    """How far a weight lies from the one frozen parameter among those that make it, as a share of it.

    nan where there is none, and where the frozen one was changed to make up for what is added to it.
    """
    shapes = (weight.shape, weight.shape[::-1])
    base = [one for one in makers if not one.requires_grad and one.shape in shapes]
    if len(base) != 1 or not any(one.requires_grad for one in makers) or is_wrapped(base[0]):
        return math.nan
    frozen = (base[0] if base[0].shape == weight.shape else base[0].T).detach().float()
    if bool(((frozen == 0) | (frozen == 1)).all()):
        return math.nan  # a mask of what is wired was never trained
    size, change = rms_of(frozen), weight.detach().float() - frozen
    return math.nan if size == 0 or _gave_up(frozen, change) else rms_of(change) / size


def _gave_up(frozen: Tensor, change: Tensor) -> bool:
    """Whether a weight has nothing in the directions of its change: they were taken out of it."""
    if frozen.dim() < 2:
        return False
    one, other = frozen.flatten(1), change.flatten(1)
    generator = torch.Generator().manual_seed(0)
    sent = one @ torch.randn(one.shape[1], 8, generator=generator).to(one.device)
    return bool((other.T @ sent).norm() < NOTHING * other.norm() * sent.norm())


def distinct_rows(weight: Tensor, layout: str) -> int | None:
    """How many different rows a weight has, where the first two of several are one; None otherwise."""
    few = weight.dim() < 2 or len(weight) < FEWEST or weight[0].numel() < ENTRIES
    if few or not layout.startswith("out in"):
        return None
    if weight.is_meta or is_wrapped(weight) or not bool((weight[0] == weight[1]).all()):
        return None
    return len(torch.unique(weight.detach().flatten(1), dim=0))

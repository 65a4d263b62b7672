"""Masks the wrong way round: attention that sees what fills samples up, and not what they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch

from isogain.inspect.looks import Attention, Look
from isogain.torch.call.tensors import tensors_in

__all__ = ["with_inverted"]

Tensor = torch.Tensor
Flags = tuple[bool, ...]
FEWEST = 2
"""Places that one value fills, at an end of some sample, from which on it is filling."""


def with_inverted(looks: Sequence[Look], given: Any) -> tuple[Look, ...]:
    """The looks, those at attention marked that may see the filling of every sample and nothing else."""
    inputs = [tensor for tensor in tensors_in(given) if tensor.dim() > 1 and not tensor.is_meta]
    return tuple(_marked(one, inputs) for one in looks)


def _marked(look: Look, inputs: Sequence[Tensor]) -> Look:
    seen = look.seen
    if not isinstance(seen, Attention) or not any(seen.hidden):
        return look
    wrong = any(_only_filling(seen.hidden, tensor) for tensor in inputs)
    return replace(look, seen=replace(seen, inverted=wrong))


def _only_filling(hidden: tuple[Flags, ...], tensor: Tensor) -> bool:
    """Whether what is not hidden is what one value fills, in each sample where anything is hidden."""
    places = len(next(filter(None, hidden)))
    if tensor.shape[1] != places or tensor.shape[0] < len(hidden):
        return False
    masked = [(_inverse(flags), one) for flags, one in zip(hidden, tensor, strict=False) if flags]
    most = max(sum(seen) for seen, _ in masked)
    filled = all(seen in _fillings(one) for seen, one in masked)
    return most >= FEWEST and filled and any(map(_tells, masked))


def _tells(masked: tuple[Flags, Tensor]) -> bool:
    """Whether what is hidden is more than one thing or two, as flags and parts of a sentence are."""
    seen, sample = masked
    rows = sample.detach().reshape(len(sample), -1).tolist()
    return len({tuple(row) for row, flag in zip(rows, seen, strict=True) if not flag}) > 2


def _inverse(flags: Flags) -> Flags:
    return tuple(not flag for flag in flags)


def _fillings(sample: Tensor) -> tuple[Flags, ...]:
    """Which places the last value fills up to the end, and the first one from the beginning."""
    rows = sample.detach().reshape(len(sample), -1)
    begins, ends = ((rows == rows[place]).all(1).tolist() for place in (0, -1))
    return _run(begins), _run(ends[::-1])[::-1]


def _run(same: Sequence[bool]) -> Flags:
    """The first places, as long as they are the same."""
    length = next((k for k, one in enumerate(same) if not one), len(same))
    return tuple(k < length for k in range(len(same)))

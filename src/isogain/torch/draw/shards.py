"""Which boxes of the whole tensor this process holds of a DTensor."""

from __future__ import annotations

import itertools
import sys
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from isogain.drawing.regions import Region
from isogain.errors import DrawError

__all__ = ["Boxes", "give_", "is_dtensor", "local_boxes", "local_part", "whole"]

Boxes = list[tuple[tuple[slice, ...], Region]]
"""(where in the local tensor, which box of the whole) for each."""


def is_dtensor(tensor: torch.Tensor) -> bool:
    """Whether the tensor is one of several processes' shares of a larger one.

    Without an import: where nobody imported DTensor there is none, and the import takes seconds.
    """
    if type(tensor) in (torch.Tensor, torch.nn.Parameter):
        return False
    loaded = getattr(sys.modules.get("torch.distributed.tensor"), "DTensor", None)
    return loaded is not None and isinstance(tensor, loaded)


def local_part(tensor: torch.Tensor) -> torch.Tensor:
    """The tensor itself, or this process's share of a DTensor, sharing its memory."""
    return tensor.to_local() if is_dtensor(tensor) else tensor  # type: ignore[attr-defined]


def whole(tensor: torch.Tensor) -> torch.Tensor:
    """The tensor itself, or all shares of a DTensor: to be asked for by all processes."""
    return tensor.full_tensor() if is_dtensor(tensor) else tensor  # type: ignore[attr-defined]


@torch.no_grad()
def give_(tensor: torch.Tensor, values: torch.Tensor) -> None:
    """Writes values in place; into a DTensor this process's share of them."""
    if is_dtensor(tensor) and not is_dtensor(values):
        local = local_part(tensor)
        for place, region in local_boxes(tensor):
            local[place].copy_(values[region.slices])
    else:
        tensor.copy_(values)


def local_boxes(tensor: Any) -> Boxes:
    """The boxes of the whole that this process holds, with their places in the local tensor.

    Any combination of Replicate, Shard and strided shards (FSDP over tensor parallel) on a mesh of any
    number of axes; DrawError for partial sums.
    """
    whole = tuple(tensor.shape)
    if not is_dtensor(tensor):
        return [(tuple(slice(0, size) for size in whole), Region.of(whole))]
    if tensor.device_mesh.get_coordinate() is None:
        return []  # this process is none of the mesh's
    held = _held_indices(tensor)
    local = tuple(tensor.to_local().shape)
    if tuple(map(len, held)) != local:
        raise DrawError(
            f"DTensor of shape {whole} with placements {tensor.placements} holds {local} here, not the "
            f"{tuple(map(len, held))} that its placements say; redistribute it first"
        )
    return [_box(whole, stretches) for stretches in itertools.product(*map(_stretches, held))]


def _held_indices(tensor: Any) -> list[NDArray[np.int64]]:
    """For each axis, the indices of the whole that stand in the local tensor."""
    held = [np.arange(size) for size in tensor.shape]
    coordinate = tensor.device_mesh.get_coordinate()
    for place, (placement, count) in enumerate(zip(tensor.placements, tensor.device_mesh.shape, strict=True)):
        if placement.is_partial():
            raise DrawError(f"a DTensor with placement {placement} holds a partial sum and cannot be filled")
        if placement.is_replicate():
            continue
        axis = placement.dim
        held[axis] = _share(held[axis], coordinate[place], count, getattr(placement, "split_factor", 1))
    return held


def _share(indices: NDArray[np.int64], rank: int, count: int, split_factor: int) -> NDArray[np.int64]:
    """Every count-th of count * split_factor chunks, chunks being torch.chunk's."""
    size = max(1, -(-len(indices) // (count * split_factor)))
    chunks = [indices[at * size : (at + 1) * size] for at in range(rank, count * split_factor, count)]
    return np.concatenate(chunks)


def _stretches(indices: NDArray[np.int64]) -> list[tuple[slice, slice]]:
    """Runs of consecutive indices: (their place in the local axis, their place in the whole axis)."""
    if not len(indices):
        return [(slice(0, 0), slice(0, 0))]
    breaks = np.flatnonzero(np.diff(indices) != 1) + 1
    ends = [0, *breaks.tolist(), len(indices)]
    return [
        (slice(low, high), slice(int(indices[low]), int(indices[high - 1]) + 1))
        for low, high in itertools.pairwise(ends)
    ]


def _box(
    whole: tuple[int, ...], stretches: tuple[tuple[slice, slice], ...]
) -> tuple[tuple[slice, ...], Region]:
    return tuple(local for local, _ in stretches), Region.of(whole, [part for _, part in stretches])

"""Sharded models are looked at whole: parameters gathered for a look, the numbers of all ranks as one.

`fully_shard` gathers a layer's parameters as it runs, under other tensors than the model's own.  For a look
all are gathered at once, which takes the memory of the unsharded model on each rank, and given back after it.
Each rank runs its own batch; what they measured is put together, so that all have one and the same Report.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from torch import nn

from isogain.errors import InspectError
from isogain.inspect.table import Backward, Forward, Table
from isogain.torch.draw.shards import is_dtensor

__all__ = ["gathered", "together"]

_FLAGS = ("post_forward_mesh_info", "reshard_after_backward")
"""What `fully_shard` keeps about when parameters are given back; it has setters for them and no getters."""


@contextmanager
def gathered(model: nn.Module) -> Iterator[list[nn.Module]]:
    """The model with the plain parameters of `fully_shard`; InspectError where others are sharded."""
    shards = _sharding_modules(model)
    groups = [group for module in shards for group in _groups(module)]
    before = [{name: getattr(group, name) for name in _FLAGS if hasattr(group, name)} for group in groups]
    try:
        for module in shards:
            module.unshard()  # type: ignore[operator]
            module.set_reshard_after_forward(False, recurse=False)  # type: ignore[operator]
            module.set_reshard_after_backward(False, recurse=False)  # type: ignore[operator]
        _check_plain(model)
        yield shards
    finally:
        for group, flags in zip(groups, before, strict=True):
            for name, value in flags.items():
                setattr(group, name, value)
        for module in shards:
            module.reshard()  # type: ignore[operator]


def _sharding_modules(model: nn.Module) -> list[nn.Module]:
    """The modules that `fully_shard` was called on; none where nobody imported it."""
    kind = getattr(sys.modules.get("torch.distributed.fsdp"), "FSDPModule", None)
    return [] if kind is None else [module for module in model.modules() if isinstance(module, kind)]


def _groups(module: Any) -> list[Any]:
    state = module._get_fsdp_state()
    found = getattr(state, "_fsdp_param_groups", None) or [state._fsdp_param_group]
    return [group for group in found if group is not None]


def _check_plain(model: nn.Module) -> None:
    sharded = [name for name, parameter in model.named_parameters() if is_dtensor(parameter)]
    if sharded:
        raise InspectError(
            f"{sharded[0]} and {len(sharded) - 1} more parameters are DTensors that fully_shard does not "
            "gather (tensor parallelism, say): inspect the model before it is parallelized"
        )


def together(table: Table, shards: Sequence[nn.Module]) -> Table:
    """The Table of all ranks: rank 0's, with sizes, extremes and distances of all of them."""
    import torch.distributed as dist

    if not shards or not dist.is_initialized() or dist.get_world_size() == 1:
        return table
    everyone: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(everyone, table)
    first: Table = everyone[0]
    forward = _merged([one.forward for one in everyone], _forward)
    backward = _merged([one.backward for one in everyone], _backward)
    loss = sum(one.loss_value for one in everyone) / len(everyone)
    return replace(first, forward=forward, backward=backward, loss_value=loss)


def _merged(seen: Sequence[Mapping[int, Any]], merge: Callable[[Sequence[Any]], Any]) -> dict[int, Any]:
    return {index: merge([one[index] for one in seen if index in one]) for index in seen[0]}


def _forward(seen: Sequence[Forward]) -> Forward:
    return replace(
        seen[0],
        mean=_mean(seen, "mean"), rms=_root(seen), zero_fraction=_mean(seen, "zero_fraction"),
        minimum=min(one.minimum for one in seen), maximum=max(one.maximum for one in seen),
        finite=all(one.finite for one in seen),
        distance=_mean(seen, "distance"), position_distance=_mean(seen, "position_distance"),
        dead_fraction=min(one.dead_fraction for one in seen),
        saturated_fraction=_mean(seen, "saturated_fraction"),
        observations=sum(one.observations for one in seen),
    )  # fmt: skip


def _backward(felt: Sequence[Backward]) -> Backward:
    return replace(
        felt[0],
        rms=_root(felt), mean=_mean(felt, "mean"), largest=max(one.largest for one in felt),
        finite=all(one.finite for one in felt), influence=_mean(felt, "influence"),
    )  # fmt: skip


def _mean(rows: Sequence[Any], name: str) -> float:
    return float(sum(getattr(one, name) for one in rows)) / len(rows)


def _root(rows: Sequence[Any]) -> float:
    return math.sqrt(sum(one.rms**2 for one in rows) / len(rows))

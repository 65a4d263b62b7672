"""The processes that hold one model and a batch each: what they know, put together."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import nn

__all__ = ["ALONE", "Processes", "processes_of", "sharding_groups"]

T = TypeVar("T")


@dataclass(frozen=True)
class Processes:
    """Groups of processes with batches of their own, one for each axis along which data are spread.

    Each of its methods is to be called by all of them.
    """

    groups: tuple[Any, ...] = ()

    def all(self, value: T) -> list[T]:
        """What each of them has, in one order everywhere."""
        import torch.distributed as dist

        found = [value]
        for group in self.groups:
            everyone: list[Any] = [None] * dist.get_world_size(group)
            dist.all_gather_object(everyone, found, group=group)
            found = [one for part in everyone for one in part]
        return found

    def first(self, value: T) -> T:
        """What the first of them has: one decision for all."""
        return self.all(value)[0] if self.groups else value

    @torch.no_grad()
    def average_(self, tensor: torch.Tensor) -> torch.Tensor:
        """The mean over all of them, in place."""
        import torch.distributed as dist

        for group in self.groups:
            dist.all_reduce(tensor, group=group)
            tensor.div_(dist.get_world_size(group))
        return tensor


ALONE = Processes()


def processes_of(model: nn.Module) -> Processes:
    """Those over which `fully_shard` or DistributedDataParallel spread the batches of a model."""
    for module in model.modules():
        groups = tuple(_data_groups(module))
        if groups:
            return Processes(groups)
    return ALONE


def _data_groups(module: Any) -> Iterator[Any]:
    """The groups of one module that was wrapped."""
    if isinstance(module, nn.parallel.DistributedDataParallel):
        yield module.process_group
        return
    for group in sharding_groups(module):
        mesh = group.mesh_info.mesh
        yield from (mesh.get_group(axis) for axis in range(mesh.ndim) if mesh.size(axis) > 1)
        return


def sharding_groups(module: Any) -> list[Any]:
    """What `fully_shard` keeps about a module's parameters; nothing where it was not called on it."""
    kind = getattr(sys.modules.get("torch.distributed.fsdp"), "FSDPModule", None)
    if kind is None or not isinstance(module, kind):
        return []
    state = module._get_fsdp_state()
    found = getattr(state, "_fsdp_param_groups", None) or [state._fsdp_param_group]
    return [group for group in found if group is not None]

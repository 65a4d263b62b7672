"""What each process of the test of sharded own starts does."""

from __future__ import annotations

import os
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import Shard, distribute_tensor

import isogain.torch as igt
from own_networks import Everything
from torch_fill_processes import digest, full

__all__ = ["run", "whole"]


def whole() -> str:
    """The hash of the unsharded model."""
    return _digest(igt.materialize_(igt.deferred(Everything), seed=5))


def run(rank: int, world: int, port: int, results: Any) -> None:
    """One of two processes: FSDP2 over layers, and tensor parallel along the second axis."""
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    torch.set_num_threads(1)
    dist.init_process_group("gloo", rank=rank, world_size=world)
    mesh = DeviceMesh("cpu", [0, 1])
    sharded = igt.deferred(Everything)
    for layer in sharded.copies.layers:
        fully_shard(layer, mesh=mesh)
    fully_shard(sharded, mesh=mesh)
    columns = igt.deferred(Everything)
    for layer in (columns.cut, columns.packed, columns.square):
        placed = distribute_tensor(layer.weight.detach(), mesh, [Shard(1)], src_data_rank=None)
        layer.weight = nn.Parameter(placed)
    found = [_digest(igt.materialize_(model, seed=5)) for model in (sharded, columns)]
    if rank == 0:
        results["fully_shard"], results["columns"] = found
    dist.destroy_process_group()


def _digest(model: nn.Module) -> str:
    return digest([full(one) for one in [*model.parameters(), *model.buffers()]])

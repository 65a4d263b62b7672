"""The weights that DTensor's own generator gives on 1, 2 and 4 processes, and those that isogain gives.

    python benchmarks/dtensor.py

A network 64-96-10 is built on meta and sharded (`fully_shard`, rows of tensor parallelism, columns of it).
Then `to_empty`, `torch.manual_seed(0)` and every `reset_parameters`; and, built anew, `materialize_` with
seed 0.  Prints the hash of all weights, gathered: one line for each way of sharding and number of processes.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable
from typing import Any

import torch
import torch.distributed as dist
import torch.multiprocessing as processes
from torch import nn
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import Shard, distribute_tensor

import isogain.torch as igt

WORLDS = (1, 2, 4)
Spread = Callable[[nn.Sequential, DeviceMesh], None]


def build() -> nn.Sequential:
    """Without memory, and with its own start known."""
    return igt.deferred(lambda: nn.Sequential(nn.Linear(64, 96), nn.ReLU(), nn.Linear(96, 10)))  # type: ignore[return-value]


def along(axis: int) -> Spread:
    """Weights cut along one axis, biases whole."""

    def spread(model: nn.Sequential, mesh: DeviceMesh) -> None:
        for layer in (model[0], model[2]):
            placed = distribute_tensor(layer.weight.detach(), mesh, [Shard(axis)], src_data_rank=None)
            layer.weight = nn.Parameter(placed)

    return spread


WAYS: dict[str, Spread] = {
    "fully_shard": lambda model, mesh: fully_shard(model, mesh=mesh) and None,
    "rows": along(0),
    "columns": along(1),
}


def own_numbers(model: nn.Sequential) -> None:
    """As torch's documentation starts a sharded model."""
    model.to_empty(device="cpu")
    torch.manual_seed(0)
    for module in model.modules():
        if hasattr(module, "reset_parameters"):
            module.reset_parameters()


def hash_of(model: nn.Module) -> str:
    """Of all weights, gathered."""
    digest = hashlib.blake2b(digest_size=6)
    for parameter in model.parameters():
        whole: Any = parameter.full_tensor() if hasattr(parameter, "full_tensor") else parameter
        digest.update(whole.detach().numpy().tobytes())
    return digest.hexdigest()


def run(rank: int, world: int, folder: str) -> None:
    """One of the processes."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=world)
    mesh = init_device_mesh("cpu", (world,))
    for name, spread in WAYS.items():
        found = []
        for start in (own_numbers, lambda model: igt.materialize_(model, seed=0)):
            model = build()
            spread(model, mesh)
            start(model)
            found.append(hash_of(model))
        if rank == 0:
            print(f"{name:12} {world} processes   DTensor {found[0]}   isogain {found[1]}", flush=True)
    dist.destroy_process_group()


if __name__ == "__main__":
    print(f"torch {torch.__version__}")
    for world in WORLDS:
        with tempfile.TemporaryDirectory() as folder:
            processes.spawn(run, (world, folder), nprocs=world)

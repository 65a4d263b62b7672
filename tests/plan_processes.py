"""What each process of the sharding test does; started by test_plan_safety.py with torch's spawn."""

from __future__ import annotations

import itertools
import os
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard

import isogain.torch as igt


def make() -> nn.Module:
    """A deep plain network with an odd width, so that shards are uneven."""
    sizes = [12, *[30] * 11, 5]
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise(sizes):
        layers += [nn.Linear(before, after), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def run(rank: int, world: int, port: int, results: Any) -> None:
    """Plans on the meta device, shards, applies, and hands the gathered weights back."""
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    torch.set_num_threads(1)
    dist.init_process_group("gloo", rank=rank, world_size=world)
    with torch.device("meta"):
        model = make()
    plan = igt.plan(model, torch.randn(4, 12))
    fully_shard(model, mesh=init_device_mesh("cpu", (world,)))
    try:
        igt.plan(model, torch.randn(4, 12))
    except ValueError as error:
        results[f"said {rank}"] = str(error)
    igt.apply_(model, plan, seed=5)
    whole = {name: tensor.full_tensor() for name, tensor in model.state_dict().items()}
    if rank == 0:
        results["weights"] = {name: tensor.numpy() for name, tensor in whole.items()}
    results[f"hash {rank}"] = plan.hash
    dist.destroy_process_group()

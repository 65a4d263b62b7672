"""What each process of the sharding test does; started by test_torch_fill_sharded.py with torch's spawn."""

from __future__ import annotations

import hashlib
import os
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, Replicate, Shard, distribute_tensor
from torch.distributed.tensor import empty as empty_dtensor

import isogain.torch as igt

CHOICES = {
    "embedding.weight": "lecun_normal",
    "*norm.weight": "ones",
    "*.weight": "torch.trunc_normal_",
    "*": "zeros",
}
INITS = ("he_normal", "torch.trunc_normal_", "glorot_uniform", "orthogonal")
SHAPE = (10, 14)  # uneven on 3 and 4 processes, on either axis


class Tied(nn.Module):
    """A small language model whose head is its embedding."""

    def __init__(self, **factory: Any) -> None:
        super().__init__()
        self.embedding = nn.Embedding(22, 12, **factory)
        self.layers = nn.ModuleList([nn.Linear(12, 12, **factory) for _ in range(2)])
        self.norm = nn.LayerNorm(12, **factory)
        self.head = nn.Linear(12, 22, bias=False, **factory)
        self.head.weight = self.embedding.weight

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        x = self.embedding(tokens)
        for layer in self.layers:
            x = torch.relu(layer(x))
        return self.head(self.norm(x))


def digest(tensors: list[torch.Tensor]) -> str:
    """One hash of all numbers, in order."""
    sha = hashlib.sha256()
    for tensor in tensors:
        sha.update(tensor.detach().contiguous().view(torch.uint8).numpy().tobytes())
    return sha.hexdigest()


def full(tensor: torch.Tensor) -> torch.Tensor:
    """The gathered whole of a DTensor."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def expected() -> dict[str, str]:
    """The hashes of the unsharded tensors and model."""
    hashes = {init: digest([igt.fill_(torch.empty(SHAPE), init, seed=5, path="w")]) for init in INITS}
    with torch.device("meta"):
        model = Tied()
    igt.materialize_(model, CHOICES, seed=5)
    hashes["model"] = digest(list(model.parameters()))
    return hashes


def run(rank: int, world: int, port: int, results: Any) -> None:
    """One of four processes: every mesh of 1 to 4 of them, then FSDP2; rank 0 reports."""
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    torch.set_num_threads(1)
    dist.init_process_group("gloo", rank=rank, world_size=world)
    found = {}
    for count in (1, 2, 3, 4):
        mesh = DeviceMesh("cpu", list(range(count)))
        for placement in (Shard(0), Shard(1), Replicate()):
            found.update(_tensors(f"{count} {placement}", mesh, [placement]))
    square = DeviceMesh("cpu", [[0, 1], [2, 3]], mesh_dim_names=("outer", "inner"))
    for placements in (
        [Shard(0), Shard(1)],
        [Shard(1), Shard(1)],
        [Shard(0), Shard(0)],
        [Replicate(), Shard(0)],
    ):
        found.update(_tensors(f"2x2 {placements}", square, placements))
    found.update(_parallel_then_sharded(square))
    for name, mesh in (("4", DeviceMesh("cpu", [0, 1, 2, 3])), ("2x2", square)):
        found.update(_fully_sharded(name, mesh))
    if rank == 0:
        results.update(found)
    dist.barrier()
    dist.destroy_process_group()


def _tensors(name: str, mesh: DeviceMesh, placements: list[Any]) -> dict[str, str]:
    found = {}
    inside = mesh.get_coordinate() is not None
    for init in INITS:
        tensor = empty_dtensor(*SHAPE, device_mesh=mesh, placements=placements)
        igt.fill_(tensor, init, seed=5, path="w")
        if inside:
            found[f"{init} {name}"] = digest([tensor.full_tensor()])
    return found


def _parallel_then_sharded(mesh: DeviceMesh) -> dict[str, str]:
    """Tensor parallelism inside, FSDP2 outside: strided shards."""
    layer = nn.Linear(SHAPE[1] + 2, 8, bias=False, device="meta")
    layer.weight = nn.Parameter(distribute_tensor(layer.weight, mesh["inner"], [Shard(0)]))
    fully_shard(layer, mesh=mesh["outer"])
    igt.materialize_(layer, {"weight": "he_normal"}, seed=5)
    whole = igt.fill_(torch.empty(8, SHAPE[1] + 2), "he_normal", seed=5, path="weight")
    same = torch.equal(layer.weight.full_tensor(), whole)
    return {f"strided {layer.weight.placements}": "equal" if same else "different"}


def _fully_sharded(name: str, mesh: DeviceMesh) -> dict[str, str]:
    with torch.device("meta"):
        model = Tied()
    for layer in model.layers:
        fully_shard(layer, mesh=mesh)
    fully_shard(model, mesh=mesh)
    igt.materialize_(model, CHOICES, seed=5)
    assert model.head.weight is model.embedding.weight
    shares = sum(p.to_local().numel() for p in model.parameters())
    assert shares < sum(p.numel() for p in model.parameters())
    loss = model(torch.arange(20).view(2, 10)).square().mean()
    loss.backward()
    return {f"model {name}": digest([full(p) for p in model.parameters()])}

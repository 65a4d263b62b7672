"""What each process of the sharded inspection does; started by test_inspect_sharded.py with torch's spawn."""

from __future__ import annotations

import os
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard

import isogain.torch as igt
from isogain.errors import InspectError


class Block(nn.Module):
    """A pre-norm branch of two layers."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.up, self.down = nn.LayerNorm(24), nn.Linear(24, 48), nn.Linear(48, 24)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.down(torch.relu(self.up(self.norm(x))))


def build(scale: float = 1.0) -> nn.Sequential:
    """The same weights on every rank; `scale` spoils one of them."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(12, 24), *[Block() for _ in range(3)], nn.Linear(24, 5))
    with torch.no_grad():
        model[2].up.weight.mul_(scale)
    return model


def sharded(model: nn.Sequential, world: int, **policy: Any) -> nn.Sequential:
    """Block by block, then the rest."""
    mesh = init_device_mesh("cpu", (world,))
    for block in model[1:4]:
        fully_shard(block, mesh=mesh, **policy)
    return fully_shard(model, mesh=mesh, **policy)


def loss(output: torch.Tensor) -> torch.Tensor:
    """Differs from sample to sample."""
    return (output.float() - 1).square().mean()


def batch() -> torch.Tensor:
    """The batch of all ranks."""
    return torch.randn(64, 12, generator=torch.Generator().manual_seed(3))


def numbers(report: Any) -> list[tuple[str, float, float]]:
    """Every layer's sizes."""
    return [(one.path, one.rms, one.gradient_rms) for one in report.layers]


def run(rank: int, world: int, port: int, results: Any) -> None:
    """Inspects sharded models before and after a step; every rank reports."""
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    torch.set_num_threads(1)
    dist.init_process_group("gloo", rank=rank, world_size=world)
    own = batch()[rank::world]
    found: dict[str, Any] = {}
    for name, scale in (("healthy", 1.0), ("zeros", 0.0)):
        report = igt.inspect(sharded(build(scale), world), own, loss)
        found[name] = (report.verdict, [one.key for one in report.findings], numbers(report))
    model = sharded(build(), world)
    igt.inspect(model, own, loss)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    values = []
    for _ in range(3):
        optimizer.zero_grad()
        value = loss(model(own))
        value.backward()
        optimizer.step()
        values.append(float(value))
    found["trained"] = values
    found["after"] = igt.inspect(model, own, loss).verdict
    half = sharded(build(), world, mp_policy=MixedPrecisionPolicy(param_dtype=torch.bfloat16))
    found["mixed"] = igt.inspect(half, own, loss).verdict
    try:  # one process has a batch that its model does not take
        igt.inspect(sharded(build(), world), own if rank else own[:, :5], loss)
    except InspectError as error:
        found["refused"] = str(error)
    results[rank] = found
    dist.destroy_process_group()

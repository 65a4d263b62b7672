"""What each process of the sharded starts does; started by test_start_sharded.py with torch's spawn."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor.parallel import ColwiseParallel, RowwiseParallel, parallelize_module

import isogain.torch as igt
from torch_fill_processes import digest, full

__all__ = ["batch", "entered", "hash_of", "loss", "make", "parallel", "run", "start"]

WRAPS: dict[str, Callable[[nn.Sequential, int], nn.Module]] = {
    "fully_shard": lambda model, world: sharded(model, world),
    "mixed": lambda model, world: sharded(
        model, world, mp_policy=MixedPrecisionPolicy(param_dtype=torch.bfloat16)
    ),
    "replicated": lambda model, world: nn.parallel.DistributedDataParallel(model),
}


def make(width: int = 30) -> nn.Sequential:
    """A deep plain network, which its own start leaves without a signal; 30 rows make uneven shards."""
    torch.manual_seed(0)
    sizes = [12, *[width] * 14, 5]
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise(sizes):
        layers += [nn.Linear(before, after), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def batch() -> torch.Tensor:
    """The batch of all processes."""
    return torch.randn(64, 12, generator=torch.Generator().manual_seed(3))


def loss(output: torch.Tensor) -> torch.Tensor:
    """Differs from sample to sample."""
    return (output.float() - 1).square().mean()


def sharded(model: nn.Sequential, world: int, **policy: Any) -> nn.Sequential:
    """Some layers by themselves, then the rest."""
    mesh = init_device_mesh("cpu", (world,))
    for layer in model[4:9:2]:
        fully_shard(layer, mesh=mesh, **policy)
    return fully_shard(model, mesh=mesh, **policy)


def parallel(model: nn.Sequential, world: int) -> nn.Sequential:
    """Pairs of layers by columns and rows; every process has the whole batch."""
    mesh = init_device_mesh("cpu", (world,))
    styles = {str(k): ColwiseParallel() if k % 4 == 0 else RowwiseParallel() for k in range(0, 16, 2)}
    return parallelize_module(model, mesh, styles)


def hash_of(model: nn.Module) -> str:
    """Of all of its parameters' bits, gathered."""
    return digest([full(one) for one in model.parameters()])


def start(model: nn.Module, own: torch.Tensor) -> dict[str, Any]:
    """What `init_` says and what it made of the model."""
    receipt = igt.init_(model, own, seed=5, loss=loss)
    rates = {one.optimizer: one.high for one in receipt.rates}
    return {"left": receipt.left, "hash": hash_of(model), "rates": rates, "plan": receipt.plan_hash}


@contextmanager
def entered(rank: int, world: int, port: int) -> Iterator[None]:
    """In a group of processes."""
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    torch.set_num_threads(1)
    dist.init_process_group("gloo", rank=rank, world_size=world)
    try:
        yield
    finally:
        dist.destroy_process_group()


def run(rank: int, world: int, port: int, results: Any) -> None:
    """Starts wrapped models on each process's share of the batch, and trains them."""
    found: dict[str, Any] = {}
    with entered(rank, world, port):
        own = batch()[rank::world]
        for name, wrap in WRAPS.items():
            model = wrap(make(), world)
            found[name] = start(model, own)
            found[name]["trained"] = _trained(model, own)
            found[name]["verdict"] = igt.inspect(model, own, loss).verdict
        model = parallel(make(32), world)
        found["parallel"] = start(model, batch())
        report = igt.inspect(model, batch(), loss)
        found["parallel"]["verdict"], found["skipped"] = report.verdict, report.table.coverage.skipped
        found["parallel"]["trained"] = _trained(model, batch())
        found["watched"] = _watched(sharded(make(), world), own)
        results[rank] = found


def _trained(model: nn.Module, own: torch.Tensor) -> list[float]:
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    values = []
    for _ in range(3):
        optimizer.zero_grad()
        value = loss(model(own))
        value.backward()
        optimizer.step()
        values.append(float(value))
    return values


def _watched(model: nn.Module, own: torch.Tensor) -> list[tuple[int, str, float]]:
    """What a Monitor sees of three steps."""
    igt.init_(model, own, seed=5)
    optimizer = torch.optim.SGD(model.parameters(), 0.05)
    monitor = igt.Monitor(model, own, loss, optimizer=optimizer)
    for _ in range(3):
        optimizer.zero_grad()
        loss(model(own)).backward()
        optimizer.step()
        monitor.step()
    last = monitor.close()
    updates = {one.step: sum(one.update_to_data.values()) for one in monitor.snapshots}
    return [(one.step, one.report.verdict, updates[one.step]) for one in (*monitor.snapshots, last)]

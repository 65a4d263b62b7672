"""What each process does in the tests of two axes of processes, and of the stages of a pipeline."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.pipelining import PipelineStage, ScheduleGPipe
from torch.distributed.tensor.parallel import ColwiseParallel, RowwiseParallel, parallelize_module

import isogain.torch as igt
from start_processes import batch, entered, hash_of, loss, make, start

__all__ = ["fresh", "on_grid", "on_stages", "stages"]

WIDTH = 32


def fresh() -> nn.Sequential:
    """The same network with its library's own start recorded."""
    return igt.deferred(lambda: make(WIDTH))


def spread(model: nn.Sequential) -> nn.Sequential:
    """Pairs of layers over one axis by columns and rows, shards of all over the other."""
    mesh = init_device_mesh("cpu", (2, 2), mesh_dim_names=("data", "model"))
    styles = {str(k): ColwiseParallel() if k % 4 == 0 else RowwiseParallel() for k in range(0, 16, 2)}
    parallelize_module(model, mesh["model"], styles)
    for layer in model[4:9:2]:
        fully_shard(layer, mesh=mesh["data"])
    return fully_shard(model, mesh=mesh["data"])


def on_grid(rank: int, world: int, port: int, results: Any) -> None:
    """One of four: the half of the batch that its place on the data's axis has."""
    with entered(rank, world, port):
        own = batch()[rank // 2 :: 2]
        model = spread(make(WIDTH))
        before = igt.inspect(model, own, loss)
        found = {"own": hash_of(igt.materialize_(spread(fresh()), seed=5)), **start(model, own)}
        report = igt.inspect(model, own, loss)
        found["reports"] = [_numbers(before), _numbers(report)]
        results[rank] = found


def _numbers(report: Any) -> tuple[str, list[tuple[str, float]]]:
    return report.verdict, [(one.path, one.rms) for one in report.layers]


def stages(model: nn.Sequential) -> tuple[nn.Sequential, nn.Sequential]:
    """The two halves of a network, under the paths that they have in it."""
    halves = nn.Sequential(), nn.Sequential()
    for name, layer in model.named_children():
        halves[int(name) >= 8].add_module(name, layer)
    return halves


def on_stages(rank: int, world: int, port: int, results: Any) -> None:
    """One of two stages: started by itself, then run by torch's schedule in four parts of the batch."""
    with entered(rank, world, port):
        torch.manual_seed(1)
        module = stages(make(WIDTH))[rank]
        own = igt.materialize_(stages(fresh())[rank], seed=5)
        given = batch() if rank == 0 else _sent(rank)
        receipt = igt.init_(module, given, seed=5, rates=False, loss=loss, keep_healthy=False)
        report = igt.inspect(module, given, loss)
        output = module(given).detach()
        if rank == 0:
            torch.distributed.send(output, 1)
        found = {
            "left": receipt.left,
            "own": hash_of(own),
            "hash": hash_of(module),
            "report": _numbers(report),
        }
        found["losses"] = _trained(module, rank, world)
        found["parted"] = _parted(rank)
        results[rank] = found


class Fork(nn.Module):
    """Goes one of two ways, by what it reads."""

    def __init__(self) -> None:
        super().__init__()
        self.enter, self.left, self.right, self.leave = (
            make(8),
            nn.Linear(5, 24),
            nn.Linear(5, 24),
            nn.Linear(24, 3),
        )
        self.further = nn.Linear(24, 24)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.enter(x)
        y = torch.relu(self.left(y) if x.mean() > 0 else self.further(torch.relu(self.right(y))))
        return self.leave(y)


def _parted(rank: int) -> dict[str, Any]:
    """What becomes of a sharded model whose processes go different ways."""
    torch.manual_seed(0)
    model = fully_shard(Fork(), mesh=init_device_mesh("cpu", (2,)))
    own = batch().abs() * (1 if rank == 0 else -1)
    receipt = igt.init_(model, own, seed=5, rates=False, loss=loss, keep_healthy=False)
    return {"left": receipt.left, "hash": hash_of(model), "verdict": igt.inspect(model, own, loss).verdict}


def _sent(rank: int) -> torch.Tensor:
    given = torch.empty(64, WIDTH)
    torch.distributed.recv(given, rank - 1)
    return given


def _trained(module: nn.Module, rank: int, world: int) -> list[float]:
    """Losses of three steps of the pipeline."""
    stage = PipelineStage(module, rank, world, torch.device("cpu"))
    schedule = ScheduleGPipe(stage, 4, loss_fn=lambda output, target: loss(output))
    optimizer = torch.optim.SGD(module.parameters(), 0.01)
    values = []
    for _ in range(3):
        optimizer.zero_grad()
        parts: list[torch.Tensor] = []
        if rank == 0:
            schedule.step(batch())
        else:
            schedule.step(target=batch(), losses=parts)
            values.append(float(torch.stack(parts).mean()))
        optimizer.step()
    return values

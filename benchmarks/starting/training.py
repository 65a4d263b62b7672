"""One run: a model, a start, an optimizer at one rate, some hundred updates, and what came of it."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from starting.competitors import STARTS
from starting.rows import Row
from starting.tasks import Task

EVALUATED_AT_ONCE = 512


def run(row: Row, start: str, optimizer: str, rate: float, seed: int) -> dict[str, Any]:
    """Trains once; a record for the store."""
    torch.set_flush_denormal(True)  # signals that die would otherwise slow the machine a hundredfold
    task = row.task()
    model, example = fresh(row, seed)
    began = time.perf_counter()
    plan = STARTS[start](model, example, seed)
    started = time.perf_counter()
    losses = list(_train(model, task, row, _optimizer(model, optimizer, rate), seed))
    diverged = not math.isfinite(losses[-1])
    scores = (
        (math.nan, math.nan)
        if diverged
        else (_score(model, task, task.validation), _score(model, task, task.test))
    )
    return {
        "row": row.name, "start": start, "optimizer": optimizer, "rate": rate, "seed": seed,
        "validation": _number(scores[0]), "test": _number(scores[1]),
        "first_loss": _number(losses[0]), "loss": _number(sum(losses[-10:]) / len(losses[-10:])),
        "diverged": diverged, "updates": len(losses), "init_s": round(started - began, 4),
        "train_s": round(time.perf_counter() - started, 2), "plan": plan,
    }  # fmt: skip


def fresh(row: Row, seed: int) -> tuple[nn.Module, Tensor]:
    """The model as its constructor leaves it, and a batch to look at."""
    inputs = row.task().inputs
    torch.manual_seed(seed)
    return row.model(), inputs[torch.randperm(len(inputs), generator=_generator(seed))[: row.batch]]


def _number(value: float) -> float | None:
    return round(value, 5) if math.isfinite(value) else None


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(1_000_003 * (seed + 1))


def _optimizer(model: nn.Module, name: str, rate: float) -> torch.optim.Optimizer:
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if name == "sgd":
        return torch.optim.SGD(parameters, lr=rate, momentum=0.9)
    return torch.optim.AdamW(parameters, lr=rate, weight_decay=0.01)


def _train(
    model: nn.Module, task: Task, row: Row, optimizer: torch.optim.Optimizer, seed: int
) -> Iterator[float]:
    """The loss of every update's own batch, up to the first that is not a number."""
    model.train()
    generator = _generator(seed)
    for _ in range(row.updates):
        chosen = torch.randint(len(task.inputs), (row.batch,), generator=generator)
        loss = task.loss(answer(model, task.inputs[chosen]), task.targets[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield loss.item()
        if not math.isfinite(loss.item()):
            return


def answer(model: nn.Module, inputs: Tensor) -> Tensor:
    """The model's output as a tensor, also of models that return an object."""
    output = model(inputs)
    return output if isinstance(output, Tensor) else output.logits


@torch.no_grad()
def _score(model: nn.Module, task: Task, part: tuple[Tensor, Tensor]) -> float:
    model.eval()
    inputs, targets = part
    pieces = range(0, len(inputs), EVALUATED_AT_ONCE)
    outputs = torch.cat([answer(model, inputs[at : at + EVALUATED_AT_ONCE]) for at in pieces])
    return task.score(outputs, targets) if bool(outputs.isfinite().all()) else math.nan

"""`apply_`: a Plan written into a model, all or nothing; the same bits on any sharding."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from isogain.errors import IsogainError
from isogain.graph.plan import Entry, Plan, PlanError
from isogain.graph.receipt import Receipt, Written
from isogain.torch.fill import prepare
from isogain.torch.inspection import _plain
from isogain.torch.materialize import Places, places_of

__all__ = ["apply_", "parameters_by_path"]

Tensor = torch.Tensor


@dataclass(frozen=True)
class Job:
    """One parameter and what writes it."""

    entry: Entry
    parameter: nn.Parameter
    write: Callable[[Tensor], None]


def apply_(model: nn.Module, plan: Plan, seed: int = 0) -> Receipt:
    """Writes the plan's draws into the model, in place; returns a Receipt of what was written.

    All or nothing: a plan that does not fit the model (paths, shapes, layouts) raises PlanError that names
    every path, before the first byte is written.  The draw is a function of (seed, path, law, shape), so
    the same bits come out on any sharding and in any order, and twice is as once.  No random state is read.

    >>> model = nn.Linear(4, 2)
    >>> apply_(model, plan(model, torch.randn(8, 4)), seed=1).plan_hash  # doctest: +SKIP
    '9e3f...'
    """
    model = _plain(model)
    jobs = _jobs(model, plan, seed)
    with torch.no_grad():
        for job in jobs:
            job.write(job.parameter)
    written = tuple(Written(job.entry.path, str(job.entry.initializer)) for job in jobs)
    return Receipt(plan, seed, written)


def parameters_by_path(model: nn.Module) -> dict[str, Places]:
    """Every parameter under its stable path."""
    return {places.path: places for places in places_of(model) if places.is_parameter}


def _jobs(model: nn.Module, plan: Plan, seed: int) -> list[Job]:
    found = parameters_by_path(model)
    problems = [f"{path} is in the model but not in the plan" for path in found if path not in plan]
    jobs = []
    for path, entry in plan.items():
        if path not in found:
            problems.append(f"{path} is in the plan but not in the model")
            continue
        tensor = found[path].tensor
        if tuple(tensor.shape) != entry.shape:
            problems.append(f"{path} has shape {tuple(tensor.shape)}, the plan {entry.shape}")
        elif not entry.kept:
            jobs += _job(entry, tensor, seed, problems)
    if problems:
        raise PlanError(f"nothing was written: {'; '.join(problems)}")
    return jobs


def _job(entry: Entry, tensor: Tensor, seed: int, problems: list[str]) -> list[Job]:
    geometry: dict[str, Any] = {
        "layout": entry.layout, "groups": entry.groups, "stride": entry.stride, "transposed": entry.transposed,
    }  # fmt: skip
    assert entry.initializer is not None
    try:
        write = prepare(tensor, entry.initializer, seed=seed, path=entry.path, **geometry)
    except IsogainError as error:
        problems.append(f"{entry.path}: {error}")
        return []
    return [Job(entry, tensor, write)]  # type: ignore[arg-type]

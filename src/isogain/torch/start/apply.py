"""`apply_`: a Plan written into a model, all or nothing; the same bits on any sharding."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from isogain.errors import DrawError, IsogainError
from isogain.graph.entry import Entry, PlanError
from isogain.graph.plan import Plan
from isogain.graph.receipt import Receipt, Written
from isogain.torch.call.calling import plain_module
from isogain.torch.draw.fill import prepare
from isogain.torch.draw.meta import materialize_kept
from isogain.torch.draw.targets import Target, targets

__all__ = ["apply_"]

Tensor = torch.Tensor


@dataclass(frozen=True)
class Job:
    """One target and what fills it."""

    target: Target
    draw: Callable[[Tensor], None]


def apply_(model: nn.Module, plan: Plan, seed: int = 0) -> Receipt:
    """Writes the plan's draws into the model, in place; returns a Receipt of what was written.

    All or nothing: a plan that does not fit the model (paths, shapes, layouts) raises PlanError that names
    every path, before the first byte is written.  The draw is a function of (seed, path, law, shape), so
    the same bits come out on any sharding and in any order, and twice is as once.  No random state is read.

    Parameters on the meta device get memory; those that the plan keeps, their module's own start.

    >>> from isogain.torch import plan
    >>> model = nn.Linear(4, 2)
    >>> len(apply_(model, plan(model, torch.randn(8, 4)), seed=1).written)
    2
    """
    model = plain_module(model)
    jobs = _jobs(model, plan, seed)
    if any(parameter.is_meta for parameter in model.parameters()):
        materialize_kept(model, plan, seed)
        jobs = _jobs(model, plan, seed)
    _write(jobs)
    written = tuple(Written(entry.path, str(entry.initializer)) for entry in plan.drawn)
    return Receipt(plan, seed, written)


def _jobs(model: nn.Module, plan: Plan, seed: int) -> list[Job]:
    found = targets(model)
    problems = [f"{path} is in the model but not in the plan" for path in found if path not in plan]
    jobs = []
    for path, entry in plan.items():
        target = found.get(path)
        if target is None:
            problems.append(f"{path} is in the plan but not in the model")
        elif tuple(target.like.shape) != entry.shape:
            problems.append(f"{path} has shape {tuple(target.like.shape)}, the plan {entry.shape}")
        elif not entry.kept:
            jobs += _job(entry, target, seed, problems)
    if problems:
        raise PlanError(f"nothing was written: {'; '.join(problems)}")
    return jobs


def _job(entry: Entry, target: Target, seed: int, problems: list[str]) -> list[Job]:
    names = ("layout", "groups", "stride", "transposed")
    geometry: dict[str, Any] = {name: getattr(entry, name) for name in names}
    assert entry.initializer is not None
    if target.fixed:
        problems.append(f"{entry.path}: {target.fixed}")
        return []
    try:
        return [Job(target, prepare(target.like, entry.initializer, seed=seed, path=entry.path, **geometry))]
    except IsogainError as error:
        problems.append(f"{entry.path}: {error}")
        return []


def _write(jobs: list[Job]) -> None:
    """Parametrized weights first, as their right inverses may refuse; those are put back if one does."""
    kept: list[tuple[Tensor, Tensor]] = []
    path = ""
    try:
        for job in jobs:
            if job.target.set is not None:
                path = job.target.path
                kept += [(tensor, tensor.detach().clone()) for tensor in job.target.tensors]
                job.target.write(job.draw)
    except Exception as error:
        with torch.no_grad():
            for tensor, value in kept:
                tensor.copy_(value)
        raise PlanError(
            f"nothing was written: {path} cannot be set through its parametrization: {error}"
        ) from error
    for job in jobs:
        if job.target.set is None:
            try:
                job.target.write(job.draw)
            except (RuntimeError, MemoryError) as error:
                raise DrawError(f"{job.target.path} failed while it was written: {error}") from error

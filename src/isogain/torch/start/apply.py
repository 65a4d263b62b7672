"""`apply_`: a Plan written into a model, all or nothing; the same bits on any sharding."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import nn

from isogain.core.geometry.layout import implied
from isogain.errors import DrawError, IsogainError
from isogain.graph.entry import Entry, PlanError
from isogain.graph.plan import Plan
from isogain.graph.receipt import Receipt, Written
from isogain.torch.call.inputs import plain_module
from isogain.torch.draw.fill import prepare
from isogain.torch.draw.materialize import places_of
from isogain.torch.draw.targets import Target, targets
from isogain.torch.own.beginning import begin
from isogain.torch.record.gathering import resharded

__all__ = ["apply_", "write_plan"]

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

    Everything on the meta device gets memory; buffers, and parameters that the plan keeps, their own start
    (see `materialize_`).

    >>> from isogain.torch import plan
    >>> model = nn.Linear(4, 2)
    >>> len(apply_(model, plan(model, torch.randn(8, 4)), seed=1).written)
    2
    """
    return write_plan(model, plan, seed)


def write_plan(
    model: nn.Module, plan: Plan, seed: int, *, device: torch.device | str | None = None,
    threads: int | None = None,
) -> Receipt:  # fmt: skip
    """`apply_` on a device."""
    model = plain_module(model)
    resharded(model)
    jobs = _jobs(model, plan, seed, threads)
    places = places_of(model)
    if any(one.tensor.is_meta for one in places):
        plain = {job.target.path for job in jobs if job.target.set is None}
        begin(model, places, {}, seed=seed, device=device, threads=threads, reserved=plain, refusal=PlanError)
        jobs = _jobs(model, plan, seed, threads)
    _write(jobs)
    written = tuple(Written(entry.path, str(entry.initializer)) for entry in plan.drawn)
    return Receipt(plan, seed, written)


def _jobs(model: nn.Module, plan: Plan, seed: int, threads: int | None) -> list[Job]:
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
            jobs += _job(entry, target, seed, threads, problems)
    if problems:
        raise PlanError(f"nothing was written: {'; '.join(problems)}")
    return jobs


def _job(entry: Entry, target: Target, seed: int, threads: int | None, problems: list[str]) -> list[Job]:
    geometry: dict[str, Any] = {name: getattr(entry, name) for name in ("groups", "stride", "transposed")}
    geometry["layout"] = implied(entry.layout)
    assert entry.initializer is not None
    if target.fixed:
        problems.append(f"{entry.path}: {target.fixed}")
        return []
    try:
        path = entry.drawn_as or entry.path
        draw = prepare(target.like, entry.initializer, seed=seed, path=path, threads=threads, **geometry)
        return [Job(target, draw if entry.multiple == 1.0 else partial(_divided, draw, entry.multiple))]
    except IsogainError as error:
        problems.append(f"{entry.path}: {error}")
        return []


@torch.no_grad()
def _divided(draw: Callable[[Tensor], None], multiple: float, tensor: Tensor) -> None:
    """The draw, of which the operation reads a multiple."""
    draw(tensor)
    tensor.div_(multiple)


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

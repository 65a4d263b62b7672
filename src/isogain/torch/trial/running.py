"""One job: a start trained at one rate from one seed, or looked at before training."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from isogain.errors import IsogainError, TrialError
from isogain.graph.groups import optimizer_kind
from isogain.graph.plan import Plan
from isogain.graph.receipt import Receipt
from isogain.torch.call.guard import same_random, seeded
from isogain.torch.inspection.inspecting import inspect
from isogain.torch.start.schemes import starter
from isogain.torch.trial.batches import moved, pair_of
from isogain.torch.trial.devices import leased
from isogain.torch.trial.problem import Problem, laid_out, loss_of
from isogain.torch.trial.scoring import score

__all__ = ["ENGINE", "LOOKS", "Done", "Job", "perform", "trained"]

ENGINE = 1
"""Part of every key: raised whenever the same words would give other numbers."""
LOOKS = 4
"""How often a run is judged after its start, its end included."""
Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Job:
    """What one job is: `kind` "train" or "look"; start and optimizer by their place in the problem."""

    kind: Literal["train", "look"]
    start: int
    seed: int
    optimizer: int = 0
    rate: float = 0.0


@dataclass(frozen=True)
class Done:
    """What came of it: numbers, or why there are none."""

    arrays: Arrays
    elapsed_s: float
    error: str = ""


def perform(problem: Problem, job: Job) -> Done:
    """Runs one job; a run that raises says so, and raises nothing."""
    began = time.perf_counter()
    try:
        with _alone(problem.threads):
            arrays = trained(problem, job) if job.kind == "train" else looked(problem, job)
        return Done(arrays, time.perf_counter() - began)
    except Exception as error:
        said = str(error) if isinstance(error, IsogainError) else f"{type(error).__name__}: {error}"
        return Done({}, time.perf_counter() - began, said[:600])


@contextmanager
def _alone(threads: int) -> Iterator[None]:
    """As many threads as the problem says, so that bits are the same everywhere; all put back afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with same_random(), torch.enable_grad():
            yield
    finally:
        torch.set_num_threads(before)


def _started(problem: Problem, job: Job, example: Any) -> tuple[nn.Module, Any]:
    """The model of this seed, started, and what its start returned."""
    start = problem.starts[job.start]
    model = problem.model(job.seed).to(leased(problem.device))
    inputs, _ = pair_of(moved(example, leased(problem.device)))
    try:
        said = starter(start.scheme, inputs)(model, job.seed)
    except Exception as error:
        raise TrialError(f"the start {start.name!r} cannot start this model: {error}") from error
    return laid_out(model, problem.channels_last), said


def trained(problem: Problem, job: Job) -> Arrays:
    """The losses of every update and what the judge said on the way; stops at a loss that is no number."""
    stream, place = problem.data.stream(job.seed), (leased(problem.device), problem.channels_last)
    first = next(stream)
    model, said = _started(problem, job, first)
    optimizer = _optimizer(problem, job, model, said)
    validation = [moved(batch, *place) for batch in problem.validation()]
    judged = {round(problem.steps * part / LOOKS) for part in range(LOOKS + 1)}
    losses, at, scores = np.full(problem.steps, np.nan), [0], [score(problem, model, validation)]
    seeded(job.seed)
    model.train()
    for step in range(problem.steps):
        batch = moved(first if step == 0 else _next(stream, step, problem.steps), *place)
        losses[step] = _update(problem, model, optimizer, batch)
        if not math.isfinite(losses[step]):
            break
        if step + 1 in judged:
            at.append(step + 1)
            scores.append(score(problem, model, validation))
    sound = math.isfinite(losses[step]) and all(map(math.isfinite, scores[-1]))
    return {
        "loss": losses, "evaluated_at": np.array(at), "validation.loss": np.array([one[0] for one in scores]),
        "validation.metric": np.array([one[1] for one in scores]),
        "diverged_at": np.array([-1 if sound else step]),
    }  # fmt: skip


def _next(stream: Iterator[Any], step: int, steps: int) -> Any:
    try:
        return next(stream)
    except TrialError as error:
        raise TrialError(f"{error} (after {step} of {steps} steps)") from error
    except StopIteration:
        raise TrialError(f"the data end after {step} of {steps} steps") from None
    except Exception as error:
        raise TrialError(f"the data raised at step {step}: {type(error).__name__}: {error}") from error


def _update(problem: Problem, model: nn.Module, optimizer: torch.optim.Optimizer, batch: Any) -> float:
    loss, _, _ = problem.loss_on(model, batch)
    optimizer.zero_grad(set_to_none=True)
    value = loss.item()
    if math.isfinite(value):
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return value


def _optimizer(problem: Problem, job: Job, model: nn.Module, said: Any) -> torch.optim.Optimizer:
    """At one rate for all parameters, or at those that the start's recipe prescribes relative to it."""
    name, make = problem.optimizers[job.optimizer]
    parameters: Any = [one for one in model.parameters() if one.requires_grad]
    plan = said.plan if isinstance(said, Receipt) else said
    if isinstance(plan, Plan) and any(entry.rates for entry in plan.values()):
        parameters = plan.param_groups(job.rate, optimizer_kind(name), model=model)
    if not parameters:
        raise TrialError("the model has no parameter that trains: all of them are frozen")
    made: torch.optim.Optimizer = make(parameters, lr=job.rate)
    return made


def looked(problem: Problem, job: Job) -> Arrays:
    """What `inspect` says of a start on its first batch, as JSON in bytes."""
    batch = moved(next(problem.data.stream(job.seed)), leased(problem.device), problem.channels_last)
    model, said = _started(problem, job, batch)
    inputs, target = pair_of(batch)
    report = inspect(model.train(), inputs, lambda output: loss_of(problem.loss, output, target))
    told = {
        "verdict": report.verdict, "cause": report.cause,
        "findings": [[f.severity, f.code, f.path] for f in report.findings],
        "left": said.left if isinstance(said, Receipt) else "", "digest": _digest(model),
    }  # fmt: skip
    return {"report": np.frombuffer(json.dumps(told).encode(), dtype=np.uint8)}


def _digest(model: nn.Module) -> str:
    """Tells starts of the same values."""
    import hashlib

    total = hashlib.sha256()
    for parameter in model.parameters():
        total.update(parameter.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return total.hexdigest()[:16]

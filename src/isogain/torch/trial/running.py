"""One job by itself: a start trained at one rate from one seed, or looked at before training."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from isogain.errors import TrialError
from isogain.graph.groups import optimizer_kind
from isogain.graph.plan import Plan
from isogain.graph.receipt import Receipt
from isogain.torch.call.guard import seeded
from isogain.torch.inspection.inspecting import inspect
from isogain.torch.start.schemes import starter
from isogain.torch.trial.batches import moved, pair_of
from isogain.torch.trial.devices import leased
from isogain.torch.trial.optimizers import made_by
from isogain.torch.trial.pixelwise import pixelwise_model
from isogain.torch.trial.problem import Problem, loss_of
from isogain.torch.trial.scoring import Scored, score

__all__ = [
    "ENGINE", "LOOKS", "Arrays", "Done", "Job", "judged_at", "looked", "next_of", "numbers", "optimizer_of",
    "own_rates", "started", "trained",
]  # fmt: skip

ENGINE = 3
"""Part of every key: raised whenever the same words would give other numbers."""
LOOKS = 4
"""How often a run is judged after its start, its end included."""
Arrays = dict[str, NDArray[Any]]
First = dict[tuple[int, int], Scored]


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


def started(problem: Problem, job: Job, example: Any) -> tuple[nn.Module, Any]:
    """The model of this seed, started, and what its start returned."""
    start = problem.starts[job.start]
    model = problem.model(job.seed).to(leased(problem.device))
    inputs, _ = pair_of(moved(example, leased(problem.device)))
    try:
        said = starter(start.scheme, inputs)(model, job.seed)
    except Exception as error:
        raise TrialError(f"the start {start.name!r} cannot start this model: {error}") from error
    if isinstance(said, nn.Module) and said is not model:
        raise TrialError(f"the start {start.name!r} gives another model: a start changes the one it is given")
    return model, said


def trained(problem: Problem, job: Job, known: First | None = None) -> Arrays:
    """The losses of every update and what the judge said on the way; stops at a loss that is no number.

    `known`: what the judge says before training, by start and seed, which no rate changes; added to.
    """
    stream, place = problem.data.stream(job.seed), (leased(problem.device), problem.channels_last)
    first = next(stream)
    model, said = started(problem, job, first)
    optimizer = optimizer_of(problem, job, _groups(problem, job, model, said))
    model = pixelwise_model(model) if problem.channels_last else model
    validation = [moved(batch, *place) for batch in problem.validation()]
    known, which, looks = {} if known is None else known, (job.start, job.seed), judged_at(problem.steps)
    if which not in known:
        known[which] = score(problem, model, validation)
    losses, at, scores = np.full(problem.steps, np.nan), [0], [known[which]]
    seeded(job.seed)
    model.train()
    for step in range(problem.steps):
        batch = moved(first if step == 0 else next_of(stream, step, problem.steps), *place)
        losses[step] = _update(problem, model, optimizer, batch)
        if not math.isfinite(losses[step]):
            break
        if step + 1 in looks:
            at.append(step + 1)
            scores.append(score(problem, model, validation))
    return numbers(losses, at, scores, step)


def judged_at(steps: int) -> set[int]:
    """After which updates a run is judged, none among them."""
    return {round(steps * part / LOOKS) for part in range(LOOKS + 1)}


def numbers(losses: NDArray[np.float64], at: Sequence[int], scores: Sequence[Scored], last: int) -> Arrays:
    """What a run is kept as; `last`: its last update, at which it diverged unless all there is a number."""
    sound = math.isfinite(losses[last]) and all(map(math.isfinite, scores[-1]))
    return {
        "loss": losses, "evaluated_at": np.array(at), "validation.loss": np.array([one[0] for one in scores]),
        "validation.metric": np.array([one[1] for one in scores]),
        "diverged_at": np.array([-1 if sound else last]),
    }  # fmt: skip


def next_of(stream: Iterator[Any], step: int, steps: int) -> Any:
    """The next batch; TrialError says after how many steps there was none."""
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


def own_rates(said: Any) -> Plan | None:
    """The plan of what a start returned, if that prescribes rates for parameters."""
    plan = said.plan if isinstance(said, Receipt) else said
    return plan if isinstance(plan, Plan) and any(entry.rates for entry in plan.values()) else None


def _groups(problem: Problem, job: Job, model: nn.Module, said: Any) -> list[Any]:
    """All parameters that train, at one rate or at those that the start's recipe prescribes."""
    plan = own_rates(said)
    if plan is None:
        return [one for one in model.parameters() if one.requires_grad]
    kind = optimizer_kind(problem.optimizers[job.optimizer][0])
    groups: list[Any] = plan.param_groups(job.rate, kind, model=model)
    return groups


def optimizer_of(problem: Problem, job: Job, parameters: list[Any]) -> torch.optim.Optimizer:
    """The job's optimizer over these parameters or groups."""
    if not parameters:
        raise TrialError("the model has no parameter that trains: all of them are frozen")
    return made_by(*problem.optimizers[job.optimizer], parameters, job.rate)


def looked(problem: Problem, job: Job) -> Arrays:
    """What `inspect` says of a start on its first batch, as JSON in bytes."""
    batch = moved(next(problem.data.stream(job.seed)), leased(problem.device))
    model, said = started(problem, job, batch)
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

"""Many runs of one small network as one computation: their parameters stacked, one call for all of them.

A network whose layers have little to multiply spends its time in the calls.  Runs at one rate differ in
values alone, so one call serves all, and an optimizer that treats every number by itself updates the stack
as it would each network.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.func import functional_call, vmap
from torch.utils import _pytree as pytree

from isogain.errors import TrialError
from isogain.jobs.identity import content_hash
from isogain.torch.call.guard import random_states
from isogain.torch.trial.batches import Examples, pair_of
from isogain.torch.trial.optimizers import elementwise
from isogain.torch.trial.problem import Problem, loss_of, outputs_of
from isogain.torch.trial.running import (
    Arrays,
    Job,
    judged_at,
    next_of,
    numbers,
    optimizer_of,
    own_rates,
    started,
)
from isogain.torch.trial.scoring import Scored, evaluating, scored

__all__ = ["common_form", "trained_together"]

Tensor = torch.Tensor
ARITHMETIC = 1e6
"""Multiplications of a layer that take about as long as calling it, its backward call and its update."""
KNOWN = (nn.Linear, nn.LayerNorm, nn.Embedding)
TOLERANCE = 1e-3
"""Between two ways to the same gradient, of its largest entry."""


def common_form(problem: Problem, seed: int) -> str:
    """The form of this problem's networks if runs can be made together and are faster so; else "".

    That is: examples that can be asked for again, layers that multiply little, no state but parameters,
    nothing random in a pass, an optimizer that treats numbers one by one; and two networks together have the
    losses and gradients of each alone.
    """
    if (problem.device or "cpu") != "cpu" or not isinstance(problem.data, Examples):
        return ""
    if not all(elementwise(make) for _, make in problem.optimizers):
        return ""
    models = [problem.model(one) for one in (seed, seed + 1)]
    batches = [next(problem.data.stream(one)) for one in (seed, seed + 1)]
    try:
        forms = {form_of(model) for model in models}
        suits = len(forms) == 1 and _little(models[0], batches[0]) and _agree(problem, models, batches)
    except Exception:  # a pass that branches on values, draws, or is not known to vmap: each alone then
        return ""
    return forms.pop() if suits else ""


def form_of(model: nn.Module) -> str:
    """A hash of all of a model but the values of its parameters."""
    tables = nn.Module().__dict__.keys() - {"training"}
    own = [
        {name: value for name, value in vars(one).items() if name not in tables} for one in model.modules()
    ]
    shapes = [(name, tuple(p.shape), str(p.dtype), p.requires_grad) for name, p in model.named_parameters()]
    hooks = [len(one._forward_hooks) + len(one._forward_pre_hooks) for one in model.modules()]
    return content_hash([repr(model), shapes, hooks, own])


def _little(model: nn.Module, batch: Any) -> bool:
    """Whether there are linear layers, of fewer multiplications in the mean than pay for a call, and no
    others that multiply; and no state but parameters."""
    owners = [one for one in model.modules() if next(one.parameters(recurse=False), None) is not None]
    if next(model.buffers(), None) is not None or not all(isinstance(one, KNOWN) for one in owners):
        return False
    with torch.no_grad():
        counts = _counted(model, batch)
    return bool(counts) and float(np.mean(counts)) < ARITHMETIC


def _counted(model: nn.Module, batch: Any) -> list[float]:
    """Multiplications of every call of a linear layer in one pass."""
    found: list[float] = []
    hooks = [
        one.register_forward_hook(lambda layer, given, _: found.append(given[0].numel() * layer.out_features))
        for one in model.modules()
        if isinstance(one, nn.Linear)
    ]
    outputs_of(model, pair_of(batch)[0])
    for hook in hooks:
        hook.remove()
    return found


def _agree(problem: Problem, models: Sequence[nn.Module], batches: Sequence[Any]) -> bool:
    """Losses and gradients of two networks, together and each alone; and a pass that leaves no trace."""
    before, states = form_of(models[0]), random_states()
    stack = Stack.of(models)
    losses = stack.losses(problem, batches)
    losses.sum().backward()  # type: ignore[no-untyped-call]
    for place, (model, batch) in enumerate(zip(models, batches, strict=True)):
        loss, _, _ = problem.loss_on(model, batch)
        loss.backward()  # type: ignore[no-untyped-call]
        if not _close(losses[place].detach(), loss.detach()) or not all(
            _close(_row(stack.parameters[name].grad, place), p.grad) for name, p in model.named_parameters()
        ):
            return False
    return before == form_of(models[0]) and _same(states, random_states())


def _row(value: Tensor | None, place: int) -> Tensor | None:
    return None if value is None else value[place]


def _close(one: Tensor | None, other: Tensor | None) -> bool:
    if one is None or other is None:
        return all(value is None or not bool(value.any()) for value in (one, other))
    return bool((one - other).abs().max() <= TOLERANCE * other.abs().max())


def _same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return content_hash(dict(one)) == content_hash(dict(other))


@dataclass(frozen=True)
class Stack:
    """Parameters of several networks of one form, stacked, and one of them to be called with them."""

    model: nn.Module
    parameters: dict[str, Tensor]
    places: dict[str, str]
    """Of every place of a parameter, its name: two layers may share one."""

    @classmethod
    def of(cls, models: Sequence[nn.Module]) -> Stack:
        """The networks' parameters, copied."""
        named = [dict(model.named_parameters()) for model in models]
        parameters = {
            name: torch.stack([one[name].detach() for one in named]).requires_grad_(first.requires_grad)
            for name, first in named[0].items()
        }
        return cls(models[0], parameters, _places(models[0]))

    def losses(self, problem: Problem, batches: Sequence[Any]) -> Tensor:
        """The loss of each network on its own batch."""

        def one(parameters: dict[str, Tensor], batch: Any) -> Tensor:
            return problem.loss_on(self._with(parameters), batch)[0]

        found: Tensor = vmap(one)(self.parameters, stacked(batches))
        return found

    def outputs(self, batch: Any) -> list[Any]:
        """What each network gives for the same batch."""

        def one(parameters: dict[str, Tensor], batch: Any) -> Any:
            return outputs_of(self._with(parameters), pair_of(batch)[0])

        found = vmap(one, in_dims=(0, None))(self.parameters, batch)
        count = len(next(iter(self.parameters.values())))
        return [pytree.tree_map_only(Tensor, lambda value: value[place], found) for place in range(count)]  # noqa: B023

    def _with(self, parameters: Mapping[str, Tensor]) -> Any:
        """The network with these parameters, to be called.

        Torch's own way of tying ends with a vmapped tensor in a module that has two names.
        """
        placed = {place: parameters[name] for place, name in self.places.items()}
        return lambda *inputs, **named: functional_call(self.model, placed, inputs, named, tie_weights=False)


def _places(model: nn.Module) -> dict[str, str]:
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    every = (
        (f"{path}.{name}".lstrip("."), parameter)
        for path, one in model.named_modules()
        for name, parameter in one.named_parameters(recurse=False)
    )
    return {place: names[id(parameter)] for place, parameter in every}


def stacked(batches: Sequence[Any]) -> Any:
    """Batches of one form as one, along a new first axis."""
    return pytree.tree_map(
        lambda *parts: torch.stack(parts) if isinstance(parts[0], Tensor) else parts[0], *batches
    )


@dataclass
class Row:
    """What one run has come to."""

    losses: NDArray[np.float64]
    at: list[int] = field(default_factory=list)
    scores: list[Scored] = field(default_factory=list)
    ended: int = -1
    """The update whose loss was no number."""
    error: TrialError | None = None

    def noted(self, step: int, loss: float) -> None:
        """The loss before this update, unless the run is over."""
        if self.ended < 0:
            self.losses[step] = loss
            self.ended = -1 if math.isfinite(loss) else step

    def judged(self, step: int, score: Callable[[], Scored]) -> None:
        """The judge's word after so many updates; one that raises costs this run alone."""
        if self.ended >= 0 or self.error is not None:
            return
        try:
            self.scores.append(score())
            self.at.append(step)
        except TrialError as error:
            self.error = error


def trained_together(problem: Problem, jobs: Sequence[Job]) -> dict[Job, Arrays | TrialError]:
    """What comes of jobs of one optimizer and rate; those that are left out are for each alone."""
    models = {job: model for job in jobs if (model := _network(problem, job)) is not None}
    try:
        return _trained(problem, models) if models else {}
    except Exception:  # alone, each says what is wrong with it
        return {}


def _network(problem: Problem, job: Job) -> nn.Module | None:
    """The network of one job, started; None where its start fails, changes its form or has its own rates."""
    try:
        model, said = started(problem, job, next(problem.data.stream(job.seed)))
    except Exception:
        return None
    return model.train() if form_of(model) == problem.form and not own_rates(said) else None


def _trained(problem: Problem, models: Mapping[Job, nn.Module]) -> dict[Job, Arrays | TrialError]:
    jobs, stack = list(models), Stack.of(list(models.values()))
    streams = {job.seed: problem.data.stream(job.seed) for job in jobs}
    rows = [Row(np.full(problem.steps, np.nan)) for _ in jobs]
    optimizer = optimizer_of(
        problem, jobs[0], [one for one in stack.parameters.values() if one.requires_grad]
    )
    validation, looks = problem.validation(), judged_at(problem.steps)
    _judge(problem, stack, validation, rows, 0)
    for step in range(problem.steps):
        batches = {seed: next_of(stream, step, problem.steps) for seed, stream in streams.items()}
        losses = stack.losses(problem, [batches[job.seed] for job in jobs])
        for row, loss in zip(rows, losses.tolist(), strict=True):
            row.noted(step, loss)
        if all(row.ended >= 0 for row in rows):
            break
        _updated(optimizer, losses)
        if step + 1 in looks:
            _judge(problem, stack, validation, rows, step + 1)
    return {job: row.error or _arrays(row) for job, row in zip(jobs, rows, strict=True)}


def _updated(optimizer: torch.optim.Optimizer, losses: Tensor) -> None:
    """Each network by its own gradient: the sum's is that of each, and one that is lost is nobody else's."""
    optimizer.zero_grad(set_to_none=True)
    losses.sum().backward()  # type: ignore[no-untyped-call]
    optimizer.step()


@torch.no_grad()
def _judge(problem: Problem, stack: Stack, batches: Sequence[Any], rows: Sequence[Row], step: int) -> None:
    with evaluating(stack.model):
        given = [stack.outputs(batch) for batch in batches]
    for place, row in enumerate(rows):
        row.judged(step, lambda: _score(problem, [outputs[place] for outputs in given], batches))  # noqa: B023


def _score(problem: Problem, outputs: Sequence[Any], batches: Sequence[Any]) -> Scored:
    targets = [pair_of(batch)[1] for batch in batches]
    pairs = list(zip(outputs, targets, strict=True))
    return scored(problem, [(loss_of(problem.loss, *pair), *pair) for pair in pairs], batches)


def _arrays(row: Row) -> Arrays:
    return numbers(row.losses, row.at, row.scores, row.ended if row.ended >= 0 else len(row.losses) - 1)

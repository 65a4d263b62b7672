"""How good a model is on held-out batches: its loss, and the metric asked for."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from isogain.checking import shown
from isogain.errors import TrialError
from isogain.torch.call.calling import batch_of
from isogain.torch.call.guard import random_states, seeded, set_random_states
from isogain.torch.trial.batches import pair_of
from isogain.torch.trial.problem import Measure, Problem

__all__ = ["Scored", "evaluating", "score", "scored"]

Tensor = torch.Tensor
Scored = tuple[float, float]
"""Loss and metric."""


@torch.no_grad()
def score(problem: Problem, model: nn.Module, batches: Sequence[Any]) -> Scored:
    """(loss, metric) over all of these batches, the model in evaluation mode; mode and random state as
    before.

    A metric of tensors sees the outputs of all batches at once; of anything else it is averaged by examples.
    """
    with evaluating(model):
        seen = [problem.loss_on(model, batch) for batch in batches]
    return scored(problem, seen, batches)


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """A model as it is when it is judged, random numbers from a seed of their own; then as before."""
    states = random_states()
    model.eval()
    seeded(0)
    try:
        yield
    finally:
        set_random_states(states)
        model.train()


def scored(problem: Problem, seen: Sequence[tuple[Tensor, Any, Any]], batches: Sequence[Any]) -> Scored:
    """(loss, metric) of what a model gave: loss, output and target of each batch."""
    sizes = [batch_of((pair_of(batch)[0],), {}) for batch in batches]
    loss = _mean([float(value) for value, _, _ in seen], sizes)
    if problem.measure.function is None:
        return loss, loss
    return loss, _metric(problem.measure, [(output, target) for _, output, target in seen], sizes)


def _metric(measure: Measure, pairs: Sequence[tuple[Any, Any]], sizes: Sequence[int]) -> float:
    if all(isinstance(part, Tensor) and part.dim() > 0 for pair in pairs for part in pair):
        outputs, targets = zip(*pairs, strict=True)
        if not all(bool(one.isfinite().all()) for one in outputs):
            return math.nan
        return _asked(measure, torch.cat(outputs), torch.cat(targets))
    return _mean([_asked(measure, *pair) for pair in pairs], sizes)


def _asked(measure: Measure, output: Any, target: Any) -> float:
    assert measure.function is not None
    try:
        value = measure.function(output, target)
    except Exception as error:
        raise TrialError(f"the metric raised {type(error).__name__}: {error}") from error
    try:
        return float(value)
    except (TypeError, ValueError, RuntimeError):
        shaped = isinstance(value, Tensor) and value.dim() > 0
        got = f"a tensor of shape {tuple(value.shape)}" if shaped else shown(value)
        raise TrialError(f"the metric must give one number, got {got}") from None


def _mean(values: Sequence[float], sizes: Sequence[int]) -> float:
    return sum(value * size for value, size in zip(values, sizes, strict=True)) / sum(sizes)

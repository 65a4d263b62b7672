"""A hundred steps from each start, on the same batches: what no inspection can replace."""

from __future__ import annotations

import math
from statistics import mean, stdev
from typing import Any

import torch

import isogain.torch as igt
from survey.checking import STARTS, fresh, loss_of, own_loss, seed_all
from survey.models import Model

STEPS, WARM, RATE = 100, 10, 1e-3
Record = dict[str, Any]


def train(model: Model, start: str, seed: int) -> Record:
    """The loss at the start and at the end (mean of the last ten steps); AdamW, 1e-3 after ten steps."""
    module = fresh(model, seed)
    given, loss = model.task(0)
    drew = False
    if start != "own":
        drew = not igt.init_(module, given, seed=seed, loss=loss or own_loss, **STARTS[start]).left
        if not drew:
            return {"drew": False}
    optimizer = torch.optim.AdamW((p for p in module.parameters() if p.requires_grad), RATE)
    ramp = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / WARM))
    losses = []
    seed_all(100 + seed)
    for step in range(STEPS):
        value = loss_of(module, model.task(1 + step))
        losses.append(float(value.detach()))
        if not math.isfinite(losses[-1]):
            break
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        ramp.step()
    done = len(losses) == STEPS and math.isfinite(losses[-1])
    return {"drew": drew, "first": losses[0], "last": mean(losses[-10:]) if done else math.inf}


def compared(own: list[float], ours: list[float]) -> str:
    """better, level or worse: apart by more than two standard errors and by 5 % of the loss."""
    if not all(map(math.isfinite, ours)):
        return "diverged" if all(map(math.isfinite, own)) else "level"
    apart = mean(ours) - mean(own)
    error = math.sqrt(sum(stdev(values) ** 2 / len(values) for values in (own, ours) if len(values) > 1))
    if abs(apart) <= max(2 * error, 0.05 * abs(mean(own))):
        return "level"
    return "worse" if apart > 0 else "better"

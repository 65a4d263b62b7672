"""Whatever `trial` is given, it takes it or raises one of isogain's own errors, and promptly."""

from __future__ import annotations

from functools import cache

import pytest
import torch
from torch import nn

import isogain.torch as igt
from argument_calls import ODD, Spoiled, Subject, judge

GOOD = {
    "build": lambda: nn.Linear(3, 2), "data": (torch.randn(12, 3), torch.arange(12) % 2), "starts": ("own", "zeros"),
    "loss": "cross_entropy", "optimizers": "sgd", "rates": 0.1, "steps": 1, "seeds": 1, "metric": "loss", "budget": 0,
    "lower_is_better": None, "validation": None, "batch_size": 4, "confidence": 0.95, "backend": "loky", "workers": 1,
    "address": None, "device": None, "threads": 1, "inspect": False, "name": None, "progress": False,
}  # fmt: skip


def kept_nowhere(**given):
    return igt.trial(**given, results=None)


@cache
def nothing_tried():
    return igt.trial(**GOOD, results=None)


def objective(**given):
    return nothing_tried().objective(**given)


SUBJECTS = (
    Subject("trial", kept_nowhere, GOOD),
    Subject("objective", objective, {"start": "own", "rate": 0.1, "seed": 0, "optimizer": None}),
)


@pytest.mark.parametrize(
    ("subject", "name"),
    [(one, name) for one in SUBJECTS for name in one.good],
    ids=lambda one: getattr(one, "name", one),
)
@pytest.mark.filterwarnings("ignore")
def test_an_argument_is_taken_or_refused_by_name(subject, name):
    subject.call(**subject.good)
    for odd in ODD:
        judge(Spoiled(subject, {**subject.good, name: odd}))

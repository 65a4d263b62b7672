"""Runs made as one computation are those that each makes alone, and do not notice their company."""

from __future__ import annotations

import random
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import isogain.torch as igt
from isogain.torch.trial.batches import source_of
from isogain.torch.trial.optimizers import optimizers_of
from isogain.torch.trial.performing import gathered, perform
from isogain.torch.trial.problem import Problem, Start, measure_of, named_loss
from isogain.torch.trial.running import Job, trained
from isogain.torch.trial.together import common_form, trained_together
from trial_problems import CLASSES, FEATURES, deep, examples, shallow, small

JOBS = [Job("train", start, seed, 0, 0.05) for start in range(3) for seed in (0, 1, 4)]


def problem(build=shallow, data=None, optimizer="adam", **more):
    """With the form of its networks, where they have one."""
    starts = (Start("own", "own"), Start("he", "he_normal"), Start("small", small))
    settings = {
        "build": build, "data": source_of(data or examples(), 32), "judged_by": None,
        "loss": named_loss("cross_entropy"), "measure": measure_of("accuracy", None), "steps": 12,
        "starts": starts, "optimizers": optimizers_of(optimizer), **more,
    }  # fmt: skip
    asked = Problem(**settings)
    return replace(asked, form=common_form(asked, 0))


class Residual(nn.Module):
    """Layers of one's own, a norm, frozen and shared parameters."""

    def __init__(self, width=16, scale=0.5):
        super().__init__()
        self.into, self.norm = nn.Linear(FEATURES, width), nn.LayerNorm(width)
        self.inner, self.out = nn.Linear(width, width), nn.Linear(width, CLASSES)
        self.again, self.scale = self.inner, scale
        self.norm.bias.requires_grad_(False)

    def forward(self, x):
        x = self.into(x)
        for layer in (self.inner, self.again):
            x = x + self.scale * torch.tanh(layer(self.norm(x)))
        return self.out(x)


@pytest.mark.parametrize("build", [shallow, deep, Residual])
@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adam", "adamw", "rmsprop", torch.optim.NAdam])
def test_the_numbers_are_those_of_each_run_alone(build, optimizer):
    asked = problem(build, optimizer=optimizer)
    assert asked.form
    found = trained_together(asked, JOBS)
    assert set(found) == set(JOBS)
    for job in JOBS:
        alone = trained(asked, job)
        for name, values in alone.items():
            assert found[job][name] == pytest.approx(values, rel=2e-3, abs=2e-4), (job, name)


def test_a_run_has_the_same_bits_in_any_company():
    asked = problem(deep)
    whole = trained_together(asked, JOBS)
    for company in ([JOBS[4]], [JOBS[4], JOBS[0]], JOBS[2:7]):
        found = trained_together(asked, company)[JOBS[4]]
        assert all(found[name].tobytes() == values.tobytes() for name, values in whole[JOBS[4]].items())


def test_a_run_that_diverges_stops_and_the_others_do_not_notice():
    def exploding(model, seed):
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.fill_(1e20)

    starts = (Start("own", "own"), Start("he", "he_normal"), Start("exploding", exploding))
    asked, sound = replace(problem(optimizer="sgd"), starts=starts), [job for job in JOBS if job.start < 2]
    found, without = trained_together(asked, JOBS), trained_together(asked, sound)
    for job in JOBS:
        if job.start == 2:
            assert found[job]["diverged_at"] == trained(asked, job)["diverged_at"] >= 0
            assert np.isnan(found[job]["loss"]).tolist() == np.isnan(trained(asked, job)["loss"]).tolist()
        else:
            assert found[job]["loss"].tobytes() == without[job]["loss"].tobytes()


class Counting(nn.Module):
    """Has a state that is no parameter."""

    def __init__(self):
        super().__init__()
        self.inner, self.calls = shallow(), 0

    def forward(self, x):
        self.calls += 1
        return self.inner(x)


class Drawing(nn.Module):
    """Draws in its pass, from Python's random numbers, which vmap does not see."""

    def __init__(self):
        super().__init__()
        self.inner = shallow()

    def forward(self, x):
        return self.inner(x) * (1 + random.random())


class Branching(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = shallow()

    def forward(self, x):
        return self.inner(x) if x.sum() > 0 else -self.inner(x)


class Fated(nn.Module):
    """Each has a number of its own."""

    def __init__(self):
        super().__init__()
        self.inner, self.factor = shallow(), torch.rand(()).item()

    def forward(self, x):
        return self.inner(x) * self.factor


def with_(layer):
    return lambda: nn.Sequential(nn.Linear(FEATURES, 16), layer(), nn.Linear(16, CLASSES))


@pytest.mark.parametrize(
    "build",
    [
        Counting, Drawing, Branching, Fated, with_(partial(nn.Dropout, 0.5)), with_(partial(nn.BatchNorm1d, 16)),
        lambda: nn.Sequential(nn.Linear(FEATURES, 1024), nn.Linear(1024, 1024), nn.Linear(1024, CLASSES)),
    ],
)  # fmt: skip
def test_what_is_no_plain_function_of_parameters_or_multiplies_much_runs_alone(build):
    assert not problem(build).form


def test_an_optimizer_that_looks_at_whole_tensors_and_data_that_pass_by_run_alone():
    assert not problem(optimizer=lambda parameters, lr: torch.optim.Adafactor(parameters, lr=lr)).form
    assert not problem(data=DataLoader(TensorDataset(*examples()), batch_size=32)).form
    assert problem(data=DataLoader(TensorDataset(*examples()), batch_size=32, shuffle=True)).form


def test_starts_that_fail_or_bring_rates_of_their_own_are_left_to_themselves():
    def broken(model, seed):
        raise RuntimeError("no such thing")

    starts = (Start("own", "own"), Start("broken", broken), Start("mup", "mup"))
    found = trained_together(replace(problem(), starts=starts), JOBS)
    assert {job.start for job in found} == {0}


def test_a_metric_that_raises_for_one_run_costs_that_run():
    calls = []

    def moody(outputs, targets):
        calls.append(1)
        if len(calls) == 15:
            raise RuntimeError("not today")
        return 0.5

    asked = replace(problem(), measure=measure_of(moody, None))
    done = perform(asked, tuple(JOBS))
    assert ["not today" in one.error for one in done].count(True) == 1


def test_runs_of_one_start_and_seed_are_judged_once_before_training():
    asked = problem(with_(partial(nn.Dropout, 0.5)))
    jobs = [Job("train", 1, 3, 0, rate) for rate in (0.01, 0.1)]
    shared = perform(asked, tuple(jobs))
    for job, done in zip(jobs, shared, strict=True):
        alone = trained(asked, job)
        assert all(done.arrays[name].tobytes() == values.tobytes() for name, values in alone.items())


def test_parts_keep_every_job_once_and_every_worker_busy():
    jobs = [Job("train", s, seed, 0, r) for seed in range(3) for r in (0.1, 0.2, 0.3, 0.4) for s in range(6)]
    for together in (True, False):
        for width in (1, 2, 16, 100):
            for bounded in (True, False):
                parts = gathered(jobs, together, width, bounded)
                assert sorted(map(repr, jobs)) == sorted(repr(job) for part in parts for job in part)
                assert len(parts) >= min(width, len(jobs) // 2)
    assert all(len(part) == 1 for part in gathered(jobs, False, 2, True))


def test_a_trial_together_says_what_one_alone_says():
    """Data that pass by are never together: the same examples as a function's batches."""
    source = source_of(examples(), 64)
    settings = {
        "loss": "cross_entropy", "rates": (0.003, 0.03), "steps": 15, "seeds": 3, "workers": 1, "results": None,
        "progress": False,
    }  # fmt: skip
    found = igt.trial(shallow, examples(), ("own", "he_normal"), **settings)
    alone = igt.trial(shallow, source.stream, ("own", "he_normal"), validation=examples(), **settings)
    keyed = {(run.start, run.rate, run.seed): run for run in alone.runs}
    for run in found.runs:
        assert run.losses == pytest.approx(keyed[run.start, run.rate, run.seed].losses, rel=1e-3)

"""The Monitor on learning rates: named where they are too high, with one that fits; trained weights stay."""

from __future__ import annotations

import copy
import math
import re

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

import isogain.torch as igt  # noqa: E402
from rate_networks import classes, cross_entropy, deep  # noqa: E402

X, LABELS = classes()
LOSS = cross_entropy(LABELS)
pytestmark = pytest.mark.usefixtures("one_thread")


def watched(model, optimizer, steps=9, told=True):
    """A plain loop with a Monitor; the findings' lists by step."""
    monitor = igt.Monitor(model, X, LOSS, optimizer=optimizer if told else None)
    generator = torch.Generator().manual_seed(0)
    for _ in range(steps):
        chosen = torch.randint(0, len(X), (64,), generator=generator)
        optimizer.zero_grad()
        F.cross_entropy(model(X[chosen]), LABELS[chosen]).backward()
        optimizer.step()
        monitor.step()
    return {one.step: one.report.findings for one in monitor.snapshots}


def of_rate(found):
    return [f for findings in found.values() for f in findings if f.code == "rate-too-high"]


@pytest.mark.parametrize(("kind", "usual"), [(torch.optim.SGD, 1.0), (torch.optim.AdamW, 0.03)])
def test_a_rate_far_too_high_is_named_with_one_that_fits(kind, usual):
    model = deep(12)
    igt.init_(model, X)
    middle = igt.rate_range(model, X, LOSS, kind).middle
    start = copy.deepcopy(model.state_dict())
    found = of_rate(watched(model, kind(model.parameters(), lr=usual)))
    assert found
    assert found[0].severity == "critical"
    assert "the learning rate is too high" in found[0].why
    factor = float(re.search(r"\*= ([0-9.e+-]+)", found[0].fix)[1])
    assert usual * factor < usual / 3
    model.load_state_dict(start)
    again = watched(model, kind(model.parameters(), lr=middle))
    assert not of_rate(again)


def test_without_the_optimizer_the_factor_alone_is_told():
    model = deep(12)
    igt.init_(model, X)
    found = of_rate(watched(model, torch.optim.SGD(model.parameters(), lr=20.0), 2, told=False))
    assert found
    assert "->" not in found[0].why
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    exec(found[0].fix, {"optimizer": optimizer})
    assert optimizer.param_groups[0]["lr"] < 0.5


@pytest.mark.parametrize("depth", [2, 12])
def test_usual_rates_are_left_in_peace(depth):
    model = deep(depth)
    igt.init_(model, X)
    for kind in (torch.optim.SGD, torch.optim.AdamW):
        middle = igt.rate_range(model, X, LOSS, kind).middle
        for factor in (0.1, 1.0):
            twin = copy.deepcopy(model)
            assert not of_rate(watched(twin, kind(twin.parameters(), lr=middle * factor), 17))


def test_trained_weights_are_never_to_be_drawn_anew():
    """Default starts of 16 layers have findings before training; later they stay, and say where they are from."""
    model = deep(16)
    found = watched(model, torch.optim.SGD(model.parameters(), lr=1e-3), 4)
    assert found[0]
    assert any(finding.fix for finding in igt.inspect(deep(16), X, LOSS).findings)
    later = [finding for step, findings in found.items() if step for finding in findings]
    assert later
    assert not any(finding.fix for finding in later)
    known = {finding.key for finding in found[0]}
    told = {True: "there since the start", False: "not there at the start"}
    assert all(told[finding.key in known] in finding.why for finding in later)
    assert known & {finding.key for finding in later}


def test_what_training_made_says_so():
    model = deep(3)
    igt.init_(model, X)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    monitor = igt.Monitor(model, X, LOSS, optimizer=optimizer)
    with torch.no_grad():
        model[0].bias.sub_(100)  # every unit off
    monitor.step()
    (dead,) = (f for f in monitor.snapshots[-1].report.findings if f.code == "dead-units")
    assert "step 1 of training" in dead.why
    assert dead.fix == ""


def test_the_model_is_as_the_step_left_it():
    model = nn.Sequential(nn.Linear(32, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=100.0)
    monitor = igt.Monitor(model, X, LOSS, optimizer=optimizer)
    F.cross_entropy(model(X), LABELS).backward()
    optimizer.step()
    before = copy.deepcopy(model.state_dict())
    snapshot = monitor.step()
    assert any(f.code == "rate-too-high" for f in snapshot.report.findings)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert math.isfinite(snapshot.update_to_data["0.weight"])

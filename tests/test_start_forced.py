"""A start that is asked for stays, unless the same few steps come much further from the model's own."""

from __future__ import annotations

import copy
import re

import pytest
import torch

import isogain.torch as igt
from isogain.core.initializers import Zeros
from isogain.torch.start.planning import planned
from isogain.torch.start.settling import with_settled
from test_start_quiet import KINDS


def case(seed):
    make, width, loss = KINDS["stacked"]
    torch.manual_seed(seed)
    return make(), torch.randn(96, width), loss


def by_hand(model, x, loss):
    """The mean of the last three losses of thirty steps of Adam, counted after each."""
    model, losses = copy.deepcopy(model), []
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    for _ in range(30):
        optimizer.zero_grad()
        loss(model(x)).backward()
        optimizer.step()
        losses.append(loss(model(x)).item())
    return sum(losses[-3:]) / 3


def same(model, other):
    return all(torch.equal(a, b) for a, b in zip(model.parameters(), other.parameters(), strict=True))


def test_one_that_falls_behind_is_put_back_and_both_losses_are_said():
    model, x, loss = case(1)
    own, drawn = copy.deepcopy(model), copy.deepcopy(model)
    igt.init_(drawn, x, seed=1, keep_healthy=False)
    assert by_hand(drawn, x, loss) > 1.25 * by_hand(own, x, loss)
    receipt = igt.init_(model, x, seed=1, loss=loss, rates=False, keep_healthy=False)
    assert not receipt.written
    assert same(model, own)
    told = float(re.search(r"from its own to ([\d.]+)", receipt.left)[1])
    assert told == pytest.approx(by_hand(own, x, loss), rel=1e-3)


@pytest.mark.parametrize("asked", [{"loss": None}, {"recipe": "mup"}])
def test_without_a_loss_or_with_a_recipe_it_is_drawn_all_the_same(asked):
    model, x, loss = case(1)
    own = copy.deepcopy(model)
    receipt = igt.init_(model, x, seed=1, rates=False, keep_healthy=False, **{"loss": loss, **asked})
    assert receipt.written
    assert not receipt.left
    assert not same(model, own)


def test_one_drawn_before_is_drawn_again():
    model, x, loss = case(0)
    assert igt.init_(model, x, seed=0, loss=loss, rates=False, keep_healthy=False).written
    assert igt.init_(model, x, seed=1, loss=loss, rates=False, keep_healthy=False).written


def test_one_that_ruins_the_model_is_put_back(monkeypatch):
    """A plan that writes zeros into the first weight, as a wrong rule might: nothing passes any more."""

    def wrong(*args, **options):
        made, scene = planned(*args, **options)
        return with_settled(made, {"0.weight": (Zeros(), "wrong")}, frozenset()), scene

    monkeypatch.setattr("isogain.torch.start.starting.planned", wrong)
    torch.manual_seed(0)
    layers = [part for _ in range(3) for part in (torch.nn.Linear(16, 16), torch.nn.ReLU())]
    model, x = torch.nn.Sequential(*layers, torch.nn.Linear(16, 1)), torch.randn(64, 16)
    own = copy.deepcopy(model)
    receipt = igt.init_(model, x, loss=lambda o: o.square().mean(), rates=False, keep_healthy=False)
    assert "critical" in receipt.left
    assert not receipt.written
    assert (receipt.verdict_before, igt.inspect(model, x).verdict) == ("healthy", "healthy")
    assert same(model, own)

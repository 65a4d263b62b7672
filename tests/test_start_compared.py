"""The better start stays: the model's own, or the plan's."""

from __future__ import annotations

import copy

import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

import isogain.torch as igt  # noqa: E402
from isogain.torch.start import starting  # noqa: E402
from plan_networks import mlp  # noqa: E402

pytestmark = pytest.mark.usefixtures("seed_0_in_one_thread")


def unchanged(model, before):
    return all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def he(model):
    for layer in model.modules():
        if isinstance(layer, nn.Linear):
            nn.init.kaiming_normal_(layer.weight)
            nn.init.zeros_(layer.bias)
    return model


def test_a_needed_start_that_depth_does_not_hurt_is_left_alone():
    """Ten ReLU layers ask for a start of their own; He's is one, PyTorch's default is not."""
    x = torch.randn(256, 32)
    model = he(mlp(nn.ReLU, depth=10, width=256))
    nn.init.normal_(model[-1].weight, 0, 0.02)
    before = copy.deepcopy(model.state_dict())
    receipt = igt.init_(model, x)
    assert receipt.plan.needed
    assert "healthy" in receipt.left
    assert unchanged(model, before)
    assert not igt.init_(mlp(nn.ReLU, depth=10, width=256), x).left


@pytest.mark.parametrize("depth", [40, 100])
def test_deep_plain_stacks_are_drawn_and_not_inspected(depth, monkeypatch):
    """Where both passes show it, nothing more is run: neither start needs an inspection."""
    monkeypatch.setattr(starting, "inspect", lambda *_: pytest.fail("inspected"))
    receipt = igt.init_(mlp(nn.ReLU, depth=depth, width=64, inputs=64), torch.randn(128, 64))
    assert len(receipt.written) == 2 * depth


def test_a_loss_that_more_than_doubles_puts_the_own_start_back():
    """The target is nearly what the model gives already; outputs of size .3 cost thirty times as much."""
    model, x = mlp(nn.ReLU, depth=6, width=64), torch.randn(128, 32)
    with torch.no_grad():
        target = model(x) + 0.05 * torch.randn(128, 10)
    before = copy.deepcopy(model.state_dict())
    receipt = igt.init_(model, x, loss=lambda out: (out - target).square().mean())
    assert "loss of" in receipt.left
    assert unchanged(model, before)
    other = mlp(nn.ReLU, depth=6, width=64)
    assert not igt.init_(other, x, loss=lambda out: nn.functional.mse_loss(out, 5 + target)).left


class Sick(nn.Module):
    """Divides by how far the weights are from their own: any other are none."""

    def __init__(self):
        super().__init__()
        self.stack = mlp(nn.Tanh, depth=12)
        self.register_buffer("own", self.stack[0].weight.detach().clone())

    def forward(self, x):
        return self.stack(x) / (torch.equal(self.own, self.stack[0].weight))


@pytest.mark.parametrize("keep_healthy", [True, False])
def test_what_is_not_finite_never_stays(keep_healthy):
    model, x = Sick(), torch.randn(64, 32)
    before = copy.deepcopy(model.state_dict())
    receipt = igt.init_(model, x, keep_healthy=keep_healthy)
    assert receipt.left
    assert not receipt.written
    assert unchanged(model, before)
    assert bool(model(x).isfinite().all())


def test_what_mends_nothing_is_not_drawn():
    """An output that is the same for every sample, whatever the weights say."""

    class Deaf(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.norm, self.two = nn.Linear(8, 16), nn.LayerNorm(16), nn.Linear(16, 4)

        def forward(self, x):
            return self.two(self.norm(self.one(torch.zeros_like(x) * x)))

    model, x = Deaf(), torch.randn(32, 8)
    assert igt.inspect(model, x).verdict != "healthy"
    before = copy.deepcopy(model.state_dict())
    assert igt.init_(model, x).left
    assert unchanged(model, before)


class Summed(nn.Module):
    """A function of sets: points by one network, their sum by another; drawn biases hide what weights lose."""

    def __init__(self):
        super().__init__()
        self.point = nn.Sequential(nn.Linear(3, 32), nn.ReLU(), nn.Linear(32, 32))
        self.whole = nn.Sequential(nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, points):
        return self.whole(self.point(points).sum(1) / 20**0.5)


def farthest():
    points = torch.randn(96, 20, 3, generator=torch.Generator().manual_seed(1))
    far = points.norm(dim=2).amax(1, keepdim=True)
    return points, lambda answers: (answers - (far - far.mean()) / far.std()).square().mean()


def test_a_healthy_start_that_depth_alone_speaks_against_is_overtaken_or_stays():
    points, loss = farthest()
    model = Summed()
    before = copy.deepcopy(model.state_dict())
    receipt = igt.init_(model, points, loss=loss)
    assert "a short run from the plan's start comes to" in receipt.left
    assert unchanged(model, before)
    assert not igt.init_(Summed(), points).left  # without a loss there is nothing to run


def test_a_deep_start_that_a_short_run_overtakes_is_drawn():
    model, x = mlp(nn.ReLU, depth=12, width=64), torch.randn(128, 32)
    labels = x[:, :4].argmax(1)
    receipt = igt.init_(model, x, loss=lambda out: nn.functional.cross_entropy(out, labels))
    assert not receipt.left
    assert len(receipt.written) >= 12

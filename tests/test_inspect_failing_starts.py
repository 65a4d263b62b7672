"""Starts that fail though nothing in them is loud: zeros in front of zeros, other losses' scales, narrow stacks."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

import isogain.torch as igt  # noqa: E402


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def grave(model, inputs, loss):
    return [one for one in igt.inspect(model, inputs, loss).findings if one.severity != "info"]


def quiet(layer, std):
    nn.init.normal_(layer.weight, std=std)
    nn.init.zeros_(layer.bias)
    return layer


@pytest.mark.parametrize("bend", [torch.sigmoid, lambda h: h.softmax(1)], ids=["sigmoid", "softmax"])
def test_zeros_in_front_of_zeros_stay_one_unit(bend):
    """A start that must be told: what is not 0 behind its activation gets its readers going, all alike."""

    class Zeros(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.offset = nn.Parameter(torch.zeros(144, 32)), nn.Parameter(torch.zeros(32))
            self.last, self.end = nn.Parameter(torch.zeros(32, 10)), nn.Parameter(torch.zeros(10))

        def forward(self, x):
            return bend(x @ self.first + self.offset) @ self.last + self.end

    model, inputs, target = Zeros(), torch.randn(40, 144), torch.arange(40) % 10
    found = igt.inspect(model, inputs, lambda a: F.cross_entropy(a, target)).findings[0]
    assert (found.code, found.severity) == ("symmetric-units", "critical")
    assert "first" in found.paths
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)  # Adam makes steps of mere rounding
    for _ in range(50):
        optimizer.zero_grad()
        F.cross_entropy(model(inputs), target).backward()
        optimizer.step()
    assert (model.first - model.first[:, :1]).abs().max() < 1e-5  # the oracle: one unit for ever


def test_uncertainties_that_dwarf_the_losses_they_weigh():
    """Weights of a head of e's exponents, under losses of single numbers (He et al. 2019)."""

    class Box(nn.Module):
        def __init__(self, std) -> None:
            super().__init__()
            self.body = nn.Sequential(nn.Linear(12, 64), nn.ReLU())
            self.box, self.alpha = nn.Linear(64, 4), quiet(nn.Linear(64, 4), std)

        def forward(self, x):
            h = self.body(x)
            return self.box(h), self.alpha(h)

    target = torch.randn(32, 4)

    def loss(made):
        missed = F.smooth_l1_loss(made[0], target, reduction="none")
        return (torch.exp(-made[1]) * missed + 0.5 * made[1]).mean() + 3.0

    for std, told in ((1e-4, False), (8.0, True)):
        found = {one.code for one in grave(Box(std), torch.randn(32, 12), loss)}
        assert ("initial-loss" in found) == told


def test_a_stack_too_narrow_for_its_depth_may_stray_only_so_far():
    """By chance alone 30 layers of three units may lose nine decades; training does not bear five."""
    layers = [nn.Linear(2, 3), nn.ReLU()]
    for _ in range(29):
        layers += [nn.Linear(3, 3), nn.ReLU()]
    model = nn.Sequential(*layers, nn.Linear(3, 2))
    for layer in model[:-1:2]:
        nn.init.zeros_(layer.bias)
        nn.init.uniform_(layer.weight, 0.2, 0.26)  # none is ever off
    target = torch.randn(64, 2)
    found = grave(model, torch.rand(64, 2), lambda a: F.mse_loss(a, target))
    assert "vanishing-forward" in {one.code for one in found}

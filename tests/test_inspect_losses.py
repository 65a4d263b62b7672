"""Losses: the one that is differentiated is judged, and what it computes is no layer of the model."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402
from torch.nn import functional  # noqa: E402

import isogain.torch as igt  # noqa: E402


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


class Detector(nn.Module):
    """A small dense head: one logit for each place and class."""

    def __init__(self, bias=None, std=None):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 64, 3, 2, 1), nn.BatchNorm2d(64), nn.ReLU())
        self.head = nn.Conv2d(64, 40, 1)
        if std:
            nn.init.normal_(self.head.weight, std=std)
        if bias is not None:
            nn.init.constant_(self.head.bias, bias)

    def forward(self, x):
        return self.head(self.body(x)).flatten(1)


X = drawn(4, 3, 32, 32)
WANTED = (torch.rand(4, 40 * 256, generator=torch.Generator().manual_seed(1)) < 4e-4).float()


def focal(logits):
    p = logits.sigmoid()
    cost = functional.binary_cross_entropy_with_logits(logits, WANTED, reduction="none")
    right = p * WANTED + (1 - p) * (1 - WANTED)
    return ((1 - right) ** 2 * cost).sum() / WANTED.sum()


def plain(logits):
    """The same without torch's own loss functions."""
    cost = functional.softplus(logits) - logits * WANTED
    return cost.sum() / WANTED.sum()


@pytest.mark.parametrize("loss", [focal, plain], ids=["focal", "by hand"])
def test_a_missing_prior_is_found_and_the_fix_is_the_prior(loss):
    torch.manual_seed(0)
    model = Detector()
    finding = next(f for f in igt.inspect(model, X, loss).findings if f.code == "initial-loss")
    assert finding.path == "head"
    weight = model.head.weight.detach().clone()
    with torch.no_grad():
        exec(finding.fix, {"model": model, "torch": torch, "igt": igt})
        costs = {c: float(loss(torch.full_like(WANTED, c))) for c in torch.arange(-12, 4, 0.25).tolist()}
    best = min(costs, key=costs.get)
    assert torch.equal(model.head.weight, weight)
    assert float(model.head.bias.detach().mean()) == pytest.approx(best, abs=1.5)
    assert igt.inspect(model, X, loss).verdict == "healthy"


@pytest.mark.parametrize("std", [None, 0.01])
def test_a_head_at_its_prior_is_healthy_under_any_such_loss(std):
    torch.manual_seed(0)
    for loss in (focal, plain):
        report = igt.inspect(Detector(-6.9, std), X, loss)
        assert report.verdict == "healthy", str(report)


def test_scores_that_only_choose_targets_are_no_activations():
    def assigned(logits):
        with torch.no_grad():
            scores = logits.sigmoid()
        chosen = (scores > scores.quantile(0.999)).float()
        return functional.binary_cross_entropy_with_logits(logits, chosen)

    class Whole(Detector):  # the loss inside the model: then only the missing gradient tells
        def forward(self, x):
            logits = super().forward(x)
            return {"loss": assigned(logits), "logits": logits}

    torch.manual_seed(0)
    assert igt.inspect(Detector(-8.0, 0.01), X, assigned).verdict == "healthy"
    assert igt.inspect(Whole(-8.0, 0.01), X).verdict == "healthy"


def test_an_activation_that_is_trained_through_is_still_judged():
    class Squashed(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.Sequential(nn.Linear(32, 64), nn.Sigmoid(), nn.Linear(64, 4))
            nn.init.normal_(self.layers[0].weight, std=20.0)

        def forward(self, x):
            return {"loss": self.layers(x).square().mean()}

    report = igt.inspect(Squashed(), drawn(128, 32))
    assert "saturated-units" in {f.code for f in report.findings}


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_loud_logits_are_found_under_every_reduction(reduction):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 10))
    nn.init.normal_(model[2].weight, std=3.0)
    targets = torch.arange(128) % 10
    loss = lambda o: functional.cross_entropy(o, targets, reduction=reduction).mean()  # noqa: E731
    assert [f.code for f in igt.inspect(model, drawn(128, 32), loss).findings] == ["initial-loss"]


def test_numbers_that_are_masked_out_are_not_judged():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 8))
    targets, kept = drawn(128, 8, seed=3), torch.ones(128, 8)
    targets[:, 4:], kept[:, 4:] = 300.0, 0.0  # padding
    targets[0, :4] = 0.0

    def loss(output):
        return (functional.mse_loss(output, targets, reduction="none") * kept).sum() / kept.sum()

    assert igt.inspect(model, drawn(128, 32), loss).verdict == "healthy"


def test_a_loss_is_asked_for_constants_only_where_it_is_dear_and_asks_yes_or_no():
    calls = []

    def counted(output):
        calls.append(1)
        return functional.binary_cross_entropy_with_logits(output, torch.zeros_like(output))

    igt.inspect(nn.Linear(8, 4), drawn(32, 8), counted)
    assert len(calls) == 1
    assert math.isfinite(counted(torch.zeros(3)))

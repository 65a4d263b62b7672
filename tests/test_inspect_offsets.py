"""Answers that start far from where all targets lie: rates, scales, means, cut points."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.distributions import Gamma, LogNormal, NegativeBinomial, Poisson  # noqa: E402
from torch.nn import functional as F  # noqa: E402

import isogain.torch as igt  # noqa: E402

SAMPLES = 256


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def network(outputs=1, **biases):
    net = nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.Linear(32, outputs))
    with torch.no_grad():
        net[-1].bias.zero_()
        for channel, value in biases.items():
            net[-1].bias[int(channel[1:])] = value
    return net


def told(model, inputs, loss):
    return {one.code: one for one in igt.inspect(model, inputs, loss).findings if one.severity != "info"}


def counts(level):
    x = torch.randn(SAMPLES, 6)
    return x, torch.poisson(level * torch.exp(0.3 * x[:, :1]))


def test_a_rate_of_one_for_counts_of_a_thousand():
    x, y = counts(1000.0)
    model = network()

    def loss(out):
        return F.poisson_nll_loss(out, y)

    found = told(model, x, loss)["initial-loss"]
    assert found.path == "2"
    assert "log" in found.why
    exec(found.fix, {"model": model, "torch": torch})
    assert abs(float(model[-1].bias) - math.log(1000)) < 0.5
    assert not told(model, x, loss)


@pytest.mark.parametrize("level", [0.5, 1.0, 8.0])
def test_small_counts_ask_for_no_bias(level):
    x, y = counts(level)
    assert not told(network(), x, lambda out: F.poisson_nll_loss(out, y))


LAWS = {
    "negative binomial": lambda a, b, y: NegativeBinomial(b, logits=(a.exp() / b).log()).log_prob(y),
    "gamma": lambda a, b, y: Gamma(b, b / a.exp()).log_prob(y + 0.1),
    "log normal": lambda a, b, y: LogNormal(a, b).log_prob(y + 0.1),
    "poisson": lambda a, b, y: Poisson(a.exp()).log_prob(y) + 0 * b,
}


@pytest.mark.parametrize("name", LAWS)
def test_one_channel_of_a_law_lacks_its_level(name):
    x, y = counts(1000.0)

    def loss(out):
        return -LAWS[name](out[:, :1], F.softplus(out[:, 1:]) + 0.1, y).mean()

    found = told(network(2), x, loss)["initial-loss"]
    assert "channel 0 of" in found.measured + found.expected
    assert "yes" not in found.why
    assert not told(network(2, b0=math.log(1000)), x, loss)


def test_a_scale_behind_softplus():
    x, y = counts(1000.0)

    def loss(out):
        return -Poisson(F.softplus(out)).log_prob(y).mean()

    assert "initial-loss" in told(network(), x, loss)
    assert not told(network(b0=1000.0), x, loss)  # a constant that somebody set


def critic(out):
    return out[:128].mean() - out[128:].mean()


OPEN = {
    "critic": critic,
    "one way": lambda out: -out.mean(),
    "hinge": lambda out: F.relu(1 - out).mean(),
    "survival": lambda out: (out.exp() * torch.linspace(0.1, 2, len(out))[:, None] - out).mean(),
    "quantile": lambda out: torch.maximum(0.9 * (1 - out), -0.1 * (1 - out)).mean(),
}


@pytest.mark.parametrize("name", OPEN)
def test_losses_that_fall_for_ever_or_nearby_ask_for_none(name):
    assert not told(network(), torch.randn(SAMPLES, 6), OPEN[name])


# ---- cut points ----------------------------------------------------------------------------


class Ordered(nn.Module):
    """Shares of classes between rising cut points (McCullagh 1980)."""

    def __init__(self, cuts) -> None:
        super().__init__()
        self.cuts, self.net = nn.Parameter(cuts), network()

    def forward(self, x):
        below = torch.sigmoid(self.cuts - self.net(x))
        ends = torch.zeros(len(x), 1), torch.ones(len(x), 1)
        below = torch.cat([ends[0], below, ends[1]], 1)
        return (below[:, 1:] - below[:, :-1]).clamp_min(1e-8).log()


CUTS = {
    "all on one side": torch.linspace(20, 23, 4),
    "falling": torch.linspace(2, -2, 4),
    "one": torch.zeros(4),
    "rising": torch.linspace(-2, 2, 4),
}


@pytest.mark.parametrize("name", CUTS)
def test_cut_points(name):
    x = torch.randn(SAMPLES, 6)
    score = x @ torch.randn(6)
    y = torch.bucketize(score, torch.quantile(score, torch.tensor([0.2, 0.4, 0.6, 0.8])))
    found = told(Ordered(CUTS[name].clone()), x, lambda out: F.nll_loss(out, y))
    if name == "rising":
        assert not found
    else:
        assert found["initial-loss"].path == "cuts"
        assert "rise" in found["initial-loss"].why
        assert "gain" not in found.get("saturated-units", found["initial-loss"]).why

"""Cosines that a temperature makes smaller, where it should make them larger."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

import isogain.torch as igt  # noqa: E402

PAIRS = 64


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def tower(width):
    return nn.Sequential(nn.Linear(width, 64), nn.ReLU(), nn.Linear(64, 32))


class Towers(nn.Module):
    """Two views of one thing, as in CLIP (Radford et al. 2021)."""

    def __init__(self, scale, log_temperature=None) -> None:
        super().__init__()
        self.one, self.other, self.scale = tower(20), tower(12), scale
        if log_temperature is not None:
            self.log_temperature = nn.Parameter(torch.tensor(log_temperature))

    def forward(self, a, b):
        u, v = F.normalize(self.one(a), dim=-1), F.normalize(self.other(b), dim=-1)
        cosines = u @ v.T
        if self.scale is None:
            return cosines * self.log_temperature.exp()
        return self.scale(cosines)


def views():
    shared = torch.randn(PAIRS, 16)
    return shared @ torch.randn(16, 20) / 4, shared @ torch.randn(16, 12) / 4


def both_ways(logits):
    own = torch.arange(PAIRS)
    return (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2


def told(model, inputs, loss):
    return {one.code: one for one in igt.inspect(model, inputs, loss).findings if one.severity != "info"}


@pytest.mark.parametrize("scale", [lambda z: z * 0.07, lambda z: z / 14.3])
def test_a_temperature_that_multiplies(scale):
    model, batch = Towers(scale), views()
    found = told(model, batch, both_ways)["loss-floor"]
    assert not found.fix
    assert "a temperature divides" in found.why
    best = both_ways(torch.eye(PAIRS) * 0.14)  # cosines of 1 beside cosines of -1
    assert found.measured == f"cosines times {scale(1.0):.3g}: a loss of {float(best):.3g} or more"


@pytest.mark.parametrize("scale", [lambda z: z / 0.07, lambda z: z / 0.5, lambda z: z])
def test_a_temperature_that_divides(scale):
    assert not told(Towers(scale), views(), both_ways)


def test_a_learnt_temperature_of_the_wrong_sign_gets_a_line():
    model, batch = Towers(None, math.log(0.07)), views()
    found = told(model, batch, both_ways)["loss-floor"]
    assert found.path == "log_temperature"
    exec(found.fix, {"model": model, "torch": torch})
    assert float(model.log_temperature) > 1
    assert not told(model, batch, both_ways)
    assert not told(Towers(None, math.log(14.3)), views(), both_ways)


WRITTEN = {
    "log_softmax": lambda z: -z.log_softmax(1).diagonal().mean(),
    "logsumexp": lambda z: (z.logsumexp(1) - z.diagonal()).mean(),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_losses_that_are_written_out(name):
    class Rows(Towers):
        def forward(self, a, b):
            return tuple(z / z.norm(dim=-1, keepdim=True) for z in (self.one(a), self.other(b)))

    def loss(scale):
        return lambda rows: WRITTEN[name](torch.einsum("nd,md->nm", *rows) * scale)

    assert set(told(Rows(None), views(), loss(0.07))) == {"loss-floor"}
    assert not told(Rows(None), views(), loss(10.0))


def test_logits_that_are_no_cosines_may_start_small():
    x = torch.randn(128, 8)
    head = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 10))

    class Small(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = head

        def forward(self, x):
            return 0.07 * self.head(x)

    assert not told(Small(), (x, torch.arange(128) % 10), "cross_entropy")

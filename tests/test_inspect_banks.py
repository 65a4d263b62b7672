"""Banks of filters, bells and waves of few parameters: all alike at the start they tell what one tells."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

import isogain.torch as igt  # noqa: E402

FILTERS, LENGTH = 16, 33


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def told(model, inputs, loss="cross_entropy"):
    return {one.code: one for one in igt.inspect(model, inputs, loss).findings if one.severity != "info"}


def tones(count=64, steps=256):
    kind = torch.randint(4, (count,))
    frequency = torch.tensor([0.04, 0.12, 0.2, 0.35])[kind]
    waves = torch.sin(2 * math.pi * frequency[:, None] * torch.arange(steps) + 3 * torch.randn(count, 1))
    return (waves + 0.3 * torch.randn(count, steps))[:, None], kind


class BandPass(nn.Module):
    """Learnt cut-offs, as in SincNet (Ravanelli & Bengio 2018)."""

    def __init__(self, low, width) -> None:
        super().__init__()
        self.low, self.width = nn.Parameter(low), nn.Parameter(width)
        self.register_buffer("time", torch.arange(-(LENGTH // 2), LENGTH // 2 + 1.0)[None])
        self.norm, self.head = nn.BatchNorm1d(FILTERS), nn.Linear(FILTERS, 4)

    def forward(self, x):
        low = self.low.abs() + 0.001
        high = low + self.width.abs()
        rows = 2 * high * torch.sinc(2 * high * self.time) - 2 * low * torch.sinc(2 * low * self.time)
        return self.head(F.relu(self.norm(F.conv1d(x, rows[:, None], stride=4))).mean(-1))


def test_cut_offs_that_are_all_one():
    batch = tones()
    alike = BandPass(torch.full((FILTERS, 1), 0.02), torch.full((FILTERS, 1), 0.05))
    found = told(alike, batch)["symmetric-units"]
    assert {"low", "width"} == set(found.paths)
    assert "16 filters" in found.measured
    exec(found.fix, {"model": alike, "igt": igt, "torch": torch})
    assert not told(alike, batch)
    edges = torch.linspace(0.01, 0.45, FILTERS + 1)[:, None]
    assert not told(BandPass(edges[:-1].clone(), edges[1:] - edges[:-1]), batch)


class Bells(nn.Module):
    def __init__(self, centres, written) -> None:
        super().__init__()
        self.centres, self.widths = nn.Parameter(centres), nn.Parameter(torch.ones(len(centres)))
        self.written, self.head = written, nn.Linear(len(centres), 2)

    def forward(self, x):
        apart = torch.cdist(x, self.centres) ** 2
        if self.written:
            apart = ((x[:, None] - self.centres) ** 2).sum(-1)
        return self.head(torch.exp(-apart / (2 * self.widths**2)))


@pytest.mark.parametrize("written", [False, True])
def test_centres_that_are_all_one(written):
    x = torch.randn(128, 2)
    batch = x, (x[:, 0] * x[:, 1] > 0).long()
    same = torch.randn(1, 2).repeat(24, 1)
    assert "centres" in told(Bells(same, written), batch)["symmetric-units"].paths
    assert not told(Bells(torch.randn(24, 2), written), batch)  # widths may be one


class Waves(nn.Module):
    def __init__(self, frequencies, phases=None) -> None:
        super().__init__()
        self.frequencies, self.phases = nn.Parameter(frequencies), phases
        self.net = nn.Sequential(nn.Linear(2 * len(frequencies), 64), nn.ReLU(), nn.Linear(64, 1))

    def forward(self, x):
        z = x * self.frequencies
        z = z if self.phases is None else z + self.phases
        return self.net(torch.cat([z.sin(), z.cos()], -1))


def test_frequencies_that_are_all_one():
    x = torch.rand(256, 1) * 2 - 1
    batch = x, torch.sin(9 * x)
    assert told(Waves(torch.ones(16)), batch, "mse")["symmetric-units"].path == "frequencies"
    assert not told(Waves(torch.linspace(-1, 3, 16).exp()), batch, "mse")
    assert not told(Waves(torch.ones(16), torch.linspace(0, 6, 16)), batch, "mse")  # told apart by phases


class Bounded(nn.Module):
    """Snake, x + sin(a x)^2 / a (Ziyin et al. 2020): one factor for each of units that differ."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.factor, self.last = nn.Linear(4, 32), nn.Parameter(torch.ones(32)), nn.Linear(32, 1)

    def forward(self, x):
        z = self.first(x)
        return self.last(z + (self.factor * z).sin() ** 2 / self.factor)


def test_one_factor_for_units_that_differ_is_no_bank():
    x = torch.randn(64, 4)
    assert not told(Bounded(), (x, x[:, :1] ** 2), "mse")
    tied = Bounded()
    nn.utils.parametrizations.weight_norm(tied.first)
    assert not told(tied, (x, x[:, :1] ** 2), "mse")

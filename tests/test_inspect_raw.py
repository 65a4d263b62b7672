"""Raw numbers on their way to a first layer, and scales that e is raised to."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

from told import told  # noqa: E402


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


class Blocks(nn.Module):
    """A forecast that adds to the last value what a network makes of the pooled, reversed past."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(24, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU())
        self.answer = nn.Linear(32, 12)

    def forward(self, past):
        pooled = F.max_pool1d(past.flip(1)[:, None], 2)[:, 0]
        return past[:, -1:] + self.answer(self.layers(pooled))


@pytest.mark.parametrize(("unit", "raw"), [(1.0, False), (1e6, True)])
def test_raw_numbers_are_seen_behind_pools_and_reversals(unit, raw):
    series = unit * (3 + torch.randn(64, 60).cumsum(1) / 8)
    past, future = series[:, :48], series[:, 48:]
    found = told(Blocks(), past, lambda output: F.l1_loss(output, future))
    assert ("exploding-forward" in found) == raw
    assert not raw or found["exploding-forward"].path == "layers.0"


class Pairs(nn.Module):
    """Cosines of two towers, times e raised to a trained scale."""

    def __init__(self, scale):
        super().__init__()
        self.one, self.other = nn.Linear(16, 24), nn.Linear(20, 24)
        self.scale = nn.Parameter(torch.tensor(scale))

    def forward(self, x, y):
        one, other = F.normalize(self.one(x), dim=1), F.normalize(self.other(y), dim=1)
        return self.scale.exp() * one @ other.T


@pytest.mark.parametrize(("scale", "beyond"), [(2.659, False), (100.0, True)])
def test_a_scale_that_e_is_raised_to_is_named(scale, beyond):
    model, y = Pairs(scale), torch.arange(32)
    batch = torch.randn(32, 16), torch.randn(32, 20)
    assert model(*batch).isfinite().all() != beyond
    found = told(model, batch, lambda output: F.cross_entropy(output, y))
    assert ("non-finite" in found) == beyond
    if beyond:
        assert found["non-finite"].paths == ("scale",)
        exec(found["non-finite"].fix, {"model": model, "torch": torch})
        assert model(*batch).isfinite().all()


def test_a_scale_of_usual_size_is_not_what_overflows():
    class Rooted(nn.Module):
        def __init__(self):
            super().__init__()
            self.read, self.scale = nn.Linear(16, 24), nn.Parameter(torch.tensor(2.0))

        def forward(self, x):
            return self.scale * self.read(x).sqrt()  # of numbers below 0, too

    finding = told(Rooted(), torch.randn(32, 16))["non-finite"]
    assert "e raised to" not in finding.why
    assert not finding.paths

"""Rows that differ in length alone, and other starts that a third blind test asked about."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

import isogain.torch as igt  # noqa: E402


def found(model, inputs, loss):
    report = igt.inspect(model, inputs, loss=loss)
    return {one.code: one for one in reversed(report.findings) if one.severity != "info"}


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def graph(count=60, share=0.15):
    """A random graph's matrix, each edge divided by the roots of both degrees (Kipf & Welling 2017)."""
    edges = (torch.rand(count, count) < share).float()
    edges = ((edges + edges.T) > 0).float() + torch.eye(count)
    scale = edges.sum(1) ** -0.5
    return scale[:, None] * edges * scale


class Convolutions(nn.Module):
    def __init__(self, depth: int, keep: float = 0.0) -> None:
        super().__init__()
        self.keep = keep
        self.register_buffer("near", graph())
        self.inp, self.out = nn.Linear(16, 24), nn.Linear(24, 3)
        self.convs = nn.ModuleList(nn.Linear(24, 24) for _ in range(depth))
        for layer in [self.inp, *self.convs]:
            nn.init.kaiming_normal_(layer.weight)
            nn.init.zeros_(layer.bias)

    def hidden(self, x):
        h = self.inp(x).relu()
        for layer in self.convs:
            new = layer(self.near @ h)
            h = h + 0.1 * new if self.keep else new.relu()
        return h

    def forward(self, x):
        return self.out(self.hidden(x))


def test_averages_over_neighbours_leave_rows_that_differ_in_length_alone():
    x = torch.randn(60, 16)
    loss = lambda out: F.cross_entropy(out, x[:, :3].argmax(1))  # noqa: E731
    deep = Convolutions(16)
    sizes = torch.linalg.svdvals(deep.hidden(x).double())
    assert sizes[1] / sizes[0] < 1e-5  # one direction
    lengths = deep.hidden(x).norm(dim=1)
    assert lengths.std() > 0.05 * lengths.mean()  # of other lengths
    finding = found(deep, x, loss)["rank-collapse"]
    assert finding.severity == "critical"
    assert "products with a fixed matrix lie between, and no skip" in finding.why
    assert "rank-collapse" not in found(Convolutions(2), x, loss)
    assert "rank-collapse" not in found(Convolutions(16, keep=0.1), x, loss)


def test_one_direction_behind_a_scalar_is_no_loss():
    x = torch.randn(64, 16)
    model = nn.Sequential(
        nn.Linear(16, 32), nn.Tanh(), nn.Linear(32, 1), nn.Linear(1, 32, bias=False), nn.Linear(32, 3)
    )
    assert "rank-collapse" not in found(model, x, lambda out: F.cross_entropy(out, x[:, :3].argmax(1)))

"""Starts that a blind test built after reported ones asked about."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

from test_blind_directions import found  # noqa: E402


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


class Pairs(nn.Module):
    """A factorisation machine: a linear part and all products of two fields, as a difference of squares."""

    def __init__(self, factors: float, linear: bool = False) -> None:
        super().__init__()
        self.each, self.factors, self.linear = nn.Embedding(60, 1), nn.Embedding(60, 6), linear
        nn.init.zeros_(self.each.weight)
        nn.init.normal_(self.factors.weight, std=factors) if factors else nn.init.zeros_(self.factors.weight)

    def forward(self, x):
        v = self.factors(x)
        pairs = 0.5 * (v.sum(1) ** 2 - (v**2).sum(1)).sum(-1, keepdim=True)
        return self.each(x).sum(1) + pairs + (v.sum((1, 2))[:, None] if self.linear else 0.0)


@pytest.mark.parametrize(
    ("factors", "linear", "stuck"), [(0, False, True), (0.1, False, False), (0, True, False)]
)
def test_zeros_that_are_only_squared_never_move(factors, linear, stuck):
    x, y = torch.randint(0, 60, (64, 5)), torch.randn(64, 1)
    model = Pairs(factors, linear)
    told = found(model, x, lambda output: F.mse_loss(output, y)).get("symmetric-units")
    optimizer = torch.optim.Adam(model.parameters(), 0.1)
    for _ in range(3):
        optimizer.zero_grad()
        F.mse_loss(model(x), y).backward()
        optimizer.step()
    assert bool((model.factors.weight == 0).all()) is stuck  # what the finding foretells
    assert (told is not None) is stuck
    if stuck:
        assert told.paths == ("factors.weight",)
        assert "only squared" in told.why


class Modulated(nn.Module):
    """Blocks whose shift, scale and gate come from a condition by one weight of zeros; a head of zeros."""

    def __init__(self, factors: bool) -> None:
        super().__init__()
        self.factors, self.inp, self.out = factors, nn.Linear(2, 32), nn.Linear(32, 2)
        self.ways = nn.ModuleList(nn.Linear(8, 96 if factors else 32) for _ in range(3))
        self.mlps = nn.ModuleList(
            nn.Sequential(nn.Linear(32, 64), nn.GELU(), nn.Linear(64, 32)) for _ in self.ways
        )
        for zero in (*self.ways, self.out):
            nn.init.zeros_(zero.weight)
            nn.init.zeros_(zero.bias)

    def forward(self, x, c):
        x = self.inp(x)
        for way, mlp in zip(self.ways, self.mlps, strict=True):
            shift, scale, gate = way(F.silu(c)).chunk(3, -1)
            x = x + gate * mlp(F.layer_norm(x, (32,)) * (1 + scale) + shift)
        return self.out(x)


def test_zeros_that_scale_other_signals_wait_for_a_head_of_zeros():
    """Peebles & Xie (2023), adaLN-Zero: one step opens the head, the next one the gates, row by row."""
    x, c = torch.randn(96, 2), torch.randn(96, 8)
    y = torch.sin(3 * x) * c[:, :2]
    model = Modulated(True)
    assert "symmetric-units" not in found(model, (x, c), lambda output: F.mse_loss(output, y))
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    for _ in range(3):
        optimizer.zero_grad()
        F.mse_loss(model(x, c), y).backward()
        optimizer.step()
    rows = model.ways[0].weight[64:]
    assert len(torch.unique(rows, dim=0)) == 32


def test_a_delta_of_zeros_beside_a_layer_closes_no_way():
    """DoRA scales its delta twice before it is added to the frozen layer's own result."""
    peft = pytest.importorskip("peft")
    base = nn.Sequential(nn.Linear(16, 24), nn.ReLU(), nn.Linear(24, 24), nn.ReLU(), nn.Linear(24, 3))
    asked = peft.LoraConfig(r=4, use_dora=True, use_rslora=True, target_modules=["0", "2", "4"])
    x, y = torch.randn(96, 16), torch.randn(96, 3)
    assert not found(peft.get_peft_model(base, asked), x, lambda output: F.mse_loss(output, y))

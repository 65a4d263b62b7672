"""Starts that people reported, rebuilt: gates shut by part of a bias, old memory of one size, squeezed logits."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

import isogain.torch as igt  # noqa: E402


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


class Gated(nn.Module):
    """A branch of SwiGLU whose two maps lie in one weight."""

    def __init__(self, width, offset, phi) -> None:
        super().__init__()
        self.norm, self.both = nn.LayerNorm(width), nn.Linear(width, 4 * width)
        self.back, self.phi = nn.Linear(2 * width, width), phi
        self.both.bias.data[: 2 * width] = offset

    def forward(self, x):
        gate, value = self.both(self.norm(x)).chunk(2, -1)
        return x + self.back(self.phi(gate) * value)


@pytest.mark.parametrize("phi", [F.silu, F.gelu])
@pytest.mark.parametrize(("offset", "verdict"), [(0.0, "healthy"), (-60.0, "critical")])
def test_smooth_gates_that_half_of_a_bias_shuts(offset, verdict, phi):
    model = nn.Sequential(nn.Linear(6, 24), *[Gated(24, offset, phi) for _ in range(3)], nn.Linear(24, 2))
    x, y = torch.randn(96, 6), torch.randn(96, 2)
    report = igt.inspect(model, x, lambda o: F.mse_loss(o, y))
    assert report.verdict == verdict
    assert [one.code for one in report.findings] == ["dead-units"] * (offset < 0)
    for one in report.findings:
        exec(one.fix, {"torch": torch, "model": model})
        assert igt.inspect(model, x, lambda o: F.mse_loss(o, y)).verdict == "healthy"


class Pooled(nn.Module):
    """Attention over positions by one vector."""

    def __init__(self, size) -> None:
        super().__init__()
        self.table, self.each = nn.Embedding(20, 16), nn.Sequential(nn.Linear(16, 16), nn.Tanh())
        self.ask, self.head = nn.Parameter(torch.randn(16) * size), nn.Linear(16, 4)

    def forward(self, tokens):
        h = self.each(self.table(tokens))
        shares = torch.softmax(h @ self.ask, 1)
        return self.head((h * shares[..., None]).sum(1))


@pytest.mark.parametrize(("size", "found"), [(0.05, []), (1e30, ["uninitialized"])])
def test_memory_that_is_huge_and_of_one_size(size, found):
    tokens, y = torch.randint(0, 20, (48, 12)), torch.arange(48) % 4
    report = igt.inspect(Pooled(size), tokens, lambda o: F.cross_entropy(o, y))
    assert [one.code for one in report.findings][:1] == found
    assert not found or report.findings[0].measured.startswith("sizes up to")


class Attention(nn.Module):
    """Softmax attention by hand, with a factor of its own on the logits."""

    def __init__(self, factor) -> None:
        super().__init__()
        self.table, self.places = nn.Embedding(10, 32), nn.Parameter(torch.randn(10, 32))
        self.norm, self.head, self.factor = nn.LayerNorm(32), nn.Linear(32, 10), factor
        self.q, self.k, self.v = nn.Linear(32, 32), nn.Linear(32, 32), nn.Linear(32, 32)

    def forward(self, tokens):
        h = self.table(tokens) + self.places
        u = self.norm(h)
        shares = torch.softmax(self.q(u) @ self.k(u).mT * self.factor, -1)
        return self.head(h + shares @ self.v(u))


@pytest.mark.parametrize(
    ("factor", "found"),
    [(32**-0.5, []), (1 / 32, []), (1e-5, ["attention-collapse"])],
    ids=["1 / sqrt(d)", "1 / d", "1e-5"],
)
def test_a_factor_that_squeezes_logits(factor, found):
    """1 / d is that of muP."""
    tokens = torch.randint(0, 10, (24, 10))
    y = tokens.flip(1)
    report = igt.inspect(
        Attention(factor), tokens, lambda o: F.cross_entropy(o.reshape(-1, 10), y.reshape(-1))
    )
    assert [one.code for one in report.findings if one.severity != "info"] == found
    assert all(
        "lies between queries and keys and their logits" in one.why for one in report.findings if found
    )


def test_small_queries_and_keys_are_no_squeeze():
    """Small embeddings without a norm make small logits, and small weights nothing of it worse."""
    model = Attention(32**-0.5)
    model.norm = nn.Identity()
    with torch.no_grad():
        model.table.weight.mul_(0.02)
        model.places.mul_(0.02)
    tokens = torch.randint(0, 10, (24, 10))
    loss = lambda o: F.cross_entropy(o.reshape(-1, 10), tokens.flip(1).reshape(-1))  # noqa: E731
    assert "attention-collapse" not in {one.code for one in igt.inspect(model, tokens, loss).findings}


class Pooling(nn.Module):
    """Post-norm layers over small embeddings, pooled."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.places = nn.Embedding(6, 32), nn.Parameter(torch.randn(16, 32) * 0.02)
        nn.init.normal_(self.table.weight, std=0.02)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(32, 2, 64, 0.0, batch_first=True) for _ in range(4)
        )
        self.head = nn.Linear(32, 2)

    def forward(self, tokens):
        h = self.table(tokens) + self.places[: tokens.shape[1]]
        for layer in self.layers:
            h = layer(h)
        return self.head(h.mean(1))


def test_like_queries_are_no_squeeze():
    """Scales of norms drawn like weights make all positions one: that is told, and no factor of the attention."""
    model = Pooling()
    for module in model.modules():
        if isinstance(module, nn.LayerNorm):
            nn.init.normal_(module.weight, std=0.02)
            nn.init.normal_(module.bias, std=0.02)
    tokens = torch.randint(2, 6, (32, 8))
    tokens[1::2], order = tokens[::2], torch.tensor([[0, 1], [1, 0]]).repeat(16, 1)
    tokens[:, 2:4] = order  # only the order of two tells the samples of a pair apart
    report = igt.inspect(model, tokens, lambda o: F.cross_entropy(o, order[:, 0]))
    codes = {one.code for one in report.findings}
    assert "vanishing-forward" in codes
    assert "attention-collapse" not in codes


@pytest.mark.parametrize(("deviation", "told"), [(0.9, False), (3.0, True)])
def test_sigmoids_at_the_gain_that_depth_asks_for(deviation, told):
    """Of 32 inputs .9 is a gain of 5.1; theory asks for 4.7 in front of a sigmoid."""
    layers = [part for k in range(7) for part in (nn.Linear(16 if k == 0 else 32, 32), nn.Sigmoid())]
    model = nn.Sequential(*layers, nn.Linear(32, 5))
    for layer in layers[::2]:
        nn.init.normal_(layer.weight, std=deviation)
        nn.init.zeros_(layer.bias)
    x, target = torch.randn(64, 16), torch.arange(64) % 5
    codes = {one.code for one in igt.inspect(model, x, lambda o: F.cross_entropy(o, target)).findings}
    assert ("saturated-units" in codes) == told

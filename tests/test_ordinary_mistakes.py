"""Mistakes that people make in ordinary models, each beside the start that is meant."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

import isogain.torch as igt  # noqa: E402


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def told(model, inputs, loss):
    """code -> finding, for what is more than a note."""
    return {one.code: one for one in igt.inspect(model, inputs, loss).findings if one.severity != "info"}


class Forecast(nn.Module):
    """A location and a scale for the next value, and its own negative log likelihood."""

    def __init__(self):
        super().__init__()
        self.read = nn.LSTM(1, 16, batch_first=True)
        self.location, self.scale = nn.Linear(16, 1), nn.Linear(16, 1)

    def forward(self, past, future, scaled):
        centre = past.mean(1, keepdim=True) if scaled else 0 * past[:, :1]
        state = self.read((past - centre)[..., None] / 10)[0][:, -1]
        spread = F.softplus(self.scale(state)) + 1e-3
        density = torch.distributions.StudentT(4.0, self.location(state), spread)
        return {"loss": -density.log_prob(future - centre).mean(), "state": state}


@pytest.mark.parametrize("loss", [None, lambda o: o["loss"]])
def test_a_loss_of_the_models_own_is_asked_however_it_is_handed_on(loss):
    """`loss=lambda o: o.loss` is the same number as none given, and shows the same."""
    series = 500 + 10 * torch.randn(64, 20).cumsum(1) / 4
    given = {"past": series[:, :-1], "future": series[:, -1:]}
    seen = told(Forecast(), {**given, "scaled": False}, loss)["initial-loss"]
    assert seen.path in ("location", "scale")
    assert "initial-loss" not in told(Forecast(), {**given, "scaled": True}, loss)


class Sequence(nn.Module):
    """Convolutions, a recurrence, and the last step's answer."""

    def __init__(self, batch_first):
        super().__init__()
        self.convolve = nn.Conv1d(4, 16, 3)
        self.cell = nn.GRU(16, 16, batch_first=batch_first)
        self.head = nn.Linear(16, 5)

    def forward(self, x):
        return self.head(self.cell(F.relu(self.convolve(x)).transpose(1, 2))[0][:, -1])


def test_a_recurrence_along_the_samples_behind_convolutions():
    x, y = torch.randn(40, 4, 12), torch.randint(0, 5, (40,))
    seen = told(Sequence(False), x, lambda o: F.cross_entropy(o, y))["constant-output"]
    assert seen.path == "cell"
    assert "10 steps" in seen.expected
    assert not told(Sequence(True), x, lambda o: F.cross_entropy(o, y))


class Tokens(nn.Module):
    """Word vectors and positions in front of an encoder."""

    def __init__(self, vectors, freeze=True):
        super().__init__()
        self.words = nn.Embedding.from_pretrained(vectors, freeze=freeze)
        self.places = nn.Embedding(12, 32)
        self.encoder = nn.TransformerEncoderLayer(32, 2, 64, dropout=0.0, batch_first=True)
        self.head = nn.Linear(32, 4)

    def forward(self, ids):
        return self.head(self.encoder(self.words(ids) + self.places.weight).mean(1))


def test_word_vectors_of_zeros_that_positions_are_added_to():
    ids, y = torch.randint(0, 30, (48, 12)), torch.randint(0, 4, (48,))
    seen = told(Tokens(torch.zeros(30, 32)), ids, lambda o: F.cross_entropy(o, y))["vanishing-forward"]
    assert seen.paths == ("words.weight",)
    assert not told(Tokens(torch.randn(30, 32)), ids, lambda o: F.cross_entropy(o, y))


class Tied(nn.Module):
    """A language model whose table is its head."""

    def __init__(self, size):
        super().__init__()
        self.table = nn.Embedding(20, 24)
        nn.init.normal_(self.table.weight, std=size)
        self.cell = nn.GRU(24, 24, batch_first=True)

    def forward(self, ids):
        return F.linear(self.cell(self.table(ids))[0], self.table.weight)


def test_a_table_of_zeros_that_is_the_head_as_well():
    ids, y = torch.randint(0, 20, (32, 10)), torch.randint(0, 20, (320,))
    seen = told(Tied(0.0), ids, lambda o: F.cross_entropy(o.flatten(0, 1), y))["vanishing-forward"]
    assert seen.paths == ("table.weight",)
    assert seen.severity == "critical"
    assert "igt.init_" in seen.fix or "table.weight" in seen.fix
    assert not told(Tied(0.1), ids, lambda o: F.cross_entropy(o.flatten(0, 1), y))


class Curved(nn.Module):
    """A field and its second derivative."""

    def __init__(self):
        super().__init__()
        self.field = nn.Sequential(nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 1))

    def forward(self, x):
        x = x.detach().requires_grad_()
        u = self.field(x)
        first = torch.autograd.grad(u.sum(), x, create_graph=True)[0]
        return u, torch.autograd.grad(first.sum(), x, create_graph=True)[0]


def test_no_constant_is_missing_in_a_derivative():
    """-8 added to u'' would make the loss small, and no bias of u moves u''."""
    x = torch.linspace(0, 1, 64)[:, None]

    def loss(o):
        return ((o[1] + 9.9 * torch.sin(3.14 * x)) ** 2).mean() / 97 + o[0][0, 0] ** 2 + o[0][-1, 0] ** 2

    assert not told(Curved(), x, loss)


class Blocks(nn.Module):
    """Blocks of two parts, of which the last block's second is not needed."""

    def __init__(self):
        super().__init__()
        self.one, self.two = (nn.ModuleList(nn.Linear(16, 16) for _ in range(3)) for _ in range(2))
        self.two[2].requires_grad_(False)

    def forward(self, x, h):
        for one, two in zip(self.one, self.two, strict=True):
            x, h = x + torch.tanh(one(h)), h + torch.tanh(two(h))
        return x


def test_what_is_frozen_as_nothing_reads_it_is_no_pretrained_network():
    x, h, y = (torch.randn(64, 16) for _ in range(3))
    assert not told(Blocks(), (x, h), lambda o: F.mse_loss(o, y))


def test_probabilities_in_a_cross_entropy_of_two_parts():
    x, y = torch.randn(128, 12), torch.randint(0, 5, (128,))

    def loss(o):
        return F.nll_loss(F.log_softmax(o, 1), y)

    seen = told(nn.Sequential(nn.Linear(12, 5), nn.Softmax(1)), x, loss)["loss-floor"]
    assert "0.90" in seen.measured  # ln(1 + 4 / e) = .904
    assert not told(nn.Sequential(nn.Linear(12, 5), nn.LogSoftmax(1)), x, loss)
    assert not told(nn.Linear(12, 5), x, loss)

"""Faults of answers, losses, positions and memories that people reported, and their healthy twins."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

import isogain.torch as igt  # noqa: E402
from isogain.torch.measure.powers import isometric  # noqa: E402
from told import told as found  # noqa: E402


def mended(model, finding, inputs):
    exec(finding.fix, {"model": model, "inputs": inputs, "igt": igt, "torch": torch})
    return model


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


# ---- answers


def questions(count=128):
    x = torch.randn(count, 40)
    return x, (x @ torch.randn(40, 20) > 8).float()


def test_logits_that_cannot_be_negative_have_a_floor():
    x, wanted = questions()
    loss = lambda out: F.binary_cross_entropy_with_logits(out, wanted)  # noqa: E731
    body = [nn.Linear(40, 96), nn.ReLU(), nn.Linear(96, 20)]
    finding = found(nn.Sequential(*body, nn.ReLU()), x, loss)["loss-floor"]
    assert finding.path == "3 (relu)"
    assert "0.347 or more" in finding.measured  # ln 2 for the half that is no
    assert "loss-floor" not in found(nn.Sequential(*body), x, loss)


class Reader(nn.Module):
    """Logarithms of probabilities at every step, as CTC wants them."""

    def __init__(self, blank: float) -> None:
        super().__init__()
        self.rnn, self.out = nn.GRU(8, 32, batch_first=True), nn.Linear(32, 7)
        self.out.bias.data[0] = blank

    def forward(self, x):
        return self.out(self.rnn(x)[0]).log_softmax(-1)


def test_a_blank_that_is_sure_is_told_by_its_bias():
    words, x = torch.randint(1, 7, (32, 5)), torch.randn(32, 20, 8)
    lengths = torch.full((32,), 20), torch.full((32,), 5)
    loss = lambda out: F.ctc_loss(out.transpose(0, 1), words, *lengths)  # noqa: E731
    model = Reader(12.0)
    finding = found(model, x, loss)["initial-loss"]
    assert finding.path == "out"
    assert "its bias has root mean square 4.5" in finding.why  # 12 / sqrt(7)
    assert "initial-loss" not in found(mended(model, finding, x), x, loss)
    assert "initial-loss" not in found(Reader(0.0), x, loss)


class Factors(nn.Module):
    def __init__(self, std: float) -> None:
        super().__init__()
        self.user, self.item = nn.Embedding(80, 64), nn.Embedding(60, 64)
        for table in (self.user, self.item):
            nn.init.normal_(table.weight, std=std)

    def forward(self, users, items):
        return (self.user(users) * self.item(items)).sum(1)


def test_answers_made_of_embeddings_alone_name_these():
    pairs, rating = (torch.randint(0, 80, (256,)), torch.randint(0, 60, (256,))), torch.randn(256)
    loss = lambda out: F.mse_loss(out, rating)  # noqa: E731
    model = Factors(1.0)
    finding = found(model, pairs, loss)["initial-loss"]
    assert "user.weight" in finding.path
    mended(model, finding, pairs)
    assert 0.25 < float(model.user.weight.detach().std()) < 0.5  # 64 s^4 = 1 at .354
    assert "initial-loss" not in found(model, pairs, loss)
    assert "initial-loss" not in found(Factors(0.3), pairs, loss)


class Policy(nn.Module):
    def __init__(self, log_std: float) -> None:
        super().__init__()
        self.mean = nn.Sequential(nn.Linear(12, 64), nn.Tanh(), nn.Linear(64, 3))
        self.log_std = nn.Parameter(torch.full((3,), log_std))

    def forward(self, x):
        return self.mean(x), self.log_std


def test_a_loss_of_ones_own_is_asked_what_zeros_would_cost():
    x, action = torch.randn(64, 12), torch.randn(64, 3)
    loss = lambda out: (0.5 * ((action - out[0]) / out[1].exp()) ** 2 + out[1]).sum(1).mean()  # noqa: E731
    model = Policy(-6.0)
    finding = found(model, x, loss)["initial-loss"]
    assert (finding.path, finding.severity) == ("log_std", "critical")
    assert "initial-loss" not in found(mended(model, finding, x), x, loss)
    assert not found(Policy(-0.5), x, loss)


class Mixture(nn.Module):
    """The means of five components, from zeros or from places of their own."""

    def __init__(self, apart: bool) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(1, 32), nn.Tanh())
        self.share, self.mean = nn.Linear(32, 5), nn.Linear(32, 5)
        for head in (self.share, self.mean):
            nn.init.zeros_(head.weight)
            nn.init.zeros_(head.bias)
        if apart:
            self.mean.bias.data = torch.linspace(-1.5, 1.5, 5)

    def forward(self, x):
        h = self.body(x)
        return self.share(h).log_softmax(-1), self.mean(h)


@pytest.mark.parametrize("apart", [False, True])
def test_components_of_zeros_that_get_one_gradient_stay_one(apart):
    y = torch.rand(200, 1) * 2 - 1
    x = y + 0.6 * torch.sin(6.28 * y)
    loss = lambda out: -torch.logsumexp(out[0] - 0.5 * (y - out[1]) ** 2, -1).mean()  # noqa: E731
    assert ("symmetric-units" in found(Mixture(apart), x, loss)) is not apart


class Queries(nn.Module):
    """Learnt queries that ask a picture's patches."""

    def __init__(self, std: float) -> None:
        super().__init__()
        self.patches, self.queries = nn.Conv2d(1, 32, 4, 4), nn.Embedding(8, 32)
        self.ask, self.norm = nn.MultiheadAttention(32, 4, batch_first=True), nn.LayerNorm(32)
        self.head = nn.Sequential(nn.Linear(32, 64), nn.GELU(), nn.Linear(64, 1))
        nn.init.normal_(self.queries.weight, std=std) if std else nn.init.zeros_(self.queries.weight)

    def forward(self, x):
        seen = self.patches(x).flatten(2).transpose(1, 2)
        query = self.queries.weight.expand(len(x), -1, -1)
        return self.head(self.norm(query + self.ask(query, seen, seen)[0]))[..., 0]


def test_queries_of_zeros_are_named_for_positions_that_are_one():
    x, wanted = torch.randn(32, 1, 16, 16), (torch.rand(32, 8) > 0.5).float()
    loss = lambda out: F.binary_cross_entropy_with_logits(out, wanted)  # noqa: E731
    model = Queries(0.0)
    finding = found(model, x, loss)["rank-collapse"]
    assert finding.path == "queries.weight"
    assert "rank-collapse" not in found(mended(model, finding, x), x, loss)
    assert "rank-collapse" not in found(Queries(1.0), x, loss)


# ---- memory


class Recalls(nn.Module):
    def __init__(self, kind="LSTM") -> None:
        super().__init__()
        self.rnn, self.head = getattr(nn, kind)(8, 32, batch_first=True), nn.Linear(32, 6)

    def forward(self, x):
        return self.head(self.rnn(x)[0][:, -1])


def recalled(steps=24):
    x, label = torch.zeros(64, steps, 8), torch.randint(0, 6, (64,))
    x[:, 0] = F.one_hot(label, 8).float()
    return x, lambda out: F.cross_entropy(out, label)


@pytest.mark.parametrize(("bias", "told"), [(-4.0, True), (0.0, False), (3.0, False)])
def test_forget_gates_that_are_shut_are_told_and_become_the_cause(bias, told):
    x, loss = recalled()
    model = Recalls()
    nn.init.zeros_(model.rnn.bias_hh_l0)
    nn.init.zeros_(model.rnn.bias_ih_l0).data[32:64] = bias
    seen = found(model, x, loss)
    assert ("time-scale" in seen) is told
    if told:
        assert "nearly shut" in seen["time-scale"].why
        assert seen["constant-output"].why == seen["time-scale"].why
        assert set(seen["constant-output"].paths) == {"rnn.bias_ih_l0", "rnn.bias_hh_l0"}


def test_gru_keeps_its_state_by_the_update_gate():
    x, loss = recalled()
    model = Recalls("GRU")
    assert "time-scale" not in found(model, x, loss)
    nn.init.zeros_(model.rnn.bias_hh_l0)
    nn.init.zeros_(model.rnn.bias_ih_l0).data[32:64] = -4.0  # r, z, n
    assert "time-scale" in found(model, x, loss)


def test_what_is_orthogonal_is_told_from_what_was_drawn():
    square = nn.init.orthogonal_(torch.empty(16, 16))
    assert isometric(square)
    assert isometric(torch.eye(16))
    assert isometric(torch.cat([square, torch.eye(16), -square]))  # each gate
    assert isometric(nn.init.orthogonal_(torch.empty(64, 16)))  # all gates together
    assert not isometric(1.01 * square)
    assert not isometric(torch.randn(16, 16) / 4)
    assert not isometric(torch.eye(16)[:8])
    assert not isometric(torch.ones(5))


def test_recurrent_weights_that_somebody_made_orthogonal_are_left():
    x, loss = recalled(10)
    model = Recalls("RNN")
    nn.init.eye_(model.rnn.weight_hh_l0)
    own = model.rnn.weight_hh_l0.detach().clone()
    assert igt.init_(model, x, loss=loss, rates=False).left
    assert torch.equal(own, model.rnn.weight_hh_l0)
    drawn = Recalls("RNN")
    assert not igt.init_(
        drawn, x, loss=loss, rates=False
    ).left  # torch's uniform ones are no choice of anybody's


# ---- statistics of other data


def test_running_statistics_of_other_data_are_told():
    body = nn.Sequential(nn.Conv2d(1, 8, 3, 2), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten())
    x, label = torch.rand(64, 1, 8, 8), torch.randint(0, 4, (64,))
    for _ in range(60):
        body(255 * x)
    body.eval().requires_grad_(False)
    head = nn.Linear(8 * 9, 4)
    model = nn.Sequential(body, head)
    loss = lambda out: F.cross_entropy(out, label)  # noqa: E731
    finding = found(model, x, loss)["vanishing-forward"]
    assert finding.path == "0.1"
    assert "another scale" in finding.why
    assert "vanishing-forward" not in found(model, 255 * x, loss)
    assert "exploding-forward" in found(model, 255 * 255 * x, loss)


def test_init_mends_by_the_findings_own_line_where_the_plan_mends_nothing():
    pairs, rating = (torch.randint(0, 80, (256,)), torch.randint(0, 60, (256,))), torch.randn(256)
    loss = lambda out: F.mse_loss(out, rating)  # noqa: E731
    model = Factors(1.0)
    receipt = igt.init_(model, pairs, loss=loss, rates=False)
    assert (receipt.verdict_before, receipt.verdict_after) == ("warning", "healthy")
    assert 0.3 < float(model.user.weight.detach().std()) < 0.4  # 64 s^4 = 1 at .354


# ---- numbers meant otherwise


def test_a_dropout_that_keeps_what_it_should_drop_is_told():
    x, label = torch.randn(64, 40), torch.randint(0, 4, (64,))
    loss = lambda out: F.cross_entropy(out, label)  # noqa: E731

    def build(p):
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(40, 256), nn.ReLU(), nn.Dropout(p), nn.Linear(256, 4))

    finding = found(build(0.95), x, loss)["vanishing-forward"]
    assert finding.path == "2 (dropout)"
    assert "multiplies the rest by 20" in finding.why
    assert not found(build(0.5), x, loss)
    assert "vanishing-forward" not in found(build(0.95).eval(), x, loss)


def test_norms_drawn_like_weights_are_told_and_made_one():
    x, label = torch.randn(64, 40), torch.randint(0, 4, (64,))
    loss = lambda out: F.cross_entropy(out, label)  # noqa: E731

    def build(draw):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(40, 64), nn.LayerNorm(64), nn.ReLU(), nn.Linear(64, 4))
        draw(model[1].weight)
        return model

    model = build(lambda w: nn.init.normal_(w, 0.0, 0.02))
    finding = found(model, x, loss)["vanishing-forward"]
    assert finding.path == "1.weight"
    assert bool((mended(model, finding, x)[1].weight == 1).all())
    assert not found(build(lambda w: nn.init.normal_(w, 1.0, 0.02)), x, loss)  # as DCGAN does


def test_tokens_that_drown_in_positions_of_a_buffer_are_told():
    class Encoded(nn.Module):
        def __init__(self, std):
            super().__init__()
            self.tokens, self.norm, self.head = nn.Embedding(60, 32), nn.LayerNorm(32), nn.Linear(32, 60)
            nn.init.normal_(self.tokens.weight, std=std)
            angles = torch.arange(24)[:, None] * 1e4 ** -torch.linspace(0, 1, 16)
            self.register_buffer("places", torch.cat([angles.sin(), angles.cos()], 1))

        def forward(self, ids):
            return self.head(self.norm(self.tokens(ids) + self.places)).mean(1)

    ids, label = torch.randint(0, 60, (64, 24)), torch.randint(0, 60, (64,))
    loss = lambda out: F.cross_entropy(out, label)  # noqa: E731
    model = Encoded(0.005)
    finding = found(model, ids, loss)["vanishing-forward"]
    assert finding.path == "tokens.weight"
    mended(model, finding, ids)
    assert 0.5 < float(model.tokens.weight.detach().std()) < 0.8  # sines and cosines: sqrt(1/2)
    assert "vanishing-forward" not in found(model, ids, loss)
    assert "vanishing-forward" not in found(Encoded(0.5), ids, loss)


def test_latents_that_ask_alike_are_told_apart_by_themselves():
    """A few small latents that attend to patches: attention answers all of them alike, the sum does not."""

    class Latent(nn.Module):
        def __init__(self):
            super().__init__()
            self.enter, self.latents = nn.Linear(3, 32), nn.Parameter(torch.randn(8, 32) * 0.02)
            self.ask, self.norm = nn.MultiheadAttention(32, 4, batch_first=True), nn.LayerNorm(32)
            self.head = nn.Linear(32, 4)

        def forward(self, x):
            h, query = self.enter(x), self.latents.expand(len(x), -1, -1)
            return self.head(self.norm(query + self.ask(query, h, h)[0]).mean(1))

    x, label = torch.randn(48, 100, 3), torch.randint(0, 4, (48,))
    x[:, :10] = 0.0  # as the rim of a picture is
    assert "rank-collapse" not in found(Latent(), x, lambda out: F.cross_entropy(out, label))


class Noisy(nn.Module):
    """A weight that is drawn around its means at every pass."""

    def __init__(self, size: int, answers: int, spread: float) -> None:
        super().__init__()
        self.mean = nn.Parameter(torch.empty(answers, size).uniform_(-(size**-0.5), size**-0.5))
        self.spread = nn.Parameter(torch.full((answers, size), spread))

    def forward(self, x):
        return F.linear(x, self.mean + self.spread * torch.randn_like(self.mean))


def test_noise_that_drowns_the_weights_it_is_drawn_around_is_told():
    x, wanted = torch.randn(200, 12), torch.randn(200, 4)
    loss = lambda out: F.mse_loss(out, wanted)  # noqa: E731

    def build(spread):
        torch.manual_seed(0)
        return nn.Sequential(
            nn.Linear(12, 128), nn.ReLU(), Noisy(128, 128, spread), nn.ReLU(), Noisy(128, 4, spread)
        )

    finding = found(build(0.5), x, loss)["exploding-forward"]
    assert finding.paths == ("2.spread", "4.spread")
    assert "exploding-forward" not in found(build(0.5 * 128**-0.5), x, loss)
    model = build(0.5)
    assert igt.init_(model, x, loss=loss, rates=False).verdict_after == "healthy"
    spread = model[2].spread.detach()
    assert bool((spread == spread[0, 0]).all()) and float(spread[0, 0]) < 0.2  # noqa: PT018

"""Starts that were reported by people and are dead or deaf for reasons of their own, and their healthy twins.

Old memory of few decades; pooling and routing that is one-hot; a discriminator without a slope; a codebook of
which one row takes all; plain recurrences that forget at once.
"""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")

import numpy as np  # noqa: E402
from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

import isogain.torch as igt  # noqa: E402
from isogain.inspect.looks import Choices, Gates  # noqa: E402
from isogain.inspect.scattering import scattering  # noqa: E402
from isogain.torch.measure.powers import kept_by  # noqa: E402
from told import told as found  # noqa: E402

STEPS, SIZE, CLASSES = 12, 32, 4


def classes(count, classes=CLASSES):
    target = torch.randint(0, classes, (count,))
    return lambda out: F.cross_entropy(out, target)


def gradients(model, inputs, loss):
    model.zero_grad()
    loss(model(inputs)).backward()
    return {name: float(p.grad.abs().max()) for name, p in model.named_parameters() if p.grad is not None}


def mended(model, finding, inputs, loss):
    exec(finding.fix, {"model": model, "igt": igt, "torch": torch})
    return finding.code not in found(model, inputs, loss)


# ---- memory


def over_decades(low, high, count=SIZE, signs=True):
    """Sizes spread evenly over decades, as what lies in memory may be."""
    rng = np.random.default_rng(0)
    sizes = 10 ** rng.uniform(low, high, count)
    return sizes * rng.choice([-1.0, 1.0], count) if signs else sizes


@pytest.mark.parametrize("decades", [8, 12, 20])
def test_half_of_sizes_over_decades_lie_within_half_of_them(decades):
    seen = scattering(over_decades(0, decades, 4001))
    assert seen == pytest.approx(decades / 2, rel=0.05)  # quartiles of a uniform law


def test_what_is_drawn_or_written_down_is_not_scattered():
    rng = np.random.default_rng(1)
    assert scattering(1e7 * rng.normal(size=10_000)) == pytest.approx(0.557, abs=0.03)  # log10(1.150 / .3186)
    assert scattering(over_decades(0, 12, signs=False)) == 0  # rates and frequencies have one sign
    assert scattering(over_decades(-12, 0)) == 0  # decay leaves small ones of any size
    assert scattering(np.where(rng.random(100) < 0.5, -1e9, rng.normal(size=100))) == 0  # a mask
    assert scattering(np.array([1e9, -1.0, 1e-3])) == 0


class Pooled(nn.Module):
    """softmax over the steps of what a vector makes of each, then the mean by these shares."""

    def __init__(self, size=0.2, scorer="vector", temperature=1.0):
        super().__init__()
        self.embed, self.head, self.temperature = nn.Linear(8, SIZE), nn.Linear(SIZE, CLASSES), temperature
        if scorer == "vector":
            self.vector = nn.Parameter(torch.empty(SIZE, 1).normal_(0, size))
        else:
            self.scorer = nn.Linear(SIZE, 1)
            nn.init.normal_(self.scorer.weight, 0, size)

    def forward(self, x):
        h = torch.tanh(self.embed(x))
        logits = h @ self.vector if hasattr(self, "vector") else self.scorer(h)
        logits = logits / self.temperature if self.temperature != 1 else logits
        shares = torch.softmax(logits, 1)
        pooled = (shares * h).sum(1) if hasattr(self, "vector") else (shares.mT @ h).squeeze(1)
        return self.head(pooled)


def test_a_vector_of_old_memory_is_no_draw():
    torch.manual_seed(0)
    model, x, loss = Pooled(), torch.randn(64, STEPS, 8), classes(64)
    assert found(model, x, loss) == {}
    model.vector.data.copy_(torch.tensor(over_decades(4, 16))[:, None])
    seen = found(model, x, loss)
    assert (seen["uninitialized"].severity, seen["uninitialized"].path) == ("critical", "vector")
    assert mended(model, seen["uninitialized"], x, loss)


@pytest.mark.parametrize("values", ["decays", "frequencies", "steps", "trained"])
def test_parameters_over_many_decades_by_design(values):
    torch.manual_seed(0)
    made = {
        "decays": torch.arange(1, 65).float().log(),
        "frequencies": 1e7 ** -torch.rand(64),
        "steps": torch.expm1(1e-5 ** torch.rand(64)).log(),
        "trained": torch.randn(64) * torch.where(torch.rand(64) < 0.4, 1e-11, 1.0),
    }[values]

    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale, self.head = nn.Parameter(made), nn.Linear(64, CLASSES)

        def forward(self, x):
            return self.head(torch.tanh(x * self.scale))

    assert "uninitialized" not in found(Scaled(), torch.randn(64, 64), classes(64))


# ---- pooling and routing


@pytest.mark.parametrize("scorer", ["vector", "layer"])
def test_loud_logits_of_a_pooling_make_it_one_hot(scorer):
    torch.manual_seed(1)
    x, loss = torch.randn(64, STEPS, 8), classes(64)
    model = Pooled(20.0, scorer)
    h = torch.tanh(model.embed(x))
    logits = (h @ model.vector if scorer == "vector" else model.scorer(h))[..., 0]
    assert float(logits.detach().softmax(-1).amax(-1).mean()) > 0.9
    finding = found(model, x, loss)["attention-collapse"]
    assert finding.path == ("vector" if scorer == "vector" else "scorer")
    assert mended(model, finding, x, loss)
    assert found(Pooled(0.2, scorer), x, loss) == {}


def test_a_temperature_asks_for_sharp_shares():
    torch.manual_seed(2)
    assert "attention-collapse" not in found(
        Pooled(0.2, temperature=0.01), torch.randn(64, STEPS, 8), classes(64)
    )


class Routed(nn.Module):
    """Small networks weighed by the softmax of a router, each by its share or all in one product."""

    def __init__(self, spelling="loop", top=0, count=4):
        super().__init__()
        self.spelling, self.top, self.router = spelling, top, nn.Linear(SIZE, count)
        self.experts = nn.ModuleList(
            nn.Sequential(nn.Linear(SIZE, 8), nn.Tanh(), nn.Linear(8, CLASSES)) for _ in range(count)
        )

    def forward(self, x):
        shares = torch.softmax(self.router(x), -1)
        if self.top:
            best = shares.topk(self.top, -1).values
            shares = shares * (shares >= best[..., -1:])
        made = [expert(x) for expert in self.experts]
        if self.spelling == "product":
            return torch.einsum("be,beo->bo", shares, torch.stack(made, 1))
        return sum(shares[..., k : k + 1] * one for k, one in enumerate(made))


@pytest.mark.parametrize("spelling", ["loop", "product"])
@pytest.mark.parametrize("top", [0, 1, 2])
def test_a_router_that_a_bias_shuts(spelling, top):
    torch.manual_seed(3)
    model, x, loss = Routed(spelling, top), torch.randn(128, SIZE), classes(128)
    assert found(model, x, loss) == {}
    model.router.bias.data[0] = 30.0
    felt = gradients(model, x, loss)
    assert felt["router.weight"] < 1e-9 < 1e-4 < felt["experts.0.0.weight"]
    finding = found(model, x, loss)["saturated-units"]
    assert (finding.severity, finding.path) == ("critical", "router")
    assert mended(model, finding, x, loss)


def test_a_router_that_leans_is_not_shut():
    torch.manual_seed(4)
    model, x, loss = Routed(), torch.randn(128, SIZE), classes(128)
    model.router.bias.data[0] = 5.0  # .98 of it: a slope of .02 is left, and the step is as large by Adam
    assert "saturated-units" not in found(model, x, loss)


def test_a_loud_router_takes_one_for_each_sample():
    torch.manual_seed(5)
    model, x, loss = Routed(), torch.randn(128, SIZE), classes(128)
    model.router.weight.data.normal_(0, 50 / SIZE**0.5)
    finding = found(model, x, loss)["attention-collapse"]
    assert (finding.severity, finding.path) == ("critical", "router")
    assert mended(model, finding, x, loss)


class Chosen(Routed):
    """A router that takes one for each sample by design: the best score alone, by noise, or from a memory."""

    def forward(self, x):
        scores = self.router(x)
        if self.spelling == "best":
            best = torch.full_like(scores, -math.inf).scatter(1, scores.argmax(1, True), 1.0)
            shares = (best + scores * 0).softmax(-1)
        elif self.spelling == "noise":
            shares = F.gumbel_softmax(scores, tau=0.1, hard=True)
        else:
            shares = torch.softmax(
                30 * F.normalize(x, dim=-1) @ F.normalize(self.router.weight, dim=-1).T, -1
            )
        return sum(shares[:, k : k + 1] * expert(x) for k, expert in enumerate(self.experts))


@pytest.mark.parametrize("spelling", ["best", "noise", "memory"])
def test_one_for_each_sample_by_design(spelling):
    torch.manual_seed(17)
    seen = found(Chosen(spelling), torch.randn(128, SIZE), classes(128))
    assert not {"attention-collapse", "saturated-units"} & set(seen)


class Head(nn.Module):
    """Probabilities of classes that nothing is weighed by, though they are divided and multiplied by their logs."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(SIZE, CLASSES)

    def forward(self, x):
        p = torch.softmax(self.layer(x), -1)
        return p / p.sum(-1, keepdim=True), -(p * (p + 1e-9).log()).sum(-1)


def test_a_head_of_classes_mixes_nothing():
    torch.manual_seed(6)
    model = Head()
    model.layer.bias.data[0], model.layer.weight.data = 30.0, 50 * model.layer.weight.data
    seen = found(model, torch.randn(64, SIZE), lambda out: (out[0] ** 2).sum(-1).mean() + out[1].mean())
    assert not {"attention-collapse", "saturated-units"} & set(seen)


# ---- a sigmoid without a slope


class Adversary(nn.Module):
    """The loss of a generator through the sigmoid of a frozen discriminator."""

    def __init__(self, offset):
        super().__init__()
        self.made = nn.Sequential(nn.Linear(8, SIZE), nn.ReLU(), nn.Linear(SIZE, 16))
        self.judge = nn.Sequential(nn.Linear(16, SIZE), nn.ReLU(), nn.Linear(SIZE, 1))
        self.judge.requires_grad_(False)[2].bias.fill_(offset)

    def forward(self, z):
        return torch.log1p(-torch.sigmoid(self.judge(self.made(z))).clamp(max=1 - 1e-6)).mean()


def test_a_discriminator_that_is_sure_hands_nothing_on():
    torch.manual_seed(7)
    z, loss = torch.randn(64, 8), lambda out: out
    model = Adversary(-30.0)
    assert max(gradients(model, z, loss).values()) < 1e-11
    seen = found(model, z, loss)["saturated-units"]
    assert seen.severity == "critical"
    assert "judge.2" in seen.why
    assert "its bias has mean -30" in seen.why
    assert "saturated-units" not in found(Adversary(0.0), z, loss)


@pytest.mark.parametrize("prior", [0.01, 1e-3])
def test_a_prior_in_a_bias_leaves_a_slope(prior):
    torch.manual_seed(8)
    model = nn.Sequential(nn.Linear(SIZE, SIZE), nn.ReLU(), nn.Linear(SIZE, 10), nn.Sigmoid())
    nn.init.normal_(model[2].weight, 0, 0.01)
    nn.init.constant_(model[2].bias, math.log(prior / (1 - prior)))
    rare = (torch.rand(256, 10) < prior).float()
    seen = found(model, torch.randn(256, SIZE), lambda p: F.binary_cross_entropy(p, rare))
    assert "saturated-units" not in seen


# ---- codebooks


class Quantised(nn.Module):
    """The nearest of many rows in place of what an encoder makes, straight through for its gradient."""

    def __init__(self, spelling="index", rows=64, kept=True):
        super().__init__()
        self.spelling, self.encoder, self.decoder = spelling, nn.Linear(16, 8), nn.Linear(8, 16)
        self.codes = nn.Embedding(rows, 8)
        if not kept:  # moved by means of what chose them, and by no gradient
            self.codes.requires_grad_(False)

    def forward(self, x):
        z, codes = self.encoder(x), self.codes.weight
        apart = z.square().sum(1, keepdim=True) - 2 * z @ codes.T + codes.square().sum(1)
        index = torch.cdist(z, codes).argmin(1) if self.spelling == "index" else apart.argmin(1)
        if self.spelling == "one-hot":
            rows = F.one_hot(index, len(codes)).float()
            self.shares = rows.mean(0)  # that somebody looks at them changes nothing
            q = rows @ codes
        else:
            q = codes[index] if self.spelling == "index" else self.codes(index)
        rebuilt = self.decoder(z + (q - z).detach())
        pull = (q - z.detach()).square().mean() + 0.25 * (q.detach() - z).square().mean()
        return (rebuilt - x).square().mean() + pull


SPELLINGS = ("index", "embedding", "one-hot")


def far(model):
    """All rows but one in a far corner."""
    model.codes.weight.data = 20 + torch.rand_like(model.codes.weight) / 64
    model.codes.weight.data[0] = 0
    return model


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_one_row_that_takes_all(spelling):
    torch.manual_seed(9)
    x, loss = torch.randn(128, 16), lambda out: out
    assert found(Quantised(spelling), x, loss) == {}
    model = far(Quantised(spelling))
    loss(model(x)).backward()
    assert int(model.codes.weight.grad.any(1).sum()) == 1
    finding = found(model, x, loss)["idle-slices"]
    assert finding.paths == ("codes.weight",)
    assert mended(model, finding, x, loss)


def test_choices_are_counted():
    torch.manual_seed(10)
    model, x = Quantised(), torch.randn(128, 16)
    index = torch.cdist(model.encoder(x), model.codes.weight).argmin(1)
    (seen,) = [one.seen for one in igt.inspect(model, x).table.looks if isinstance(one.seen, Choices)]
    assert (seen.rows, seen.observations, seen.used) == (64, 128, len(set(index.tolist())))


def test_few_samples_and_rows_without_gradient_tell_nothing():
    torch.manual_seed(11)
    loss = lambda out: out  # noqa: E731
    assert "idle-slices" not in found(far(Quantised()), torch.randn(2, 16), loss)
    assert "idle-slices" not in found(far(Quantised(kept=False)), torch.randn(128, 16), loss)


def test_tokens_are_chosen_by_the_data():
    class Words(nn.Module):
        def __init__(self):
            super().__init__()
            self.words, self.head = nn.Embedding(50, SIZE), nn.Linear(SIZE, CLASSES)

        def forward(self, x):
            return self.head(self.words(x).mean(1))

    torch.manual_seed(12)
    assert "idle-slices" not in found(Words(), torch.full((64, STEPS), 3), classes(64))


# ---- plain recurrences


class Remembers(nn.Module):
    """A recurrent layer of torch, its cell, or the same by hand; the last state is read."""

    def __init__(self, spelling="fused", gain=None, units=48):
        super().__init__()
        self.spelling, self.units, self.head = spelling, units, nn.Linear(units, CLASSES)
        if spelling == "hand":
            self.reads, self.turns = nn.Linear(8, units), nn.Linear(units, units, bias=False)
            turned = self.turns.weight
        else:
            self.layer = self.made(spelling)
            turned = self.layer.weight_hh if spelling == "cell" else self.layer.weight_hh_l0
        if gain is not None:
            nn.init.normal_(turned, 0, gain * units**-0.5)

    def made(self, spelling):
        if spelling in ("cell", "gru"):
            return (
                nn.RNNCell(8, self.units) if spelling == "cell" else nn.GRU(8, self.units, batch_first=True)
            )
        return nn.RNN(8, self.units, batch_first=True, nonlinearity="relu" if spelling == "relu" else "tanh")

    def forward(self, x):
        if self.spelling in ("fused", "relu", "gru"):
            return self.head(self.layer(x)[0][:, -1])
        h = x.new_zeros(len(x), self.units)
        for step in x.unbind(1):
            h = (
                self.layer(step, h)
                if self.spelling == "cell"
                else torch.tanh(self.reads(step) + self.turns(h))
            )
        return self.head(h)


PLAIN = {
    "fused": "layer.weight_hh_l0",
    "relu": "layer.weight_hh_l0",
    "cell": "layer.weight_hh",
    "hand": "turns.weight",
}


@pytest.mark.parametrize(("spelling", "name"), PLAIN.items())
def test_recurrent_weights_that_are_too_small_forget(spelling, name):
    torch.manual_seed(13)
    x, loss = torch.randn(64, 30, 8), classes(64)
    model = Remembers(spelling, 0.07)
    told = x.clone().requires_grad_()
    loss(model(told)).backward()
    sizes = told.grad.norm(dim=(0, 2))
    assert sizes[0] < 1e-9 * sizes[-1]
    finding = found(model, x, loss)["time-scale"]
    assert finding.path == name
    assert mended(model, finding, x, loss)


@pytest.mark.parametrize("spelling", PLAIN)
def test_usual_recurrences_and_short_ones_are_left_alone(spelling):
    torch.manual_seed(14)
    assert "time-scale" not in found(Remembers(spelling), torch.randn(64, 30, 8), classes(64))
    assert "time-scale" not in found(Remembers(spelling, 0.07), torch.randn(64, 3, 8), classes(64))


def test_gates_keep_what_recurrent_weights_do_not():
    torch.manual_seed(15)
    assert "time-scale" not in found(Remembers("gru", 0.01), torch.randn(64, 30, 8), classes(64))


def test_what_powers_leave_against_singular_values():
    rng = np.random.default_rng(2)
    w = rng.normal(size=(40, 40)) / 40**0.5
    power = np.linalg.matrix_power(w, 8)
    assert kept_by(torch.tensor(w)) == pytest.approx(np.sqrt((np.linalg.svd(power)[1] ** 2).sum()) ** 0.125)
    assert kept_by(torch.diag(torch.ones(39), -1)) > 0.9  # a delay line: all its eigenvalues are 0
    assert math.isnan(kept_by(torch.ones(4, 4)))
    assert math.isnan(kept_by(torch.ones(40, 8)))


def test_what_a_layer_leaves_is_that_of_its_matrix():
    torch.manual_seed(16)
    model = Remembers("fused")
    (seen,) = [
        one.seen
        for one in igt.inspect(model, torch.randn(8, 10, 8)).table.looks
        if isinstance(one.seen, Gates)
    ]
    assert seen.kept == pytest.approx(kept_by(model.layer.weight_hh_l0))

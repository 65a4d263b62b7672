"""What was set up wrong around healthy weights: shapes, masks, units of data, one module in a list."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

from told import told  # noqa: E402

pytestmark = pytest.mark.usefixtures("seed_0_in_one_thread")


def regressor(out=1):
    return nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, out))


class Flat(nn.Module):
    """A regressor that answers (N,)."""

    def __init__(self):
        super().__init__()
        self.body = regressor()

    def forward(self, x):
        return self.body(x)[:, 0]


# ---- answers and targets of two shapes -----------------------------------------------------------------

COLUMN = {
    "mse_loss": lambda y: lambda output: F.mse_loss(output, y),
    "smooth_l1_loss": lambda y: lambda output: F.smooth_l1_loss(output, y),
    "a difference": lambda y: lambda output: (output - y).square().mean(),
    "a difference, turned": lambda y: lambda output: (y - output).abs().mean(),
}


@pytest.mark.filterwarnings("ignore:Using a target size")
@pytest.mark.parametrize("kind", COLUMN)
@pytest.mark.parametrize("column", [True, False])
def test_answers_held_against_the_targets_of_all_samples(kind, column):
    x = torch.randn(40, 8)
    model, y = (regressor(), x[:, 0]) if column else (Flat(), x[:, :1])
    scope = {"loss": COLUMN[kind](y)}
    finding = told(model, x, scope["loss"])["loss-floor"]
    assert "40 x 40 differences" in finding.measured
    assert finding.severity == "critical"
    exec(finding.fix, scope)
    assert not told(model, x, scope["loss"])
    perfect = y[:, None] if column else y[:, 0]
    assert float(scope["loss"](perfect)) == 0


@pytest.mark.filterwarnings("ignore:Using a target size")
def test_targets_that_stand_in_the_inputs_take_the_answers_shape():
    x = torch.randn(40, 8)
    scope = {"inputs": (x, x[:, 0]), "loss": F.mse_loss}
    exec(told(regressor(), scope["inputs"], F.mse_loss)["loss-floor"].fix, scope)
    assert scope["inputs"][1].shape == (40, 1)
    assert not told(regressor(), scope["inputs"], F.mse_loss)


def test_differences_of_all_pairs_that_are_meant():
    x = torch.randn(40, 8)
    assert "loss-floor" not in told(
        Flat(), x, lambda output: (output[:, None] - x[:, 0]).abs().amin(1).mean()
    )
    assert "loss-floor" not in told(regressor(40), x, lambda output: F.mse_loss(output, torch.randn(40)))
    assert "loss-floor" not in told(regressor(), x, lambda output: F.mse_loss(output[:, 0], x[:, 0]))


# ---- one module several times -----------------------------------------------------------------------------


class Experts(nn.Module):
    """Four experts, or one in four places, weighed by a router."""

    def __init__(self, shared, how):
        super().__init__()
        one = regressor()
        self.experts = nn.ModuleList([one] * 4 if shared else [regressor() for _ in range(4)])
        self.router, self.how = nn.Linear(8, 4), how

    def forward(self, x):
        shares = self.router(x).softmax(1)
        if self.how == "side by side":
            return (torch.cat([expert(x) for expert in self.experts], 1) * shares).sum(1, keepdim=True)
        return sum(shares[:, k : k + 1] * expert(x) for k, expert in enumerate(self.experts))


@pytest.mark.parametrize("how", ["side by side", "summed"])
def test_one_expert_in_all_places(how):
    x = torch.randn(32, 8)
    found = told(Experts(True, how), x, lambda output: F.mse_loss(output, x[:, :1]))["identical-layers"]
    assert found.measured.startswith("4 results")
    assert found.path.startswith("experts.0")
    assert "identical-layers" not in told(Experts(False, how), x)


class Injected(nn.Module):
    """A state that reads the same input at every step, as equilibrium models do."""

    def __init__(self):
        super().__init__()
        self.read, self.step, self.answer = nn.Linear(8, 16), nn.Linear(16, 16), nn.Linear(16, 1)

    def forward(self, x):
        state = torch.zeros(len(x), 16)
        for _ in range(4):
            state = torch.tanh(self.step(state) + self.read(x))
        return self.answer(state)


class Pair(nn.Module):
    """One encoder for two views, which differ."""

    def __init__(self):
        super().__init__()
        self.encode, self.answer = nn.Linear(8, 16), nn.Linear(32, 1)

    def forward(self, x):
        return self.answer(torch.cat([self.encode(x), self.encode(x.flip(1))], 1))


@pytest.mark.parametrize("make", [Injected, Pair])
def test_one_layer_used_again_on_purpose(make):
    x = torch.randn(32, 8)
    assert "identical-layers" not in told(make(), x, lambda output: F.mse_loss(output, x[:, :1]))


# ---- masks the wrong way round -----------------------------------------------------------------------------


class Reader(nn.Module):
    """Words of sentences that padding (0) fills up, summed up by attention under a mask."""

    def __init__(self, how, wrong):
        super().__init__()
        self.words, self.places = nn.Embedding(30, 16), nn.Parameter(0.3 * torch.randn(12, 16))
        self.attend = nn.MultiheadAttention(16, 2, batch_first=True) if how == "module" else None
        self.answer, self.how, self.wrong = nn.Linear(16, 3), how, wrong

    def forward(self, ids):
        there = (ids != 0) != self.wrong
        x = self.words(ids) + self.places
        if self.how == "module":
            mixed = self.attend(x, x, x, key_padding_mask=~there, need_weights=False)[0]
        elif self.how == "fused":
            mixed = F.scaled_dot_product_attention(x, x, x, there[:, None].expand(-1, 12, -1))
        else:
            logits = (x @ x.transpose(1, 2) / 4).masked_fill(~there[:, None], -1e9)
            mixed = logits.softmax(-1) @ x
        return self.answer((x + mixed).mean(1))


def sentences(left=False):
    ids = torch.randint(1, 30, (24, 12))
    for k, length in enumerate(torch.randint(4, 12, (24,)).tolist()):
        ids[k, length:] = 0
    return ids.flip(1) if left else ids


@pytest.mark.parametrize("left", [False, True])
@pytest.mark.parametrize("how", ["module", "fused", "written out"])
def test_a_mask_that_leaves_the_padding(how, left):
    ids, y = sentences(left), torch.randint(3, (24,))
    finding = told(Reader(how, True), ids, lambda output: F.cross_entropy(output, y))["attention-collapse"]
    assert "wrong way round" in finding.why
    assert finding.severity == "critical"
    assert not told(Reader(how, False), ids, lambda output: F.cross_entropy(output, y))


def test_sentences_without_padding_do_not_hide_that_of_others():
    ids = sentences()
    ids[::2] = torch.randint(1, 30, (12, 12))  # of these the wrong mask hides all
    assert "attention-collapse" in told(Reader("module", True), ids)
    assert "attention-collapse" not in told(Reader("module", False), ids)


def test_a_mask_that_comes_with_the_sentences_is_no_sentence():
    class Told(Reader):
        """With the mask as a second input, 1 for what is there, as tokenizers give it."""

        def forward(self, ids, mask):
            x = self.words(ids) + self.places
            there = (mask == 1) != self.wrong
            return self.answer(
                (x + F.scaled_dot_product_attention(x, x, x, there[:, None].expand(-1, 12, -1))).mean(1)
            )

    for left in (False, True):
        ids = sentences(left)
        batch = {"ids": ids, "mask": (ids != 0).long()}
        assert not told(Told("fused", False), batch)
        assert "attention-collapse" in told(Told("fused", True), batch)


def test_a_mask_of_chosen_places_is_no_padding_mask():
    class Chosen(Reader):
        def forward(self, ids):
            x = self.words(ids) + self.places
            seen = torch.zeros(len(ids), 12, 12, dtype=torch.bool)
            seen[:, :, -5:] = True  # the last five places, which are words
            return self.answer((x + F.scaled_dot_product_attention(x, x, x, seen)).mean(1))

    assert not told(Chosen("fused", False), torch.randint(1, 30, (24, 12)))


# ---- data as they came -------------------------------------------------------------------------------------


def pixels(count=32):
    return 255 * torch.rand(count, 1, 8, 8) * (torch.rand(count, 1, 8, 8) < 0.4)


def shrunk(model):
    """With a first layer that brings raw numbers to 1 itself."""
    with torch.no_grad():
        model[1].weight.mul_(0.01)
    return model


def network(*first):
    return nn.Sequential(*first, nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 4))


def test_raw_numbers_that_a_layer_reads_as_they_came():
    x, y = pixels() - 200, torch.randint(4, (32,))
    model = nn.Sequential(
        nn.Conv2d(1, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4)
    )
    scope = {"inputs": x}
    finding = told(model, x, lambda output: F.cross_entropy(output, y))["exploding-forward"]
    assert finding.path == "0"
    assert "raw numbers" in finding.why
    exec(finding.fix, scope)
    assert abs(float(scope["inputs"].mean())) < 0.01
    assert float(scope["inputs"].std()) == pytest.approx(1, rel=0.01)
    assert not told(model, scope["inputs"], lambda output: F.cross_entropy(output, y))
    for batch in ((x, y), {"input": x, "labels": y}):
        scope = {"inputs": batch}
        exec(told(model, batch, "cross_entropy")["exploding-forward"].fix, scope)
        new = scope["inputs"]["input"] if isinstance(batch, dict) else scope["inputs"][0]
        assert float(new.std()) == pytest.approx(1, rel=0.01)
        assert (scope["inputs"]["labels"] if isinstance(batch, dict) else scope["inputs"][1]) is y


BROUGHT_TO_SIZE = {
    "a norm first": lambda: network(nn.Flatten(), nn.BatchNorm1d(64)),
    "a norm right behind": lambda: nn.Sequential(
        nn.Conv2d(1, 8, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(288, 4)
    ),
    "a first layer made for them": lambda: shrunk(network(nn.Flatten())),
}


@pytest.mark.parametrize("kind", BROUGHT_TO_SIZE)
def test_raw_numbers_that_something_brings_to_size(kind):
    x, y = pixels(), torch.randint(4, (32,))
    assert "exploding-forward" not in told(
        BROUGHT_TO_SIZE[kind](), x, lambda output: F.cross_entropy(output, y)
    )


def test_times_that_a_table_of_sines_reads_are_no_raw_numbers():
    class Timed(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = network()

        def forward(self, t):
            rates = torch.exp(-math.log(1e4) * torch.arange(32) / 32)
            angles = t[:, None] * rates
            return self.body(torch.cat([angles.sin(), angles.cos()], 1))

    assert not told(Timed(), torch.randint(1000, (32,)).float())


def test_samples_that_are_one_where_their_targets_differ():
    model = nn.Sequential(nn.Embedding(40, 16), nn.Flatten(), nn.Linear(96, 4))
    ids = torch.randint(40, (32, 6))
    y = ids[:, 0] % 4
    lost = (ids / 255).long()
    finding = told(model, lost, lambda output: F.cross_entropy(output, y))["constant-output"]
    assert finding.path == "0"
    assert "32 samples that are the same" in finding.measured
    assert not told(model, ids, lambda output: F.cross_entropy(output, y))
    assert not told(model, lost)  # a batch of zeros to try a model with
    assert not told(model, lost, lambda output: F.cross_entropy(output, torch.zeros(32, dtype=torch.long)))


def test_one_sentence_many_times_may_be_learnt_by_heart():
    class Next(nn.Module):
        def __init__(self):
            super().__init__()
            self.words, self.answer = nn.Embedding(30, 16), nn.Linear(16, 30)

        def forward(self, ids):
            return self.answer(self.words(ids)).flatten(0, 1)

    ids = torch.randint(30, (1, 12)).repeat(8, 1)
    assert not told(Next(), ids, lambda output: F.cross_entropy(output, ids.roll(-1, 1).flatten()))

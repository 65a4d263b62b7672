"""Choices that cannot be learnt: softmax along the wrong axis, settled before it starts, copies, idle bases."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

import isogain.torch as igt  # noqa: E402


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def told(model, inputs, loss):
    """Of each finding that is more than a note its code, once."""
    report = igt.inspect(model, inputs, loss)
    return {one.code: one for one in report.findings if one.severity != "info"}


class Summary(nn.Module):
    """Words of a sentence weighed by a scorer and summed: 12 sentences of 7 words, three classes."""

    def __init__(self, axis, product=False):
        super().__init__()
        self.axis, self.product = axis, product
        self.read, self.score, self.answer = nn.Linear(5, 16), nn.Linear(16, 1), nn.Linear(16, 3)

    def forward(self, x):
        words = torch.tanh(self.read(x))
        shares = self.score(words).softmax(self.axis)
        whole = shares.transpose(1, 2) @ words if self.product else (shares * words).sum(1, keepdim=True)
        return self.answer(whole[:, 0])


SENTENCES = torch.randn(12, 7, 5, generator=torch.Generator().manual_seed(1)), torch.arange(12) % 3


@pytest.mark.parametrize("product", [False, True])
@pytest.mark.parametrize(("axis", "code"), [(1, None), (2, "saturated-units"), (0, "constant-output")])
def test_shares_along_another_axis_than_the_words(axis, code, product):
    model = Summary(axis, product)
    found = told(model, SENTENCES, "cross_entropy")
    assert set(found) == ({code} if code else set())
    F.cross_entropy(model(SENTENCES[0]), SENTENCES[1]).backward()
    assert (not model.score.weight.grad.any()) == (axis == 2)  # what is said of one of them
    sums = torch.tanh(model.read(SENTENCES[0]))
    assert torch.allclose(model.score(sums).softmax(axis).sum(1), torch.ones(1)) == (axis == 1)


def test_shares_of_experts_may_be_one_alone():
    one = nn.Linear(5, 1)

    class Alone(nn.Module):
        def __init__(self):
            super().__init__()
            self.router, self.expert = one, nn.Linear(5, 3)

        def forward(self, x):
            return (self.router(x).softmax(-1) * self.expert(x)).mean(1)

    assert "saturated-units" not in told(Alone(), SENTENCES, "cross_entropy")


def test_a_softmax_of_the_one_answer_is_1():
    x, y = torch.randn(64, 6), (torch.arange(64) % 2).float()[:, None]
    parts = [nn.Linear(6, 24), nn.ReLU(), nn.Linear(24, 1)]
    found = told(nn.Sequential(*parts, nn.Softmax(1)), (x, y), F.binary_cross_entropy)
    assert found["saturated-units"].severity == "critical"
    assert "sigmoid" in found["saturated-units"].why
    assert not told(nn.Sequential(*parts, nn.Sigmoid()), (x, y), F.binary_cross_entropy)


@pytest.mark.parametrize("axis", [-1, 1, 0])
def test_attention_whose_weights_are_shared_by_heads_or_samples(axis):
    class Heads(nn.Module):
        def __init__(self):
            super().__init__()
            self.mixed, self.out = nn.Linear(5, 36), nn.Linear(12, 3)

        def forward(self, x):
            q, k, v = self.mixed(x).view(12, 7, 3, 2, 6).permute(2, 0, 3, 1, 4)
            weights = (q @ k.transpose(-1, -2) / 6**0.5).softmax(axis)
            return self.out((weights @ v).transpose(1, 2).flatten(2).mean(1))

    found = told(Heads(), SENTENCES, "cross_entropy")
    assert set(found) == (set() if axis == -1 else {"constant-output"})


@pytest.mark.parametrize(("axis", "floor"), [(1, None), (0, 2.08), (-1, 0.693)])
def test_nll_loss_reads_classes_along_its_own_axis(axis, floor):
    """Shares of C classes that sum to 1 over n answers cost ln(n / C) at least, at the best of answers."""
    places = axis == -1
    x = torch.randn(6, 2, 8, 8) if places else torch.randn(64, 9)
    y = torch.arange(384).reshape(6, 8, 8) % 4 if places else torch.arange(64) % 8
    layer = nn.Conv2d(2, 4, 3, padding=1) if places else nn.Linear(9, 8)
    model = nn.Sequential(layer, nn.LogSoftmax(axis))
    found = told(model, (x, y), F.nll_loss)
    assert set(found) == ({"loss-floor"} if floor else set())
    if floor:
        assert f"a loss of {floor}" in found["loss-floor"].measured
        perfect = 1e3 * F.one_hot(y, 4 if places else 8).float()
        perfect = (perfect.movedim(-1, 1) if places else perfect).log_softmax(axis)
        assert float(F.nll_loss(perfect, y)) > floor - 0.01


class Biased(nn.Module):
    """Attention to neighbours: logits of a product, less a distance that each head multiplies."""

    def __init__(self, slopes, fused):
        super().__init__()
        self.mixed, self.out, self.fused = nn.Linear(5, 36), nn.Linear(12, 3), fused
        self.register_buffer("slopes", torch.tensor(slopes)[:, None, None])

    def forward(self, x):
        q, k, v = self.mixed(x).view(12, 7, 3, 2, 6).permute(2, 0, 3, 1, 4)
        far = -self.slopes * (torch.arange(7)[:, None] - torch.arange(7)).abs()
        if self.fused:
            heads = F.scaled_dot_product_attention(q, k, v, attn_mask=far.expand(12, -1, -1, -1))
        else:
            heads = (q @ k.transpose(-1, -2) / 6**0.5 + far).softmax(-1) @ v
        return self.out(heads.transpose(1, 2).flatten(2).mean(1))


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize(("slopes", "settled"), [((0.5, 0.25), False), ((9.0, 12.0), True)])
def test_a_distance_that_leaves_nothing_to_choose(slopes, settled, fused):
    found = told(Biased(slopes, fused), SENTENCES, "cross_entropy")
    assert set(found) == ({"saturated-units"} if settled else set())
    assert not settled or "whatever the input" in found["saturated-units"].why


@pytest.mark.parametrize(("offset", "settled"), [(0.0, False), (4.0, False), (12.0, True)])
def test_a_router_whose_bias_takes_one_for_all(offset, settled):
    class Routed(nn.Module):
        def __init__(self):
            super().__init__()
            self.router = nn.Linear(5, 4)
            self.experts = nn.ModuleList(nn.Linear(5, 3) for _ in range(4))
            nn.init.zeros_(self.router.bias)
            self.router.bias.data[2] = offset

        def forward(self, x):
            shares = self.router(x).softmax(-1)
            return (shares[..., None] * torch.stack([one(x) for one in self.experts], 1)).sum(1)

    model, batch = Routed(), (torch.randn(64, 5), torch.arange(64) % 3)
    found = told(model, batch, "cross_entropy")
    assert set(found) == ({"saturated-units"} if settled else set())
    if settled:
        assert found["saturated-units"].paths[0] == "router.bias"
        scope = {"model": model, "torch": torch, "igt": igt}
        exec(found["saturated-units"].fix, scope)
        assert not told(model, batch, "cross_entropy")


@pytest.mark.parametrize(("temperature", "cold"), [(1.0, False), (0.002, True)])
def test_a_cold_softmax_of_trained_numbers(temperature, cold):
    class Selection(nn.Module):
        def __init__(self):
            super().__init__()
            self.preference, self.answer = nn.Parameter(0.2 * torch.randn(4, 30)), nn.Linear(4, 3)

        def forward(self, x):
            return self.answer(x @ (self.preference / temperature).softmax(-1).T)

    found = told(Selection(), (torch.randn(64, 30), torch.arange(64) % 3), "cross_entropy")
    assert set(found) == ({"attention-collapse"} if cold else set())
    assert not cold or found["attention-collapse"].paths == ("preference",)
    assert not cold or found["attention-collapse"].fix


@pytest.mark.parametrize("activated", [False, True])
@pytest.mark.parametrize(("temperature", "hard"), [(1.0, False), (0.006, False), (0.0005, True)])
def test_a_choice_of_codes_by_a_temperature_next_to_nothing(temperature, hard, activated):
    class Coded(nn.Module):
        def __init__(self):
            super().__init__()
            self.choose, self.codes, self.answer = nn.Linear(30, 12), nn.Linear(12, 16), nn.Linear(16, 3)

        def forward(self, x):
            state = self.codes((self.choose(x) / temperature).softmax(-1))
            return self.answer(state.relu() if activated else state)

    found = told(Coded(), (torch.randn(64, 30), torch.arange(64) % 3), "cross_entropy")
    assert set(found) == ({"attention-collapse"} if hard else set())
    assert not hard or found["attention-collapse"].path == "choose"


def test_codes_that_lie_apart_may_be_chosen_for_sure():
    class Nearest(nn.Module):
        def __init__(self, codes):
            super().__init__()
            self.choose, self.keep, self.answer = nn.Linear(30, 12), nn.Linear(12, 16), nn.Linear(16, 3)
            self.choose.weight.data = 25 * codes

        def forward(self, x):
            return self.answer(self.keep(self.choose(x).softmax(-1)))

    codes = torch.linalg.qr(torch.randn(30, 12))[0].T
    x = codes[torch.arange(64) % 12] + 0.02 * torch.randn(64, 30)
    assert "attention-collapse" not in told(Nearest(codes), (x, torch.arange(64) % 3), "cross_entropy")


def test_a_sure_answer_is_no_choice_within():
    class Sure(nn.Module):
        def __init__(self):
            super().__init__()
            self.read = nn.Linear(30, 12)

        def forward(self, x):
            return (self.read(x) / 5e-4).softmax(-1)

    y = torch.arange(64) % 12
    found = told(Sure(), torch.randn(64, 30), lambda output: (output - F.one_hot(y, 12)).square().sum())
    assert "attention-collapse" not in found


@pytest.mark.parametrize("copied", [False, True])
def test_slots_of_one_row(copied):
    class Slots(nn.Module):
        def __init__(self):
            super().__init__()
            rows = torch.randn(1, 12).repeat(3, 1) if copied else torch.randn(3, 12)
            self.slots, self.read, self.cell = nn.Parameter(rows), nn.Linear(5, 12), nn.GRUCell(12, 12)
            self.out = nn.Linear(12, 2)

        def forward(self, x):
            words = self.read(x)
            slots = self.slots.expand(len(x), -1, -1)
            shares = (slots @ words.transpose(1, 2) / 12**0.5).softmax(1)
            return self.out(self.cell((shares @ words).reshape(-1, 12), slots.reshape(-1, 12)))

    x, y = SENTENCES[0], torch.randn(12, 2).repeat_interleave(3, 0)
    found = told(Slots(), x, lambda output: F.mse_loss(output, y))
    assert ("symmetric-units" in found) is copied
    assert not copied or found["symmetric-units"].paths == ("slots",)
    assert not copied or "std=" in found["symmetric-units"].fix


@pytest.mark.parametrize(("stacked", "code"), [(True, "symmetric-units"), (False, "identical-layers")])
@pytest.mark.parametrize("copied", [False, True])
def test_hypotheses_of_which_the_first_takes_all(stacked, code, copied):
    class Guesses(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Sequential(nn.Linear(6, 24), nn.ReLU())
            first = nn.Linear(24, 2)
            each = [first.state_dict() if copied else nn.Linear(24, 2).state_dict() for _ in range(4)]
            self.several = nn.ModuleList(nn.Linear(24, 2) for _ in range(4))
            for layer, state in zip(self.several, each, strict=True):
                layer.load_state_dict(state)
            if stacked:
                self.stack = nn.Parameter(torch.stack([one.weight.detach() for one in self.several]))
                self.several = None

        def forward(self, x):
            x = self.body(x)
            if self.several is None:
                return torch.einsum("nd,kod->nko", x, self.stack)
            return torch.stack([one(x) for one in self.several], 1)

    x, y = torch.randn(48, 6), torch.randn(48, 2)
    found = told(Guesses(), x, lambda output: (output - y[:, None]).square().sum(-1).min(1).values.mean())
    assert (code in found) is copied
    assert not copied or "one alone gets a gradient" in found[code].why


@pytest.mark.parametrize(("unit", "reached"), [(1.0, True), (100.0, False)])
def test_basis_functions_where_no_input_comes(unit, reached):
    class Radial(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("centres", torch.linspace(0, 4, 12))
            self.net = nn.Sequential(nn.Linear(12, 24), nn.SiLU(), nn.Linear(24, 1))

        def forward(self, d):
            return self.net(torch.exp(-6 * (d - self.centres) ** 2))

    distances = 0.5 + 3 * torch.rand(80, 1)
    inputs = (unit * distances, torch.sin(2 * distances))
    found = told(Radial(), inputs, "mse")
    assert set(found) == (set() if reached else {"vanishing-forward", "constant-output"})
    if not reached:
        assert "lie elsewhere than the numbers" in found["constant-output"].why
        scope = {"inputs": inputs, "model": None}
        exec(found["vanishing-forward"].fix, scope)  # inputs as they were given, targets behind them
        assert float(scope["inputs"][0].square().mean()) == pytest.approx(1, rel=0.01)
        assert torch.equal(scope["inputs"][1], inputs[1])


def test_a_prefix_that_outshouts_frozen_attention_gets_the_size_of_what_it_stands_beside():
    class Prompted(nn.Module):
        def __init__(self, size):
            super().__init__()
            self.norm, self.attention = nn.LayerNorm(24), nn.MultiheadAttention(24, 2, batch_first=True)
            self.answer = nn.Linear(24, 3)
            self.requires_grad_(False)
            self.prefix = nn.Parameter(size * torch.randn(5, 24))

        def forward(self, x):
            x = self.norm(x)
            beside = torch.cat([self.prefix.expand(len(x), -1, -1), x], 1)
            return self.answer(self.attention(x, beside, beside)[0].mean(1))

    batch = torch.randn(32, 9, 24), torch.arange(32) % 3
    assert not told(Prompted(0.5), batch, "cross_entropy")
    model = Prompted(20.0)
    found = told(model, batch, "cross_entropy")["attention-collapse"]
    exec(found.fix, {"model": model, "torch": torch, "igt": igt})
    assert float(model.prefix.square().mean()) == pytest.approx(1, rel=0.01)


def test_scales_of_zeros_in_a_row_are_opened_together():
    class Scaled(nn.Module):
        def __init__(self, layer):
            super().__init__()
            self.layer, self.scale = (
                layer.requires_grad_(False),
                nn.Parameter(torch.zeros(layer.out_features)),
            )

        def forward(self, x):
            return self.layer(x) * self.scale

    parts = [nn.Linear(*size, bias=False) for size in ((6, 20), (20, 20), (20, 2))]
    model = nn.Sequential(*(Scaled(one) for one in parts))
    found = told(model, (torch.randn(32, 6), torch.randn(32, 2)), "mse")["symmetric-units"]
    exec(found.fix, {"model": model, "torch": torch, "igt": igt})
    assert all(bool((one.scale == 1).all()) for one in model)  # the last one with them


@pytest.mark.parametrize("axis", [-1, 0])
def test_experts_weighed_by_shares_of_samples(axis):
    class Experts(nn.Module):
        def __init__(self):
            super().__init__()
            self.router, self.experts = nn.Linear(5, 3), nn.ModuleList(nn.Linear(5, 4) for _ in range(3))

        def forward(self, x):
            shares = self.router(x).softmax(axis)
            return sum(shares[:, k : k + 1] * one(x) for k, one in enumerate(self.experts))

    found = told(Experts(), (torch.randn(40, 5), torch.arange(40) % 4), "cross_entropy")
    assert ("constant-output" in found) is (axis == 0)


@pytest.mark.parametrize(("temperature", "cold"), [(0.1, False), (0.001, True)])
def test_a_trained_temperature_that_no_gradient_warms(temperature, cold):
    class Cooled(Summary):
        def __init__(self):
            super().__init__(1)
            self.temperature = nn.Parameter(torch.tensor(temperature))

        def forward(self, x):
            words = torch.tanh(self.read(x))
            return self.answer(((self.score(words) / self.temperature).softmax(1) * words).sum(1))

    assert ("attention-collapse" in told(Cooled(), SENTENCES, "cross_entropy")) is cold

"""Plans and starts: what is decided for every kind of parameter, held against runs of the models themselves."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402
from torch.nn import functional  # noqa: E402

import isogain.torch as igt  # noqa: E402

pytestmark = pytest.mark.usefixtures("seed_0_in_one_thread")


class Residual(nn.Module):
    def __init__(self, blocks=20, norm=False):
        super().__init__()
        self.stem = nn.Linear(16, 32)
        self.one = nn.ModuleList(nn.Linear(32, 32) for _ in range(blocks))
        self.two = nn.ModuleList(nn.Linear(32, 32) for _ in range(blocks))
        self.norms = nn.ModuleList(nn.LayerNorm(32) for _ in range(blocks)) if norm else None
        self.head = nn.Linear(32, 4)

    def forward(self, x):
        x = self.stem(x)
        for k, (one, two) in enumerate(zip(self.one, self.two, strict=True)):
            z = self.norms[k](x) if self.norms else x
            x = x + two(torch.relu(one(torch.relu(z))))
        return self.head(x)


def test_branches_without_norms_start_as_nothing():
    """Fixup's law: 0 at the end of a branch, and L^(-1/2) = 20^(-1/2) before it, for two layers a branch."""
    model, x = Residual(), torch.randn(64, 16)
    igt.init_(model, x, keep_healthy=False)
    assert all(not bool(layer.weight.any()) for layer in model.two)
    std = torch.stack([layer.weight for layer in model.one]).std().item()
    expected = math.sqrt(2 / 32 / 20)
    assert std == pytest.approx(expected, abs=5 * expected / math.sqrt(2 * 20 * 32 * 32))
    with torch.no_grad():
        assert torch.allclose(model(x), model.head(model.stem(x)))


def test_branches_behind_norms_add_up_to_the_stream():
    """L branches of size 1 / sqrt(L): the stream's mean square at most about doubles."""
    plan = igt.plan(Residual(norm=True), torch.randn(64, 16))
    assert plan["two.3.weight"].initializer.scale == pytest.approx(2 / 20)
    assert plan["one.3.weight"].kept is False


class Transformer(nn.Module):
    def __init__(self, layers, order, width=32):
        super().__init__()
        self.tokens = nn.Embedding(50, width)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(
                width, 4, 2 * width, 0.0, "gelu", norm_first=order == "pre", batch_first=True
            )
            for _ in range(layers)
        )
        self.head = nn.Linear(width, 50)
        if order == "tied":
            self.head.weight = self.tokens.weight

    def forward(self, ids):
        x = self.tokens(ids)
        for layer in self.layers:
            x = layer(x)
        return self.head(x)


def test_norms_behind_sums_want_smaller_branches_when_there_are_many():
    ids = torch.randint(0, 50, (4, 12))
    deep, shallow = (igt.plan(Transformer(n, "post").train(), ids) for n in (12, 2))
    assert deep.needed
    assert not shallow.needed
    assert deep["layers.3.linear2.weight"].gain < shallow["layers.1.linear2.weight"].gain


def test_a_healthy_normalised_model_is_left_alone():
    model, ids = Transformer(2, "pre"), torch.randint(0, 50, (8, 12))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    receipt = igt.init_(model, ids)
    assert "healthy" in receipt.left
    assert not receipt.written
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    drawn = igt.init_(model, ids, keep_healthy=False)
    assert not drawn.left
    assert not torch.equal(before["layers.0.linear1.weight"], model.layers[0].linear1.weight)


def test_a_broken_normalised_model_is_mended():
    """Units that are all alike never come apart."""
    layers = (part for _ in range(6) for part in (nn.Linear(32, 32), nn.BatchNorm1d(32), nn.ReLU()))
    model, x = nn.Sequential(*layers, nn.Linear(32, 5)), torch.randn(64, 32)
    with torch.no_grad():
        for layer in model[::3]:
            nn.init.constant_(layer.weight, 0.1)
        nn.init.normal_(model[1].weight, 0, 0.02)
    receipt = igt.init_(model, x, findings=True)
    assert receipt.verdict_before == "critical"
    assert receipt.verdict_after == "healthy"
    assert torch.equal(model[1].weight, torch.ones(32))
    assert torch.equal(model[1].running_mean, torch.zeros(32))


def test_tied_tables_are_one_parameter_with_small_logits():
    model, ids = Transformer(2, "tied"), torch.randint(0, 50, (8, 12))
    igt.init_(model, ids, keep_healthy=False)
    assert model.head.weight is model.tokens.weight
    with torch.no_grad():
        loss = functional.cross_entropy(model(ids).flatten(0, 1), torch.randint(0, 50, (96,)))
    assert float(loss) == pytest.approx(math.log(50), abs=0.25)


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
def test_cells_are_orthogonal_gate_by_gate(kind):
    model = getattr(nn, kind)(8, 16, num_layers=2)
    igt.init_(model, torch.randn(5, 3, 8))
    for gate in model.weight_hh_l1.detach().split(16):
        assert torch.allclose(gate @ gate.T, torch.eye(16), atol=1e-5)
    assert not bool(model.bias_hh_l0.any())


def test_a_recurrence_written_by_hand_is_orthogonal():
    class Cell(nn.Module):
        def __init__(self):
            super().__init__()
            self.read, self.keep = nn.Linear(4, 16), nn.Linear(16, 16)

        def forward(self, x):
            state = torch.zeros(x.shape[0], 16)
            for step in x.unbind(1):
                state = torch.tanh(self.read(step) + self.keep(state))
            return state

    model = Cell()
    igt.init_(model, torch.randn(8, 6, 4))
    assert torch.allclose(model.keep.weight @ model.keep.weight.T, torch.eye(16), atol=1e-5)


def test_sines_follow_their_frequency():
    """Sitzmann et al. 2020: U(+-1/n) first, then U(+-sqrt(6/n) / 30): pre-activations of variance 1."""

    class Sine(nn.Module):
        def forward(self, x):
            return torch.sin(30 * x)

    model = nn.Sequential(
        nn.Linear(2, 256), Sine(), nn.Linear(256, 256), Sine(), nn.Linear(256, 256), Sine(), nn.Linear(256, 3)
    )
    x = torch.rand(512, 2) * 2 - 1
    igt.init_(model, x)
    assert float(model[0].weight.detach().abs().max()) <= 1 / 2
    assert float(model[2].weight.detach().abs().max()) <= math.sqrt(6 / 256) / 30
    std = (math.sqrt(6 / 256) / 30) / math.sqrt(3)
    assert float(model[4].weight.detach().std()) == pytest.approx(std, rel=5 * 0.45 / 256)
    with torch.no_grad():
        assert float((30 * model[:5](x)).std()) == pytest.approx(1.0, abs=0.1)


def test_gates_and_experts_and_groups():
    class Gated(nn.Module):
        def __init__(self):
            super().__init__()
            self.up, self.gate, self.down = nn.Linear(64, 256), nn.Linear(64, 256), nn.Linear(256, 64)

        def forward(self, x):
            return self.down(functional.silu(self.gate(x)) * self.up(x))

    model, x = Gated(), torch.randn(512, 64)
    plan = igt.plan(model, x)
    assert plan["down.weight"].initializer is not None

    class Experts(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.two = nn.Parameter(torch.randn(4, 16, 32)), nn.Parameter(torch.randn(4, 32, 16))

        def forward(self, x):
            return torch.bmm(torch.relu(torch.bmm(x, self.one)), self.two)

    plan = igt.plan(Experts(), torch.randn(4, 8, 16))
    assert plan["one"].layout == "stack in out"
    assert plan["one"].fans.fan_in == 16
    grouped = nn.Sequential(
        nn.Conv2d(8, 16, 3, groups=4, padding=1), nn.ReLU(), nn.ConvTranspose2d(16, 8, 4, stride=2)
    )
    plan = igt.plan(grouped, torch.randn(2, 8, 8, 8))
    assert (plan["0.weight"].groups, plan["0.weight"].fans.fan_in) == (4, 18)
    assert plan["2.weight"].transposed
    assert plan["2.weight"].stride == (2, 2)


def test_what_was_set_by_hand_is_kept():
    model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 4))
    with torch.no_grad():
        model[2].bias.fill_(-4.6)
    receipt = igt.init_(model, torch.randn(8, 8))
    assert torch.equal(model[2].bias.detach(), torch.full((4,), -4.6))
    assert "set by hand" in receipt.plan["2.bias"].reason


def test_adapters_keep_their_zero():
    class Adapted(nn.Module):
        def __init__(self):
            super().__init__()
            self.base = nn.Linear(16, 16)
            self.base.weight.requires_grad_(False)
            self.lora_A, self.lora_B = nn.Linear(16, 2, bias=False), nn.Linear(2, 16, bias=False)
            nn.init.zeros_(self.lora_B.weight)

        def forward(self, x):
            return self.base(x) + self.lora_B(self.lora_A(x))

    model = Adapted()
    base = model.base.weight.clone()
    igt.init_(model, torch.randn(8, 16), keep_healthy=False)
    assert not bool(model.lora_B.weight.any())
    assert torch.equal(model.base.weight, base)


def test_unknown_parameters_are_kept_and_listed():
    class Strange(nn.Module):
        def __init__(self):
            super().__init__()
            self.table = nn.Parameter(torch.rand(3, 4, 5))
            self.line = nn.Linear(5, 5)

        def forward(self, x):
            return self.line(x).unsqueeze(1).unsqueeze(1) * self.table.cumsum(0)

    model = Strange()
    before = model.table.clone()
    receipt = igt.init_(model, torch.randn(2, 5), keep_healthy=False)
    assert torch.equal(before, model.table)
    assert "table" in str(receipt)
    assert receipt.plan["table"].kept

"""Plans and starts: what is decided for every kind of parameter, held against runs of the models themselves."""

from __future__ import annotations

import itertools
import json
import math

import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402
from torch.nn import functional  # noqa: E402

import isogain as ig  # noqa: E402
import isogain.torch as igt  # noqa: E402
from isogain.errors import IsogainError  # noqa: E402
from isogain.graph.plan import PlanError  # noqa: E402

pytestmark = pytest.mark.usefixtures("seed_0_in_one_thread")


def mlp(activation, depth=30, width=64, inputs=32, outputs=10):
    layers, size = [], inputs
    for _ in range(depth - 1):
        layers += [nn.Linear(size, width), activation()]
        size = width
    return nn.Sequential(*layers, nn.Linear(size, outputs))


def sizes(model, inputs, kinds=(nn.Linear, nn.Conv2d, nn.ConvTranspose2d)):
    """Root mean squares of what every layer hands on and of the gradients that come back, by plain hooks."""
    forward, backward, handles = [], [], []

    def watch(module, given, output):
        place = len(forward)
        forward.append(float(output.detach().square().mean().sqrt()))
        backward.append(math.nan)
        output.register_hook(lambda g: backward.__setitem__(place, float(g.square().sum().sqrt())))

    for module in model.modules():
        if isinstance(module, kinds):
            handles.append(module.register_forward_hook(watch))
    output = model(inputs)
    (output * torch.randn(output.shape)).sum().backward()
    for handle in handles:
        handle.remove()
    return forward, backward


class Twist(nn.Module):
    """A function of the user's own, in several operations: z sigmoid(1.3 z) + z / 10."""

    def forward(self, z):
        return z * torch.sigmoid(1.3 * z) + 0.1 * z


LINEAR_ODD_PART = [
    nn.ReLU, lambda: nn.LeakyReLU(0.2), nn.PReLU, nn.GELU, nn.SiLU, nn.Hardswish, nn.Softplus, Twist,
    lambda: nn.Softplus(beta=2.0), lambda: nn.GELU(approximate="tanh"), lambda: nn.ReLU(inplace=True),
]  # fmt: skip


@pytest.mark.parametrize("activation", LINEAR_ODD_PART)
def test_deep_plain_stacks_are_exact_isometries(activation):
    """The oracle is a property: signals keep their size exactly, and the map is linear, f(x + y) =
    f(x) + f(y) and f(-x) = -f(x).  Gradients by single units share out phi' between u and -u, so their
    length varies a little with u, but does not drift."""
    model, x, y = mlp(activation), torch.randn(64, 32), torch.randn(64, 32)
    igt.init_(model, x)
    forward, backward = sizes(model, x)
    assert max(forward[:-1]) / min(forward[:-1]) < 1.001
    assert max(backward[:-1]) / min(backward[:-1]) < 1.1
    with torch.no_grad():
        assert torch.allclose(model(x) + model(y), model(x + y), atol=1e-4)
        assert torch.allclose(model(-x), -model(x), atol=1e-4)


@pytest.mark.parametrize(
    "activation", [nn.Tanh, nn.ELU, nn.SELU, nn.Sigmoid, nn.Mish, nn.ReLU6, lambda: nn.ELU(0.7)]
)
def test_other_deep_plain_stacks_keep_their_signals(activation):
    model, x = mlp(activation), torch.randn(128, 32)
    igt.init_(model, x)
    forward, backward = sizes(model, x)
    per_layer = (max(forward[:-1]) / min(forward[:-1])) ** (1 / 29)
    back = (max(backward[:-1]) / min(backward[:-1])) ** (1 / 29)
    assert per_layer < 1.01
    assert back < 1.1


def test_orthogonal_where_the_activation_is_odd():
    plan = igt.plan(mlp(nn.Tanh), torch.randn(8, 32))
    assert isinstance(plan["2.weight"].initializer, ig.Orthogonal)


@pytest.mark.parametrize("width", [63, 64])
def test_widths_may_be_odd(width):
    model, x = mlp(nn.ReLU, width=width), torch.randn(64, 32)
    igt.init_(model, x)
    forward, _ = sizes(model, x)
    assert max(forward[:-1]) / min(forward[:-1]) < 1.05


def test_widths_may_change():
    widths = [32, 96, 64, 48, 120, 64, 64, 90, 64, 32, 64, 64, 10]
    layers = []
    for before, after in itertools.pairwise(widths):
        layers += [nn.Linear(before, after), nn.ReLU()]
    model, x = nn.Sequential(*layers[:-1]), torch.randn(256, 32)
    igt.init_(model, x)
    forward, _ = sizes(model, x)
    assert max(forward[:-1]) / min(forward[:-1]) < 1.2


def cnn(act=nn.ReLU, depth=14, channels=16, pool=nn.AvgPool2d):
    layers = [nn.Conv2d(3, channels, 3, stride=2, padding=1), act()]
    for _ in range(depth):
        layers += [nn.Conv2d(channels, channels, 3, padding=1), act()]
    return nn.Sequential(*layers, pool(2), nn.Flatten(), nn.Linear(channels * 16, 10))


@pytest.mark.parametrize("act", [nn.ReLU, nn.GELU])
def test_convolutions_mirror_at_their_centre(act):
    model, x = cnn(act), torch.randn(16, 3, 16, 16)
    plan = igt.plan(model, x)
    assert {e.initializer.position for e in plan.values() if isinstance(e.initializer, ig.MirroredOrthogonal)} == {
        "first", "hidden", "last",
    }  # fmt: skip
    igt.init_(model, x)
    forward, _ = sizes(model, x)
    assert max(forward[:-1]) / min(forward[:-1]) < 1.001
    with torch.no_grad():
        assert torch.allclose(model(-x), -model(x), atol=1e-5)


def test_max_pooling_breaks_the_mirror_and_nothing_else():
    """max(u, v) is no odd function: the chain is cut there, and each half is still of one size."""
    model = nn.Sequential(
        *(layer for _ in range(10) for layer in (nn.Conv2d(16, 16, 3, padding=1), nn.ReLU())), nn.MaxPool2d(2),
        *(layer for _ in range(10) for layer in (nn.Conv2d(16, 16, 3, padding=1), nn.ReLU())), nn.Flatten(),
        nn.Linear(16 * 16, 5),
    )  # fmt: skip
    x = torch.randn(16, 16, 8, 8)
    plan = igt.plan(model, x)
    positions = [getattr(plan[f"{k}.weight"].initializer, "position", None) for k in (0, 18, 21, 23, 39, 42)]
    assert positions == ["first", "last", "first", "hidden", "hidden", "last"]
    igt.init_(model, x)
    forward, _ = sizes(model, x)
    assert max(forward[:-1]) / min(forward[:-1]) < 1.1


def test_flattening_channels_last_breaks_the_pairs():
    """After a permute, units and their partners are neighbours, not halves: no mirror across it."""

    class Permuted(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Sequential(
                *(part for _ in range(9) for part in (nn.Conv2d(8, 8, 3, padding=1), nn.ReLU()))
            )
            self.head = nn.Linear(8 * 16, 5)

        def forward(self, x):
            return self.head(self.body(x).permute(0, 2, 3, 1).flatten(1))

    model, x = Permuted(), torch.randn(8, 8, 4, 4)
    plan = igt.plan(model, x)
    assert getattr(plan["body.16.weight"].initializer, "position", None) == "last"
    assert not isinstance(plan["head.weight"].initializer, ig.MirroredOrthogonal)


def test_a_side_output_breaks_the_pairs():
    class Side(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.ModuleList(nn.Linear(32, 32) for _ in range(12))

        def forward(self, x):
            kept = []
            for layer in self.layers:
                x = torch.relu(layer(x))
                kept.append(x)
            return torch.cat([kept[5], x], dim=1)

    plan = igt.plan(Side(), torch.randn(4, 32))
    assert plan["layers.5.weight"].initializer.position == "last"
    assert not isinstance(plan["layers.6.weight"].initializer, ig.MirroredOrthogonal) or (
        plan["layers.6.weight"].initializer.position == "first"
    )


def test_a_layer_used_again_and_again_is_drawn_once():
    class Loop(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.again, self.last = nn.Linear(16, 32), nn.Linear(32, 32), nn.Linear(32, 4)

        def forward(self, x):
            x = self.first(x)
            for _ in range(12):
                x = self.again(torch.relu(x))
            return self.last(torch.relu(x))

    model, x = Loop(), torch.randn(64, 16)
    receipt = igt.init_(model, x)
    assert len(receipt.written) == 6
    assert torch.isfinite(model(x)).all()


def test_shallow_networks_use_their_whole_width():
    model = mlp(nn.ReLU, depth=3, width=128)
    plan = igt.plan(model, torch.randn(8, 32))
    assert isinstance(plan["2.weight"].initializer, ig.VarianceScaling)
    assert plan["2.weight"].initializer.scale == pytest.approx(2.0)
    x = torch.randn(512, 32)
    igt.init_(model, x)
    forward, _ = sizes(model, x)
    assert forward[:2] == pytest.approx([1, 1], rel=0.06)
    assert forward[2] == pytest.approx(0.3, rel=0.06)


def test_calibration_meets_inputs_of_any_size():
    for scale in (1e-3, 1.0, 1e3):
        model, x = mlp(nn.ReLU, depth=12), scale * torch.randn(64, 32)
        igt.init_(model, x)
        forward, _ = sizes(model, x)
        assert forward[:-1] == pytest.approx([1.0] * 11, rel=0.021)


# ---- residual, attention, embeddings, cells -----------------------------------------------------------


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
    igt.init_(model, x)
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


# ---- the plan as data ------------------------------------------------------------------------------


def test_plans_are_data():
    plan = igt.plan(mlp(nn.GELU), torch.randn(4, 32))
    again = igt.Plan.from_json(plan.to_json())
    assert again == plan
    assert again.hash == plan.hash
    assert json.loads(plan.to_json())["schema"] == "isogain.plan/1"
    text = str(plan)
    assert "MirroredOrthogonal" in text
    assert "x 28" in text
    assert "<table>" in plan._repr_html_()


def test_plans_can_be_edited():
    model = mlp(nn.ReLU, depth=4)
    plan = igt.plan(model, torch.randn(4, 32))
    before = plan.hash
    plan["2.weight"] = "xavier_normal"
    assert plan.override("*.bias", ig.Constant(0.5)) == ("0.bias", "2.bias", "4.bias", "6.bias")
    plan["0.weight"] = None
    assert plan.hash != before
    own = model[0].weight.clone()
    igt.apply_(model, plan, seed=3)
    assert torch.equal(model[0].weight, own)
    assert torch.equal(model[2].bias.detach(), torch.full((64,), 0.5))
    drawn = ig.draw("xavier_normal", (64, 64), seed=3, path="2.weight", layout="out in")
    assert torch.equal(model[2].weight.detach(), torch.from_numpy(drawn))


@pytest.mark.parametrize(
    ("act", "said"),
    [
        (lambda p: p["2.wight"], "did you mean 2.weight"),
        (lambda p: p.override("nothing.*", "zeros"), "no parameter of Sequential fits"),
        (lambda p: p.override("*", "orthogonal"), "does not fit"),
        (lambda p: p.__setitem__("2.weight", 3), "an initializer"),
        (lambda p: igt.Plan.from_json("{"), "not JSON"),
        (lambda p: igt.Plan.from_json("{}"), "not a plan"),
        (lambda p: igt.Plan.from_json('{"schema": "isogain.plan/1"}'), "missing"),
    ],
)
def test_mistakes_are_named(act, said):
    plan = igt.plan(mlp(nn.ReLU, depth=3), torch.randn(4, 32))
    before = plan.to_json()
    with pytest.raises(IsogainError, match=said):
        act(plan)
    assert plan.to_json() == before


def test_an_unknown_recipe_or_pattern_is_refused():
    with pytest.raises(PlanError, match="no recipe is called 'nope'"):
        igt.plan(nn.Linear(2, 2), torch.randn(1, 2), recipe="nope")
    with pytest.raises(PlanError, match=r"no parameter fits 'x\.\*'"):
        igt.init_(nn.Linear(2, 2), torch.randn(1, 2), exclude="x.*")


def test_a_plan_without_inputs_says_what_it_guessed():
    plan = igt.plan(mlp(nn.ReLU))
    assert isinstance(plan["2.weight"].initializer, ig.MirroredOrthogonal)
    assert "guessed" in plan.notes[0]

    class Stubborn(nn.Module):
        def __init__(self):
            super().__init__()
            self.a = nn.Linear(4, 5)

        def forward(self, a, b):
            raise RuntimeError

    plan = igt.plan(Stubborn())
    assert "unknown" in plan.notes[0]
    assert plan["a.weight"].initializer.scale == 1.0


def test_the_command(tmp_path, monkeypatch):
    from typer.testing import CliRunner

    from isogain.cli.app import app

    (tmp_path / "planned_models.py").write_text(
        "from torch import nn\ndef make(width=32): return nn.Sequential(nn.Linear(8, width), nn.ReLU(), nn.Linear(width, 2))\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    runner = CliRunner()
    done = runner.invoke(app, ["plan", "planned_models:make", "--input", "f32[4,8]", "--json", "plan.json"])
    assert done.exit_code == 0, done.output
    assert "VarianceScaling" in done.output
    assert len(igt.Plan.from_json((tmp_path / "plan.json").read_text())) == 4
    meta = runner.invoke(app, ["plan", "planned_models:make", "--meta", "--json", "-"])
    assert json.loads(meta.output)["entries"]
    wrong = runner.invoke(app, ["plan", "planned_models:make", "--input", "f32[4,9]"])
    assert wrong.exit_code == 2


def test_weights_that_stay_break_the_pairs_around_them():
    """A layer that keeps its own weights cannot read halves, and makes none."""
    model, x = mlp(nn.ReLU), torch.randn(64, 32)
    plan = igt.plan(model, x, exclude="20.weight")
    positions = [getattr(plan[f"{k}.weight"].initializer, "position", None) for k in (16, 18, 20, 22, 24)]
    assert positions == ["hidden", "last", None, "first", "hidden"]
    igt.init_(model, x, exclude="20.weight")
    forward, _ = sizes(model, x)
    assert max(forward[10:-1]) / min(forward[11:-1]) < 1.1


def test_depthwise_and_tied_readers_make_no_pairs():
    layers = [part for _ in range(10) for part in (nn.Conv2d(16, 16, 3, padding=1), nn.ReLU())]
    model = nn.Sequential(*layers, nn.Conv2d(16, 16, 3, padding=1, groups=16), nn.ReLU(), nn.Conv2d(16, 4, 1))
    plan = igt.plan(model, torch.randn(2, 16, 8, 8))
    assert plan["18.weight"].initializer.position == "last"
    assert not isinstance(plan["20.weight"].initializer, ig.MirroredOrthogonal)


def test_receipts_are_data_and_readable():
    model, x = mlp(nn.ReLU, depth=12), torch.randn(64, 32)
    receipt = igt.init_(model, x, seed=3, findings=True)
    data = json.loads(receipt.to_json())
    assert (data["schema"], data["seed"], data["plan_hash"]) == ("isogain.receipt/1", 3, receipt.plan.hash)
    assert len(data["written"]) == 24
    forward, _ = sizes(model, x)
    measured = [gain.after for gain in receipt.gains]
    assert measured == pytest.approx(forward, rel=1e-3)
    assert [gain.predicted for gain in receipt.gains] == pytest.approx([1.0] * 11 + [0.3])
    ratio = [gain.gradient_after / receipt.gains[-1].gradient_after for gain in receipt.gains[:-1]]
    assert max(ratio) / min(ratio) < 1.2
    assert receipt.spread[1] < receipt.spread[0]
    text = str(receipt)
    assert "24 parameters written" in text
    assert "decades before" in text
    assert "inspected: " in text
    assert "<li>" in receipt._repr_html_()
    assert "24 written" in repr(receipt)


def test_names_are_escaped_in_html():
    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.add_module("<b>", nn.Linear(4, 4))

        def forward(self, x):
            return self._modules["<b>"](x)

    plan = igt.plan(Odd(), torch.randn(2, 4))
    assert "<b>" not in plan._repr_html_()
    assert (
        "<b>" not in igt.init_(Odd(), torch.randn(2, 4), exclude="<b>.bias", keep_healthy=False)._repr_html_()
    )


@pytest.mark.parametrize("channels", [8, 9])
def test_a_whole_kernel_of_pairs_is_an_isometry_where_it_tiles(channels):
    """Kernel 2 at stride 2 reads every pixel once: relu between [Q; -Q] and [Q, -Q] over whole kernels keeps
    lengths, whatever odd channel is left over."""
    first = ig.draw(
        ig.MirroredOrthogonal(position="first"), (channels, 4, 1, 1), layout="out in *", seed=0, path="a"
    )
    whole = ig.MirroredOrthogonal(position="last", centre="whole")
    last = ig.draw(whole, (16, channels, 2, 2), layout="out in *", seed=0, path="b")
    x = torch.randn(5, 4, 6, 6)
    between = functional.relu(functional.conv2d(x, torch.from_numpy(first)))
    y = functional.conv2d(between, torch.from_numpy(last), stride=2)
    assert torch.allclose(y.square().sum((1, 2, 3)), x.square().sum((1, 2, 3)), rtol=1e-4)
    law = whole.law((16, channels, 2, 2), layout="out in *")
    assert float((last**2).mean() ** 0.5) == pytest.approx(law.std, rel=1e-5)

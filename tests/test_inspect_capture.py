"""What is captured: weights and activations as used, whatever way the model uses them."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

import isogain.torch as igt  # noqa: E402


def weights(report):
    return [(layer.path, layer.op) for layer in report.layers if layer.kind == "weight"]


def by_path(report, path):
    return next(layer for layer in report.layers if layer.path == path)


def test_numbers_against_torch_itself():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 50), nn.Tanh(), nn.Linear(50, 3))
    x = torch.randn(40, 6)
    hidden = model[0](x)
    hidden.retain_grad()
    out = model[2](model[1](hidden))
    target = torch.randint(0, 3, (40,))
    F.cross_entropy(out, target).backward()
    report = igt.inspect(model, x, lambda o: F.cross_entropy(o, target))
    layer = by_path(report, "0")
    assert layer.rms == pytest.approx(float(hidden.square().mean().sqrt()), rel=1e-5)
    assert layer.forward.mean == pytest.approx(float(hidden.mean()), abs=1e-6)
    assert layer.gradient_rms == pytest.approx(float(hidden.grad.square().mean().sqrt()), rel=1e-5)
    assert layer.gain == pytest.approx(float(model[0].weight.square().mean().sqrt()) * math.sqrt(6), rel=1e-5)
    assert report.table.loss_value == pytest.approx(float(F.cross_entropy(out, target)), rel=1e-6)
    assert report.table.parameters["0.weight"].gradient.rms == pytest.approx(
        float(model[0].weight.grad.square().mean().sqrt()), rel=1e-5
    )


def test_influence_is_gradient_times_signal():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 50), nn.Tanh(), nn.Linear(50, 3))
    x = torch.randn(40, 6)
    hidden = model[0](x)
    hidden.retain_grad()
    model[2](model[1](hidden)).square().sum().backward()
    report = igt.inspect(model, x, lambda o: o.square().sum())
    expected = float((hidden * hidden.grad).square().mean().sqrt())
    assert by_path(report, "0").backward.influence == pytest.approx(expected, rel=1e-5)


def test_functional_raw_and_reused_weights():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.raw = nn.Parameter(torch.randn(8, 8) / 3)
            self.layer = nn.Linear(8, 8)

        def forward(self, x):
            x = F.relu(x @ self.raw)
            x = self.layer(x)
            return F.linear(torch.einsum("bi,ij->bj", x, self.raw), self.layer.weight)

    report = igt.inspect(Net(), torch.randn(5, 8))
    assert report.coverage.share == 1
    assert [op for _, op in weights(report)] == ["matmul", "linear", "einsum", "linear"]
    assert len(report.table.graph.by_parameter["layer.weight"].nodes) == 2


def test_x_at_w_and_linear_have_the_same_gain():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.w = nn.Parameter(torch.randn(100, 10) / 10)

        def forward(self, x):
            return x @ self.w

    layer = next(la for la in igt.inspect(Net(), torch.randn(5, 100)).layers if la.kind == "weight")
    assert layer.gain == pytest.approx(1.0, rel=0.15)


def test_parametrized_weights_as_used():
    layer = nn.utils.parametrizations.weight_norm(nn.Linear(16, 16))
    with torch.no_grad():
        layer.parametrizations.weight.original0.fill_(2.0)
    report = igt.inspect(nn.Sequential(layer), torch.randn(4, 16))
    found = next(la for la in report.layers if la.kind == "weight")
    assert found.path == "0"
    assert found.gain == pytest.approx(float(layer.weight.detach().square().mean().sqrt()) * 4, rel=1e-4)


def test_in_place_activations_do_not_hide_what_was_before():
    torch.manual_seed(1)
    kept = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 2))
    inplace = nn.Sequential(kept[0], nn.ReLU(inplace=True), kept[2])
    x = torch.randn(20, 8)
    a, b = igt.inspect(kept, x), igt.inspect(inplace, x)
    for path in ("0", "1", "2"):
        assert by_path(a, path).rms == pytest.approx(by_path(b, path).rms)
        assert by_path(a, path).gradient_rms == pytest.approx(by_path(b, path).gradient_rms)


def test_multihead_attention_is_opened():
    model = nn.MultiheadAttention(16, 4, batch_first=True)

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.attention = model

        def forward(self, x):
            return self.attention(x, x, x)[0]

    report = igt.inspect(Net(), torch.randn(3, 5, 16))
    assert weights(report) == [("attention", "linear"), ("attention.out_proj", "linear")]
    assert report.coverage.share == 1


def test_autocast_and_bfloat16():
    model = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 4))

    class Cast(nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, x):
            with torch.autocast("cpu", torch.bfloat16):
                return self.model(x)

    report = igt.inspect(Cast(), torch.randn(8, 16))
    assert by_path(report, "model.0").dtype == "bfloat16"
    assert report.verdict == "healthy"


def test_torch_func_inside_a_model():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(4, 4)

        def forward(self, x):
            return torch.func.vmap(self.layer)(x) + torch.func.functional_call(
                self.layer, dict(self.layer.named_parameters()), (x,)
            )

    report = igt.inspect(Net(), torch.randn(6, 4))
    assert all(state.gradient is not None for state in report.table.parameters.values())


def test_checkpointed_blocks():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.block, self.head = nn.Sequential(nn.Linear(8, 8), nn.Tanh()), nn.Linear(8, 2)

        def forward(self, x):
            return self.head(torch.utils.checkpoint.checkpoint(self.block, x, use_reentrant=False))

    report = igt.inspect(Net(), torch.randn(6, 8))
    assert report.verdict == "healthy"
    assert by_path(report, "block.0").gradient_rms > 0


def test_the_trunk_of_a_residual_network_is_its_sums():
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(8, 8), nn.Linear(8, 8)

        def forward(self, x):
            return x + self.b(F.relu(self.a(x)))

    model = nn.Sequential(nn.Linear(8, 8), Block(), Block(), nn.Linear(8, 2))
    report = igt.inspect(model, torch.randn(6, 8))
    trunk = [layer.op for layer in report.layers if layer.on_trunk]
    assert trunk == ["linear", "add", "add", "linear"]
    roles = {layer.path: layer.role for layer in report.layers if layer.kind == "weight"}
    assert roles["1.b"] == "residual branch end"
    assert roles["3"] == "head"


def test_tied_heads_and_embeddings():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.words, self.head = nn.Embedding(20, 8), nn.Linear(8, 20, bias=False)
            self.head.weight = self.words.weight

        def forward(self, ids):
            return self.head(self.words(ids))

    report = igt.inspect(Net(), torch.randint(0, 20, (4, 6)))
    assert [layer.role for layer in report.layers if layer.kind in ("weight", "embedding")] == [
        "embedding",
        "tied head",
    ]


def test_recurrent_layers_are_followed():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm = nn.LSTM(8, 16, 2, batch_first=True)

        def forward(self, x):
            return self.lstm(x)[0]

    report = igt.inspect(Net(), torch.randn(4, 5, 8))
    assert report.coverage.share == 1
    assert any(layer.kind == "recurrent" and layer.gradient_rms > 0 for layer in report.layers)


def test_a_cast_to_the_type_it_has_is_no_operation_and_a_bias_stands_with_its_layer():
    """As Keras on torch writes a layer out: casts that do nothing hide no activation from the weight before it."""

    class Written(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(8, 8)

        def forward(self, x):
            made = torch.matmul(x.to(torch.float32), self.layer.weight.t()).to(torch.float32)
            made = torch.add(made.to(torch.float32), self.layer.bias).to(torch.float32).contiguous()
            return torch.relu(made)

    nodes = igt.inspect(Written(), torch.randn(16, 8)).table.graph.nodes
    assert [(node.kind, node.path) for node in nodes if node.kind != "input"] == [
        ("weight", "layer"), ("add", "layer"), ("activation", ""),
    ]  # fmt: skip

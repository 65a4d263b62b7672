"""Laws are of the weight that an operation reads, however the module makes it from its parameters."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402
from torch.nn import functional  # noqa: E402
from torch.nn.utils import parametrizations, parametrize  # noqa: E402

import isogain.torch as igt  # noqa: E402

pytestmark = [
    pytest.mark.usefixtures("seed_0_in_one_thread"),
    pytest.mark.filterwarnings("ignore:.*weight_norm.*:FutureWarning"),
]
NORMS = {
    "weight": parametrizations.weight_norm, "weight, by row": lambda layer: parametrizations.weight_norm(layer, dim=1),
    "weight, whole": lambda layer: parametrizations.weight_norm(layer, dim=None), "weight, hook": nn.utils.weight_norm,
    "spectral": parametrizations.spectral_norm, "spectral, hook": nn.utils.spectral_norm,
}  # fmt: skip


class Branch(nn.Module):
    def __init__(self, normed):
        super().__init__()
        self.up, self.down = normed(nn.Conv1d(12, 12, 3, padding=1)), normed(nn.Conv1d(12, 12, 1))

    def forward(self, x):
        return x + self.down(functional.leaky_relu(self.up(x), 0.1))


@pytest.mark.parametrize("kind", NORMS)
def test_no_zero_is_divided_by_its_own_norm(kind):
    model, x = (
        nn.Sequential(nn.Conv1d(3, 12, 1), *[Branch(NORMS[kind]) for _ in range(7)]),
        torch.randn(8, 3, 20),
    )
    receipt = igt.init_(model, x, keep_healthy=False)
    assert receipt.written
    out = model(x)
    assert bool(out.isfinite().all())
    out.square().mean().backward()
    assert all(p.grad is None or bool(p.grad.isfinite().all()) for p in model.parameters())
    if kind.startswith("weight"):
        assert torch.allclose(out, model[0](x), atol=1e-6), "magnitude 0 with any direction"


@pytest.mark.parametrize("normed", [parametrizations.spectral_norm, nn.utils.spectral_norm])
def test_singular_values_are_1_as_soon_as_a_weight_is_written(normed):
    layers = [normed(nn.Linear(32, 32)) for _ in range(4)]
    model = nn.Sequential(*[part for layer in layers for part in (layer, nn.LeakyReLU(0.2))])
    igt.init_(model, torch.randn(64, 32), keep_healthy=False)
    model.eval()
    with torch.no_grad():
        model(torch.randn(2, 32))
        found = [float(torch.linalg.matrix_norm(layer.weight, 2)) for layer in layers]
    assert found == pytest.approx([1.0] * 4, abs=0.1)


class Equalised(nn.Module):
    """Parameters of size 1, a constant on them as they are read."""

    def __init__(self, n, m, how):
        super().__init__()
        self.how, self.constant = how, 0.5 / math.sqrt(n)
        self.weight, self.bias = nn.Parameter(torch.randn(m, n)), nn.Parameter(torch.zeros(m))
        self.register_buffer("number", torch.tensor(self.constant))

    def forward(self, x):
        made = {
            "times": lambda w: w * self.constant, "divided": lambda w: w / (1 / self.constant),
            "turned": lambda w: (self.number * w.t()).t(), "twice": lambda w: 2 * (w * (self.constant / 2)),
        }  # fmt: skip
        return functional.linear(x, made[self.how](self.weight), self.bias)


@pytest.mark.parametrize("how", ["times", "divided", "turned", "twice"])
def test_a_constant_on_a_weight_is_taken_off_its_draw(how):
    layers = [Equalised(64, 64, how) for _ in range(3)]
    model = nn.Sequential(*[part for layer in layers for part in (layer, nn.LayerNorm(64), nn.ReLU())])
    x = torch.randn(256, 64)
    receipt = igt.init_(model, x, keep_healthy=False)
    assert receipt.plan["3.weight"].multiple == pytest.approx(0.5 / 8)
    read = layers[1].weight.detach() * layers[1].constant
    assert float(read.std()) == pytest.approx(math.sqrt(2 / 64), rel=5 / math.sqrt(2 * 64 * 64))
    assert igt.Plan.from_json(receipt.plan.to_json()) == receipt.plan


class Computed(nn.Module):
    """Weights that are no multiples of their parameter."""

    def __init__(self, how):
        super().__init__()
        self.how, self.weight = how, nn.Parameter(torch.randn(16, 16))
        self.register_buffer("mask", torch.tril(torch.ones(16, 16), -1))

    def forward(self, x):
        w = self.weight
        made = {
            "standardised": lambda: (w - w.mean(1, keepdim=True)) / w.std(1, keepdim=True),
            "by a norm": lambda: functional.layer_norm(w, (16,)), "positive": lambda: functional.softplus(w),
            "normalised": lambda: w / w.norm(), "masked": lambda: w * self.mask, "exponential": lambda: w.exp(),
        }  # fmt: skip
        return functional.linear(x, made[self.how]())


@pytest.mark.parametrize(
    "how", ["standardised", "by a norm", "positive", "normalised", "masked", "exponential"]
)
def test_what_is_computed_from_a_parameter_is_left_to_it(how):
    model = nn.Sequential(nn.Linear(16, 16), nn.ReLU(), Computed(how), nn.ReLU(), nn.Linear(16, 4))
    before = model[2].weight.detach().clone()
    receipt = igt.init_(model, torch.randn(32, 16), keep_healthy=False)
    assert torch.equal(model[2].weight, before)
    assert "computed" in receipt.plan["2.weight"].reason
    assert "0.weight" in {one.path for one in receipt.written}


def test_a_parametrization_of_ones_own_is_set_through_its_inverse():
    class Tripled(nn.Module):
        def forward(self, original):
            return 3 * original

        def right_inverse(self, weight):
            return weight / 3

    model = nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 4))
    parametrize.register_parametrization(model[2], "weight", Tripled())
    x = torch.randn(256, 32)
    igt.init_(model, x, keep_healthy=False)
    assert float(model[2](model[1](model[0](x))).square().mean().sqrt()) == pytest.approx(1.0, rel=0.06)


def test_weights_of_eight_bits_are_left_alone_and_named():
    class Quantised(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.randn(32, 16).to(torch.float8_e5m2), requires_grad=False)
            self.codes = nn.Parameter(torch.randint(-8, 8, (32, 16), dtype=torch.int8), requires_grad=False)

        def forward(self, x):
            return functional.linear(x, self.weight.to(x.dtype) / 4 + self.codes.to(x.dtype) / 64)

    model, x = nn.Sequential(Quantised(), nn.ReLU(), nn.Linear(32, 4)), torch.randn(16, 16)
    before = model[0].weight.to(torch.float32)
    receipt = igt.init_(model, x, keep_healthy=False)
    assert torch.equal(model[0].weight.to(torch.float32), before)
    assert {"0.weight", "0.codes"} <= {entry.path for entry in receipt.plan.kept}

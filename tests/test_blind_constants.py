"""Constants in the way: factors of 0, biases that are all of a layer, steps and thresholds that are meant."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

from isogain.torch.inspection.inspecting import inspect  # noqa: E402
from isogain.torch.mending.proving import inspect as proved  # noqa: E402

WIDTH, CLASSES = 32, 3


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def batch():
    return torch.randn(64, 16), torch.arange(64) % CLASSES


def told(model, inputs=None, loss="cross_entropy"):
    report = inspect(model, inputs if inputs is not None else batch(), loss)
    return [one for one in report.findings if one.severity != "info"]


class Scaled(nn.Module):
    """Residual branches that read a norm's output times a factor."""

    def __init__(self, factor, trained=False, biased=True):
        super().__init__()
        self.first, self.head = nn.Linear(16, WIDTH), nn.Linear(WIDTH, CLASSES)
        self.norm = nn.LayerNorm(WIDTH)
        self.up, self.down = nn.Linear(WIDTH, WIDTH, bias=biased), nn.Linear(WIDTH, WIDTH)
        if trained:
            self.factor = nn.Parameter(torch.tensor(factor))
        else:
            self.register_buffer("factor", torch.tensor(factor))

    def forward(self, x):
        x = self.first(x)
        return self.head(x + self.down(F.gelu(self.up(self.norm(x) * self.factor))))


def test_a_factor_of_zero_that_nothing_trains_is_named_with_the_layers_behind_it():
    found = told(Scaled(0.0))
    assert [(one.code, one.severity, one.path) for one in found] == [("vanishing-forward", "critical", "up")]
    assert "factor multiplies by 0 all that reaches up" in found[0].why


@pytest.mark.parametrize(("factor", "trained"), [(0.3, False), (0.0, True)])
def test_other_factors_and_trained_ones_are_left_alone(factor, trained):
    assert not told(Scaled(factor, trained))


class FromNothing(nn.Module):
    """One step of a recurrence, whose state starts at 0 and is kept where an episode goes on."""

    def __init__(self):
        super().__init__()
        self.cell, self.head = nn.GRUCell(16, WIDTH), nn.Linear(WIDTH, CLASSES)

    def forward(self, x):
        return self.head(self.cell(x, 0.5 * x.new_zeros(len(x), WIDTH)))


def test_a_state_that_starts_at_zero_is_no_factor():
    assert not told(FromNothing())


class OnASphere(nn.Module):
    """Points of length 1 behind a layer with a bias."""

    def __init__(self, weight, bias):
        super().__init__()
        self.body, self.embed = nn.Sequential(nn.Linear(16, 64), nn.ReLU()), nn.Linear(64, 8)
        self.embed.weight.data.mul_(weight)
        self.embed.bias.data.fill_(bias)

    def forward(self, x):
        return F.normalize(self.embed(self.body(x)), dim=1)


def triplet(labels):
    same = (labels[:, None] == labels[None]).float()

    def loss(points):
        apart = (points[:, None] - points[None]).square().sum(-1)
        return F.relu((apart * same).amax(1) - (apart + 9 * same).amin(1) + 0.3).mean()

    return loss


def test_a_bias_that_is_all_of_a_layer_is_the_cause_and_its_line_mends():
    x, labels = batch()
    model, loss = OnASphere(1e-6, 30.0), triplet(labels)
    found = next(one for one in proved(model, x, loss).findings if one.code == "constant-output")
    assert found.why.startswith("the bias of embed has root mean square 30")
    assert found.fix == "torch.nn.init.constant_(model.get_parameter('embed.bias'), 0)"
    exec(found.fix, {"torch": torch, "model": model})
    assert not told(model, x, loss)


def test_a_bias_as_large_as_what_weights_make_is_none():
    x, labels = batch()
    assert not told(OnASphere(1.0, 0.5), x, triplet(labels))


class Clipped(nn.Module):
    """ReLUs that end at a ceiling."""

    def __init__(self, size, low):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(16, 64), nn.Linear(64, 64), nn.Linear(64, 64)])
        self.head, self.low = nn.Linear(64, CLASSES), low
        for layer in self.layers:
            nn.init.normal_(layer.weight, std=size * (2 / layer.in_features) ** 0.5)

    def forward(self, x):
        for layer in self.layers:
            x = F.hardtanh(layer(x), self.low, 20.0)
        return self.head(x)


def test_a_clipped_relu_is_flat_by_its_shape():
    assert not told(Clipped(1.0, 0.0))


def test_one_whose_units_all_reach_the_ceiling_is_saturated():
    found = [one for one in told(Clipped(60.0, -20.0)) if one.code == "saturated-units"]
    assert found
    assert "hardtanh" in found[0].measured


class Synapses(nn.Module):
    """Each connection opens at a potential of its own, as steeply as it was drawn."""

    def __init__(self, own):
        super().__init__()
        self.steep = nn.Parameter(torch.empty(16, WIDTH).uniform_(3, 8)) if own else 6.0
        self.threshold = nn.Parameter(torch.empty(16, WIDTH).uniform_(-1, 1))
        self.weight, self.head = nn.Parameter(torch.randn(16, WIDTH)), nn.Linear(WIDTH, CLASSES)

    def forward(self, x):
        return self.head((torch.sigmoid(self.steep * (x[..., None] - self.threshold)) * self.weight).mean(1))


def test_thresholds_with_a_steepness_of_their_own_are_steep_by_choice():
    assert "saturated-units" not in [one.code for one in told(Synapses(True))]
    assert "saturated-units" in [one.code for one in told(Synapses(False))]


def test_two_layers_have_one_maker_of_a_loss():
    model = nn.Sequential(
        nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 8, bias=False), nn.LayerNorm(8, eps=1e-5)
    )
    model[2].weight.data.mul_(1e-6)
    found = told(model, batch()[0], lambda y: y.square().mean() + y[:, 0].mean())
    assert found
    assert all("2 layers each" not in one.why for one in found)


class StoredTurned(nn.Module):
    """A convolution whose kernel is stored as (height, width, in, out)."""

    def __init__(self, inputs, outputs, std=None):
        super().__init__()
        self.kernel = nn.Parameter(torch.empty(3, 3, inputs, outputs))
        nn.init.kaiming_normal_(self.kernel) if std is None else nn.init.normal_(self.kernel, std=std)

    def forward(self, x):
        return F.relu(F.conv2d(x, self.kernel.permute(3, 2, 0, 1), padding=1))


@pytest.mark.parametrize("law", ["torch's", "its own"])
def test_a_kernel_stored_in_another_order_has_the_fan_of_its_operation(law):
    std = None if law == "torch's" else (2 / (9 * 24)) ** 0.5
    layers = [StoredTurned(24, 24, std) for _ in range(3)]
    model = nn.Sequential(
        nn.Conv2d(1, 24, 1), *layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(24, CLASSES)
    )
    found = [one for one in told(model, (torch.randn(64, 1, 7, 7), batch()[1])) if one.code == "off-peers"]
    assert bool(found) is (law == "torch's")
    if found:
        assert "places of the kernel" in found[0].why
        assert "216 inputs" in found[0].expected


class Tasks(nn.Module):
    """Three answers side by side, one of them far too loud."""

    def __init__(self, loud):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(16, 64), nn.ReLU())
        self.heads = nn.ModuleList([nn.Linear(64, 1) for _ in range(3)])
        nn.init.normal_(self.heads[loud].weight, std=10)

    def forward(self, x):
        y = self.body(x)
        return torch.cat([head(y) for head in self.heads], 1)


@pytest.mark.parametrize("loud", range(3))
def test_of_several_answers_the_loud_one_is_named(loud):
    found = [
        one
        for one in told(Tasks(loud), (batch()[0], torch.randn(64, 3)), "mse")
        if one.code == "initial-loss"
    ]
    assert found[0].path == f"heads.{loud}"

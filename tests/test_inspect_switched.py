"""Parameters that nothing trains: behind switches that no call turns, in plain attributes, under zeros."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

import isogain.torch as igt  # noqa: E402

SAMPLES = 32


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def told(model, *inputs):
    target = torch.arange(SAMPLES) % 4
    inputs = inputs or (torch.randn(SAMPLES, 8),)
    return igt.inspect(model, inputs, lambda answers: F.cross_entropy(answers, target)).findings


class Network(nn.Module):
    """A network with a layer that may be left out."""

    def __init__(self, use=False) -> None:
        super().__init__()
        self.start, self.extra, self.use = nn.Linear(8, 32), nn.Linear(32, 32), use
        self.head = nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 4))

    def rest(self, x):
        return self.head(x.relu())


class BySwitch(Network):
    """Left out by an attribute that was set when it was built."""

    def forward(self, x):
        x = self.start(x)
        return self.rest(self.extra(x.relu()) if self.use else x)


class ByInput(Network):
    """Left out where an input is."""

    def forward(self, x, more=None):
        x = self.start(x)
        if self.use or more is not None:
            x = self.extra(x.relu())
        return self.rest(x)


class BySize(Network):
    """Left out by what was worked out of the input."""

    def forward(self, x):
        wide = x.shape[-1] > 8
        x = self.start(x[:, :8])
        return self.rest(self.extra(x.relu()) if wide else x)


class ByMode(Network):
    """Left out in training."""

    def forward(self, x):
        x = self.start(x)
        return self.rest(x if self.training else self.extra(x.relu()))


class Checked(Network):
    """Asked for before it is used, which is no use."""

    def forward(self, x):
        x = self.start(x)
        if self.extra is not None and self.use:
            x = self.extra(x.relu())
        return self.rest(x)


@pytest.mark.parametrize("kind", [BySwitch, Checked])
def test_a_layer_behind_a_switch_is_told(kind):
    (found,) = told(kind())
    assert (found.code, found.severity) == ("unused-parameter", "warning")
    assert found.paths == ("extra.weight", "extra.bias")
    assert "behind a switch" in found.why
    assert not found.fix
    assert not told(kind(use=True))


def test_a_layer_that_nothing_reads_is_no_reason_to_draw():
    """What is found in the code no draw mends: the rest is healthy, and stays."""
    model, x, target = BySwitch(), torch.randn(SAMPLES, 8), torch.arange(SAMPLES) % 4
    before = {name: value.clone() for name, value in model.state_dict().items()}
    receipt = igt.init_(model, x, loss=lambda answers: F.cross_entropy(answers, target))
    assert receipt.left == "its own start is healthy, and its depth does it no harm"
    assert all(bool((before[name] == value).all()) for name, value in model.state_dict().items())


def test_beside_such_a_layer_a_missing_prior_is_all_that_is_set():
    """500 of 10,000 are of the class: the bias alone is written, though a finding is left."""
    model, x = BySwitch(), torch.randn(200, 8)
    model.head[2] = nn.Linear(64, 50)
    target = (torch.arange(200 * 50) % 2000 == 0).float().view(200, 50)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    receipt = igt.init_(
        model,
        x,
        loss=lambda answers: F.binary_cross_entropy_with_logits(answers, target, reduction="sum") / 5,
    )
    changed = [name for name, value in model.state_dict().items() if not bool((before[name] == value).all())]
    assert changed == ["head.2.bias"] == [one.path for one in receipt.written]


@pytest.mark.parametrize("kind", [ByInput, BySize, ByMode])
def test_a_layer_that_another_call_may_use_is_a_note(kind):
    (found,) = told(kind())
    assert (found.code, found.severity) == ("unused-parameter", "info")
    assert "behind a switch" not in found.why


class Scaled(nn.Module):
    """Scales of tasks in an attribute."""

    def __init__(self, held) -> None:
        super().__init__()
        self.scale = held(torch.ones(4, 16))
        self.start, self.head = nn.Linear(8, 16), nn.Linear(16, 4)

    def forward(self, x, task):
        return self.head((self.start(x) * self.scale[task]).relu())


def test_a_plain_tensor_that_is_to_be_trained_is_told():
    inputs = torch.randn(SAMPLES, 8), torch.arange(SAMPLES) % 4
    (found,) = told(Scaled(torch.Tensor.requires_grad_), *inputs)
    assert (found.code, found.paths) == ("unused-parameter", ("scale",))
    assert "nn.Parameter" in found.why
    assert not told(Scaled(nn.Parameter), *inputs)
    assert not told(Scaled(lambda tensor: tensor), *inputs)


class Times(nn.Module):
    """An embedding of times beside the data; `cast` is what becomes of its sines."""

    def __init__(self, cast) -> None:
        super().__init__()
        self.read, self.time, self.head = nn.Linear(8, 32), nn.Linear(16, 32), nn.Linear(32, 4)
        self.cast = cast

    def forward(self, x, times):
        turns = times[:, None] * torch.logspace(0, 2, 16) / 137.0
        return self.head((self.read(x) + self.time(self.cast(turns.sin()))).relu())


def test_features_that_were_rounded_to_0_are_told():
    inputs = torch.randn(SAMPLES, 8), torch.arange(SAMPLES) + 1.0
    (found,) = told(Times(lambda sines: sines.to(torch.int64).float()), *inputs)
    assert (found.code, found.path, found.severity) == ("vanishing-forward", "time", "warning")
    assert "cast to whole numbers" in found.why
    assert not told(Times(lambda sines: sines), *inputs)


class Denoiser(nn.Module):
    """A last layer of zeros, as of diffusion models."""

    def __init__(self, trained) -> None:
        super().__init__()
        self.start, self.head = nn.Linear(8, 32), nn.Linear(32, 4)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)
        self.head.requires_grad_(trained)

    def forward(self, x):
        return self.head(self.start(x).relu())


def test_a_last_layer_of_zeros_has_to_be_trained():
    assert not [one for one in told(Denoiser(True)) if one.severity != "info"]
    found = told(Denoiser(False))[0]
    assert (found.code, found.severity, found.path) == ("vanishing-forward", "critical", "head.weight")
    assert "frozen" in found.why


class Placed(nn.Module):
    """Tokens, and a learnt table of places by an index that the model holds."""

    def __init__(self, index) -> None:
        super().__init__()
        self.tokens, self.places = nn.Embedding(20, 32), nn.Embedding(64, 32)
        self.register_buffer("index", index)
        self.block = nn.TransformerEncoderLayer(32, 2, 64, 0.0, batch_first=True)
        self.head = nn.Linear(32, 4)

    def forward(self, tokens):
        return self.head(self.block(self.tokens(tokens) + self.places(self.index)).mean(1))


def test_one_place_for_all_positions_is_told():
    tokens = torch.randint(0, 20, (SAMPLES, 64))
    assert not [one for one in told(Placed(torch.arange(64)), tokens) if one.severity != "info"]
    (found,) = [
        one for one in told(Placed(torch.zeros(64, dtype=torch.int64)), tokens) if one.severity != "info"
    ]
    assert (found.code, found.path) == ("rank-collapse", "places.weight")


class Backbone(nn.Module):
    """A network that takes what a sequence gives in front of its end, or in front of one layer of a list."""

    def __init__(self, kind, skipped) -> None:
        super().__init__()
        members = [nn.Sequential(nn.Linear(8 if k == 0 else 32, 32), nn.ReLU()) for k in range(4)]
        self.features, self.skipped, self.head = kind(members), skipped, nn.Linear(32, 4)

    def forward(self, x):
        for place, one in enumerate(self.features):
            x = x if place in self.skipped else one(x)
        return self.head(x)


def sequence(members):
    return nn.Sequential(*members)


@pytest.mark.parametrize(
    ("kind", "skipped", "severity"),
    [
        (sequence, (2, 3), "info"),  # features of a backbone
        (sequence, (1,), "warning"),  # passed over
        (nn.ModuleList, (3,), "warning"),  # a loop that ends too early
    ],
)
def test_a_backbone_may_be_left_before_its_end(kind, skipped, severity):
    (found,) = told(Backbone(kind, skipped))
    assert (found.code, found.severity) == ("unused-parameter", severity)
    assert ("features of a backbone" in found.why) == (severity == "info")

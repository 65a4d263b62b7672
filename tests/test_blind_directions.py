"""Rows that differ in length alone, and other starts that a third blind test asked about."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

import isogain.torch as igt  # noqa: E402
from told import told as found  # noqa: E402


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def graph(count=60, share=0.15):
    """A random graph's matrix, each edge divided by the roots of both degrees (Kipf & Welling 2017)."""
    edges = (torch.rand(count, count) < share).float()
    edges = ((edges + edges.T) > 0).float() + torch.eye(count)
    scale = edges.sum(1) ** -0.5
    return scale[:, None] * edges * scale


class Convolutions(nn.Module):
    def __init__(self, depth: int, keep: float = 0.0) -> None:
        super().__init__()
        self.keep = keep
        self.register_buffer("near", graph())
        self.inp, self.out = nn.Linear(16, 24), nn.Linear(24, 3)
        self.convs = nn.ModuleList(nn.Linear(24, 24) for _ in range(depth))
        for layer in [self.inp, *self.convs]:
            nn.init.kaiming_normal_(layer.weight)
            nn.init.zeros_(layer.bias)

    def hidden(self, x):
        h = self.inp(x).relu()
        for layer in self.convs:
            new = layer(self.near @ h)
            h = h + 0.1 * new if self.keep else new.relu()
        return h

    def forward(self, x):
        return self.out(self.hidden(x))


def test_averages_over_neighbours_leave_rows_that_differ_in_length_alone():
    x = torch.randn(60, 16)
    loss = lambda out: F.cross_entropy(out, x[:, :3].argmax(1))  # noqa: E731
    deep = Convolutions(16)
    sizes = torch.linalg.svdvals(deep.hidden(x).double())
    assert sizes[1] / sizes[0] < 1e-5  # one direction
    lengths = deep.hidden(x).norm(dim=1)
    assert lengths.std() > 0.05 * lengths.mean()  # of other lengths
    finding = found(deep, x, loss)["rank-collapse"]
    assert finding.severity == "critical"
    assert "products with a fixed matrix lie between, and no skip" in finding.why
    assert "rank-collapse" not in found(Convolutions(2), x, loss)
    assert "rank-collapse" not in found(Convolutions(16, keep=0.1), x, loss)


def test_one_direction_behind_a_scalar_is_no_loss():
    x = torch.randn(64, 16)
    model = nn.Sequential(
        nn.Linear(16, 32), nn.Tanh(), nn.Linear(32, 1), nn.Linear(1, 32, bias=False), nn.Linear(32, 3)
    )
    assert "rank-collapse" not in found(model, x, lambda out: F.cross_entropy(out, x[:, :3].argmax(1)))


# ---- what a model does not hold, and what runs along the wrong axis


class Listed(nn.Module):
    def __init__(self, held: type) -> None:
        super().__init__()
        self.mlps = held([nn.Linear(32, 8), nn.Linear(8, 8)])
        self.out = nn.Linear(8, 5)

    def forward(self, x):
        for layer in self.mlps:
            x = layer(x).relu()
        return self.out(x)


def test_layers_in_a_plain_list_are_none_of_the_models():
    x, y = torch.randn(64, 32), torch.randint(5, (64,))
    finding = found(Listed(list), (x, y), "cross_entropy")["unused-parameter"]
    assert finding.paths == ("mlps[0].weight", "mlps[0].bias", "mlps[1].weight", "mlps[1].bias")
    assert "(336 numbers)" in finding.measured  # 32 * 8 + 8 + 8 * 8 + 8
    assert "ModuleList" in finding.why
    assert not found(Listed(nn.ModuleList), (x, y), "cross_entropy")


def test_a_teacher_hidden_in_a_list_and_asked_without_gradient_is_meant():
    class Student(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net, self.teacher = nn.Linear(8, 4), [nn.Linear(8, 4)]

        def forward(self, x):
            with torch.no_grad():
                target = self.teacher[0](x)
            return (self.net(x) - target).square().mean()

    assert "unused-parameter" not in found(Student(), torch.randn(32, 8), lambda out: out)


class Reader(nn.Module):
    def __init__(self, kind: str, first: bool) -> None:
        super().__init__()
        if kind == "lstm":
            self.body = nn.LSTM(8, 16, batch_first=first)
        else:
            self.up = nn.Linear(8, 16)
            self.body = nn.TransformerEncoderLayer(16, 2, 32, 0.0, batch_first=first)
        self.head, self.time = nn.Linear(16, 4), 1

    def forward(self, x):
        out = self.body(x)[0] if isinstance(self.body, nn.LSTM) else self.body(self.up(x))
        return self.head(out[:, -1] if self.time == 1 else out[-1])


@pytest.mark.parametrize("kind", ["lstm", "attention"])
def test_a_layer_that_takes_samples_for_steps(kind):
    x, y = torch.randn(24, 9, 8), torch.randint(4, (24,))
    model = Reader(kind, first=False)
    with torch.no_grad():  # an independent look: does one sample's answer depend on another's input?
        other = x.clone()
        other[0] += 1.0
        assert (model(other)[5] - model(x)[5]).abs().max() > 1e-6
    finding = found(model, (x, y), "cross_entropy")["constant-output"]
    assert "body" in finding.path
    assert "24 samples, 9 times" in finding.measured
    assert "constant-output" not in found(Reader(kind, first=True), (x, y), "cross_entropy")
    steps_first = Reader(kind, first=False)
    steps_first.time = 0
    assert "constant-output" not in found(steps_first, (x.transpose(0, 1), y), "cross_entropy")


# ---- signals that are 0, and answers that lie far away


def test_a_norm_over_one_number_hands_on_nothing():
    class Pyramid(nn.Module):
        def __init__(self, norm: nn.Module) -> None:
            super().__init__()
            self.down, self.deep, self.norm = nn.Conv2d(3, 8, 4, 4), nn.Conv2d(8, 16, 2), norm
            self.up, self.out = nn.ConvTranspose2d(16, 8, 2), nn.Conv2d(16, 4, 1)

        def forward(self, x):
            near = self.down(x).relu()
            far = self.norm(self.deep(near)).relu()
            return self.out(torch.cat([self.up(far), near], 1)).mean((2, 3))

    x, y = torch.randn(32, 3, 8, 8), torch.randint(4, (32,))
    lonely = found(Pyramid(nn.GroupNorm(16, 16)), (x, y), "cross_entropy")["vanishing-forward"]
    assert lonely.path == "norm"
    assert "a single number" in lonely.why
    assert "vanishing-forward" not in found(Pyramid(nn.GroupNorm(4, 16)), (x, y), "cross_entropy")


class Masked(nn.Module):
    def __init__(self, mask: float) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(8, 16), nn.Linear(16, 3)
        self.register_buffer("mask", torch.full((3, 16), mask))

    def forward(self, x):
        return F.linear(self.first(x).relu(), self.last.weight * self.mask, self.last.bias)


def test_a_mask_of_zeros_is_named_and_a_zero_gate_is_not():
    x, y = torch.randn(64, 8), torch.randint(3, (64,))
    finding = found(Masked(0.0), (x, y), "cross_entropy")["vanishing-forward"]
    assert finding.path == "last.weight"
    assert "mask" in finding.why
    assert not found(Masked(1.0), (x, y), "cross_entropy")
    gated = Masked(1.0)
    del gated.mask
    gated.mask = nn.Parameter(torch.zeros(3, 1))  # it gets a gradient, and opens with the first step
    assert "mask" not in getattr(found(gated, (x, y), "cross_entropy").get("vanishing-forward"), "why", "")


def test_frozen_rows_of_zeros():
    table = torch.randn(20, 8)
    table[::2] = 0
    words, y = torch.randint(10, (48, 6)) * 2, torch.randint(3, (48,))

    def model(freeze):
        return nn.Sequential(
            nn.Embedding.from_pretrained(table, freeze=freeze), nn.Flatten(), nn.Linear(48, 3)
        )

    assert "all 0, and frozen" in found(model(True), (words, y), "cross_entropy")["vanishing-forward"].why
    odd = found(model(True), (words + 1, y), "cross_entropy")
    assert "vanishing-forward" not in odd


def test_one_unit_that_is_off_for_all_lets_nothing_pass():
    body = nn.Linear(8, 16)
    density = nn.Linear(16, 1)
    nn.init.constant_(density.bias, -3.0)
    model = nn.Sequential(body, nn.ReLU(), density, nn.ReLU())
    x, y = torch.randn(64, 8), torch.rand(64, 1)
    assert found(model, (x, y), "mse")["dead-units"].path == "3 (relu)"
    nn.init.constant_(density.bias, 0.5)
    assert "dead-units" not in found(model, (x, y), "mse")


@pytest.mark.parametrize(("size", "told"), [(8e4, "critical"), (300.0, "warning"), (20.0, "")])
def test_targets_a_hundred_times_as_large_as_any_answer(size, told):
    x = torch.randn(128, 8)
    y = size * x[:, :1]
    model = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 1))
    finding = found(model, (x, y), "mse").get("initial-loss")
    assert (finding.severity if finding else "") == told
    if finding:
        assert "standardise the targets" in finding.why


# ---- quiet ends of branches


class Coordinates(nn.Module):
    """Features steer coordinates by a last layer of gain .001, and only coordinates are the answer."""

    def __init__(self, depth: int = 3) -> None:
        super().__init__()
        self.inp = nn.Linear(6, 16)
        self.nodes = nn.ModuleList(nn.Linear(16, 16) for _ in range(depth))
        self.ends = nn.ModuleList(nn.Linear(16, 6, bias=False) for _ in range(depth))
        for end in self.ends:
            nn.init.xavier_uniform_(end.weight, gain=0.001)

    def forward(self, x):
        h, at = self.inp(x), x
        for node, end in zip(self.nodes, self.ends, strict=True):
            at = at + end(h.tanh())
            h = h + node(h.tanh())
        return at


def test_ends_that_whisper_beside_a_stream_and_what_the_last_layer_leaves_over():
    x = torch.randn(64, 6)
    report = igt.inspect(Coordinates(), x, loss=lambda out: F.mse_loss(out, 1.1 * x + 0.1))
    assert report.verdict == "healthy", report
    left = next(one for one in report.findings if one.code == "unused-parameter")
    assert left.severity == "info"
    assert left.paths == ("nodes.2.weight", "nodes.2.bias")


# ---- what no weight can make up for


def test_a_head_is_not_made_huge_for_a_signal_that_was_lost_before_it():
    x, y = torch.randn(64, 8), torch.randint(3, (64,))
    model = nn.Sequential(nn.Linear(8, 16, bias=False), nn.Tanh(), nn.Linear(16, 3))
    model[0].weight.data.mul_(1e-9)
    igt.init_(model, (x, y), loss="cross_entropy", exclude="0.*", keep_healthy=False)
    assert model[2].weight.abs().max() < 1e2


@pytest.mark.parametrize(("last", "told"), [(nn.ReLU(), True), (nn.Sigmoid(), True), (nn.Tanh(), False)])
def test_a_regression_of_what_its_last_activation_cannot_give(last, told):
    x, y = torch.randn(256, 8), torch.randn(256, 1)
    model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 1), last)
    finding = found(model, (x, y), "mse").get("loss-floor")
    assert (finding is not None) == told  # tanh: the tails beyond 1 make .15 of the variance
    if finding:
        low, high = (0.0, float("inf")) if isinstance(last, nn.ReLU) else (0.0, 1.0)
        floor = float((y - y.clamp(low, high)).square().mean())
        assert float(finding.measured.split("error of ")[1].split()[0]) == pytest.approx(floor, rel=0.15)
    assert "loss-floor" not in found(model, (x, last(model[:3](x)).detach()), "mse")

"""Ordinary mistakes around a model: each is told with its cause, and the usual way beside it is not."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

import isogain.torch as igt  # noqa: E402

SAMPLES = 32


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def loud(report):
    return [one for one in report.findings if one.severity != "info"]


def classes(answers):
    return F.cross_entropy(answers, torch.arange(len(answers)) % 4)


def told(model, inputs, loss=classes):
    return loud(igt.inspect(model, inputs, loss))


class DropPath(nn.Module):
    """Takes a branch away from samples, as stochastic depth does."""

    def __init__(self, rate) -> None:
        super().__init__()
        self.keep = 1 - rate

    def forward(self, x):
        drawn = x.new_empty(len(x), *(1,) * (x.dim() - 1)).bernoulli_(self.keep)
        return x * (drawn.div_(self.keep) if self.keep > 0 else drawn)


class Residual(nn.Module):
    """Blocks of which the last one's branch is dropped at some rate."""

    def __init__(self, factor) -> None:
        super().__init__()
        self.start, self.head = nn.Linear(8, 32), nn.Linear(32, 4)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(32), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 32)) for _ in range(3)
        )
        self.factor = factor

    def forward(self, x):
        x = self.start(x)
        for block in self.blocks[:-1]:
            x = x + block(x)
        return self.head(x + self.factor(self.blocks[-1](x)))


def test_a_branch_that_is_always_dropped_is_told():
    (found,) = told(Residual(DropPath(1.0)), torch.randn(SAMPLES, 8))
    assert (found.code, found.path) == ("vanishing-forward", "factor (mul)")
    assert "by 0 for every sample" in found.why


@pytest.mark.parametrize("factor", [DropPath(0.5), lambda x: 0.0 * x], ids=["half", "a number in the code"])
def test_a_branch_that_may_be_dropped_is_not(factor):
    assert not [
        one for one in told(Residual(factor), torch.randn(SAMPLES, 8)) if "branch times" in one.measured
    ]


class Ensemble(nn.Module):
    """Three models over one stack of tables."""

    def __init__(self) -> None:
        super().__init__()
        self.tables = nn.Parameter(torch.randn(3, 20, 16))
        self.cells = nn.ModuleList(nn.LSTM(16, 16, batch_first=True) for _ in range(3))
        self.heads = nn.ModuleList(nn.Linear(16, 4) for _ in range(3))

    def forward(self, tokens):
        pairs = enumerate(zip(self.cells, self.heads, strict=True))
        return sum(head(cell(self.tables[k][tokens])[0][:, -1]) for k, (cell, head) in pairs)


def test_a_part_of_a_stack_that_was_cleared_is_told():
    model, tokens = Ensemble(), torch.randint(0, 20, (SAMPLES, 12))
    with torch.no_grad():
        model.tables[:, 0] = 0
    assert not told(model, tokens)
    with torch.no_grad():
        model.tables[1] = 0
    (found,) = told(model, tokens)
    assert (found.code, found.path) == ("vanishing-forward", "tables")
    assert "cells.1" in found.why


def still(width=8):
    layers = [nn.Linear(width, 64, bias=False), nn.ReLU(), nn.Linear(64, 64, bias=False), nn.ReLU()]
    for one in layers[::2]:
        nn.init.kaiming_normal_(one.weight)
    return nn.Sequential(*layers, nn.Linear(64, 4, bias=False))


def test_inputs_that_were_scaled_twice_are_told():
    pixels = torch.rand(SAMPLES, 8)
    (found,) = told(still(), pixels / 255)
    assert (found.code, found.path) == ("vanishing-forward", "0")
    assert "inputs of at most 0.0039" in found.measured
    assert not told(still(), pixels)


def test_small_inputs_that_the_first_weights_make_up_for_are_not():
    model = still()
    with torch.no_grad():
        model[0].weight.mul_(255)
    assert not [one for one in told(model, torch.rand(SAMPLES, 8) / 255) if "near 0" in one.why]


def test_small_inputs_in_front_of_a_norm_are_not():
    normed = nn.Sequential(nn.Linear(8, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 4))
    assert not [one for one in told(normed, torch.rand(SAMPLES, 8) / 255) if "near 0" in one.why]


def test_the_line_for_faint_inputs_mends_them():
    model, inputs = still(), torch.rand(SAMPLES, 8) / 255
    (found,) = told(model, inputs)
    scope = {"torch": torch, "igt": igt, "model": model, "inputs": inputs, "loss": classes}
    exec(found.fix, scope)
    assert not told(model, scope["inputs"])


class Graph(nn.Module):
    """A mean over neighbours, twice."""

    def __init__(self) -> None:
        super().__init__()
        self.own = nn.ModuleList([nn.Linear(8, 16), nn.Linear(16, 4)])
        self.others = nn.ModuleList([nn.Linear(8, 16), nn.Linear(16, 4)])

    def forward(self, x, edges):
        source, target = edges
        count = torch.zeros(len(x), 1).index_add(0, target, torch.ones(len(target), 1)).clamp_min(1)
        for own, others in zip(self.own, self.others, strict=True):
            x = own(x.relu()) + others(torch.zeros_like(x).index_add(0, target, x.relu()[source]) / count)
        return x


def test_nodes_without_features_are_told():
    around = torch.arange(SAMPLES)
    edges = torch.stack([around.repeat(2), torch.cat([around.roll(1), around.roll(3)])])
    (found,) = told(Graph(), (torch.ones(SAMPLES, 8), edges))
    assert (found.code, found.severity) == ("constant-output", "critical")
    assert "features of all samples are one" in found.why
    assert not told(Graph(), (torch.randn(SAMPLES, 8), edges))


class Contrast(nn.Module):
    """Cosines of two views, positives beside negatives, over a temperature."""

    def __init__(self, temperature) -> None:
        super().__init__()
        self.temperature = temperature

    def forward(self, features):
        rows = F.normalize(features, dim=1)
        a, b = rows.chunk(2)
        apart = ~torch.eye(len(a), dtype=torch.bool)
        scale = 1 / self.temperature
        own = (torch.einsum("nc,mc->nm", a, a) * scale)[apart].view(len(a), -1)
        logits = torch.cat([torch.einsum("nc,mc->nm", a, b) * scale, own], 1)
        return F.cross_entropy(logits, torch.arange(len(a)))


@pytest.mark.parametrize(
    ("temperature", "count", "said"),
    [(20.0, 1, True), (0.2, 1, False), (1.0, 1, False), (1.0, 4, True), (0.5, 4, False)],
)
def test_temperatures_of_blocks_side_by_side(temperature, count, said):
    encoder = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 16))
    samples = count * SAMPLES
    found = told(encoder, torch.randn(samples, 8), Contrast(temperature))
    assert [one.code for one in found] == ["loss-floor"] * said
    if said:  # cosines of -1 and 1 at best; of all samples but itself one is the right answer
        least = math.log1p((samples - 2) * math.exp(-2 / temperature))
        assert f"a loss of {least:.3g} or more" in found[0].measured


class Policy(nn.Module):
    """Shares of actions, by logits that are divided by a temperature."""

    def __init__(self, temperature) -> None:
        super().__init__()
        self.network = nn.Sequential(nn.Linear(8, 32), nn.Tanh(), nn.Linear(32, 4))
        self.temperature = temperature

    def forward(self, x):
        return (self.network(x) / self.temperature).softmax(1)


@pytest.mark.parametrize(("temperature", "said"), [(0.0003, True), (0.5, False), (1.0, False)])
def test_a_policy_that_is_sure_by_its_temperature(temperature, said):
    gains = torch.randn(SAMPLES, 4)
    found = told(Policy(temperature), torch.randn(SAMPLES, 8), lambda shares: -(shares * gains).sum(1).mean())
    assert [one.code for one in found if one.code == "initial-loss"] == ["initial-loss"] * said
    assert all("temperature" in one.why and not one.fix for one in found if one.code == "initial-loss")


class Squared(nn.Module):
    """Coordinates that are multiplied by a function of their squares, layer by layer."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(1, 1) for _ in range(6))
        self.head = nn.Linear(3, 1)
        for one in self.layers:
            nn.init.ones_(one.weight)

    def forward(self, x):
        for layer in self.layers:
            x = x + x * layer(x.square().sum(-1, keepdim=True))
        return self.head(x)


def test_growth_that_ends_in_an_overflow_is_the_cause():
    target = torch.randn(SAMPLES, 1)
    found = told(Squared(), 3 * torch.randn(SAMPLES, 3), lambda made: (made - target).square().mean())[0]
    assert found.code == "non-finite"
    assert found.why.startswith("signals grow from ")
    assert "float32 ends at 3.4e+38" in found.why


class Grids(nn.Module):
    """Tables of features at two resolutions that are read at places, in front of a small network."""

    def __init__(self, size) -> None:
        super().__init__()
        self.tables = nn.ParameterList(nn.Parameter(size * (2 * torch.rand(1, 4, n, n) - 1)) for n in (8, 16))
        self.network = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, places):
        grid = (2 * places - 1)[None, :, None]
        read = [F.grid_sample(table, grid, align_corners=True)[0, :, :, 0].T for table in self.tables]
        return self.network(torch.cat(read, 1))


@pytest.mark.parametrize("trained", [True, False])
def test_small_tables_that_are_read_at_places_learn_at_once(trained):
    model, places = Grids(1e-4), torch.rand(256, 2)
    model.tables.requires_grad_(trained)
    target = torch.sin(9 * places[:, :1])
    found = told(model, places, lambda made: (made - target).square().mean())
    assert bool(found) is not trained


def test_biases_of_a_frozen_network_are_trained_on_purpose():
    model = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 4))
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name.endswith("bias"))
    assert not [one for one in told(model, torch.randn(SAMPLES, 8)) if one.code == "unused-parameter"]
    model[4].bias.requires_grad_(False)
    assert [one.path for one in told(model, torch.randn(SAMPLES, 8)) if one.code == "unused-parameter"] == [
        "4.weight"
    ]


class Turned(nn.Module):
    """Positions by rotation, of which the answer reads the first alone: there the sine is 0."""

    def __init__(self) -> None:
        super().__init__()
        self.read, self.head = nn.Linear(8, 16), nn.Linear(16, 4)
        angles = torch.arange(6.0)[:, None] * torch.logspace(0, -2, 8).repeat(2)
        self.register_buffer("cosines", angles.cos())
        self.register_buffer("sines", angles.sin())

    def forward(self, x):
        z = self.read(x)
        turned = torch.cat([-z[..., 8:], z[..., :8]], -1)
        return self.head((z * self.cosines + turned * self.sines)[:, 0])


def test_a_rotation_that_leaves_the_first_position_is_no_dropped_branch():
    assert not [one for one in told(Turned(), torch.randn(SAMPLES, 6, 8)) if "branch times" in one.measured]

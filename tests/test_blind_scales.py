"""Sizes that do not fit each other: units, tables, branches, factors; what is frozen, and where signals are read."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

import isogain.torch as igt  # noqa: E402
from isogain.torch.inspection.inspecting import inspect  # noqa: E402

SAMPLES, WIDTH, CLASSES = 64, 16, 5


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def found(model, inputs, loss="cross_entropy", *, inspect=inspect):
    """What is found; `igt.inspect` tries fixes too."""
    report = inspect(model, inputs, loss=loss)
    return {one.code: one for one in reversed(report.findings) if one.severity != "info"}


def labels(count=SAMPLES):
    return torch.randint(CLASSES, (count,))


def classified(width=WIDTH):
    return torch.randn(SAMPLES, width), labels()


class Called(nn.Module):
    """A function as a module."""

    def __init__(self, function) -> None:
        super().__init__()
        self.function = function

    def forward(self, *inputs):
        return self.function(*inputs)


# ---- data and constants --------------------------------------------------------------------


class Standardised(nn.Module):
    def __init__(self, unit: float) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor([0.5, 0.45, 0.4])[:, None, None] * unit)
        self.register_buffer("std", torch.tensor([0.3, 0.3, 0.25])[:, None, None] * unit)
        self.body = nn.Sequential(
            nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 16, CLASSES)
        )

    def forward(self, pictures):
        return self.body((pictures - self.mean) / self.std)


def test_a_mean_and_a_deviation_of_another_unit_make_all_pictures_one():
    pictures = torch.rand(SAMPLES, 3, 8, 8), labels()
    seen = found(Standardised(255.0), pictures, inspect=igt.inspect)["vanishing-forward"]
    unit = 0.45 * 255 / float(pictures[0].mean())  # what the pictures are to be multiplied by
    scope = {"inputs": pictures}
    exec(seen.fix, scope)  # the line fits a batch that ends in its targets
    assert torch.allclose(scope["inputs"][0], unit * pictures[0], rtol=0.05)
    assert not found(Standardised(1.0), pictures)


def test_inputs_far_from_zero_are_one_offset():
    x, y = classified()
    body = nn.Sequential(nn.Linear(WIDTH, 32), nn.ReLU(), nn.Linear(32, CLASSES))
    assert "centre" in found(body, (2.0 + 0.01 * x, y))["vanishing-forward"].why
    assert not found(body, (2.0 + x, y))


class Radial(nn.Module):
    def __init__(self, width: float) -> None:
        super().__init__()
        self.register_buffer("centres", torch.linspace(-3, 3, 12))
        self.width, self.out = width, nn.Linear(12 * 4, CLASSES)

    def forward(self, x):
        return self.out(torch.exp(-(((x[..., None] - self.centres) / self.width) ** 2)).flatten(1))


def test_bells_that_no_number_meets():
    x, y = classified(4)
    assert "bells" in found(Radial(0.5), (1000 * x, y))["vanishing-forward"].why
    assert "vanishing-forward" not in found(Radial(0.5), (x, y))


class Words(nn.Module):
    """Tokens and a constant table of places, in front of a norm."""

    def __init__(self, table, size=1.0) -> None:
        super().__init__()
        self.tokens = nn.Embedding(20, WIDTH)
        nn.init.normal_(self.tokens.weight, std=size)
        self.register_buffer("table", table)
        self.norm, self.out = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, CLASSES)
        self.mix = nn.Linear(WIDTH, WIDTH)

    def forward(self, ids):
        h = self.norm(self.tokens(ids) + self.table)
        return self.out((h + self.mix(h).tanh()).mean(1))


PLACES = 12


def sinusoids(rates):
    angles = torch.arange(PLACES)[:, None] * rates
    return torch.stack([angles.sin(), angles.cos()], -1).flatten(1)


def test_a_table_of_places_worked_out_in_whole_numbers():
    sentences = torch.randint(20, (SAMPLES, PLACES)), labels()
    halves = torch.arange(WIDTH // 2)
    integer = Words(sinusoids(1 // (10 + halves)))
    assert float((integer.table - integer.table[:1]).abs().max()) == 0  # whole numbers: each rate is 0
    assert "same row" in found(integer, sentences)["rank-collapse"].why
    assert not found(Words(sinusoids(100.0 ** (-halves / len(halves)))), sentences)


def test_tokens_and_a_constant_table_drown_each_other():
    sentences = torch.randint(20, (SAMPLES, PLACES)), labels()
    table = sinusoids(100.0 ** (-torch.arange(WIDTH // 2) / 8))
    loud = found(Words(table, size=30.0), sentences, inspect=igt.inspect)["vanishing-forward"]
    quiet = found(Words(table, size=0.02), sentences, inspect=igt.inspect)["vanishing-forward"]
    assert "drowns the positions" in loud.why
    assert "drowns in the constant" in quiet.why
    assert all("tokens.weight" in one.fix for one in (loud, quiet))


# ---- tables and products -------------------------------------------------------------------


class Fields(nn.Module):
    def __init__(self, sizes, joined) -> None:
        super().__init__()
        self.tables = nn.ModuleList(nn.Embedding(10 + k, 8) for k in range(len(sizes)))
        for one, size in zip(self.tables, sizes, strict=True):
            nn.init.normal_(one.weight, std=size)
        self.joined = joined
        self.out = nn.Sequential(nn.Linear(8 * (len(sizes) if joined is torch.cat else 1), 16), nn.ReLU())
        self.head = nn.Linear(16, CLASSES)

    def forward(self, ids):
        rows = [one(ids[:, k]) for k, one in enumerate(self.tables)]
        return self.head(self.out(torch.cat(rows, 1) if self.joined is torch.cat else sum(rows)))


@pytest.mark.parametrize("joined", [torch.cat, sum])
def test_one_table_drowns_the_others(joined):
    rows = torch.randint(10, (SAMPLES, 3)), labels()
    seen = found(Fields([0.1, 10.0, 0.1], joined), rows)["exploding-forward"]
    assert seen.paths == ("tables.1.weight",)
    assert not found(Fields([0.02, 1.0, 0.02], joined), rows)


class Ratings(nn.Module):
    def __init__(self, size: float) -> None:
        super().__init__()
        self.users, self.items = nn.Embedding(20, 8), nn.Embedding(30, 8)
        for one in (self.users, self.items):
            nn.init.normal_(one.weight, std=size)

    def forward(self, ids):
        return (self.users(ids[:, 0]) * self.items(ids[:, 1])).sum(-1)


def test_two_quiet_tables_in_one_product():
    asked = torch.randint(20, (SAMPLES, 2)), torch.randn(SAMPLES)
    seen = found(Ratings(1e-4), asked, "mse", inspect=igt.inspect)["vanishing-forward"]
    assert set(seen.paths) == {"users.weight", "items.weight"}
    assert seen.fix
    assert not found(Ratings(0.05), asked, "mse")


# ---- layers --------------------------------------------------------------------------------


class Branch(nn.Module):
    def __init__(self, gain: float) -> None:
        super().__init__()
        self.norm, self.up, self.down = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 32), nn.Linear(32, WIDTH)
        nn.init.normal_(self.down.weight, std=gain / math.sqrt(32))

    def forward(self, x):
        return x + self.down(self.up(self.norm(x)).relu())


def stream(gains):
    return nn.Sequential(*map(Branch, gains), nn.LayerNorm(WIDTH), nn.Linear(WIDTH, CLASSES))


def test_branches_that_grow_with_depth_behind_norms():
    assert "divide" in found(stream([8.0] * 3), classified())["exploding-forward"].why
    assert found(stream([1.0, 8.0, 64.0]), classified())["exploding-forward"].severity == "critical"
    assert not found(stream([0.5] * 3), classified())


class Sines(nn.Module):
    def __init__(self, factor: float) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(2, 32), nn.Linear(32, 32), nn.Linear(32, 32)])
        for number, one in enumerate(self.layers):
            bound = math.sqrt(6 / 32) / 30 if number else 1 / 2
            nn.init.uniform_(one.weight, -bound, bound)
        self.factor, self.out = factor, nn.Linear(32, 1)

    def forward(self, x):
        for one in self.layers:
            x = torch.sin(self.factor * one(x))
        return self.out(x)


def test_a_factor_of_sines_that_is_divided_by_and_never_applied():
    x = 2 * torch.rand(128, 2) - 1
    asked = x, torch.sin(9 * x[:, :1])
    seen = found(Sines(1.0), asked, "mse")["time-scale"]
    assert "omega" in seen.why
    assert "layers.0" not in seen.paths
    assert not found(Sines(30.0), asked, "mse")


class Teams(nn.Module):
    """Several networks side by side, each layer a stack of maps."""

    def __init__(self, draw) -> None:
        super().__init__()
        sizes = [(WIDTH, 32), (32, 32), (32, 32), (32, CLASSES)]
        self.maps = nn.ParameterList(nn.Parameter(torch.empty(3, *size)) for size in sizes)
        for one in self.maps:
            draw(one)

    def forward(self, x):
        h = x.expand(3, -1, -1)
        for number, one in enumerate(self.maps):
            h = torch.bmm(h, one)
            h = h.relu() if number < len(self.maps) - 1 else h
        return h.mean(0)


def test_a_stack_drawn_as_one_convolution():
    each = lambda stack: [nn.init.kaiming_normal_(one.T) for one in stack.data]  # noqa: E731
    seen = found(Teams(nn.init.xavier_normal_), classified())["off-peers"]
    assert "draw each map by itself" in seen.why
    assert "off-peers" not in found(Teams(each), classified())


class Turned(nn.Module):
    """Steps of a flow: a map, and half of it moved by what the other half says."""

    def __init__(self, draw) -> None:
        super().__init__()
        self.maps = nn.ParameterList(nn.Parameter(draw(torch.empty(6, 6))) for _ in range(6))
        self.moves = nn.ModuleList(nn.Linear(3, 3) for _ in range(6))

    def forward(self, x):
        density = torch.zeros(len(x))
        for turn, move in zip(self.maps, self.moves, strict=True):
            a, b = (x @ turn).chunk(2, 1)
            x, density = torch.cat([a, b + move(a)], 1), density + torch.linalg.slogdet(turn)[1]
        return 0.5 * x.square().sum(1) - density


def test_invertible_maps_start_as_rotations():
    x = torch.randn(SAMPLES, 6)
    seen = found(Turned(nn.init.normal_), (x,), torch.mean, inspect=igt.inspect)["exploding-forward"]
    assert "orthogonal" in seen.fix
    assert not found(Turned(nn.init.orthogonal_), (x,), torch.mean)


class Warped(nn.Module):
    def __init__(self, size: float, reach: float = 1.0) -> None:
        super().__init__()
        self.reach = reach
        self.features, self.offsets = nn.Conv2d(3, 8, 3, 2, 1), nn.Conv2d(8, 2, 3, 1, 1)
        nn.init.normal_(self.offsets.weight, std=size)
        self.head = nn.Linear(8, CLASSES)

    def forward(self, x):
        h = self.features(x).relu()
        line = self.reach * torch.linspace(-1, 1, h.shape[-1])
        grid = torch.stack(torch.meshgrid(line, line, indexing="xy"), -1)
        moved = F.grid_sample(h, grid + self.offsets(h).permute(0, 2, 3, 1), align_corners=True)
        return self.head(moved.mean((2, 3)))


def test_offsets_that_read_outside_of_the_signal():
    pictures = torch.randn(SAMPLES, 3, 12, 12), labels()
    seen = found(Warped(2.0), pictures, inspect=igt.inspect)["vanishing-forward"]
    assert seen.path == "offsets"
    assert "constant_" in seen.fix
    assert not found(Warped(0.01), pictures)


def test_a_grid_that_reaches_outside_by_itself_is_meant():
    """Small offsets upon places of which most lie outside, as in lookups around each place of a small map."""
    pictures = torch.randn(SAMPLES, 3, 12, 12), labels()
    assert "vanishing-forward" not in found(Warped(0.01, reach=4.0), pictures)


# ---- what is trained, and what is asked for ------------------------------------------------


def network():
    return nn.Sequential(
        nn.Linear(WIDTH, 32),
        nn.BatchNorm1d(32),
        nn.ReLU(),
        nn.Linear(32, 32),
        nn.ReLU(),
        nn.Linear(32, CLASSES),
    )


def test_a_head_that_is_frozen_with_the_rest():
    model = network().requires_grad_(False)
    model[1].requires_grad_(True)  # the norm alone
    seen = found(model, classified(), inspect=igt.inspect)["unused-parameter"]
    assert seen.paths == ("5.weight",)
    exec(seen.fix, {"model": model})
    assert model[5].weight.requires_grad
    assert model[5].bias.requires_grad


def test_frozen_heads_that_are_meant():
    asked = classified()
    probe, stem, fixed = network().requires_grad_(False), network().requires_grad_(False), network()
    probe[5].requires_grad_(True)
    stem[0].requires_grad_(True)
    fixed[5].requires_grad_(False)  # all else learns towards it
    knows = network().requires_grad_(False)
    knows[1].requires_grad_(True)
    answers = knows(asked[0]).detach().argmax(1)
    knows[5].weight.mul_(20), knows[5].bias.mul_(20)
    for model, targets in ((probe, asked[1]), (stem, asked[1]), (fixed, asked[1]), (knows, answers)):
        assert "unused-parameter" not in found(model, (asked[0], targets))


class Factors(nn.Module):
    def __init__(self, layer, values) -> None:
        super().__init__()
        self.layer, self.factors = layer.requires_grad_(False), nn.Parameter(values)

    def forward(self, x):
        return self.layer(x) * self.factors


@pytest.mark.parametrize("draw", [torch.randn, lambda n: 0.1 * torch.randn(n)])
def test_factors_on_frozen_layers_are_one(draw):
    def model(values):
        return nn.Sequential(Factors(nn.Linear(WIDTH, 32), values(32)), nn.ReLU(), nn.Linear(32, CLASSES))

    assert "adapter-not-neutral" in found(model(draw), classified())
    for neutral in (torch.ones, lambda n: 1 + 0.02 * torch.randn(n)):
        assert "adapter-not-neutral" not in found(model(neutral), classified())


@pytest.mark.parametrize(("factor", "told"), [(1.0, True), (4.0, True), (40.0, False)])
def test_actions_that_a_tanh_cannot_reach_however_scaled(factor, told):
    x, _ = classified()
    actor = nn.Sequential(nn.Linear(WIDTH, 32), nn.ReLU(), nn.Linear(32, 2), nn.Tanh())
    model = nn.Sequential(actor, Called(lambda y: y * factor + 3.0))
    targets = 3.0 + 12 * torch.randn(SAMPLES, 2)
    assert ("loss-floor" in found(model, (x, targets), "mse")) == told


class Points(nn.Module):
    """A set, asked by a few learnt points (inducing points of a set transformer)."""

    def __init__(self, draw) -> None:
        super().__init__()
        self.points = nn.Parameter(torch.empty(4, WIDTH))
        draw(self.points)
        self.asks, self.head = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, CLASSES)

    def forward(self, x):
        shares = (self.asks(self.points) @ x.mT).softmax(-1)
        return self.head((shares @ x).relu().amax(1))


def test_points_that_start_as_one_stay_one():
    sets = torch.randn(SAMPLES, 6, WIDTH), labels()
    seen = found(Points(nn.init.zeros_), sets, inspect=igt.inspect)["symmetric-units"]
    assert "points" in seen.fix
    assert "symmetric-units" not in found(Points(nn.init.normal_), sets)


class Codes(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.means, self.logs = nn.Linear(WIDTH, 4), nn.Linear(WIDTH, 4)
        self.back = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, WIDTH))

    def forward(self, x):
        mean, log = self.means(x), self.logs(x)
        return self.back(mean + torch.randn_like(mean) * (log / 2).exp()), mean, log


@pytest.mark.parametrize(("over", "told"), [(torch.sum, True), (torch.mean, False)])
def test_a_divergence_summed_over_samples_beside_a_mean(over, told):
    def loss(made, asked):
        answers, mean, log = made
        apart = 0.5 * (mean**2 + log.exp() - log - 1).sum(1)
        return F.binary_cross_entropy_with_logits(answers, asked) + over(apart)

    bits = (torch.randn(SAMPLES, WIDTH) > 0).float()
    seen = found(Codes(), (bits, bits), loss)
    assert ("initial-loss" in seen) == told
    assert not told or set(seen["initial-loss"].paths) == {"means", "logs"}


# ---- learnt positions ------------------------------------------------------------------------


class Sequence(nn.Module):
    """Tokens times a number, learnt positions, one block with a norm in front."""

    def __init__(self, tokens: float, factor: float, positions: float) -> None:
        super().__init__()
        self.tokens, self.factor = nn.Embedding(30, 64), factor
        nn.init.normal_(self.tokens.weight, std=tokens)
        self.positions = nn.Parameter(positions * torch.randn(16, 64))
        self.block = nn.TransformerEncoderLayer(64, 4, 128, 0.0, batch_first=True, norm_first=True)
        self.head = nn.Linear(64, CLASSES)

    def forward(self, ids):
        return self.head(self.block(self.tokens(ids) * self.factor + self.positions).mean(1))


def sentences():
    return torch.randint(30, (SAMPLES, 16)), labels()


def test_positions_that_drown_in_tokens_times_the_root_of_the_width():
    batch, model = sentences(), Sequence(1.0, 8.0, 0.02)
    seen = found(model, batch, inspect=igt.inspect)["vanishing-forward"]
    assert seen.path == "positions"
    exec(seen.fix, {"model": model, "torch": torch, "igt": igt})
    assert not found(model, batch)


def test_tokens_that_drown_in_positions():
    assert found(Sequence(0.02, 1.0, 5.0), sentences())["vanishing-forward"].path == "positions"


@pytest.mark.parametrize("sizes", [(0.02, 1.0, 0.02), (0.125, 8.0, 0.05), (1.0, 1.0, 1.0), (0.02, 8.0, 0.02)])
def test_tokens_and_positions_that_are_both_felt(sizes):
    assert not found(Sequence(*sizes), sentences())

"""Designs of other people's models that learn as they are, each beside a start that it must not be taken for."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

import isogain.torch as igt  # noqa: E402
from isogain.torch.inspection.inspecting import inspect as look  # noqa: E402


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def codes(model, inputs, loss):
    """Without the steps of Adam that may get over an alarm."""
    report = look(model, inputs, loss)
    return {one.code for one in report.findings if one.severity != "info"}


def quiet(layer, std=0.01):
    nn.init.normal_(layer.weight, std=std)
    nn.init.zeros_(layer.bias)
    return layer


class Detector(nn.Module):
    """Two levels of features, one head for both, and a prior of one place in a hundred (Lin et al. 2017)."""

    def __init__(self, bias) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 64, 3, 2, 1), nn.BatchNorm2d(64), nn.ReLU())
        self.down = nn.Sequential(nn.Conv2d(64, 64, 3, 2, 1), nn.BatchNorm2d(64), nn.ReLU())
        layers = [part for _ in range(4) for part in (quiet(nn.Conv2d(64, 64, 3, 1, 1)), nn.ReLU())]
        self.head = nn.Sequential(*layers, quiet(nn.Conv2d(64, 2, 3, 1, 1)))
        nn.init.constant_(self.head[-1].bias, bias)

    def forward(self, x):
        near = self.body(x)
        return torch.cat([self.head(one).flatten(2) for one in (near, self.down(near))], 2)


def test_a_prior_at_every_level():
    inputs, target = torch.randn(8, 3, 16, 16), (torch.rand(8, 2, 80) < 0.01).float()
    assert not codes(Detector(-4.6), inputs, lambda a: F.binary_cross_entropy_with_logits(a, target))


def test_a_prior_behind_an_exponential():
    """A rate of counts, as its logarithm's mean at the start."""
    model = nn.Sequential(nn.Linear(8, 64), nn.Softplus(), nn.Linear(64, 1))
    quiet(model[2], 1e-4)
    nn.init.constant_(model[2].bias, math.log(20))
    target = torch.full((64, 1), 20.0) + torch.randn(64, 1)
    assert not codes(model, torch.randn(64, 8), lambda a: (a.exp() - target * a).mean())


class Separable(nn.Module):
    """Depthwise kernels between layers of one std, or of PyTorch's default."""

    def __init__(self, std, depthwise) -> None:
        super().__init__()
        self.stem, self.wide = nn.Conv2d(3, 96, 4, 4), nn.Conv2d(96, 384, 1)
        self.own = nn.Conv2d(96, 96, 7, 1, 3, groups=96, bias=False)
        self.narrow, self.head = nn.Conv2d(384, 96, 1), nn.Linear(96, 4)
        nn.init.normal_(self.own.weight, std=depthwise)
        for layer in (self.stem, self.wide, self.narrow, self.head) if std else ():
            nn.init.normal_(layer.weight, std=std)

    def forward(self, x):
        x = F.gelu(self.own(F.gelu(self.stem(x))))
        return self.head(self.narrow(F.gelu(self.wide(x))).mean((2, 3)))


@pytest.mark.parametrize(("std", "told"), [(0.0206, False), (0.0, True)])
def test_one_std_for_all_layers_is_no_law_of_one_of_them(std, told):
    """sqrt(2 / (96 * 49)) = .0206: He's law by all groups, by chance."""
    found = codes(Separable(std, 0.0206), torch.randn(16, 3, 32, 32), None)
    assert ("off-peers" in found) == told


class Scaled(nn.Module):
    """A transformer whose branches begin at 1e-6, and whose class token begins at next to nothing."""

    def __init__(self, token) -> None:
        super().__init__()
        self.patch, self.token = nn.Linear(12, 48), nn.Parameter(token * torch.randn(1, 1, 48))
        nn.init.constant_(self.patch.bias, 0.5)
        self.place = nn.Parameter(0.02 * torch.randn(1, 16, 48))
        self.norms = nn.ModuleList(nn.LayerNorm(48) for _ in range(6))
        self.maps = nn.ModuleList(nn.Linear(48, 48) for _ in range(6))
        self.scales = nn.ParameterList(nn.Parameter(torch.full((48,), 1e-6)) for _ in range(6))
        self.norm, self.head = nn.LayerNorm(48), nn.Linear(48, 4)

    def forward(self, x):
        x = self.patch(x) + self.place
        x = torch.cat([self.token.expand(len(x), -1, -1), x], 1)
        for norm, layer, scale in zip(self.norms, self.maps, self.scales, strict=True):
            read = norm(x)
            x = x + scale * (layer(read) + read.mean(1, keepdim=True))
        return self.head(self.norm(x)[:, 0])


def test_a_gradient_that_meets_next_to_nothing_is_not_felt():
    target = torch.arange(8) % 4
    inputs = torch.randn(8, 16, 12)
    assert "exploding-backward" not in codes(Scaled(1e-6), inputs, lambda a: F.cross_entropy(a, target))


class Forgetful(nn.Module):
    """A state of which each step keeps a share."""

    def __init__(self, kept) -> None:
        super().__init__()
        self.embed, self.head, self.kept = nn.Embedding(8, 32), nn.Linear(32, 8), kept

    def forward(self, tokens):
        rows = self.embed(tokens)
        state = torch.zeros_like(rows[:, 0])
        for step in range(tokens.shape[1]):
            state = self.kept * state + (1 - self.kept) * rows[:, step]
        return self.head(torch.relu(state))


@pytest.mark.parametrize(("kept", "told"), [(0.75, False), (0.4, True)])
def test_how_much_of_an_early_difference_arrives_is_a_matter_of_memory(kept, told):
    """Nothing is left beside rounding of what a step keeps 40 % of, 30 times; of 75 % something is."""
    tokens = torch.randint(0, 8, (1, 30)).repeat(32, 1)
    tokens[:, 0] = target = torch.arange(32) % 8
    found = codes(Forgetful(kept), tokens, lambda a: F.cross_entropy(a, target))
    assert bool(found & {"constant-output", "rank-collapse"}) == told


class TwoStreams(nn.Module):
    """Features that learn, with quiet messages of positions that a learnt scale moves (Satorras et al. 2021)."""

    def __init__(self, std) -> None:
        super().__init__()
        self.embed, self.scale = nn.Embedding(10, 24), nn.Parameter(torch.full((1,), 0.01))
        self.message = nn.ModuleList(
            nn.Sequential(quiet(nn.Linear(25, 32), std), nn.SiLU(), quiet(nn.Linear(32, 24), std))
            for _ in range(3)
        )
        self.head = nn.Sequential(nn.Linear(24, 24), nn.SiLU(), nn.Linear(24, 1))

    def forward(self, kinds, places):
        x, p = self.embed(kinds), places
        for message in self.message:
            apart = p[:, :, None] - p[:, None]
            far = apart.square().sum(-1).mean(2, keepdim=True)
            x = x + message(torch.cat([x, far], -1))
            p = p + self.scale * (apart / (1 + apart.norm(dim=-1, keepdim=True))).mean(2)
        return self.head(x.mean(1))[:, 0]


def test_a_branch_of_another_stream_is_no_way_of_its_own():
    kinds, places, target = torch.randint(0, 10, (12, 8)), torch.randn(12, 8, 3), torch.randn(12)
    found = look(TwoStreams(1e-3), (kinds, places), lambda a: F.mse_loss(a, target)).findings
    assert all("the only way is scaled" not in one.why for one in found)
    assert all(one.code != "vanishing-backward" or one.severity == "info" for one in found)


class Dropped(nn.Module):
    def __init__(self, around) -> None:
        super().__init__()
        self.first, self.layer, self.head = nn.Linear(8, 64), nn.Linear(64, 64), nn.Linear(64, 4)
        self.drop, self.around = nn.Dropout(0.9), around

    def forward(self, x):
        x = torch.relu(self.first(x))
        branch = self.drop(torch.relu(self.layer(x)))
        return self.head(x + branch if self.around else branch)


@pytest.mark.parametrize("around", [True, False])
def test_a_branch_may_be_dropped_nine_times_in_ten(around):
    loss = igt.inspect(Dropped(around), torch.randn(64, 8), lambda a: a.square().mean())
    assert any("drops 90%" in one.why for one in loss.findings) != around


class Graph(nn.Module):
    """Users and things as rows of one table, spread over their neighbours (He et al. 2020)."""

    def __init__(self, std) -> None:
        super().__init__()
        self.rows = nn.Parameter(std * torch.randn(60, 16))

    def forward(self, edges, pairs):
        near = torch.zeros_like(self.rows).index_add(0, edges[1], self.rows[edges[0]]) / 4
        found = self.rows + near
        return (found[pairs[0]] * found[pairs[1]]).sum(1)


@pytest.mark.parametrize(("std", "told"), [(0.1, False), (20.0, True)])
def test_a_table_that_only_the_loss_compares(std, told):
    edges, pairs = torch.randint(0, 60, (2, 240)), torch.randint(0, 60, (2, 64))
    found = codes(Graph(std), (edges, pairs), lambda a: -F.logsigmoid(a).mean())
    assert ("initial-loss" in found) == told


class Towers(nn.Module):
    """Lengths as powers of one half, as transformers' CLIP works them out."""

    def __init__(self, scale) -> None:
        super().__init__()
        self.left, self.right = nn.Linear(16, 32), nn.Linear(12, 32)
        self.scale = nn.Parameter(torch.tensor(float(scale)))

    def forward(self, x, y):
        rows = [one / one.pow(2).sum(-1, keepdim=True).pow(0.5) for one in (self.left(x), self.right(y))]
        return self.scale.exp() * rows[0] @ rows[1].t()


@pytest.mark.parametrize(("scale", "told"), [(2.66, False), (-4.0, True)])
def test_cosines_by_powers_of_one_half(scale, told):
    target = torch.arange(16)
    found = codes(
        Towers(scale), (torch.randn(16, 16), torch.randn(16, 12)), lambda a: F.cross_entropy(a, target)
    )
    assert ("loss-floor" in found) == told


@pytest.mark.parametrize(("squashed", "told"), [(False, False), (True, True)])
def test_a_squashed_answer_that_is_squashed_again(squashed, told):
    last = [nn.Tanh(), nn.Sigmoid()] if squashed else [nn.Sigmoid()]
    model = nn.Sequential(nn.Linear(10, 64), nn.ReLU(), nn.Linear(64, 2), *last)
    target = (torch.randn(64, 2) > 0).float()
    report = igt.inspect(model, torch.randn(64, 10), lambda a: F.mse_loss(a, target))
    floors = [one for one in report.findings if one.code == "loss-floor"]
    assert bool(floors) == told
    assert all(one.measured.startswith("answers between 0.269 and 0.731") for one in floors)


class Rounded(nn.Module):
    """Codes of whole numbers, with an estimator that hands gradients straight on, or without."""

    def __init__(self, straight, loud=1.0) -> None:
        super().__init__()
        self.code, self.read = (
            nn.Linear(12, 16),
            nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 12)),
        )
        self.straight, self.loud = straight, loud

    def forward(self, x):
        z = self.loud * 0.2 * torch.tanh(self.code(x))
        q = torch.round(z)
        return self.read(z + (q - z).detach() if self.straight else q)


def test_codes_that_are_all_rounded_to_one_number():
    inputs = torch.randn(32, 12)
    first, last = (look(Rounded(s), inputs, lambda a: F.mse_loss(a, inputs)) for s in (True, False))
    assert (first.verdict, last.verdict) == ("healthy", "critical")
    assert any("rounds what is smaller than a step" in one.why for one in first.findings)


class Counted(nn.Module):
    """Places by a count that comes in, beside a table that is asked for its first row (Chen et al. 2021)."""

    def __init__(self, counted) -> None:
        super().__init__()
        self.read, self.head = nn.Linear(6, 32), nn.Linear(32, 2)
        self.steps, self.table, self.counted = nn.Embedding(40, 32), nn.Embedding(128, 32), counted

    def forward(self, x, steps=None):
        places = torch.zeros(x.shape[:2], dtype=torch.long)
        told = self.steps(steps) if self.counted else 0.0
        return self.head(torch.tanh(self.read(x) + told + self.table(places)))


@pytest.mark.parametrize("counted", [True, False])
def test_places_that_an_input_counts(counted):
    x, steps = torch.randn(12, 10, 6), torch.arange(10).repeat(12, 1)
    report = igt.inspect(Counted(counted), (x, steps) if counted else x, lambda a: a.square().mean())
    (found,) = [one for one in report.findings if "one number for all places" in one.why]
    assert found.severity == ("info" if counted else "warning")


class Branched(nn.Module):
    """A few small numbers beside layers that hand on their biases, whose answer is a probability."""

    def __init__(self, last) -> None:
        super().__init__()
        self.row = nn.Parameter(5e-5 * torch.randn(6))
        self.deep, self.head = nn.Linear(6, 32), nn.Linear(32, 1, False)
        nn.init.normal_(self.deep.weight, std=1e-7)
        self.last = last

    def forward(self, x):
        return self.last((self.row * x).sum(1, keepdim=True) + self.head(torch.relu(self.deep(x))))


def test_an_even_chance_is_no_constant_answer():
    target = (torch.randn(64, 1) > 0).float()
    assert "constant-output" not in codes(
        Branched(torch.sigmoid), torch.randn(64, 6), lambda a: F.binary_cross_entropy(a, target)
    )

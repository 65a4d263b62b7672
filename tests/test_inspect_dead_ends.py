"""Where a signal or a gradient ends: no way past the layers, bounds, empty selections, no slope, 0 / 0."""

from __future__ import annotations

import itertools

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

import isogain.torch as igt  # noqa: E402
from told import told  # noqa: E402

pytestmark = pytest.mark.usefixtures("seed_0_in_one_thread")


# ---- no way past the layers ----------------------------------------------------------------------------------


class Blocks(nn.Module):
    """Attention and a layer behind norms, added to what goes in or put in its place."""

    def __init__(self, depth, skip):
        super().__init__()
        self.words, self.skip, self.answer = nn.Embedding(30, 32), skip, nn.Linear(32, 30)
        self.places = nn.Parameter(0.3 * torch.randn(16, 32))
        self.qkv = nn.ModuleList(nn.Linear(32, 96) for _ in range(depth))
        self.out = nn.ModuleList(nn.Linear(32, 32) for _ in range(depth))

    def forward(self, ids):
        x = self.words(ids) + self.places
        for qkv, out in zip(self.qkv, self.out, strict=True):
            q, k, v = qkv(F.layer_norm(x, (32,))).chunk(3, -1)
            y = out((q @ k.transpose(1, 2) / 32**0.5).softmax(-1) @ v)
            x = x + y if self.skip else y
        return self.answer(F.layer_norm(x, (32,)))


@pytest.mark.parametrize(("depth", "skip", "alarm"), [(4, False, True), (4, True, False), (1, False, False)])
def test_attention_upon_attention_without_a_residual_sum(depth, skip, alarm):
    ids = torch.randint(30, (12, 16))
    found = told(Blocks(depth, skip), ids, lambda o: F.cross_entropy(o.flatten(0, 1), ids.flatten()))
    assert ("rank-collapse" in found) == alarm
    if alarm:
        assert "no residual sum" in found["rank-collapse"].why


def test_loud_attention_beside_a_stream_is_no_missing_sum():
    model, ids = Blocks(4, True), torch.randint(30, (12, 16))
    for layer in model.out:
        nn.init.normal_(layer.weight, std=30.0)
    found = told(model, ids, lambda o: F.cross_entropy(o.flatten(0, 1), ids.flatten()))
    assert "no residual sum" not in " ".join(one.why for one in found.values())


@pytest.mark.parametrize(("depth", "gain", "alarm"), [(20, 1, True), (20, 2**0.5, False), (6, 1, False)])
def test_twenty_plain_layers_at_glorots_gain(depth, gain, alarm):
    layers = []
    for fan in [64] * depth:
        layers += [nn.Linear(fan, 64), nn.ReLU()]
        nn.init.normal_(layers[-2].weight, std=gain / 8)
        nn.init.zeros_(layers[-2].bias)
    model, x, y = nn.Sequential(*layers, nn.Linear(64, 4)), torch.randn(48, 64), torch.randint(4, (48,))
    assert ("vanishing-forward" in told(model, x, lambda o: F.cross_entropy(o, y))) == alarm


# ---- bounds behind a constant -----------------------------------------------------------------------------


@pytest.mark.parametrize(("factor", "alarm"), [(1.0, True), (2.0, False), (16.0, False)])
def test_cosines_times_a_constant(factor, alarm):
    class Cosines(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.classes = nn.Linear(8, 32), nn.Parameter(torch.randn(10, 32))

        def forward(self, x):
            return F.normalize(self.body(x), dim=1) @ F.normalize(self.classes, dim=1).T * factor

    x, y = torch.randn(40, 8), torch.randint(10, (40,))
    found = told(Cosines(), x, lambda output: F.cross_entropy(output, y))
    assert ("loss-floor" in found) == alarm


@pytest.mark.parametrize(("factor", "alarm"), [(1.0, True), (10.0, False)])
def test_a_tanh_times_a_constant(factor, alarm):
    class Shut(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 10))

        def forward(self, x):
            return torch.tanh(self.body(x)) * factor

    x, y = torch.randn(40, 8), torch.randint(10, (40,))
    assert ("loss-floor" in told(Shut(), x, lambda output: F.cross_entropy(output, y))) == alarm


# ---- branches shut on purpose --------------------------------------------------------------------------------


class Summary(nn.Module):
    """A class token that reads patches through branches scaled by gates, the token's own beside the rest."""

    def __init__(self, gate):
        super().__init__()
        self.read, self.token = nn.Linear(16, 32), nn.Parameter(0.02 * torch.randn(1, 1, 32))
        self.q, self.kv, self.up, self.down = (nn.Linear(32, n) for n in (32, 64, 64, 32))
        self.down = nn.Linear(64, 32)
        self.gates = nn.ParameterList(nn.Parameter(torch.full((32,), gate)) for _ in range(2))
        self.answer = nn.Linear(32, 10)

    def forward(self, x):
        x = torch.cat([self.token.expand(len(x), -1, -1), self.read(x)], 1)
        normed = F.layer_norm(x, (32,))
        k, v = self.kv(normed).chunk(2, -1)
        seen = (self.q(normed[:, :1]) @ k.transpose(1, 2) / 6).softmax(-1) @ v
        x = x + self.gates[0] * torch.cat([seen, normed[:, 1:]], 1)
        token = self.gates[1] * self.down(F.gelu(self.up(F.layer_norm(x, (32,))[:, :1])))
        x = x + torch.cat([token, x[:, 1:]], 1)
        return self.answer(F.layer_norm(x, (32,))[:, 0])


@pytest.mark.parametrize("gate", [0.0, 1e-5, 1e-3])
def test_a_class_token_whose_branches_start_shut(gate):
    x, y = torch.randn(32, 9, 16), torch.randint(10, (32,))
    assert not told(Summary(gate), x, lambda output: F.cross_entropy(output, y))


# ---- nothing goes in, nothing comes back -------------------------------------------------------------------


class Neighbours(nn.Module):
    """Messages along the pairs of points that are nearer than a cutoff."""

    def __init__(self, cutoff):
        super().__init__()
        self.cutoff, self.read = cutoff, nn.Linear(3, 16)
        self.message, self.answer = nn.Linear(1, 16), nn.Linear(16, 1)

    def forward(self, points):
        apart = torch.cdist(points, points)
        a, b = ((apart < self.cutoff) & (apart > 0)).nonzero(as_tuple=True)
        state = torch.tanh(self.read(points))
        sent = torch.tanh(self.message(apart[a, b][:, None])) * state[b]
        return self.answer(state + torch.zeros_like(state).index_add(0, a, sent))


@pytest.mark.parametrize(("cutoff", "alarm"), [(0.0, True), (1.0, False)])
def test_a_cutoff_that_leaves_no_neighbour(cutoff, alarm):
    points = torch.randn(40, 3)
    found = told(Neighbours(cutoff), points, lambda answers: F.mse_loss(answers, points[:, :1]))
    assert ("vanishing-forward" in found) == alarm
    if alarm:
        assert found["vanishing-forward"].path == "message"


def test_experts_that_were_not_chosen_may_wait():
    class Chosen(nn.Module):
        def __init__(self):
            super().__init__()
            self.score, self.experts = nn.Linear(8, 3), nn.ModuleList(nn.Linear(8, 1) for _ in range(3))
            nn.init.constant_(self.score.bias, 0)
            self.score.bias.data[0] = 30  # all go to the first one

        def forward(self, x):
            shares = self.score(x).softmax(1)
            best, answers = shares.argmax(1), torch.zeros(len(x), 1)
            for k, expert in enumerate(self.experts):
                rows = (best == k).nonzero()[:, 0]
                answers = answers.index_add(0, rows, shares[rows, k : k + 1] * expert(x[rows]))
            return answers

    x = torch.randn(32, 8)
    assert "vanishing-forward" not in told(Chosen(), x, lambda answers: F.mse_loss(answers, x[:, :1]))


def test_proposals_of_which_a_start_has_none_may_wait():
    class Proposing(nn.Module):
        def __init__(self):
            super().__init__()
            self.read, self.score = nn.Linear(8, 16), nn.Linear(16, 1)
            self.answer, self.refine = nn.Linear(16, 1), nn.Linear(16, 1)

        def forward(self, x):
            state = torch.tanh(self.read(x))
            proposed = state[self.score(state)[:, 0] > 9]  # none is as sure at the start
            return self.answer(state), self.refine(proposed)

    x = torch.randn(32, 8)
    found = told(Proposing(), x, lambda answers: F.mse_loss(answers[0], x[:, :1]) + answers[1].sum())
    assert "vanishing-forward" not in found


class Curved(nn.Module):
    """The second derivative of a network by its input, as equations ask for it."""

    def __init__(self, phi):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(1, 32), phi(), nn.Linear(32, 32), phi(), nn.Linear(32, 1))

    def forward(self, x):
        x = x.detach().clone().requires_grad_()
        u = self.net(x)
        slope = torch.autograd.grad(u.sum(), x, create_graph=True)[0]
        return torch.autograd.grad(slope.sum(), x, create_graph=True)[0] + 0 * u


@pytest.mark.parametrize(("phi", "alarm"), [(nn.ReLU, True), (nn.Tanh, False)])
def test_a_second_derivative_of_straight_pieces_teaches_nothing(phi, alarm):
    x = torch.linspace(-1, 1, 48)[:, None]
    found = told(Curved(phi), x, lambda curve: F.mse_loss(curve, torch.sin(3 * x)))
    assert ("vanishing-backward" in found) == alarm
    if alarm:
        assert "slope 0" in found["vanishing-backward"].why


class Pairs(nn.Module):
    """Two views that are projected, brought to length 1 and compared."""

    def __init__(self):
        super().__init__()
        self.one, self.other = nn.Linear(8, 16, bias=False), nn.Linear(8, 16, bias=False)

    def forward(self, x):
        a, b = self.one(x), self.other(x.flip(1))
        a, b = (y / y.square().sum(1, keepdim=True) ** 0.5 for y in (a, b))
        return 10 * a @ b.T


def test_zeros_that_are_divided_by_their_length_are_named_and_drawn():
    model, x = Pairs(), torch.randn(24, 8)
    for layer in (model.one, model.other):
        nn.init.zeros_(layer.weight)
    finding = told(model, x, lambda logits: F.cross_entropy(logits, torch.arange(24)))["non-finite"]
    assert set(finding.paths) == {"one.weight", "other.weight"}
    assert "0 / 0" in finding.why
    exec(finding.fix, {"model": model, "igt": igt, "torch": torch})
    assert "non-finite" not in told(model, x, lambda logits: F.cross_entropy(logits, torch.arange(24)))


@pytest.mark.parametrize(("times", "alarm"), [(400, True), (10, False)])
def test_a_lone_layer_a_hundred_times_as_loud_as_all_others(times, alarm):
    widths = (8, 24, 20, 28, 22, 26, 18, 30, 16)  # no two layers are of one kind
    layers = []
    for k, (fan_in, fan_out) in enumerate(itertools.pairwise(widths)):
        layers += [nn.Linear(fan_in, fan_out), nn.Hardtanh() if k == 4 else nn.Tanh()]
    layers[8].weight.data.mul_(times)
    model, x = nn.Sequential(*layers, nn.Linear(16, 1)), torch.randn(48, 8)
    report = igt.inspect(model, x, lambda answers: F.mse_loss(answers, x[:, :1]))
    told = [one for one in report.findings if one.path == "8" and "peers" in one.why]
    assert bool(told) == alarm

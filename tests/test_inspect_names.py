"""No alarm where a start learns, and the right name where it does not."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

import isogain.torch as igt  # noqa: E402
from told import told  # noqa: E402

pytestmark = pytest.mark.usefixtures("seed_0_in_one_thread")


# ---- no alarm --------------------------------------------------------------------------------------------------


class Spike(torch.autograd.Function):
    """Fires above 1; its slope is that of a bell."""

    @staticmethod
    def forward(ctx, v):
        ctx.save_for_backward(v)
        return (v > 1).to(v.dtype)

    @staticmethod
    def backward(ctx, gradient):
        (v,) = ctx.saved_tensors
        return gradient / (1 + (math.pi * (v - 1)) ** 2)


def test_neurons_that_do_not_fire_yet_but_learn():
    class Spiking(nn.Module):
        def __init__(self):
            super().__init__()
            self.inside, self.answer = nn.Linear(64, 48), nn.Linear(48, 4)

        def forward(self, x):
            v, w, total = 0.0, 0.0, 0.0
            for _ in range(6):
                v = 0.5 * v + self.inside(x)
                spikes = Spike.apply(v)
                v = v * (1 - spikes.detach())
                w = 0.5 * w + self.answer(spikes)
                total = total + Spike.apply(w)
            return total / 6

    x, y = torch.randn(48, 64), F.one_hot(torch.randint(4, (48,)), 4).float()
    report = igt.inspect(Spiking(), x, lambda rates: F.mse_loss(rates, y))
    assert not [one for one in report.findings if one.code == "vanishing-forward"]


def test_scores_of_which_only_differences_count_lack_no_constant():
    class Ranked(nn.Module):
        """Scores of pairs that were liked, and of pairs that were not, in one vector."""

        def __init__(self):
            super().__init__()
            self.users, self.things = nn.Embedding(30, 16), nn.Embedding(40, 16)

        def forward(self, liked, other):
            both = [(self.users(u) * self.things(t)).sum(1) for u, t in (liked.T, other.T)]
            return torch.stack(both, 1)

    pairs = torch.stack([torch.randint(30, (64,)), torch.randint(40, (64,))], 1)
    others = torch.stack([pairs[:, 0], torch.randint(40, (64,))], 1)
    found = told(Ranked(), (pairs, others), lambda s: -F.logsigmoid(s[:, 0] - s[:, 1]).mean())
    assert "initial-loss" not in found


@pytest.mark.parametrize(("size", "severity"), [(0.02, "info"), (0.005, "warning")])
def test_quiet_positions_are_a_note_and_silent_ones_a_warning(size, severity):
    class Tokens(nn.Module):
        def __init__(self):
            super().__init__()
            self.words, self.places = nn.Embedding(30, 32), nn.Parameter(size * torch.randn(16, 32))
            self.norm, self.answer = nn.LayerNorm(32), nn.Linear(32, 30)

        def forward(self, ids):
            return self.answer(self.norm(self.words(ids) + self.places))

    ids = torch.randint(30, (12, 16))
    report = igt.inspect(Tokens(), ids, lambda o: F.cross_entropy(o.flatten(0, 1), ids.flatten()))
    assert [one.severity for one in report.findings if one.path == "places"] == [severity]


def test_a_few_numbers_of_old_memory():
    class Tagged(nn.Module):
        def __init__(self, moves):
            super().__init__()
            self.body, self.moves = nn.Linear(8, 3), nn.Parameter(moves)

        def forward(self, x):
            return self.body(x) + self.moves.sum(0).clamp(-1, 1)

    x = torch.randn(32, 8)
    old = torch.tensor([[2.8e-40, 0.0, 5.3e17], [6.5e9, 0.0, 1.3e-11], [0.0, 5.4e-20, 3.3e-40]])
    assert "uninitialized" in told(Tagged(old), x)
    for drawn in (
        0.1 * torch.randn(3, 3),
        torch.tensor([[1e-9, 0.0, 3.0], [1e9, 0.0, 1e4], [1.0, 2.0, 1e-6]]),
    ):
        assert "uninitialized" not in told(Tagged(drawn), x)


# ---- names of what is wrong ------------------------------------------------------------------------------------


def test_numbers_with_fractions_that_look_up_one_row():
    class Timed(nn.Module):
        def __init__(self, rows):
            super().__init__()
            self.time, self.read, self.answer = nn.Embedding(64, 16), nn.Linear(4, 16), nn.Linear(16, 1)
            self.rows = rows

        def forward(self, x, t):
            return self.answer(torch.tanh(self.read(x) + self.time((t * self.rows).long())))

    x, t = torch.randn(64, 4), 0.99 * torch.rand(64)

    def loss(answers):
        return F.mse_loss(answers, torch.sin(6 * t)[:, None])

    found = told(Timed(1), (x, t), loss)["idle-slices"]
    assert found.path == "time"
    assert "1 of 64 rows" in found.measured
    assert "idle-slices" not in told(Timed(63), (x, t), loss)


def test_a_state_that_grows_is_named_and_not_the_head_behind_it():
    class Doubling(nn.Module):
        def __init__(self, factor):
            super().__init__()
            self.rnn, self.head = nn.RNN(2, 32, nonlinearity="relu", batch_first=True), nn.Linear(32, 4)
            self.rnn.weight_hh_l0.data = factor * torch.eye(32)

        def forward(self, x):
            return self.head(self.rnn(x)[0][:, -1])

    x, y = torch.randn(32, 40, 2), torch.randint(4, (32,))
    found = told(Doubling(2.0), x, lambda output: F.cross_entropy(output, y))["exploding-forward"]
    assert found.path == "rnn"
    assert "at each of its steps" in found.why
    assert "exploding-forward" not in told(Doubling(1.0), x, lambda output: F.cross_entropy(output, y))


def test_parameters_that_functions_use_bear_their_own_names():
    class Written(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = (
                nn.Parameter(9 * torch.randn(16, 32)),
                nn.Parameter(torch.randn(32, 4) / 6),
            )

        def forward(self, x):
            return torch.tanh(x @ self.first) @ self.second

    report = igt.inspect(Written(), torch.randn(48, 16))
    assert any("first" in (one.path, *one.paths) or "first" in one.why for one in report.findings)


@pytest.mark.parametrize(
    ("std", "frozen", "alarm"), [(1e-4, False, False), (1e-4, True, True), (0.1, True, False)]
)
def test_small_tables_that_learn_are_a_start(std, frozen, alarm):
    class Clicks(nn.Module):
        def __init__(self):
            super().__init__()
            self.tables = nn.ModuleList(nn.Embedding(20, 8) for _ in range(5))
            self.body = nn.Sequential(
                nn.Linear(40, 32), nn.ReLU(), nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 1)
            )
            for table in self.tables:
                nn.init.normal_(table.weight, std=std)
                table.weight.requires_grad_(not frozen)

        def forward(self, ids):
            return self.body(torch.cat([table(ids[:, k]) for k, table in enumerate(self.tables)], 1))[:, 0]

    ids = torch.randint(20, (64, 5))
    clicked = (ids[:, 0] > 9).float()
    found = told(Clicks(), ids, lambda logits: F.binary_cross_entropy_with_logits(logits, clicked))
    assert bool({"constant-output", "rank-collapse"} & set(found)) == alarm

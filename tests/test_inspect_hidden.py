"""Masks and cutoffs that come with the data and let nothing through; what only looks like it."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

import isogain.torch as igt  # noqa: E402
from isogain.inspect.rules import RULES  # noqa: E402
from told import told  # noqa: E402


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


class Asking(nn.Module):
    """Queries that attend to what a mask leaves of 12 places."""

    def __init__(self, filled, gate=None):
        super().__init__()
        self.filled, self.gate = filled, None if gate is None else nn.Parameter(torch.tensor(gate))
        self.read, self.q, self.k, self.v = (nn.Linear(16, 16) for _ in range(4))
        self.answer = nn.Linear(16, 4)

    def forward(self, x, hidden):
        state = torch.tanh(self.read(x))
        logits = self.q(state) @ self.k(state).transpose(1, 2) / 4
        if self.filled:
            logits = logits.masked_fill(hidden[:, None], -1e9)
        else:
            logits = torch.where(hidden[:, None], torch.full_like(logits, -1e9), logits)
        seen = logits.softmax(-1) @ self.v(state)
        return self.answer((state + (seen if self.gate is None else self.gate * seen)).mean(1))


@pytest.mark.parametrize("filled", [False, True])
@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_a_mask_that_hides_all(share, filled):
    x, y = torch.randn(32, 12, 16), torch.arange(32) % 4
    hidden = torch.rand(32, 12) < share
    model = Asking(filled)
    found = told(model, (x, hidden), lambda output: F.cross_entropy(output, y))
    F.cross_entropy(model(x, hidden), y).backward()
    assert (not model.q.weight.grad.any()) == (share == 1)  # what is said of it
    assert set(found) == ({"vanishing-backward"} if share == 1 else set())
    assert share < 1 or {"q", "k"} <= set(found["vanishing-backward"].paths)


@pytest.mark.parametrize(("places", "told_of"), [(12, True), (1, False)])
def test_a_mask_of_the_models_own(places, told_of):
    class Own(Asking):
        def __init__(self, hidden):
            super().__init__(True)
            self.register_buffer("hidden", hidden)

        def forward(self, x):
            return super().forward(x, self.hidden.expand(len(x), -1))

    x, y = torch.randn(32, places, 16), torch.arange(32) % 4
    hidden = torch.ones(1, places, dtype=torch.bool) if told_of else torch.zeros(1, 1, dtype=torch.bool)
    found = told(Own(hidden), x, lambda output: F.cross_entropy(output, y))
    assert ("vanishing-backward" in found) == told_of  # of one place nothing can be learnt, by design


def test_a_gate_of_zero_behind_a_mask_is_a_start():
    x, y = torch.randn(32, 12, 16), torch.arange(32) % 4
    hidden = torch.rand(32, 12) < 0.4
    assert not told(Asking(True, 0.0), (x, hidden), lambda output: F.cross_entropy(output, y))


class Neighbours(nn.Module):
    """Messages weighed by a smooth cutoff of distances, which are never left out but for that."""

    def __init__(self, cutoff):
        super().__init__()
        self.cutoff, self.read = cutoff, nn.Linear(3, 16)
        self.weigh = nn.Sequential(nn.Linear(1, 16), nn.SiLU(), nn.Linear(16, 16))
        self.answer = nn.Linear(16, 1)

    def forward(self, points):
        apart = torch.cdist(points, points)[..., None]
        near = 0.5 * (torch.cos(apart.clamp(max=self.cutoff) * torch.pi / self.cutoff) + 1)
        near = near * (apart < self.cutoff) * (apart > 0)
        state = torch.tanh(self.read(points))
        return self.answer(state + (self.weigh(apart) * near * state[None]).sum(1))


@pytest.mark.parametrize(("unit", "far"), [(1.0, False), (1e3, True)])
def test_a_cutoff_in_another_unit(unit, far):
    points = torch.randn(24, 3)
    model = Neighbours(4.0)
    # the coordinates themselves are read in their own unit; distances are in another
    model.read.weight.data /= unit
    found = told(model, unit * points, lambda output: F.mse_loss(output, points[:, :1]))
    assert ("vanishing-backward" in found) == far
    if far:
        assert {"weigh.0", "weigh.2"} <= set(found["vanishing-backward"].paths)
        assert "cutoff" in found["vanishing-backward"].why


def test_experts_behind_a_mask_of_which_others_are_chosen_may_wait():
    class Chosen(nn.Module):
        def __init__(self):
            super().__init__()
            self.experts = nn.ModuleList(nn.Linear(8, 4) for _ in range(3))

        def forward(self, x, shares):
            return sum(one(x) * (1.0 * shares[:, k : k + 1]) for k, one in enumerate(self.experts))

    x, y, shares = torch.randn(32, 8), torch.arange(32) % 4, torch.rand(32, 3)
    shares[:, 2] = 0
    assert not told(Chosen(), (x, shares), lambda output: F.cross_entropy(output, y))


def test_units_that_are_off_in_front_of_a_mask_are_what_hands_nothing_back():
    class Off(nn.Module):
        def __init__(self):
            super().__init__()
            self.read, self.beside, self.answer = nn.Linear(8, 16), nn.Linear(8, 16), nn.Linear(16, 4)
            nn.init.constant_(self.read.bias, -50.0)

        def forward(self, x, hidden):
            return self.answer(self.beside(x) + F.relu(self.read(x)).masked_fill(hidden, 0.0))

    x, y = torch.randn(32, 8), torch.arange(32) % 4
    found = told(Off(), (x, torch.rand(32, 1) < 0.3), lambda output: F.cross_entropy(output, y))
    assert "dead-units" in found
    assert "lets nothing" not in found["vanishing-backward"].why


def test_zeros_that_are_added_hide_nothing():
    class Rounded(nn.Module):
        def __init__(self):
            super().__init__()
            self.read, self.beside, self.answer = nn.Linear(8, 16), nn.Linear(8, 16), nn.Linear(16, 4)

        def forward(self, x, level):
            return self.answer(self.beside(x) + (self.read(x) + 0.0 * level).round())

    x, y = torch.randn(32, 8), torch.arange(32) % 4
    report = igt.inspect(Rounded(), (x, torch.rand(32, 1)), lambda output: F.cross_entropy(output, y))
    assert not any("lets nothing" in one.why for one in report.findings)


def test_branches_dropped_at_random_come_back():
    class Dropped(nn.Module):
        def __init__(self):
            super().__init__()
            self.branch, self.answer = nn.Linear(8, 8), nn.Linear(8, 4)

        def forward(self, x):
            dropped = torch.rand(()).expand(len(x), 1) < 2.0  # this time it is, for every sample
            return self.answer(x + self.branch(x).masked_fill(dropped, 0.0))

    y = torch.arange(32) % 4
    found = told(Dropped(), torch.randn(32, 8), lambda output: F.cross_entropy(output, y))
    assert "lets nothing" not in found["vanishing-backward"].why


class Stacks(nn.Module):
    """Two networks side by side: their weights drawn, their biases of zeros, their mean the answer."""

    def __init__(self):
        super().__init__()
        self.weight, self.bias = nn.Parameter(0.3 * torch.randn(2, 8, 4)), nn.Parameter(torch.zeros(2, 1, 4))

    def forward(self, x):
        return (x @ self.weight + self.bias).mean(0)


def test_biases_of_zeros_side_by_side_are_no_symmetry():
    y = torch.arange(32) % 4
    assert not told(Stacks(), torch.randn(32, 8), lambda output: F.cross_entropy(output, y))


def test_predictions_of_exactly_0_are_reported():
    model = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 1), nn.ReLU())
    model[2].weight.data.abs_().neg_().mul_(0.01)
    model[2].bias.data.fill_(-0.5)
    x = torch.randn(64, 8)
    found = told(model, (x, 2 + 0.3 * x[:, :1]), "mse")
    assert {"dead-units", "initial-loss"} <= set(found)
    assert "vanishing-backward" not in found  # which the dead units explain


def test_a_rule_whose_numbers_fail_costs_no_other_findings(monkeypatch):
    def failing(table):
        yield from ()
        raise ZeroDivisionError

    monkeypatch.setitem(RULES, "initial-loss", (failing,))
    model = nn.Sequential(*[part for _ in range(30) for part in (nn.Linear(16, 16), nn.Sigmoid())])
    report = igt.inspect(model, torch.randn(16, 16))
    assert report.verdict == "critical"
    assert any("initial-loss" in one for one in report.coverage.skipped)

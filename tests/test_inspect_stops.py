"""Gradients that one operation ends: the operation is named, and no layer is blamed for it."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

from isogain.torch.inspection.inspecting import inspect  # noqa: E402

FOLLOWING = {"vanishing-forward", "vanishing-backward", "rank-collapse", "constant-output"}
LAYERS = ("gain", "layers each", "underflows")
"""Words of sentences that blame layers."""


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


class Between(nn.Module):
    """Tanh layers with one operation between two of them."""

    def __init__(self, operation) -> None:
        super().__init__()
        self.operation = operation
        self.first = nn.Sequential(nn.Linear(8, 32), nn.Tanh(), nn.Linear(32, 32))
        self.last = nn.Sequential(nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 3))

    def forward(self, x):
        return self.last(self.operation(self.first(x)))


def told(model, inputs=None):
    inputs = (torch.randn(64, 8), torch.arange(64) % 3) if inputs is None else inputs
    return [one for one in inspect(model, inputs, "cross_entropy").findings if one.severity != "info"]


FLAT = {"round": torch.round, "sign": torch.sign, "floor": torch.floor}
CONSTANT = {
    "softmax": lambda z: z.unsqueeze(-1).softmax(-1).squeeze(-1),
    "mul": lambda z: z * 0.0,
    "sub": lambda z: z - z,
    "clamp": lambda z: z.clamp(5, 6),
}


@pytest.mark.parametrize("name", FLAT)
def test_operations_without_a_slope_are_the_cause(name):
    (found,) = told(Between(FLAT[name]))
    assert found.code == "vanishing-backward"
    assert found.why.count(f"({name} ") == 1
    assert "slope 0" in found.why
    assert not any(word in found.why for word in LAYERS)


@pytest.mark.parametrize("name", CONSTANT)
def test_operations_that_give_one_number_are_the_cause_of_all_that_follows(name):
    found = [one for one in told(Between(CONSTANT[name])) if one.code in FOLLOWING]
    assert {one.code for one in found} >= {"vanishing-backward", "rank-collapse", "constant-output"}
    for one in found:
        assert f"({name} " in one.why
        assert not any(word in one.why for word in LAYERS)


def test_dead_units_are_the_cause_of_what_they_leave_alike():
    found = told(Between(lambda z: F.relu(z - 100)))
    for one in (one for one in found if one.code in FOLLOWING):
        assert "is off for all samples" in one.why


SLOPES = {
    "straight through": lambda z: z + (z.round() - z).detach(),
    "clamp": lambda z: z.clamp(-1, 1),
    "soft": lambda z: z.softmax(-1),
    "twice": lambda z: z * 2 - z,
}


@pytest.mark.parametrize("name", SLOPES)
def test_their_likes_hand_gradients_on(name):
    assert not told(Between(SLOPES[name]))


class Pooled(nn.Module):
    """Raw positions weighed by a scorer, or a memory's rows."""

    def __init__(self, axis: int, memory: bool = False) -> None:
        super().__init__()
        self.axis, self.memory = axis, nn.Parameter(torch.randn(6, 5)) if memory else None
        self.score = nn.Sequential(nn.Linear(5, 16), nn.Tanh(), nn.Linear(16, 6 if memory else 1))
        self.head = nn.Linear(5, 3)

    def forward(self, x):
        if self.memory is not None:
            shares = self.score(x.mean(1)).unsqueeze(-1).softmax(self.axis).squeeze(-1)
            return self.head(torch.tanh(shares @ self.memory))
        return self.head((self.score(x).softmax(self.axis) * x).sum(1))


def sentences():
    return torch.randn(64, 7, 5), torch.arange(64) % 3


def test_a_softmax_of_one_number_is_told_once():
    (found,) = told(Pooled(2), sentences())
    assert found.code == "saturated-units"
    assert "a softmax of one number" in found.why
    assert not told(Pooled(1), sentences())


def test_a_softmax_of_one_number_over_a_memory():
    found = told(Pooled(2, memory=True), sentences())
    assert {one.code for one in found} == {"vanishing-backward", "constant-output"}
    assert all("is a softmax over one number" in one.why for one in found)
    assert not told(Pooled(1, memory=True), sentences())


# ---- zeros that nothing moves, or that are all that is read --------------------------------------


class Lengths(nn.Module):
    """Votes of parts for wholes, squashed by their length (Sabour et al. 2017)."""

    def __init__(self, size: float) -> None:
        super().__init__()
        self.parts, self.votes = nn.Linear(10, 96), nn.Parameter(size * torch.randn(4, 12, 16, 8))

    def forward(self, x):
        parts = torch.tanh(self.parts(x)).view(len(x), 12, 8)
        whole = torch.einsum("oidk,bik->boid", self.votes, parts).mean(2)
        squares = (whole * whole).sum(-1, keepdim=True)
        whole = squares / (1 + squares) * whole / (squares + 1e-8).sqrt()
        return (whole * whole).sum(-1)


def test_zeros_whose_readers_have_no_slope_there():
    batch = torch.randn(64, 10), torch.arange(64) % 4

    def margins(lengths):
        mine = F.one_hot(batch[1], 4).float()
        return (
            (mine * F.relu(0.9 - lengths) ** 2 + 0.5 * (1 - mine) * F.relu(lengths - 0.1) ** 2).sum(1).mean()
        )

    def found(size):
        model = Lengths(size)
        report = inspect(model, batch[0], margins)
        return {one.code: one for one in report.findings if one.severity != "info"}

    zeros = found(0.0)
    assert zeros["symmetric-units"].path == "votes"
    assert all(one.why == zeros["symmetric-units"].why for one in zeros.values())
    assert not found(0.1)


class Spiking(nn.Module):
    """Two layers of units that fire beyond a threshold, with a slope of their own."""

    def __init__(self, threshold: float) -> None:
        super().__init__()
        self.threshold = threshold
        self.first, self.second, self.read = nn.Linear(10, 32), nn.Linear(32, 32), nn.Linear(32, 2)

    @staticmethod
    def fire(potential):
        soft = F.softsign(potential)
        return (potential > 0).float() + soft - soft.detach()

    def forward(self, x):
        one = two = torch.zeros(len(x), 32)
        answer = torch.zeros(len(x), 2)
        for step in range(x.shape[1]):
            one = 0.9 * one + self.first(x[:, step])
            spikes = self.fire(one - 1)
            two = 0.9 * two + self.second(spikes)
            answer = answer + self.read(self.fire(two - self.threshold))
        return answer


def test_units_that_never_fire_are_the_cause_of_a_constant_answer():
    x = 2 * torch.randn(64, 12, 10)
    batch = x, (x.mean(1)[:, 0] > 0).long()
    found = {one.code: one for one in told(Spiking(50.0), batch)}
    assert "never fire" in found["constant-output"].why
    assert "constant-output" not in {one.code for one in told(Spiking(0.3), batch)}


@pytest.mark.parametrize("size", [0.0, 1.0])
def test_frozen_vectors_that_are_missing(size):
    table = nn.Embedding(50, 16)
    table.weight.requires_grad_(False).mul_(size)
    model = nn.Sequential(table, nn.Flatten(), nn.Linear(9 * 16, 32), nn.ReLU(), nn.Linear(32, 2))
    found = told(model, (torch.randint(50, (64, 9)), torch.arange(64) % 2))
    assert ("vanishing-forward" in {one.code for one in found}) == (size == 0)


class Quantised(nn.Module):
    """Weights rounded to steps that are learnt (Esser et al. 2020)."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.first, self.second, self.last = nn.Linear(16, 64), nn.Linear(64, 64), nn.Linear(64, 3)
        self.steps = nn.ParameterList(
            nn.Parameter(share * one.weight.detach().abs().mean()) for one in (self.first, self.second)
        )

    @staticmethod
    def rounded(weight, step):
        level = (weight / step).clamp(-8, 7)
        return (level + (level.round() - level).detach()) * step

    def forward(self, x):
        for layer, step in zip((self.first, self.second), self.steps, strict=True):
            x = F.relu(F.linear(x, self.rounded(layer.weight, step), layer.bias))
        return self.last(x)


def test_steps_that_round_every_weight_to_nothing():
    batch = torch.randn(64, 16), torch.arange(64) % 3
    found = {one.code: one for one in told(Quantised(100.0), batch)}
    assert found["vanishing-forward"].path.startswith("steps")
    assert "mask" not in found["vanishing-forward"].why
    assert not told(Quantised(0.5), batch)

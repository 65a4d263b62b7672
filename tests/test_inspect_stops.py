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
    assert found.code == "vanishing-backward" and found.why.count(f"({name} ") == 1
    assert "slope 0" in found.why and not any(word in found.why for word in LAYERS)


@pytest.mark.parametrize("name", CONSTANT)
def test_operations_that_give_one_number_are_the_cause_of_all_that_follows(name):
    found = [one for one in told(Between(CONSTANT[name])) if one.code in FOLLOWING]
    assert {one.code for one in found} >= {"vanishing-backward", "rank-collapse", "constant-output"}
    for one in found:
        assert f"({name} " in one.why and not any(word in one.why for word in LAYERS)


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
    assert found.code == "saturated-units" and "a softmax of one number" in found.why
    assert not told(Pooled(1), sentences())


def test_a_softmax_of_one_number_over_a_memory():
    found = told(Pooled(2, memory=True), sentences())
    assert {one.code for one in found} == {"vanishing-backward", "constant-output"}
    assert all("is a softmax over one number" in one.why for one in found)
    assert not told(Pooled(1, memory=True), sentences())

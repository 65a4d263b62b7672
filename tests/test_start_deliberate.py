"""Starts that somebody chose are kept: zeros that open, priors, whispers, copies; nothing is shut twice."""

from __future__ import annotations

import copy
import math

import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402
from torch.nn import functional  # noqa: E402

import isogain.torch as igt  # noqa: E402

pytestmark = pytest.mark.usefixtures("seed_0_in_one_thread")

GATES = {
    "scalar": lambda: torch.zeros(()), "one": lambda: torch.zeros(1), "channels": lambda: torch.zeros(24),
    "tanh": lambda: torch.zeros(1), "small": lambda: torch.full((24,), 1e-5), "in place": lambda: torch.zeros(()),
    "in the weight": lambda: torch.zeros(24, 1), "before": lambda: torch.zeros(24),
}  # fmt: skip


class Gated(nn.Module):
    """x + gate f(x), the gate held in one of many ways."""

    def __init__(self, kind):
        super().__init__()
        self.kind, self.gate = kind, nn.Parameter(GATES[kind]())
        self.up, self.down = nn.Linear(24, 24), nn.Linear(24, 24)

    def forward(self, x):
        h = torch.relu(self.up(x))
        if self.kind == "before":
            return x + self.down(self.gate * h)
        if self.kind == "in the weight":
            return x + functional.linear(h, self.gate * self.down.weight)
        h = self.down(h)
        if self.kind == "in place":
            return x + h.mul_(self.gate)
        return x + (self.gate.tanh() if self.kind == "tanh" else self.gate) * h


@pytest.mark.parametrize("kind", GATES)
def test_a_branch_that_is_shut_gets_no_zeros(kind):
    """By the gradients: after a step from the gate's zero every branch's weights get some."""
    model = nn.Sequential(nn.Linear(12, 24), *[Gated(kind) for _ in range(7)], nn.Linear(24, 5))
    x, y = torch.randn(64, 12), torch.randint(0, 5, (64,))
    receipt = igt.init_(model, x, keep_healthy=False)
    assert "1.down.weight" in {one.path for one in receipt.written}
    steps = torch.optim.SGD(model.parameters(), 0.5)
    for _ in range(2):
        steps.zero_grad()
        functional.cross_entropy(model(x), y).backward()
        steps.step()
    for block in model[1:-1]:
        assert bool(block.down.weight.any())
        assert bool(block.gate.grad.any())
        assert bool(block.up.weight.grad.any())


def test_zeros_stay_where_a_signal_ends_and_go_where_nothing_arrives():
    class Coupling(nn.Module):
        """Its maps start as the identity."""

        def __init__(self):
            super().__init__()
            self.nets = nn.ModuleList(
                nn.Sequential(nn.Linear(3, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 6))
                for _ in range(8)
            )
            for net in self.nets:
                nn.init.zeros_(net[-1].weight)
                nn.init.zeros_(net[-1].bias)

        def forward(self, x):
            a, b = x.chunk(2, 1)
            for net in self.nets:
                shift, scale = net(a).chunk(2, 1)
                a, b = b * scale.exp() + shift, a
            return torch.cat([a, b], 1)

    flow, x = Coupling(), torch.randn(64, 6)
    receipt = igt.init_(flow, x, keep_healthy=False)
    assert receipt.written
    assert torch.equal(flow(x), x)
    assert torch.equal(flow(100 * x), 100 * x)
    dead = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 3))
    for parameter in dead.parameters():
        nn.init.zeros_(parameter)
    igt.init_(dead, x)
    assert igt.inspect(dead, x).verdict == "healthy"


class Policy(nn.Module):
    """Actions from a quiet head, values from a loud one."""

    def __init__(self, quiet):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh())
        self.value, self.action = nn.Linear(64, 1), nn.Linear(64, 2)
        if quiet:
            nn.init.orthogonal_(self.action.weight, 0.01)
            nn.init.zeros_(self.action.bias)

    def forward(self, x):
        h = self.body(x)
        return self.action(h), self.value(h)


def test_a_quiet_head_stays_quiet_and_a_usual_one_is_drawn():
    x = torch.randn(128, 4)
    for quiet in (True, False):
        model = Policy(quiet)
        before = model.action.weight.detach().clone()
        igt.init_(model, x, keep_healthy=False)
        assert torch.equal(model.action.weight, before) is quiet
    assert float(Policy(True)(x)[0].softmax(1).sub(0.5).abs().max()) < 0.01


@pytest.mark.parametrize("units", [1, 3, 20])
def test_priors_in_biases_stay(units):
    head = nn.Conv2d(16, units, 1)
    nn.init.normal_(head.weight, 0, 0.01)
    nn.init.constant_(head.bias, -math.log(99))
    model = nn.Sequential(nn.Conv2d(3, 16, 3), nn.BatchNorm2d(16), nn.ReLU(), head)
    igt.init_(model, torch.randn(8, 3, 9, 9), keep_healthy=False)
    assert torch.all(head.bias == torch.tensor(-math.log(99)))


class Pair(nn.Module):
    """A network and its target, that is used beside it, later, or not at all."""

    def __init__(self, kind):
        super().__init__()
        self.kind = kind
        self.online = nn.Sequential(
            nn.Linear(6, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 3)
        )
        self.target = copy.deepcopy(self.online)
        self.target.requires_grad_(kind != "frozen")

    def forward(self, x):
        if self.kind == "in a row":
            return self.target(functional.pad(self.online(x), (0, 3)))
        found = self.online(x)
        return found if self.kind == "unused" else (found, self.target(x.flip(0)))


@pytest.mark.parametrize("kind", ["unused", "beside", "frozen", "in a row"])
def test_copies_stay_copies_but_cloned_layers_part(kind):
    model = Pair(kind)
    igt.init_(model, 4 * torch.randn(64, 6), keep_healthy=False)
    pairs = zip(model.online.parameters(), model.target.parameters(), strict=True)
    same = [torch.equal(one, two) for one, two in pairs if one.dim() > 1]
    assert all(same) if kind != "in a row" else not any(same)


def test_adapters_that_add_nothing_go_on_adding_nothing():
    class Adapted(nn.Module):
        def __init__(self, kind):
            super().__init__()
            self.kind, self.base = kind, nn.Linear(16, 16).requires_grad_(False)
            self.down, self.up = nn.Linear(16, 4, bias=False), nn.Linear(4, 16, bias=False)
            self.scale = nn.Parameter(torch.full((16,), 0.1))
            nn.init.zeros_((self.down if kind == "down" else self.up).weight)

        def forward(self, x):
            return self.base(x) + self.up(self.down(x)) * (self.scale if self.kind == "vector" else 1.0)

    for kind in ("up", "down", "vector"):
        model = nn.Sequential(*[part for _ in range(3) for part in (Adapted(kind), nn.GELU())])
        x = torch.randn(32, 16)
        before = model(x)
        igt.init_(model, x, keep_healthy=False)
        assert torch.allclose(model(x), before, atol=1e-6), kind


class Beside(nn.Module):
    """A frozen layer, and what is learnt beside it in one of several ways, none of which ends in zeros."""

    def __init__(self, how):
        super().__init__()
        self.how, self.base = how, nn.Linear(16, 16).requires_grad_(False)
        self.learnt, self.other = nn.Linear(16, 16, bias=False), nn.Linear(16, 16, bias=False)
        with torch.no_grad():
            self.other.weight.copy_(self.learnt.weight)  # two that cancel: neutral, though neither is 0

    def forward(self, x):
        if self.how == "cancels":
            return self.base(x) + self.learnt(x) - self.other(x)
        if self.how == "scales":
            return self.base(x) * (1 + self.learnt(x) - self.other(x))
        return self.base(x + self.learnt(x) - self.other(x))


@pytest.mark.parametrize("how", ["cancels", "scales", "goes in"])
def test_what_is_learnt_beside_frozen_weights_keeps_their_function(how):
    model = nn.Sequential(Beside(how), nn.GELU(), Beside(how), nn.GELU(), nn.Linear(16, 3))
    x = torch.randn(32, 16)
    features, head = model[:-1](x), model[-1].weight.detach().clone()
    igt.init_(model, x, keep_healthy=False)
    assert torch.allclose(model[:-1](x), features, atol=1e-6)
    assert not torch.equal(model[-1].weight, head), "a head on frozen features is drawn"

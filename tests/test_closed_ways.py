"""Zeros on the only way: what inspect says of them, what its line mends, and what init_ opens."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import isogain.torch as igt
from isogain.torch.start.standing import Contest, Snapshot

WIDTH = 32


class Branch(nn.Module):
    """A residual block whose last norm starts at 0, as ResNet's do: the stream goes around it."""

    def __init__(self) -> None:
        super().__init__()
        self.last = nn.BatchNorm1d(WIDTH)
        nn.init.zeros_(self.last.weight)
        self.layers = nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.GELU(), nn.Linear(WIDTH, WIDTH))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.last(self.layers(x))


class Narrowing(nn.Module):
    """The same norm where nothing goes around it, with a dropout behind it and 0 added."""

    def __init__(self) -> None:
        super().__init__()
        self.last = nn.BatchNorm1d(WIDTH)
        nn.init.zeros_(self.last.weight)
        self.layers = nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.GELU(), nn.Linear(WIDTH, WIDTH))

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.dropout(self.last(self.layers(x)), 0.0) + 0


class Scale(nn.Module):
    """A learnt scale on the way itself."""

    def __init__(self, gamma: float = 0.0) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.full((WIDTH,), gamma))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gamma


class Shifted(nn.Module):
    """A norm whose scale is 1 + w, with w = 0."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(WIDTH))

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-6) * (1 + self.weight)


def model_of(*middle: nn.Module, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Linear(WIDTH, WIDTH), *middle, nn.Linear(WIDTH, WIDTH), nn.Tanh(), nn.Linear(WIDTH, 10)
    )


def task() -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    generator = torch.Generator().manual_seed(1)
    inputs = torch.randn(64, WIDTH, generator=generator)
    labels = torch.randint(0, 10, (64,), generator=generator)
    return inputs, lambda out: nn.functional.cross_entropy(out, labels)


def trained(model: nn.Module, steps: int = 15) -> float:
    inputs, loss = task()
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    for _ in range(steps):
        value = loss(model(inputs))
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
    return float(value.detach())


CLOSED = {
    "norm": (lambda: (Branch(), Narrowing(), Branch()), {"2.last.weight"}),
    "scale": (lambda: (Branch(), Scale()), {"2.gamma"}),
    "two": (lambda: (Narrowing(), Branch(), Narrowing()), {"1.last.weight", "3.last.weight"}),
}


@pytest.mark.parametrize("name", CLOSED)
def test_the_cause_names_the_zeros_and_not_the_branches(name: str) -> None:
    make, expected = CLOSED[name]
    report = igt.inspect(model_of(*make()), *task())
    assert report.verdict == "critical"
    named = {path for found in report.findings if found.severity != "info" for path in found.paths}
    assert named == expected
    assert "nothing goes around" in report.cause


@pytest.mark.parametrize("name", CLOSED)
def test_the_fix_opens_them_alone_and_trains_better(name: str) -> None:
    make, expected = CLOSED[name]
    model = model_of(*make())
    before = {path: value.clone() for path, value in model.state_dict().items()}
    fix = igt.inspect(model, *task()).findings[0].fix
    exec(fix, {"torch": torch, "igt": igt, "model": model})
    changed = {path for path, value in model.state_dict().items() if not torch.equal(value, before[path])}
    assert changed == expected
    assert igt.inspect(model, *task()).verdict == "healthy"
    assert trained(model) < trained(model_of(*make())) - 0.05


@pytest.mark.parametrize("name", CLOSED)
def test_init_opens_them_and_leaves_branches_shut(name: str) -> None:
    make, expected = CLOSED[name]
    model = model_of(*make())
    inputs, loss = task()
    receipt = igt.init_(model, inputs, loss=loss)
    assert not receipt.left
    assert receipt.verdict_after == "healthy"
    values = dict(model.named_parameters())
    assert all(bool((values[path] == 1).all()) for path in expected)
    others = [path for path in values if path.endswith("last.weight") and path not in expected]
    assert all(bool((values[path] == 0).all()) for path in others)


@pytest.mark.parametrize("gamma", [0.0, 1e-6])
def test_a_whisper_on_the_way_is_named_and_opened(gamma: float) -> None:
    """Weights must not be made a million times larger to undo it: one step of training would undo that."""
    model = model_of(Scale(gamma), nn.Linear(WIDTH, WIDTH), nn.GELU(), Scale(gamma))
    report = igt.inspect(model, *task())
    assert report.verdict == "critical"
    assert {path for found in report.findings for path in found.paths} == {"1.gamma", "4.gamma"}
    inputs, loss = task()
    igt.init_(model, inputs, loss=loss)
    sizes = {path: float(value.detach().square().mean().sqrt()) for path, value in model.named_parameters()}
    assert sizes["1.gamma"] == sizes["4.gamma"] == 1
    assert max(sizes.values()) < 2
    assert trained(model, 40) < 2.0


def test_zeros_that_something_goes_around_are_no_finding() -> None:
    for middle, zeros in (((Branch(), Branch()), "2.last.weight"), ((Branch(), Shifted()), "2.weight")):
        model = model_of(*middle)
        assert igt.inspect(model, *task()).verdict == "healthy"
        plan = igt.plan(model, task()[0])
        assert str(plan[zeros].initializer) in ("None", "Zeros()")


def test_of_two_critical_starts_the_one_that_learns_more_stays() -> None:
    model = model_of(Narrowing())
    report = igt.inspect(model, *task())
    plan = igt.plan(model, task()[0])
    for then, before, stays in (
        (1.9, 0.01, True),
        (0.01, 1.9, False),
        (1.9, 1.9, False),
        (math.inf, 1.0, True),
    ):
        reached = iter((then, before))
        contest = Contest(lambda: report, True, False, False, learnt=partial(next, reached))
        assert bool(contest._less_learnt(report, report, Snapshot(model, plan))) == stays


class Excited(nn.Module):
    """A convolution whose channels a squeezed copy of it lets through."""

    def __init__(self, bias: float) -> None:
        super().__init__()
        self.conv, self.squeeze, self.excite = nn.Conv2d(8, 8, 3, padding=1), nn.Linear(8, 4), nn.Linear(4, 8)
        nn.init.constant_(self.excite.bias, bias)

    def forward(self, x):
        h = F.relu(self.conv(x))
        return h * self.excite(F.relu(self.squeeze(h.mean((2, 3))))).sigmoid()[:, :, None, None]


def test_a_gate_that_is_nearly_shut_on_the_only_way_is_the_one_cause():
    torch.manual_seed(0)
    x, label = torch.randn(32, 8, 8, 8), torch.randint(0, 4, (32,))
    loss = lambda out: F.cross_entropy(out, label)  # noqa: E731

    def build(bias):
        return nn.Sequential(*[Excited(bias) for _ in range(3)], nn.Flatten(), nn.Linear(512, 4))

    model = build(-7.0)
    findings = {one.code: one for one in igt.inspect(model, x, loss=loss).findings}
    finding = findings["vanishing-backward"]
    assert finding.paths == ("0.excite.bias", "1.excite.bias", "2.excite.bias")
    assert "its gate lets 0.0008" in finding.why  # sigmoid(-7 and a little)
    assert igt.init_(model, x, loss=loss, rates=False).verdict_after == "healthy"
    assert float(model[1].excite.bias.detach().abs().max()) == 0
    assert igt.inspect(build(1.0), x, loss=loss).verdict == "healthy"


class Rezero(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.net, self.alpha = (
            nn.Sequential(nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 16)),
            nn.Parameter(torch.zeros(1)),
        )

    def forward(self, x):
        return x + self.alpha * self.net(x)


def test_a_gate_of_zero_beside_the_raw_input_is_no_wall():
    torch.manual_seed(0)
    x, label = torch.randn(64, 16), torch.randint(0, 4, (64,))
    model = nn.Sequential(*[Rezero() for _ in range(6)], nn.Linear(16, 4))
    assert igt.inspect(model, x, loss=lambda out: F.cross_entropy(out, label)).verdict == "healthy"


class Normed(nn.Module):
    """A norm of its own whose scale counts from 1, or whose offset is called b: zeros in both are usual."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.g, self.b = nn.Parameter(torch.zeros(size)), nn.Parameter(torch.zeros(size))

    def forward(self, x):
        return x / x.square().mean(-1, keepdim=True).sqrt() * (self.g + 1) + self.b


def test_scales_that_count_from_one_and_offsets_are_no_zeros_on_the_way():
    torch.manual_seed(0)
    x, label = torch.randn(64, 16), torch.randint(0, 4, (64,))
    model = nn.Sequential(nn.Linear(16, 32), Normed(32), nn.ReLU(), nn.Linear(32, 4))
    assert igt.inspect(model, x, loss=lambda out: F.cross_entropy(out, label)).verdict == "healthy"


def test_a_scale_of_zero_with_a_bias_is_the_cause_of_answers_that_are_one():
    torch.manual_seed(0)
    x, label = torch.randn(64, 16), torch.randint(0, 4, (64,))
    model = nn.Sequential(nn.Linear(16, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 4))
    nn.init.zeros_(model[1].weight)
    nn.init.ones_(model[1].bias)
    findings = igt.inspect(model, x, loss=lambda out: F.cross_entropy(out, label)).findings
    assert findings[0].paths == ("1.weight",)
    assert "constant_(model.get_parameter('1.weight'), 1)" in findings[0].fix

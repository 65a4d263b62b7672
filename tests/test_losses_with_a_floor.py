"""Losses that cannot fall, gradients of a model's own backward pass, and parts that hand on nothing."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import isogain.torch as igt

CLASSES = 5


def task(classes: int = CLASSES) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(64, 16, generator=generator), torch.randint(0, classes, (64,), generator=generator)


def mlp(*last: nn.Module, classes: int = CLASSES) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, classes), *last)


class Cosines(nn.Module):
    """Normalised features against normalised class weights, times a constant."""

    def __init__(self, scale: float) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.body, self.scale = nn.Linear(16, 32), scale
        self.weight = nn.Parameter(torch.randn(CLASSES, 32))

    def forward(self, x: Tensor) -> Tensor:
        features = functional.normalize(self.body(x), dim=1)
        return self.scale * features @ functional.normalize(self.weight, dim=1).T


def found(model: nn.Module, loss: Callable[[Tensor], Tensor]) -> list[Any]:
    report = igt.inspect(model, task()[0], loss)
    return [one for one in report.findings if one.code == "loss-floor"]


def cross(out: Tensor) -> Tensor:
    return functional.cross_entropy(out, task()[1])


def yes_or_no(out: Tensor) -> Tensor:
    return functional.binary_cross_entropy_with_logits(out, functional.one_hot(task()[1], CLASSES).float())


@pytest.mark.parametrize(
    ("model", "loss", "best"),
    [
        (lambda: mlp(nn.Softmax(1)), cross, torch.eye(CLASSES)),
        (lambda: mlp(nn.Sigmoid()), yes_or_no, None),
        (lambda: Cosines(1.0), cross, 2 * torch.eye(CLASSES) - 1),
    ],
    ids=["softmax twice", "sigmoid twice", "cosines"],
)
def test_the_floor_is_what_the_best_logits_in_range_cost(
    model: Callable[[], nn.Module], loss: Callable[[Tensor], Tensor], best: Tensor | None
) -> None:
    (finding,) = found(model(), loss)
    assert finding.severity == "warning"
    said = float(finding.measured.split("a loss of ")[1].split()[0])
    if best is None:  # as many yes as no
        reached = sum(float(functional.softplus(torch.tensor(one))) for one in (0.0, -1.0)) / 2
    else:
        reached = float(functional.cross_entropy(best, torch.arange(CLASSES)))
    assert said == pytest.approx(reached, rel=5e-3)


@pytest.mark.parametrize(
    ("model", "loss"),
    [
        (lambda: mlp(), cross),
        (lambda: mlp(nn.LogSoftmax(1)), cross),
        (lambda: mlp(nn.LogSoftmax(1)), lambda out: functional.nll_loss(out, task()[1])),
        (lambda: Cosines(16.0), cross),
        (lambda: mlp(nn.Sigmoid()), lambda out: (out - 0.5).square().mean()),
        (
            lambda: mlp(nn.Sigmoid()),
            lambda out: functional.binary_cross_entropy(out, functional.one_hot(task()[1], CLASSES).float()),
        ),
    ],
    ids=["logits", "log-softmax twice", "nll", "scaled cosines", "squares", "bce of probabilities"],
)
def test_what_can_fall_is_no_finding(
    model: Callable[[], nn.Module], loss: Callable[[Tensor], Tensor]
) -> None:
    assert not found(model(), loss)


def test_probabilities_taken_for_logarithms_are_told() -> None:
    (finding,) = found(mlp(nn.Softmax(1)), lambda out: functional.nll_loss(out, task()[1]))
    assert "log_softmax" in finding.why


def test_a_temperature_on_cosines_is_a_choice_and_its_exponential_is_not() -> None:
    class Pairs(nn.Module):
        def __init__(self, start: float) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.a, self.b = nn.Linear(16, 32), nn.Linear(16, 32)
            self.logit_scale = nn.Parameter(torch.tensor(start))

        def forward(self, x: Tensor) -> Tensor:
            a, b = (functional.normalize(one(x), dim=1) for one in (self.a, self.b))
            return self.logit_scale.exp() * a @ b.T

    def loss(logits: Tensor) -> Tensor:
        there = torch.arange(len(logits))
        return (functional.cross_entropy(logits, there) + functional.cross_entropy(logits.T, there)) / 2

    assert igt.inspect(Pairs(math.log(1 / 0.07)), task()[0], loss).verdict == "healthy"
    model = Pairs(1 / 0.07)
    report = igt.inspect(model, task()[0], loss)
    assert [one.path for one in report.findings] == ["logit_scale"]  # said once, though two losses say it
    exec(report.findings[0].fix, {"torch": torch, "model": model})
    assert float(model.logit_scale) == pytest.approx(math.log(14.3), rel=1e-4)


class _Reversed(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, layer: nn.Module) -> Tensor:
        ctx.layer, ctx.x = layer, x.detach()
        with torch.no_grad():
            return layer(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, None]:
        with torch.enable_grad():
            x = ctx.x.requires_grad_(True)
            ctx.layer(x).backward(gradient)
        return x.grad, None


class Reversible(nn.Module):
    """A block that is run again on the way back, as reversible networks do: its gradients go to .grad."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Linear(16, 16)

    def forward(self, x: Tensor) -> Tensor:
        return _Reversed.apply(x.requires_grad_(True), self.layer)


@pytest.mark.parametrize("own", [False, True])
def test_gradients_of_a_backward_pass_of_the_models_own_are_seen(own: bool) -> None:
    model = nn.Sequential(Reversible(), nn.Linear(16, CLASSES))
    inputs = task()[0]
    if own:
        for parameter in model.parameters():
            parameter.grad = torch.ones_like(parameter)
    report = igt.inspect(model, inputs.clone(), cross)
    assert not [one for one in report.findings if one.code == "unused-parameter"]
    assert all((one.grad is None) != own for one in model.parameters())
    assert not own or all(bool((one.grad == 1).all()) for one in model.parameters())


def test_a_norm_over_one_number_is_named() -> None:
    model = nn.Sequential(
        nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 1), nn.LayerNorm(1), nn.Linear(1, 8), nn.Linear(8, 1)
    )
    report = igt.inspect(model, task()[0], lambda out: out.square().mean())
    assert any("over a single number" in one.why and "3" in one.paths for one in report.findings)


def test_a_dropout_of_everything_is_named() -> None:
    for probability, named in ((1.0, True), (0.9, False)):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Dropout(probability), nn.Linear(64, CLASSES))
        findings = igt.inspect(model, task()[0], cross).findings
        assert any("drops everything" in one.why and "2" in one.paths[0] for one in findings) == named


def test_components_that_start_as_one_are_symmetric_and_zero_heads_of_classes_are_not() -> None:
    class Mixture(nn.Module):
        def __init__(self, alike: bool, zero: bool = False) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.body, self.mean = nn.Linear(16, 32), nn.Linear(32, 4)
            if alike:
                self.mean.weight.data[:] = self.mean.weight.data[:1].clone()
                nn.init.zeros_(self.mean.bias)
            if zero:
                nn.init.zeros_(self.mean.weight)

        def forward(self, x: Tensor) -> Tensor:
            return -torch.logsumexp(-(self.mean(torch.tanh(self.body(x))) - x[:, :1]).square(), -1).mean()

    for model, expected in ((Mixture(True), True), (Mixture(False), False), (Mixture(True, True), True)):
        found = igt.inspect(model, task()[0], lambda out: out).findings
        assert any(one.code == "symmetric-units" and one.path == "mean.weight" for one in found) == expected
    classes = mlp()  # the labels tell its units apart
    nn.init.zeros_(classes[2].weight)
    found = igt.inspect(classes, task()[0], cross).findings
    assert not [one for one in found if one.code == "symmetric-units"]


def test_a_head_that_is_frozen_is_no_fault_of_the_start() -> None:
    model = mlp()
    nn.init.normal_(model[2].weight, std=3)
    assert igt.inspect(model, task()[0], cross).verdict != "healthy"
    model[2].requires_grad_(False)
    assert igt.inspect(model, task()[0], cross).verdict == "healthy"


def test_a_candidate_held_by_a_bias_is_told_and_a_forget_gate_is_not() -> None:
    class Last(nn.Module):
        def __init__(self, gate: int) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.lstm, self.head = nn.LSTM(16, 32, batch_first=True), nn.Linear(32, CLASSES)
            self.lstm.bias_hh_l0.data[32 * gate : 32 * gate + 32] = 5.0

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.lstm(x)[0][:, -1])

    x = torch.randn(64, 20, 16, generator=torch.Generator().manual_seed(0))
    found = igt.inspect(Last(2), x, cross).findings
    assert any(one.code == "saturated-units" and "candidate" in one.why for one in found)
    assert igt.inspect(Last(1), x, cross).verdict == "healthy"


def test_loud_log_variances_are_told_and_quiet_ones_are_not() -> None:
    class Encoder(nn.Module):
        def __init__(self, std: float) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.body, self.mean, self.logvar = nn.Linear(16, 64), nn.Linear(64, 8), nn.Linear(64, 8)
            self.back = nn.Linear(8, 16)
            nn.init.normal_(self.logvar.weight, std=std)

        def forward(self, x: Tensor) -> Tensor:
            h = torch.relu(self.body(x))
            mean, logvar = self.mean(h), self.logvar(h)
            z = mean + torch.randn_like(mean) * (logvar / 2).exp()
            cost = 0.5 * (mean.square() + logvar.exp() - 1 - logvar).sum(1)
            return ((self.back(z) - x).square().sum(1) + cost).mean()

    def said(model: nn.Module) -> list[Any]:
        return [
            one for one in igt.inspect(model, task()[0], lambda out: out).findings if "logarithms" in one.why
        ]

    model = Encoder(1.5)
    (finding,) = said(model)
    assert (finding.code, finding.paths) == ("exploding-forward", ("logvar",))
    exec(finding.fix, {"torch": torch, "model": model, "igt": igt})
    assert not said(model)
    assert not said(Encoder(0.1))


def test_a_softmax_of_the_callers_own_that_is_sure_at_once_is_told() -> None:
    rewards = torch.randn(64, CLASSES, generator=torch.Generator().manual_seed(1))

    def expected(out: Tensor) -> Tensor:
        return -(torch.softmax(out, 1) * rewards).sum(1).mean()

    model = mlp()
    assert igt.inspect(model, task()[0], expected).verdict == "healthy"
    model[2].weight.data *= 100
    (finding,) = igt.inspect(model, task()[0], expected).findings
    assert (finding.code, finding.path) == ("initial-loss", "2")
    model[2].requires_grad_(False)  # a teacher's answers may be as sure as they like
    assert igt.inspect(model, task()[0], expected).verdict == "healthy"

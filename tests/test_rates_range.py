"""Learning rates that belong to a start: against quadratics by hand, training by hand, and what must not change."""

from __future__ import annotations

import copy
import math

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

import isogain as ig  # noqa: E402
import isogain.torch as igt  # noqa: E402
from isogain.errors import InspectError  # noqa: E402
from isogain.graph.entry import PlanError  # noqa: E402
from isogain.theory import RateRange, TheoryError, stack_rates  # noqa: E402
from rate_networks import classes, cross_entropy, deep, trained_loss  # noqa: E402

X, LABELS = classes()
LOSS = cross_entropy(LABELS)
pytestmark = pytest.mark.usefixtures("one_thread")


class Bowl(nn.Module):
    """1/2 sum h_i w_i^2."""

    def __init__(self, curvatures):
        super().__init__()
        self.h = torch.tensor(curvatures)
        self.w = nn.Parameter(torch.ones(len(curvatures)))

    def forward(self, x):
        return 0.5 * (self.h * self.w**2).sum() + 0 * x.sum()


@pytest.mark.parametrize("h", [0.01, 1.0, 300.0])
def test_a_bowl_is_descended_at_the_middle_and_left_beyond_the_edge(h):
    found = igt.rate_range(Bowl([h] * 5), torch.zeros(1), lambda value: value, "sgd")
    factor = 1 - found.middle * h  # gradient descent on a parabola multiplies w by this
    assert abs(factor) < 1
    assert factor ** (2 * 40) < 0.1  # the loss goes with the square
    assert 0.1 / h < found.high < 2 / h


def test_the_stiffest_direction_bounds_the_rate():
    curvatures = [100.0] + [1.0] * 9
    found = igt.rate_range(Bowl(curvatures), torch.zeros(1), lambda value: value, "sgd")
    assert found.middle < 2 / 100


def test_a_loss_ten_times_as_large_wants_a_tenth_of_the_rate_of_sgd_and_the_same_of_adam():
    model = deep(6)
    for optimizer, factor in (("sgd", 0.1), ("adam", 1.0)):
        once = igt.rate_range(model, X, LOSS, optimizer)
        tenfold = igt.rate_range(model, X, lambda out: 10 * LOSS(out), optimizer)
        assert tenfold.middle == pytest.approx(once.middle * factor, rel=0.02)


def test_momentum_sums_steps_up_whoever_says_so():
    model = deep(6)
    plain = igt.rate_range(model, X, LOSS, torch.optim.SGD)
    instance = torch.optim.SGD(model.parameters(), lr=1.0, momentum=0.8)
    assert igt.rate_range(model, X, LOSS, "momentum").middle == pytest.approx(0.1 * plain.middle, rel=0.01)
    assert igt.rate_range(model, X, LOSS, instance).middle == pytest.approx(0.2 * plain.middle, rel=0.01)


@pytest.mark.parametrize("activation", [nn.ReLU, nn.Tanh])
def test_the_middle_trains_where_a_usual_rate_does_not(activation):
    """40 layers started by init_ stay at chance with .05 and momentum .9; the receipt says what does train."""
    model = deep(40, activation)
    receipt = igt.init_(model, X, loss=LOSS)
    rates = {one.optimizer: one for one in receipt.rates}
    assert set(rates) == {"sgd", "momentum", "adam"}
    assert all(one.measured for one in receipt.rates)
    assert rates["momentum"].high < 0.05
    twin = copy.deepcopy(model)
    assert trained_loss(model, X, LABELS, rates["momentum"].middle, 0.9) < 0.5 * math.log(10)
    assert not trained_loss(twin, X, LABELS, 0.05, 0.9) < 0.9 * math.log(10)


def test_everything_is_undone():
    model = nn.Sequential(
        nn.Linear(32, 16), nn.BatchNorm1d(16), nn.Dropout(0.3), nn.ReLU(), nn.Linear(16, 10)
    )
    model[0].weight.grad = torch.ones(16, 32)
    before, random = copy.deepcopy(model.state_dict()), torch.get_rng_state()
    first = igt.rate_range(model, X, LOSS, "adamw")
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert torch.equal(model[0].weight.grad, torch.ones(16, 32))
    assert torch.equal(torch.get_rng_state(), random)
    assert igt.rate_range(model, X, LOSS, "adamw") == first

    def raises(output):
        raises.count += 1
        if raises.count == 3:
            raise ValueError("no")
        return LOSS(output)

    raises.count = 0
    with pytest.raises(InspectError, match="the loss raised: ValueError: no"):
        igt.rate_range(model, X, raises)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_what_has_no_rate_says_so():
    model = deep(3)
    with pytest.raises(InspectError, match="give loss="):
        igt.rate_range(model, X)
    with pytest.raises(InspectError, match="the loss is nan"):
        igt.rate_range(model, X, lambda out: out.sum() * math.nan)
    with pytest.raises(InspectError, match="no slope"):
        igt.rate_range(model, X, lambda out: (out * 0).sum() + 1)
    with pytest.raises(PlanError, match="lbfgs"):
        igt.rate_range(model, X, LOSS, "lbfgs")
    with pytest.raises(InspectError, match="all of them are frozen"):
        igt.rate_range(model.requires_grad_(False), X, LOSS)
    with pytest.raises(TheoryError, match="low <= middle"):
        RateRange("sgd", 0.1, 0.01, 1.0, "", True)
    with pytest.raises(TheoryError, match="depth must be a whole number"):
        stack_rates(0, 64)


@pytest.mark.parametrize(("depth", "activation"), [(20, nn.ReLU), (60, nn.ReLU), (40, nn.GELU)])
def test_theory_agrees_with_measurement_within_a_factor_of_three(depth, activation):
    model = deep(depth, activation)
    receipt = igt.init_(model, X[:128], rates=False)
    assert not any(one.measured for one in receipt.rates)
    for told in receipt.rates:
        measured = igt.rate_range(model, X[:128], cross_entropy(LABELS[:128]), told.optimizer)
        assert 1 / 3 < told.middle / measured.middle < 3


def test_only_a_stack_that_is_the_model_gets_rates_from_theory():
    assert not igt.plan(deep(4), X).rates
    normed = nn.Sequential(
        *[layer for _ in range(12) for layer in (nn.Linear(32, 32), nn.LayerNorm(32), nn.ReLU())]
    )
    assert not igt.plan(normed, X).rates
    receipt = igt.init_(normed, X)
    assert not receipt.rates


def test_groups_take_the_middle_where_no_rate_is_given():
    model = deep(20)
    receipt = igt.init_(model, X, loss=LOSS)
    rates = {one.optimizer: one.middle for one in receipt.rates}
    summed = torch.optim.SGD(model.parameters(), lr=1, momentum=0.9)
    for optimizer, kind in (
        ("sgd", "sgd"),
        (torch.optim.AdamW, "adam"),
        ("nesterov", "momentum"),
        (summed, "momentum"),
    ):
        (group,) = receipt.plan.param_groups(optimizer=optimizer)
        assert group["lr"] == rates[kind]
        assert len(group["params"]) == 40
    (group,) = receipt.plan.param_groups(igt.rate_range(model, X, LOSS, "sgd"), "sgd")
    assert group["lr"] == pytest.approx(rates["sgd"])
    assert igt.Plan.from_json(receipt.plan.to_json()).rates == receipt.plan.rates
    assert receipt.to_dict()["rates"][0]["optimizer"] == "sgd"
    assert "learning rate of momentum" in str(receipt)
    with pytest.raises(PlanError, match="knows no learning rate"):
        igt.plan(deep(4), X).param_groups(optimizer="sgd")
    with pytest.raises(PlanError, match="relative to those of a base"):
        igt.plan(deep(4), X, recipe="mup", base=24).param_groups(optimizer="sgd")


def test_advice_names_rates_for_plain_networks():
    advice = ig.advise("tanh", 30, 128)
    middle = {one.optimizer: one.middle for one in advice.rates}
    assert middle["momentum"] == pytest.approx(0.1 * middle["sgd"], rel=0.01)
    assert "learning rate of adam" in str(advice)
    assert len(advice.to_dict()["rates"]) == 3
    assert not ig.advise("tanh", 30, 128, normalization="layer").rates
    deeper = {one.optimizer: one.middle for one in ig.advise("tanh", 60, 128).rates}
    assert deeper["adam"] == pytest.approx(middle["adam"] / 2, rel=0.02)


class Spectral(nn.Module):
    """A layer with complex weights, and an embedding whose gradient is one of single rows."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(9, 16, sparse=True)
        self.weight = nn.Parameter(torch.randn(9, 16, dtype=torch.cfloat) / 4)
        self.head = nn.Linear(288, 3)

    def forward(self, tokens):
        signal = torch.fft.rfft(self.embedding(tokens), dim=1, n=16)
        # both parts are read, so that gradients have every phase and their squares are no sizes
        return self.head(torch.view_as_real(signal * self.weight).flatten(1))


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_complex_weights_and_gradients_of_single_rows(optimizer):
    torch.manual_seed(0)
    model, tokens, classes = Spectral(), torch.randint(0, 9, (32, 12)), torch.randint(0, 3, (32,))
    before = [p.detach().clone() for p in model.parameters()]
    found = igt.rate_range(model, tokens, lambda o: nn.functional.cross_entropy(o, classes), optimizer)
    assert 0 < found.low < found.middle < found.high
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))

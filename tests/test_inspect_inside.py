"""Losses that a model works out itself, numbers that are cut off, choices of one, and losses of nothing."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

import isogain.torch as igt  # noqa: E402
from isogain.torch.inspection.inspecting import inspect, measure  # noqa: E402
from told import told as found  # noqa: E402

SAMPLES, WIDTH, CLASSES = 64, 16, 5


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


class Called(nn.Module):
    """A function of the module and its inputs as a module."""

    def __init__(self, function, **parts) -> None:
        super().__init__()
        for name, part in parts.items():
            setattr(self, name, part)
        self.function = function

    def forward(self, *inputs):
        return self.function(self, *inputs)


def body(outputs=1, bias=0.0):
    made = nn.Sequential(nn.Linear(WIDTH, 32), nn.ReLU(), nn.Linear(32, outputs))
    nn.init.constant_(made[-1].bias, bias)
    return made


def trained(model, batch, loss, steps=60, rate=3e-3):
    """The loss that a few steps come to."""
    optimizer = torch.optim.Adam(model.parameters(), rate)
    for _ in range(steps):
        optimizer.zero_grad()
        value = loss(model, *batch)
        value.backward()
        optimizer.step()
    return float(value.detach())


# ---- losses inside the model -----------------------------------------------------------------


def rates(mean):
    x = torch.randn(SAMPLES, WIDTH)
    return x, torch.poisson(mean * torch.exp(0.3 * x[:, :1]))


def poisson(model, x, y):
    return F.poisson_nll_loss(model.net(x), y)


def by_hand(model, x, y):
    answers = model.net(x)
    return {"loss": (answers.exp() - y * answers).mean(), "logits": answers}


def gaussian(model, x, y):
    mean, scale = model.net(x).chunk(2, -1)
    return F.gaussian_nll_loss(mean, y, F.softplus(scale) + 1e-3)


@pytest.mark.parametrize("loss", [poisson, by_hand])
def test_counts_of_twenty_under_a_loss_inside_start_at_their_logarithm(loss):
    batch = rates(20.0)
    broken = Called(loss, net=body())
    seen = found(broken, batch, inspect=igt.inspect)["initial-loss"]
    assert seen.path == "net.2"
    exec(seen.fix, {"model": broken, "torch": torch, "igt": igt})
    assert abs(broken.net[-1].bias.item() - math.log(20.0)) < 0.5
    assert not found(broken, batch)
    assert not found(Called(loss, net=body(bias=math.log(20.0))), batch)
    assert not found(Called(loss, net=body()), rates(1.5))


def test_one_channel_of_an_answer_starts_where_the_targets_lie():
    x = torch.randn(SAMPLES, WIDTH)
    batch = x, 20 + x[:, :1]
    broken, left = Called(gaussian, net=body(2)), Called(gaussian, net=body(2))
    left.load_state_dict(broken.state_dict())
    seen = found(broken, batch, inspect=igt.inspect)["initial-loss"]
    assert seen.path == "net.2"
    assert "channel 0" in seen.why
    exec(seen.fix, {"model": broken, "torch": torch, "igt": igt})
    assert abs(broken.net[-1].bias[0].item() - 20) < 2
    assert not found(broken, batch)
    assert trained(broken, batch, lambda m, *b: m(*b)) < trained(left, batch, lambda m, *b: m(*b))


def test_a_prior_under_a_loss_inside():
    def loss(model, x, y):
        return F.binary_cross_entropy_with_logits(model.net(x), y, reduction="sum") / y.sum()

    x = torch.randn(SAMPLES, WIDTH)
    batch = x, (torch.rand(SAMPLES, 40) < 0.01).float()
    assert "bias of net.2" in found(Called(loss, net=body(40)), batch)["initial-loss"].why
    assert not found(Called(loss, net=body(40, -4.6)), batch)


def test_one_number_is_the_models_own_loss():
    x = torch.randn(SAMPLES, WIDTH)
    model = Called(lambda m, x: m.net(x).square().mean(), net=body())
    table = measure(model, x)
    assert table.loss_source == "output.loss"
    assert math.isclose(table.loss_value, float(model(x)), rel_tol=1e-5)
    assert measure(Called(lambda m, x: (m.net(x).mean(), x), net=body()), x).loss_source == "output.loss"
    assert measure(model.net, x).loss_source == "random projection"


def divergence(model, x):
    mean, log = model.mean(x), model.log(x)
    again = model.out(mean + torch.randn_like(mean) * (log / 2).exp())
    return F.mse_loss(again, x, reduction=model.reduction) + model.weight * torch.sum(
        1 + log - mean**2 - log.exp()
    )


def coder(reduction, weight):
    parts = {"mean": nn.Linear(WIDTH, 4), "log": nn.Linear(WIDTH, 4), "out": nn.Linear(4, WIDTH)}
    return Called(divergence, reduction=reduction, weight=weight, **parts)


def test_a_divergence_as_a_sum_beside_a_mean():
    x = torch.randn(SAMPLES, WIDTH)
    assert "as a sum over samples to a mean" in found(coder("mean", -0.5), x)["initial-loss"].why
    assert "initial-loss" not in found(coder("sum", -0.5), x)  # both are sums
    assert "initial-loss" not in found(coder("mean", -0.5 / SAMPLES), x)


def test_a_sum_that_is_thrown_away_is_no_part_of_the_loss():
    def loss(model, x):
        mean = model.net(x)
        error = F.mse_loss(model.out(mean), x)
        model.told = (error + mean.square().sum()).detach()
        return error

    assert not found(
        Called(loss, net=nn.Linear(WIDTH, 8), out=nn.Linear(8, WIDTH)), torch.randn(SAMPLES, WIDTH)
    )


# ---- what hands nothing back -----------------------------------------------------------------


def test_weights_of_classes_that_became_whole_numbers():
    batch = torch.randn(SAMPLES, WIDTH), torch.randint(CLASSES, (SAMPLES,))

    def weighed(weights):
        return lambda answers, y: (F.cross_entropy(answers, y, reduction="none") * weights[y]).mean()

    weights = torch.tensor([0.2, 0.4, 0.6, 0.8, 0.9])
    seen = found(body(CLASSES), batch, weighed(weights.long().float()))["vanishing-backward"]
    assert (seen.path, seen.severity) == ("loss", "critical")
    assert not found(body(CLASSES), batch, weighed(weights))
    assert "loss" in found(body(CLASSES), batch, weighed(weights * 1e-9))["vanishing-backward"].path


def test_a_teacher_that_is_the_same_asks_for_nothing():
    net = body(CLASSES)
    same = body(CLASSES)
    same.load_state_dict(net.state_dict())
    model = Called(
        lambda m, x: F.mse_loss(m.net(x), m.same(x).detach()), net=net, same=same.requires_grad_(False)
    )
    assert "vanishing-backward" not in found(model, torch.randn(SAMPLES, WIDTH))


class Rounded(nn.Linear):
    """A layer whose weights are rounded to a grid."""

    straight = False

    def forward(self, x):
        whole = (self.weight / 0.1).round() * 0.1
        return F.linear(
            x, (whole - self.weight).detach() + self.weight if self.straight else whole, self.bias
        )


def test_rounded_weights_without_a_straight_through_estimator():
    batch = torch.randn(SAMPLES, WIDTH), torch.randint(CLASSES, (SAMPLES,))
    model = nn.Sequential(Rounded(WIDTH, 32), nn.ReLU(), Rounded(32, CLASSES))
    seen = found(model, batch, "cross_entropy")["vanishing-backward"]
    assert seen.paths == ("0.weight", "2.weight")
    assert "straight-through" in seen.why
    model[0].straight = model[2].straight = True
    assert not found(model, batch, "cross_entropy")


def test_detached_features_have_a_way_out_and_no_line():
    model = Called(lambda m, x: m.head(m.net(x).detach()), net=body(8), head=nn.Linear(8, CLASSES))
    batch = torch.randn(SAMPLES, WIDTH), torch.randint(CLASSES, (SAMPLES,))
    seen = found(model, batch, "cross_entropy", inspect=igt.inspect)["unused-parameter"]
    assert not seen.fix
    assert "take it away if they are to learn" in seen.why


# ---- bounds ----------------------------------------------------------------------------------


class Quantised(nn.Linear):
    """Learnt steps (Esser et al. 2020), 16 levels."""

    def __init__(self, inputs, outputs, step) -> None:
        super().__init__(inputs, outputs)
        self.step = nn.Parameter(torch.tensor(step))

    def forward(self, x):
        scaled = (self.weight / self.step).clamp(-8, 7)
        return F.linear(x, ((scaled.round() - scaled).detach() + scaled) * self.step, self.bias)


def quantised(step, normed=False):
    norm = nn.LayerNorm(32) if normed else nn.Identity()
    return nn.Sequential(
        nn.Linear(WIDTH, 32),
        nn.ReLU(),
        Quantised(32, 32, step),
        norm,
        nn.ReLU(),
        Quantised(32, CLASSES, 0.05),
    )


def test_steps_of_a_quantiser_that_are_too_small():
    x = torch.randn(SAMPLES, WIDTH)
    batch = x, x[:, :CLASSES].argmax(1)
    broken, left = quantised(1e-4), quantised(1e-4)
    left.load_state_dict(broken.state_dict())
    seen = found(broken, batch, "cross_entropy", inspect=igt.inspect)["saturated-units"]
    assert seen.paths == ("2.weight", "2.step")
    exec(seen.fix, {"model": broken, "torch": torch, "igt": igt})
    assert not found(broken, batch, "cross_entropy")
    loss = lambda m, x, y: F.cross_entropy(m(x), y)  # noqa: E731
    assert trained(broken, batch, loss) < trained(left, batch, loss)
    assert not found(quantised(0.05), batch, "cross_entropy")
    assert not found(
        quantised(1e-4, normed=True), batch, "cross_entropy"
    )  # signs tell, and the size is restored


def test_answers_that_are_cut_off_at_their_bounds():
    x = torch.randn(SAMPLES, WIDTH)
    batch = x, 0.7 * torch.tanh(x[:, :2])
    net = body(2)
    model = Called(lambda m, x: m.net(x).clamp(-1, 1), net=net)
    assert not found(model, batch, "mse")
    with torch.no_grad():
        net[-1].weight.mul_(300)
    left = Called(model.function, net=body(2))
    left.load_state_dict(model.state_dict())
    seen = found(model, batch, "mse", inspect=igt.inspect)["saturated-units"]
    exec(seen.fix, {"model": model, "torch": torch, "igt": igt})
    assert not found(model, batch, "mse")
    loss = lambda m, x, y: F.mse_loss(m(x), y)  # noqa: E731
    assert trained(model, batch, loss) < trained(left, batch, loss)


@pytest.mark.parametrize(("bound", "shut"), [(0.1, True), (20.0, False)])
def test_logits_that_are_cut_off(bound, shut):
    batch = torch.randn(SAMPLES, WIDTH), torch.randint(CLASSES, (SAMPLES,))
    model = Called(lambda m, x: m.net(x).clamp(-bound, bound), net=body(CLASSES))
    assert ("loss-floor" in found(model, batch, "cross_entropy")) == shut


@pytest.mark.parametrize(("factor", "shrunk"), [(0.001, True), (0.02, True), (1 / 16, False), (1.0, False)])
def test_logits_that_a_constant_shrinks(factor, shrunk):
    batch = torch.randn(SAMPLES, WIDTH), torch.randint(CLASSES, (SAMPLES,))
    model = Called(lambda m, x: factor * m.net(x), net=body(CLASSES))
    seen = found(model, batch, "cross_entropy")
    assert ("loss-floor" in seen) == shrunk
    assert not shrunk or seen["loss-floor"].path == "net.2"


@pytest.mark.parametrize(("factor", "low"), [(0.07, True), (14.0, False)])
def test_a_temperature_in_front_of_the_product(factor, low):
    def loss(model, x):
        a, b = (F.normalize(net(x), dim=-1) for net in (model.a, model.b))
        return F.cross_entropy(model.t * a @ b.T, torch.arange(len(x)))

    model = Called(loss, a=body(8), b=body(8), t=nn.Parameter(torch.tensor(factor)))
    seen = found(model, torch.randn(SAMPLES, WIDTH))
    assert ("loss-floor" in seen) == low
    assert not low or seen["loss-floor"].path == "t"


# ---- places ----------------------------------------------------------------------------------


class Looking(nn.Module):
    """Attention of one head with a mask and a table of distances."""

    def __init__(self, mask, index) -> None:
        super().__init__()
        self.tokens, self.places = nn.Embedding(20, WIDTH), nn.Parameter(torch.randn(12, WIDTH))
        self.q, self.k, self.v = (nn.Linear(WIDTH, WIDTH) for _ in range(3))
        self.far, self.out = nn.Parameter(torch.randn(24, 1)), nn.Linear(WIDTH, CLASSES)
        self.register_buffer("mask", mask)
        self.register_buffer("index", index)

    def forward(self, ids):
        h = self.tokens(ids) + self.places
        logits = self.q(h) @ self.k(h).mT / WIDTH**0.5 + self.far[self.index][..., 0]
        return self.out((logits.masked_fill(self.mask, -math.inf).softmax(-1) @ self.v(h))[:, -1])


APART = torch.arange(12)[:, None] - torch.arange(12)


def test_a_mask_the_wrong_way_round_leaves_one_place():
    batch = torch.randint(20, (SAMPLES, 12)), torch.randint(CLASSES, (SAMPLES,))
    padded = torch.zeros(12, 12, dtype=torch.bool)
    padded[:, 0] = True
    seen = found(Looking(~padded, APART + 11), batch, "cross_entropy")["attention-collapse"]
    assert "one place" in seen.why
    for mask in (padded, APART < 0):  # one place forbidden, and a causal mask
        assert not found(Looking(mask, APART + 11), batch, "cross_entropy")


def test_an_index_of_distances_that_is_one_number():
    batch = torch.randint(20, (SAMPLES, 12)), torch.randint(CLASSES, (SAMPLES,))
    mask = torch.zeros(12, 12, dtype=torch.bool)
    seen = found(Looking(mask, (APART / 12).long()), batch, "cross_entropy")["rank-collapse"]
    assert seen.path == "far"
    assert not found(Looking(mask, APART + 11), batch, "cross_entropy")


def test_a_norm_over_one_number_is_told_once():
    batch = torch.randn(SAMPLES, WIDTH), torch.randint(CLASSES, (SAMPLES,))
    net = nn.Sequential(body(), nn.LayerNorm(1), nn.Linear(1, 32), nn.ReLU(), nn.Linear(32, CLASSES))
    report = inspect(net, batch, "cross_entropy")
    told = [one for one in report.findings if one.severity != "info"]
    assert [(one.code, one.severity, one.path) for one in told] == [("vanishing-forward", "critical", "1")]
    net[1] = nn.Identity()
    assert not found(net, batch, "cross_entropy")


class Bells(nn.Module):
    """A network of radial functions with one learnt length scale."""

    def __init__(self, scale) -> None:
        super().__init__()
        self.centres, self.scale = (
            nn.Parameter(torch.randn(32, 4)),
            nn.Parameter(torch.tensor(math.log(scale))),
        )
        self.out = nn.Linear(32, 1)

    def forward(self, x):
        return self.out(torch.exp(-(torch.cdist(x, self.centres) ** 2) / (2 * (2 * self.scale).exp())))


def test_bells_that_a_learnt_scale_makes_too_narrow():
    x = torch.randn(SAMPLES, 4)
    batch = x, torch.sin(2 * x[:, :1])
    broken, left = Bells(0.03), Bells(0.03)
    left.load_state_dict(broken.state_dict())
    seen = found(broken, batch, "mse", inspect=igt.inspect)["vanishing-forward"]
    assert "'scale'" in seen.fix
    exec(seen.fix, {"model": broken, "torch": torch, "igt": igt})
    assert not found(broken, batch, "mse")
    loss = lambda m, x, y: F.mse_loss(m(x), y)  # noqa: E731
    assert trained(broken, batch, loss) < trained(left, batch, loss)
    assert not found(Bells(1.0), batch, "mse")


# ---- gradients of early steps ----------------------------------------------------------------


class Late(nn.Module):
    """A recurrence whose early steps get next to no gradient, by one weight or by a weight of each step."""

    def __init__(self, steps, own) -> None:
        super().__init__()
        self.read = nn.Linear(WIDTH, WIDTH)
        self.carry = nn.ModuleList(nn.Linear(WIDTH, WIDTH) for _ in range(steps if own else 1))
        self.steps, self.out = steps, nn.Linear(WIDTH, CLASSES)
        for layer in self.carry:
            nn.init.orthogonal_(layer.weight, 0.2)

    def forward(self, x):
        h = x.new_zeros(len(x), WIDTH)
        for k in range(self.steps):
            h = torch.tanh(self.read(x[:, k]) + self.carry[k % len(self.carry)](h))
        return self.out(h)


def test_weights_that_learn_from_late_steps_are_no_vanishing_gradient():
    batch = torch.randn(SAMPLES, 12, WIDTH), torch.randint(CLASSES, (SAMPLES,))
    assert "vanishing-backward" in found(Late(12, own=True), batch, "cross_entropy")
    assert "vanishing-backward" not in found(Late(12, own=False), batch, "cross_entropy")


class Standardised(nn.Linear):
    """A layer whose weights are standardised, row by row."""

    def forward(self, x):
        rows = self.weight - self.weight.mean(1, keepdim=True)
        return F.linear(x, rows / rows.std(1, keepdim=True) / WIDTH**0.5, self.bias)


class Gated(nn.Module):
    """A branch of standardised weights behind which a layer starts at 0."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.end = Standardised(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)
        self.out = nn.Linear(WIDTH, CLASSES)
        nn.init.zeros_(self.end.weight)

    def forward(self, x):
        return self.out(x + self.end(self.inner(x).relu()))


def test_weights_behind_a_branch_that_starts_at_zero_are_not_rounded():
    batch = torch.randn(SAMPLES, WIDTH), torch.randint(CLASSES, (SAMPLES,))
    assert not found(Gated(), batch, "cross_entropy")

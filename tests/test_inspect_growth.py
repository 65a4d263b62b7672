"""Who makes a signal loud: a scale, a state or a layer in front of it, not every layer that it passes."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from torch import Tensor, nn  # noqa: E402
from torch.nn.functional import cross_entropy  # noqa: E402

import isogain.torch as igt  # noqa: E402


def found(report, code):
    return next(one for one in report.findings if one.code == code)


def codes(report):
    return {one.code for one in report.findings if one.severity != "info"}


def labelled(features=32, classes=5, samples=64):
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(samples, features, generator=generator)
    labels = x[:, :classes].argmax(1)
    return x, lambda output: cross_entropy(output, labels)


class GaussianPolicy(nn.Module):
    """The likelihood of actions, with a learnt logarithm of their spread."""

    def __init__(self, log_std: float) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.mean = nn.Sequential(nn.Linear(8, 32), nn.Tanh(), nn.Linear(32, 2))
        self.log_std = nn.Parameter(torch.full((2,), log_std))

    def forward(self, x: Tensor, action: Tensor) -> Tensor:
        return (self.log_std + 0.5 * ((action - self.mean(x)) / self.log_std.exp()) ** 2).mean()


def acted():
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(64, 8, generator=generator)
    return x, x[:, :2] + 0.1 * torch.randn(64, 2, generator=generator)


def test_a_sharp_likelihood_is_told_of_its_log_std_and_not_of_the_layers():
    model = GaussianPolicy(-5.0)
    finding = found(igt.inspect(model, acted(), loss=lambda value: value), "exploding-forward")
    assert (finding.path, finding.paths) == ("log_std", ("log_std",))
    assert "no layer makes it" in finding.why
    assert "mean" not in finding.why
    exec(finding.fix, {"model": model, "torch": torch, "igt": igt, "inputs": acted()})
    assert float(model.log_std.detach().abs().max()) == 0.0
    assert igt.inspect(GaussianPolicy(0.0), acted(), loss=lambda value: value).verdict == "healthy"


def test_init_brings_a_sharp_likelihood_back_to_one():
    model = GaussianPolicy(-5.0)
    receipt = igt.init_(model, acted(), loss=lambda value: value, rates=False)
    assert not receipt.left
    assert receipt.verdict_after == "healthy"
    assert float(model.log_std.detach().abs().max()) == 0.0


class State(nn.Module):
    """A linear state that is multiplied by exp(step * rate) each time."""

    def __init__(self, sign: float) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.enter, self.step, self.head = nn.Linear(4, 16), nn.Linear(16, 16), nn.Linear(16, 5)
        self.rate_log = nn.Parameter(torch.linspace(-1.0, 0.3, 16))
        self.sign = sign

    def forward(self, x: Tensor) -> Tensor:
        u = self.enter(x)
        steps = nn.functional.softplus(self.step(u))
        rate, state = self.sign * self.rate_log.exp(), torch.zeros_like(u[:, 0])
        for t in range(u.shape[1]):
            state = (steps[:, t] * rate).exp() * state + steps[:, t] * u[:, t]
        return self.head(state)


def sequences():
    x = torch.randn(32, 30, 4, generator=torch.Generator().manual_seed(2))
    labels = torch.arange(32) % 5
    return x, lambda output: cross_entropy(output, labels)


def test_a_state_that_grows_is_told_of_its_rate_and_gets_no_number_for_all_of_them():
    x, loss = sequences()
    finding = found(igt.inspect(State(1.0), x, loss=loss), "exploding-forward")
    assert finding.paths == ("rate_log",)
    assert "no layer makes it" in finding.why
    assert "constant_" not in finding.fix  # one rate for all would take their spread away
    assert "exploding-forward" not in codes(igt.inspect(State(-1.0), x, loss=loss))


class Doubling(nn.Module):
    """x + f(x) whose branch is as loud as the stream."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.outer = nn.Linear(32, 32), nn.Linear(32, 32)
        for layer in (self.inner, self.outer):
            nn.init.normal_(layer.weight, std=(2 / 32) ** 0.5)

    def forward(self, x: Tensor) -> Tensor:
        return x + 1.4 * self.outer(torch.relu(self.inner(torch.relu(x))))


def test_a_loud_head_is_told_of_the_blocks_in_front_of_it():
    torch.manual_seed(0)
    model = nn.Sequential(*[Doubling() for _ in range(12)], nn.Linear(32, 5))
    x, loss = labelled()
    finding = found(igt.inspect(model, x, loss=loss), "initial-loss")
    assert "outer" in finding.path  # what made its input loud, and it beside that
    assert finding.paths[-1] == "12"
    assert "times as large" in finding.why
    assert finding.fix == "igt.init_(model, inputs)"
    torch.manual_seed(0)
    alone = nn.Sequential(nn.Linear(32, 32), nn.Linear(32, 5))
    nn.init.normal_(alone[1].weight, std=2.0)
    finding = found(igt.inspect(alone, x, loss=loss), "initial-loss")
    assert "times as large" not in finding.why  # its own gain, and nothing in front of it


class Written(nn.Module):
    """A network whose hidden weights another one writes, whatever their fan."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.code = nn.Parameter(torch.randn(3, 32))
        self.writer = nn.Linear(32, 64 * 64)
        nn.init.normal_(self.writer.weight, std=32**-0.5)
        self.enter, self.leave = nn.Linear(32, 64), nn.Linear(64, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.enter(x))
        for weight in self.writer(self.code):
            x = torch.relu(x @ weight.view(64, 64).T)
        return self.leave(x)


def test_a_loud_head_is_told_of_the_network_that_writes_weights():
    x, loss = labelled()
    assert "writer made" in found(igt.inspect(Written(), x, loss=loss), "initial-loss").why


class InFront(nn.Module):
    """A trainable change of the input of a network that is frozen."""

    def __init__(self, std: float) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.down, self.up = nn.Linear(32, 64), nn.Linear(64, 32)
        nn.init.normal_(self.up.weight, std=std)
        nn.init.zeros_(self.up.bias)
        self.frozen = nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 5)).requires_grad_(False)

    def forward(self, x: Tensor) -> Tensor:
        return self.frozen(x + self.up(self.down(x)))


def test_a_change_of_the_input_of_a_frozen_network_is_an_adapter():
    x, loss = labelled()
    finding = found(igt.inspect(InFront(0.3), x, loss=loss), "adapter-not-neutral")
    assert finding.path == "up"
    assert "adapter-not-neutral" not in codes(igt.inspect(InFront(0.0), x, loss=loss))


class Fires(torch.autograd.Function):
    """1 above the threshold, with a smooth slope behind it."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return (x > 6.0).to(x.dtype)

    @staticmethod
    def backward(ctx, gradient):
        (x,) = ctx.saved_tensors
        return gradient / (1 + (x - 6.0).abs()) ** 2


class Spiking(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.ModuleList(nn.Linear(32, 32, bias=False) for _ in range(4))
        self.head = nn.Linear(32, 5)
        for layer in self.layers:
            nn.init.normal_(layer.weight, std=3.0)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = Fires.apply(layer(x))
        return self.head(x)


def test_a_forced_start_that_silences_a_layer_is_put_back():
    model = Spiking()
    own = {name: value.detach().clone() for name, value in model.named_parameters()}
    x, loss = labelled()
    with torch.no_grad():
        assert float(Fires.apply(model.layers[0](x)).sum()) > 0
    receipt = igt.init_(model, x, loss=loss, keep_healthy=False, rates=False)
    assert "silences" in receipt.left
    assert all(torch.equal(own[name], value) for name, value in model.named_parameters())


class Positioned(nn.Module):
    """Tokens, positions and a small network behind a norm."""

    def __init__(self, size: float, embedded: bool) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.tokens, self.norm = nn.Embedding(50, 32), nn.LayerNorm(32)
        nn.init.normal_(self.tokens.weight, std=0.02)
        self.places = nn.Embedding(12, 32) if embedded else nn.Parameter(torch.empty(12, 32))
        nn.init.normal_(self.places.weight if embedded else self.places, std=size)
        self.embedded = embedded
        self.head = nn.Sequential(nn.Linear(32, 64), nn.GELU(), nn.Linear(64, 50))

    def forward(self, ids: Tensor) -> Tensor:
        places = self.places(torch.arange(ids.shape[1])) if self.embedded else self.places
        return self.head(self.norm(self.tokens(ids) + places))


@pytest.mark.parametrize("embedded", [False, True])
def test_positions_far_louder_than_tokens_drown_them(embedded):
    ids = torch.randint(0, 50, (16, 12), generator=torch.Generator().manual_seed(0))
    loss = lambda output: cross_entropy(output.flatten(0, 1), ids.flatten())  # noqa: E731
    model, name = Positioned(2.0, embedded), "places.weight" if embedded else "places"
    finding = found(igt.inspect(model, ids, loss=loss), "vanishing-forward")
    assert finding.path == name
    assert "drowns" in finding.why
    exec(finding.fix, {"model": model, "torch": torch, "igt": igt, "inputs": ids})
    assert 0.015 < float(model.get_parameter(name).detach().std()) < 0.025
    assert "vanishing-forward" not in codes(igt.inspect(model, ids, loss=loss))
    assert "vanishing-forward" not in codes(igt.inspect(Positioned(0.1, embedded), ids, loss=loss))


def test_what_lies_behind_a_node_leaves_its_siblings_out():
    class Fork(nn.Module):
        def __init__(self):
            super().__init__()
            self.left, self.right, self.head = nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, 2)

        def forward(self, x):
            left, right = self.left(x), self.right(x)
            return self.head(left) + right.sum()

    table = igt.inspect(Fork(), torch.randn(4, 8)).table
    head = next(node for node in table.graph.nodes if node.path == "head")
    assert [node.path for node in table.behind(head.index) if node.weight] == ["left", "head"]


# ---- columns without a spread ----------------------------------------------------------------


def tabular(constant):
    x = torch.randn(128, 8)
    mean, std = x.mean(0), x.std(0)
    if constant:  # where it was learnt the fourth column never varied
        mean[3], std[3] = 5.0, 0.0
        x[:, 3] = 5 + 0.01 * torch.randn(128)
    return x, mean, std + 1e-8, (x[:, 0] > 0).long()


class Standardised(torch.nn.Module):
    def __init__(self, mean, std):
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("std", std)
        self.net = torch.nn.Sequential(torch.nn.Linear(8, 32), torch.nn.ReLU(), torch.nn.Linear(32, 2))

    def forward(self, x):
        return self.net((x - self.mean) / self.std)


@pytest.mark.parametrize("constant", [False, True])
def test_a_column_divided_by_next_to_nothing(constant):
    torch.manual_seed(0)
    x, mean, std, y = tabular(constant)
    found = list(igt.inspect(Standardised(mean, std), (x, y), "cross_entropy").findings)
    found = [one for one in found if one.code == "exploding-forward"]
    assert len(found) == constant
    assert all("that divides a column" in one.why and "gain" not in one.why for one in found)


@pytest.mark.parametrize("still", [False, True])
def test_running_variances_of_channels_that_never_varied(still):
    torch.manual_seed(0)
    x, y = torch.randn(128, 8), torch.arange(128) % 2
    net = torch.nn.Sequential(
        torch.nn.Linear(8, 32), torch.nn.ReLU(), torch.nn.BatchNorm1d(32, eps=1e-12), torch.nn.Linear(32, 2)
    )
    with torch.no_grad():
        made = net[1](net[0](x))
        net[2].running_mean.copy_(made.mean(0))
        net[2].running_var.copy_(made.var(0) + 1e-3)
        net[2].running_var[: 8 * still] = 0.0
    found = list(igt.inspect(net.eval(), (x, y), "cross_entropy").findings)
    found = [one for one in found if one.code == "exploding-forward"]
    assert [one.path for one in found] == ["2"] * still
    assert all("never varied" in one.why for one in found)


class Field(nn.Module):
    """A state that one and the same field moves for twenty steps."""

    def __init__(self, size: float) -> None:
        super().__init__()
        self.read, self.answer = nn.Linear(16, 24), nn.Linear(24, 1)
        self.field = nn.Sequential(nn.Linear(24, 48), nn.ReLU(), nn.Linear(48, 24))
        for layer in (self.field[0], self.field[2]):
            nn.init.kaiming_normal_(layer.weight)
        self.field[2].weight.data *= size

    def forward(self, x: Tensor) -> Tensor:
        state = self.read(x)
        for _ in range(20):
            state = state + 0.25 * self.field(state)
        return self.answer(state)


@pytest.mark.parametrize(("size", "loud"), [(1.0, True), (0.1, False)])
def test_a_field_that_moves_a_state_too_far_is_named_and_not_the_answer(size, loud):
    torch.manual_seed(0)
    model, x = Field(size), torch.randn(96, 16)

    def loss(output):
        return nn.functional.mse_loss(output, x[:, :1])

    report = igt.inspect(model, x, loss=loss)
    assert ("initial-loss" in codes(report)) == loud
    if loud:
        finding = found(report, "initial-loss")
        assert finding.path.startswith("field")
        before = model.read.weight.clone(), model.answer.weight.clone()
        exec(finding.fix, {"model": model, "igt": igt, "torch": torch, "inputs": x})
        assert "initial-loss" not in codes(igt.inspect(model, x, loss=loss))
        assert torch.equal(before[0], model.read.weight)
        assert torch.equal(before[1], model.answer.weight)

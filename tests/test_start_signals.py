"""Models as they run: positions, products, iterations, parts of blocks, gradients taken on the way."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402
from torch.nn import functional  # noqa: E402

import isogain.torch as igt  # noqa: E402

pytestmark = pytest.mark.usefixtures("seed_0_in_one_thread")


class Positions(nn.Module):
    """A dilated convolution that looks back, or ahead, by padding or by slicing."""

    def __init__(self, read, made, how, dilation):
        super().__init__()
        self.how, self.kernel = how, 2 if how == "chomp" else 3
        self.reach = (self.kernel - 1) * dilation
        padding = {"chomp": self.reach, "front": self.reach, "same": "same"}.get(how, 0)
        self.conv = nn.Conv1d(read, made, self.kernel, padding=padding, dilation=dilation)

    def forward(self, x):
        if self.how == "pad":
            x = functional.pad(x, (self.reach, 0))
        if self.how == "ahead":
            x = functional.pad(x, (0, self.reach))
        y = self.conv(x)
        y = y[:, :, : -self.reach] if self.how == "chomp" else y
        y = y[..., self.reach :] if self.how == "front" else y
        return functional.relu(y)


@pytest.mark.parametrize(("how", "tap"), [("chomp", 1), ("pad", 2), ("same", 1), ("ahead", 0), ("front", 0)])
def test_the_block_sits_where_a_position_reads_itself(how, tap):
    """The gradient of every output step by the inputs: the step itself is what it sees most of."""
    layers = [Positions(16, 16, how, 2 ** (k % 5)) for k in range(10)]
    model, x = nn.Sequential(*layers, nn.Conv1d(16, 3, 1)), torch.randn(8, 16, 40, requires_grad=True)
    igt.init_(model, x, keep_healthy=False)
    norms = model[3].conv.weight.detach().square().sum((0, 1))
    assert int(norms.argmax()) == tap
    assert float(norms.max()) == pytest.approx(float(norms.sum()))
    for step in (0, 20, 39):
        (seen,) = torch.autograd.grad(model(x)[:, :, step].sum(), x)
        assert int(seen.square().sum((0, 1)).argmax()) == step


class Operator(nn.Module):
    """What two networks make, multiplied and summed over 100 entries."""

    def __init__(self, how):
        super().__init__()
        self.how = how
        self.branch = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 100))
        self.trunk = nn.Sequential(nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, 100))

    def forward(self, u, y):
        b, t = self.branch(u), self.trunk(y)
        if self.how == "sum":
            return (b * t).sum(-1)
        return torch.einsum("ik,jk->ij", b, t) if self.how == "einsum" else b @ t.mT


@pytest.mark.parametrize("how", ["sum", "einsum", "matmul"])
def test_a_product_summed_over_many_is_as_small_as_a_head(how):
    model, given = Operator(how), (torch.randn(256, 20), torch.randn(256, 2))
    igt.init_(model, given, keep_healthy=False)
    size = float(model(*given).square().mean().sqrt())
    # the rows of one factor are not independent of each other's lengths: within a factor of 1.5
    assert 0.2 < size < 0.45


class Refined(nn.Module):
    def __init__(self, rounds):
        super().__init__()
        self.rounds = rounds
        self.read, self.update = (
            nn.Linear(8, 32),
            nn.Sequential(nn.Linear(34, 32), nn.ReLU(), nn.Linear(32, 2)),
        )

    def forward(self, x):
        h, found = self.read(x).relu(), x.new_zeros(len(x), 2)
        for _ in range(self.rounds):
            found = found + self.update(torch.cat([h, found], 1))
        return found


@pytest.mark.parametrize("rounds", [4, 20])
def test_rounds_of_refinement_add_up_to_one(rounds):
    model, x = Refined(rounds), torch.randn(256, 8)
    receipt = igt.init_(model, x, keep_healthy=False)
    assert receipt.plan["update.2.weight"].gain == pytest.approx(math.sqrt(2) / rounds)
    assert 0.2 < float(model(x).square().mean().sqrt()) < 2


def test_two_maps_of_one_signal_are_no_stream():
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.far, self.near = nn.Linear(48, 48, bias=False), nn.Linear(48, 48)

        def forward(self, x):
            return functional.gelu(self.far(x) + self.near(x))

    model = nn.Sequential(nn.Linear(8, 48), *[Block() for _ in range(6)], nn.Linear(48, 3))
    x = torch.randn(256, 8)
    plan = igt.plan(model, x)
    assert not any("residual" in reason for reason in plan.needed)
    igt.init_(model, x, keep_healthy=False)
    assert all(bool(block.near.weight.any()) and bool(block.far.weight.any()) for block in model[1:-1])


class Scales(nn.Module):
    """A block that adds each part of its channels to what it made of the part before."""

    def __init__(self):
        super().__init__()
        self.mix, self.norm = nn.Conv2d(16, 16, 1), nn.BatchNorm2d(16)
        self.parts = nn.ModuleList(
            nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU()) for _ in range(3)
        )

    def forward(self, x):
        first, *others = self.norm(self.mix(x)).relu().chunk(4, 1)
        made = [first]
        for layer, part in zip(self.parts, others, strict=True):
            made.append(layer(made[-1] + part))
        return x + torch.cat(made, 1)


def test_sums_inside_a_block_are_no_depth():
    model = nn.Sequential(
        nn.Conv2d(3, 16, 1),
        *[Scales() for _ in range(6)],
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(16, 4),
    )
    assert not igt.plan(model, torch.randn(4, 3, 8, 8)).needed


def test_layers_that_blocks_share_are_no_recurrence():
    class Shared(nn.Module):
        def __init__(self):
            super().__init__()
            self.shared, self.norm = nn.Linear(24, 24), nn.LayerNorm(24)
            self.own = nn.ModuleList(nn.Linear(24, 24) for _ in range(5))

        def forward(self, x):
            for layer in self.own:
                x = self.norm(layer(torch.relu(self.shared(x))))
            return x

    plan = igt.plan(Shared(), torch.randn(8, 24))
    assert plan["shared.weight"].role != "recurrent"
    assert not any("recurrent" in reason for reason in plan.needed)


def test_leaking_membranes_are_no_branches():
    class Spiking(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.two = nn.Linear(8, 32), nn.Linear(32, 4)

        def forward(self, x):
            first = second = 0.0
            for _ in range(8):
                first = 0.9 * first + self.one(x)
                spikes = torch.sigmoid(10 * (first - 1))
                first = first - spikes
                second = 0.9 * second + self.two(spikes)
            return second

    model, x = Spiking(), torch.randn(128, 8)
    plan = igt.plan(model, x)
    assert not plan.needed
    igt.init_(model, x, keep_healthy=False)
    assert 0 < float(model(x).square().mean().sqrt()) < 10


class Energy(nn.Module):
    """Forces: minus the slope of what the network says."""

    def __init__(self, given):
        super().__init__()
        self.given = given
        self.net = nn.Sequential(nn.Linear(3, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 1))

    def forward(self, x):
        x = x if self.given else x.clone().requires_grad_(True)
        energy = self.net(x).sum()
        return -torch.autograd.grad(energy, x, create_graph=True)[0]


@pytest.mark.parametrize("given", [True, False])
def test_models_that_differentiate_on_their_way(given):
    model, x = Energy(given), torch.randn(64, 3, requires_grad=given)
    receipt = igt.init_(model, x, loss=lambda force: force.square().mean(), keep_healthy=False)
    assert len(receipt.written) == 6
    assert igt.inspect(model, x, lambda force: force.square().mean()).verdict == "healthy"
    assert not x.grad if given else True


CENTRED = {
    "mean over positions": lambda x: x - x.mean(1, keepdim=True), "last position": lambda x: x - x[:, -1:],
    "moving average": lambda x: x - functional.avg_pool1d(x.mT, 3, 1, 1).mT, "the largest": lambda x: x - x.amax(1, keepdim=True),
    "a step before": lambda x: x - torch.roll(x, 1, 1), "repeated": lambda x: x - x.mean(1, keepdim=True).repeat(1, x.shape[1], 1),
}  # fmt: skip


@pytest.mark.parametrize("kind", CENTRED)
def test_signals_minus_what_is_made_of_them(kind):
    class Centred(nn.Module):
        def forward(self, x):
            return CENTRED[kind](x)

    model, x = nn.Sequential(nn.Linear(8, 32), Centred(), nn.Linear(32, 4)), torch.randn(8, 12, 8)
    igt.init_(model, x, keep_healthy=False)
    assert 0.1 < float(model(x).square().mean().sqrt()) < 0.9


def test_axes_of_one_entry_and_vectors_that_are_multiplied():
    class Basis(nn.Module):
        def __init__(self, read, made):
            super().__init__()
            self.waves = nn.Parameter(torch.randn(2, made, read, 6) / read**0.5)
            self.register_buffer("steps", torch.arange(1.0, 7))

        def forward(self, x):
            z = x[..., None] * self.steps
            return sum(
                torch.einsum("bik,oik->bo", f(z), w)
                for f, w in zip((torch.cos, torch.sin), self.waves, strict=True)
            )

    class Scalar(nn.Module):
        def __init__(self):
            super().__init__()
            self.vector = nn.Parameter(torch.randn(1, 16))

        def forward(self, x):
            return x.unsqueeze(-1).unsqueeze(-1).matmul(self.vector.unsqueeze(0)).flatten(1)

    model = nn.Sequential(Scalar(), nn.ReLU(), Basis(3 * 16, 8), Basis(8, 1))
    receipt = igt.init_(model, torch.rand(64, 3), keep_healthy=False)
    assert receipt.plan["0.vector"].fans is not None or receipt.plan["0.vector"].kept
    assert bool(model(torch.rand(64, 3)).isfinite().all())

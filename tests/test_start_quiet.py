"""Ends are as loud as the loss bears: couplings, derivatives, sums of blocks, target networks; gates half open."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

import isogain.torch as igt  # noqa: E402


def small(inputs, outputs, activation=nn.ReLU, width=48):
    return nn.Sequential(
        nn.Linear(inputs, width), activation(), nn.Linear(width, width), activation(),
        nn.Linear(width, outputs),
    )  # fmt: skip


class Couplings(nn.Module):
    """Negative log density under affine couplings x exp(s) + t."""

    def __init__(self):
        super().__init__()
        self.nets = nn.ModuleList(small(2, 4) for _ in range(6))

    def forward(self, x):
        one, other = x.chunk(2, 1)
        density = torch.zeros(len(x))
        for net in self.nets:
            shift, log_scale = net(one).chunk(2, 1)
            one, other = other * log_scale.exp() + shift, one
            density = density + log_scale.sum(1)
        return 0.5 * (one.square() + other.square()).sum(1) - density


class Curvature(nn.Module):
    """u'' + f of a tanh network u."""

    def __init__(self):
        super().__init__()
        self.u = nn.Sequential(*[p for k in range(4) for p in (nn.Linear(32 if k else 1, 32), nn.Tanh())],
                               nn.Linear(32, 1))  # fmt: skip

    def forward(self, x):
        with torch.enable_grad():
            x = x.clone().requires_grad_()
            first = torch.autograd.grad(self.u(x).sum(), x, create_graph=True)[0]
            return torch.autograd.grad(first.sum(), x, create_graph=True)[0] + torch.sin(3 * x)


class Stacked(nn.Module):
    """The sum of what many networks forecast."""

    def __init__(self):
        super().__init__()
        self.nets = nn.ModuleList(small(8, 2) for _ in range(12))

    def forward(self, x):
        return sum(2 * net(x) for net in self.nets)


KINDS = {
    "couplings": (Couplings, 4, lambda o: o.mean()),
    "curvature": (Curvature, 1, lambda o: o.square().mean()),
    "stacked": (Stacked, 8, lambda o: (o + 1).square().mean()),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", [0, 2])
def test_a_forced_start_costs_little_more_than_the_own_one(kind, seed):
    make, width, loss = KINDS[kind]
    torch.manual_seed(seed)
    model, x = make(), torch.randn(96, width)
    before = loss(model(x)).item()
    receipt = igt.init_(model, x, seed=seed, loss=loss, rates=False, keep_healthy=False)
    assert receipt.written
    after = loss(model(x)).item()
    assert after <= 1.5 * before
    assert receipt.losses[1] == pytest.approx(after, rel=1e-3)


@pytest.mark.parametrize("seed", range(4))
def test_weights_fitted_to_what_loud_ends_handed_on_are_fitted_again(seed):
    """Couplings that multiply their way to 1e3 make one weight small, which then reads what is usual."""
    torch.manual_seed(seed)
    model, x = Couplings(), torch.randn(96, 4)
    igt.init_(model, x, seed=seed, loss=lambda o: o.mean(), rates=False, keep_healthy=False)
    firsts = torch.tensor([float(net[0].weight.detach().norm()) for net in model.nets])
    assert firsts.max() < 2 * firsts.min()


def test_what_is_made_quieter_is_said():
    torch.manual_seed(3)
    model, x = small(4, 3), torch.randn(64, 4)
    for parameter in model[4].parameters():
        parameter.data *= 0.3
    receipt = igt.init_(model, x, loss=lambda o: o.square().mean(), rates=False, keep_healthy=False)
    assert receipt.scaled["4.weight"] < 0.5
    assert receipt.losses[1] == pytest.approx(model(x).square().mean().item(), rel=1e-3)


def test_without_a_loss_nothing_is_quietened():
    torch.manual_seed(4)
    model, x = Stacked(), torch.randn(64, 8)
    receipt = igt.init_(model, x, keep_healthy=False)
    assert all(0.5 < factor < 2 for factor in receipt.scaled.values())


def test_a_gate_that_reads_what_has_grown_opens_by_half():
    class Gated(nn.Module):
        """Sums over many neighbours, each weighed by a gate that two weights open together."""

        def __init__(self):
            super().__init__()
            self.keys, self.queries, self.values = (
                nn.ModuleList(nn.Linear(24, 24) for _ in range(4)) for _ in range(3)
            )
            self.skips = nn.ModuleList(nn.Linear(24, 24) for _ in range(4))

        def forward(self, x):
            for key, query, value, skip in zip(self.keys, self.queries, self.values, self.skips, strict=True):
                self.opened = torch.sigmoid(key(x)[:, None] + query(x)[None])
                x = torch.relu(skip(x) + (self.opened * value(x)[None]).sum(1))
            return x

    torch.manual_seed(5)
    model, x = Gated(), torch.randn(40, 24)
    igt.init_(model, x, keep_healthy=False)
    model(x)
    flat = (model.opened * (1 - model.opened) < 0.06 * 0.25).float().mean().item()
    assert flat < 0.05


def test_a_branch_that_nobody_reads_is_not_set_to_zero():
    class Unread(nn.Module):
        """Two streams, each cell adding to both; the last one's first half goes nowhere."""

        def __init__(self):
            super().__init__()
            self.cells = nn.ModuleList(
                nn.Sequential(nn.Linear(16, 16), nn.GELU(), nn.Linear(16, 32)) for _ in range(6)
            )
            self.head = nn.Linear(16, 4)

        def forward(self, x):
            skip = 0
            for cell in self.cells:
                hidden, out = cell(x).chunk(2, -1)
                x, skip = x + hidden, skip + out
            return self.head(skip)

    torch.manual_seed(6)
    model, x = Unread(), torch.randn(64, 16)
    receipt = igt.init_(model, x, keep_healthy=False, findings=True)
    assert model.cells[-1][2].weight[:16].any()
    assert not any("symmetric" in key for key in receipt.findings_after)


def test_a_recipe_that_was_asked_for_is_drawn_as_it_says():
    torch.manual_seed(7)
    models = [Couplings() for _ in range(2)]
    x, loss = torch.randn(96, 4), KINDS["couplings"][2]
    igt.init_(models[0], x, recipe="mup", base=48)
    igt.init_(models[1], x, recipe="mup", base=48, loss=loss, rates=False)
    assert all(map(torch.equal, models[0].parameters(), models[1].parameters()))


def test_a_cell_of_a_notebook_that_is_run_again_after_training():
    """The reference is the first loss of the model's own start, not what training made of it."""
    torch.manual_seed(0)
    x, target = torch.randn(128, 16), torch.arange(128) % 4
    model = nn.Sequential(
        *[one for _ in range(12) for one in (nn.Linear(16, 16), nn.ReLU())], nn.Linear(16, 4)
    )
    loss = lambda answers: nn.functional.cross_entropy(answers, target)  # noqa: E731
    igt.init_(model, x, loss=loss, seed=0)
    first = {name: value.clone() for name, value in model.state_dict().items()}
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    for _ in range(150):
        optimizer.zero_grad()
        value = loss(model(x))
        value.backward()
        optimizer.step()
    assert float(value) < 0.5
    igt.init_(model, x, loss=loss, seed=0)
    for name, value in model.state_dict().items():
        assert torch.allclose(value, first[name], rtol=1e-3, atol=1e-6), name

"""Functions of distances whose length scale fits none of them: kernels, bells, attention by distances."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

import isogain.torch as igt  # noqa: E402


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def told(model, inputs, loss):
    return {one.code: one for one in igt.inspect(model, inputs, loss).findings if one.severity != "info"}


class Kernel(nn.Module):
    """A kernel of what a network makes (Wilson et al. 2016), by distances or written out in products."""

    def __init__(self, raw, written) -> None:
        super().__init__()
        self.raw, self.written = nn.Parameter(torch.tensor(raw)), written
        self.net = nn.Sequential(nn.Linear(5, 32), nn.Tanh(), nn.Linear(32, 2))

    def forward(self, x):
        h = self.net(x)
        if not self.written:
            return torch.exp(-(torch.cdist(h, h) ** 2) / (2 * self.raw.exp() ** 2))
        h = h / F.softplus(self.raw)
        squares = (h * h).sum(-1, keepdim=True)
        return torch.exp(-0.5 * (squares + squares.T - 2 * h @ h.T).clamp_min(0))


def evidence(targets):
    def loss(kernel):
        root = torch.linalg.cholesky(kernel + 0.1 * torch.eye(len(kernel)))
        return (
            0.5 * (targets * torch.cholesky_solve(targets, root)).sum() + root.diagonal().log().sum()
        ) / 80

    return loss


@pytest.mark.parametrize("written", [False, True])
@pytest.mark.parametrize("raw", ["narrow", "usual", "wide"])
def test_a_kernel_that_is_the_identity_or_all_ones(raw, written):
    x = torch.rand(80, 5) * 2 - 1
    loss = evidence(torch.sin(3 * x[:, :1]))
    size = {"narrow": -9.0, "usual": -0.5, "wide": 1000.0 if written else 7.0}[raw]
    model = Kernel(size, written)
    found = told(model, x, loss)
    if raw == "usual":
        assert not found
        return
    told_as = found["vanishing-forward" if raw == "narrow" else "rank-collapse"]
    assert "length scale" in told_as.why
    assert all("gain" not in one.why for one in found.values())
    if (
        raw == "narrow" and not written
    ):  # a kernel that is felt costs more at first than one that says nothing
        assert not told_as.fix
        return
    exec(told_as.fix, {"model": model, "torch": torch, "igt": igt, "inputs": x})
    assert told_as.code not in told(model, x, loss)


class Bells(nn.Module):
    def __init__(self, width) -> None:
        super().__init__()
        self.centres, self.head, self.width = nn.Parameter(torch.randn(32, 2)), nn.Linear(32, 2), width

    def forward(self, x):
        return self.head(torch.exp(-(torch.cdist(x, self.centres) ** 2) / (2 * self.width**2)))


class Nearest(nn.Module):
    """Attention by distances, or a mean over centres weighed by them."""

    def __init__(self, width, positions) -> None:
        super().__init__()
        self.width, self.positions = width, positions
        self.query, self.key = nn.Linear(4, 16), nn.Linear(4, 16) if positions else None
        self.head = nn.Linear(16, 2)
        if not positions:
            self.centres = nn.Parameter(torch.randn(32, 16))

    def forward(self, x):
        q = self.query(x)
        keys = self.key(x) if self.positions else self.centres
        shares = (-(torch.cdist(q, keys) ** 2) / (2 * self.width**2)).softmax(-1)
        mixed = shares @ keys
        return self.head(F.relu(mixed.mean(1) if self.positions else mixed))


@pytest.mark.parametrize("width", [0.5, 1.0, 2.0])
def test_bells_and_shares_of_a_width_that_fits(width):
    x, y = torch.randn(128, 2), torch.arange(128) % 2
    assert not told(Bells(width), (x, y), "cross_entropy")
    assert not told(Nearest(2 * width, positions=False), (torch.randn(128, 4), y), "cross_entropy")
    assert not told(Nearest(width, positions=True), (torch.randn(64, 7, 4), y[:64]), "cross_entropy")


def test_bells_and_shares_of_one_for_all():
    x, y = torch.randn(128, 2), torch.arange(128) % 2
    wide = told(Bells(1e3), (x, y), "cross_entropy")
    mean = told(Nearest(300.0, positions=False), (torch.randn(128, 4), y), "cross_entropy")
    for found in (wide, mean):
        assert {"rank-collapse", "constant-output"} <= set(found)
        assert all("longer than the distances" in one.why for one in found.values())


def test_shares_of_one_alone():
    batch = torch.randn(64, 7, 4), torch.arange(64) % 2
    found = told(Nearest(0.01, positions=True), batch, "cross_entropy")
    assert all("shorter than the distances" in one.why for one in found.values())
    assert found


def test_a_decay_of_a_state_is_no_length_scale():
    class Steps(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rate, self.head = nn.Parameter(torch.full((8,), math.log(1e-6))), nn.Linear(8, 2)

        def forward(self, x):
            state = x.new_zeros(len(x), 8)
            for step in range(x.shape[1]):
                state = state * torch.exp(-self.rate.exp() * x[:, step].abs()) + x[:, step]
            return self.head(state)

    found = told(Steps(), (torch.randn(64, 12, 8), torch.arange(64) % 2), "cross_entropy")
    assert "rank-collapse" not in found
    assert all("length scale" not in one.why for one in found.values())

"""Weights that make the matrices of other layers: signals behind their products keep their size."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

import isogain.torch as igt  # noqa: E402


class Generated(nn.Module):
    """Layers whose weights a network makes of a code: `right` multiplies the signal from the right."""

    def __init__(self, width, code=24, right=False):
        super().__init__()
        self.width, self.right = width, right
        self.read, self.answer = nn.Linear(16, width), nn.Linear(width, 4)
        self.hyper = nn.Sequential(nn.Linear(code, 64), nn.Tanh(), nn.Linear(64, width * 2 * width))
        self.sizes = []

    def forward(self, x, code):
        made = self.hyper(code)
        signal = F.relu(self.read(x))
        self.sizes = [signal.square().mean().item()]
        if self.right:
            wide = torch.bmm(signal[:, None], made.view(-1, self.width, 2 * self.width))[:, 0]
        else:
            wide = torch.bmm(made.view(-1, 2 * self.width, self.width), signal[..., None])[..., 0]
        self.sizes.append(wide.square().mean().item())
        return self.answer(F.relu(wide[:, : self.width]))


@pytest.mark.parametrize("right", [False, True])
@pytest.mark.parametrize("width", [48, 96])
def test_signals_keep_their_size_behind_matrices_that_are_made(width, right):
    torch.manual_seed(0)
    model, batch = Generated(width, right=right), (torch.randn(512, 16), torch.randn(512, 24))
    igt.init_(model, batch, keep_healthy=False)
    with torch.no_grad():
        model(*batch)
    # pre-activations of one size before each ReLU, as after the first layer's own weight
    before = model.read(batch[0]).detach().square().mean().item()
    assert before == pytest.approx(1, rel=0.1)
    assert model.sizes[1] == pytest.approx(before, rel=0.1)
    assert model.sizes[0] == pytest.approx(before / 2, rel=0.1)


def test_rows_of_queries_are_no_matrices_that_are_made():
    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.q, self.k, self.v, self.answer = (nn.Linear(32, 32) for _ in range(4))

        def forward(self, x):
            # as many heads as places: the last two axes of each hold as many numbers as the features do
            q, k, v = (one(x).view(8, 4, 4, 8).transpose(1, 2) for one in (self.q, self.k, self.v))
            seen = (q @ k.transpose(2, 3) / 8**0.5).softmax(-1) @ v
            return self.answer(seen.transpose(1, 2).reshape(8, 4, 32))

    plan = igt.plan(Attention(), torch.randn(8, 4, 32))
    assert not any("makes matrices" in entry.reason for entry in plan.values())

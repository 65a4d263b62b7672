"""Frozen parts beside trained ones: a network that looks at answers, a gate of 0 that nothing opens."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

import isogain.torch as igt  # noqa: E402


class Changed(nn.Module):
    """A picture with something added, and what a frozen network sees in it."""

    def __init__(self, answers) -> None:
        super().__init__()
        self.change = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 3, 3, padding=1))
        self.seen = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 4, 3, padding=1))
        self.seen.requires_grad_(False)
        self.answers = answers

    def forward(self, x):
        picture = x + self.change(x) - 0.5
        features = self.seen(picture)
        return (picture, features) if self.answers else features.mean((2, 3))


@pytest.mark.parametrize("answers", [True, False])
def test_a_perceptual_loss_within_the_model(answers):
    torch.manual_seed(0)
    wanted, model = torch.rand(6, 3, 12, 12), Changed(answers)
    x = wanted + 0.3 * torch.randn_like(wanted)
    seen = model.seen(wanted)

    def loss(output):
        if answers:
            return F.mse_loss(output[0], wanted) + F.mse_loss(output[1], seen)
        return F.cross_entropy(output, torch.arange(6) % 4)

    codes = {one.code for one in igt.inspect(model, x, loss).findings if one.severity != "info"}
    assert ("adapter-not-neutral" in codes) == (not answers)


class Beside(nn.Module):
    """A frozen body, and an adapter behind a gate."""

    def __init__(self, start, trained) -> None:
        super().__init__()
        self.body, self.head = (
            nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 64)),
            nn.Linear(64, 5),
        )
        self.body.requires_grad_(False)
        self.adapter = nn.Sequential(nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 64))
        self.gate = nn.Parameter(torch.full((1,), start), requires_grad=trained)

    def forward(self, x):
        hidden = self.body(x)
        return self.head(hidden + self.gate * self.adapter(hidden))


@pytest.mark.parametrize(
    ("start", "trained", "told"), [(0.0, False, True), (0.0, True, False), (0.1, False, False)]
)
def test_a_frozen_gate_of_zero(start, trained, told):
    torch.manual_seed(0)
    model, x, target = Beside(start, trained), torch.randn(64, 16), torch.arange(64) % 5
    found = igt.inspect(model, x, lambda o: F.cross_entropy(o, target)).findings
    shut = [one for one in found if "is 0 and frozen" in one.why]
    assert bool(shut) == told
    for one in shut:
        assert (one.code, one.severity) == ("vanishing-backward", "warning")
        assert {"gate", "adapter.0", "adapter.2"} <= set(one.paths)

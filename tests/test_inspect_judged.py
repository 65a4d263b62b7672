"""A frozen network that looks at answers is no network whose inputs are changed."""

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

"""Levels that a skip goes around to be joined with, as a U-Net has them: their gradients are seen too."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

import isogain.torch as igt  # noqa: E402


class Level(nn.Module):
    """Two convolutions, a smaller level between them and what comes back, joined with what went in."""

    def __init__(self, depth, act, norm) -> None:
        super().__init__()

        def convolution(width):
            return nn.Sequential(nn.Conv2d(width, 8, 3, padding=1), norm(8), act())

        self.down = nn.Sequential(convolution(8), convolution(8))
        self.inner = Level(depth - 1, act, norm) if depth else nn.Identity()
        self.up = convolution(16)

    def forward(self, x):
        x = self.down(x)
        back = F.interpolate(self.inner(F.max_pool2d(x, 2)), scale_factor=2)
        return self.up(torch.cat([x, back], 1))


def identity(_):
    return nn.Identity()


def net(act, norm=identity, depth=3):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), Level(depth, act, norm), nn.Conv2d(8, 1, 1))
    for module in model.modules():
        if isinstance(module, nn.Conv2d) and act is nn.ReLU:
            nn.init.kaiming_normal_(module.weight)
            nn.init.zeros_(module.bias)
    return model


def told(model):
    images = torch.randn(8, 1, 32, 32, generator=torch.Generator().manual_seed(1))
    mask = (images > 0.5).float()
    report = igt.inspect(model, images, lambda made: F.binary_cross_entropy_with_logits(made, mask))
    return [one for one in report.findings if one.severity != "info"]


def test_deep_levels_whose_gradients_vanish_are_told():
    (found,) = told(net(nn.Sigmoid))
    assert (found.code, found.severity) == ("vanishing-backward", "critical")
    assert found.path.startswith("1.inner.inner.inner")
    assert "sigmoid" in found.why


@pytest.mark.parametrize(
    ("act", "norm"), [(nn.ReLU, identity), (nn.ReLU, nn.BatchNorm2d), (nn.Sigmoid, nn.BatchNorm2d)]
)
def test_levels_of_usual_layers_are_not(act, norm):
    assert not told(net(act, norm))

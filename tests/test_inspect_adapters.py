"""Adapters: by how much a frozen network is moved, against running it without them."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

import isogain.torch as igt  # noqa: E402
from corpus import closer  # noqa: E402


def share(model, inputs, loss):
    finding = [f for f in igt.inspect(model, inputs, loss).findings if f.code == "adapter-not-neutral"]
    return float(finding[0].measured.split(" by up to ")[1].split()[0]) if finding else 0.0


def test_a_change_within_a_weight_is_measured():
    torch.manual_seed(0)
    layer = closer.Lora(64, 64, 0.2, within=True)
    moved = float((layer.b @ layer.a).norm() / layer.base.weight.norm())
    assert share(nn.Sequential(layer, nn.ReLU(), nn.Linear(64, 5).requires_grad_(False)), torch.randn(8, 64),
                 None) == pytest.approx(moved, rel=0.02)  # fmt: skip


def test_a_branch_is_measured_with_its_factor():
    torch.manual_seed(1)
    layer, x = closer.Lora(64, 64, 0.2), torch.randn(256, 64)
    base = layer.base(x)
    moved = float((layer(x) - base).norm() / base.norm())
    model = nn.Sequential(layer, nn.ReLU(), nn.Linear(64, 5).requires_grad_(False))
    assert share(model, x, None) == pytest.approx(moved, rel=0.05)


@pytest.mark.parametrize("kind", ["behind", "beside"])
def test_zero_ends_are_neutral_and_the_fix_makes_them(kind):
    torch.manual_seed(2)
    model, x, loss = closer.vectors(closer.adapted(lambda: closer.Bottleneck(0.3, kind)))
    with torch.no_grad():
        own = [block.up.weight.clone() for block in model[1:-1]]
        for block in model[1:-1]:
            block.up.weight.zero_()
        pretrained = model(x)
        for block, weight in zip(model[1:-1], own, strict=True):
            block.up.weight.copy_(weight)
    finding = next(f for f in igt.inspect(model, x, loss).findings if f.code == "adapter-not-neutral")
    exec(finding.fix, {"model": model, "torch": torch})
    assert torch.equal(model(x), pretrained)
    assert share(model, x, loss) == 0


def test_a_base_that_gave_up_the_directions_is_neutral():
    torch.manual_seed(3)
    layer = closer.Lora(32, 32)
    u, s, v = torch.linalg.svd(layer.base.weight.detach())
    layer.b.data, layer.a.data = u[:, :4] * s[:4] / 2, v[:4]
    layer.base.weight.data -= 2 * layer.b.data @ layer.a.data
    model = nn.Sequential(layer, nn.ReLU(), nn.Linear(32, 5).requires_grad_(False))
    assert share(model, torch.randn(64, 32), None) == 0
    layer.b.data += 0.1 * torch.randn(32, 4)
    assert share(model, torch.randn(64, 32), None) > 0.1


def test_a_model_that_learns_as_a_whole_has_no_adapters():
    torch.manual_seed(4)
    model = closer.adapted(lambda: closer.Bottleneck(0.3)).requires_grad_(True)
    assert share(*closer.vectors(model)) == 0


class Wired(nn.Module):
    """Weights times a frozen mask of the wires that there are."""

    def __init__(self, mask):
        super().__init__()
        self.weight, self.bias = nn.Parameter(0.2 * torch.randn(24, 24)), nn.Parameter(torch.zeros(24))
        self.mask = nn.Parameter(mask, requires_grad=False)

    def forward(self, x):
        return nn.functional.linear(x, self.weight * self.mask, self.bias)


@pytest.mark.parametrize(("wires", "adapts"), [(True, False), (False, True)])
def test_a_frozen_mask_is_no_pretrained_weight(wires, adapts):
    torch.manual_seed(5)
    masks = [(torch.rand(24, 24) < 0.5).float() if wires else torch.randn(24, 24) for _ in range(2)]
    model = nn.Sequential(Wired(masks[0]), nn.Tanh(), Wired(masks[1]), nn.Tanh(), nn.Linear(24, 3))
    assert (share(model, torch.randn(64, 24), None) > 0) == adapts

"""Fans and layouts: the contract's examples, and Monte Carlo through torch's own layers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

import isogain as ig
from conformance import check_ratio
from isogain.core.geometry.layout import Geometry
from isogain.errors import LayoutError


@pytest.mark.parametrize(
    ("shape", "options", "fan_in", "fan_out"),
    [
        ((512, 784), {"layout": "out in"}, 784, 512),
        ((784, 512), {}, 784, 512),
        ((3, 3, 32, 64), {}, 288, 576),
        ((64, 32, 3, 3), {"layout": "out in *", "groups": 4}, 288, 144),
        ((64, 1, 3, 3), {"layout": "out in *", "groups": 64}, 9, 9),
        ((3, 3, 64, 2), {"layout": "* group out"}, 9, 18),
        ((128, 64, 4, 4), {"layout": "in out *", "stride": 2, "transposed": True}, 512, 1024),
        ((64, 32, 3), {"layout": "out in *", "stride": 2}, 96, 96),
        ((1536, 512), {"layout": "(3 out) in"}, 512, 512),
        ((512, 1536), {"layout": "in (3 out)"}, 512, 512),
        ((8, 512, 2048), {"layout": "stack in out"}, 512, 2048),
        ((512, 8, 64), {"layout": "in out out"}, 512, 512),
        ((10000, 64), {"layout": "lookup out"}, 1, 64),
        ((4, 8, 6), {"layout": "out in in"}, 48, 4),
    ],
)
def test_fans_of_a_layout(shape, options, fan_in, fan_out):
    fans = ig.fans(shape, **options)
    assert (fans.fan_in, fans.fan_out) == (fan_in, fan_out)


def test_fans_print_as_the_contract_shows_them():
    assert repr(ig.fans((512, 784), layout="out in")) == "Fans(fan_in=784, fan_out=512)"


# --- through torch's own layers: with weights of variance 1 / fan_in, outputs have the inputs' power;
# --- with 1 / fan_out, input gradients have the output gradients' power.  The interior only, since
# --- padding and borders leave fewer terms.

LAYERS = {
    "linear": (lambda: nn.Linear(96, 160, bias=False), (64, 96), {"layout": "out in"}, None),
    "conv1d": (lambda: nn.Conv1d(24, 40, 5, bias=False), (16, 24, 64), {"layout": "out in *"}, 6),
    "conv2d": (lambda: nn.Conv2d(16, 24, (3, 5), bias=False), (4, 16, 24, 24), {"layout": "out in *"}, 5),
    "conv3d": (lambda: nn.Conv3d(8, 12, 3, bias=False), (3, 8, 12, 12, 12), {"layout": "out in *"}, 2),
    "grouped": (
        lambda: nn.Conv2d(32, 48, 3, groups=4, bias=False),
        (4, 32, 20, 20),
        {"layout": "out in *", "groups": 4},
        3,
    ),
    "depthwise": (
        lambda: nn.Conv2d(64, 128, 3, groups=64, bias=False),
        (4, 64, 20, 20),
        {"layout": "out in *", "groups": 64},
        3,
    ),
    "strided": (
        lambda: nn.Conv2d(16, 24, 4, stride=2, bias=False),
        (4, 16, 42, 42),
        {"layout": "out in *", "stride": 2},
        6,
    ),
    "dilated": (
        lambda: nn.Conv1d(24, 24, 3, dilation=2, bias=False),
        (16, 24, 64),
        {"layout": "out in *"},
        6,
    ),
    "transposed": (
        lambda: nn.ConvTranspose2d(24, 16, 4, stride=2, bias=False),
        (4, 24, 16, 16),
        {"layout": "in out *", "stride": 2, "transposed": True},
        6,
    ),
    "transposed, uneven": (
        lambda: nn.ConvTranspose1d(32, 16, 3, stride=2, bias=False),
        (16, 32, 32),
        {"layout": "in out *", "stride": 2, "transposed": True},
        4,
    ),
    "transposed, grouped": (
        lambda: nn.ConvTranspose2d(32, 12, 4, stride=2, groups=4, bias=False),
        (4, 32, 14, 14),
        {"layout": "in out *", "stride": 2, "transposed": True, "groups": 4},
        6,
    ),
}


def interior(signal: torch.Tensor, margin: int | None) -> torch.Tensor:
    """Without the border; an even number of positions, so that both phases of a stride 2 count alike."""
    if margin is None:
        return signal
    for axis in range(2, signal.dim()):
        length = signal.shape[axis] - 2 * margin
        signal = signal.narrow(axis, margin, length - length % 2)
    return signal


def gains(name: str, mode: str, seeds: int = 24) -> tuple[np.ndarray, np.ndarray]:
    """Power out / power in, and input-gradient power / output-gradient power, for each seed."""
    make, shape, options, margin = LAYERS[name]
    layer = make()
    forward, backward = [], []
    for seed in range(seeds):
        w = ig.draw(
            ig.VarianceScaling(1.0, mode, "normal"),
            tuple(layer.weight.shape),
            seed=seed,
            path=name,
            **options,
        )
        layer.weight.data = torch.from_numpy(w)
        generator = torch.Generator().manual_seed(seed)
        x = torch.randn(shape, generator=generator, requires_grad=True)
        y = layer(x)
        upstream = torch.randn(y.shape, generator=generator)
        (gradient,) = torch.autograd.grad(y, x, upstream)
        forward.append(interior(y, margin).square().mean().item())
        backward.append(interior(gradient, margin).square().mean().item())
    return np.array(forward), np.array(backward)


@pytest.mark.parametrize("name", LAYERS)
def test_fan_in_keeps_the_forward_power_through_the_layer(name):
    check_ratio(gains(name, "fan_in")[0], resolution=0.1)


@pytest.mark.parametrize("name", LAYERS)
def test_fan_out_keeps_the_gradients_power_through_the_layer(name):
    check_ratio(gains(name, "fan_out")[1], resolution=0.1)


def test_one_percent_is_caught_through_a_layer():
    """The sharp version, on one layer: 1 % of gain is 2 % of power."""
    x = torch.randn(20000, 64, generator=torch.Generator().manual_seed(0))
    powers = []
    for seed in range(60):
        w = ig.draw("lecun_normal", (512, 64), layout="out in", seed=seed)
        powers.append(
            functional.linear(x[seed * 300 : seed * 300 + 300], torch.from_numpy(w)).square().mean().item()
        )
    powers = np.array(powers) / x[:18000].reshape(60, -1).square().mean(1).numpy()
    check_ratio(powers, resolution=0.02)
    with pytest.raises(AssertionError):
        check_ratio(1.02 * powers, resolution=0.03)


def test_a_layer_notices_a_layout_the_wrong_way_round():
    w = ig.draw("lecun_normal", (512, 64), layout="in out", seed=0)  # torch's Linear(64, 512) is "out in"
    y = functional.linear(torch.randn(500, 64), torch.from_numpy(w))
    assert y.square().mean() < 0.2


def test_packed_attention_projections_each_keep_the_power():
    attention = nn.MultiheadAttention(128, 4, bias=False)
    powers = []
    for seed in range(24):
        w = ig.draw("lecun_normal", tuple(attention.in_proj_weight.shape), layout="(3 out) in", seed=seed)
        x = torch.randn(200, 128, generator=torch.Generator().manual_seed(seed))
        q, k, v = functional.linear(x, torch.from_numpy(w)).chunk(3, dim=-1)
        powers.append([part.square().mean().item() for part in (q, k, v)])
    for part in np.array(powers).T:
        check_ratio(part, resolution=0.1)
    ours = ig.get("glorot_normal").law((384, 128), layout="(3 out) in").std
    blind = ig.get("torch.xavier_normal_").law((384, 128), layout="(3 out) in").std
    assert ours / blind == pytest.approx(2**0.5)


def test_experts_each_keep_the_power():
    x = torch.randn(4, 100, 64, generator=torch.Generator().manual_seed(1))
    powers = []
    for seed in range(24):
        w = ig.draw("lecun_normal", (4, 64, 96), layout="stack in out", seed=seed)
        powers.append((torch.bmm(x, torch.from_numpy(w)).square().mean() / x.square().mean()).item())
    check_ratio(np.array(powers), resolution=0.1)


def test_embedding_rows_have_unit_power():
    table = nn.Embedding(500, 64)
    table.weight.data = torch.from_numpy(ig.draw("lecun_normal", (500, 64), layout="lookup out", seed=0))
    check_ratio(table(torch.arange(500)).square().mean(1).detach().numpy(), resolution=0.1)


@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        ((5,), {}, "describes 2 or more axes"),
        ((4, 4), {"layout": "out foo"}, "cannot read 'foo'"),
        ((4, 4), {"layout": ""}, "layout must be a string"),
        ((4, 4, 4), {"layout": "out in"}, "'out in \\*'"),
        ((5, 3), {"layout": "out in", "groups": 2}, "does not divide by 2"),
        ((5, 3), {"layout": "(3 out) in"}, "does not divide by 3"),
        ((5, 3), {"layout": "out in", "groups": 0}, "groups must be"),
        ((5, 3), {"layout": "out in", "stride": 0}, "stride must be"),
        ((8, 8, 3, 3), {"layout": "out in *", "stride": (2, 2, 2)}, "stride"),
        ((5,), {"layout": "out"}, "no fans"),
        ((5, -3), {"layout": "out in"}, "non-negative"),
        ((5, 2.5), {"layout": "out in"}, "non-negative integers"),
        (("a", 2), {"layout": "out in"}, "sequence of"),
        ((3, 3, 4), {"layout": "* * out"}, "may appear once"),
    ],
)
def test_bad_layouts_say_what_is_wrong_and_what_would_do(shape, options, message):
    with pytest.raises(LayoutError, match=message):
        ig.fans(shape, **options)


def test_a_zero_size_is_no_division_by_zero():
    assert ig.fans((0, 0), layout="out in").fan_in == 0
    assert ig.get("he_normal").law((0, 0), layout="out in").std == 0


def test_from_canonical_undoes_every_axis_order():
    canonical = np.arange(3 * 4 * 5 * 2).reshape(1, 4, 5, 2, 3)
    shape_and_axes = {"out in *": (0, 1, 2, 3), "* in out": (2, 3, 1, 0), "in * out": (1, 2, 3, 0)}
    for layout, axes in shape_and_axes.items():
        expected = canonical[0].transpose(axes)
        geometry = Geometry.of(expected.shape, layout)
        assert (geometry.from_canonical(canonical) == expected).all()

"""Deep plain chains: exact isometries where weights come in mirrored pairs, and what breaks the pairs."""

from __future__ import annotations

import itertools

import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402
from torch.nn import functional  # noqa: E402

import isogain as ig  # noqa: E402
import isogain.torch as igt  # noqa: E402
from plan_networks import mlp, sizes  # noqa: E402

pytestmark = pytest.mark.usefixtures("seed_0_in_one_thread")


class Twist(nn.Module):
    """A function of the user's own, in several operations: z sigmoid(1.3 z) + z / 10."""

    def forward(self, z):
        return z * torch.sigmoid(1.3 * z) + 0.1 * z


LINEAR_ODD_PART = [
    nn.ReLU, lambda: nn.LeakyReLU(0.2), nn.PReLU, nn.GELU, nn.SiLU, nn.Hardswish, nn.Softplus, Twist,
    lambda: nn.Softplus(beta=2.0), lambda: nn.GELU(approximate="tanh"), lambda: nn.ReLU(inplace=True),
]  # fmt: skip


@pytest.mark.parametrize("activation", LINEAR_ODD_PART)
def test_deep_plain_stacks_are_exact_isometries(activation):
    """The oracle is a property: signals keep their size exactly, and the map is linear, f(x + y) =
    f(x) + f(y) and f(-x) = -f(x).  Gradients by single units share out phi' between u and -u, so their
    length varies a little with u, but does not drift."""
    model, x, y = mlp(activation), torch.randn(64, 32), torch.randn(64, 32)
    igt.init_(model, x)
    forward, backward = sizes(model, x)
    assert max(forward[:-1]) / min(forward[:-1]) < 1.001
    assert max(backward[:-1]) / min(backward[:-1]) < 1.1
    with torch.no_grad():
        assert torch.allclose(model(x) + model(y), model(x + y), atol=1e-4)
        assert torch.allclose(model(-x), -model(x), atol=1e-4)


@pytest.mark.parametrize(
    "activation", [nn.Tanh, nn.ELU, nn.SELU, nn.Sigmoid, nn.Mish, nn.ReLU6, lambda: nn.ELU(0.7)]
)
def test_other_deep_plain_stacks_keep_their_signals(activation):
    model, x = mlp(activation), torch.randn(128, 32)
    igt.init_(model, x)
    forward, backward = sizes(model, x)
    per_layer = (max(forward[:-1]) / min(forward[:-1])) ** (1 / 29)
    back = (max(backward[:-1]) / min(backward[:-1])) ** (1 / 29)
    assert per_layer < 1.01
    assert back < 1.1


def test_orthogonal_where_the_activation_is_odd():
    plan = igt.plan(mlp(nn.Tanh), torch.randn(8, 32))
    assert isinstance(plan["2.weight"].initializer, ig.Orthogonal)


@pytest.mark.parametrize("width", [63, 64])
def test_widths_may_be_odd(width):
    model, x = mlp(nn.ReLU, width=width), torch.randn(64, 32)
    igt.init_(model, x)
    forward, _ = sizes(model, x)
    assert max(forward[:-1]) / min(forward[:-1]) < 1.05


def test_widths_may_change():
    widths = [32, 96, 64, 48, 120, 64, 64, 90, 64, 32, 64, 64, 10]
    layers = []
    for before, after in itertools.pairwise(widths):
        layers += [nn.Linear(before, after), nn.ReLU()]
    model, x = nn.Sequential(*layers[:-1]), torch.randn(256, 32)
    igt.init_(model, x)
    forward, _ = sizes(model, x)
    assert max(forward[:-1]) / min(forward[:-1]) < 1.2


def cnn(act=nn.ReLU, depth=14, channels=16, pool=nn.AvgPool2d):
    layers = [nn.Conv2d(3, channels, 3, stride=2, padding=1), act()]
    for _ in range(depth):
        layers += [nn.Conv2d(channels, channels, 3, padding=1), act()]
    return nn.Sequential(*layers, pool(2), nn.Flatten(), nn.Linear(channels * 16, 10))


@pytest.mark.parametrize("act", [nn.ReLU, nn.GELU])
def test_convolutions_mirror_at_their_centre(act):
    model, x = cnn(act), torch.randn(16, 3, 16, 16)
    plan = igt.plan(model, x)
    assert {e.initializer.position for e in plan.values() if isinstance(e.initializer, ig.MirroredOrthogonal)} == {
        "first", "hidden", "last",
    }  # fmt: skip
    igt.init_(model, x)
    forward, _ = sizes(model, x)
    assert max(forward[:-1]) / min(forward[:-1]) < 1.001
    with torch.no_grad():
        assert torch.allclose(model(-x), -model(x), atol=1e-5)


def test_max_pooling_breaks_the_mirror_and_nothing_else():
    """max(u, v) is no odd function: the chain is cut there, and each half is still of one size."""
    model = nn.Sequential(
        *(layer for _ in range(10) for layer in (nn.Conv2d(16, 16, 3, padding=1), nn.ReLU())), nn.MaxPool2d(2),
        *(layer for _ in range(10) for layer in (nn.Conv2d(16, 16, 3, padding=1), nn.ReLU())), nn.Flatten(),
        nn.Linear(16 * 16, 5),
    )  # fmt: skip
    x = torch.randn(16, 16, 8, 8)
    plan = igt.plan(model, x)
    positions = [getattr(plan[f"{k}.weight"].initializer, "position", None) for k in (0, 18, 21, 23, 39, 42)]
    assert positions == ["first", "last", "first", "hidden", "hidden", "last"]
    igt.init_(model, x)
    forward, _ = sizes(model, x)
    assert max(forward[:-1]) / min(forward[:-1]) < 1.1


def test_flattening_channels_last_breaks_the_pairs():
    """After a permute, units and their partners are neighbours, not halves: no mirror across it."""

    class Permuted(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Sequential(
                *(part for _ in range(9) for part in (nn.Conv2d(8, 8, 3, padding=1), nn.ReLU()))
            )
            self.head = nn.Linear(8 * 16, 5)

        def forward(self, x):
            return self.head(self.body(x).permute(0, 2, 3, 1).flatten(1))

    model, x = Permuted(), torch.randn(8, 8, 4, 4)
    plan = igt.plan(model, x)
    assert getattr(plan["body.16.weight"].initializer, "position", None) == "last"
    assert not isinstance(plan["head.weight"].initializer, ig.MirroredOrthogonal)


def test_a_side_output_breaks_the_pairs():
    class Side(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.ModuleList(nn.Linear(32, 32) for _ in range(12))

        def forward(self, x):
            kept = []
            for layer in self.layers:
                x = torch.relu(layer(x))
                kept.append(x)
            return torch.cat([kept[5], x], dim=1)

    plan = igt.plan(Side(), torch.randn(4, 32))
    assert plan["layers.5.weight"].initializer.position == "last"
    assert not isinstance(plan["layers.6.weight"].initializer, ig.MirroredOrthogonal) or (
        plan["layers.6.weight"].initializer.position == "first"
    )


def test_a_layer_used_again_and_again_is_drawn_once():
    class Loop(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.again, self.last = nn.Linear(16, 32), nn.Linear(32, 32), nn.Linear(32, 4)

        def forward(self, x):
            x = self.first(x)
            for _ in range(12):
                x = self.again(torch.relu(x))
            return self.last(torch.relu(x))

    model, x = Loop(), torch.randn(64, 16)
    receipt = igt.init_(model, x)
    assert len(receipt.written) == 6
    assert torch.isfinite(model(x)).all()


def test_shallow_networks_use_their_whole_width():
    model = mlp(nn.ReLU, depth=3, width=128)
    plan = igt.plan(model, torch.randn(8, 32))
    assert isinstance(plan["2.weight"].initializer, ig.VarianceScaling)
    assert plan["2.weight"].initializer.scale == pytest.approx(2.0)
    x = torch.randn(512, 32)
    igt.init_(model, x, keep_healthy=False)
    forward, _ = sizes(model, x)
    assert forward[:2] == pytest.approx([1, 1], rel=0.06)
    assert forward[2] == pytest.approx(0.3, rel=0.06)


def test_calibration_meets_inputs_of_any_size():
    for scale in (1e-3, 1.0, 1e3):
        model, x = mlp(nn.ReLU, depth=12), scale * torch.randn(64, 32)
        igt.init_(model, x)
        forward, _ = sizes(model, x)
        assert forward[:-1] == pytest.approx([1.0] * 11, rel=0.021)


def test_weights_that_stay_break_the_pairs_around_them():
    """A layer that keeps its own weights cannot read halves, and makes none."""
    model, x = mlp(nn.ReLU), torch.randn(64, 32)
    plan = igt.plan(model, x, exclude="20.weight")
    positions = [getattr(plan[f"{k}.weight"].initializer, "position", None) for k in (16, 18, 20, 22, 24)]
    assert positions == ["hidden", "last", None, "first", "hidden"]
    igt.init_(model, x, exclude="20.weight")
    forward, _ = sizes(model, x)
    assert max(forward[10:-1]) / min(forward[11:-1]) < 1.1


def test_depthwise_and_tied_readers_make_no_pairs():
    layers = [part for _ in range(10) for part in (nn.Conv2d(16, 16, 3, padding=1), nn.ReLU())]
    model = nn.Sequential(*layers, nn.Conv2d(16, 16, 3, padding=1, groups=16), nn.ReLU(), nn.Conv2d(16, 4, 1))
    plan = igt.plan(model, torch.randn(2, 16, 8, 8))
    assert plan["18.weight"].initializer.position == "last"
    assert not isinstance(plan["20.weight"].initializer, ig.MirroredOrthogonal)


@pytest.mark.parametrize("channels", [8, 9])
def test_a_whole_kernel_of_pairs_is_an_isometry_where_it_tiles(channels):
    """Kernel 2 at stride 2 reads every pixel once: relu between [Q; -Q] and [Q, -Q] over whole kernels keeps
    lengths, whatever odd channel is left over."""
    first = ig.draw(
        ig.MirroredOrthogonal(position="first"), (channels, 4, 1, 1), layout="out in *", seed=0, path="a"
    )
    whole = ig.MirroredOrthogonal(position="last", centre="whole")
    last = ig.draw(whole, (16, channels, 2, 2), layout="out in *", seed=0, path="b")
    x = torch.randn(5, 4, 6, 6)
    between = functional.relu(functional.conv2d(x, torch.from_numpy(first)))
    y = functional.conv2d(between, torch.from_numpy(last), stride=2)
    assert torch.allclose(y.square().sum((1, 2, 3)), x.square().sum((1, 2, 3)), rtol=1e-4)
    law = whole.law((16, channels, 2, 2), layout="out in *")
    assert float((last**2).mean() ** 0.5) == pytest.approx(law.std, rel=1e-5)

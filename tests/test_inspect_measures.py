"""What is measured, against torch, NumPy and chance itself."""

from __future__ import annotations

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

import isogain.torch as igt  # noqa: E402
from isogain.errors import InspectError  # noqa: E402
from isogain.inspect.chains import chains, slope  # noqa: E402
from isogain.inspect.formats import FORMATS  # noqa: E402
from isogain.inspect.signals import Forward  # noqa: E402
from isogain.torch.measure.arrays import octaves  # noqa: E402
from isogain.torch.measure.ledger import forward_summary  # noqa: E402
from isogain.torch.measure.measures import spectra  # noqa: E402
from isogain.torch.measure.rows import is_orthogonal  # noqa: E402


def stack(depth, width, act, init):
    layers = []
    for _ in range(depth):
        layers += [nn.Linear(width, width, bias=False), act()]
    model = nn.Sequential(*layers)
    for layer in model[::2]:
        init(layer.weight)
    return model


def normal(gain):
    return lambda weight: nn.init.normal_(weight, std=gain / weight.shape[1] ** 0.5)


# ---- expectations: the spread of networks of finite width --------------------------------------

LAWS = {
    "relu": (nn.ReLU, normal(2**0.5)),
    "relu orthogonal": (nn.ReLU, lambda w: nn.init.orthogonal_(w, 2**0.5)),
    "tanh": (nn.Tanh, normal(1.0)),
    "tanh orthogonal": (nn.Tanh, nn.init.orthogonal_),
    "leaky_relu": (lambda: nn.LeakyReLU(0.3), normal((2 / 1.09) ** 0.5)),
    "linear": (nn.Identity, normal(1.0)),
}


@pytest.mark.parametrize("name", sorted(LAWS))
def test_the_band_is_as_wide_as_networks_are_different(name):
    """Sixty networks, drawn and run by torch alone; five standard errors of a standard deviation."""
    act, init = LAWS[name]
    depth, width, count = 12, 24, 80
    torch.manual_seed(3)
    x = torch.randn(8, width)
    x = x / x.square().mean(1, keepdim=True).sqrt()
    logs = []
    for _ in range(count):
        model = stack(depth, width, act, init)
        with torch.no_grad():
            logs.append(float(model[:-1](x)[0].square().mean().log()))
    course = chains(igt.inspect(stack(depth, width, act, init), x).table)[0].course
    last = max(course.expected)
    # the course follows the variance given the layers before; the units measured add 2 / n, or nothing
    sampled = 0.0 if "orthogonal" in name or name == "linear" else 2 / width
    expected = math.sqrt(course.expected[last].variance + sampled)
    measured = float(np.std(logs, ddof=1))
    kurtosis = 1.5  # of ln q, beyond the normal law's: products of few factors have tails
    error = expected * math.sqrt((1 + kurtosis / 2) / (2 * (count - 1)))
    assert abs(measured - expected) < 5 * error + 0.06 * expected, (measured, expected)


def test_the_band_knows_tanh_from_relu():
    """Tanh forgets the fluctuations of earlier layers; ReLU adds them up."""
    x = torch.randn(8, 32)
    courses = [
        chains(igt.inspect(stack(20, 32, act, normal(gain)), x).table)[0].course
        for act, gain in ((nn.ReLU, 2**0.5), (nn.Tanh, 1.0))
    ]
    assert courses[1].band() < 0.5 * courses[0].band()
    assert "relu" in courses[0].words
    assert "tanh" in courses[1].words


def test_where_theory_is_silent_the_finding_says_so():
    class Odd(nn.Module):
        def forward(self, x):
            return x * torch.sigmoid(x + x.abs())

    torch.manual_seed(0)
    model = stack(20, 32, Odd, normal(0.2))
    report = igt.inspect(model, torch.randn(8, 32))
    finding = next(f for f in report.findings if f.code == "vanishing-forward")
    assert "theory is silent" in finding.expected


def test_orthogonal_weights_are_told_from_drawn_ones():
    torch.manual_seed(0)
    for shape in ((64, 64), (128, 32), (32, 128)):
        assert is_orthogonal(nn.init.orthogonal_(torch.empty(shape), 1.7))
        assert not is_orthogonal(torch.randn(shape))
        assert not is_orthogonal(torch.randn(shape[0], 1) * nn.init.orthogonal_(torch.empty(shape)))


# ---- the Jacobian ------------------------------------------------------------------------------


def test_jacobian_against_the_whole_matrix():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(12, 20), nn.Tanh(), nn.Linear(20, 20), nn.Tanh(), nn.Linear(20, 5))
    x = torch.randn(3, 12)
    before = [p.clone() for p in model.parameters()]
    found = igt.inspect(model, x, level="full").table.jacobian
    whole = torch.autograd.functional.jacobian(model, x).reshape(15, 36)
    frobenius = float(whole.square().sum()) / 15
    assert abs(found.frobenius - frobenius) < 5 * found.error
    assert found.error < 0.3 * frobenius
    assert found.sigma_max == pytest.approx(float(torch.linalg.svdvals(whole)[0]), rel=5e-3)
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))
    assert all(p.grad is None for p in model.parameters())
    after_first = torch.autograd.functional.jacobian(model[1:], model[0](x)).reshape(15, 60)
    assert found.layers[1] == pytest.approx(float(after_first.square().sum()) / 15, rel=0.5)


def test_jacobian_by_embeddings_and_without_a_way_back():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Embedding(9, 8), nn.Linear(8, 4))
    found = igt.inspect(model, torch.randint(0, 9, (4, 6)), level="full").table.jacobian
    assert found.start == "embeddings"
    squares = float(model[1].weight.square().sum())
    assert abs(found.frobenius - squares / 4) < 5 * found.error
    assert found.sigma_max == pytest.approx(float(torch.linalg.svdvals(model[1].weight)[0]), rel=1e-2)

    class Cut(nn.Linear):
        def forward(self, x):
            return super().forward(x).argmax(-1)

    report = igt.inspect(Cut(4, 4), torch.randn(3, 4), level="full")
    assert report.table.jacobian is None
    assert any(reason.startswith("Jacobian") for reason in report.coverage.skipped)


def test_a_model_that_writes_on_its_input_has_a_jacobian_too():
    class Net(nn.Linear):
        def forward(self, x):
            return super().forward(x.mul_(2.0))

    x = torch.randn(3, 4)
    kept = x.clone()
    found = igt.inspect(net := Net(4, 4, bias=False), x, level="full").table.jacobian
    assert torch.equal(x, kept)
    assert abs(found.frobenius - 4 * float(net.weight.square().sum()) / 4) < 5 * found.error + 1e-6


def test_levels_are_two():
    with pytest.raises(InspectError, match="'default', 'full'"):
        igt.inspect(nn.Linear(2, 2), torch.randn(2, 2), level="much")


# ---- ranks, channels, sizes ---------------------------------------------------------------------


def test_ranks_against_numpy():
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(20, 5, generator=generator) @ torch.randn(5, 40, generator=generator)
    singular = np.linalg.svd(rows.numpy().astype(float), compute_uv=False)
    share = singular[singular > 1e-5] / singular[singular > 1e-5].sum()
    (found,) = spectra(rows.numpy()[None])
    assert found.effective_rank == pytest.approx(math.exp(-(share * np.log(share)).sum()), rel=1e-4)
    assert found.stable_rank == pytest.approx((singular**2).sum() / singular[0] ** 2, rel=1e-6)
    assert found.cap == 20
    assert found.effective_rank < 5 + 1e-4
    assert spectra(np.zeros((1, 4, 4))) == [None]


@pytest.mark.parametrize(
    ("shape", "axis"), [((32, 24), -1), ((8, 24, 6, 6), 1), ((4, 9, 24), -1), ((200, 24), -1)]
)
def test_channels_and_ranks_see_the_right_axis(shape, axis):
    torch.manual_seed(0)
    view = [1] * len(shape)
    view[axis] = 24
    x = torch.randn(shape) * torch.logspace(-2, 0, 24).view(view)
    channels = forward_summary(x, shape[0], axis=axis).channels
    assert channels.smallest == pytest.approx(0.01, rel=0.6)
    assert channels.largest == pytest.approx(1.0, rel=0.6)
    assert channels.observations <= 64


@pytest.mark.parametrize("name", ["float16", "bfloat16", "float8_e4m3fn", "float8_e5m2"])
def test_headroom_is_what_a_cast_does(name):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(16384, generator=generator) * 2.0 ** torch.empty(16384).uniform_(
        -34, 20, generator=generator
    )
    if name == "bfloat16":
        x = x * 2.0**100
    x[:100] = 0
    cast = x.to(getattr(torch, name)).float()
    under = float(((cast == 0) & (x != 0)).float().mean())
    clipped = (cast.abs() == FORMATS[name].largest) & (x.abs() > FORMATS[name].overflows)
    over = float((~torch.isfinite(cast) | clipped).float().mean())  # e4m3 has no infinity: it is clipped
    found = forward_summary(x, 1)
    assert found.headroom[name][0] == pytest.approx(under, abs=0.003)
    assert found.headroom[name][1] == pytest.approx(over, abs=0.003)
    assert FORMATS[name].largest == torch.finfo(getattr(torch, name)).max


def test_sizes_are_counted_by_octaves():
    (found,) = octaves(np.array([[0.0, 1.0, 1.9, -2.0, 0.26, math.inf, math.nan]]), [1])
    assert (found.first, found.counts, found.zeros) == (-2, (1, 0, 2, 1), 1)
    assert found.total == 5
    assert octaves(np.zeros((1, 3)), [3])[0].counts == ()


def test_gains_slopes_and_ratios():
    torch.manual_seed(0)
    model = stack(10, 128, nn.ReLU, normal(1.0))
    x = torch.randn(64, 128)
    report = igt.inspect(model, x)
    # each layer halves the mean square: LeCun's gain in front of ReLU
    assert report.slopes["signal"] == pytest.approx(math.log10(0.5) / 2, abs=0.02)
    assert report.slopes["gradient"] == pytest.approx(-math.log10(0.5) / 2, abs=0.02)
    with torch.no_grad():
        a = model[0](x)
        second = next(layer for layer in report.layers if layer.path == "2")
        ratio = model[2](F.relu(a)).square().mean().sqrt() / F.relu(a).square().mean().sqrt()
    assert second.ratio == pytest.approx(float(ratio), rel=0.02)
    assert slope([1.0, 10.0, 100.0]) == pytest.approx(1.0)
    assert math.isnan(slope([1.0, 0.0, 2.0]))


def test_gradient_to_weight():
    torch.manual_seed(0)
    model, x = nn.Linear(32, 8), torch.randn(16, 32)
    loss = lambda out: out.square().mean()  # noqa: E731
    state = igt.inspect(model, x, loss).table.parameters["weight"]
    (gradient,) = torch.autograd.grad(loss(model(x)), [model.weight])
    expected = float(gradient.std(correction=0) / model.weight.std(correction=0))
    assert state.gradient_to_weight == pytest.approx(expected, rel=1e-4)


def test_the_flat_share_of_any_activation():
    torch.manual_seed(0)
    x = torch.randn(64, 64) * 3
    for act, op in ((nn.Tanh(), "tanh"), (nn.GELU(), "gelu"), (nn.ReLU(), "relu"), (nn.SiLU(), "silu")):
        model = nn.Sequential(nn.Linear(64, 64), act)
        layer = next(one for one in igt.inspect(model, x).layers if one.op == op)
        z = model[0](x).detach().requires_grad_()
        (grad,) = torch.autograd.grad(act(z).sum(), z)
        steep = torch.linspace(-8, 8, 4001).requires_grad_()
        (most,) = torch.autograd.grad(act(steep).sum(), steep)
        expected = float((grad.abs() < 0.06 * most.abs().max()).float().mean())
        assert layer.forward.saturated_fraction == pytest.approx(expected, abs=0.03), op


def test_the_flat_share_of_pictures_is_not_that_of_their_border():
    x = torch.zeros(8, 3, 32, 32)
    x[..., 1:] = 10.0  # flat everywhere but in the first column
    layer = igt.inspect(nn.Sequential(nn.Identity(), nn.Tanh()), x + 0 * torch.randn(8, 3, 32, 32)).layers[-1]
    assert layer.forward.saturated_fraction == pytest.approx(31 / 32, abs=0.1)


def test_correlation_is_one_minus_distance():
    one = Forward(0.0, 1.0, -1.0, 1.0, 0.0, True, 4, distance=0.25)
    assert one.correlation == 0.75


# ---- parameters that nothing used ----------------------------------------------------------------


class Options(nn.Module):
    def __init__(self, extra):
        super().__init__()
        self.first, self.second, self.head = nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, 3)
        self.extra = extra

    def forward(self, x, masked=False):
        if masked:
            x = self.second(x)
        return self.head(self.first(x))


class Forgotten(Options):
    def forward(self, x):
        return self.head(self.first(x))


class Pooled(Options):
    def __init__(self, extra):
        super().__init__(extra)
        self.second = nn.Identity()

    def forward(self, x):
        h = self.first(x)
        return {"loss": self.head(h).square().mean(), "pooled": self.extra(h)}


def unused(model, inputs):
    return [f for f in igt.inspect(model, inputs).findings if f.code == "unused-parameter"]


def test_a_branch_not_taken_is_a_note_and_a_forgotten_layer_a_warning():
    (note,) = unused(Options(None), torch.randn(4, 8))
    assert note.severity == "info"
    assert "branch that was not taken" in note.why
    (warning,) = unused(Forgotten(None), torch.randn(4, 8))
    assert warning.severity == "warning"
    assert "no method of the model names them" in warning.why


def test_a_side_branch_that_the_loss_ignores():
    (small,) = unused(Pooled(nn.Linear(8, 1)), torch.randn(4, 8))
    (large,) = unused(Pooled(nn.Linear(8, 64)), torch.randn(4, 8))
    assert (small.severity, large.severity) == ("info", "warning")
    assert "the loss does not depend on what they make" in small.why

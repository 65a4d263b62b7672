"""`compare` ranks by what trains: evenness against matrices written down, order against training by hand."""

from __future__ import annotations

import copy
import math

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

import isogain.torch as igt  # noqa: E402
from isogain.errors import InspectError  # noqa: E402
from isogain.torch.inspection.evenness import evenness  # noqa: E402
from rate_networks import classes, cross_entropy, deep, trained_loss  # noqa: E402

X, LABELS = classes()
LOSS = cross_entropy(LABELS)
pytestmark = pytest.mark.usefixtures("one_thread")


def linear(singular):
    """A linear map of these singular values between random bases."""
    count = len(singular)
    model = nn.Linear(count, count, bias=False)
    left, right = (torch.linalg.qr(torch.randn(count, count))[0] for _ in range(2))
    with torch.no_grad():
        model.weight.copy_(left @ torch.diag(torch.tensor(singular)) @ right)
    return model


@pytest.mark.parametrize("singular", [[1.0] * 8, [0.01] * 8, [4.0] + [1.0] * 7, [2.0**k for k in range(8)]])
def test_directions_are_the_moments_of_the_singular_values(singular):
    squares = [one**2 for one in singular]
    wanted = len(squares) * sum(s**2 for s in squares) / sum(squares) ** 2
    found = evenness(linear(singular), torch.randn(16, 8))
    assert found.directions == pytest.approx(math.log10(wanted), abs=1e-4)


def test_examples_are_the_eigenvalues_of_the_tangent_kernel():
    """For a linear map and one projection of its outputs, Theta is the Gram matrix of the inputs times the outputs."""
    x = torch.randn(8, 20) + 3 * torch.randn(1, 20)
    values = torch.linalg.eigvalsh((x @ x.T).double())
    found = evenness(nn.Linear(20, 4, bias=False), x)
    assert found.examples == pytest.approx(math.log10(values[-1] / values[3]), rel=1e-3)


def test_layers_are_the_growth_of_gradients():
    """Each layer halves what goes through it: gradients change by 4 per pair of layers, in energy and backward."""
    scales = (8.0, 8.0, 1.0, 1.0)
    model = nn.Sequential(*(linear([scale] * 8) for scale in scales))
    # |G_l| is the product of all other scales: energies 1/64 for the first two, 1 for the last two, relatively
    assert evenness(model, torch.randn(16, 8)).layers == pytest.approx(math.log10(64), rel=1e-3)


def test_what_cannot_be_asked_is_nan_and_nothing_is_changed():
    class Scalar(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Sequential(nn.Linear(8, 4), nn.BatchNorm1d(4))

        def forward(self, x):
            return self.inner(x).sum()

    model = Scalar()
    before = copy.deepcopy(model.state_dict())
    found = evenness(model, torch.randn(16, 8))
    assert math.isnan(found.examples)
    assert found.decades == 0
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    tokens = nn.Sequential(nn.Embedding(20, 8), nn.Flatten(), nn.Linear(32, 4))
    found = evenness(tokens, torch.randint(20, (16, 4)))
    assert math.isnan(found.directions)
    assert math.isfinite(found.examples)


def kaiming(model, seed):
    torch.manual_seed(seed)
    for module in model.modules():
        if isinstance(module, nn.Linear):
            nn.init.kaiming_normal_(module.weight)
            nn.init.zeros_(module.bias)


@pytest.mark.parametrize("activation", [nn.ReLU, nn.GELU])
def test_the_start_that_trains_worse_is_not_preferred(activation):
    """Deep layers: He's start drifts less than one with a small head, and ends worse, trained by hand."""
    comparison = igt.compare(
        deep(24, activation), X, schemes=(kaiming, "init_", "default"), seeds=1, loss=LOSS
    )
    assert comparison.best == "init_"
    assert comparison.ranking[-1].scheme == "default"
    assert comparison["init_"].unevenness < comparison["kaiming"].unevenness - 0.3
    ends = {}
    for start in (kaiming, lambda model, seed: igt.init_(model, X, seed=seed)):
        model = deep(24, activation)
        start(model, 0)
        ends[start.__name__] = min(
            trained_loss(copy.deepcopy(model), X, LABELS, rate, 0.9, 25) for rate in (1e-3, 3e-3)
        )
    assert ends["<lambda>"] < 0.7 * ends["kaiming"]


def test_a_short_run_decides_where_it_is_asked_for():
    def tiny(model, seed):
        for parameter in model.parameters():
            nn.init.normal_(parameter, std=1e-3)

    model = deep(6)
    comparison = igt.compare(model, X, schemes=(tiny, "init_"), seeds=1, loss=LOSS, train=20)
    assert comparison.best == "init_"
    assert comparison["init_"].losses[0] < 0.6 * comparison["tiny"].losses[0]
    assert "loss" in str(comparison).splitlines()[0]
    assert comparison.to_dict()["ranking"][0]["losses"] == list(comparison["init_"].losses)
    with pytest.raises(InspectError, match="train is a number of steps"):
        igt.compare(model, X, train=-1)

"""A head of zeros whose units fall into sets that share a gradient: components of a mixture never part."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from torch import distributions, nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

import isogain.torch as igt  # noqa: E402

COMPONENTS, SAMPLES = 5, 64


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def network(outputs):
    """A body and a head of zeros."""
    model = nn.Sequential(nn.Linear(10, 32), nn.Tanh(), nn.Linear(32, outputs))
    nn.init.zeros_(model[2].weight)
    nn.init.zeros_(model[2].bias)
    return model


X = torch.randn(SAMPLES, 10, generator=torch.Generator().manual_seed(1))


def likelihood(answers):
    logits, means, scales = answers.chunk(3, 1)
    parts = distributions.Normal(means, scales.exp())
    mixed = distributions.MixtureSameFamily(distributions.Categorical(logits=logits), parts)
    return -mixed.log_prob(2 * X[:, 1] + 3 * X[:, 0].sign()).mean()


def test_components_of_one_head_of_zeros_are_one_for_ever():
    """Trained on, they are one still; the line that is given parts them."""
    model = network(3 * COMPONENTS)
    (found,) = igt.inspect(model, X, likelihood).findings
    assert (found.code, found.severity, found.paths) == ("symmetric-units", "critical", ("2.weight",))
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    for _ in range(20):
        optimizer.zero_grad()
        likelihood(model(X)).backward()
        optimizer.step()
    means = model(X)[:, COMPONENTS : 2 * COMPONENTS]
    assert float((means - means[:, :1]).abs().max()) < 1e-5 < float(means.abs().max())
    model = network(3 * COMPONENTS)
    exec(found.fix, {"igt": igt, "model": model})
    assert not igt.inspect(model, X, likelihood).findings


def test_means_apart_are_enough():
    model = network(3 * COMPONENTS)
    with torch.no_grad():
        model[2].bias[COMPONENTS : 2 * COMPONENTS] = torch.linspace(-3, 3, COMPONENTS)
    assert not igt.inspect(model, X, likelihood).findings


@pytest.mark.parametrize(
    "loss",
    [
        lambda o: F.cross_entropy(o, torch.arange(SAMPLES) % 6),
        lambda o: F.cross_entropy(o, torch.zeros(SAMPLES, dtype=torch.long)),
        lambda o: F.mse_loss(o, X[:, :6]),
        lambda o: F.mse_loss(o, X[:, :3].repeat(1, 2)),  # grey pictures in three channels, say
        lambda o: F.mse_loss(o, X[:, :1].repeat(1, 6)),
    ],
    ids=["classes", "one class", "targets", "targets twice", "one target"],
)
def test_heads_of_zeros_that_their_targets_tell_apart(loss):
    codes = {one.code for one in igt.inspect(network(6), X, loss).findings}
    assert "symmetric-units" not in codes

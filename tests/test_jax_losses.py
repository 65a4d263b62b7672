"""The loss, and the ranks of signals, in reports on functions of JAX: by hand, and by torch's report."""

from __future__ import annotations

import math

import numpy as np
import pytest

jax = pytest.importorskip("jax")
import jax.numpy as jnp  # noqa: E402

from isogain.jax import inspect  # noqa: E402
from isogain.jax.inspection import measure  # noqa: E402
from isogain.jax.losses import loss_use  # noqa: E402

KEYS = jax.random.split(jax.random.key(5), 8)
LOGITS = 3 * jax.random.normal(KEYS[0], (60, 10))
LABELS = jax.random.randint(KEYS[1], (60,), 0, 10)


def entropies(logits, labels, axis=-1):
    return -jnp.take_along_axis(jax.nn.log_softmax(logits, axis), jnp.expand_dims(labels, axis), axis)


def softmax_cases():
    images = jax.random.normal(KEYS[2], (6, 10, 4, 4))
    places = jax.random.randint(KEYS[3], (6, 4, 4), 0, 10)
    smooth = 0.9 * jax.nn.one_hot(LABELS, 10) + 0.01
    return {
        "mean": (lambda y: entropies(y, LABELS).mean(), LOGITS),
        "sum": (lambda y: entropies(y, LABELS).sum(), LOGITS),
        "not reduced": (lambda y: entropies(y, LABELS), LOGITS),
        "half precision": (
            lambda y: entropies(y.astype(jnp.float32), LABELS).mean(),
            LOGITS.astype(jnp.bfloat16),
        ),
        "smoothed": (lambda y: -(smooth * jax.nn.log_softmax(y)).sum(-1).mean(), LOGITS),
        "channels second": (lambda y: entropies(y, places, 1).mean(), images),
        "sum of each sample": (lambda y: entropies(y, places, 1).sum() / 6, images),
    }


@pytest.mark.parametrize("case", softmax_cases())
def test_a_cross_entropy_is_known_by_what_it_does(case):
    loss, logits = softmax_cases()[case]
    found = loss_use(loss, logits)
    axis = 1 if logits.ndim == 4 else -1
    assert (found.kind, found.classes) == ("cross_entropy", 10)
    assert found.chance == math.log(10)
    values = np.asarray(logits, np.float64)
    assert found.spread == pytest.approx(math.sqrt(values.var(axis).mean()), rel=1e-5)
    rows = np.log(np.exp(values).sum(axis)).mean()  # the mean of log sum exp; labels add their own logits
    assert abs(found.value - rows) < 2.0
    if case in ("mean", "sum", "not reduced"):
        exact = float(entropies(LOGITS, LABELS).mean())
        assert found.value == pytest.approx(exact, rel=1e-4)


def test_optax_has_no_names_to_go_by():
    optax = pytest.importorskip("optax")
    found = loss_use(lambda y: optax.softmax_cross_entropy_with_integer_labels(y, LABELS).mean(), LOGITS)
    assert (found.kind, found.classes) == ("cross_entropy", 10)
    found = loss_use(
        lambda y: optax.sigmoid_binary_cross_entropy(y, jax.nn.one_hot(LABELS, 10)).mean(), LOGITS
    )
    assert (found.kind, found.classes, found.chance) == ("binary_cross_entropy", 2, math.log(2))
    assert found.spread == pytest.approx(float(jnp.sqrt(jnp.mean(LOGITS**2))), rel=1e-5)


@pytest.mark.parametrize(("centre", "width"), [(0.0, 1.0), (3.0, 0.5), (1000.0, 2.0)])
@pytest.mark.parametrize("reduce", ["mean", "sum", "half"])
def test_a_square_error_gives_away_its_targets(centre, width, reduce):
    targets = centre + width * np.asarray(jax.random.normal(KEYS[4], (400, 3)), np.float64)
    reductions = {"mean": jnp.mean, "sum": jnp.sum, "half": lambda one: 0.5 * jnp.mean(one)}
    predictions = jax.random.normal(KEYS[5], (400, 3))
    found = loss_use(lambda y: reductions[reduce]((y - jnp.asarray(targets)) ** 2), predictions)
    assert (found.kind, found.classes) == ("mse", 0)
    assert found.target_mean == pytest.approx(targets.mean(), abs=0.01 * width + 1e-3 * centre)
    assert found.chance == pytest.approx(targets.var(), rel=0.02)
    assert found.value == pytest.approx(((np.asarray(predictions) - targets) ** 2).mean(), rel=0.01)


@pytest.mark.parametrize(
    "loss",
    [
        lambda y: jnp.abs(y - 1).mean(),
        lambda y: jnp.maximum(0, 1 - y).mean(),
        lambda y: y.var(),
        lambda y: (y**2).mean(),
        lambda y: (y**4).mean(),
        lambda y: jnp.log(y).mean(),
        lambda y: y.mean(),
    ],
    ids=["absolute", "hinge", "variance", "no target", "fourth power", "logarithm", "linear"],
)
def test_other_losses_are_left_alone(loss):
    assert loss_use(loss, LOGITS) is None


def test_a_loss_that_refuses_other_predictions_is_left_alone():
    def picky(y):
        raise ValueError("no")

    assert loss_use(picky, LOGITS) is None
    assert loss_use(lambda y: entropies(y, LABELS).mean(), LOGITS.at[0, 0].set(jnp.nan)) is None


def network(scale: float = 1.0):
    sizes = [(16, 64), (64, 64), (64, 10)]
    gains = [1.0, math.sqrt(2), scale]
    return {
        f"fc{k}": gain / math.sqrt(size[0]) * jax.random.normal(KEYS[k], size)
        for k, (size, gain) in enumerate(zip(sizes, gains, strict=True))
    }


def forward(params, x):
    return jax.nn.relu(jax.nn.relu(x @ params["fc0"]) @ params["fc1"]) @ params["fc2"]


X = jax.random.normal(KEYS[6], (60, 16))


def test_a_start_that_is_sure_of_random_answers_is_found_and_mended():
    def loss(y):
        return entropies(y, LABELS).mean()

    params = network(60.0)
    report = inspect(forward, params, X, loss)
    finding = next(one for one in report.findings if one.code == "initial-loss")
    assert finding.severity == "critical"
    assert "ln 10" in finding.expected
    scope = {"params": params, "isogain": __import__("isogain.jax")}
    exec(finding.fix, scope)
    after = inspect(forward, scope["params"], X, loss)
    assert "initial-loss" not in {one.code for one in after.findings}
    fine = inspect(forward, network(), X, loss)
    assert "initial-loss" not in {one.code for one in fine.findings}
    assert not any("initial-loss" in one for one in fine.coverage.skipped)
    assert fine.table.losses[0].value == pytest.approx(float(loss(forward(network(), X))), rel=1e-4)


def test_a_function_that_returns_its_loss_is_differentiated_as_it_is():
    def scalar(params, x):
        return entropies(forward(params, x), LABELS).mean()

    table = measure(scalar, network(), X)
    assert table.loss_source == "output.loss"
    value, exact = jax.value_and_grad(scalar)(network(), X)
    assert table.loss_value == pytest.approx(float(value), rel=1e-5)
    for name, gradient in exact.items():
        rms = float(np.sqrt(np.mean(np.square(gradient))))
        assert table.parameters[name].gradient.rms == pytest.approx(rms, rel=1e-4)
    assert any("initial-loss" in one and "loss=" in one for one in table.coverage.skipped)


def test_ranks_and_channels_are_those_of_torchs_report():
    """The same weights and inputs in both: two implementations, one on torch's operations, one on a jaxpr."""
    torch = pytest.importorskip("torch")
    from isogain.torch.inspection.inspecting import measure as measure_torch

    params = network()
    layers = []
    for name in params:
        layer = torch.nn.Linear(*params[name].shape, bias=False)
        layer.weight.data = torch.tensor(np.asarray(params[name]).T.copy())
        layers += [layer, torch.nn.ReLU()]
    theirs = measure_torch(torch.nn.Sequential(*layers[:-1]), torch.tensor(np.asarray(X)))
    ours = measure(forward, params, X)
    pairs = zip(*([t.forward[n.index] for n in t.graph.nodes if n.kind == "weight"] for t in (ours, theirs)), strict=True)  # fmt: skip
    for mine, other in pairs:
        assert mine.spectrum.effective_rank == pytest.approx(other.spectrum.effective_rank, rel=1e-3)
        assert mine.spectrum.stable_rank == pytest.approx(other.spectrum.stable_rank, rel=1e-3)
        assert mine.spectrum.cap == other.spectrum.cap
        assert mine.channels.median == pytest.approx(other.channels.median, rel=1e-4)
        assert mine.channels.mean_spread == pytest.approx(other.channels.mean_spread, rel=1e-4)


def test_the_rank_of_a_signal_in_two_directions():
    """Two directions of equal size have rank 2 by either measure, whatever the width."""
    corners = jnp.concatenate([jnp.eye(2), -jnp.eye(2)])
    table = measure(lambda p, x: x @ p, jnp.eye(2, 16), corners)
    spectrum = table.forward[1].spectrum
    assert (spectrum.effective_rank, spectrum.stable_rank) == pytest.approx((2, 2), rel=1e-6)
    assert spectrum.cap == 4

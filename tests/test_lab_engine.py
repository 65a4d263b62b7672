"""The batched engine against plain torch.nn modules, torch.optim and torch.nn.utils, one run at a time."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from isogain.core.initializers import Constant, Normal
from isogain.core.names.catalog import get
from isogain.lab.datasets import Dataset
from isogain.lab.grouping import Run
from isogain.lab.networks import Networks
from isogain.lab.nonlinear import RRELU_RANGE, leaky
from isogain.lab.spec import Arm, Batches, Experiment, Network, Record
from isogain.lab.starts import initial_weights
from isogain.lab.streams import batch_indices, permutation
from isogain.lab.training import Interrupted, train

MODULES = {
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "leaky_relu": lambda: nn.LeakyReLU(0.01),
    "prelu": lambda: nn.PReLU(init=0.25),
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
}
SIZES = (12, 9, 8, 4)


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    """Matrices this small gain nothing from threads, and lose much where cores are busy."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def noise_data(examples=64, features=12, classes=4):
    generator = np.random.default_rng(0)
    inputs = generator.normal(size=(examples, features))
    labels = generator.integers(0, classes, examples)
    return Dataset("noise", "noise", inputs, labels, inputs[:30] + 0.1, labels[:30])


def experiment(arms, **changes):
    record = Record(loss="after", evaluate_at=(0, 12), evaluate_train=None)
    settings = {
        "data": "noise",
        "batches": Batches(10),
        "iterations": 12,
        "seeds": (5,),
        "record": record,
        "dtype": "float64",
    }
    return Experiment("test", "test", "?", "-", tuple(arms), **{**settings, **changes})


def module_of(network, weights):
    """The same network as a plain torch.nn.Sequential, starting from these weights."""
    layers = []
    for index, (width, outputs) in enumerate(zip(network.sizes[:-1], network.sizes[1:], strict=True)):
        linear = nn.Linear(width, outputs, bias=network.bias)
        linear.weight.data = weights[index].clone()
        if network.bias:
            nn.init.zeros_(linear.bias)
        layers.append(linear)
        if index < network.hidden:
            if network.batch_norm:
                layers.append(nn.BatchNorm1d(outputs, eps=network.batch_norm_epsilon))
            layers.append(MODULES[network.activation]())
    return nn.Sequential(*layers).to(weights[0].dtype)


def plain_training(spec, run, data, weights):
    """Losses and final (train, test) loss and accuracy of one run, written the way everybody writes it."""
    arm, network = run.arm, run.arm.network
    module = module_of(network, weights)
    inputs, labels = (
        torch.from_numpy(data.train_inputs).to(weights[0].dtype),
        torch.from_numpy(data.train_labels),
    )
    optimizer = torch.optim.SGD(module.parameters(), lr=arm.learning_rate, momentum=arm.momentum)

    def criterion(outputs, answers):
        if network.loss == "softmax":
            return nn.functional.cross_entropy(outputs, answers)
        return nn.functional.binary_cross_entropy_with_logits(outputs.squeeze(1), answers.to(outputs))

    traced = []
    for index in batch_indices(spec.batches, len(labels), spec.iterations, run.seed):
        chosen = slice(None) if index is None else index
        optimizer.zero_grad()
        criterion(module(inputs[chosen]), labels[chosen]).backward()
        if arm.gradient_norm is not None:
            nn.utils.clip_grad_norm_(module.parameters(), arm.gradient_norm)
        optimizer.step()
        if arm.weight_limit is not None:
            for layer in module:
                if isinstance(layer, nn.Linear):
                    layer.weight.data.clamp_(-arm.weight_limit, arm.weight_limit)
        with torch.no_grad():
            kept = [buffer.clone() for buffer in module.buffers()]
            traced.append(criterion(module(inputs[chosen]), labels[chosen]).item())
            for buffer, value in zip(module.buffers(), kept, strict=True):
                buffer.copy_(value)
    module.eval()
    with torch.no_grad():
        test_inputs, test_labels = (
            torch.from_numpy(data.test_inputs).to(inputs),
            torch.from_numpy(data.test_labels),
        )
        outputs = module(test_inputs)
        guesses = outputs.argmax(1) if network.loss == "softmax" else (outputs.squeeze(1) > 0).long()
        return traced, criterion(outputs, test_labels).item(), (guesses == test_labels).double().mean().item()


def assert_as_plain(spec, data=None):
    data = data or noise_data()
    runs = [Run(arm, seed) for seed in spec.seeds for arm in spec.arms]
    weights = initial_weights(spec, runs)
    measured = train(spec, runs, data)
    tolerance = 1e-9 if spec.dtype == "float64" else 1e-4
    for row, run in enumerate(runs):
        losses, test_loss, test_accuracy = plain_training(spec, run, data, [layer[row] for layer in weights])
        np.testing.assert_allclose(measured[row]["loss"], losses, rtol=tolerance, err_msg=run.arm.label)
        np.testing.assert_allclose(measured[row]["test.loss"][-1], test_loss, rtol=tolerance)
        assert measured[row]["test.accuracy"][-1] == test_accuracy
    return measured


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("activation", MODULES)
def test_every_activation_trains_as_the_plain_module_does(activation, batch_norm):
    network = Network(SIZES, activation, batch_norm=batch_norm, batch_norm_epsilon=1e-6)
    arms = [
        Arm(f"{name} {rate}", network, get(name), learning_rate=rate)
        for name in ("he_normal", "lecun_uniform")
        for rate in (0.1, 0.5)
    ]
    measured = assert_as_plain(experiment(arms))
    assert len({float(run["loss"][-1]) for run in measured}) == len(arms), "runs of one batch mix"


@pytest.mark.parametrize(
    "settings",
    [
        {"momentum": 0.9},
        {"gradient_norm": 0.05},
        {"weight_limit": 0.2},
        {"gradient_norm": 0.1, "weight_limit": 0.3, "momentum": 0.5},
    ],
    ids=str,
)
def test_momentum_and_clipping_act_on_their_own_arm_only(settings):
    network = Network(SIZES, "tanh")
    arms = [
        Arm("plain", network, get("glorot_normal"), learning_rate=0.3),
        Arm("changed", network, get("glorot_normal"), learning_rate=0.3, **settings),
    ]
    plain, changed = assert_as_plain(experiment(arms))
    assert abs(plain["loss"][-1] - changed["loss"][-1]) > 1e-4


def test_networks_without_biases_and_with_a_shuffled_pack():
    arms = [Arm("a", Network(SIZES, "relu", bias=False), Normal(0.5), learning_rate=0.1)]
    assert_as_plain(experiment(arms, batches=Batches(10, replacement=False)))


def test_two_classes_seeds_and_full_batches_share_one_computation():
    network = Network((12, 6, 5, 1), "relu", loss="logistic")
    arms = [Arm(name, network, get(name)) for name in ("he_normal", "lecun_normal")]
    spec = experiment(arms, batches=Batches(None), seeds=(0, 1, 2), seed_block=3)
    assert_as_plain(spec, noise_data(classes=2))


def test_float32_follows_the_plain_module_to_rounding():
    arms = [Arm("he", Network((12, 40, 40, 4)), get("he_normal"), learning_rate=0.05)]
    record = Record(evaluate_at=(50,))
    assert_as_plain(experiment(arms, iterations=50, record=record, dtype="float32"))


def test_rrelu_is_the_leaky_family_with_slopes_in_range_and_their_mean_in_testing():
    network = Network((6, 5, 3), "rrelu")
    generator = torch.Generator().manual_seed(3)
    weights = [torch.randn(2, 5, 6, generator=generator), torch.randn(2, 3, 5, generator=generator)]
    networks = Networks(network, weights, noise=[torch.Generator().manual_seed(1)])
    inputs = torch.randn(400, 6, generator=generator)
    networks.forward(inputs)
    layer = networks.layers[0]
    negative = layer.before < 0
    slopes = (layer.after / layer.before)[negative]
    assert RRELU_RANGE[0] <= slopes.min() < 0.13
    assert 0.33 < slopes.max() <= RRELU_RANGE[1] + 1e-6
    both = negative[0] & negative[1]
    paired = [(layer.after[run] / layer.before[run])[both] for run in (0, 1)]
    torch.testing.assert_close(*paired, rtol=1e-4, atol=1e-4)
    tested = networks.forward(inputs, training=False)
    expected = nn.functional.rrelu(inputs @ weights[0][0].T, *RRELU_RANGE, training=False) @ weights[1][0].T
    torch.testing.assert_close(tested[0], expected.T)


def test_a_leaky_backward_agrees_with_finite_differences():
    z = torch.linspace(-2, 2, 8, dtype=torch.float64).view(1, 1, 8)
    unit = leaky(torch.full((1, 1, 1), 0.3, dtype=torch.float64))
    step = 1e-6
    numeric = (unit.forward(z + step) - unit.forward(z - step)) / (2 * step)
    torch.testing.assert_close(
        unit.backward(torch.ones_like(z), z, unit.forward(z)), numeric, rtol=1e-8, atol=1e-8
    )


def test_layer_measures_are_those_of_autograd():
    spec = experiment(
        [Arm("a", Network(SIZES, "tanh"), Normal(0.4))],
        iterations=0,
        record=Record(loss="no", layers_at=(0,), histogram_bins=7),
    )
    run, data = Run(spec.arms[0], 5), noise_data()
    measured = train(spec, [run], data)[0]
    module = module_of(run.arm.network, [layer[0] for layer in initial_weights(spec, [run])])
    index = next(batch_indices(spec.batches, 64, 1, 5))
    values = [torch.from_numpy(data.train_inputs[index])]
    for layer in module:
        values.append(layer(values[-1]))
        values[-1].retain_grad()
    nn.functional.cross_entropy(values[-1], torch.from_numpy(data.train_labels[index])).backward()
    before, after = (values[1], values[3]), (values[2], values[4])
    for layer in (0, 1):
        assert measured["forward.mean"][0, layer] == pytest.approx(after[layer].mean().item())
        assert measured["forward.std"][0, layer] == pytest.approx(after[layer].std(correction=0).item())
        assert measured["backward.std"][0, layer] == pytest.approx(
            before[layer].grad.std(correction=0).item()
        )
        weight = module[2 * layer].weight.grad
        assert measured["gradient.std"][0, layer] == pytest.approx(weight.std(correction=0).item())
        assert measured["histogram.forward.counts"][0, layer].sum() == after[layer].numel()


def test_batches_are_the_same_for_every_arm_and_differ_between_seeds():
    drawn = [list(batch_indices(Batches(16), 1000, 30, seed)) for seed in (0, 0, 1)]
    assert np.array_equal(drawn[0], drawn[1])
    assert not np.array_equal(drawn[0], drawn[2])
    everything = np.concatenate(list(batch_indices(Batches(64), 10, 1000, 3)))
    counts = np.bincount(everything, minlength=10)
    expected = len(everything) / 10
    assert np.abs(counts - expected).max() < 5 * np.sqrt(expected * 0.9)


def test_a_shuffled_pack_deals_every_example_once_an_epoch():
    epoch = np.concatenate(list(batch_indices(Batches(10, replacement=False), 50, 5, 0)))
    assert sorted(epoch) == list(range(50))
    assert sorted(permutation(7, "x")) == list(range(7))


def test_no_global_random_state_is_read_or_changed():
    torch.manual_seed(1)
    np.random.seed(1)  # noqa: NPY002
    before = torch.random.get_rng_state().clone(), np.random.get_state()[1].copy()  # noqa: NPY002
    spec = experiment([Arm("a", Network(SIZES, "rrelu"), get("he_normal"))])
    first = train(spec, [Run(spec.arms[0], 5)], noise_data())[0]["loss"]
    torch.manual_seed(2)
    second = train(spec, [Run(spec.arms[0], 5)], noise_data())[0]["loss"]
    assert np.array_equal(first, second)
    torch.manual_seed(1)
    assert torch.equal(torch.random.get_rng_state(), before[0])
    assert np.array_equal(np.random.get_state()[1], before[1])  # noqa: NPY002


def test_constant_starts_keep_the_units_of_a_layer_alike():
    spec = experiment([Arm("ones", Network(SIZES, "tanh"), Constant(0.1), bias=Normal(0.5))])
    weights = initial_weights(spec, [Run(spec.arms[0], 0)])
    assert all(bool((layer == 0.1).all()) for layer in weights)


def test_a_stopped_computation_says_so():
    spec = experiment([Arm("a", Network(SIZES), get("he_normal"))])
    with pytest.raises(Interrupted):
        train(spec, [Run(spec.arms[0], 5)], noise_data(), tick=lambda updates: False)

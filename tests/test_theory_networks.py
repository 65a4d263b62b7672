"""Predictions against simulated torch networks: real layers, real autograd, many draws.

The full sweep (widths to 1024, depth 100, 200 networks) is benchmarks/theory.py; this is its small sibling.
"""

from __future__ import annotations

import itertools
import json
import math

import numpy as np
import pytest
import torch

from isogain.core.activations import activation
from isogain.theory import TheoryError, critical_point, edge_of_chaos, predict

FUNCTIONS = {
    "relu": torch.relu,
    "tanh": torch.tanh,
    "gelu": torch.nn.functional.gelu,
    "silu": torch.nn.functional.silu,
    "elu": torch.nn.functional.elu,
    "sin": torch.sin,
}
WIDTH, DEPTH, NETWORKS = 64, 24, 300


def place(name):
    """Where networks of this activation live."""
    if name == "elu":
        return edge_of_chaos(activation("elu"), 1.0)
    return critical_point(name)


def simulate(name, weight_variance, bias_variance, orthogonal, widths, networks=NETWORKS, seed=0):
    """ln of the mean squares of pre-activations and of their gradients, and the correlation of two inputs."""
    generator = torch.Generator().manual_seed(seed)
    states = torch.linalg.qr(torch.randn(networks, widths[0], 2, generator=generator))[0] * math.sqrt(
        widths[0]
    )
    layers = []
    for fan_in, fan_out in itertools.pairwise(widths):
        weights = torch.randn(networks, fan_out, fan_in, generator=generator) / math.sqrt(fan_in)
        if orthogonal:
            tall = weights if fan_out >= fan_in else weights.transpose(1, 2)
            q, r = torch.linalg.qr(tall)
            q = q * torch.sign(torch.diagonal(r, dim1=1, dim2=2)).unsqueeze(1)
            weights = q if fan_out >= fan_in else q.transpose(1, 2)
            weights = weights * math.sqrt(max(fan_out, fan_in) / fan_in)  # entries of variance 1 / fan_in
        bias = math.sqrt(bias_variance) * torch.randn(networks, fan_out, 1, generator=generator)
        states = (math.sqrt(weight_variance) * weights @ states + bias).requires_grad_(True)
        layers.append(states)
        states = FUNCTIONS[name](states)
    probe = torch.zeros_like(layers[-1])
    probe[:, :, 0] = torch.randn(networks, widths[-1], generator=generator)
    gradients = torch.autograd.grad((layers[-1] * probe).sum(), layers)
    power = np.stack([z.detach()[:, :, 0].square().mean(1).numpy() for z in layers], 1)
    back = np.stack([g[:, :, 0].square().mean(1).numpy() for g in gradients], 1)
    alike = np.stack([torch.cosine_similarity(z[:, :, 0], z[:, :, 1]).detach().numpy() for z in layers], 1)
    return np.log(power), np.log(back / back[:, -1:]), alike


def deviations(data, centres):
    """The means' distances from the predictions, in standard errors."""
    error = data.std(0, ddof=1) / math.sqrt(len(data))
    return np.abs(data.mean(0) - np.log(centres)) / np.maximum(error, 2e-4)


def inside(data, bands):
    return np.mean([((d >= lo) & (d <= hi)).mean() for d, (lo, hi) in zip(data.T, bands, strict=True)])


@pytest.mark.parametrize("weights", ["gaussian", "orthogonal"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_means_and_bands_of_deep_narrow_networks(name, weights):
    """24 layers of 64: means of ln q and ln g within 4.5 standard errors (the worst of 48), bands 90-99 %."""
    point = place(name)
    found = predict(name, point.weight_variance, point.bias_variance, DEPTH, WIDTH, weights=weights)
    widths = (WIDTH,) * (DEPTH + 1)
    power, back, alike = simulate(
        name, point.weight_variance, point.bias_variance, weights == "orthogonal", widths
    )
    layers = found.layers
    assert deviations(power, [one.typical_variance for one in layers]).max() < 4.5
    assert deviations(back[:, :-1], [one.typical_gradient_variance for one in layers[:-1]]).max() < 4.5
    bands = np.log([one.variance_band for one in layers])
    assert 0.90 <= inside(power[:, 2:], bands[2:]) <= 0.99
    assert 0.90 <= inside(back[:, :-1], np.log([one.gradient_band for one in layers[:-1]])) <= 0.99
    claimed = [i for i, one in enumerate(layers) if i and one.correlation_band is not None]
    assert len(claimed) >= 5
    assert 0.90 <= inside(alike[:, claimed], [layers[i].correlation_band for i in claimed]) <= 0.995


@pytest.mark.parametrize("wrong", [{"weight_variance": 1.9}, {"weights": "orthogonal"}, {"width": 96}])
def test_a_wrong_prediction_is_caught(wrong):
    """The same comparison refuses 5 % less weight variance, the other law of weights, another width."""
    settings = {"weight_variance": 2.0, "weights": "gaussian", "width": WIDTH, **wrong}
    found = predict("relu", depth=DEPTH, pairs=False, **settings)
    power, _, _ = simulate("relu", 2.0, 0.0, False, (WIDTH,) * (DEPTH + 1))
    worst = deviations(power, [one.typical_variance for one in found.layers]).max()
    covered = inside(power[:, 2:], np.log([one.variance_band for one in found.layers])[2:])
    assert worst > 4.5 or not 0.90 <= covered <= 0.99


@pytest.mark.parametrize("weights", ["gaussian", "orthogonal"])
def test_layers_of_different_widths(weights):
    widths = (50, 100, 40, 40, 120, 60)
    found = predict("tanh", 1.8, 0.05, 5, widths[1:], weights=weights, input_width=50)
    power, back, _ = simulate("tanh", 1.8, 0.05, weights == "orthogonal", widths, networks=1500)
    assert deviations(power, [one.typical_variance for one in found.layers]).max() < 5
    assert deviations(back[:, :-1], [one.typical_gradient_variance for one in found.layers[:-1]]).max() < 5
    assert 0.9 <= inside(back[:, :-1], np.log([one.gradient_band for one in found.layers[:-1]])) <= 0.99


def test_spreads_of_the_literature():
    """Hanin & Nica 2019: Var ln q = 5 L / n for ReLU, 2 L / n linear; orthogonal 3 L / n and 0."""

    def spread(name, weights):
        return (
            predict(name, 2.0, depth=50, width=256, weights=weights, pairs=False)
            .layers[-1]
            .log_variance_spread
        )

    assert spread("relu", "gaussian") ** 2 == pytest.approx((5 * 49 + 2) / 256, rel=0.04)
    assert spread("relu", "orthogonal") ** 2 == pytest.approx(3 * 49 / 256, rel=0.04)
    assert spread("linear", "gaussian") ** 2 == pytest.approx(2 * 50 / 256, rel=0.04)
    assert spread("linear", "orthogonal") == pytest.approx(0, abs=1e-9)
    gain = activation("tanh").gain() ** 2
    narrow = predict("tanh", gain, depth=20, width=64, pairs=False).layers[-1].log_variance_spread ** 2
    assert narrow == pytest.approx(0.0124 + 2 / 64, rel=0.1)


def test_infinite_width_curves_are_the_maps():
    found = predict("relu", 2.0, depth=6, width=10_000)
    assert [one.variance for one in found.layers] == pytest.approx([2.0] * 6)
    assert found.layers[1].correlation == pytest.approx(1 / math.pi)
    assert found.gain_per_layer == pytest.approx(1)
    halved = predict("relu", 1.0, depth=6, width=10_000)
    assert halved.gain_per_layer == pytest.approx(0.5**0.5)
    assert halved.gradient_gain_per_layer == pytest.approx(0.5**0.5)
    assert "shrink" in halved.verdict


def test_same_question_same_answer_and_no_global_state():
    before = np.random.get_state()[1].tobytes()  # noqa: NPY002
    one, two = (predict("gelu", depth=8, width=32) for _ in range(2))
    assert one == two
    assert np.random.get_state()[1].tobytes() == before  # noqa: NPY002
    document = json.loads(json.dumps(one.to_dict(), allow_nan=False))
    assert document["schema"] == "isogain.theory.prediction/1"
    assert len(document["layers"]) == 8
    assert "gelu, 8 layers of 32" in str(one)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"depth": 0}, "depth"),
        ({"width": 1}, "width"),
        ({"width": [3, 4], "depth": 3}, "one for each of 3 layers"),
        ({"weight_variance": -1.0}, "weight_variance"),
        ({"weight_variance": 0.0}, "nothing reaches"),
        ({"weights": "uniform"}, "gaussian"),
        ({"input_variance": 0.0}, "input_variance"),
        ({"activation": "sigmoid"}, "no critical point exists"),
        ({"weight_variance": 50.0, "depth": 300}, "leaves the range of numbers"),
    ],
)
def test_senseless_questions_are_refused(arguments, complaint):
    with pytest.raises(TheoryError, match=complaint):
        predict(**{"activation": "relu", "depth": 3, "width": 8, "pairs": False, **arguments})

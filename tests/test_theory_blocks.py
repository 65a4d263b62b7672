"""`predict` with normalization, dropout, branches and convolutions, against torch's own layers and autograd."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch

from isogain.theory import TheoryError, critical_point, predict

functional = torch.nn.functional
FUNCTIONS = {"relu": torch.relu, "tanh": torch.tanh, "gelu": functional.gelu}
NETWORKS, WIDTH, DEPTH, BATCH = 200, 64, 16, 256


def normalised(z, kind):
    """torch's own normalization, network by network: z is (networks, units, samples)."""
    rows = z.transpose(1, 2)
    if kind == "layer":
        return functional.layer_norm(rows, rows.shape[-1:]).transpose(1, 2)
    if kind == "rms":
        return functional.rms_norm(rows, rows.shape[-1:]).transpose(1, 2)
    by_sample = rows.permute(1, 0, 2)
    flat = by_sample.reshape(len(by_sample), -1)
    return functional.batch_norm(flat, None, None, training=True).reshape(by_sample.shape).permute(1, 2, 0)


def dense(name, weight, bias, *, normalization=None, residual=None, dropout=0.0, seed=0):
    """ln of mean squares of every layer's states and of their gradients, for the first of the samples."""
    generator = torch.Generator().manual_seed(seed)
    networks, samples = (80, BATCH) if normalization == "batch" else (NETWORKS, 2)
    states = torch.randn(networks, WIDTH, samples, generator=generator)
    states = states / states.square().mean(1, keepdim=True).sqrt()
    layers = []
    for layer in range(DEPTH):
        x = states
        if layer or residual is not None:
            x = normalised(x, normalization) if normalization else x
            x = FUNCTIONS[name](x)
            if dropout:
                kept = torch.rand(x.shape, generator=generator) >= dropout
                x = x * kept / (1 - dropout)
        weights = torch.randn(networks, WIDTH, WIDTH, generator=generator) * math.sqrt(weight / WIDTH)
        shift = torch.randn(networks, WIDTH, 1, generator=generator) * math.sqrt(bias)
        y = weights @ x + shift
        states = (y if residual is None else states + residual * y).requires_grad_(True)
        layers.append(states)
    return measured(layers, generator, normalization == "batch")


def measured(layers, generator, batch):
    """Of one sample of each network."""
    probe = torch.randn(layers[-1].shape, generator=generator)
    seen = 1
    if not batch:
        probe[:, :, 1:] = 0
    gradients = torch.autograd.grad((layers[-1] * probe).sum(), layers)
    power = np.stack([z.detach()[:, :, :seen].square().mean(1).numpy().ravel() for z in layers], 1)
    back = np.stack([g[:, :, :seen].square().mean(1).numpy().ravel() for g in gradients], 1)
    alike = [functional.cosine_similarity(z[:, :, 0], z[:, :, 1], dim=1).detach().numpy() for z in layers]
    return np.log(power), np.log(back / back[:, -1:]), np.stack(alike, 1)


def holds(found, power, back, off=0.05):
    """Means of ln within 5 standard errors and `off` a network's worth, bands cover what they claim."""
    layers = found.layers
    forward = [(one.typical_variance, one.variance_band) for one in layers]
    backward = [(one.typical_gradient_variance, one.gradient_band) for one in layers]
    for data, predicted, kept in ((power, forward, slice(1, None)), (back, backward, slice(-1))):
        centres, bands = zip(*predicted, strict=True)
        error = data.std(0, ddof=1) / math.sqrt(len(data))
        away = np.abs(data.mean(0) - np.log(centres))[kept]
        assert (away <= 5 * error[kept] + off).all(), (away / error[kept]).max()
        low, high = np.log(bands).T
        share = ((data >= low) & (data <= high))[:, kept].mean()
        assert 0.88 <= share <= 0.995, share


BRANCH = DEPTH**-0.5
CASES = [
    ("relu", {"residual": BRANCH}),
    ("gelu", {"residual": BRANCH, "normalization": "layer"}),
    ("tanh", {"residual": BRANCH, "dropout": 0.3}),
    ("relu", {"residual": 1.0, "normalization": "rms"}),
    ("relu", {"normalization": "layer"}),
    ("gelu", {"normalization": "layer"}),
    ("gelu", {"normalization": "rms"}),
    ("tanh", {"normalization": "rms"}),
    ("relu", {"normalization": "batch"}),
    ("tanh", {"residual": BRANCH, "normalization": "batch"}),
    ("relu", {"dropout": 0.2}),
    ("gelu", {"dropout": 0.2}),
]


@pytest.mark.parametrize(("name", "case"), CASES, ids=str)
def test_structures_against_simulated_networks(name, case):
    """16 layers of 64: means of ln q and ln g, bands, and the correlation of two inputs."""
    point = critical_point(name)
    weight, bias = point.weight_variance, point.bias_variance
    found = predict(name, weight, bias, DEPTH, WIDTH, **case)
    power, back, alike = dense(name, weight, bias, **case)
    holds(found, power, back)
    expected = [one.correlation for one in found.layers]
    assert np.abs(alike.mean(0) - expected).max() < 0.06


@pytest.mark.parametrize("wrong", [{"residual": 1.1 * BRANCH}, {"dropout": 0.1}, {"normalization": "layer"}])
def test_a_wrong_structure_is_caught(wrong):
    """A branch a tenth larger, dropout or a normalization that is not there: the same comparison refuses them."""
    case = {"residual": BRANCH}
    power, back, _ = dense("relu", 2.0, 0.0, **case)
    found = predict("relu", 2.0, 0.0, DEPTH, WIDTH, **{**case, **wrong})
    with pytest.raises(AssertionError):
        holds(found, power, back, off=0.0)


def convolve(name, weight, bias, kernel, size, padding, channels, depth, networks=150, seed=0):
    """As `dense`, with torch's convolutions of one network after the other; means over all positions."""
    generator = torch.Generator().manual_seed(seed)
    axes = len(size)
    function = {1: functional.conv1d, 2: functional.conv2d}[axes]
    power, back = [], []
    for _ in range(networks):
        states, layers = torch.randn(1, channels, *size, generator=generator), []
        states = states / states.square().mean().sqrt()
        for layer in range(depth):
            x = FUNCTIONS[name](states) if layer else states
            std = math.sqrt(weight / (channels * kernel**axes))
            weights = torch.randn(channels, channels, *[kernel] * axes, generator=generator) * std
            shift = torch.randn(channels, generator=generator) * math.sqrt(bias)
            if padding == "circular":
                x = functional.pad(x, [kernel // 2] * (2 * axes), mode="circular")
            inside = kernel // 2 if padding == "zeros" else 0
            states = function(x, weights, shift, padding=inside).requires_grad_(True)
            layers.append(states)
        probe = torch.randn(states.shape, generator=generator)
        gradients = torch.autograd.grad((states * probe).sum(), layers)
        power.append([float(z.detach().square().mean()) for z in layers])
        back.append([float(g.square().mean()) for g in gradients])
    back = np.array(back)
    return np.log(power), np.log(back / back[:, -1:])


@pytest.mark.parametrize(
    ("name", "kernel", "size", "padding"),
    [("relu", 3, (8, 8), "zeros"), ("relu", 3, (16,), "circular"), ("tanh", 3, (6, 6), "circular")],
)
def test_convolutions_against_simulated_networks(name, kernel, size, padding):
    """12 layers of 32 channels: zeros at the edges take what they take, positions average what differs."""
    weight = 2.0 if name == "relu" else 1.3
    found = predict(name, weight, 0.0, 12, 32, kernel=kernel, size=size, padding=padding)
    power, back = convolve(name, found.weight_variance, 0.0, kernel, size, padding, 32, 12)
    holds(found, power, back)


def test_what_is_assumed_is_said():
    found = predict("relu", depth=4, width=32, residual=True, normalization="layer", dropout=0.1)
    assert found.structure.residual == pytest.approx(0.5)
    assert any("trunk" in text for text in found.assumptions)
    assert "layer normalization, residual branches times 0.5, dropout 0.1" in str(found)
    document = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert document["structure"]["dropout"] == 0.1
    assert document["fixed_point"] is None
    # the textbook: he_normal behind batch normalization multiplies gradients by pi / (pi - 1) a layer
    batch = predict("relu", 2.0, depth=9, width=64, normalization="batch")
    assert batch.layers[3].gradient_variance / batch.layers[4].gradient_variance == pytest.approx(
        math.pi / (math.pi - 1), rel=1e-6
    )


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"normalization": "bath"}, "normalization must be one of"),
        ({"residual": -0.1}, "residual, the scale of each branch"),
        ({"dropout": 1.0}, "dropout must be .* below 1, got 1.0"),
        ({"kernel": 2, "size": 8}, "odd"),
        ({"kernel": 3}, "size, the positions of each axis"),
        ({"kernel": 3, "size": (8, 2)}, "size, the positions .* at least 3, got 2"),
        ({"size": 8}, "size goes with kernel"),
        ({"kernel": 3, "size": 8, "padding": "same"}, "padding must be"),
        ({"residual": True, "width": [8, 9, 8, 8]}, "one width"),
    ],
)
def test_senseless_structures_are_refused(arguments, complaint):
    with pytest.raises(TheoryError, match=complaint):
        predict(**{"activation": "relu", "depth": 4, "width": 16, **arguments})

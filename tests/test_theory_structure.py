"""The rules of the layers around an activation, each against torch's own layer."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch

from isogain.theory import TheoryError
from isogain.theory import structure as rules
from isogain.theory.structure import Signal

functional = torch.nn.functional


@pytest.fixture(autouse=True)
def _seeded():
    with torch.random.fork_rng():
        torch.manual_seed(11)
        yield


def alike(correlation, *shape):
    """Normal values of variance 1 whose last axis is equally correlated."""
    common = torch.randn(*shape[:-1], 1)
    return math.sqrt(correlation) * common + math.sqrt(1 - correlation) * torch.randn(*shape)


def close(tensor, number, rel):
    assert float(tensor) == pytest.approx(number, rel=rel)


def test_dropout_after_relu_is_one_not_point_eight():
    x = torch.relu(torch.randn(2000, 2000))
    before = rules.activate(Signal(0, 1, 0.4), "relu").after
    step = rules.dropout(before, 0.5)
    assert step.after.second == pytest.approx(1.0)
    close(functional.dropout(x, 0.5).square().mean(), step.after.second, step.error)
    u = alike(0.4, 500_000, 2)
    dropped = functional.dropout(torch.relu(u), 0.5)
    measured = np.corrcoef(dropped.T.numpy())[0, 1]
    assert measured == pytest.approx(step.after.correlation, abs=0.01)


@pytest.mark.parametrize("name", ["relu", "tanh", "gelu"])
def test_activations_at_a_mean_and_a_correlation(name):
    before = Signal(0.4, 1.7, 0.6)
    after = rules.activate(before, name).after
    u = 0.4 + math.sqrt(1.7) * alike(0.6, 1_000_000, 2)
    y = {"relu": torch.relu, "tanh": torch.tanh, "gelu": functional.gelu}[name](u)
    close(y.mean(), after.mean, 0.01)
    close(y.var(), after.variance, 0.01)
    assert np.corrcoef(y.T.numpy())[0, 1] == pytest.approx(after.correlation, abs=0.01)


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("side", [2, 3])
def test_max_pooling_with_correlation(correlation, side):
    windows = alike(correlation, 400_000, side * side).reshape(-1, 1, side, side)
    pooled = functional.max_pool2d(windows, side)
    step = rules.max_pool(Signal(0, 1, correlation), side * side)
    close(pooled.mean(), step.after.mean, step.error)
    close(pooled.var(), step.after.variance, step.error)


def test_largest_of_known_values():
    assert rules.largest_of(2)[0] == pytest.approx(1 / math.sqrt(math.pi), rel=1e-12)
    assert rules.largest_of(4) == pytest.approx((1.029, 0.492), abs=6e-4)
    assert rules.largest_of(9) == pytest.approx((1.485, 0.357), abs=6e-4)


def test_average_pooling_with_correlation():
    step = rules.average_pool(Signal(0, 1, 0.3), 16)
    pooled = functional.avg_pool2d(alike(0.3, 200_000, 16).reshape(-1, 1, 4, 4), 4)
    close(pooled.var(), step.after.variance, step.error)
    # leaving the correlation out, as for independent values, is 5.5 times off
    assert step.after.variance / rules.average_pool(Signal(), 16).after.variance == pytest.approx(5.5)


@pytest.mark.parametrize(
    ("layer", "rule"), [(functional.max_pool2d, rules.max_pool), (functional.avg_pool2d, rules.average_pool)]
)
def test_pooling_spreads_gradients(layer, rule):
    """The mean square of the gradient: one value of the window gets all of it, or every value its share."""
    x = alike(0.3, 20_000, 16).reshape(-1, 1, 4, 4).requires_grad_(True)
    y = layer(x, 4)
    g = torch.randn_like(y)
    (back,) = torch.autograd.grad((y * g).sum(), x)
    close(back.square().mean() / g.square().mean(), rule(Signal(0, 1, 0.3), 16).gradient, 1e-4)


def test_a_trunk_beside_a_branch_that_bends():
    before = Signal(0.0, 1.5, 0.5)
    bent = rules.activate(before, "tanh")
    carried = rules.linear(bent.after, 1.2)
    branch = rules.Step(carried.after, bent.gradient * carried.gradient, carried.assumes, 0.01)
    step = rules.shortcut(before, branch, 0.5)
    seconds, alikes = [], []
    for _ in range(8):
        x = math.sqrt(1.5) * alike(0.5, 200, 512, 2).permute(2, 0, 1)
        y = x + 0.5 * torch.tanh(x) @ torch.randn(512, 512) * math.sqrt(1.2 / 512)
        seconds.append(float(y.square().mean()))
        alikes.append(float(torch.corrcoef(y.reshape(2, -1))[0, 1]))
    assert np.mean(seconds) == pytest.approx(step.after.second, rel=step.error)
    assert np.mean(alikes) == pytest.approx(step.after.correlation, abs=0.01)
    assert step.gradient == pytest.approx(1 + 0.25 * 1.2 * bent.gradient)


def test_zero_padding_depends_on_the_position():
    size, channels, layers = 9, 128, 3
    x = torch.randn(48, channels, size, size)
    for _ in range(layers):
        convolution = torch.nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        torch.nn.init.normal_(convolution.weight, std=math.sqrt(1 / (9 * channels)))
        x = convolution(x).detach()
    profile = rules.padding_profile((size, size), 3, layers)
    measured = x.square().mean((0, 1)).numpy()
    assert measured.mean() == pytest.approx(profile.mean(), rel=0.06)
    assert measured[0, 0] / measured[4, 4] == pytest.approx(profile[0, 0] / profile[4, 4], rel=0.15)
    assert profile[4, 4] > 1.5 * profile[0, 0]


@pytest.mark.parametrize("logit_variance", [0.1, 1.0])
@pytest.mark.parametrize("correlation", [0.0, 0.4])
def test_attention_makes_tokens_alike(logit_variance, correlation):
    tokens, units, batch = 128, 64, 128
    x = alike(correlation, batch, units, tokens).transpose(1, 2)
    q, k = torch.randn(batch, tokens, units), torch.randn(batch, tokens, units) * math.sqrt(logit_variance)
    out = functional.scaled_dot_product_attention(q, k, x)
    step = rules.attention(Signal(0, 1, correlation), tokens, logit_variance)
    close(out.square().mean(), step.after.second, 0.06)
    product = (out.sum(1).square().sum() - out.square().sum()) / (batch * tokens * (tokens - 1) * units)
    assert float(product / out.square().mean()) == pytest.approx(step.after.correlation, abs=0.03)


def test_gates_and_concatenations():
    a, b = torch.randn(2000, 1000), torch.randn(2000, 1000)
    step = rules.gated(Signal(0, 1, 0), "silu")
    close((functional.silu(a) * b).square().mean(), step.after.second, step.error)
    x = torch.randn(300_000, requires_grad=True)
    both = torch.cat([torch.relu(a[:, :500]), 3 + 2 * b], 1)
    joined = rules.concatenate([(rules.activate(Signal(), "relu").after, 500), (Signal(3, 4, 0), 1000)]).after
    close(both.square().mean(), joined.second, 0.01)
    close(both.var(), joined.variance, 0.01)
    # one and the same x on both sides is silu, not a gate of two
    assert rules.activate(Signal(), "silu").after.second == pytest.approx(0.3558, abs=1e-4)
    close((x * torch.sigmoid(x)).square().mean(), 0.3558, 0.02)


@pytest.mark.parametrize(
    ("name", "rule"), [("layer", rules.layer_norm), ("rms", rules.rms_norm), ("batch", rules.batch_norm)]
)
def test_norms_forward_and_backward(name, rule):
    units = 2000
    before = Signal(0.0, 9.0, 0.0)
    x = (3 * torch.randn(500, units)).requires_grad_(True)
    layer = {
        "layer": torch.nn.LayerNorm(units),
        "rms": torch.nn.RMSNorm(units),
        "batch": torch.nn.BatchNorm1d(units),
    }[name]
    y = layer(x)
    g = torch.randn_like(y)
    (back,) = torch.autograd.grad((y * g).sum(), x)
    step = rule(before)
    close(y.square().mean(), step.after.second, step.error)
    close(back.square().mean() / g.square().mean(), step.gradient, 0.02)


def test_batch_norm_removes_what_samples_share():
    samples = alike(0.9, 400, 512).T.contiguous()
    y = torch.nn.BatchNorm1d(400)(samples)
    step = rules.batch_norm(Signal(0, 1, 0.9), batch=512)
    assert step.after.correlation == pytest.approx(-1 / 511)
    assert float((y.sum(0).square() - y.square().sum(0)).mean() / (512 * 511)) == pytest.approx(
        -1 / 511, rel=0.01
    )
    assert step.gradient == pytest.approx(10)


def test_gradients_grow_by_pi_over_pi_minus_one_behind_batch_norm():
    """Composed from the rules, and measured on a torch network without skips."""
    rectified = rules.activate(Signal(), "relu")
    carried = rules.linear(rectified.after, 2.0)
    factor = rectified.gradient * carried.gradient * rules.batch_norm(carried.after).gradient
    assert factor == pytest.approx(math.pi / (math.pi - 1), rel=1e-9)
    x, layers = torch.randn(512, 512), []
    for _ in range(12):
        x = torch.nn.BatchNorm1d(512)(x @ torch.randn(512, 512) / math.sqrt(256)).requires_grad_(True)
        layers.append(x)
        x = torch.relu(x)
    gradients = torch.autograd.grad((x * torch.randn_like(x)).sum(), layers)
    growth = [float(a.square().mean() / b.square().mean()) for a, b in itertools.pairwise(gradients)]
    assert np.exp(np.mean(np.log(growth[2:]))) == pytest.approx(math.pi / (math.pi - 1), rel=0.08)


@pytest.mark.parametrize("scale", [1.0, 0.25])
def test_residual_branches(scale):
    """Sixteen blocks, twenty draws: the mean growth of signals and gradients."""
    blocks, units, grown = 16, 256, []
    for _ in range(20):
        start = torch.randn(64, units, requires_grad=True)
        x = start
        for _ in range(blocks):
            x = x + scale * (torch.relu(x) @ torch.randn(units, units) * math.sqrt(2 / units))
        g = torch.randn_like(x)
        (back,) = torch.autograd.grad((x * g).sum(), start)
        grown.append((float(x.detach().square().mean()), float(back.square().mean() / g.square().mean())))
    step = rules.residual(Signal(), branch_gain=1.0, scale=scale, blocks=blocks)
    forward, backward = np.mean(grown, axis=0)
    error = np.std(grown, axis=0) / math.sqrt(20)
    assert abs(forward - step.after.second) < 5 * error[0]
    assert abs(backward - step.gradient) < 5 * error[1]


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Signal(0, -1),
        lambda: Signal(0, 1, 2),
        lambda: rules.dropout(Signal(), 1.0),
        lambda: rules.max_pool(Signal(0, 1, -0.5), 4),
        lambda: rules.attention(Signal(), 0, 1.0),
        lambda: rules.layer_norm(Signal(0, 0)),
        lambda: rules.batch_norm(Signal(0, 1, 1.0)),
        lambda: rules.padding_profile(8, 4),
        lambda: rules.concatenate([]),
    ],
)
def test_senseless_layers_are_refused(wrong):
    with pytest.raises(TheoryError):
        wrong()

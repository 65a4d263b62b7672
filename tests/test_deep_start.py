"""deep_start against signals and gradients that are sent through networks built by hand, in NumPy."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import special
from torch import nn

import isogain as ig
from isogain.errors import IsogainError
from isogain.theory import deep_start

WIDTH, DEPTH = 192, 50


def _sigmoid(z):
    return 1 / (1 + np.exp(-z))


FUNCTIONS = {
    "relu": lambda z: np.maximum(z, 0),
    "gelu": lambda z: z * special.ndtr(z),
    "silu": lambda z: z * _sigmoid(z),
    "mish": lambda z: z * np.tanh(np.log1p(np.exp(z))),
    "softplus": lambda z: np.log1p(np.exp(z)),
    "elu": lambda z: np.where(z > 0, z, np.expm1(np.minimum(z, 0))),
    "selu": lambda z: (
        1.0507009873554805 * np.where(z > 0, z, 1.6732632423543772 * np.expm1(np.minimum(z, 0)))
    ),
    "sigmoid": _sigmoid,
    "tanh": np.tanh,
    "erf": special.erf,
    "sin": np.sin,
}
LINEAR = ("relu", "gelu", "silu", "softplus")


def _haar(rng, size):
    q, r = np.linalg.qr(rng.standard_normal((size, size)))
    return q * np.sign(np.diag(r))


def _slope(function, z, step=1e-6):
    return (function(z + step) - function(z - step)) / (2 * step)


class _Hand:
    """A plain stack of one kind, built from nothing but NumPy, at a DeepStart's numbers."""

    def __init__(self, name, start, seed, factor=1.0):
        self.function, rng = FUNCTIONS[name], np.random.default_rng(seed)
        half = WIDTH // 2 if start.kind == "mirrored" else WIDTH
        odd_slope = (self.function(1e-4) - self.function(-1e-4)) / 1e-4
        unit = 1 / odd_slope if start.kind == "mirrored" else 1.0
        self.weights = [
            self._pair(_haar(rng, half), start.kind) * start.gain * unit * factor for _ in range(DEPTH)
        ]
        z = rng.standard_normal((half, 64))
        z *= start.first_gain / np.sqrt(np.mean(z**2, axis=0))
        self.signals = [np.concatenate([z, -z]) if start.kind == "mirrored" else z]
        probe = rng.standard_normal(z.shape)
        self.probe = np.concatenate([probe, -probe]) if start.kind == "mirrored" else probe

    @staticmethod
    def _pair(q, kind):
        return np.block([[q, -q], [-q, q]]) if kind == "mirrored" else q

    def forward(self):
        """Mean square of the pre-activations, layer by layer."""
        for weight in self.weights:
            self.signals.append(weight @ self.function(self.signals[-1]))
        return np.array([np.mean(z**2) for z in self.signals])

    def gradient_growth(self):
        """Mean square at the bottom of a gradient that has mean square 1 at the top, by the chain rule.

        Gradients are taken with respect to the activations' values, where mirrored weights leave them in
        opposite pairs; so the probe at the top is such a pair as well.
        """
        d = self.probe
        for weight, z in zip(reversed(self.weights), reversed(self.signals[1:]), strict=True):
            d = weight.T @ (_slope(self.function, z) * d)
        return np.mean(d**2)


def _mean_and_error(values):
    return np.mean(values), np.std(values, ddof=1) / len(values) ** 0.5


@pytest.mark.parametrize("name", FUNCTIONS)
def test_networks_built_by_hand_keep_the_signal_and_grow_the_gradient_as_said(name):
    start = deep_start(name, DEPTH, WIDTH)
    nets = [_Hand(name, start, seed) for seed in range(4)]
    variance, error = _mean_and_error([net.forward()[-1] for net in nets])
    # 2 % for the finite width: units of one example are not quite independent normal numbers
    assert abs(variance / start.q - 1) < 5 * error / start.q + 0.02
    growth, error = _mean_and_error([net.gradient_growth() for net in nets])
    assert abs(growth / start.growth - 1) < 5 * error / start.growth + 0.05
    assert 1 - 1e-9 <= start.growth <= math.e * (1 + 1e-6)
    lengths = np.concatenate([np.log(np.mean(net.signals[-1] ** 2, axis=0)) for net in nets])
    assert np.std(lengths) == pytest.approx(start.spread, rel=0.25, abs=1e-3)  # of 256 lengths, some alike


@pytest.mark.parametrize("name", LINEAR)
def test_where_the_odd_part_is_a_line_the_start_is_an_exact_isometry(name):
    start = deep_start(name, DEPTH, WIDTH)
    assert (start.kind, start.bias_variance) == ("mirrored", 0.0)
    exact = _Hand(name, start, 0).forward()
    np.testing.assert_allclose(exact, exact[0], rtol=1e-4)  # of the secant that gives psi'(0)
    off = _Hand(name, start, 0, factor=1.01).forward()
    assert off[-1] / off[0] == pytest.approx(1.01 ** (2 * DEPTH), rel=1e-3), "one per cent does not pass"


@pytest.mark.parametrize("name", ["tanh", "erf", "sin", "sigmoid", "elu", "selu", "mish"])
@pytest.mark.parametrize("depth", [20, 500, 10_000])
def test_the_variance_is_the_largest_the_depth_allows(name, depth):
    """chi by its Hermite series, sum_k k a_k^2 / sum_k a_k^2, which the program does not use."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(160)
    weights = weights / weights.sum()

    def log_growth(q):
        u = math.sqrt(q) * nodes
        psi = FUNCTIONS[name](u) - FUNCTIONS[name](-u)
        total = along = 0.0
        previous, current = np.zeros_like(nodes), np.ones_like(nodes)
        for k in range(60):
            square = np.sum(weights * psi * current) ** 2
            total, along = total + square, along + k * square
            following = (nodes * current - math.sqrt(k) * previous) / math.sqrt(k + 1)
            previous, current = current, following
        return depth * math.log(along / total)

    q = deep_start(name, depth, WIDTH).q
    kink = 0.15 if name in ("elu", "selu") else 0.01  # their second slope jumps: the series ends too early
    if q < 1:
        assert log_growth(q) == pytest.approx(1, abs=kink)
        assert log_growth(1.1 * q) > log_growth(q)
    else:
        assert log_growth(1.0) <= 1 + kink


def test_odd_functions_are_started_orthogonal_and_others_mirrored():
    kinds = {name: deep_start(name, 50, 128).kind for name in FUNCTIONS}
    odd = {name for name, kind in kinds.items() if kind == "orthogonal"}
    assert odd == {"tanh", "erf", "sin"}
    assert set(kinds.values()) == {"orthogonal", "mirrored"}


def test_it_is_the_function_that_counts_and_not_its_name():
    mine, known = deep_start(lambda z: z * _sigmoid(z), 50, 128), deep_start("silu", 50, 128)
    assert (mine.kind, mine.q) == (known.kind, known.q)
    assert mine.gain == pytest.approx(known.gain, rel=1e-6)
    shifted = deep_start(lambda z: np.tanh(z) + 0.3, 50, 128)
    assert shifted.kind == "mirrored", "a constant is even: mirroring cancels it, orthogonal weights do not"
    assert shifted.q == pytest.approx(deep_start("tanh", 50, 128).q, rel=1e-4)


@pytest.mark.parametrize("function", [np.abs, np.square, lambda z: np.where(z > 0, 1.0, 0.0), lambda z: z**3])
def test_what_has_no_odd_part_is_not_mirrored(function):
    start = deep_start(function, 20, 64)
    assert start.kind == ("orthogonal" if function is np.abs else "gaussian")
    assert all(map(math.isfinite, (start.gain, start.first_gain, start.last_gain, start.bias_variance)))


@pytest.mark.parametrize("wrong", [0, -1, 2.5, True, "50"])
def test_depth_and_width_are_counts(wrong):
    with pytest.raises(IsogainError, match="depth"):
        deep_start("relu", wrong, 64)
    with pytest.raises(IsogainError, match="width"):
        deep_start("relu", 50, wrong)


@pytest.mark.parametrize(("name", "layer"), [("relu", nn.ReLU), ("elu", nn.ELU), ("sigmoid", nn.Sigmoid)])
def test_the_initializers_take_its_gains_as_they_are(name, layer):
    """Through torch's own layers, from inputs of second moment 1 to outputs of standard deviation 0.3."""
    start, width = deep_start(name, 30, 128), 128
    model = nn.Sequential()
    for index in range(31):
        position = "first" if index == 0 else "last" if index == 30 else "hidden"
        gain = {"first": start.first_gain, "hidden": start.gain, "last": start.last_gain}[position]
        linear = nn.Linear(width, 64 if position == "last" else width)
        law = ig.MirroredOrthogonal(name, position, gain)
        weight = ig.draw(law, tuple(linear.weight.shape), layout="out in", seed=0, path=f"{index}.weight")
        linear.weight.data.copy_(torch.from_numpy(weight))
        nn.init.zeros_(linear.bias)
        model.extend([linear] if position == "last" else [linear, layer()])
    inputs = torch.randn(512, width, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        before_last = model[:-2](inputs)
        outputs = model(inputs)
    assert float(before_last.square().mean()) == pytest.approx(start.q, rel=0.05)
    assert float(outputs.std()) == pytest.approx(0.3, rel=0.05)

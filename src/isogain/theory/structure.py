"""Moment rules of the layers around an activation: what each does to signals, gradients and alikeness.

Every rule maps a Signal to a Step: the Signal after it, the factor on the gradient variance on the way
back, what was assumed, and how far simulated torch layers were found from it (`error`, a relative
error of the second moment, held by the tests through torch's own layers).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from isogain.core.activations import activation as find_activation
from isogain.core.activations.functions import ndtr
from isogain.core.activations.quadrature import Floats, density, legendre
from isogain.theory.pairs import TheoryError, cross_moment

__all__ = [
    "Signal",
    "Step",
    "activate",
    "attention",
    "average_pool",
    "batch_norm",
    "concatenate",
    "dropout",
    "gated",
    "layer_norm",
    "linear",
    "max_pool",
    "padding_profile",
    "residual",
    "rms_norm",
    "shortcut",
]


@dataclass(frozen=True)
class Signal:
    """A layer's output as numbers: mean, variance, and the correlation between positions or samples.

    `correlation` is that of the fluctuations of the same unit at two places (two inputs, or two
    positions of one), about the common mean.
    """

    mean: float = 0.0
    variance: float = 1.0
    correlation: float = 0.0

    def __post_init__(self) -> None:
        if not (self.variance >= 0 and math.isfinite(self.variance) and math.isfinite(self.mean)):
            raise TheoryError(f"a signal needs a finite mean and a variance of at least 0, got {self}")
        if not -1 <= self.correlation <= 1:
            raise TheoryError(f"a signal's correlation lies in [-1, 1], got {self.correlation!r}")

    @property
    def second(self) -> float:
        """E[x^2]."""
        return self.variance + self.mean**2

    @property
    def cosine(self) -> float:
        """E[x y] / E[x^2] for the two places."""
        return (self.correlation * self.variance + self.mean**2) / self.second if self.second else 0.0


@dataclass(frozen=True)
class Step:
    """What one layer does: the signal after it, the gradient's factor, assumptions, measured error."""

    after: Signal
    gradient: float
    assumes: str
    error: float


def _positive(**values: float) -> None:
    for name, value in values.items():
        if not (isinstance(value, (int, float, np.number)) and math.isfinite(value) and value > 0):
            raise TheoryError(f"{name} must be a finite number above 0, got {value!r}")


def linear(before: Signal, weight_variance: float, bias_variance: float = 0.0) -> Step:
    """W x + b with Var[w] = weight_variance / fan_in: variance weight_variance E[x^2] + bias_variance."""
    carried = weight_variance * before.second
    variance = carried + bias_variance
    correlation = (carried * before.cosine + bias_variance) / variance if variance else 0.0
    after = Signal(0.0, variance, min(correlation, 1.0))
    return Step(
        after, weight_variance, "weights of mean 0, independent of x; equal fans for the gradient", 0.01
    )


def activate(before: Signal, activation: Any) -> Step:
    """phi(x), x normal with this mean, variance and correlation."""
    phi = find_activation(activation)
    moments = phi.moments(before.variance, before.mean)
    mean, variance = moments.mean.value, moments.variance
    correlation = 1.0
    if before.correlation < 1 and before.variance > 0 and variance > 0:
        cross = cross_moment(phi, before.variance, before.correlation, before.mean).value
        correlation = min(max((cross - mean**2) / variance, -1.0), 1.0)
    return Step(Signal(mean, variance, correlation), moments.slope_second.value, "x is normal", 0.01)


def padding_profile(
    size: int | Sequence[int], kernel: int, layers: int = 1, weight_variance: float = 1.0, gain: float = 1.0
) -> Floats:
    """Variance at every position after `layers` zero-padded convolutions of stride 1, inputs of variance 1.

    Each layer multiplies by weight_variance * gain times the share of its kernel that lies inside, as
    Var[w] = weight_variance / (channels k^d); gain is E[phi^2] / q of a scale-free activation.  A
    position near the edge loses some at every layer, so the loss grows with depth.

    >>> round(float(padding_profile(4, 3).mean()), 12)
    0.833333333333
    """
    sizes = (size,) if isinstance(size, int) else tuple(size)
    if kernel < 1 or kernel % 2 == 0 or min(sizes) < 1 or layers < 0:
        raise TheoryError(
            f"padding needs an odd kernel, sizes and layers of at least 0, got {kernel}, {sizes}, {layers}"
        )
    profiles = []
    for length in sizes:
        profile = np.ones(length)
        for _ in range(layers):
            profile = np.convolve(profile, np.ones(kernel) / kernel, mode="full")[kernel // 2 :][:length]
        profiles.append(profile)
    grid = profiles[0]
    for profile in profiles[1:]:
        grid = np.multiply.outer(grid, profile)
    return np.asarray(grid * (weight_variance * gain) ** layers)


def dropout(before: Signal, drop: float) -> Step:
    """Inverted dropout, x / (1 - drop) with probability 1 - drop, else 0: E[x^2] / (1 - drop).

    Masks at two places are independent, so what two inputs share does not grow with it.
    """
    if not 0 <= drop < 1:
        raise TheoryError(f"the share dropped lies in [0, 1), got {drop!r}")
    variance = before.second / (1 - drop) - before.mean**2
    shared = before.correlation * before.variance
    after = Signal(before.mean, variance, shared / variance if variance else 0.0)
    return Step(after, 1 / (1 - drop), "masks independent of x and of one another", 0.01)


def residual(before: Signal, branch_gain: float, scale: float = 1.0, blocks: int = 1) -> Step:
    """x + scale * f(x), `blocks` times; branch_gain is the branch's own factor on the variance.

    q' = q (1 + scale^2 branch_gain): bounded over L blocks for scale = 1 / sqrt(L), where it tends to
    e^{branch_gain}.  Gradients grow alike.
    """
    growth = (1 + scale**2 * branch_gain) ** blocks
    after = Signal(before.mean, before.second * growth - before.mean**2, before.correlation)
    text = "the branch ends in weights of mean 0, so it does not correlate with the trunk; same gain back"
    return Step(after, growth, text, 0.03)


def shortcut(before: Signal, branch: Step, scale: float = 1.0) -> Step:
    """x + scale * f(x) for a branch whose own step is known: variances and covariances add.

    Gradients grow by 1 + scale^2 times the branch's factor.  `residual` is this rule for many blocks alike.
    """
    added = scale**2 * branch.after.variance
    variance = before.variance + added
    shared = before.correlation * before.variance + branch.after.correlation * added
    correlation = min(max(shared / variance, -1.0), 1.0) if variance else 0.0
    after = Signal(before.mean + scale * branch.after.mean, variance, correlation)
    text = f"{branch.assumes}; the branch ends in weights of mean 0, so it does not correlate with the trunk"
    return Step(after, 1 + scale**2 * branch.gradient, text, branch.error)


def layer_norm(before: Signal) -> Step:
    """(x - mean) / std over the units of one position: variance 1; gradients are divided by Var[x]."""
    _positive(variance=before.variance)
    after = Signal(0.0, 1.0, before.correlation)
    return Step(
        after,
        1 / before.variance,
        "many units, scale 1 and shift 0; two units' worth of gradient removed",
        0.02,
    )


def rms_norm(before: Signal) -> Step:
    """x / RMS(x): second moment 1; gradients are divided by E[x^2]."""
    _positive(second_moment=before.second)
    after = Signal(
        before.mean / math.sqrt(before.second), before.variance / before.second, before.correlation
    )
    return Step(after, 1 / before.second, "many units, scale 1; one unit's worth of gradient removed", 0.02)


def batch_norm(before: Signal, batch: int = 10**9) -> Step:
    """(x - mean) / std over the batch, unit by unit: what all samples share is removed.

    The correlation of two samples falls to about -1 / (batch - 1), whatever it was; gradients are divided by
    the variance over the batch, Var[x] (1 - correlation).  Behind an activation and weights that is a factor
    E[phi'^2] / Var[phi] on the gradient variance a layer: pi / (pi - 1) for ReLU (Yang et al. 2019).
    """
    spread = before.variance * (1 - before.correlation)
    _positive(variance_over_the_batch=spread)
    after = Signal(0.0, 1.0, -1 / (batch - 1))
    return Step(after, 1 / spread, "samples exchangeable, a large batch, scale 1 and shift 0", 0.02)


def average_pool(before: Signal, count: int) -> Step:
    """The mean of `count` equally correlated values: variance (1 + (count - 1) c) / count times as much.

    Every value gets 1 / count of the gradient, so its mean square falls by count^2.
    """
    factor = (1 + (count - 1) * before.correlation) / count
    after = Signal(before.mean, before.variance * max(factor, 0.0), before.correlation)
    text = "windows side by side, every pair of values in one equally correlated"
    return Step(after, 1 / count**2, text, 0.02)


def max_pool(before: Signal, count: int) -> Step:
    """The largest of `count` equally correlated normal values (v = c s^2 + (1 - c) s^2 of two parts).

    mean + sqrt(1 - c) m s and s^2 (c + (1 - c) v), m and v the mean and variance of the largest of
    `count` independent standard normal numbers.
    """
    if before.correlation < 0:
        raise TheoryError(f"max pooling's rule needs a correlation of at least 0, got {before.correlation!r}")
    mean, variance = largest_of(count)
    std, own = math.sqrt(before.variance), 1 - before.correlation
    after = Signal(
        before.mean + math.sqrt(own) * mean * std, before.variance * (before.correlation + own * variance)
    )
    text = "windows side by side, normal values before an activation, every pair equally correlated"
    return Step(after, 1 / count, text, 0.02)


@lru_cache(maxsize=64)
def largest_of(count: int) -> tuple[float, float]:
    """Mean and variance of the largest of `count` independent standard normal numbers."""
    if not (isinstance(count, int) and count >= 1):
        raise TheoryError(f"a window holds a whole number of values, at least 1, got {count!r}")
    nodes, weights = legendre(15)
    edges = np.linspace(-12, 12, 97)
    z = (edges[:-1, None] + np.diff(edges)[:, None] * nodes).ravel()
    law = (np.diff(edges)[:, None] * weights).ravel() * density(z) * count * ndtr(z) ** (count - 1)
    mean = float((law * z).sum())
    return mean, float((law * z * z).sum()) - mean**2


def attention(before: Signal, tokens: int, logit_variance: float, value_variance: float = 1.0) -> Step:
    """softmax(q k) v over `tokens` tokens: an average that keeps what tokens share.

    Variance value_variance E[x^2] (c + (1 - c) e^{s^2} / n), s^2 = logit_variance; cosine of two output
    tokens (c + (1 - c) / n) / (c + (1 - c) e^{s^2} / n): attention makes tokens alike.
    """
    _positive(tokens=tokens)
    if not 0 <= logit_variance < math.inf:
        raise TheoryError(f"logit_variance must be at least 0, got {logit_variance!r}")
    cosine = before.cosine
    focus = min(math.exp(min(logit_variance, 50.0)) / tokens, 1.0)
    kept = cosine + (1 - cosine) * focus
    after = Signal(0.0, value_variance * before.second * kept, (cosine + (1 - cosine) / tokens) / kept)
    text = (
        "normal logits independent of the values, s^2 <= 1 and e^{s^2} << n; beyond, the largest logit rules"
    )
    return Step(after, value_variance * kept, text, 0.03 if logit_variance <= 1 else math.inf)


def gated(before: Signal, activation: Any = "silu", weight_variance: float = 1.0) -> Step:
    """phi(W x) * (V x) with W, V independent: E[phi^2] q, and for the gradient both paths.

    x * sigmoid(x) of one and the same x is the activation silu: `activate`, not this rule.
    """
    q = weight_variance * before.second
    _positive(pre_activation_variance=q)
    phi = find_activation(activation)
    moments = phi.moments(q)
    correlation = 1.0
    if before.cosine < 1:
        correlation = cross_moment(phi, q, before.cosine).value * before.cosine / moments.second.value
    after = Signal(0.0, moments.second.value * q, min(correlation, 1.0))
    gradient = weight_variance * (moments.slope_second.value * q + moments.second.value)
    return Step(after, gradient, "both branches normal and independent; fans equal for the gradient", 0.02)


def concatenate(parts: Sequence[tuple[Signal, int]]) -> Step:
    """Parts of the given sizes side by side: means and second moments weighted by size."""
    if not parts or any(size < 1 for _, size in parts):
        raise TheoryError("concatenation needs at least one part, each of at least one unit")
    total = sum(size for _, size in parts)
    mean = sum(part.mean * size for part, size in parts) / total
    second = sum(part.second * size for part, size in parts) / total
    shared = sum(part.cosine * part.second * size for part, size in parts) / total
    variance = second - mean**2
    correlation = (shared - mean**2) / variance if variance > 1e-300 else 0.0
    return Step(Signal(mean, variance, min(max(correlation, -1.0), 1.0)), 1.0, "none", 0.0)

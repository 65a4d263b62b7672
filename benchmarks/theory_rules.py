"""Each moment rule of `isogain.theory.structure` against torch's own layers, for `theory.py rules`.

A row is one rule at one setting: what it says of the second moment (and, where it says something, of the
correlation of two places and of the gradient), what torch's layer does, and the error that the rule states.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch

from isogain.theory import structure as rules
from isogain.theory.structure import Signal, Step

functional = torch.nn.functional
UNITS, SAMPLES = 512, 2000


@dataclass(frozen=True)
class Measured:
    """Numbers of a simulated layer; None where the rule is silent or the quantity has no meaning."""

    second: float
    correlation: float | None = None
    gradient: float | None = None


Rule = Callable[[], tuple[Step, Measured]]
TABLE: dict[str, Rule] = {}


def rule(name: str) -> Callable[[Rule], Rule]:
    """Adds a row to the table."""

    def added(function: Rule) -> Rule:
        TABLE[name] = function
        return function

    return added


def pair(correlation: float, *shape: int, mean: float = 0.0, variance: float = 1.0) -> torch.Tensor:
    """Normal values of two places along the first axis, equally correlated."""
    common = torch.randn(*shape)
    own = torch.randn(2, *shape)
    mixed = math.sqrt(correlation) * common + math.sqrt(1 - correlation) * own
    return mean + math.sqrt(variance) * mixed


def seen(x: torch.Tensor, y: torch.Tensor) -> Measured:
    """Second moment, correlation of the two places and gradient factor of a layer that was run."""
    g = torch.randn_like(y)
    (back,) = torch.autograd.grad((y * g).sum(), x)
    flat = y.detach().reshape(2, -1)
    correlation = float(torch.corrcoef(flat)[0, 1])
    return Measured(float(flat.square().mean()), correlation, float(back.square().mean() / g.square().mean()))


def run(layer: Callable[[torch.Tensor], torch.Tensor], before: Signal, *shape: int) -> Measured:
    """A layer on two places of this signal."""
    x = pair(before.correlation, *shape, mean=before.mean, variance=before.variance).requires_grad_(True)
    return seen(x, layer(x))


@rule("linear, bias variance 0.3")
def _linear() -> tuple[Step, Measured]:
    before, std = Signal(0.4, 1.5, 0.5), math.sqrt(1.7 / UNITS)
    parts = []
    for _ in range(12):
        weight, bias = torch.randn(UNITS, UNITS) * std, torch.randn(UNITS) * math.sqrt(0.3)
        parts.append(run(lambda x, w=weight, b=bias: functional.linear(x, w, b), before, 300, UNITS))
    return rules.linear(before, 1.7, 0.3), _mean(parts)


def _mean(parts: list[Measured]) -> Measured:
    def middle(values: list[Any]) -> float:
        return sum(values) / len(values)

    return Measured(
        middle([p.second for p in parts]),
        middle([p.correlation for p in parts]),
        middle([p.gradient for p in parts]),
    )


@rule("activation (gelu) at a mean")
def _activate() -> tuple[Step, Measured]:
    before = Signal(0.4, 1.7, 0.6)
    return rules.activate(before, "gelu"), run(functional.gelu, before, SAMPLES, UNITS)


@rule("convolution 3x3, zero padding, 4 layers, mean over positions")
def _padding() -> tuple[Step, Measured]:
    size, channels, powers = 9, 96, []
    for _ in range(4):
        x = torch.randn(24, channels, size, size)
        for _ in range(4):
            weight = torch.randn(channels, channels, 3, 3) * math.sqrt(1 / (9 * channels))
            x = functional.conv2d(x, weight, padding=1)
        powers.append(float(x.square().mean()))
    profile = float(rules.padding_profile((size, size), 3, 4).mean())
    text = "stride 1, inputs of one variance, scale-free activations"
    return Step(Signal(0.0, profile), 1.0, text, 0.05), Measured(sum(powers) / len(powers))


@rule("residual, 16 relu blocks, a = 1/4")
def _residual() -> tuple[Step, Measured]:
    parts = []
    for _ in range(40):
        x = torch.randn(64, 256, requires_grad=True)
        y: torch.Tensor = x
        for _ in range(16):
            y = y + 0.25 * torch.relu(y) @ torch.randn(256, 256) * math.sqrt(2 / 256)
        found = seen(x, y)
        parts.append(Measured(found.second, 0.0, found.gradient))
    measured = _mean(parts)
    step = rules.residual(Signal(), 1.0, 0.25, 16)
    return step, Measured(measured.second, None, measured.gradient)


@rule("shortcut beside a tanh branch")
def _shortcut() -> tuple[Step, Measured]:
    before = Signal(0.0, 1.5, 0.5)
    branch = rules.activate(before, "tanh")
    after = rules.linear(branch.after, 1.2)
    step = rules.shortcut(
        before, Step(after.after, branch.gradient * after.gradient, after.assumes, 0.01), 0.5
    )
    parts = []
    for _ in range(12):
        weight = torch.randn(UNITS, UNITS) * math.sqrt(1.2 / UNITS)
        parts.append(run(lambda x, w=weight: x + 0.5 * torch.tanh(x) @ w, before, 300, UNITS))
    return step, _mean(parts)


@rule("dropout 0.5 behind relu")
def _dropout() -> tuple[Step, Measured]:
    rectified = rules.activate(Signal(0.0, 1.0, 0.4), "relu")
    step = rules.dropout(rectified.after, 0.5)
    x = torch.relu(pair(0.4, SAMPLES, UNITS)).requires_grad_(True)
    return step, seen(x, functional.dropout(x, 0.5))


@rule("layer normalization")
def _layer_norm() -> tuple[Step, Measured]:
    before = Signal(0.0, 9.0, 0.5)
    return rules.layer_norm(before), run(torch.nn.LayerNorm(UNITS), before, SAMPLES, UNITS)


@rule("RMS normalization")
def _rms_norm() -> tuple[Step, Measured]:
    before = Signal(0.0, 4.0, 0.5)
    return rules.rms_norm(before), run(torch.nn.RMSNorm(UNITS), before, SAMPLES, UNITS)


@rule("batch normalization, 512 samples alike by 0.9")
def _batch_norm() -> tuple[Step, Measured]:
    common, own = torch.randn(1, UNITS), torch.randn(512, UNITS)
    x = (math.sqrt(0.9) * common + math.sqrt(0.1) * own).requires_grad_(True)
    y = torch.nn.BatchNorm1d(UNITS)(x)
    g = torch.randn_like(y)
    (back,) = torch.autograd.grad((y * g).sum(), x)
    apart = float((y.detach().sum(0).square() - y.detach().square().sum(0)).mean() / (512 * 511))
    gradient = float(back.square().mean() / g.square().mean())
    return rules.batch_norm(Signal(0.0, 1.0, 0.9), 512), Measured(
        float(y.detach().square().mean()), apart, gradient
    )


def _windows(correlation: float, side: int) -> torch.Tensor:
    shape = (400_000, side * side)
    both = math.sqrt(correlation) * torch.randn(shape[0], 1) + math.sqrt(1 - correlation) * torch.randn(shape)
    return both.reshape(-1, 1, side, side)


@rule("max pooling 3x3 of values alike by 0.5")
def _max_pool() -> tuple[Step, Measured]:
    return rules.max_pool(Signal(0.0, 1.0, 0.5), 9), _pooled(functional.max_pool2d, 0.5, 3)


@rule("average pooling 4x4 of values alike by 0.3")
def _average_pool() -> tuple[Step, Measured]:
    return rules.average_pool(Signal(0.0, 1.0, 0.3), 16), _pooled(functional.avg_pool2d, 0.3, 4)


def _pooled(layer: Any, correlation: float, side: int) -> Measured:
    x = _windows(correlation, side).requires_grad_(True)
    y = layer(x, side)
    g = torch.randn_like(y)
    (back,) = torch.autograd.grad((y * g).sum(), x)
    factor = float(back.square().mean() / g.square().mean())
    return Measured(float(y.detach().square().mean()), None, factor)


@rule("attention over 256 tokens alike by 0.3, logit variance 1")
def _attention() -> tuple[Step, Measured]:
    tokens, units, batch = 256, 64, 64
    common, own = torch.randn(batch, 1, units), torch.randn(batch, tokens, units)
    x = math.sqrt(0.3) * common + math.sqrt(0.7) * own
    out = functional.scaled_dot_product_attention(torch.randn_like(x), torch.randn_like(x), x)
    shared = (out.sum(1).square().sum() - out.square().sum()) / (batch * tokens * (tokens - 1) * units)
    second = float(out.square().mean())
    return rules.attention(Signal(0.0, 1.0, 0.3), tokens, 1.0), Measured(second, float(shared) / second)


@rule("gated unit, silu(W x) * (V x)")
def _gated() -> tuple[Step, Measured]:
    before, parts = Signal(0.0, 1.0, 0.5), []
    for _ in range(12):
        w, v = (torch.randn(UNITS, UNITS) / math.sqrt(UNITS) for _ in range(2))
        parts.append(run(lambda x, w=w, v=v: functional.silu(x @ w) * (x @ v), before, 300, UNITS))
    return rules.gated(before, "silu"), _mean(parts)


@rule("concatenation of relu(x) and a wider part of mean 3")
def _concatenate() -> tuple[Step, Measured]:
    first, second = rules.activate(Signal(0.0, 1.0, 0.4), "relu").after, Signal(3.0, 4.0, 0.2)
    parts = (torch.relu(pair(0.4, SAMPLES, 200)), pair(0.2, SAMPLES, 400, mean=3.0, variance=4.0))
    x = torch.cat(parts, -1).requires_grad_(True)
    return rules.concatenate([(first, 200), (second, 400)]), seen(x, x * 1.0)


def _differences(step: Step, measured: Measured) -> Iterator[tuple[str, str, float]]:
    yield (
        f"{step.after.second:.4f} / {measured.second:.4f}",
        "second",
        measured.second / step.after.second - 1,
    )
    if measured.correlation is None:
        yield "", "correlation", 0.0
    else:
        pair_ = f"{step.after.correlation:.4f} / {measured.correlation:.4f}"
        yield pair_, "correlation", measured.correlation - step.after.correlation
    if measured.gradient is None:
        yield "", "gradient", 0.0
    else:
        yield (
            f"{step.gradient:.4f} / {measured.gradient:.4f}",
            "gradient",
            measured.gradient / step.gradient - 1,
        )


def table(options: Any) -> bool:
    """Every rule: predicted / measured, and whether it keeps the error that it states."""
    torch.manual_seed(options.seed)
    good = True
    print("| rule | second moment | correlation | gradient | largest difference | stated | assumes |")
    print("|---|---|---|---|---|---|---|")
    for name, function in TABLE.items():
        step, measured = function()
        found = list(_differences(step, measured))
        largest = max(abs(away) for *_, away in found)
        kept = largest <= step.error + options.slack
        good &= kept
        texts = " | ".join(text for text, *_ in found)
        mark = "" if kept else " (!)"
        print(f"| {name} | {texts} | {largest:.4f}{mark} | {step.error:.2f} | {step.assumes} |")
    return good

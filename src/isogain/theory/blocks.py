"""More than plain layers: normalization, dropout, residual branches and convolutions in `predict`.

One layer is norm, activation, dropout, weights, composed of the rules of `structure`; with `residual` it is
a branch beside a trunk.  Each rule says what it assumes; `predict` hands that on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np

from isogain.checking import Checks, shown
from isogain.core.activations import Activation
from isogain.theory import structure as rules
from isogain.theory.outlook import TRAINABLE, width_limit
from isogain.theory.pairs import TheoryError
from isogain.theory.structure import Signal, Step

__all__ = ["Curves", "Structure", "curves", "structure_of", "structured_depth"]

CHECKS = Checks(TheoryError)
MOST_POSITIONS = 10**6
"""Of a convolution's input, each followed through every layer."""
Norm = Literal["batch", "layer", "rms"]
NORMS: dict[str, Callable[[Signal], Step]] = {
    "batch": rules.batch_norm,
    "layer": rules.layer_norm,
    "rms": rules.rms_norm,
}


@dataclass(frozen=True)
class Structure:
    """What stands around the weights and the activation of every layer; all off in a plain network."""

    normalization: Norm | None = None
    """Between the weights and the activation (inside a branch: before its activation)."""
    residual: float | None = None
    """a of x + a * f(x); None without a trunk."""
    dropout: float = 0.0
    """Share of a layer's outputs dropped."""
    kernel: int | None = None
    """Side of a convolution's kernel; None for fully connected layers."""
    size: tuple[int, ...] = ()
    """Positions along each axis of what is convolved."""
    padding: Literal["zeros", "circular"] = "zeros"

    @property
    def plain(self) -> bool:
        """Whether there is nothing around the weights."""
        return self == Structure()

    @property
    def positions(self) -> int:
        """Of a convolution in all; 1 for fully connected layers."""
        return math.prod(self.size)

    def __str__(self) -> str:
        parts = [f"{self.normalization} normalization"] if self.normalization else []
        parts += [f"residual branches times {self.residual:.4g}"] if self.residual is not None else []
        parts += [f"dropout {self.dropout:g}"] if self.dropout else []
        if self.kernel:
            sides, places = "x".join([str(self.kernel)] * len(self.size)), "x".join(map(str, self.size))
            parts += [f"{sides} convolutions of {places} positions, {self.padding} padding"]
        return ", ".join(parts)


def structure_of(
    depth: int, normalization: Any, residual: Any, dropout: Any, kernel: Any, size: Any, padding: Any
) -> Structure:
    """The structure that was asked for; TheoryError where it makes no sense."""
    norm = CHECKS.choice("normalization", normalization, (None, "none", *NORMS))
    norm = None if norm == "none" else norm
    scale, share = _branch_scale(residual, depth), float(CHECKS.number("dropout", dropout, least=0, below=1))
    CHECKS.choice("padding", padding, ("zeros", "circular"))
    if kernel is None:
        CHECKS.require(size is None, "size goes with kernel: the positions that a convolution sees")
        return Structure(norm, scale, share)
    return Structure(norm, scale, share, *_convolution(kernel, size), padding)


def _branch_scale(residual: Any, depth: int) -> float | None:
    """The factor on each branch; None where there is none."""
    if residual is None or isinstance(residual, bool):
        return float(depth**-0.5) if residual else None
    name = "residual, the scale of each branch (True: 1 / sqrt(depth)),"
    return float(CHECKS.number(name, residual, above=0, most=1e30))


def _convolution(kernel: Any, size: Any) -> tuple[int, tuple[int, ...]]:
    side = CHECKS.whole("kernel", kernel)
    CHECKS.require(side % 2 == 1, f"kernel must be an odd whole number, got {side}")
    several = isinstance(size, tuple | list)
    sizes = tuple(
        CHECKS.whole("size, the positions of each axis,", one, least=side)
        for one in (size if several else (size,))
    )
    CHECKS.require(bool(sizes), f"size must hold the positions of each axis, at least {side}, got {size!r}")
    most = f"size may hold {MOST_POSITIONS} positions at most, got {shown(sizes)}"
    CHECKS.require(math.prod(sizes) <= MOST_POSITIONS, most)
    return side, sizes


@dataclass(frozen=True)
class Curves:
    """Signals and gradients of every layer at infinite width, and what was assumed on the way."""

    signals: tuple[Signal, ...]
    gradients: tuple[float, ...]
    """Mean square of the gradient, relative to the last layer's."""
    inside: tuple[float, ...]
    """Share of each layer's kernels that does not lie on padding, for the signal that arrives there."""
    behind: tuple[float, ...]
    """The same for the gradient, by the layer that it comes from."""
    assumptions: tuple[str, ...]


def curves(
    phi: Activation, weight: float, bias: float, structure: Structure, depth: int, start: Signal
) -> Curves:
    """The rules of all layers in a row; without a trunk, the first layer is the weights alone."""
    inside = _shares(structure, depth)
    steps: list[Step] = []
    if structure.residual is None:
        steps.append(rules.linear(start, weight * inside[0], bias))
    else:
        steps.append(block(phi, weight * inside[0], bias, structure, start))
    for layer in range(1, depth):
        steps.append(block(phi, weight * inside[layer], bias, structure, steps[-1].after))
    behind = _shares(structure, depth)[::-1]
    trunk = float(structure.residual is not None)
    factors = [
        trunk + (step.gradient - trunk) * back / share
        for step, share, back in zip(steps, inside, behind, strict=True)
    ]
    gradients = np.append(1.0, np.cumprod(factors[:0:-1]))[::-1]
    found = dict.fromkeys(text for step in steps for text in step.assumes.split("; "))
    return Curves(
        tuple(step.after for step in steps), tuple(float(g) for g in gradients), inside, behind, tuple(found)
    )


def _shares(structure: Structure, depth: int) -> tuple[float, ...]:
    """By what zeros around the positions lower the mean variance at each layer."""
    if structure.kernel is None or structure.padding == "circular":
        return (1.0,) * depth
    means = [
        float(rules.padding_profile(structure.size, structure.kernel, layer).mean())
        for layer in range(depth + 1)
    ]
    return tuple(after / before for before, after in pairwise(means))


def block(phi: Activation, weight: float, bias: float, structure: Structure, before: Signal) -> Step:
    """norm, activation, dropout and weights, and the trunk where there is one."""
    parts: list[Step] = []
    if structure.normalization:
        parts.append(NORMS[structure.normalization](before))
    parts.append(rules.activate(parts[-1].after if parts else before, phi))
    if structure.dropout:
        parts.append(rules.dropout(parts[-1].after, structure.dropout))
    parts.append(rules.linear(parts[-1].after, weight, bias))
    branch = _composed(parts)
    return branch if structure.residual is None else rules.shortcut(before, branch, structure.residual)


def _composed(parts: Sequence[Step]) -> Step:
    assumes = "; ".join(dict.fromkeys(text for part in parts for text in part.assumes.split("; ")))
    gradient = math.prod(part.gradient for part in parts)
    return Step(parts[-1].after, gradient, assumes, sum(part.error for part in parts))


def structured_depth(
    found: Curves, phi: Activation, weight: float, bias: float, structure: Structure, spreads: Sequence[float]
) -> tuple[float, str]:
    """The least of six gradient e-folds, six correlation depths where inputs forget, and the width's."""
    limits = [(width_limit(spreads), "one draw strays e-fold from the next")]
    half = len(found.gradients) // 2
    change = math.log(found.gradients[0] / found.gradients[half]) / max(half, 1)
    steps = TRAINABLE / abs(change) if abs(change) > 1e-9 else math.inf
    limits.append((steps, "six e-folds of the gradient"))
    at = found.signals[-1]
    if structure.residual is None and structure.normalization != "batch" and at.correlation > 0.01:
        rate = _correlation_rate(phi, weight, bias, structure, at)
        depth = TRAINABLE / abs(math.log(rate)) if 0 < rate < 1 - 1e-6 else math.inf
        limits.append((depth, "six correlation depths"))
    depth, reason = min(limits, key=lambda pair: pair[0])
    return depth, "nothing in sight that ends it" if math.isinf(depth) else reason


def _correlation_rate(phi: Activation, weight: float, bias: float, structure: Structure, at: Signal) -> float:
    """d c' / d c of one layer at a signal, by a difference towards smaller correlation."""
    step = 1e-4
    lower = Signal(at.mean, at.variance, at.correlation - step)
    here, there = (block(phi, weight, bias, structure, one).after.correlation for one in (at, lower))
    return (here - there) / step

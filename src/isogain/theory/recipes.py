"""From a situation to a recipe: what stands before an activation decides which law its weights want."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from typing import Any, Literal

from isogain.core.activations import Activation, activation
from isogain.core.initializers import (
    DeltaOrthogonal,
    Initializer,
    MirroredOrthogonal,
    Normal,
    Ones,
    Orthogonal,
    VarianceScaling,
    Zeros,
)
from isogain.theory.critical import CriticalPoint, critical_point
from isogain.theory.maps import MeanField
from isogain.theory.mirrored import Mirrored
from isogain.theory.outlook import Outlook, Weights, outlook

__all__ = ["Choice", "Recipe", "Situation", "choose"]

LONGEST = 200
"""Layers that are followed; the growth of the spread is extrapolated beyond."""
STEADY = 0.8
"""Standard deviation of ln(gradient variance) over draws up to which a plain start is called steady."""
SHALLOW = 0.5
"""A plain Gaussian start is advised up to this share of the depth that it trains."""
NEAR_LINEAR = 1.0
"""A mirrored start is advised while its signals shrink or grow less than e-fold (in variance)."""


@dataclass(frozen=True)
class Situation:
    """What was asked about."""

    activation: str
    depth: int
    width: int
    normalization: str | None
    residual: bool
    optimizer: str
    convolutional: bool
    classes: int | None
    weight_clip: float | None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)

    def __str__(self) -> str:
        parts = [f"{self.activation}, {self.depth} {'blocks' if self.residual else 'layers'} of {self.width}"]
        parts += [f"{self.normalization} normalization"] if self.normalization else []
        parts += ["residual"] if self.residual else []
        parts += ["convolutional"] if self.convolutional else []
        return ", ".join([*parts, self.optimizer])


@dataclass(frozen=True)
class Choice:
    """One role of parameters, its initializer, and why."""

    role: str
    initializer: Initializer
    reason: str

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {"role": self.role, "initializer": self.initializer.to_dict(), "reason": self.reason}


@dataclass(frozen=True)
class Recipe:
    """What is advised, and what the theory expects of it."""

    method: str
    choices: tuple[Choice, ...]
    gain: float
    gradient_gain: float
    spread: float | None
    trainable_depth: float
    trainable_reason: str
    weight_std: float
    """Standard deviation of a hidden weight at this width."""
    warnings: tuple[str, ...] = ()
    alternatives: tuple[str, ...] = field(default=())


def choose(phi: Activation, situation: Situation, point: CriticalPoint, mirror: Mirrored) -> Recipe:
    """The recipe for this situation."""
    if situation.normalization and not situation.residual:
        return _normalized(phi, situation)
    if situation.residual:
        return _residual(phi, situation)
    return _plain(phi, situation, point, mirror)


def _law(scale: float) -> Initializer:
    """Gaussian weights of variance scale / fan_in, equal to LeCun's and He's where they are meant."""
    for known in (1.0, 2.0):
        scale = known if math.isclose(scale, known, rel_tol=1e-9) else scale
    return VarianceScaling(scale)


def _orthogonal(scale: float, situation: Situation) -> Initializer:
    law = DeltaOrthogonal if situation.convolutional else Orthogonal
    return law(gain=math.sqrt(scale))


def _bias(variance: float) -> Choice:
    if variance == 0:
        return Choice(
            "bias", Zeros(), "symmetry is broken by the weights; a bias would only add what all inputs share"
        )
    std = math.sqrt(variance)
    return Choice("bias", Normal(std), f"the critical point needs Var[b] = {variance:.4g}")


def _head(situation: Situation, initializer: Initializer | None = None) -> Choice:
    """The last layer: logits small enough that a classifier starts at ln C."""
    classes = f" ln {situation.classes} = {math.log(situation.classes):.3f}" if situation.classes else " ln C"
    reason = f"logits of small variance: a classifier's loss starts near{classes}, and no class is favoured"
    return Choice("last", initializer or VarianceScaling(0.1), reason)


# No normalization, no residual branches: the start alone decides.


def _plain(phi: Activation, situation: Situation, point: CriticalPoint, mirror: Mirrored) -> Recipe:
    at = _working_point(phi, point)
    if at is None:
        return _without_critical_point(phi, situation, mirror)
    gaussian = _expect(phi, at, situation, "gaussian")
    if situation.depth <= SHALLOW * gaussian.trainable_depth and gaussian.gradient_spread < STEADY:
        return _gaussian(phi, situation, at, gaussian, mirror)
    orthogonal = _expect(phi, at, situation, "orthogonal")
    steady = situation.depth <= SHALLOW * orthogonal.trainable_depth and orthogonal.gradient_spread < STEADY
    mirror_holds = mirror.usable and mirror.isometry_error(situation.depth) < NEAR_LINEAR
    if mirror_holds and not steady:
        return _mirrored(phi, situation, mirror, gaussian)
    return _orthogonal_recipe(phi, situation, at, orthogonal)


def _working_point(phi: Activation, point: CriticalPoint) -> CriticalPoint | None:
    """The critical point; for a rectifier that sinks to q = 0, the edge of chaos at q = 1, which holds."""
    if not point.exists or point.stability == "unstable":
        return None
    odd = abs(float(phi(1.0) + phi(-1.0))) < 1e-9
    if point.q == 0 and not odd:
        edge = critical_point(phi, variance=1.0)
        if edge.exists and edge.stable:
            return edge
    return point


@lru_cache(maxsize=64)
def _expect(phi: Activation, at: CriticalPoint, situation: Situation, weights: Weights) -> Outlook:
    weight, bias = _variances(at)
    return outlook(MeanField(phi, weight, bias), min(situation.depth, LONGEST), situation.width, weights)


def _expectations(expected: Outlook, weight_variance: float, situation: Situation) -> dict[str, Any]:
    return {
        "gain": expected.gain,
        "gradient_gain": expected.gradient_gain,
        "spread": expected.spread if math.isfinite(expected.spread) else None,
        "trainable_depth": expected.trainable_depth,
        "trainable_reason": expected.trainable_reason,
        "weight_std": math.sqrt(weight_variance / situation.width),
    }


def _gaussian(
    phi: Activation, situation: Situation, at: CriticalPoint, expected: Outlook, mirror: Mirrored
) -> Recipe:
    weight, bias = _variances(at)
    law = _law(weight)
    reason = f"fan_in Var[w] = {weight:.5g} = 1 / E[phi'^2]: variance and gradients keep their size"
    choices = (Choice("hidden", law, reason), _bias(bias), _head(situation))
    alternatives = ["orthogonal weights of the same gain stray less from the mean"]
    if mirror.linear:
        alternatives.append(
            "mirrored orthogonal: exactly linear at the start, for depths where this one stops"
        )
    return Recipe(
        f"critical Gaussian weights: {situation.depth} layers are well within what they train",
        choices, alternatives=tuple(alternatives), **_expectations(expected, weight, situation),
    )  # fmt: skip


def _orthogonal_recipe(phi: Activation, situation: Situation, at: CriticalPoint, expected: Outlook) -> Recipe:
    weight, bias = _variances(at)
    law = _orthogonal(weight, situation)
    reason = (
        f"gain {math.sqrt(weight):.5g}: chi = 1, and lengths are kept exactly, so that draws hardly differ"
    )
    choices = (Choice("hidden", law, reason), _bias(bias), _head(situation))
    return Recipe(
        "critical orthogonal weights: too deep for Gaussian ones to stay near the mean",
        choices, alternatives=("residual branches or normalization, if the depth is not the point",),
        **_expectations(expected, weight, situation),
    )  # fmt: skip


def _mirrored(phi: Activation, situation: Situation, mirror: Mirrored, gaussian: Outlook | None) -> Recipe:
    """The even part of the activation is cancelled: an orthogonal linear map of any depth."""

    def law(position: Literal["first", "hidden", "last"], gain: float = 1.0) -> Initializer:
        return MirroredOrthogonal(activation=phi.name, position=position, gain=gain)

    usable = phi.source is None and phi == activation(phi.name)
    choices = (
        Choice("first", law("first"), "[Q; -Q]: every unit gets a partner that sees the opposite"),
        Choice("hidden", law("hidden"), f"[[Q, -Q], [-Q, Q]] / {mirror.slope:.4g} leaves phi(z) - phi(-z), "
               + ("a straight line" if mirror.linear else f"linear but for {mirror.curvature:.1%}")),
        Choice("last", law("last", 0.3), "[W, -W], small: the loss starts near that of knowing nothing"),
        Choice("bias", Zeros(), "a bias would break the mirror symmetry"),
    )  # fmt: skip
    rate = mirror.variance_rate
    error = abs(math.log(rate))
    limit = math.inf if mirror.linear else 6 / error
    shallow = f" (Gaussian weights train about {gaussian.trainable_depth:.0f} layers)" if gaussian else ""
    warnings = ["the width must be even; half of it is in use at the start"]
    if not usable:
        warnings.append(
            "the initializer knows activations of the table by name, at their default parameters only"
        )
    return Recipe(
        f"mirrored orthogonal weights: an exact isometry is what depth {situation.depth} needs{shallow}"
        if mirror.linear
        else f"mirrored orthogonal weights: the nearest to an isometry that {phi.name} allows{shallow}",
        choices, math.sqrt(rate), math.sqrt(rate), 0.0, limit,
        "exactly linear at the start" if mirror.linear else "signals shrink as phi(z) - phi(-z) bends",
        1 / (mirror.slope * math.sqrt(situation.width)), tuple(warnings),
        ("residual branches or normalization, if the depth is not the point",),
    )  # fmt: skip


def _without_critical_point(phi: Activation, situation: Situation, mirror: Mirrored) -> Recipe:
    """Sigmoid and its kind: a mirrored start where it is nearly linear, else Xavier and a warning."""
    expected = outlook(MeanField(phi, 1.0), min(situation.depth, LONGEST), situation.width, "gaussian")
    if situation.depth > 3 and mirror.usable and mirror.isometry_error(1) < 0.5:
        return _mirrored(phi, situation, mirror, expected)
    choices = (
        Choice("hidden", VarianceScaling(1.0, "fan_avg"), "no scale is critical; Xavier's saturates least"),
        _bias(0.0), _head(situation),
    )  # fmt: skip
    return Recipe(
        "Xavier, for want of a critical point", choices,
        warnings=(f"{phi.name} has no critical point: normalise before it, or take another activation",),
        **_expectations(expected, 1.0, situation),
    )  # fmt: skip


def _variances(at: CriticalPoint) -> tuple[float, float]:
    assert at.weight_variance is not None
    assert at.bias_variance is not None
    return at.weight_variance, at.bias_variance


# Normalization resets the forward scale at every layer; only gradients are left to care for.


def _normalized(phi: Activation, situation: Situation) -> Recipe:
    moments = phi.moments(1.0)
    centred = situation.normalization in ("batch", "layer", "group", "instance")
    spread = (
        moments.variance
        if situation.normalization in ("batch", "group", "instance")
        else moments.second.value
    )
    factor = moments.slope_second.value / spread
    gain = 1 / moments.second.value
    reason = "the normalization divides its scale away; this one also suits the first step's relative size"
    choices = (
        Choice("hidden", _law(gain), f"fan_in Var[w] = 1 / E[phi^2] = {gain:.4g}: {reason}"),
        Choice("bias", Zeros(), "the normalization's shift does its work" if centred else "not needed yet"),
        Choice("norm scale", Ones(), "unit variance before every activation"),
        Choice("norm shift", Zeros(), "centred before every activation"),
        _head(situation),
    )  # fmt: skip
    reach = 6 / abs(math.log(factor)) if abs(factor - 1) > 1e-9 else math.inf
    warnings = []
    if situation.normalization == "batch":
        warnings.append("the gradient's growth is that of a large batch; small batches add to it")
    return Recipe(
        f"any scale works forward behind {situation.normalization} normalization; gradients grow "
        f"{factor:.4g}-fold (variance) a layer, which only residual branches undo",
        choices, 1.0, math.sqrt(factor), None, reach, "six e-folds of the gradient's variance",
        math.sqrt(gain / situation.width), tuple(warnings),
        ("residual branches around every two layers, with norm scale 0 at the end of each branch",),
    )  # fmt: skip


# Residual branches: the trunk is the isometry, and branches must be small together.


def _residual(phi: Activation, situation: Situation) -> Recipe:
    blocks = situation.depth
    scale = 1 / phi.moments(1.0).second.value
    inner = _law(scale)
    growth = (1 + 1 / blocks) ** blocks
    layer = "of the normalised input" if situation.normalization else "of the trunk"
    choices = [
        Choice("hidden", inner, f"fan_in Var[w] = {scale:.4g}: inside a branch the variance {layer} is kept"),
        Choice(
            "branch output", VarianceScaling(scale / blocks),
            f"1 / sqrt(L) smaller, L = {blocks}: all branches together add as much variance as the "
            "trunk carries",
        ),
        _bias(0.0),
        _head(situation),
    ]  # fmt: skip
    if situation.normalization:
        zero = "every block starts as the identity (or keep 1 here and the small branch output)"
        choices.insert(2, Choice("norm scale", Ones(), "1 everywhere else"))
        choices.insert(3, Choice("last norm scale of a branch", Zeros(), zero))
    return Recipe(
        f"branches scaled by 1 / sqrt({blocks}): variance grows at most {growth:.3g}-fold over all blocks",
        tuple(choices), (1 + 1 / blocks) ** 0.5, (1 + 1 / blocks) ** 0.5, None, math.inf,
        "the trunk carries signals and gradients past any number of branches",
        math.sqrt(scale / situation.width),
        alternatives=(
            "zero branch outputs: an exact identity at the start (SkipInit, ReZero, Fixup's last layer)",
            "1 / L instead of 1 / sqrt(L) where branches come to pull in the same direction in training",
        ),
    )  # fmt: skip

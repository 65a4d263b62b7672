"""The recipe of a plain network, where the start alone decides: the one that `plan` writes.

Few layers get Gaussian weights that keep the size of signals; many get the isometry of `deep_start`.
"""

from __future__ import annotations

import math
from typing import Any, Literal

from isogain.core.activations import Activation
from isogain.core.initializers import (
    DeltaOrthogonal,
    Initializer,
    MirroredOrthogonal,
    Normal,
    Orthogonal,
    VarianceScaling,
    Zeros,
)
from isogain.theory.deep_start import LOGITS, DeepStart, deep_start, is_deep, width_spread
from isogain.theory.maps import MeanField
from isogain.theory.mirrored import Mirrored, known_by_name
from isogain.theory.outlook import TRAINABLE, outlook
from isogain.theory.situation import Choice, Recipe, Situation

__all__ = ["head", "no_bias", "plain"]

FIRST = "inputs of second moment 1 become pre-activations of the size that every layer keeps"


def plain(phi: Activation, situation: Situation, mirror: Mirrored) -> Recipe:
    """Gaussian while the whole width may take part, an isometry where it is worth half of it."""
    depth, width = situation.depth, situation.width
    if not is_deep(depth, width_spread(depth - 1, width)):
        return _shallow(phi, situation)
    start = deep_start(phi, depth, width)
    if start.kind == "mirrored":
        return _mirrored(phi, situation, mirror, start)
    return _even(phi, situation, start)


def no_bias() -> Choice:
    """Zeros."""
    reason = "symmetry is broken by the weights; a bias would only add what all inputs share"
    return Choice("bias", Zeros(), reason)


def head(situation: Situation, initializer: Initializer | None = None) -> Choice:
    """The last layer: logits small enough that a classifier starts at ln C."""
    classes = f" ln {situation.classes} = {math.log(situation.classes):.3f}" if situation.classes else " ln C"
    reason = f"logits of small variance: a classifier's loss starts near{classes}, and no class is favoured"
    return Choice("last", initializer or VarianceScaling(0.1), reason)


def _law(scale: float) -> Initializer:
    """Gaussian weights of variance scale / fan_in, equal to LeCun's and He's where they are meant."""
    near = next((known for known in (1.0, 2.0) if math.isclose(scale, known, rel_tol=1e-9)), scale)
    return VarianceScaling(_tidy(near))


def _tidy(value: float) -> float:
    return float(f"{value:.9g}")


def _shallow(phi: Activation, situation: Situation) -> Recipe:
    scale = phi.gain() ** 2
    reason = f"fan_in Var[w] = {scale:.5g} = 1 / E[phi^2]: signals keep their size"
    choices = (
        Choice("first", _law(1.0), FIRST), Choice("hidden", _law(scale), reason),
        Choice("bias", no_bias().initializer, no_bias().reason), head(situation, _law(LOGITS**2 * scale)),
    )  # fmt: skip
    expected = outlook(MeanField(phi, scale), situation.depth, situation.width, "gaussian", 1 / scale)
    return Recipe(
        f"Gaussian weights that keep the size of signals: {situation.depth} layers are few",
        choices, expected.gain, expected.gradient_gain,
        expected.spread if math.isfinite(expected.spread) else None,
        expected.trainable_depth, expected.trainable_reason, math.sqrt(scale / situation.width),
        alternatives=("orthogonal weights of the same gain stray less from the mean",),
    )  # fmt: skip


def _even(phi: Activation, situation: Situation, start: DeepStart) -> Recipe:
    """Orthogonal weights at the scale of this depth, or Gaussian ones where there is no better."""
    bias = Choice("bias", Normal(math.sqrt(start.bias_variance)), "the critical point has it")
    choices = (
        Choice("first", _matrix(start, start.first_gain, situation), FIRST),
        Choice("hidden", _matrix(start, start.gain, situation), f"gain {start.gain:.5g}: {start.reason}"),
        bias if start.bias_variance else no_bias(),
        head(situation, _matrix(start, start.last_gain, situation)),
    )  # fmt: skip
    kind = "orthogonal" if start.kind == "orthogonal" else "Gaussian"
    return Recipe(
        f"{kind} weights at the scale of this depth: too deep for Gaussian ones to stay near the mean"
        if kind == "orthogonal" else f"Gaussian weights, for want of an isometry: {phi.name} allows none",
        choices, **_expected(start, situation), weight_std=start.gain / math.sqrt(situation.width),
        warnings=_doubts(phi, start, situation), alternatives=INSTEAD,
    )  # fmt: skip


INSTEAD = ("residual branches or normalization, if the depth is not the point",)


def _matrix(start: DeepStart, gain: float, situation: Situation) -> Initializer:
    if start.kind == "gaussian":
        return _law(gain**2)
    law = DeltaOrthogonal if situation.convolutional else Orthogonal
    return law(gain=_tidy(gain))


def _doubts(phi: Activation, start: DeepStart, situation: Situation) -> tuple[str, ...]:
    if start.kind != "gaussian":
        return ()
    return (f"{phi.name} has no critical point: normalise before it, or take another activation",)


def _expected(start: DeepStart, situation: Situation) -> dict[str, Any]:
    """Signals keep their size by construction; what the gradient grows by, and what that allows."""
    rate = start.growth ** (1 / situation.depth)
    steady = abs(math.log(start.growth)) <= 1 + 1e-9
    reach = math.inf if steady else TRAINABLE / abs(math.log(rate))
    if start.spread > 1:
        reach = min(reach, situation.depth / start.spread**2)
    reason = "the scale is chosen for this depth" if math.isinf(reach) else "gradients or draws stray"
    return {
        "gain": 1.0, "gradient_gain": math.sqrt(rate), "spread": start.spread,
        "trainable_depth": reach, "trainable_reason": reason,
    }  # fmt: skip


def _mirrored(phi: Activation, situation: Situation, mirror: Mirrored, start: DeepStart) -> Recipe:
    """The even part of the activation is cancelled: an orthogonal map of any depth, linear or nearly so."""
    name, unit = known_by_name(phi)

    def law(position: Literal["first", "hidden", "last"], gain: float) -> Initializer:
        if position == "first":
            return MirroredOrthogonal(activation="relu", position=position, gain=_tidy(gain))
        return MirroredOrthogonal(activation=name, position=position, gain=_tidy(gain / unit))

    bends = "a straight line" if mirror.linear else f"at variance {start.q:.3g} nearly one"
    choices = (
        Choice("first", law("first", start.first_gain), "[Q; -Q]: every unit gets a partner that sees the "
               "opposite"),
        Choice("hidden", law("hidden", start.gain), f"[[Q, -Q], [-Q, Q]] / {mirror.slope / start.gain:.4g} "
               f"leaves phi(z) - phi(-z), {bends}"),
        Choice("last", law("last", start.last_gain), "[W, -W], small: the loss starts near that of knowing "
               "nothing"),
        Choice("bias", Zeros(), "a bias would break the mirror symmetry"),
    )  # fmt: skip
    what = "an exact isometry" if mirror.linear else f"the nearest to an isometry that {phi.name} allows"
    return Recipe(
        f"mirrored orthogonal weights: {what}, which {situation.depth} layers need",
        choices, **_expected(start, situation),
        weight_std=start.gain / (mirror.slope * math.sqrt(situation.width)),
        warnings=("the width must be even; half of it is in use at the start",), alternatives=INSTEAD,
    )  # fmt: skip

"""`advise`: which initializer for which role, why, and what to expect of it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from isogain.checking import Checks
from isogain.core.activations import Activation
from isogain.core.activations import activation as find_activation
from isogain.core.initializers import Initializer
from isogain.rendering import Shown
from isogain.theory import recipes
from isogain.theory.answers import Answer, answer_all
from isogain.theory.critical import CriticalPoint, critical_point
from isogain.theory.mirrored import Mirrored, mirrored
from isogain.theory.pairs import TheoryError
from isogain.theory.rates import RateRange, stack_rates
from isogain.theory.situation import Choice, Recipe, Situation

__all__ = ["Advice", "advise"]

SCHEMA = "isogain.theory.advice/1"
NORMALIZATIONS = (None, "batch", "layer", "rms", "group", "instance")
CLASSES = 10
"""Outputs that are assumed where nothing is said of them."""
CHECKS = Checks(TheoryError)
OPTIMIZERS = ("sgd", "momentum", "adam", "adamw", "rmsprop", "adagrad", "lion", "muon", "lbfgs")


@dataclass(frozen=True)
class Advice(Shown):
    """An initializer for each role with reasons, what to expect, and the questions users ask, answered.

    `gain_per_layer` is the expected factor on the root mean square of a signal in one hidden layer,
    `gradient_gain_per_layer` the same for the gradient on its way back, `spread` the standard deviation
    of ln(variance) of the last layer over draws of the network (None where it was not predicted),
    `trainable_depth` in layers (inf: no limit found).
    """

    shown_as: ClassVar[str] = "advice"
    situation: Situation
    method: str
    choices: tuple[Choice, ...]
    critical: CriticalPoint
    mirrored: Mirrored
    gain_per_layer: float
    gradient_gain_per_layer: float
    spread: float | None
    trainable_depth: float
    trainable_reason: str
    warnings: tuple[str, ...]
    alternatives: tuple[str, ...]
    answers: tuple[Answer, ...]
    rates: tuple[RateRange, ...] = ()
    """Learning rates that train a plain network so started, by family of optimizers; else empty."""

    def __getitem__(self, role: str) -> Initializer:
        """The initializer of a role: advice["hidden"]."""
        for choice in self.choices:
            if choice.role == role:
                return choice.initializer
        known = ", ".join(choice.role for choice in self.choices)
        raise TheoryError(f"this advice has no role {role!r}; it has: {known}")

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready, with a schema version; initializers as `Initializer.to_dict`, infinite depth None."""
        return {
            "schema": SCHEMA,
            "situation": self.situation.to_dict(),
            "method": self.method,
            "choices": [choice.to_dict() for choice in self.choices],
            "critical_point": self.critical.to_dict(),
            "mirrored": {"linear": self.mirrored.linear, "curvature": self.mirrored.curvature},
            "gain_per_layer": self.gain_per_layer,
            "gradient_gain_per_layer": self.gradient_gain_per_layer,
            "spread": self.spread,
            "trainable_depth": self.trainable_depth if math.isfinite(self.trainable_depth) else None,
            "trainable_reason": self.trainable_reason,
            "warnings": list(self.warnings),
            "alternatives": list(self.alternatives),
            "rates": [one.to_dict() for one in self.rates],
            "answers": [{"question": one.question, "answer": one.answer} for one in self.answers],
        }

    def records(self) -> Iterator[dict[str, Any]]:
        """Its choices: role, initializer, reason."""
        for choice in self.choices:
            yield {"role": choice.role, "initializer": str(choice.initializer), "reason": choice.reason}

    def __repr__(self) -> str:
        return f"<Advice for {self.situation}: {self.method}>"

    def __str__(self) -> str:
        lines = [f"{self.situation}: {self.method}", ""]
        for choice in self.choices:
            lines += [f"  {choice.role:<16} {choice.initializer!r}", f"  {'':<16} {choice.reason}"]
        limit = (
            "no limit found"
            if math.isinf(self.trainable_depth)
            else f"about {self.trainable_depth:.0f} layers"
        )
        lines += [
            "",
            f"  expected gain per layer: signals {self.gain_per_layer:.4f}, gradients "
            f"{self.gradient_gain_per_layer:.4f}",
            f"  expected trainable depth: {limit} ({self.trainable_reason})",
        ]
        if self.spread is not None:
            lines.append(
                f"  one draw differs from the next by a factor {math.exp(self.spread / 2):.2f} in signal size"
            )
        lines += [f"  learning rate of {one}" for one in self.rates]
        lines += [f"  warning: {text}" for text in self.warnings]
        lines += [f"  or: {text}" for text in self.alternatives]
        return "\n".join(lines)


def advise(
    activation: Any = "relu",
    depth: int = 10,
    width: int = 256,
    *,
    normalization: Literal["batch", "layer", "rms", "group", "instance"] | None = None,
    residual: bool = False,
    optimizer: str = "sgd",
    convolutional: bool = False,
    classes: int | None = None,
    weight_clip: float | None = None,
) -> Advice:
    """Which initializer for which role in a network of this kind, with reasons and expectations.

    `depth` counts layers with weights (residual blocks for `residual=True`), `width` units (channels);
    `normalization` is what stands before every activation or block; `classes` the number of outputs of a
    classifier; `weight_clip` a bound that training will put on every weight.  Raises TheoryError for
    what is out of range or unknown.

    >>> advise("relu", depth=5, width=100)["hidden"]
    VarianceScaling(scale=2.0, mode='fan_in', distribution='normal')
    """
    phi = find_activation(activation)
    situation = _situation(
        phi, depth, width, normalization, residual, optimizer, convolutional, classes, weight_clip
    )
    point, mirror = critical_point(phi), mirrored(phi)
    recipe = recipes.choose(phi, situation, mirror)
    return Advice(
        situation, recipe.method, recipe.choices, point, mirror,
        recipe.gain, recipe.gradient_gain, recipe.spread, recipe.trainable_depth, recipe.trainable_reason,
        recipe.warnings + _warnings(recipe, situation), recipe.alternatives,
        answer_all(phi, situation, point, mirror, recipe), _rates(situation),
    )  # fmt: skip


def _rates(situation: Situation) -> tuple[RateRange, ...]:
    """What depth and width say of learning rates; nothing where norms or skips decide."""
    if situation.normalization or situation.residual or situation.convolutional:
        return ()
    return stack_rates(situation.depth, situation.width, situation.classes or CLASSES)


def _situation(
    phi: Activation, depth: Any, width: Any, normalization: Any, residual: Any, optimizer: Any,
    convolutional: Any, classes: Any, weight_clip: Any,
) -> Situation:  # fmt: skip
    depth = CHECKS.whole("depth", depth, most=10**6)
    width = CHECKS.whole("width", width, least=2, most=10**6)
    if classes is not None:
        classes = CHECKS.whole("classes", classes, least=2, most=10**6)
    CHECKS.choice("normalization", normalization, (*NORMALIZATIONS, "none"))
    optimizer = optimizer.lower() if isinstance(optimizer, str) else optimizer
    if weight_clip is not None:
        weight_clip = float(CHECKS.number("weight_clip", weight_clip, above=0))
    return Situation(
        str(phi), depth, width, None if normalization == "none" else normalization,
        CHECKS.flag("residual", residual), CHECKS.choice("optimizer", optimizer, OPTIMIZERS),
        CHECKS.flag("convolutional", convolutional), classes, weight_clip,
    )  # fmt: skip


def _warnings(recipe: Recipe, situation: Situation) -> tuple[str, ...]:
    found = []
    if situation.depth > recipe.trainable_depth:
        found.append(
            f"{situation.depth} layers are beyond the trainable depth of about {recipe.trainable_depth:.0f} "
            f"({recipe.trainable_reason}): add residual branches or normalization, widen, or use fewer layers"
        )
    clip, std = situation.weight_clip, recipe.weight_std
    if clip is not None and std and clip < 3 * std:
        found.append(
            f"clipping weights at {clip:g} cuts into the start (std {std:.3g}): clip no lower than "
            f"{4 * std:.2g}"
        )
    return tuple(found)

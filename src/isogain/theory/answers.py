"""The questions users ask about initial weights, answered with the numbers of their own network."""

from __future__ import annotations

import math
from dataclasses import dataclass

from isogain.core.activations import Activation
from isogain.rendering import Line
from isogain.theory.critical import CriticalPoint
from isogain.theory.maps import log_second
from isogain.theory.mirrored import Mirrored
from isogain.theory.situation import Recipe, Situation

__all__ = ["Answer", "answer_all"]


@dataclass(frozen=True)
class Answer(Line):
    """One question and its answer for the network at hand."""

    question: str
    answer: str

    def __str__(self) -> str:
        return f"{self.question} {self.answer}"


def answer_all(
    phi: Activation, situation: Situation, point: CriticalPoint, mirror: Mirrored, recipe: Recipe
) -> tuple[Answer, ...]:
    """All the answers, in the order in which the questions usually come."""
    return (
        Answer("How much does the initialization matter here?", _how_much(phi, situation)),
        Answer("Which initialization suits this network?", _which(recipe)),
        Answer("How does one choose in general?", _how(situation, recipe)),
        Answer("How does it go together with this activation?", _activation(phi, point, mirror)),
        Answer("How does it go together with weight and gradient clipping?", _clipping(situation, recipe)),
        Answer("How does it go together with this optimizer?", _optimizer(situation, recipe)),
    )


def _how_much(phi: Activation, situation: Situation) -> str:
    """What popular scales do to the signal after all layers, by the variance map."""
    if situation.normalization:
        return (
            f"Forward, little: {situation.normalization} normalization removes any scale. It still "
            "decides the first "
            "steps' relative size, and nothing repairs units that start alike."
        )
    if situation.residual:
        return (
            "Less than in a plain network: the trunk passes signals on. What counts is how much branches add."
        )
    n, depth = situation.width, situation.depth
    scales = (("std 0.01", 1e-4 * n), ("std 1", float(n)), ("Xavier", 1.0), ("He", 2.0))
    found = "; ".join(f"{name}: {_fate(phi, variance, depth)}" for name, variance in scales)
    return f"After {depth} layers of {n}, the size of a signal that starts at 1: {found}."


def _fate(phi: Activation, weight_variance: float, depth: int) -> str:
    """How large the pre-activations of the last layer are, or where they were lost."""
    log_weight = math.log(weight_variance)
    log_q = log_weight
    for layer in range(1, min(depth, 1000)):
        if not LOST < log_q < BURST:
            return f"{'vanished' if log_q < 0 else 'exploded'} by layer {layer}"
        before, log_q = log_q, log_weight + log_second(phi, log_q)
        if abs(log_q - before) < 1e-9:
            break
    return f"{math.exp(log_q / 2):.2g}"


LOST, BURST = math.log(1e-20), math.log(1e10)
"""ln of the variances at which a signal counts as vanished (1e-10 of its size) or exploded."""


def _which(recipe: Recipe) -> str:
    roles = "; ".join(f"{choice.role}: {choice.initializer!r}" for choice in recipe.choices)
    return f"{recipe.method[0].upper()}{recipe.method[1:]}. {roles}."


def _how(situation: Situation, recipe: Recipe) -> str:
    """Structure first, then task, then training."""
    structure = (
        "Structure first: behind normalization the scale is free, in residual networks the "
        "branches' sum counts, "
        "in plain ones only the critical point survives depth, and the spread between draws grows "
        "like depth / width."
    )
    task = "Task: the last layer starts small, so that the loss starts at that of a constant answer"
    task += f" (ln {situation.classes} = {math.log(situation.classes):.3f})." if situation.classes else "."
    training = "Training: the deeper, the smaller the learning rate, about in proportion to 1 / depth."
    return f"{structure} {task} {training}"


def _activation(phi: Activation, point: CriticalPoint, mirror: Mirrored) -> str:
    shape = "linear" if mirror.linear else "not linear" if mirror.usable else "0"
    moments = phi.moments(1.0)
    ratio = moments.slope_second.value / moments.second.value
    kept = (
        f"Keeping only the forward variance (gain {phi.gain():.4f}) would multiply the gradient's "
        "variance by "
        f"{ratio:.4f} a layer."
        if moments.second.value > 0 else ""
    )  # fmt: skip
    return f"{point} {kept} Mirrored, phi(z) - phi(-z) is {shape}."


def _clipping(situation: Situation, recipe: Recipe) -> str:
    std = recipe.weight_std
    text = (
        f"Hidden weights start at std {std:.3g}. Clipping weights at {4 * std:.2g} (4 std) or "
        "above leaves the start as "
        "it is; below 2 std it shrinks every layer's gain. Clipping guards against explosion later "
        "in training, and "
        "gradient clipping against single large steps; neither revives a signal that vanished, so "
        "they come after a good start."
    )
    clip = situation.weight_clip
    return text if clip is None else f"{text} {_at_clip(clip, std)}"


def _at_clip(clip: float, std: float) -> str:
    """What a clip at this height does to a Gaussian start: share cut and variance left."""
    height = clip / std
    outside = math.erfc(height / math.sqrt(2))
    inside_power = 1 - outside - height * math.sqrt(2 / math.pi) * math.exp(-0.5 * height**2)
    left = inside_power + height**2 * outside
    return (
        f"At {clip:g} ({height:.2g} std) a Gaussian start loses {outside:.2%} of its weights to the bound "
        f"and keeps {left:.2%} of its variance: each layer's gain is multiplied by {math.sqrt(left):.3f}."
    )


def _optimizer(situation: Situation, recipe: Recipe) -> str:
    per_weight = 1e-3 * recipe.weight_std
    adaptive = situation.optimizer in ("adam", "adamw", "rmsprop", "adagrad", "lion")
    if adaptive:
        return (
            f"{situation.optimizer} moves every weight by about the learning rate whatever its "
            "gradient's size, so gradients "
            "that differ between layers matter less, dead signals as much as ever. A thousandth of "
            "the weights' own size "
            f"is a learning rate of about {per_weight:.1g} for hidden weights of std {recipe.weight_std:.3g}."
        )
    if situation.optimizer == "muon":
        return (
            "muon makes every update orthogonal, so an orthogonal start and its updates have the same shape."
        )
    drift = recipe.gradient_gain ** (situation.depth - 1)
    return (
        f"{situation.optimizer} moves a weight in proportion to its gradient: over the depth, "
        "gradients change "
        f"{drift:.2g}-fold by this start, and one learning rate serves all layers only while that is near 1."
    )

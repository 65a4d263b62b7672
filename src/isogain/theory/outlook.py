"""The few numbers that say how deep a network trains: gains, spreads, trainable depth."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from isogain.core.activations.quadrature import Floats
from isogain.theory.finite_width import COARSE, Ensemble, layer_table
from isogain.theory.maps import FixedPoint, MeanField
from isogain.theory.pairs import TheoryError

__all__ = ["TRAINABLE", "WIDE_SPREAD", "Outlook", "Weights", "outlook", "trainable_depth", "width_limit"]

Weights = Literal["gaussian", "orthogonal"]
TRAINABLE = 6.0
"""A network trains to about six correlation depths (Schoenholz et al. 2017)."""
MANY, FEW, LONG = 512, 256, 64
"""Members of the ensemble behind an outlook, which wants two digits; fewer in networks of many layers."""
WIDE_SPREAD = 1.0
"""Standard deviation of ln q from which one draw of a network differs from the next by a factor e."""


@dataclass(frozen=True)
class Outlook:
    """The few numbers about a network that advice needs, without its curves."""

    gain: float
    gradient_gain: float
    spread: float
    """Standard deviation of ln q at the last layer."""
    gradient_spread: float
    """Standard deviation of ln g at the first layer."""
    trainable_depth: float
    trainable_reason: str


def outlook(
    field: MeanField, depth: int, width: int, weights: Weights, input_variance: float = 1.0
) -> Outlook:
    """What `predict` would say in short, in a fraction of its time.

    Where signals or gradients of some networks are lost altogether, the trainable depth is 1.
    """
    try:
        return _outlook(field, max(depth, 2), width, weights, input_variance)
    except TheoryError:
        q = field.weight_variance * input_variance + field.bias_variance
        gains = math.sqrt(field.variance(q) / q), math.sqrt(field.chi(q))
        return Outlook(*gains, math.inf, math.inf, 1.0, "signals of some draws are lost or explode")


def _outlook(field: MeanField, depth: int, width: int, weights: Weights, input_variance: float) -> Outlook:
    widths = (width,) * (depth + 1)
    members = FEW if depth > LONG else MANY
    paths = Ensemble(field, widths, weights == "orthogonal", members, COARSE).run(input_variance)
    table, log_q = (
        layer_table(field, COARSE),
        math.log(field.weight_variance * input_variance + field.bias_variance),
    )
    start, log_gradient = log_q, 0.0
    for _ in range(depth - 1):
        row = table.at(np.array([log_q]))
        log_q, log_gradient = float(row[0, 0]), log_gradient + float(row[1, 0])
    spreads, back = paths.spreads()
    reach, reason = trainable_depth(field.settle(math.exp(start)), spreads)
    return Outlook(
        math.exp((log_q - start) / (2 * (depth - 1))), math.exp(log_gradient / (2 * (depth - 1))),
        float(spreads[-1]), float(back[0]), reach, reason,
    )  # fmt: skip


def trainable_depth(fixed: FixedPoint, spreads: Sequence[float] | Floats) -> tuple[float, str]:
    """The lesser of six depth scales and the depth at which one draw of the network differs e-fold."""
    limits = [(TRAINABLE * fixed.correlation_depth, "six correlation depths")]
    if abs(fixed.variance_rate) > 1 + 1e-9 or fixed.variance in (0.0, math.inf):
        limits.append((TRAINABLE * fixed.variance_depth, "six variance depths"))
    limits.append((width_limit(spreads), f"one draw strays {math.e:.2g}-fold from the next"))
    depth, reason = min(limits, key=lambda pair: pair[0])
    return depth, "critical, and the width holds" if math.isinf(depth) else reason


def width_limit(spreads: Sequence[float] | Floats) -> float:
    """Where the spread of ln q passes 1, by its growth over the second half of the layers."""
    variances = np.square(np.asarray(spreads))
    beyond = np.flatnonzero(variances >= WIDE_SPREAD**2)
    if len(beyond):
        return float(beyond[0] + 1)
    half = len(variances) // 2
    span = len(variances) - 1 - half
    growth = float(variances[-1] - variances[half]) / span if span else 0.0
    return math.inf if growth <= 1e-6 else len(variances) + float(WIDE_SPREAD**2 - variances[-1]) / growth

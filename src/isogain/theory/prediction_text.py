"""A Prediction in words: a head, a verdict, and a dozen of its layers as a table."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from isogain.theory.maps import FixedPoint

if TYPE_CHECKING:
    from isogain.theory.prediction import LayerPrediction, Prediction

__all__ = ["as_text", "picked", "verdict", "widths_text"]

LAYERS = 12
"""Layers that a table of a prediction shows."""


def as_text(prediction: Prediction) -> str:
    """What `print` shows: every number is the typical one, that of the middle network of this width."""
    one = prediction
    head = (
        f"{one.activation}, {one.depth} layers of {widths_text(one.widths)}, {one.weights} weights: "
        f"weight variance {one.weight_variance:.5g} / fan_in, bias variance {one.bias_variance:.5g}"
    )
    scales = str(one.structure) if one.fixed_point is None else _scales(one.fixed_point)
    band = f"{'95 % of networks':>21}"
    title = f"{'layer':>5}  {'typical q':>10}  {band}  {'correlation':>11}  {'gradient':>9}  {band}"
    rows = [_row(layer) for layer in picked(one.layers)]
    hidden = len(one.layers) - len(rows)
    more = [f"{hidden} layers between them; .layers or .to_frame() has all"] if hidden else []
    return "\n".join([head, scales, one.verdict, "", title, *rows, *more])


def verdict(prediction: Prediction) -> str:
    """One sentence on what a typical network of this kind will do."""
    first, last, reach = prediction.layers[0], prediction.layers[-1], prediction.trainable_depth
    forward = math.log10(last.typical_variance / first.typical_variance) / 2
    backward = math.log10(first.typical_gradient_variance / last.typical_gradient_variance) / 2
    said = f"signals {_change(forward)} and gradients {_change(backward)} on the way back"
    limit = "any depth" if math.isinf(reach) else f"about {reach:.0f} layers"
    within = prediction.depth <= reach
    depth = f"trainable to {limit}" if within else f"beyond the trainable depth of {limit}"
    return f"Over {prediction.depth} layers {said}; {depth} ({prediction.trainable_reason})."


def _scales(point: FixedPoint) -> str:
    return (
        f"{point.phase}; settles, in infinite width, at q = {point.variance:.4g}, correlation "
        f"{1 - point.distance:.4g}; "
        f"depth scales: variance {point.variance_depth:.4g}, correlation {point.correlation_depth:.4g}, "
        f"gradient {point.gradient_depth:.4g} layers"
    )


def _change(orders: float) -> str:
    if abs(orders) < math.log10(2):
        return "keep their size"
    return f"{'grow' if orders > 0 else 'shrink'} {10 ** abs(orders):.2g}-fold"


def widths_text(widths: tuple[int, ...]) -> str:
    """The one width of all layers, or the least and the largest."""
    return str(widths[0]) if len(set(widths)) == 1 else f"{min(widths)} to {max(widths)}"


def picked(layers: tuple[LayerPrediction, ...], most: int = LAYERS) -> list[LayerPrediction]:
    """At most so many layers, evenly spread, the first and last always among them."""
    places = np.unique(np.linspace(0, len(layers) - 1, min(most, len(layers))).round().astype(int))
    return [layers[i] for i in places]


def _row(layer: LayerPrediction) -> str:
    def band(ends: tuple[float, float]) -> str:
        return f"{ends[0]:>9.3g} … {ends[1]:<9.3g}"

    return (
        f"{layer.layer:>5}  {layer.typical_variance:>10.4g}  {band(layer.variance_band):>21}  "
        f"{layer.correlation:>11.5f}  {layer.typical_gradient_variance:>9.3g}  "
        f"{band(layer.gradient_band):>21}"
    )

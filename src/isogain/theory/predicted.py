"""A Prediction: curves with bands for every layer, and in words a head, a verdict, a dozen of the layers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np

from isogain.rendering import Line, Shown
from isogain.theory.blocks import Structure
from isogain.theory.maps import FixedPoint
from isogain.theory.outlook import Weights

__all__ = ["Band", "LayerPrediction", "Prediction", "picked", "widths_text"]

SCHEMA = "isogain.theory.prediction/1"
Band = tuple[float, float]
LAYERS = 12
"""Layers that a table of a prediction shows."""


@dataclass(frozen=True)
class LayerPrediction(Line):
    """One layer: pre-activation variance, correlation of two inputs, gradient variance, with 95 % bands.

    `variance` is the mean field's, `typical_variance` exp E[ln q] over networks of this width.
    `correlation_band` is None where its first-order theory makes no claim (ln q1 spreads beyond 1, or the
    inputs have become one).  `gradient_variance` is the mean square of d loss / d pre-activation relative
    to the last layer's.
    """

    layer: int
    width: int
    variance: float
    typical_variance: float
    variance_band: Band
    correlation: float
    correlation_band: Band | None
    gradient_variance: float
    typical_gradient_variance: float
    gradient_band: Band
    log_variance_spread: float
    """Standard deviation of ln q over networks."""
    log_gradient_spread: float

    def __str__(self) -> str:
        return (
            f"layer {self.layer} of {self.width}: variance {self.typical_variance:.3g}, correlation "
            f"{self.correlation:.3g}, gradient variance {self.typical_gradient_variance:.3g}"
        )


@dataclass(frozen=True)
class Prediction(Shown):
    """Curves with bands for every layer, where signals settle, and how deep such a network trains."""

    shown_as: ClassVar[str] = "prediction"

    activation: str
    weight_variance: float
    bias_variance: float
    depth: int
    widths: tuple[int, ...]
    weights: Weights
    input_variance: float
    input_correlation: float
    layers: tuple[LayerPrediction, ...]
    structure: Structure
    fixed_point: FixedPoint | None
    """Where the signals of a plain network settle; None with normalization, dropout, branches, kernels."""
    trainable_depth: float
    trainable_reason: str
    assumptions: tuple[str, ...]

    @property
    def gain_per_layer(self) -> float:
        """Geometric mean over layers of the factor on the root mean square of the pre-activations."""
        return _per_layer([layer.variance for layer in self.layers])

    @property
    def gradient_gain_per_layer(self) -> float:
        """Geometric mean of the factor on the root mean square of the gradient, one layer back."""
        return _per_layer([layer.gradient_variance for layer in reversed(self.layers)])

    @property
    def verdict(self) -> str:
        """One sentence on what will happen."""
        return verdict_of(self)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready, with a schema version; infinite depths are None."""
        plain = asdict(self)
        plain["trainable_depth"] = _finite(self.trainable_depth)
        if self.fixed_point is not None:
            plain["fixed_point"] = _described(self.fixed_point, plain["fixed_point"])
        return {"schema": SCHEMA, **plain, "verdict": self.verdict}

    def records(self) -> Iterator[dict[str, Any]]:
        """Its layers, with both ends of each band in columns of their own."""
        for layer in self.layers:
            plain = asdict(layer)
            for name in ("variance_band", "correlation_band", "gradient_band"):
                low, high = plain.pop(name) or (math.nan, math.nan)
                plain |= {f"{name}_low": low, f"{name}_high": high}
            yield plain

    def __str__(self) -> str:
        return as_text(self)

    def __repr__(self) -> str:
        reach = "any depth" if math.isinf(self.trainable_depth) else f"{self.trainable_depth:.0f} layers"
        what = f"{self.depth} {self.activation} layers of {widths_text(self.widths)}"
        return f"<Prediction of {what}: trains to {reach}>"


def _described(point: FixedPoint, numbers: dict[str, Any]) -> dict[str, Any]:
    scales = {
        "variance": _finite(point.variance_depth),
        "correlation": _finite(point.correlation_depth),
        "gradient": _finite(point.gradient_depth),
    }
    return {**{k: _finite(v) for k, v in numbers.items()}, "phase": point.phase, "depth_scales": scales}


def _per_layer(curve: Sequence[float]) -> float:
    return (curve[-1] / curve[0]) ** (0.5 / (len(curve) - 1)) if len(curve) > 1 else 1.0


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


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


def verdict_of(prediction: Prediction) -> str:
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

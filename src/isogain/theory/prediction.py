"""`predict`: what a network's first signals and gradients will do, layer by layer, with bands."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from isogain.checking import Checks, shown
from isogain.core.activations import activation as find_activation
from isogain.core.activations.quadrature import Floats
from isogain.theory.block_width import BlockEnsemble
from isogain.theory.blocks import Structure, curves, structure_of, structured_depth
from isogain.theory.critical import critical_point
from isogain.theory.finite_width import Ensemble
from isogain.theory.maps import FixedPoint, MeanField
from isogain.theory.outlook import WIDE_SPREAD, Weights, trainable_depth
from isogain.theory.pair_width import PairState, first_pair, next_pair
from isogain.theory.pairs import TheoryError
from isogain.theory.predicted import Band, LayerPrediction, Prediction
from isogain.theory.structure import Signal

__all__ = ["LayerPrediction", "Prediction", "predict"]

CHECKS = Checks(TheoryError)
WIDEST = 10**12
BAND = 1.959964
"""Standard deviations on each side that hold 95 % of a normal law."""


def predict(
    activation: Any = "relu",
    weight_variance: float | None = None,
    bias_variance: float | None = None,
    depth: int = 10,
    width: int | Sequence[int] = 256,
    *,
    weights: Weights = "gaussian",
    input_variance: float = 1.0,
    input_correlation: float = 0.0,
    input_width: int | None = None,
    pairs: bool = True,
    normalization: Literal["batch", "layer", "rms"] | None = None,
    residual: float | bool | None = None,
    dropout: float = 0.0,
    kernel: int | None = None,
    size: int | Sequence[int] | None = None,
    padding: Literal["zeros", "circular"] = "zeros",
) -> Prediction:
    """The variance, correlation and gradient of every layer of a network, with 95 % bands.

    Var[w] = weight_variance / fan_in, Var[b] = bias_variance; without them, the activation's critical
    point.  `width` is one number or one a layer; `input_variance` the mean square of an input's entries,
    `input_correlation` the cosine of two inputs.  `pairs=False` leaves the correlation's band out
    (faster).  Curves are exact as the width goes to infinity; typical values and bands follow an
    ensemble of networks of this width.

    Every layer may be more than weights and activation: `normalization` between the two, `dropout` the
    share of outputs dropped, `kernel` the side of a convolution over `size` positions (`width` channels,
    Var[w] = weight_variance / (channels kernel^d)).  With `residual` = a (True: 1 / sqrt(depth)) layers are
    x + a * branch(x), branch = norm, activation, dropout, weights, and variances are the trunk's.  Then
    correlations have no band, and bands are of first order in 1 / width (`assumptions` says on what).
    Raises TheoryError for sizes and variances that make no sense, or where the activation has no
    critical point and none was given.

    >>> predict("relu", weight_variance=2.0, depth=3, width=100).layers[-1].variance
    2.0

    Sources: Poole et al. 2016 (maps), Schoenholz et al. 2017 (depth scales), Hanin & Nica 2019 (spread).
    """
    phi = find_activation(activation)
    weight_variance, bias_variance = _variances(phi, weight_variance, bias_variance)
    field = MeanField(phi, weight_variance, bias_variance)
    widths = _widths(width, depth)
    depth = len(widths)
    CHECKS.choice("weights", weights, ("gaussian", "orthogonal"))
    input_variance = float(CHECKS.number("input_variance", input_variance, above=0, most=1e60))
    input_correlation = float(CHECKS.number("input_correlation", input_correlation, least=-1, most=1))
    first = widths[0] if input_width is None else CHECKS.whole("input_width", input_width, most=WIDEST)
    asked = structure_of(depth, normalization, residual, dropout, kernel, size, padding)
    whole, start = (first, *widths), Signal(0.0, input_variance, input_correlation)
    if asked.plain:
        wanted = CHECKS.flag("pairs", pairs)
        layers, fixed, (reach, reason), assumptions = _plain(field, whole, weights, start, wanted)
    else:
        layers, fixed, (reach, reason), assumptions = _structured(field, asked, whole, weights, start)
    return Prediction(
        str(phi), weight_variance, bias_variance, depth, widths, weights, input_variance,
        input_correlation, layers, asked, fixed, reach, reason, assumptions,
    )  # fmt: skip


ASSUMPTIONS = (
    "fully connected layers; weights independent of the input, of one another and of mean 0 (or "
    "Haar orthogonal)",
    "curves are those of infinite width; bands and typical values those of networks of this width",
    "correlation bands are of first order in depth / width, and end where ln q spreads beyond 1",
    "the gradient arrives at the last layer independent of the forward signal",
)
Found = tuple[tuple[LayerPrediction, ...], FixedPoint | None, tuple[float, str], tuple[str, ...]]
"""Layers, fixed point, trainable depth with its reason, assumptions."""


def _plain(field: MeanField, widths: tuple[int, ...], weights: Weights, start: Signal, pairs: bool) -> Found:
    curves = _Curves(field, widths, weights == "orthogonal")
    layers = curves.layers(start.variance, 1 - start.correlation, pairs)
    fixed = field.settle(layers[0].variance)
    reach = trainable_depth(fixed, [layer.log_variance_spread for layer in layers])
    return layers, fixed, reach, ASSUMPTIONS


def _structured(
    field: MeanField, structure: Structure, widths: tuple[int, ...], weights: Weights, start: Signal
) -> Found:
    """By the rules of `structure`, one layer at a time."""
    if structure.residual is not None and len(set(widths)) > 1:
        raise TheoryError(f"a trunk has one width, that of the input too: got {sorted(set(widths))}")
    phi, weight, bias = field.activation, field.weight_variance, field.bias_variance
    found = curves(phi, weight, bias, structure, len(widths) - 1, start)
    ensemble = BlockEnsemble(phi, weight, bias, structure, widths, weights == "orthogonal")
    paths = ensemble.run(found, start.variance)
    forward, back = (np.array(paths.summary(which)) for which in ("variance", "gradient"))
    layers = tuple(
        _layer(i + 1, widths, signal.variance, signal.correlation, None, gradient, forward[:, i], back[:, i])
        for i, (signal, gradient) in enumerate(zip(found.signals, found.gradients, strict=True))
    )
    spreads = [layer.log_variance_spread for layer in layers]
    reach = structured_depth(found, phi, weight, bias, structure, spreads)
    return layers, None, reach, (*found.assumptions, *STRUCTURED)


STRUCTURED = (
    "curves are those of infinite width; bands and typical values are of first order in 1 / width and leave "
    "out that weights which carried signals forward carry gradients back",
    "scales of normalizations are 1, shifts 0; batches are large",
    "a convolution's input has uncorrelated positions; behind zero padding, means over all positions",
)


def _variances(phi: Any, weight: float | None, bias: float | None) -> tuple[float, float]:
    if bias is not None:
        bias = float(CHECKS.number("bias_variance", bias, least=0, most=1e60))
    if weight is not None:
        return float(CHECKS.number("weight_variance", weight, least=0, most=1e60)), bias or 0.0
    point = critical_point(phi)
    if point.weight_variance is None:
        raise TheoryError(f"weight_variance is needed: {point}")
    return point.weight_variance, float(point.bias_variance if bias is None else bias)  # type: ignore[arg-type]


def _widths(width: int | Sequence[int], depth: int) -> tuple[int, ...]:
    depth = CHECKS.whole("depth", depth, most=100_000)
    several = isinstance(width, Sequence | np.ndarray) and not isinstance(width, str | bytes)
    widths = CHECKS.series("width", width, "whole numbers") if several else (width,)
    known = tuple(CHECKS.whole("width", one, least=2, most=WIDEST) for one in widths)
    if several and len(known) != depth:
        raise TheoryError(
            f"width must be one whole number, or one for each of {depth} layers, got {shown(width)}"
        )
    return known if several else known * depth


class _Curves:
    """Mean-field curves and finite-width bands of one network, collected layer by layer."""

    def __init__(self, field: MeanField, widths: tuple[int, ...], orthogonal: bool) -> None:
        self.field, self.widths, self.orthogonal = field, widths, orthogonal

    def layers(self, input_variance: float, distance: float, pairs: bool) -> tuple[LayerPrediction, ...]:
        q = self._variances(input_variance)
        paths = Ensemble(self.field, self.widths, self.orthogonal).run(input_variance)
        gradients = self._gradients(q)
        distances = self._distances(q, input_variance, distance)
        bands = self._bands(q, distances) if pairs else [None] * len(q)
        forward, back = (np.array(paths.summary(which)) for which in ("variance", "gradient"))
        return tuple(
            _layer(
                i + 1, self.widths, q[i], 1 - distances[i], bands[i], gradients[i], forward[:, i], back[:, i]
            )
            for i in range(len(q))
        )  # fmt: skip

    def _variances(self, input_variance: float) -> list[float]:
        q = [self.field.weight_variance * input_variance + self.field.bias_variance]
        if q[0] == 0:
            raise TheoryError("weight_variance 0 and bias_variance 0: nothing reaches the first layer")
        for layer in range(2, len(self.widths)):
            q.append(self.field.variance(q[-1]))
            if not 1e-60 < q[-1] < 1e60:
                raise TheoryError(
                    f"the variance leaves the range of numbers at layer {layer}; take fewer layers"
                )
        return q

    def _gradients(self, q: list[float]) -> list[float]:
        """chi times the ratio of widths, multiplied up from the last layer."""
        gradients = [1.0]
        for i in range(len(q) - 2, -1, -1):
            gradients.append(gradients[-1] * self.field.chi(q[i]) * self.widths[i + 2] / self.widths[i + 1])
        return gradients[::-1]

    def _distances(self, q: list[float], input_variance: float, distance: float) -> list[float]:
        """1 - c of two inputs of the same variance; the bias is common to both."""
        distances = [self.field.weight_variance * input_variance * distance / q[0]]
        for variance in q[:-1]:
            distances.append(self.field.distance(variance, distances[-1]))
        return distances

    def _bands(self, q: list[float], distances: list[float]) -> list[Band | None]:
        bands: list[Band | None] = [None] * len(q)
        if distances[0] < CLOSEST:
            return bands
        signal = 1 - self.field.bias_variance / q[0]
        state = first_pair(signal, distances[0], (self.widths[0], self.widths[1]), self.orthogonal)
        bands[0] = _correlation_band(distances[0], state)
        for i in range(len(q) - 1):
            if distances[i] < CLOSEST:
                break
            widths = (self.widths[i + 1], self.widths[i + 2])
            state = next_pair(self.field, state, q[i], distances[i], widths, self.orthogonal)
            if state.log_lengths() > WIDE_SPREAD:
                break
            bands[i + 1] = _correlation_band(distances[i + 1], state)
        return bands


def _layer(
    layer: int, widths: tuple[int, ...], q: float, correlation: float, band: Band | None, gradient: float,
    forward: Floats, back: Floats,
) -> LayerPrediction:  # fmt: skip
    """From the curves, and mean, spread and ends of ln q and ln g."""
    mean, spread, low, high = (float(x) for x in forward)
    behind, gradient_spread, least, most = (float(x) for x in back)
    return LayerPrediction(
        layer, widths[layer], q, math.exp(mean), (math.exp(low), math.exp(high)), correlation, band,
        gradient, math.exp(behind), (math.exp(least), math.exp(most)), spread, gradient_spread,
    )  # fmt: skip


CLOSEST = 1e-9
"""Inputs nearer than this (1 - c) are one input to double precision: no band is given."""


def _correlation_band(distance: float, state: PairState) -> Band:
    """95 % of c: normal in ln(1 - c) for near inputs, normal in c for far ones."""
    shift, spread = state.log_distance()
    half = min(BAND * spread, 300.0)
    if distance * (1 + half) < 0.5:
        far, near = distance * math.exp(min(shift + half, 300.0)), distance * math.exp(shift - half)
    else:
        far, near = distance * (1 + half), distance * max(1 - half, 0.0)
    return 1 - min(far, 2.0), 1 - near

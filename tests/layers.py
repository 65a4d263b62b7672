"""Every row of the catalog through a layer of a framework: its fans are counted by the layer itself.

A layer whose weights are all one adds up what it reads: ones in give `fan_in` out, and a single one in,
away from the border, comes out as `fan_out` in all.  Those are the fans the published law is asked for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy import stats

import isogain as ig
from conformance import SIGMAS, SMALLEST_P, Expected
from published_laws import CONSTANT, OUT_FIRST, elementwise, literature

ROWS = tuple(elementwise(1, 1)) + tuple(literature(1, 1))
READING_FANS = tuple(
    name
    for table in (elementwise, literature)
    for name, (_, expected) in table(1, 1).items()
    if expected.law.std() != table(9, 4)[name][1].law.std()
)
"""The rows whose law depends on the layer; the others are one law everywhere."""
FEW = (
    "he_normal", "lecun_uniform", "glorot_truncated_normal", "kaiming_normal", "siren", "spectral", "t_fixup",
    "mup output", "keras.LecunNormal", "keras.GlorotUniform", "jax.he_normal", "jax.glorot_uniform",
)  # fmt: skip
"""Each kind of law by each fan, for further layers: a row is a function of the shape and the fans alone."""


SHAPE_DRAWS = 20_000
"""Draws that tell the shape of a law; its mean and width take all of them."""
AXES_LAST = ("keras.", "jax.", "tf.")
"""Dialects that read their fans off (..., in, out) whatever the axes mean."""


@dataclass(frozen=True)
class Layer:
    """One kind of layer: its fans by definition, its weight's shape, and how to make it with an initializer of isogain.

    `weights(initializer, seed)` is the array the made layer holds, `run(array, inputs)` what the layer makes
    of inputs once it holds this array.
    """

    fan_in: float
    fan_out: float
    shape: tuple[int, ...]
    inputs: tuple[int, ...]
    weights: Callable[[ig.Initializer, int], np.ndarray]
    run: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None
    told: bool = False
    """Whether the layout is given with the initializer: then dialects too read the fans off it."""


def count_fans(layer: Layer, *, strides: int = 1) -> tuple[float, float]:
    """fan_in and fan_out as the layer's own outputs count them, in the middle of its inputs."""
    assert layer.run is not None
    ones = np.ones(layer.shape, np.float32)
    read = layer.run(ones, np.ones((1, *layer.inputs), np.float32))[0]
    middle = tuple(
        slice(size // 4, size // 4 + strides * max(size // 4 // strides, 1)) for size in read.shape
    )
    places = list(_places(layer.inputs, strides))
    single = np.zeros((len(places), *layer.inputs), np.float32)
    for row, place in enumerate(places):
        single[(row, *place)] = 1
    fed = layer.run(ones, single).reshape(len(places), -1).sum(1)
    return float(read[middle].mean()), float(fed.mean())


def _places(inputs: tuple[int, ...], strides: int) -> Iterator[tuple[int, ...]]:
    """Places in the middle, one for each phase of a stride; the last axis counts channels."""
    *spatial, channels = inputs
    for phase in np.ndindex(*(strides for _ in spatial)):
        yield (*(size // 2 + step for size, step in zip(spatial, phase, strict=True)), channels // 2)


def published(name: str, layer: Layer) -> tuple[dict, Expected]:
    """Parameters and law of a row: by the layer's fans, or by a dialect's own rule for the bare shape."""
    fan_in, fan_out, shape = layer.fan_in, layer.fan_out, layer.shape
    if layer.told:
        pass
    elif name.startswith(OUT_FIRST):
        fan_in, fan_out = math.prod(shape) / shape[0], math.prod(shape) / shape[1]
    elif name.startswith(AXES_LAST):
        fan_in, fan_out = math.prod(shape) / shape[-1], math.prod(shape) / shape[-2]
    table = elementwise if name in elementwise(1, 1) else literature
    return table(fan_in, fan_out)[name]


def check_weights(values: np.ndarray, expected: Expected) -> None:
    """AssertionError unless weights have the law's mean and width to 1 %, its bounds and its shape."""
    sample = np.asarray(values, dtype=np.float64).ravel()
    mean, std, kurtosis = (float(value) for value in expected.law.stats(moments="mvk"))
    std, kurtosis = math.sqrt(std), kurtosis + 3
    error = std * math.sqrt((kurtosis - 1) / (4 * sample.size))
    assert SIGMAS * error < 0.008 * std, f"{sample.size} draws cannot tell a 1 % error"
    assert abs(sample.std() - std) < SIGMAS * error, f"std {sample.std():.6g}, expected {std:.6g}"
    off = abs(sample.mean() - mean)
    assert off < SIGMAS * std / math.sqrt(sample.size), f"mean {sample.mean():.6g}, expected {mean:.6g}"
    assert sample.min() >= expected.low - 1e-6 * std, f"{sample.min()} is below {expected.low}"
    assert sample.max() <= expected.high + 1e-6 * std, f"{sample.max()} is above {expected.high}"
    p = stats.kstest(sample[:: -(-sample.size // SHAPE_DRAWS)], expected.law.cdf).pvalue
    assert p > SMALLEST_P, f"Kolmogorov-Smirnov p = {p:.1e}: another shape than {expected.law.dist.name}"


def complaints(layer: Layer, rows: tuple[str, ...] = ROWS) -> dict[str, str]:
    """Row -> what is wrong with the weights a layer got by it; empty where every row is right."""
    found = {}
    for name in rows:
        parameters, expected = published(name, layer)
        values = layer.weights(ig.get(name.split()[0], **parameters), 5)
        assert values.shape == layer.shape
        try:
            check_weights(values, expected)
        except AssertionError as error:
            found[name] = str(error)
    return found


def constant_complaints(layer: Layer) -> dict[str, str]:
    """Row -> the value found, for rows that are one published number."""
    found = {}
    for name, (parameters, value) in CONSTANT.items():
        values = layer.weights(ig.get(name.split()[0], **parameters), 5)
        if not np.all(values == np.float32(value)):
            found[name] = f"{values.ravel()[0]}, expected {value}"
    return found


def several(layer: Layer, initializer: ig.Initializer) -> np.ndarray:
    """The weights of three layers: a gain error of 1 % is then ten standard errors, and never missed."""
    return np.concatenate([layer.weights(initializer, seed).ravel() for seed in (1, 2, 3)])

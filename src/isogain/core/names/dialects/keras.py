"""keras.initializers (Keras 3): "normal" means truncated at 2 sigma, and its variance corrected."""

from __future__ import annotations

from collections.abc import Sequence

from isogain.core.initializers import (
    Constant,
    Identity,
    Initializer,
    Normal,
    Ones,
    Orthogonal,
    TruncatedNormal,
    Uniform,
    VarianceScaling,
    Zeros,
)
from isogain.core.names.dialects.forms import axes
from isogain.core.names.rows import dialect
from isogain.errors import InitializerError

row = dialect("keras", "Keras 3", "keras.initializers")
Axes = Sequence[int] | None


def scaling(
    scale: float, mode: str, distribution: str, inputs: Axes = None, outputs: Axes = None
) -> Initializer:
    """Keras' VarianceScaling; TensorFlow 1 shares its fan rule."""
    if (inputs is None) != (outputs is None):
        raise InitializerError("give both input_axes and output_axes, or neither")
    if inputs is None or outputs is None:
        return VarianceScaling(float(scale), mode, distribution, fan_rule="keras")
    named = (axes("input_axes", inputs), axes("output_axes", outputs))
    return VarianceScaling(float(scale), mode, distribution, "corrected", "axes_only", *named)


@row("Zeros", "w = 0", "zero")
def zeros() -> Initializer:
    """All zeros."""
    return Zeros()


@row("Ones", "w = 1", "one")
def ones() -> Initializer:
    """All ones."""
    return Ones()


@row("Constant", "w = value")
def constant(value: float = 0.0) -> Initializer:
    """One value for every weight."""
    return Constant(value)


@row("Identity", "W = gain · I", "IdentityInitializer", "eye")
def identity(gain: float = 1.0) -> Initializer:
    """Two axes only."""
    return Identity(gain)


@row("RandomNormal", "w ~ N(mean, stddev²)", "normal")
def random_normal(mean: float = 0.0, stddev: float = 0.05) -> Initializer:
    """A fixed scale, 0.05 by default."""
    return Normal(stddev, mean)


@row("TruncatedNormal", "w ~ N(mean, stddev²) given |w - mean| < 2·stddev")
def truncated_normal(mean: float = 0.0, stddev: float = 0.05) -> Initializer:
    """Not corrected: the delivered std is 0.88 · stddev."""
    return TruncatedNormal(stddev, mean, -2.0, 2.0, corrected=False)


@row("RandomUniform", "w ~ U[minval, maxval)", "uniform")
def random_uniform(minval: float = -0.05, maxval: float = 0.05) -> Initializer:
    """A fixed range, ±0.05 by default."""
    return Uniform(minval, maxval)


@row("VarianceScaling", "Var[w] = scale / fan(mode)")
def variance_scaling(
    scale: float = 1.0,
    mode: str = "fan_in",
    distribution: str = "truncated_normal",
    input_axes: Axes = None,
    output_axes: Axes = None,
) -> Initializer:
    """distribution: truncated_normal (also called normal), untruncated_normal, uniform."""
    names = {"normal": "truncated_normal", "untruncated_normal": "normal"}
    kind = str(distribution).lower()
    return scaling(scale, str(mode).lower(), names.get(kind, kind), input_axes, output_axes)


@row("GlorotUniform", "w ~ U(±√(6 / (fan_in + fan_out)))", "xavier_uniform")
def glorot_uniform(input_axes: Axes = None, output_axes: Axes = None) -> Initializer:
    """Dense's and Conv's own start.  EinsumDense and MultiHeadAttention (3.15) name their equation's axes.

    Without input_axes and output_axes a kernel (512, 8, 64) is read as 512 taps, a sixth as wide
    as the layer's own: `keras.layers.MultiHeadAttention.query_dense.kernel` is that one.
    """
    return scaling(1.0, "fan_avg", "uniform", input_axes, output_axes)


@row("GlorotNormal", "w truncated at 2σ, Var[w] = 2 / (fan_in + fan_out)", "xavier_normal")
def glorot_normal(input_axes: Axes = None, output_axes: Axes = None) -> Initializer:
    """Truncated, with the variance corrected."""
    return scaling(1.0, "fan_avg", "truncated_normal", input_axes, output_axes)


@row("LecunNormal", "w truncated at 2σ, Var[w] = 1 / fan_in")
def lecun_normal(input_axes: Axes = None, output_axes: Axes = None) -> Initializer:
    """Truncated, with the variance corrected."""
    return scaling(1.0, "fan_in", "truncated_normal", input_axes, output_axes)


@row("LecunUniform", "w ~ U(±√(3 / fan_in))")
def lecun_uniform(input_axes: Axes = None, output_axes: Axes = None) -> Initializer:
    """Uniform, variance 1 / fan_in."""
    return scaling(1.0, "fan_in", "uniform", input_axes, output_axes)


@row("HeNormal", "w truncated at 2σ, Var[w] = 2 / fan_in")
def he_normal(input_axes: Axes = None, output_axes: Axes = None) -> Initializer:
    """Truncated, with the variance corrected."""
    return scaling(2.0, "fan_in", "truncated_normal", input_axes, output_axes)


@row("HeUniform", "w ~ U(±√(6 / fan_in))")
def he_uniform(input_axes: Axes = None, output_axes: Axes = None) -> Initializer:
    """Uniform, variance 2 / fan_in."""
    return scaling(2.0, "fan_in", "uniform", input_axes, output_axes)


@row("Orthogonal", "W = gain · (semi-)orthogonal, Πs[:-1] × s[-1]", "OrthogonalInitializer")
def orthogonal(gain: float = 1.0) -> Initializer:
    """The last axis against all others; Haar."""
    return Orthogonal(gain, "last")

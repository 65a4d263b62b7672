"""TensorFlow 1: tf.*_initializer, tf.initializers and tf.contrib.layers."""

from __future__ import annotations

from typing import Any

from isogain.checking import shown
from isogain.core.initializers import (
    Constant,
    DeltaOrthogonal,
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
from isogain.core.names.dialects.keras import scaling
from isogain.core.names.rows import dialect
from isogain.errors import InitializerError

row = dialect("tf", "TensorFlow 1", "tf")


def _contrib(factor: float, mode: str, uniform: bool) -> Initializer:
    modes = {"FAN_IN": "fan_in", "FAN_OUT": "fan_out", "FAN_AVG": "fan_avg"}
    if mode not in modes:
        raise InitializerError(f"mode must be FAN_IN, FAN_OUT or FAN_AVG, got {shown(mode)}")
    if uniform:
        return VarianceScaling(float(factor), modes[mode], "uniform", fan_rule="keras")
    return VarianceScaling(1.3 * factor, modes[mode], "truncated_normal", "uncorrected", "keras")


@row("variance_scaling_initializer", "Var[w] = scale / fan(mode)", "initializers.variance_scaling")
def variance_scaling_initializer(**parameters: Any) -> Initializer:
    """tf's own (scale=1, mode='fan_in', distribution='truncated_normal'), or contrib's with its arguments.

    With factor, uniform or a mode in capitals it is tf.contrib.layers.variance_scaling_initializer:
    factor=2, mode='FAN_IN', uniform=False.
    """
    contrib = {"factor", "uniform"} & set(parameters) or str(parameters.get("mode", "")).isupper()
    maker = contrib_variance_scaling if contrib else _core_variance_scaling
    return maker(**parameters)


def _core_variance_scaling(
    scale: float = 1.0, mode: str = "fan_in", distribution: str = "truncated_normal"
) -> Initializer:
    names = {"normal": "truncated_normal", "untruncated_normal": "normal"}
    return scaling(scale, mode, names.get(distribution, distribution))


@row(
    "contrib.layers.variance_scaling_initializer",
    "w ~ N(0, σ²) given |w| < 2σ, σ² = 1.3·factor / n; uniform: U(±√(3·factor / n))",
)
def contrib_variance_scaling(factor: float = 2.0, mode: str = "FAN_IN", uniform: bool = False) -> Initializer:
    """1.3 stands for 1/0.8796² = 1.2924, so truncated weights are 0.29 % too wide."""
    return _contrib(factor, mode, uniform)


@row(
    "contrib.layers.xavier_initializer",
    "U(±√(6 / (fan_in + fan_out))); uniform=False: truncated, σ² = 2.6 / (fan_in + fan_out)",
    "contrib.layers.xavier_initializer_conv2d",
)
def contrib_xavier(uniform: bool = True) -> Initializer:
    """What fully_connected and conv2d of contrib.layers start from."""
    return _contrib(1.0, "FAN_AVG", uniform)


@row(
    "glorot_uniform_initializer",
    "w ~ U(±√(6 / (fan_in + fan_out)))",
    "initializers.glorot_uniform",
    "keras.initializers.glorot_uniform",
)
def glorot_uniform() -> Initializer:
    """The default of tf.get_variable and tf.layers."""
    return scaling(1.0, "fan_avg", "uniform")


@row(
    "glorot_normal_initializer",
    "w truncated at 2σ, Var[w] = 2 / (fan_in + fan_out)",
    "initializers.glorot_normal",
)
def glorot_normal() -> Initializer:
    """Truncated, with the variance corrected (TensorFlow 1.13 and later)."""
    return scaling(1.0, "fan_avg", "truncated_normal")


@row("initializers.he_normal", "w truncated at 2σ, Var[w] = 2 / fan_in")
def he_normal() -> Initializer:
    """Truncated, with the variance corrected."""
    return scaling(2.0, "fan_in", "truncated_normal")


@row("initializers.he_uniform", "w ~ U(±√(6 / fan_in))")
def he_uniform() -> Initializer:
    """Uniform, variance 2 / fan_in."""
    return scaling(2.0, "fan_in", "uniform")


@row("initializers.lecun_normal", "w truncated at 2σ, Var[w] = 1 / fan_in")
def lecun_normal() -> Initializer:
    """Truncated, with the variance corrected."""
    return scaling(1.0, "fan_in", "truncated_normal")


@row("initializers.lecun_uniform", "w ~ U(±√(3 / fan_in))")
def lecun_uniform() -> Initializer:
    """Uniform, variance 1 / fan_in."""
    return scaling(1.0, "fan_in", "uniform")


@row("uniform_unit_scaling_initializer", "w ~ U(±factor·√(3 / Πs[:-1]))", "initializers.uniform_unit_scaling")
def uniform_unit_scaling(factor: float = 1.0) -> Initializer:
    """Variance factor² / fan_in (Sussillo & Abbott 2014)."""
    return scaling(float(factor) ** 2, "fan_in", "uniform")


@row("zeros_initializer", "w = 0", "initializers.zeros")
def zeros() -> Initializer:
    """All zeros."""
    return Zeros()


@row("ones_initializer", "w = 1", "initializers.ones")
def ones() -> Initializer:
    """All ones."""
    return Ones()


@row("constant_initializer", "w = value", "initializers.constant")
def constant(value: float = 0.0) -> Initializer:
    """One value for every weight."""
    return Constant(value)


@row("random_normal_initializer", "w ~ N(mean, stddev²)", "initializers.random_normal")
def random_normal(mean: float = 0.0, stddev: float = 1.0) -> Initializer:
    """The standard normal by default, whatever the layer's width."""
    return Normal(stddev, mean)


@row(
    "truncated_normal_initializer",
    "w ~ N(mean, stddev²) given |w - mean| < 2·stddev",
    "initializers.truncated_normal",
)
def truncated_normal(mean: float = 0.0, stddev: float = 1.0) -> Initializer:
    """Not corrected: the delivered std is 0.88 · stddev."""
    return TruncatedNormal(stddev, mean, -2.0, 2.0, corrected=False)


@row("random_uniform_initializer", "w ~ U[minval, maxval)", "initializers.random_uniform")
def random_uniform(minval: float = 0.0, maxval: float | None = None) -> Initializer:
    """maxval is 1 when not given, so the default is not centred."""
    return Uniform(minval, 1.0 if maxval is None else maxval)


@row("orthogonal_initializer", "W = gain · (semi-)orthogonal, Πs[:-1] × s[-1]", "initializers.orthogonal")
def orthogonal(gain: float = 1.0) -> Initializer:
    """The last axis against all others; Haar."""
    return Orthogonal(gain, "last")


@row("initializers.identity", "W = gain · I")
def identity(gain: float = 1.0) -> Initializer:
    """Two axes only."""
    return Identity(gain)


@row(
    "contrib.framework.convolutional_delta_orthogonal",
    "w[(k - 1) // 2] = gain · orthogonal",
    "convolutional_delta_orthogonal",
)
def delta_orthogonal(gain: float = 1.0) -> Initializer:
    """Kernels (k..., in, out); even kernels take (k - 1) // 2 here."""
    return DeltaOrthogonal(gain, "floor", "last")

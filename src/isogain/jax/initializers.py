"""jax.nn.initializers' names and arguments, drawn by isogain: swap the import and keep the code.

    from isogain.jax import initializers      # in place of: from jax.nn import initializers

Each name follows JAX's own law (the catalog's rows "jax.*"), with the numbers of isogain's sampling:
float32 for the 16-bit types, rounded once; no outliers in the tails; orthogonal matrices in any of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax

from isogain.core.initializers import Ones, Zeros
from isogain.core.names.catalog import get
from isogain.jax.protocol import JaxInitializer

__all__ = [
    "Initializer",
    "constant",
    "delta_orthogonal",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "kaiming_normal",
    "kaiming_uniform",
    "lecun_normal",
    "lecun_uniform",
    "normal",
    "ones",
    "ones_init",
    "orthogonal",
    "truncated_normal",
    "uniform",
    "variance_scaling",
    "xavier_normal",
    "xavier_uniform",
    "zeros",
    "zeros_init",
]

Axes = int | Sequence[int]
Initializer = jax.nn.initializers.Initializer


def _make(name: str, dtype: Any, **parameters: Any) -> JaxInitializer:
    plain = {key: value.item() if hasattr(value, "item") else value for key, value in parameters.items()}
    return JaxInitializer(get(f"jax.{name}", **plain), dtype=dtype)


zeros = JaxInitializer(Zeros())
ones = JaxInitializer(Ones())


def zeros_init() -> JaxInitializer:
    """Flax's spelling of `zeros`."""
    return zeros


def ones_init() -> JaxInitializer:
    """Flax's spelling of `ones`."""
    return ones


def constant(value: Any, dtype: Any = None) -> JaxInitializer:
    """w = value."""
    return _make("constant", dtype, value=value)


def uniform(scale: float = 1e-2, dtype: Any = None) -> JaxInitializer:
    """w ~ U[0, scale)."""
    return _make("uniform", dtype, scale=scale)


def normal(stddev: float = 1e-2, dtype: Any = None) -> JaxInitializer:
    """w ~ N(0, stddev^2)."""
    return _make("normal", dtype, stddev=stddev)


def truncated_normal(
    stddev: float = 1e-2, dtype: Any = None, lower: float = -2.0, upper: float = 2.0
) -> JaxInitializer:
    """w ~ N(0, stddev^2) given lower < w / stddev < upper; the std is not corrected, as JAX's is not."""
    return _make("truncated_normal", dtype, stddev=stddev, lower=lower, upper=upper)


def variance_scaling(
    scale: float,
    mode: str,
    distribution: str,
    in_axis: Axes = -2,
    out_axis: Axes = -1,
    batch_axis: Axes = (),
    dtype: Any = None,
) -> JaxInitializer:
    """Var[w] = scale / fan(mode), the fans by named axes."""
    axes: dict[str, Any] = {"in_axis": in_axis, "out_axis": out_axis, "batch_axis": batch_axis}
    return _make("variance_scaling", dtype, scale=scale, mode=mode, distribution=distribution, **axes)


def glorot_uniform(
    in_axis: Axes = -2, out_axis: Axes = -1, batch_axis: Axes = (), dtype: Any = None
) -> JaxInitializer:
    """w ~ U(+-sqrt(6 / (fan_in + fan_out)))."""
    return _make("glorot_uniform", dtype, in_axis=in_axis, out_axis=out_axis, batch_axis=batch_axis)


def glorot_normal(
    in_axis: Axes = -2, out_axis: Axes = -1, batch_axis: Axes = (), dtype: Any = None
) -> JaxInitializer:
    """Var[w] = 2 / (fan_in + fan_out), cut at two sigma."""
    return _make("glorot_normal", dtype, in_axis=in_axis, out_axis=out_axis, batch_axis=batch_axis)


def lecun_uniform(
    in_axis: Axes = -2, out_axis: Axes = -1, batch_axis: Axes = (), dtype: Any = None
) -> JaxInitializer:
    """w ~ U(+-sqrt(3 / fan_in))."""
    return _make("lecun_uniform", dtype, in_axis=in_axis, out_axis=out_axis, batch_axis=batch_axis)


def lecun_normal(
    in_axis: Axes = -2, out_axis: Axes = -1, batch_axis: Axes = (), dtype: Any = None
) -> JaxInitializer:
    """Var[w] = 1 / fan_in, cut at two sigma."""
    return _make("lecun_normal", dtype, in_axis=in_axis, out_axis=out_axis, batch_axis=batch_axis)


def he_uniform(
    in_axis: Axes = -2, out_axis: Axes = -1, batch_axis: Axes = (), dtype: Any = None
) -> JaxInitializer:
    """w ~ U(+-sqrt(6 / fan_in))."""
    return _make("he_uniform", dtype, in_axis=in_axis, out_axis=out_axis, batch_axis=batch_axis)


def he_normal(
    in_axis: Axes = -2, out_axis: Axes = -1, batch_axis: Axes = (), dtype: Any = None
) -> JaxInitializer:
    """Var[w] = 2 / fan_in, cut at two sigma."""
    return _make("he_normal", dtype, in_axis=in_axis, out_axis=out_axis, batch_axis=batch_axis)


def orthogonal(scale: float = 1.0, column_axis: int = -1, dtype: Any = None) -> JaxInitializer:
    """scale times a (semi-)orthogonal matrix, the column axis against all others."""
    return _make("orthogonal", dtype, scale=scale, column_axis=column_axis)


def delta_orthogonal(scale: float = 1.0, column_axis: int = -1, dtype: Any = None) -> JaxInitializer:
    """An orthogonal matrix at the kernel's centre (k - 1) // 2; also where in > out, which JAX refuses."""
    return _make("delta_orthogonal", dtype, scale=scale, column_axis=column_axis)


xavier_uniform, xavier_normal = glorot_uniform, glorot_normal
kaiming_uniform, kaiming_normal = he_uniform, he_normal

"""jax.nn.initializers (also flax.linen.initializers): fans by named axes, "normal" truncated on request."""

from __future__ import annotations

from isogain.checking import shown
from isogain.core.initializers import (
    Constant,
    DeltaOrthogonal,
    Initializer,
    Normal,
    Ones,
    Orthogonal,
    TruncatedNormal,
    Uniform,
    VarianceScaling,
    Zeros,
)
from isogain.core.names.dialects.forms import Axes, axes
from isogain.core.names.rows import dialect
from isogain.errors import InitializerError

row = dialect("jax", "JAX, Flax", "jax.nn.initializers")


def _scaling(
    scale: float, mode: str, distribution: str, in_axis: Axes, out_axis: Axes, batch_axis: Axes
) -> Initializer:
    given = {"in_axis": in_axis, "out_axis": out_axis, "batch_axis": batch_axis}
    named = [axes(name, value) for name, value in given.items()]
    return VarianceScaling(float(scale), mode, distribution, "jax", "axes", *named)


@row("zeros", "w = 0")
def zeros() -> Initializer:
    """All zeros."""
    return Zeros()


@row("ones", "w = 1")
def ones() -> Initializer:
    """All ones."""
    return Ones()


@row("constant", "w = value", example={"value": 0.1})
def constant(value: float) -> Initializer:
    """One value for every weight."""
    return Constant(value)


@row("uniform", "w ~ U[0, scale)")
def uniform(scale: float = 0.01) -> Initializer:
    """Not centred: all weights have one sign."""
    return Uniform(min(0.0, scale), max(0.0, scale))


@row("normal", "w ~ N(0, stddev²)")
def normal(stddev: float = 0.01) -> Initializer:
    """A fixed scale, 0.01 by default."""
    return Normal(stddev)


@row("truncated_normal", "w ~ N(0, stddev²) given lower < w/stddev < upper")
def truncated_normal(stddev: float = 0.01, lower: float = -2.0, upper: float = 2.0) -> Initializer:
    """Not corrected: the delivered std is 0.88 · stddev at ±2."""
    return TruncatedNormal(stddev, 0.0, lower, upper, corrected=False)


@row(
    "variance_scaling",
    "Var[w] = scale / fan(mode)",
    example={"scale": 2.0, "mode": "fan_in", "distribution": "truncated_normal"},
)
def variance_scaling(
    scale: float,
    mode: str,
    distribution: str,
    in_axis: Axes = -2,
    out_axis: Axes = -1,
    batch_axis: Axes = (),
) -> Initializer:
    """Complex truncated weights come out 0.93 % too wide, as JAX's constant makes them."""
    return _scaling(scale, mode, distribution, in_axis, out_axis, batch_axis)


@row("glorot_uniform", "w ~ U(±√(6 / (fan_in + fan_out)))", "xavier_uniform")
def glorot_uniform(in_axis: Axes = -2, out_axis: Axes = -1, batch_axis: Axes = ()) -> Initializer:
    """scale 1, fan_avg, uniform."""
    return _scaling(1.0, "fan_avg", "uniform", in_axis, out_axis, batch_axis)


@row("glorot_normal", "w truncated at 2σ, Var[w] = 2 / (fan_in + fan_out)", "xavier_normal")
def glorot_normal(in_axis: Axes = -2, out_axis: Axes = -1, batch_axis: Axes = ()) -> Initializer:
    """scale 1, fan_avg, truncated, with the variance corrected."""
    return _scaling(1.0, "fan_avg", "truncated_normal", in_axis, out_axis, batch_axis)


@row("lecun_uniform", "w ~ U(±√(3 / fan_in))")
def lecun_uniform(in_axis: Axes = -2, out_axis: Axes = -1, batch_axis: Axes = ()) -> Initializer:
    """scale 1, fan_in, uniform."""
    return _scaling(1.0, "fan_in", "uniform", in_axis, out_axis, batch_axis)


@row("lecun_normal", "w truncated at 2σ, Var[w] = 1 / fan_in")
def lecun_normal(in_axis: Axes = -2, out_axis: Axes = -1, batch_axis: Axes = ()) -> Initializer:
    """Flax's own start: scale 1, fan_in, truncated, with the variance corrected."""
    return _scaling(1.0, "fan_in", "truncated_normal", in_axis, out_axis, batch_axis)


@row("he_uniform", "w ~ U(±√(6 / fan_in))", "kaiming_uniform")
def he_uniform(in_axis: Axes = -2, out_axis: Axes = -1, batch_axis: Axes = ()) -> Initializer:
    """scale 2, fan_in, uniform."""
    return _scaling(2.0, "fan_in", "uniform", in_axis, out_axis, batch_axis)


@row("he_normal", "w truncated at 2σ, Var[w] = 2 / fan_in", "kaiming_normal")
def he_normal(in_axis: Axes = -2, out_axis: Axes = -1, batch_axis: Axes = ()) -> Initializer:
    """scale 2, fan_in, truncated, with the variance corrected."""
    return _scaling(2.0, "fan_in", "truncated_normal", in_axis, out_axis, batch_axis)


@row("orthogonal", "W = scale · (semi-)orthogonal, column_axis against the others")
def orthogonal(scale: float = 1.0, column_axis: int = -1) -> Initializer:
    """The column axis (first or last) against all others; Haar."""
    if column_axis not in (-1, 0):
        raise InitializerError(
            f"column_axis must be -1 or 0 here, got {shown(column_axis)}; for another axis name it 'out' "
            "in the layout of ig.draw and use 'orthogonal'"
        )
    return Orthogonal(scale, "last" if column_axis == -1 else "first")


@row("delta_orthogonal", "w[(k - 1) // 2] = scale · orthogonal, 0 elsewhere")
def delta_orthogonal(scale: float = 1.0, column_axis: int = -1) -> Initializer:
    """Kernels (k..., in, out), at (k - 1) // 2; JAX refuses in > out, this gives a co-isometry."""
    if column_axis != -1:
        raise InitializerError(
            f"column_axis must be -1 here, got {shown(column_axis)}; use layout= of ig.draw"
        )
    return DeltaOrthogonal(scale, "floor", "last")

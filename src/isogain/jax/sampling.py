"""Every kind of law, drawn in jnp from one of JAX's own keys."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from isogain.core.values.distributions import (
    ComplexDiscLaw,
    ComplexLaw,
    ConstantLaw,
    Law,
    NormalLaw,
    SparseLaw,
    StructuredLaw,
    TruncatedNormalLaw,
    UniformLaw,
)
from isogain.drawing.dtypes import Dtype
from isogain.drawing.recipe import recipe_for
from isogain.errors import DrawError
from isogain.jax.truncation import open_uniform, truncated_normal

__all__ = ["sample"]

Shape = tuple[int, ...]


def sample(law: Law, key: Any, shape: Shape, dtype: Any) -> Any:
    """An array of the law's numbers: sampled in float32 (float64 for float64), rounded once to dtype.

    Pure in `key` and traceable.  A structured law that is written for any array library is built by
    jnp itself; one that is NumPy's own is built on the host from normals that JAX drew.
    """
    dtype = jnp.dtype(dtype)
    if isinstance(law, ConstantLaw):
        return _constant(law, shape, dtype)
    if dtype.kind == "c":
        return _complex(law, key, shape, dtype)
    target = Dtype.of(dtype.name)
    working = target.working
    if isinstance(law, SparseLaw):
        return _sparse(law, key, shape, working).astype(dtype)
    if isinstance(law, StructuredLaw):
        return _structured(law, key, shape, working).astype(dtype)
    recipe = recipe_for(law, target)
    values = _elements(law, key, shape, working).astype(dtype)
    return jnp.clip(values, _bound(recipe.clamp_low, dtype), _bound(recipe.clamp_high, dtype))


def _constant(law: ConstantLaw, shape: Shape, dtype: Any) -> Any:
    if complex(law.value).imag and dtype.kind != "c":
        raise DrawError(f"the constant {law.value!r} is complex and needs a complex dtype, not {dtype.name}")
    return jnp.full(shape, law.value if dtype.kind == "c" else complex(law.value).real, dtype)


def _bound(number: float, dtype: Any) -> Any:
    return None if np.isinf(number) else jnp.asarray(number, dtype)


def _elements(law: Law, key: Any, shape: Shape, working: Any) -> Any:
    if isinstance(law, NormalLaw):
        return law.location + law.scale * jax.random.normal(key, shape, working)
    if isinstance(law, UniformLaw):
        middle, half = law.low / 2 + law.high / 2, law.high / 2 - law.low / 2
        return middle + half * (2 * open_uniform(key, shape, working) - 1)
    if isinstance(law, TruncatedNormalLaw):
        return truncated_normal(key, law, shape, working)
    raise DrawError(f"no way to draw the law {law!r} element by element")


def _complex(law: Law, key: Any, shape: Shape, dtype: Any) -> Any:
    working = np.finfo(dtype).dtype
    first, second = jax.random.split(key)
    if isinstance(law, ComplexLaw):
        real, imaginary = (sample(law.part, part, shape, working) for part in (first, second))
        return jax.lax.complex(real, imaginary)
    if isinstance(law, ComplexDiscLaw):
        radius = law.scale * _disc_radius(law, open_uniform(first, shape, working))
        angle = 2 * np.pi * open_uniform(second, shape, working)
        return jax.lax.complex(radius * jnp.cos(angle), radius * jnp.sin(angle))
    if isinstance(law, StructuredLaw) and law.normals == 0:
        return _structured(law, key, shape, working).astype(dtype)
    raise DrawError(f"{law!r} is a law of real numbers; draw it in a real dtype")


def _disc_radius(law: ComplexDiscLaw, u: Any) -> Any:
    """|w| / scale: its square is uniform, or exponential cut at radius^2."""
    if law.density == "uniform":
        return law.radius * jnp.sqrt(u)
    return jnp.sqrt(-jnp.log1p(float(np.expm1(-(law.radius**2))) * u))


def _sparse(law: SparseLaw, key: Any, shape: Shape, working: Any) -> Any:
    """The `zeros` smallest of independent words of a line name its zeros: a uniform random subset."""
    first, second = jax.random.split(key)
    values = law.location + law.scale * jax.random.normal(first, shape, working)
    words = jax.random.bits(second, shape)
    ranks = jnp.argsort(jnp.argsort(words, axis=law.axis), axis=law.axis)
    return jnp.where(ranks < law.zeros, 0, values)


def _structured(law: StructuredLaw, key: Any, shape: Shape, working: Any) -> Any:
    stream = jax.random.normal(key, (law.normals,), working)

    def native(stream: Any) -> Any:
        return jnp.asarray(law.build(lambda first, count: stream[first : first + count]), working)

    try:
        jax.eval_shape(native, stream)
    except (jax.errors.TracerArrayConversionError, TypeError):
        return _on_host(law, stream, shape, working)
    return native(stream)


def _on_host(law: StructuredLaw, stream: Any, shape: Shape, working: Any) -> Any:
    """A construction of NumPy's, by a call back to the host: the array is made there and sent over."""

    def build(stream: Any) -> Any:
        numbers = np.asarray(stream)
        built = law.build(lambda first, count: numbers[first : first + count].copy())  # it is used up
        return np.asarray(built, dtype=working).reshape(shape)

    result = jax.ShapeDtypeStruct(shape, working)  # type: ignore[no-untyped-call]
    return jax.pure_callback(build, result, stream, vmap_method="sequential")

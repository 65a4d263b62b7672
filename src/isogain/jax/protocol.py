"""isogain's initializers as JAX's own: functions of (key, shape, dtype, out_sharding)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from isogain.checking import shown
from isogain.core.geometry.layout import Geometry, LayoutLike
from isogain.core.names.catalog import get
from isogain.core.names.typed import InitializerName
from isogain.core.values.distributions import Law
from isogain.core.values.initializer import Initializer
from isogain.drawing import draw_law
from isogain.drawing.key import Key
from isogain.drawing.public import law_of
from isogain.errors import DrawError
from isogain.jax.sampling import sample

__all__ = ["JaxInitializer", "to_haiku", "to_jax"]

Which = InitializerName | str | Initializer | Mapping[str, Any] | Law


@dataclass(frozen=True)
class JaxInitializer:
    """An initializer that JAX libraries can call; equal and hashable by content.  Made by `to_jax`."""

    initializer: Initializer | Law
    layout: LayoutLike = None
    groups: int = 1
    stride: int | tuple[int, ...] = 1
    transposed: bool = False
    seed: int | None = None
    path: str = ""
    dtype: Any = None

    def __call__(self, key: Any, shape: Sequence[int], dtype: Any = None, out_sharding: Any = None) -> Any:
        """The array of this shape: from `key`, or from (seed, path) where those were given."""
        sizes, wanted = Geometry.of(shape).shape, self.law_dtype(dtype)
        law = self.law(sizes, wanted)
        if self.seed is not None:
            return self._keyed(law, sizes, wanted, out_sharding, isinstance(key, jax.core.Tracer))
        if key is None:
            raise DrawError(
                "to_jax draws from JAX's keys, and got None; pass jax.random.key(0), or make it with "
                "to_jax(..., seed=0, path='...') to draw isogain's own numbers"
            )
        if 0 in sizes:
            return jnp.zeros(sizes, wanted)
        return _placed(lambda key: sample(law, key, sizes, wanted), key, out_sharding)

    def law(self, shape: Sequence[int], dtype: Any = "float32") -> Law:
        """The law the weights of this shape follow."""
        geometry: dict[str, Any] = {
            "layout": self.layout,
            "groups": self.groups,
            "stride": self.stride,
            "transposed": self.transposed,
        }
        return law_of(self.initializer, tuple(shape), dtype=jnp.dtype(dtype).name, **geometry)

    def law_dtype(self, dtype: Any = None) -> Any:
        """The dtype of a draw: as asked, else the initializer's own, else JAX's default float."""
        dtype = self.dtype if dtype is None else dtype
        try:
            return jax.dtypes.canonicalize_dtype(jnp.result_type(float) if dtype is None else dtype)
        except Exception as error:
            raise DrawError(f"dtype must be one of JAX's, such as 'float32', got {shown(dtype)}") from error

    def _keyed(self, law: Law, shape: tuple[int, ...], dtype: Any, out_sharding: Any, traced: bool) -> Any:
        """The bits of `ig.draw`; under a trace by a call back to the host."""
        assert self.seed is not None
        seed, path, name = self.seed, self.path, jnp.dtype(dtype).name

        def region(index: tuple[slice, ...] | None = None) -> Any:
            return draw_law(law, shape, seed=seed, path=path, dtype=name, region=index)

        if not traced and isinstance(out_sharding, jax.sharding.Sharding):
            return jax.make_array_from_callback(shape, out_sharding, region)
        if not traced and out_sharding is None:
            return jnp.asarray(region())
        result = jax.ShapeDtypeStruct(shape, dtype)  # type: ignore[no-untyped-call]

        def drawn() -> Any:
            return jax.pure_callback(lambda: np.asarray(region()), result, vmap_method="broadcast_all")

        return _placed(drawn, None, out_sharding)


def to_jax(
    initializer: Which,
    layout: LayoutLike = None,
    *,
    groups: int = 1,
    stride: int | Sequence[int] = 1,
    transposed: bool = False,
    seed: int | None = None,
    path: str = "",
    dtype: Any = None,
) -> JaxInitializer:
    """Return the initializer as a function `(key, shape, dtype=None, out_sharding=None) -> jax.Array`.

    That is the protocol of jax.nn.initializers, which Flax (Linen and NNX) takes as `kernel_init` and
    Equinox users call themselves.  `layout`, `groups`, `stride` and `transposed` say how the weight is
    used; the default is Flax's and JAX's own, kernels of (k..., in, out).  dtype None is JAX's default
    float.

    The randomness is the key's, by JAX's own generator: pure, and the same under jit, vmap and any
    sharding.  With `seed` (and `path`) the key is not looked at and the numbers are the bits of
    `ig.draw(initializer, shape, seed=seed, path=path)`: drawn shard by shard outside of jit, by a call
    back to the host (the whole array) inside.  Such a function gives one tensor: make one for each path.

    Raises InitializerError for an unknown initializer, LayoutError for a shape that does not fit,
    DrawError for a dtype that cannot serve.

    >>> import jax
    >>> init = to_jax("he_normal")
    >>> init(jax.random.key(0), (784, 512)).shape
    (784, 512)
    >>> round(float(init(jax.random.key(0), (784, 512)).std()) * (784 / 2) ** 0.5, 2)
    1.0
    """
    which = initializer if isinstance(initializer, Law) else get(initializer)
    used = Geometry.of((), layout, groups=groups, stride=stride, transposed=transposed)
    if seed is not None:
        Key.of(seed, path)
    made = JaxInitializer(which, layout, used.groups, used.stride, used.transposed, seed, path, dtype)
    made.law_dtype(dtype)
    return made


def to_haiku(initializer: Which, layout: LayoutLike = None, **settings: Any) -> Callable[..., Any]:
    """Return the initializer as Haiku's own: a function (shape, dtype) that takes the next Haiku key.

    The arguments are those of `to_jax`; call it where Haiku layers take `w_init`.

    >>> import haiku  # doctest: +SKIP
    >>> haiku.transform(lambda x: haiku.Linear(8, w_init=to_haiku("orthogonal"))(x))  # doctest: +SKIP
    """
    bound = to_jax(initializer, layout, **settings)

    def haiku_init(shape: Sequence[int], dtype: Any = None) -> Any:
        import haiku

        return bound(None if bound.seed is not None else haiku.next_rng_key(), shape, dtype)

    return haiku_init


def _placed(make: Callable[..., Any], key: Any, out_sharding: Any) -> Any:
    """make(key) or make(), laid over the devices as `out_sharding` says."""
    arguments = () if key is None else (key,)
    if out_sharding is None:
        return make(*arguments)
    mesh = getattr(out_sharding, "mesh", None) or jax.sharding.get_abstract_mesh()
    explicit = tuple(getattr(mesh, "explicit_axes", ()))
    if explicit:
        return jax.sharding.auto_axes(make, axes=explicit, out_sharding=out_sharding)(*arguments)
    return jax.jit(make, out_shardings=out_sharding)(*arguments)

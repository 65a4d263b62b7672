"""Draws as sharded JAX arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
from numpy.typing import DTypeLike, NDArray

from isogain.checking import shown
from isogain.core.geometry.layout import Geometry, LayoutLike
from isogain.core.names.typed import InitializerName
from isogain.core.values.distributions import Law
from isogain.core.values.initializer import Initializer
from isogain.drawing import draw
from isogain.errors import DrawError

__all__ = ["draw_sharded"]


def draw_sharded(
    init: InitializerName | str | Initializer | Law,
    shape: Sequence[int],
    sharding: jax.sharding.Sharding,
    *,
    seed: int,
    path: str = "",
    dtype: DTypeLike = "float32",
    layout: LayoutLike = None,
    groups: int = 1,
) -> jax.Array:
    """Return a jax.Array of `ig.draw`'s numbers, of which each device's shard was drawn by itself.

    The same bits under any sharding and on any number of processes; only this process's shards are
    made, each on the host and then sent to its device.  dtype "bfloat16" is JAX's own (ml_dtypes).
    Errors are those of `ig.draw`, and DrawError for what is no sharding.

    >>> import jax
    >>> one = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    >>> draw_sharded("he_normal", (784, 512), one, seed=0, path="fc1.weight").shape
    (784, 512)
    """

    def shard(index: tuple[slice, ...] | None) -> NDArray[Any]:
        return draw(
            init, shape, region=index, layout=layout, groups=groups, seed=seed, path=path, dtype=dtype
        )

    sizes = Geometry.of(shape, layout, groups=groups).shape
    if not isinstance(sharding, jax.sharding.Sharding):
        raise DrawError(f"sharding must be a jax.sharding.Sharding, got {shown(sharding)}")
    return jax.make_array_from_callback(sizes, sharding, shard)

"""isogain for JAX: sharded arrays of which every device gets its own region, the same bits anywhere."""

from isogain.jax.arrays import draw_sharded

__all__ = ["draw_sharded"]

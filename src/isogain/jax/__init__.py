"""isogain for JAX, Flax, Haiku, Equinox, plain functions: initializers, sharded arrays, inspect, plan, init.

Randomness is JAX's own key unless a seed and a path are given; then the bits are `ig.draw`'s.
"""

from isogain.extras import require

require("jax", "isogain.jax")

from isogain.jax.activations import from_jax, jax_function
from isogain.jax.arrays import draw_sharded
from isogain.jax.inspection import inspect
from isogain.jax.mending import mend, rescale
from isogain.jax.planning import plan
from isogain.jax.protocol import JaxInitializer, to_haiku, to_jax
from isogain.jax.starting import apply, init, init_

__all__ = [
    "JaxInitializer",
    "apply",
    "draw_sharded",
    "from_jax",
    "init",
    "init_",
    "inspect",
    "jax_function",
    "mend",
    "plan",
    "rescale",
    "to_haiku",
    "to_jax",
]


def __dir__() -> list[str]:
    return sorted(__all__)

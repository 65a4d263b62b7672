"""JAX arrays under any sharding hold the bits of ig.draw; eight simulated CPU devices."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytest.importorskip("jax")

PROGRAM = """
import jax, numpy as np, isogain as ig
from isogain.jax import draw_sharded
from jax.sharding import Mesh, NamedSharding, PartitionSpec as P, SingleDeviceSharding
devices = np.array(jax.devices())
assert devices.size == 8
mesh = Mesh(devices.reshape(4, 2), ("a", "b"))
specs = [P(), P("a"), P("b"), P(None, "a"), P("a", "b"), P("b", "a"), P(("a", "b")), P(None, ("b", "a"))]
for init in ("he_normal", "keras.HeNormal", "glorot_uniform", "orthogonal"):
    for dtype in ("float32", "bfloat16"):
        whole = ig.draw(init, (64, 48), seed=3, path="w", dtype=dtype)
        for sharding in [SingleDeviceSharding(devices[5]), *(NamedSharding(mesh, spec) for spec in specs)]:
            array = draw_sharded(init, (64, 48), sharding, seed=3, path="w", dtype=dtype)
            assert array.sharding == sharding and str(array.dtype) == dtype
            assert np.asarray(array).tobytes() == whole.tobytes(), (init, dtype, sharding)
print("same")
"""

INITIALIZERS = """
import jax, jax.numpy as jnp, numpy as np, isogain as ig
from isogain.jax import to_jax
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec as P
devices = np.array(jax.devices())
mesh = Mesh(devices.reshape(4, 2), ("a", "b"))
key = jax.random.key(1)
for name in ("he_truncated_normal", "orthogonal", "sparse"):
    init, shape = to_jax(name), (64, 48)
    whole = np.asarray(jax.jit(init, static_argnums=1)(key, shape))
    for spec in (P(), P("a"), P(None, ("b", "a")), P("a", "b")):
        sharding = NamedSharding(mesh, spec)
        array = init(key, shape, None, sharding)
        assert array.sharding.is_equivalent_to(sharding, 2), (name, array.sharding)
        inside = jax.jit(lambda key: init(key, shape), out_shardings=sharding)(key)
        tolerance = 1e-6 if name == "orthogonal" else 0
        assert np.abs(np.asarray(array) - whole).max() <= tolerance, (name, spec)
        assert np.abs(np.asarray(inside) - whole).max() <= tolerance, (name, spec)
        keyed = to_jax(name, seed=3, path="w")
        bits = ig.draw(name, shape, seed=3, path="w").tobytes()
        assert np.asarray(keyed(None, shape, None, sharding)).tobytes() == bits
        assert np.asarray(jax.jit(lambda key: keyed(key, shape), out_shardings=sharding)(key)).tobytes() == bits
explicit = jax.make_mesh((4, 2), ("a", "b"), axis_types=(AxisType.Explicit,) * 2)
with jax.set_mesh(explicit):
    array = jax.jit(lambda key: to_jax("he_normal")(key, (64, 48), None, P("a", "b")))(key)
    assert array.sharding.spec == P("a", "b")
print("same")
"""


def run(program: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "XLA_FLAGS": "--xla_force_host_platform_device_count=8",
        "JAX_PLATFORMS": "cpu",
    }
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=False
    )


def test_initializers_under_any_sharding() -> None:
    """JAX's keys give the same values, isogain's the same bits, outside of jit and inside."""
    done = run(INITIALIZERS)
    assert done.stdout.strip() == "same", done.stderr[-2000:]


def test_any_sharding_gives_the_same_bits() -> None:
    done = run(PROGRAM)
    assert done.stdout.strip() == "same", done.stderr[-2000:]

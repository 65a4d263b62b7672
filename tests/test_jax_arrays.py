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


def test_any_sharding_gives_the_same_bits() -> None:
    environment = {
        **os.environ,
        "XLA_FLAGS": "--xla_force_host_platform_device_count=8",
        "JAX_PLATFORMS": "cpu",
    }
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, env=environment, check=False
    )
    assert run.stdout.strip() == "same", run.stderr[-2000:]

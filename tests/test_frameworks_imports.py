"""An adapter brings its own framework and no other: each import in a fresh process."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys

import pytest

FRAMEWORKS = ("torch", "jax", "flax", "haiku", "equinox", "keras", "tensorflow", "triton")


def loaded(code: str, **environment: str) -> set[str]:
    program = f"import sys; {code}; print(' '.join(name for name in {FRAMEWORKS!r} if name in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        check=True,
    )
    return set(done.stdout.split())


@pytest.mark.parametrize(
    ("code", "needs", "brings"),
    [
        ("import isogain", "numpy", set()),
        ("import isogain.torch", "torch", {"torch"}),
        ("import isogain.jax", "jax", {"jax"}),
        (
            "import jax, isogain.jax; isogain.jax.to_jax('orthogonal')(jax.random.key(0), (4, 4))",
            "jax",
            {"jax"},
        ),
        (
            "import jax.numpy as jnp, isogain.jax; "
            "isogain.jax.inspect(lambda p, x: x @ p, jnp.ones((3, 2)), jnp.ones((4, 3)))",
            "jax",
            {"jax"},
        ),
    ],
)
def test_each_adapter_brings_its_own_framework(code, needs, brings):
    pytest.importorskip(needs)
    assert loaded(code) == brings


@pytest.mark.parametrize("backend", ["jax", "torch", "tensorflow"])
def test_keras_brings_its_backend_and_no_adapter_of_another(backend):
    """Keras itself looks for torch in some places; what isogain adds to it is nothing."""
    pytest.importorskip("keras")
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    alone = loaded("import keras", KERAS_BACKEND=backend)
    ours = loaded("import isogain.keras as k; k.to_keras('he_normal', seed=0)((3, 2))", KERAS_BACKEND=backend)
    assert ours == alone


WITHOUT_TORCH = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "torch":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
"""


def test_what_experiments_there_are_needs_no_framework():
    """`isogain lab list` where PyTorch is not installed."""
    code = WITHOUT_TORCH + "from isogain import lab; print(len(lab.experiments()))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(said.stdout) == 9

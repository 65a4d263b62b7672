"""Where tests find the complete MNIST: the environment variable's folder, or one beside the project."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import pytest

BACKENDS = [name for name in ("torch", "jax", "tensorflow") if importlib.util.find_spec(name)]
os.environ.setdefault("KERAS_BACKEND", BACKENDS[0] if BACKENDS else "numpy")
"""Keras reads it when it is first imported, and would look for TensorFlow."""
BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data" / "mnist"


def complete_mnist() -> Path | None:
    """The folder of MNIST's IDX files, or None where there is none."""
    chosen = os.environ.get("ISOGAIN_MNIST")
    folder = Path(chosen) if chosen else BESIDE
    return folder if folder.is_dir() else None


@pytest.fixture(scope="session")
def mnist_folder() -> Path:
    """The complete MNIST; tests that need it are skipped elsewhere."""
    folder = complete_mnist()
    if folder is None:
        pytest.skip("the complete MNIST is neither in ISOGAIN_MNIST nor beside the project")
    return folder


@pytest.fixture(scope="session")
def digits_at_hand() -> Path | str:
    """The complete MNIST where it lies, MNIST-5k elsewhere."""
    return complete_mnist() or "mnist-5k"

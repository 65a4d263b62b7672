"""Where tests find the complete MNIST, and which test files can run with what is installed."""

from __future__ import annotations

import ast
import importlib.util
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

for library in ("OMP", "OPENBLAS"):
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")
    """Threads spin while they wait: where others work beside, as a second process of tests, small tensors take
    six times the processor's time, small matrices a hundredfold."""
os.environ.setdefault("TRITON_INTERPRET", "1")
"""The kernels for GPUs are proven on CPU tensors; Triton reads it when it is first imported."""
BACKENDS = [name for name in ("torch", "jax", "tensorflow") if importlib.util.find_spec(name)]
os.environ.setdefault("KERAS_BACKEND", BACKENDS[0] if BACKENDS else "numpy")
"""Keras reads it when it is first imported, and would look for TensorFlow."""
if "tensorflow" in BACKENDS and importlib.util.find_spec("triton"):
    importlib.import_module("triton")
    """Each brings an LLVM, and TensorFlow's first ends the process when Triton's comes: torch imports Triton with
    the first optimizer (seen with TensorFlow 2.21.0, Triton 3.9.0).  The other way round both are content."""
BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data" / "mnist"

HERE = Path(__file__).resolve().parent
NEAR = (HERE, HERE.parent / "benchmarks")
"""Where modules that are not installed come from."""
BRINGS = {"isogain.torch": "torch", "isogain.jax": "jax", "isogain.keras": "keras", "isogain.lab": "torch"}
"""Parts of isogain that import a framework."""


@cache
def missing(file: Path) -> str:
    """The first package that a test file, or a helper it imports, needs at its top and that is not installed."""
    for name in _imported(file):
        places = [folder.joinpath(*name.split(".")) for folder in NEAR]
        near = (file for place in places for file in (place.with_suffix(".py"), place / "__init__.py"))
        local = next(filter(Path.exists, near), None)
        if local is not None:
            if found := missing(local):
                return found
            continue
        package = BRINGS.get(".".join(name.split(".")[:2]), name.split(".")[0])
        if importlib.util.find_spec(package) is None:
            return package
        if package == "keras" and not BACKENDS:
            return "a backend of Keras"
    return ""


def _imported(file: Path) -> list[str]:
    body = ast.parse(file.read_text(encoding="utf-8")).body
    plain = [alias.name for one in body if isinstance(one, ast.Import) for alias in one.names]
    return plain + [one.module for one in body if isinstance(one, ast.ImportFrom) and one.module]


LEFT_OUT = {file.name: missing(file) for file in sorted(HERE.glob("test_*.py")) if missing(file)}
collect_ignore = list(LEFT_OUT)


def pytest_configure() -> None:
    """Where everything has to be tested, nothing is left out."""
    if os.environ.get("ISOGAIN_TEST_ALL") and LEFT_OUT:
        raise pytest.UsageError(f"not installed, though every test has to run: {set(LEFT_OUT.values())}")


def pytest_report_header() -> list[str]:
    """Names what is left out where an extra is not installed."""
    return [f"left out, {package} is not installed: {name}" for name, package in LEFT_OUT.items()]


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


@pytest.fixture
def seed_0_in_one_thread() -> Iterator[None]:
    """torch's random numbers from seed 0, and one thread; both as before afterwards."""
    import torch  # not there in every environment

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield
    torch.set_num_threads(threads)


@pytest.fixture
def one_thread() -> Iterator[None]:
    """torch on one thread and at seed 0, both put back."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield
    torch.set_num_threads(before)

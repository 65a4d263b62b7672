"""The examples of docs/frameworks.md run as they stand."""

from __future__ import annotations

import importlib.util
import os
import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parent.parent / "docs" / "frameworks.md"
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
ROOTS = {"jax", "flax", "equinox", "keras", "tensorflow"}


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_example_runs(number):
    block = BLOCKS[number]
    needed = {found for found in re.findall(r"(?:import|from) (\w+)", block) if found in ROOTS}
    needed |= {"keras"} if "isogain.keras" in block else set()
    missing = sorted(name for name in needed if importlib.util.find_spec(name) is None)
    if "keras" in needed and not any(map(importlib.util.find_spec, ("torch", "jax", "tensorflow"))):
        missing.append("a backend of Keras")
    if missing:
        pytest.skip(f"{', '.join(missing)} not installed")
    if '"KERAS_BACKEND", "torch"' in block and os.environ.get("KERAS_BACKEND", "torch") != "torch":
        pytest.skip("shown for Keras on torch")
    exec(compile(block, f"docs/frameworks.md block {number}", "exec"), {"__name__": "example"})

"""Every Python block of every page runs as written, in page order, and prints what is shown below it."""

from __future__ import annotations

import importlib.util
import os
import re
import runpy
from pathlib import Path

import pytest
from sybil.example import SybilFailure

ROOT = Path(__file__).parent.parent
BLOCKS = runpy.run_path(str(ROOT / "docs" / "blocks.py"))
PACKAGES = {"jax", "flax", "equinox", "keras", "tensorflow", "transformers", "sklearn"}


def with_blocks() -> list[Path]:
    """Pages that have something to run."""
    return [page for page in BLOCKS["pages"]() if "```python" in page.read_text(encoding="utf-8")]


def missing(text: str) -> list[str]:
    """Packages that a page imports and that are not installed."""
    wanted = set(re.findall(r"(?m)^\s*(?:import|from) (\w+)", text)) & PACKAGES
    return sorted(name for name in wanted if importlib.util.find_spec(name) is None)


@pytest.mark.parametrize("page", with_blocks(), ids=lambda page: str(page.relative_to(ROOT)))
def test_page_runs_as_written(page, one_thread):
    text = page.read_text(encoding="utf-8")
    if lacking := missing(text):
        pytest.skip(f"{', '.join(lacking)} not installed")
    if '"KERAS_BACKEND", "torch"' in text and os.environ.get("KERAS_BACKEND", "torch") != "torch":
        pytest.skip("shown for Keras on torch")
    BLOCKS["play"](page)


def played(folder: Path, text: str) -> None:
    page = folder / "page.md"
    page.write_text(text, encoding="utf-8")
    BLOCKS["play"](page)


RIGHT = "```python\nx = 1\nprint(x)\n```\n\n```output\n1\n```\n"


def test_one_namespace_and_page_order(tmp_path):
    played(tmp_path, RIGHT + "\ntext\n\n```python\nprint(x + 1)\n```\n\n```output\n2\n```\n")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (RIGHT.replace("output\n1", "output\n2"), "printed instead:\n1"),
        (RIGHT.partition("\n\n```output")[0], "prints what is not shown"),
        (RIGHT.replace("```output", "and so\n\n```output"), "stands below no code"),
        (RIGHT.replace("x = 1\n", ""), "name 'x' is not defined"),
    ],
)
def test_the_check_can_fail(tmp_path, text, said):
    with pytest.raises((SybilFailure, AssertionError, NameError), match=re.escape(said)):
        played(tmp_path, text)


@pytest.mark.parametrize(
    ("shown", "said", "agree"),
    [
        ("loss 2.30, 91% right", "loss 2.31, 91% right", True),  # a unit of the last place
        ("loss 0.512", "loss 0.520", True),  # within a fiftieth
        ("loss 0.512", "loss 0.540", False),
        ("3 layers", "4 layers", False),
        ("-1.5", "1.5", False),
        ("loss 0.512", "cost 0.512", False),
        ("0.764 [0.443, 1.08]", "0.772 [0.463, 1.08]", True),  # a tenth of the interval
        ("0.764 [0.443, 1.08]", "0.764 [0.52, 1.08]", False),
        ("0.764 [0.443, 1.08]", "0.8 [0.443, 1.08]", False),
        ("1.2e-05 to 3", "1.3e-05 to 3", True),
        ("1.2e-05 to 3", "1.2e-04 to 3", False),
        ("a ... z", "a b c z", True),
        ("layer1.weight 0.5", "layer2.weight 0.5", False),
    ],
)
def test_what_agrees(shown, said, agree):
    assert BLOCKS["agree"](shown + "\n", said + "\n") is agree


def test_outputs_are_written_anew(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        RIGHT.replace("output\n1", "output\nold") + "\n```python\nprint('b')\n```\n", encoding="utf-8"
    )
    assert (
        BLOCKS["play"](page, keep=False).written()
        == RIGHT + "\n```python\nprint('b')\n```\n\n```output\nb\n```\n"
    )

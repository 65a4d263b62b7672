"""The notebooks of examples/ are those of their scripts, and run from beginning to end."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import nbclient
import nbformat
import pytest

ROOT = Path(__file__).parent.parent
SCRIPTS = sorted((ROOT / "examples").glob("*.py"))
MAKE = runpy.run_path(str(ROOT / "docs" / "notebooks.py"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_notebook_is_fresh(script):
    written = script.with_suffix(".ipynb").read_text(encoding="utf-8")
    assert json.loads(written) == json.loads(MAKE["of_script"](script)), "run `make docs`"


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_notebook_runs(script, tmp_path, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "agg")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    book = nbformat.read(script.with_suffix(".ipynb"), as_version=4)
    nbclient.NotebookClient(
        book, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    assert any(cell.get("outputs") for cell in book.cells)


def test_the_check_can_fail(tmp_path):
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("assert 1 == 2")])
    with pytest.raises(nbclient.exceptions.CellExecutionError):
        nbclient.NotebookClient(
            book, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
        ).execute()


def test_a_page_becomes_cells():
    page = "# A\n\ntext\n\n```python\nprint(1)\n```\n\n```output\n1\n```\n"
    book = nbformat.reads(MAKE["of_page"](page), as_version=4)
    assert [(cell.cell_type, cell.source) for cell in book.cells] == [
        ("markdown", "# A\n\ntext"),
        ("code", "print(1)"),
    ]

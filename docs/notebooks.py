"""Notebooks: examples/*.py (percent format) become examples/*.ipynb, and pages of the site become notebooks.

`python docs/notebooks.py` writes examples/*.ipynb anew; tests/test_docs_notebooks.py runs them.
"""

from __future__ import annotations

import re
from pathlib import Path

import jupytext

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def of_page(text: str) -> str:
    """A page as a notebook: its Python blocks become cells, outputs come back when they run."""
    return _written(re.sub(r"\n\n```output\n.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL), "md")


def of_script(path: Path) -> str:
    """A script of cells as a notebook."""
    return _written(path.read_text(encoding="utf-8"), "py:percent")


def _written(text: str, kind: str) -> str:
    book = jupytext.reads(text, fmt=kind)
    book.metadata = {"kernelspec": KERNEL}
    book.nbformat_minor = 4  # cells without random names, so that the same page is the same file
    for cell in book.cells:
        cell.pop("id", None)
    return jupytext.writes(book, fmt="ipynb") + "\n"


if __name__ == "__main__":
    for script in sorted(EXAMPLES.glob("*.py")):
        script.with_suffix(".ipynb").write_text(of_script(script), encoding="utf-8")
        print(f"wrote examples/{script.stem}.ipynb")

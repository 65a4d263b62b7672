"""The playground as a value: a notebook shows it, a file keeps it, a browser opens it."""

from __future__ import annotations

import tempfile
import webbrowser
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any, final

from isogain.playground import knobs, page
from isogain.report.files import write_atomically

__all__ = ["Playground"]


@final
class Playground:
    """The page with its knobs where they were set."""

    def __init__(self, state: Mapping[str, Any] | None = None) -> None:
        self.state = knobs.checked(state or {})

    def html(self) -> str:
        """The page as text: one self-contained document."""
        return page.render(self.state)

    def to_html(self, path: str | Path) -> Path:
        """Write the page; returns its absolute path.  Raises ReportError where it cannot be written."""
        return write_atomically(path, self.html())

    def open(self) -> Path:
        """Show the page in the browser, from a temporary file whose path is returned."""
        target = self.to_html(Path(tempfile.mkdtemp(prefix="isogain-")) / "playground.html")
        webbrowser.open(target.as_uri())
        return target

    def _repr_html_(self) -> str:
        """The page in a frame of the notebook's cell."""
        return (
            f'<iframe srcdoc="{escape(self.html())}" title="isogain playground" '
            'style="width:100%;height:46rem;border:1px solid #8888;border-radius:8px"></iframe>'
        )

    def __repr__(self) -> str:
        told = ", ".join(f"{name}={value!r}" for name, value in self.state.items())
        return f'playground({told}): .to_html("playground.html") writes it, .open() shows it'

"""Pages that a command writes: that they can be, before anything is computed, and in a browser if asked."""

from __future__ import annotations

import tempfile
import webbrowser
from pathlib import Path

import typer

from isogain.extras import require

__all__ = ["opened", "page_asked", "shown_page"]


def page_asked(html: Path | None, open_it: bool, name: str) -> Path | None:
    """Where the page goes: a temporary file where it is only to be opened.

    Raises ModuleNotFoundError, which names the extra, where pages cannot be written.
    """
    if html is None and not open_it:
        return None
    for package in ("jinja2", "vl_convert", "altair"):
        require(package, "a page", "lab")
    return html or Path(tempfile.mkdtemp(prefix="isogain-")) / f"{name}.html"


def shown_page(page: Path, open_it: bool) -> None:
    """Say where a page is, on standard error, and open it if asked."""
    typer.echo(f"page  {page}", err=True)
    opened(page, open_it)


def opened(page: Path | None, open_it: bool) -> None:
    """Open a page in the browser, if asked."""
    if page is not None and open_it:
        webbrowser.open(page.absolute().as_uri())

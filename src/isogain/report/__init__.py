"""What experiments say, shown: one HTML page, pictures, a summary in the terminal, JSON.

The page and the pictures need the extra `lab` (Altair, vl-convert); summary and JSON do not.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

from isogain.errors import ReportError
from isogain.lab.outcome import Outcome
from isogain.report.captions import write_captions
from isogain.report.document import SCHEMA_VERSION, to_json
from isogain.report.files import write_atomically
from isogain.report.terminal import print_summary
from isogain.report.view import Section, section_of, sections_of

__all__ = [
    "SCHEMA_VERSION",
    "Section",
    "print_summary",
    "render_page",
    "section_of",
    "sections_of",
    "to_json",
    "write_captions",
    "write_page",
    "write_pictures",
]

_MISSING = "needs Altair, vl-convert and Jinja2, which are not installed: pip install 'isogain[lab]'"


def write_page(
    outcomes: Iterable[Outcome],
    path: str | Path,
    *,
    title: str = "What initial weights decide",
    summary: str | None = None,
) -> Path:
    """Writes one self-contained HTML page of `outcomes`; returns its absolute path.

    The page is made in full before the file is touched, and the file is replaced in one step.
    Raises ReportError for a chart or table that cannot be read, or a path that cannot be written.

    >>> write_page(outcomes, "report.html")  # doctest: +SKIP
    PosixPath('/home/ada/report.html')
    """
    return write_atomically(path, render_page(sections_of(outcomes), title=title, summary=summary))


def render_page(sections: Sequence[Section], *, title: str = "isogain", summary: str | None = None) -> str:
    """The page of some Sections as HTML text; `summary` replaces the sentence that counts the claims."""
    try:
        from isogain.report import page
    except ImportError as error:
        raise ReportError(f"the page {_MISSING} (no module {error.name!r})") from error
    return page.render_page(sections, title=title, summary=summary)


def write_pictures(
    outcomes: Iterable[Outcome],
    folder: str | Path,
    format: Literal["png", "svg", "pdf"] = "png",
    *,
    mode: Literal["light", "dark"] = "light",
    width: int | Literal["single", "double"] = 940,
    scale: float = 2.0,
) -> list[Path]:
    """Writes every chart as `<experiment>-figure-<n>.png` (or .svg, .pdf) into `folder`; returns their paths.

    Each has its title, and its axes named.  `width` is in px before `scale`, which PNG alone uses, or that
    of a paper's column: "single" (3.5 inches) or "double" (7.17).  All pictures are made before the first is
    written.  Raises ReportError for an unknown format, a chart that cannot be read or a folder that
    cannot be written.
    """
    try:
        from isogain.report import pictures
    except ImportError as error:
        raise ReportError(f"pictures {_MISSING} (no module {error.name!r})") from error
    return pictures.write_pictures(outcomes, folder, format, mode=mode, width=width, scale=scale)

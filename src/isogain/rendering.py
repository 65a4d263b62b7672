"""Who shows a result: results are data, and what draws them stands above them.

A result asks here for its renderer by a short name; `isogain.renderers`, above everything, says who they are.
So a Report can be printed or written as a page though nothing it is made of knows of pages.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any, ClassVar
from unicodedata import east_asian_width

__all__ = [
    "MOST_LINES",
    "Say",
    "Shown",
    "Text",
    "cells",
    "filled",
    "padded",
    "register",
    "rendered",
    "shortened",
]

MOST_LINES = 60
"""Lines of text that any result prints at most."""

Say = Callable[[str], str]
"""Words in the language of the reader, for the English ones."""
Renderer = Callable[..., Any]
_RENDERERS: dict[str, Renderer] = {}


def register(name: str) -> Callable[[Renderer], Renderer]:
    """Make the decorated function the renderer called `name`."""

    def registered(renderer: Renderer) -> Renderer:
        _RENDERERS[name] = renderer
        return renderer

    return registered


def rendered(name: str, result: Any, *more: Any) -> Any:
    """What the renderer called `name` makes of a result."""
    return _RENDERERS[name](result, *more)


def shortened(lines: Sequence[str], most: int, more: str) -> list[str]:
    """At most so many lines; where some are left out the last says how many, and `more` where they are.

    >>> shortened(["a", "b", "c"], 2, "report.layers has them all")
    ['a', '... and 2 more; report.layers has them all']
    """
    if len(lines) <= most:
        return list(lines)
    kept = max(most - 1, 0)
    return [*lines[:kept], f"... and {len(lines) - kept} more; {more}"]


def cells(text: str) -> int:
    """Columns of a terminal that text takes: a Chinese character takes two."""
    return sum(2 if east_asian_width(letter) in "WF" else 1 for letter in text)


def padded(text: str, width: int, right: bool = False) -> str:
    """Text with spaces up to so many columns, behind it or, with `right`, before it."""
    spaces = " " * (width - cells(text))
    return spaces + text if right else text + spaces


def filled(text: str, width: int, first: str = "", rest: str = "") -> str:
    """Text in lines of so many columns, indented; Chinese breaks between any two characters."""
    if text.isascii() or cells(text) == len(text):
        return textwrap.fill(
            text, width, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False
        )
    lines = [first]
    for part in re.findall(r"[\u2e80-\uffef][\uff01-\uff1f\u3002]?|[^\s\u2e80-\uffef]+|\s+", text):
        if cells(lines[-1] + part) > width and lines[-1].strip():
            lines[-1] = lines[-1].rstrip()
            lines.append(rest)
        lines[-1] += part if lines[-1] != rest else part.lstrip()
    return "\n".join(lines)


class Text(str):
    """Text of several lines, which prompts and notebooks show as it is."""

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return f"<pre>{escape(self)}</pre>"


class Line:
    """A part of a result: a line of words where a prompt or a notebook would list its fields."""

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(str(self))


class Shown:
    """A result that shows itself: in few lines when printed, with its pictures in a notebook and on a page.

    A class names itself in `shown_as`; its renderer `NAME.outcome` says what there is to see, as charts and
    tables.  `records` are its numbers, one dictionary a row.
    """

    shown_as: ClassVar[str] = ""

    def records(self) -> Iterable[Mapping[str, Any]]:
        """Its numbers, one dictionary a row: the rows of `to_frame`."""
        raise NotImplementedError

    def outcome(self) -> Any:
        """Question, answer, charts and tables: what `isogain.report` draws and writes."""
        return rendered(f"{self.shown_as}.outcome", self)

    def to_frame(self) -> Any:
        """Its `records` as a pandas DataFrame; ReportError where pandas is not installed."""
        return rendered("frame", self.records())

    def to_html(self, path: str | Path) -> Path:
        """Writes one self-contained page of it; returns its absolute path (needs isogain[lab])."""
        page: Path = rendered("outcome.page", self.outcome(), path)
        return page

    def _repr_html_(self) -> str:
        fragment: str = rendered("outcome.fragment", self.outcome())
        return fragment

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """What IPython prints of it: the short text rather than the one line of `repr`."""
        printer.text(repr(self) if cycle else str(self))

"""Who shows a result: results are data, and what draws them stands above them.

A result asks here for its renderer by a short name; `isogain.renderers`, above everything, says who they are.
So a Report can be printed or written as a page though nothing it is made of knows of pages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any, ClassVar

__all__ = ["MOST_LINES", "Shown", "Text", "register", "rendered", "shortened"]

MOST_LINES = 60
"""Lines of text that any result prints at most."""

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


class Text(str):
    """Text of several lines, which prompts and notebooks show as it is."""

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return f"<pre>{escape(self)}</pre>"


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

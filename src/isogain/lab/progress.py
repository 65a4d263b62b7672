"""A progress bar: on standard error when that is a terminal, below the cell in a notebook."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from typing import Any

from isogain.lab.runner import Progress

__all__ = ["terminal_progress"]


def in_notebook() -> bool:
    """Whether a notebook's kernel runs this."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return type(shell).__name__ == "ZMQInteractiveShell"


@contextmanager
def terminal_progress() -> Iterator[Progress | None]:
    """A bar an experiment, or None where nobody would see it."""
    if in_notebook():
        yield _notebook_bars()
    elif sys.stderr.isatty():
        with _terminal_bars() as report:
            yield report
    else:
        yield None


@contextmanager
def _terminal_bars() -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, TaskID, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
    tasks: dict[str, TaskID] = {}
    with Bars(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as bars:

        def report(title: str, done: int, total: int) -> None:
            if title not in tasks:
                tasks[title] = bars.add_task(title, total=total)
            bars.update(tasks[title], completed=done, total=total)

        yield report


def _notebook_bars() -> Progress:
    """Bars of plain HTML, redrawn at whole percents: they need no widgets, and stay in the saved notebook."""
    from IPython.display import HTML, display

    shown: dict[str, tuple[Any, int]] = {}

    def report(title: str, done: int, total: int) -> None:
        percent = 100 * done // max(total, 1)
        words = f'<progress value="{percent}" max="100"></progress> {percent} % {escape(title)}'
        if title not in shown:
            shown[title] = display(HTML(words), display_id=True), percent  # type: ignore[no-untyped-call]
        elif percent > shown[title][1]:
            shown[title][0].update(HTML(words))  # type: ignore[no-untyped-call]
            shown[title] = shown[title][0], percent

    return report

"""A progress bar on standard error, when that is a terminal: what is running, the best so far, time left."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["Report", "bar"]

Report = Callable[[str, int, int], None]
"""Told a text, how much is done, and how much there is in all."""


@contextmanager
def bar(title: str) -> Iterator[Report | None]:
    """A bar whose text changes, or None where nobody would see it."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task(title, total=None)
        yield lambda text, done, total: bars.update(task, description=text, completed=done, total=total)

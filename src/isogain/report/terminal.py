"""The summary a terminal shows: question, answer, curves as sparklines, the main table, the claims."""

from __future__ import annotations

import io
import itertools
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from rich import box
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table as RichTable
from rich.text import Text

from isogain.lab.outcome import Claim, Outcome
from isogain.rendering import MOST_LINES, shortened
from isogain.report.prepare import Prepared
from isogain.report.view import MARKS, Cell, Figure, Section, TableView, number_text, sections_of

__all__ = ["as_text", "print_summary", "sparkline"]

WIDTH = 100
_TABLE_ROWS = 24
_SPARK_WIDTH = 32
_GUTTER = 3
_BLOCKS = "▁▂▃▄▅▆▇█"
_STYLES = {"holds": "green", "holds in part": "yellow", "does not hold": "red", "not settled": "dim"}
# For a terminal or a file that is not Unicode: what stays readable there.
_ASCII = str.maketrans(
    {
        "✓": "+", "◐": "~", "✗": "x", "–": "-", "−": "-", "→": "->", "√": "sqrt", "∞": "inf", "×": "x",
        "·": "|", "σ": "sigma", "²": "^2", "…": "...", "─": "-", "’": "'", "½": "1/2",
        **{block: "_.-~=+*#"[i] for i, block in enumerate(_BLOCKS)},
    }
)  # fmt: skip


def print_summary(
    outcomes: Iterable[Outcome], console: Console | None = None, *, page: str | Path | None = None
) -> None:
    """Prints what each experiment asked and found, at most 100 columns wide, and where the `page` is.

    Without a terminal behind `console` (a pipe, a file) it is plain text without control codes.
    """
    sections = sections_of(outcomes)
    target = console or Console()
    inner = _inner_console(target)
    for number, section in enumerate(sections, start=1):
        inner.print(_section(section, number, len(sections), inner.width))
    if page is not None:
        # soft_wrap: a path broken over two lines can be neither clicked nor copied
        inner.print(Text.assemble(("Page  ", "bold"), str(page)), soft_wrap=True)
    _write(target, inner.file.getvalue())  # type: ignore[attr-defined]


def as_text(outcome: Outcome) -> str:
    """An Outcome in plain text of at most 100 columns, as short as any result prints."""
    [section] = sections_of([outcome])
    console = Console(file=io.StringIO(), width=WIDTH, highlight=False, legacy_windows=False)
    console.print(_section(section, 1, 1, WIDTH))
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    lines = [line.rstrip() for line in text.strip("\n").split("\n")]
    return "\n".join(shortened(lines, MOST_LINES, "a notebook, .to_html() and .to_frame() show the rest"))


def _inner_console(target: Console) -> Console:
    """A console that writes to memory as `target` would, 100 columns wide where that is not a terminal."""
    return Console(
        file=io.StringIO(),
        width=min(target.width, WIDTH) if target.is_terminal else WIDTH,
        force_terminal=target.is_terminal,
        color_system="standard" if target.color_system else None,
        no_color=target.no_color,
        highlight=False,
        legacy_windows=False,
    )


def _write(console: Console, text: str) -> None:
    text = "\n".join(line.rstrip() for line in text.split("\n"))
    encoding = console.encoding
    if not encoding.lower().startswith("utf"):
        text = text.translate(_ASCII).encode(encoding, "replace").decode(encoding)
    console.file.write(text)
    console.file.flush()


def _section(section: Section, number: int, count: int, width: int) -> RenderableType:
    parts: list[RenderableType] = [_heading(section, number if count > 1 else None)]
    parts += [_labelled("Asked", section.question), _labelled("Answer", section.answer, "bold")]
    parts += [_curves(figure) for figure in _curved(section)[:1]]
    parts += [Padding(_table(view, width - 2), (1, 0, 0, 2)) for view in section.tables[:1]]
    parts += [Padding(_claims(section.claims), (1, 0, 0, 2))] if section.claims else []
    parts += [Text(), _labelled("Repeat", section.command)] if section.command else []
    return Padding(Group(*parts), (0, 0, 1, 0))


def _heading(section: Section, number: int | None) -> RenderableType:
    grid = RichTable.grid(expand=True)
    grid.add_column(ratio=1)
    grid.add_column(justify="right", no_wrap=True)
    title = f"{number} · {section.title}" if number else section.title
    aside = " · ".join(filter(None, (section.name, section.elapsed)))
    grid.add_row(Text(title, "bold underline"), Text(aside, "dim"))
    return grid


def _labelled(label: str, text: str, style: str = "") -> RenderableType:
    grid = RichTable.grid(padding=(0, 2, 0, 0))
    grid.add_column(width=6, no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row(Text(label, "dim"), Text(text, style))
    return Padding(grid, (0, 0, 0, 2))


def _curved(section: Section) -> list[Figure]:
    return [
        f for f in section.figures
        if f.prepared.chart.kind == "lines" and not f.prepared.faceted and len(f.prepared.series) <= 8
    ]  # fmt: skip


def _curves(figure: Figure) -> RenderableType:
    """Each line of a chart as one sparkline, all on one scale, with its first and last value."""
    prepared = figure.prepared
    grid = RichTable.grid(padding=(0, 2, 0, 0))
    for name, values in _lines(prepared).items():
        row = _on_one_scale(prepared, values)
        ends = f"{number_text(values[0], '.3g').text} → {number_text(values[-1], '.3g').text}"
        grid.add_row(Text(name), Text(row, "cyan"), Text(ends))
    axis = prepared.chart.y_title or prepared.chart.y
    title = figure.title if axis.lower() in figure.title.lower() else f"{figure.title}: {axis}"
    return Padding(Group(Text(title, "dim"), grid), (1, 0, 0, 2))


def _lines(prepared: Prepared) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {name: [] for name in prepared.series or (prepared.chart.y,)}
    for row in prepared.rows:
        if row.get("dash") not in (None, *prepared.dashes[:1]):
            continue  # measured and theory on one line of text would be neither
        found[row.get("series", prepared.chart.y)].append(row["y"])
    return {name: values for name, values in found.items() if values}


def _on_one_scale(prepared: Prepared, values: list[float]) -> str:
    every = [row["y"] for row in prepared.rows]
    if prepared.chart.log_y:
        values, every = [math.log(v) for v in values], [math.log(v) for v in every]
    return sparkline(values, min(every), max(every))


def sparkline(values: list[float], low: float, high: float, width: int = _SPARK_WIDTH) -> str:
    """`values` as at most `width` block characters on a scale from `low` to `high`.

    >>> sparkline([0.0, 0.5, 1.0], 0.0, 1.0)
    '▁▅█'
    """
    count = min(width, len(values))
    chosen = [values[round(i * (len(values) - 1) / max(count - 1, 1))] for i in range(count)]
    span = (high - low) or 1.0
    levels = (round((value - low) / span * (len(_BLOCKS) - 1) + 1e-9) for value in chosen)
    return "".join(_BLOCKS[min(max(level, 0), len(_BLOCKS) - 1)] for level in levels)


def _table(view: TableView, width: int) -> RenderableType:
    """As many columns as fit without breaking a number; intervals below their values where space is short."""
    shown, stacked = _fitting(view, width)
    table = RichTable(
        title=Text(view.title), title_justify="left", title_style="dim",
        box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold",
    )  # fmt: skip
    for index, columns in enumerate(_widths(view, shown, stacked, width)):
        side: Literal["left", "right"] = "right" if view.is_numeric(index) else "left"
        table.add_column(Text(view.headings[index]), justify=side, overflow="fold", width=columns)
    most = _TABLE_ROWS // 2 if stacked else _TABLE_ROWS
    for row in view.rows[:most]:
        table.add_row(*(_cell(cell, "\n" if stacked else " ") for cell in row[:shown]))
    return Group(table, *_table_notes(view, len(view.rows) - most, len(view.headings) - shown))


def _cell(cell: Cell, before_interval: str) -> Text:
    return Text.assemble(cell.text, (before_interval + cell.interval if cell.interval else "", "dim"))


def _fitting(view: TableView, width: int) -> tuple[int, bool]:
    """How many columns fit, and whether intervals must stand below their values for that."""
    count = len(view.headings)
    for stacked in (False, True):
        widths = [_column_width(view, index, stacked) for index in range(count)]
        if sum(widths) + _GUTTER * (count - 1) <= width:
            return count, stacked
    totals = itertools.accumulate(width + _GUTTER for width in widths)
    return max(1, sum(total - _GUTTER <= width for total in totals)), True


def _widths(view: TableView, shown: int, stacked: bool, width: int) -> list[int]:
    """The width of each column: the least it needs, and what is left over for long names and headings."""
    widths = [_column_width(view, index, stacked) for index in range(shown)]
    left = width - sum(widths) - _GUTTER * (shown - 1)
    for index in range(shown):
        longest = max([len(view.headings[index]), *(len(row[index].text) for row in view.rows)])
        more = min(max(longest - widths[index], 0), max(left, 0))
        widths[index] += more
        left -= more
    return widths


def _column_width(view: TableView, index: int, stacked: bool) -> int:
    """Columns a column needs: numbers and intervals whole, names broken between words at worst."""
    cells = [row[index] for row in view.rows]
    heading = max(map(len, view.headings[index].split()), default=0)
    if not view.is_numeric(index):
        words = [len(word) for cell in cells for word in cell.text.split()]
        return max([heading, *words, min(16, max((len(cell.text) for cell in cells), default=0))])
    if stacked:
        return max([heading, *(max(len(cell.text), len(cell.interval)) for cell in cells)])
    return max(
        [heading, *(len(cell.text) + (len(cell.interval) + 1 if cell.interval else 0) for cell in cells)]
    )


def _table_notes(view: TableView, rows: int, columns: int) -> list[Text]:
    hidden = [f"{count} more {name}" for count, name in ((rows, "rows"), (columns, "columns")) if count > 0]
    notes = [Text(f"… {' and '.join(hidden)} on the page", "dim")] if hidden else []
    return notes + ([Text(view.note, "dim")] if view.note else [])


def _claims(claims: Iterable[Claim]) -> RenderableType:
    grid = RichTable.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for claim in claims:
        verdict = Text(f"{MARKS[claim.verdict]} {claim.verdict}", _STYLES[claim.verdict])
        grid.add_row(verdict, Text.assemble(claim.claim, "\n", (claim.evidence, "dim")))
    return grid

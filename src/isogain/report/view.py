"""The one view model: an Outcome, a prediction or an inspection becomes a Section, and a page shows Sections.

Everything here is words and rows ready to be laid out; the page, the terminal and nothing else
decide how.  Whatever has an Outcome's attributes can be shown (`section_of` asks for no type).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from isogain.errors import ReportError
from isogain.lab.outcome import Chart, Claim, Column, Outcome, Table
from isogain.report.prepare import Prepared, name_of, prepare
from isogain.report.records import bar_top
from isogain.report.words import say

__all__ = [
    "Cell",
    "Figure",
    "Section",
    "TableView",
    "number_text",
    "section_of",
    "sections_of",
    "verdict_counts",
]

VERDICTS = ("holds", "holds in part", "does not hold", "not settled")
MARKS: Mapping[str, str] = {"holds": "✓", "holds in part": "◐", "does not hold": "✗", "not settled": "?"}


@dataclass(frozen=True)
class Cell:
    """One cell of a table: its text, the interval behind it, and whether it is a number."""

    text: str
    interval: str = ""
    numeric: bool = False


@dataclass(frozen=True)
class TableView:
    """A table as text."""

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""

    def interval_width(self, column: int) -> int:
        """Characters of the longest interval of a column."""
        return max((len(row[column].interval) for row in self.rows), default=0)

    def is_numeric(self, column: int) -> bool:
        """Whether a column is to be right-aligned: it has a number and nothing but numbers and gaps."""
        cells = [row[column] for row in self.rows if row[column].text != _GAP]
        return bool(cells) and all(cell.numeric for cell in cells)


@dataclass(frozen=True)
class Figure:
    """A picture with its words: what it shows for those who cannot see it, and its numbers as a table."""

    identifier: str
    prepared: Prepared
    title: str
    description: str
    captions: tuple[str, ...]
    table: TableView


@dataclass(frozen=True)
class Section:
    """Question, answer, pictures, claims, numbers, settings: one chapter of a page."""

    identifier: str
    name: str
    title: str
    question: str
    answer: str
    figures: tuple[Figure, ...]
    claims: tuple[Claim, ...]
    tables: tuple[TableView, ...]
    settings: tuple[tuple[str, str], ...]
    command: str
    notes: tuple[str, ...]
    elapsed: str


def sections_of(outcomes: Iterable[Outcome]) -> list[Section]:
    """One Section per outcome, each with an anchor of its own.

    Raises ReportError when a chart or table cannot be read, naming the experiment.
    """
    sections: list[Section] = []
    for outcome in outcomes:
        taken = {section.identifier for section in sections}
        sections.append(section_of(outcome, _unused(_slug(outcome.experiment), taken)))
    return sections


def section_of(outcome: Outcome, identifier: str | None = None) -> Section:
    """An outcome as a Section; `identifier` is its anchor on the page."""
    anchor = identifier or _slug(outcome.experiment)
    try:
        figures = tuple(
            _figure(chart, f"{anchor}-figure-{index}") for index, chart in enumerate(outcome.charts, start=1)
        )
        tables = tuple(_table(table) for table in outcome.tables)
    except ReportError as error:
        raise ReportError(f"{outcome.experiment}: {error}") from error
    return Section(
        identifier=anchor, name=outcome.experiment, title=say(outcome.title), question=say(outcome.question),
        answer=say(outcome.answer), figures=figures, claims=tuple(outcome.claims), tables=tables,
        settings=tuple((say(str(key)), say(str(value))) for key, value in outcome.settings.items()),
        command=outcome.command, notes=tuple(map(say, outcome.notes)), elapsed=_duration(outcome.elapsed_s),
    )  # fmt: skip


def verdict_counts(claims: Iterable[Claim]) -> list[tuple[str, int]]:
    """How often each verdict was given, in a fixed order, without the ones never given."""
    given = [claim.verdict for claim in claims]
    return [(verdict, given.count(verdict)) for verdict in VERDICTS if verdict in given]


def _slug(name: str) -> str:
    # Anchors of our own making: whatever a name holds, only letters, digits and hyphens reach an attribute.
    return "s-" + (re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "section")


def _unused(slug: str, taken: set[str]) -> str:
    number, found = 2, slug
    while found in taken:
        found, number = f"{slug}-{number}", number + 1
    return found


def _duration(seconds: float) -> str:
    if seconds <= 0:
        return ""
    return f"{seconds:.1f} s" if seconds < 60 else f"{int(seconds // 60)} min {int(seconds % 60):02d} s"


_GAP = "–"


def number_text(value: Any, spec: str) -> Cell:
    """A value under a format: numbers as asked, names as they are, a dash for nothing."""
    if value is None:
        return Cell(_GAP)
    if isinstance(value, str | bool):
        return Cell(str(value))
    try:
        number = float(value)
        text = format(int(number) if spec.endswith("d") and number.is_integer() else number, spec)
    except (TypeError, ValueError):
        return Cell(name_of(value))
    if "e" in text and 1000 <= abs(number) < 1e6 and spec.endswith("g"):
        text = f"{float(text):,.0f}"  # 2,110 rather than 2.11e+03
    text = re.sub(r"e([+-])0*(\d)", lambda found: f"e{found[1].replace('+', '')}{found[2]}", text)
    return Cell(text.replace("-", "−").replace("inf", "∞").replace("nan", _GAP), numeric=True)


def _table(table: Table) -> TableView:
    for column in table.columns:
        _check_column(table, column)
    rows = tuple(tuple(_cell(column, row) for column in table.columns) for row in table.rows)
    headings = tuple(say(column.label) for column in table.columns)
    return TableView(say(table.title), headings, rows, say(table.note))


def _check_column(table: Table, column: Column) -> None:
    """A row may lack a value, a gap; a key that no row has is a mistake."""
    for key in (column.key, column.low, column.high):
        if key is not None and table.rows and not any(key in row for row in table.rows):
            keys = ", ".join(map(repr, table.rows[0])) or "none"
            raise ReportError(f"table {table.title!r} has no {key!r} in any row; the first has {keys}")


def _cell(column: Column, row: Mapping[str, Any]) -> Cell:
    cell = number_text(row.get(column.key), column.format)
    low, high = (None if key is None else row.get(key) for key in (column.low, column.high))
    if low is None or high is None:
        return cell
    interval = f"[{number_text(low, column.format).text}, {number_text(high, column.format).text}]"
    return Cell(cell.text, interval, cell.numeric)


def _figure(chart: Chart, identifier: str) -> Figure:
    prepared = prepare(chart)
    return Figure(
        identifier=identifier,
        prepared=prepared,
        title=say(chart.title),
        description=say(chart.alt) or f"{say(chart.title)}. {say(chart.caption)}".strip(),
        captions=(*_captions(prepared), *prepared.notes),
        table=_figure_table(prepared),
    )


def _captions(prepared: Prepared) -> list[str]:
    chart = prepared.chart
    found = [say(chart.caption)] if chart.caption else []
    if chart.kind == "histograms":
        what = f"Across: {chart.x_title}. " if chart.x_title else ""
        own = "Each panel has its own range and height: compare shapes, and read sizes off the axes."
        tall = "Bars that rise over the axis are cut, their height beside them." if _cut(prepared) else ""
        found.append(f"{what}{own if chart.independent_x else tall}".strip())
    if chart.kind in ("lines", "dots") and prepared.faceted and not prepared.categorical_x and chart.y_title:
        found.append(f"Upwards: {chart.y_title}.")
    if prepared.dashes and not all(name in chart.caption for name in prepared.dashes):
        found.append(f"Solid: {prepared.dashes[0]}; broken: {', '.join(prepared.dashes[1:])}.")
    if chart.rules:
        names = "; ".join(f"{rule.label} ({name_of(float(f'{rule.value:.4g}'))})" for rule in chart.rules)
        found.append(f"Dotted: {names}.")
    return found


def _cut(prepared: Prepared) -> bool:
    return any(row["y"] > bar_top(prepared) for row in prepared.rows)


_TABLE_ROWS = 60
"""A picture's table is there to be read; all the rows are in the exported data."""


def _figure_table(prepared: Prepared) -> TableView:
    """The picture in numbers: histograms summed up per panel, everything else row by row."""
    if prepared.chart.kind == "histograms":
        return _histogram_table(prepared)
    if prepared.chart.kind == "regions":
        return _region_table(prepared)
    order = ("row", "column", "series", "dash", "x", "y", "low", "high", "value")
    fields = [field for field in order if _used(prepared, field)]
    rows = prepared.rows
    stride = -(-len(rows) // _TABLE_ROWS) or 1
    cells = tuple(tuple(number_text(row.get(f), ".4g") for f in fields) for row in rows[::stride])
    note = f"Every {stride}th of {len(rows):,} rows." if stride > 1 else ""
    return TableView(prepared.chart.title, tuple(_heading(prepared.chart, f) for f in fields), cells, note)


def _used(prepared: Prepared, field: str) -> bool:
    return any(field in row for row in prepared.rows)


def _heading(chart: Chart, field: str) -> str:
    given = {
        "x": chart.x_title or chart.x, "y": chart.y_title or chart.y,
        "value": chart.value_title or chart.value, "series": chart.color_title or chart.color,
        "row": chart.facet_row, "column": chart.facet_column, "dash": chart.dash,
        "low": "lower end", "high": "upper end",
    }  # fmt: skip
    return given[field] or field


def _panels(prepared: Prepared) -> dict[tuple[str, ...], list[dict[str, Any]]]:
    panels: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for row in prepared.rows:
        key = tuple(row[f] for f in ("row", "column", "series") if f in row)
        panels.setdefault(key, []).append(row)
    return panels


def _panel_headings(prepared: Prepared) -> list[str]:
    return [_heading(prepared.chart, f) for f in ("row", "column", "series") if _used(prepared, f)]


def _histogram_table(prepared: Prepared) -> TableView:
    """Mean and standard deviation from the bins, lowest and highest value: a panel in one line."""
    rows = []
    for names, bins in _panels(prepared).items():
        centres = [(b["x"] + b.get("x2", b["x"])) / 2 for b in bins]
        weights = [b["y"] * ((b["x2"] - b["x"]) if "x2" in b else 1.0) for b in bins]
        total = sum(weights) or 1.0
        mean = sum(c * w for c, w in zip(centres, weights, strict=True)) / total
        variance = sum((c - mean) ** 2 * w for c, w in zip(centres, weights, strict=True)) / total
        ends = min(b["x"] for b in bins), max(b.get("x2", b["x"]) for b in bins)
        rows.append(
            tuple(map(Cell, names)) + tuple(number_text(v, ".3g") for v in (mean, variance**0.5, *ends))
        )
    headings = (*_panel_headings(prepared), "mean", "std", "from", "to")
    return TableView(prepared.chart.title, headings, tuple(rows), "Mean and std are read off the bins.")


def _region_table(prepared: Prepared) -> TableView:
    """How much of the plane each panel gives to the second class."""
    rows = []
    for names, grid in _panels(prepared).items():
        values = [row["value"] for row in grid]
        share = sum(value > 0.5 for value in values) / len(values)
        rows.append((*map(Cell, names), *(number_text(v, ".3g") for v in (share, min(values), max(values)))))
    headings = (*_panel_headings(prepared), "share of the plane over ½", "lowest", "highest")
    return TableView(prepared.chart.title, headings, tuple(rows))

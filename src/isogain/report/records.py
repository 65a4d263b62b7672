"""The rows that each kind of mark draws, from a prepared chart: lists of records by kind `k`."""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Iterator
from typing import Any

from isogain.report.prepare import Prepared, Record
from isogain.report.scales import spread_labels
from isogain.report.theme import LEVELS

__all__ = ["LINE_HEIGHT", "UNDECIDED", "bar_top", "line_names", "records", "row_labels"]

UNDECIDED = -1

LINE_HEIGHT = 300
"""px; the height of a single picture of lines, at every width, so that its labels can be placed once."""
_LABEL_GAP = 15.0

Groups = dict[tuple[Any, Any], list[Record]]


def records(prepared: Prepared, domain: tuple[float, float]) -> dict[str, list[Record]]:
    """Rows by kind of mark, numbers rounded to what a picture can show; `domain` is the y range."""
    kind = prepared.chart.kind
    rules = _rules(prepared)
    if kind == "lines":
        rows = _clamped(prepared, domain)
        found = {"line": _numbered(prepared, rows), "label": _end_labels(prepared, domain)}
    elif kind == "regions":
        found = {"cell": list(_cells(prepared)), "point": list(prepared.points)}
    elif kind == "histograms":
        found = {"bar": list(prepared.rows), "cut": _cut(prepared)}
    else:
        name = {"dots": "dot", "heatmap": "cell"}[kind]
        found = {name: _clamped(prepared, domain)}
    labels = dict(zip(prepared.facet_rows, row_labels(prepared), strict=True))
    return {
        name: [_labelled(_rounded(row), labels) for row in group]
        for name, group in (found | rules).items()
        if group
    }


def bar_top(prepared: Prepared) -> float:
    """Where the axis of histograms ends: every panel may have two bars that rise over it.

    Exact zeros and saturation pile up in one or two bins; an axis that held them would flatten all the rest.
    """
    heights = [sorted((row["y"] for row in rows), reverse=True) for rows in _grids(prepared).values()]
    third = max((tall[2] for tall in heights if len(tall) > 2), default=0.0)
    tallest = max((tall[0] for tall in heights), default=1.0)
    return (min(1.15 * third, tallest * 1.04) if third > 0 else tallest * 1.04) or 1.0


def _cut(prepared: Prepared) -> list[Record]:
    """The tallest bar of each panel, where it rises over the axis."""
    if prepared.chart.independent_x:
        return []
    top = bar_top(prepared)
    tallest = [max(rows, key=lambda row: row["y"]) for rows in _grids(prepared).values()]
    return [row for row in tallest if row["y"] > top]


def row_labels(prepared: Prepared) -> list[str]:
    """The names of a grid's rows, broken into lines that fit beside a row of panels."""
    if not prepared.facet_columns:
        return list(prepared.facet_rows)
    return [textwrap.fill(name, 13) for name in prepared.facet_rows]


def _labelled(row: Record, labels: dict[str, str]) -> Record:
    return row | {"row_label": labels[row["row"]]} if "row" in row and labels else row


def _rounded(row: Record) -> Record:
    return {key: float(f"{v:.5g}") if isinstance(v, float) else v for key, v in row.items()}


def _clamped(prepared: Prepared, domain: tuple[float, float]) -> list[Record]:
    """On a log axis an interval that reaches 0 is drawn down to the axis's lower end."""
    if not prepared.chart.log_y:
        return list(prepared.rows)
    bottom = domain[0]
    return [r | {"low": max(r["low"], bottom)} if "low" in r else r for r in prepared.rows]


def _numbered(prepared: Prepared, rows: list[Record]) -> list[Record]:
    """Each row with its line as a number: the tooltip's columns must not be named by the user."""
    number = {names: str(index) for index, names in enumerate(line_names(prepared))}
    return [row | {"id": number[_line_name(row)]} for row in rows]


def _line_name(row: Record) -> tuple[str, ...]:
    return tuple(row[field] for field in ("series", "dash") if field in row)


def line_names(prepared: Prepared) -> list[tuple[str, ...]]:
    """The lines of a chart: by series, and within it by dash; one nameless line when it has neither."""
    found = {_line_name(row) for row in prepared.rows}
    places = [(s, d) for s in prepared.series or ("",) for d in prepared.dashes or ("",)]
    return [name for place in places if (name := tuple(filter(None, place))) in found]


def _end_labels(prepared: Prepared, domain: tuple[float, float]) -> list[Record]:
    """One label where each line ends, moved apart where lines end together."""
    if prepared.faceted or len(prepared.series) < 2:
        return []
    solid = prepared.dashes[:1]
    last = {row["series"]: row for row in prepared.rows if not solid or row["dash"] in solid}
    ends = [last[name] for name in prepared.series if name in last]
    log = prepared.chart.log_y
    places = spread_labels([r["y"] for r in ends], domain, height=LINE_HEIGHT, gap=_LABEL_GAP, log=log)
    return [{"series": row["series"], "y": place} for row, place in zip(ends, places, strict=True)]


def _rules(prepared: Prepared) -> dict[str, list[Record]]:
    """Reference lines, once for every panel: a panel draws the rows that carry its own facets."""
    panels: list[Record] = [
        ({"row": row} if row is not None else {}) | ({"column": column} if column is not None else {})
        for row in prepared.facet_rows or (None,)
        for column in prepared.facet_columns or (None,)
    ]
    rules = prepared.chart.rules
    return {
        f"rule_{axis}": [
            {axis: float(rule.value), "text": rule.label} | panel
            for rule in rules if rule.axis == axis for panel in panels
        ]
        for axis in ("x", "y")
    }  # fmt: skip


def _grids(prepared: Prepared) -> Groups:
    groups: Groups = {}
    for row in prepared.rows:
        groups.setdefault((row.get("row"), row.get("column")), []).append(row)
    return groups


def _cells(prepared: Prepared) -> Iterator[Record]:
    """Rectangles of equal probability (to a tenth): neighbours along x are joined into one.

    A grid of 60 x 60 comes out as some 600 rectangles instead of 3600, in the page and in the SVG.
    """
    for (row, column), grid in _grids(prepared).items():
        facets = {k: v for k, v in (("row", row), ("column", column)) if v is not None}
        half_x, half_y = _half_step({r["x"] for r in grid}), _half_step({r["y"] for r in grid})
        for run in _runs(grid):
            yield facets | {
                "x": run[0]["x"] - half_x, "x2": run[-1]["x"] + half_x,
                "y": run[0]["y"] - half_y, "y2": run[0]["y"] + half_y,
                "level": level_of(run[0]["value"]),
            }  # fmt: skip


def level_of(probability: float) -> int:
    """Which of the ten steps a probability falls in: 0 for [0, .1), 9 for [.9, 1]; -1 for exactly one half.

    A network that says one half everywhere has decided nothing, and must not look as if it had.
    """
    if abs(probability - 0.5) < 1e-9:
        return UNDECIDED
    return min(max(int(probability * LEVELS), 0), LEVELS - 1)


def _runs(grid: list[Record]) -> Iterator[list[Record]]:
    cells = sorted(grid, key=lambda r: (r["y"], r["x"]))
    for _, run in itertools.groupby(cells, key=lambda r: (r["y"], level_of(r["value"]))):
        yield list(run)


def _half_step(positions: set[float]) -> float:
    ordered = sorted(positions)
    return (ordered[-1] - ordered[0]) / (len(ordered) - 1) / 2 if len(ordered) > 1 else 0.5

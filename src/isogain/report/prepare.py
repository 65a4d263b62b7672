"""A chart's rows, checked and given short safe field names, before any picture is made of them.

Names from the user never become field names or expressions of a specification: they only ever
travel as values.  What cannot be drawn (not finite, not positive on a log axis) is counted and told.
"""

from __future__ import annotations

import math
import numbers
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from isogain.errors import ReportError
from isogain.lab.outcome import Chart
from isogain.report.words import say

__all__ = ["Prepared", "name_of", "prepare"]

_KINDS = ("lines", "histograms", "dots", "regions", "heatmap")
_POINTS_PER_LINE = 260
"""More points than pixels only make the page heavy."""

_FIELDS = ("row", "column", "series", "dash", "x", "x2", "y", "low", "high", "value")

Record = dict[str, Any]


@dataclass(frozen=True)
class Prepared:
    """A chart whose rows have the fields x, y, x2, low, high, value, series, row, column."""

    chart: Chart
    rows: tuple[Record, ...]
    points: tuple[Record, ...]
    series: tuple[str, ...]
    dashes: tuple[str, ...]
    """What tells lines of one colour apart by their dash; empty when every series has its own dash."""
    facet_rows: tuple[str, ...]
    facet_columns: tuple[str, ...]
    categorical_x: bool
    notes: tuple[str, ...]
    """What was left out of the picture, in words."""

    @property
    def faceted(self) -> bool:
        """Whether the picture is small multiples."""
        return self.chart.facet_row is not None or self.chart.facet_column is not None


def name_of(value: object) -> str:
    """A category as a reader sees it: `0.01` for 0.010000000000000002."""
    if isinstance(value, numbers.Real) and not isinstance(value, bool | numbers.Integral):
        return f"{float(value):.6g}"
    return _visible(str(value))


def _visible(text: str) -> str:
    """`text` with a space for every control character and line separator.

    Vega-Lite writes names into expressions of its own; it escapes quotes, but a U+2028 ends a line there.
    """
    return "".join(" " if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") else c for c in text)


def _with_visible_names(chart: Chart) -> Chart:
    return replace(
        chart,
        x_title=_visible(say(chart.x_title)),
        y_title=_visible(say(chart.y_title)),
        value_title=_visible(say(chart.value_title)),
        color_title=_visible(say(chart.color_title)),
        rules=tuple(replace(rule, label=_visible(rule.label)) for rule in chart.rules),
    )


def prepare(chart: Chart) -> Prepared:
    """The rows that can be drawn, their categories in order, and notes on the rest.

    Raises ReportError, naming chart, row and key, when a row lacks a key or a number is text.
    """
    if chart.kind not in _KINDS:
        raise ReportError(f"chart {chart.title!r}: kind {chart.kind!r} is none of {', '.join(_KINDS)}")
    categorical_x = _is_categorical(chart)
    chart = _with_visible_names(chart)
    records = [_record(chart, row, index, categorical_x) for index, row in enumerate(chart.rows)]
    records, notes = _drawable(chart, records)
    records, thinned = _thin(chart, records)
    points = tuple(_point(chart, row, index) for index, row in enumerate(chart.points))
    everything = [*records, *points]
    return Prepared(
        chart=chart,
        rows=tuple(records),
        points=points,
        series=_series(chart, records),
        dashes=_ordered((r["dash"] for r in records if "dash" in r), ()),
        facet_rows=_ordered((r["row"] for r in everything if "row" in r), chart.order),
        facet_columns=_ordered((r["column"] for r in everything if "column" in r), chart.order),
        categorical_x=categorical_x,
        notes=(*notes, *thinned),
    )


def _series(chart: Chart, records: Sequence[Record]) -> tuple[str, ...]:
    """Every series in order, those too of which nothing can be drawn here: a legend names them all."""
    found = _ordered((r["series"] for r in records if "series" in r), chart.order)
    asked = tuple(name_of(name) for name in chart.order)
    return tuple(dict.fromkeys((*asked, *found))) if any(name in asked for name in found) else found


def _number_keys(chart: Chart, categorical_x: bool) -> dict[str, str]:
    """Our field -> the chart's key, for everything that must be a number."""
    keys: dict[str, str | None] = {"x2": chart.x2, "low": chart.low, "high": chart.high, "value": chart.value}
    if not categorical_x:
        keys["x"] = chart.x
    if chart.kind != "heatmap":
        keys["y"] = chart.y
    return {field: key for field, key in keys.items() if key is not None}


def _category_keys(chart: Chart, categorical_x: bool) -> dict[str, str]:
    keys: dict[str, str | None] = {
        "series": chart.color, "row": chart.facet_row, "column": chart.facet_column,
    }  # fmt: skip
    if chart.kind == "lines":
        keys["dash"] = chart.dash
    if categorical_x:
        keys["x"] = chart.x
    if chart.kind == "heatmap":
        keys["y"] = chart.y
    return {field: key for field, key in keys.items() if key is not None}


def _is_categorical(chart: Chart) -> bool:
    if chart.kind == "heatmap":
        return True
    values = [row.get(chart.x) for row in chart.rows]
    return chart.kind == "dots" and any(isinstance(value, str) for value in values)


def _record(chart: Chart, row: Mapping[str, Any], index: int, categorical_x: bool) -> Record:
    place = f"chart {chart.title!r}, row {index}"
    numbers_ = {f: _number(row, key, place) for f, key in _number_keys(chart, categorical_x).items()}
    keys = _category_keys(chart, categorical_x)
    names = {field: _category(field, key, _get(row, key, place)) for field, key in keys.items()}
    found = numbers_ | names
    return {field: found[field] for field in _FIELDS if field in found}


def _category(field: str, key: str, value: Any) -> str:
    """A category's name; the heading of a panel says what a number is of: 'depth 10'."""
    is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    return f"{_visible(key)} {name_of(value)}" if field in ("row", "column") and is_number else name_of(value)


def _point(chart: Chart, row: Mapping[str, Any], index: int) -> Record:
    place = f"chart {chart.title!r}, point {index}"
    record: Record = {"x": _number(row, chart.x, place), "y": _number(row, chart.y, place)}
    record["label"] = name_of(_get(row, "label", place))
    facets = {"row": chart.facet_row, "column": chart.facet_column}
    found = {f: _category(f, key, _get(row, key, place)) for f, key in facets.items() if key is not None}
    return record | found


def _get(row: Mapping[str, Any], key: str, place: str) -> Any:
    if key not in row:
        raise ReportError(f"{place} has no {key!r}; its keys are {', '.join(map(repr, row)) or 'none'}")
    return row[key]


def _number(row: Mapping[str, Any], key: str, place: str) -> float:
    value = _get(row, key, place)
    if value is None:
        return math.nan
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise ReportError(f"{place}: {key!r} is {value!r}, not a number (None or nan for a gap)")
    return float(value)


def _drawable(chart: Chart, records: list[Record]) -> tuple[list[Record], list[str]]:
    """Rows whose essential numbers are finite, and positive on a log axis; notes on those that are not."""
    kept, not_finite, not_positive = [], 0, 0
    for record in records:
        essential = [record[f] for f in ("x", "x2", "y", "value") if isinstance(record.get(f), float)]
        if not all(map(math.isfinite, essential)):
            not_finite += 1
        elif _off_log_axis(chart, record):
            not_positive += 1
        else:
            kept.append(_with_honest_interval(record))
    notes = []
    if not_finite:
        notes.append(f"{_values(not_finite)} not finite (infinite, or not a number) and not drawn.")
    if not_positive:
        notes.append(f"{_values(not_positive)} zero or negative and cannot stand on the logarithmic axis.")
    return kept, notes


def _values(count: int) -> str:
    return "1 value is" if count == 1 else f"{count:,} values are"


def _off_log_axis(chart: Chart, record: Record) -> bool:
    off_x = chart.log_x and isinstance(record["x"], float) and record["x"] <= 0
    off_y = chart.log_y and chart.kind != "histograms" and isinstance(record["y"], float) and record["y"] <= 0
    return off_x or off_y


def _with_honest_interval(record: Record) -> Record:
    """An interval with an end that is not finite is dropped as a pair; the value stays."""
    if all(math.isfinite(record.get(end, math.nan)) for end in ("low", "high")):
        return record
    return {key: value for key, value in record.items() if key not in ("low", "high")}


def _thin(chart: Chart, records: list[Record]) -> tuple[list[Record], list[str]]:
    if chart.kind != "lines":
        return records, []
    groups: dict[tuple[Any, ...], list[Record]] = {}
    for record in records:
        key = tuple(record.get(field) for field in ("series", "dash", "row", "column"))
        groups.setdefault(key, []).append(record)
    longest = max(map(len, groups.values()), default=0)
    stride = -(-longest // _POINTS_PER_LINE)
    if stride <= 1:
        return records, []
    kept = [group[i] for group in groups.values() for i in _strided(len(group), stride)]
    return kept, [f"Drawn from every {_ordinal(stride)} of {longest:,} points of a line."]


def _strided(length: int, stride: int) -> Sequence[int]:
    indices = list(range(0, length, stride))
    return indices if indices[-1] == length - 1 else [*indices, length - 1]


def _ordinal(number: int) -> str:
    words = {2: "second", 3: "third", 4: "fourth", 5: "fifth"}
    return words.get(number, f"{number}th")


def _ordered(found: Iterable[str], order: Sequence[str]) -> tuple[str, ...]:
    first_seen = list(dict.fromkeys(found))
    asked = [name_of(name) for name in order]
    return tuple([n for n in asked if n in first_seen] + [n for n in first_seen if n not in asked])

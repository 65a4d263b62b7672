"""A Chart becomes a Vega-Lite specification: one entry, five kinds, any of three widths.

Data and specification stay apart: `datasets` gives the rows, one list per kind of mark (`k`), and
`specification` refers to them by name, so that a page holds the rows once for all its widths.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import altair as alt

from isogain.lab.outcome import Chart
from isogain.report import marks
from isogain.report.axes import PREFERRED_PANEL, Cell, Panel, label_room, reserved, value_domain
from isogain.report.prepare import Prepared, Record, prepare
from isogain.report.records import records, row_labels

__all__ = ["DATASET", "WIDTHS", "datasets", "full_specification", "specification"]

WIDTHS = (360, 500, 700, 940)
"""px; the page shows the widest that fits and scales it to its column."""
DATASET = "rows"

_MOST_COLUMNS = {"regions": 3}
"""Decision regions are looked into, not only compared: they stay large."""

Builder = Callable[[Prepared, Cell], Panel]

_BUILDERS: dict[str, Builder] = {
    "lines": marks.lines,
    "histograms": marks.histograms,
    "dots": marks.dots,
    "regions": marks.regions,
    "heatmap": marks.heatmap,
}


def specification(
    chart: Chart | Prepared, width: int = WIDTHS[-1], *, validate: bool = False
) -> dict[str, Any]:
    """The Vega-Lite specification of `chart`, about `width` px wide, over the named dataset `rows`.

    It holds no colour but CSS variables and no data; raises ReportError for rows it cannot read.
    `validate` checks it against Vega-Lite's schema, which takes longer than making it.
    """
    prepared = chart if isinstance(chart, Prepared) else prepare(chart)
    if not prepared.rows:
        return _no_data(width)
    cell = _cell(prepared, width)
    panel = _BUILDERS[prepared.chart.kind](prepared, cell)
    whole = _faceted(panel, prepared, cell) if prepared.faceted else panel
    result = {"data": {"name": DATASET}} | whole
    if validate:
        alt.Chart.from_dict(result, validate=True)
    # No schema version: the embedded Vega-Lite would warn whenever Altair is a patch ahead of it.
    return result


def datasets(chart: Chart | Prepared) -> dict[str, list[Record]]:
    """Rows by kind of mark; each is drawn by the layer that filters on its `k`."""
    prepared = chart if isinstance(chart, Prepared) else prepare(chart)
    return records(prepared, value_domain(prepared)) if prepared.rows else {}


def full_specification(chart: Chart | Prepared, width: int = WIDTHS[-1]) -> dict[str, Any]:
    """`specification` with its data inside: what vl-convert or any Vega-Lite viewer takes."""
    prepared = chart if isinstance(chart, Prepared) else prepare(chart)
    rows = [{"k": kind} | row for kind, group in datasets(prepared).items() for row in group]
    return specification(prepared, width) | ({"data": {"values": rows}} if rows else {})


def _no_data(width: int) -> dict[str, Any]:
    return {
        "data": {"values": [{}]},
        "mark": {"type": "text", "style": "reference-label", "size": 14},
        "encoding": {"text": {"value": "no data"}},
        "width": width - 40,
        "height": 90,
    }


def _cell(prepared: Prepared, width: int) -> Cell:
    """The size of one panel, so that the whole comes out about `width` px wide."""
    columns = _columns(prepared, width)
    left, gap = reserved(prepared, width)
    inner = (width - left - gap * (columns - 1)) / columns
    return Cell(width=max(int(inner), 40), columns=columns, gap=gap, total=width, least=_upright(prepared))


def _upright(prepared: Prepared) -> int:
    """px that the longest line of the names beside rows of panels takes, written upwards."""
    beside = prepared.facet_rows and prepared.facet_columns
    lines = {line for name in row_labels(prepared) for line in name.splitlines()} if beside else set()
    return label_room(lines) if lines else 0


def _columns(prepared: Prepared, width: int) -> int:
    if not prepared.faceted:
        return 1
    across = len(prepared.facet_columns) or 1
    if prepared.facet_rows and prepared.facet_columns:
        return across
    panels = across if prepared.facet_columns else len(prepared.facet_rows)
    fitting = max(1, width // PREFERRED_PANEL[prepared.chart.kind])
    fitting = min(fitting, panels, _MOST_COLUMNS.get(prepared.chart.kind, panels))
    full = [columns for columns in range(-(-fitting * 3 // 5), fitting + 1) if panels % columns == 0]
    rows = -(-panels // fitting)
    return full[-1] if full else -(-panels // rows)  # even rows: 6 panels in two rows of 3, not 5 + 1


def _faceted(panel: Panel, prepared: Prepared, cell: Cell) -> dict[str, Any]:
    header = {
        "title": None,
        "labelLimit": cell.width + cell.gap,
        "labelFontSize": 12 if cell.width >= 90 else 10,
    }
    upright = {"title": None, "labelOrient": "left", "labelAngle": -90, "labelAnchor": "middle"}
    whole: dict[str, Any] = {"spec": panel, "spacing": {"row": 14, "column": cell.gap}}
    if prepared.facet_rows and prepared.facet_columns:
        row = _facet_field("row_label", row_labels(prepared), upright)
        whole["facet"] = {"row": row, "column": _facet_field("column", prepared.facet_columns, header)}
    else:
        field = "column" if prepared.facet_columns else "row"
        whole["facet"] = _facet_field(field, prepared.facet_columns or prepared.facet_rows, header)
        whole["columns"] = cell.columns
    if prepared.chart.kind == "histograms" and prepared.chart.independent_x:
        whole["resolve"] = {"scale": {"x": "independent", "y": "independent"}}
    return whole


def _facet_field(field: str, names: Sequence[str], header: dict[str, Any]) -> dict[str, Any]:
    return {"field": field, "type": "nominal", "sort": list(names), "header": header}

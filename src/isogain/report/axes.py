"""What the five kinds of picture share: panel sizes, axes, the look of a series, reference rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from isogain.report.prepare import Prepared
from isogain.report.records import LINE_HEIGHT, row_labels
from isogain.report.scales import TICK_LABEL, extent, log_ticks
from isogain.report.theme import DASHES, SHAPES, named_colours

__all__ = [
    "Cell",
    "Panel",
    "Picture",
    "axis",
    "dash_look",
    "layer_of",
    "look",
    "reserved",
    "rules",
    "value_domain",
    "x_domain",
]

PREFERRED_PANEL = {"lines": 150, "histograms": 150, "dots": 260, "regions": 165, "heatmap": 300}
"""px; small multiples wrap so that no panel is much narrower than this."""
_CHARACTER = 6.6

Picture = Any
"""An Altair chart of one layer; its methods are only in part annotated."""
Panel = dict[str, Any]
"""Layers on top of one another, as Vega-Lite has them."""


@dataclass(frozen=True)
class Cell:
    """One panel: its width in px, how many stand side by side, the gap between them, the whole width."""

    width: int
    columns: int
    gap: int
    total: int
    least: int = 0
    """px of height that the name beside a row of panels takes."""

    @property
    def height(self) -> int:
        """px; a single picture keeps its height, panels keep a pleasant shape."""
        alone = self.columns == 1 and self.total - self.width < 260
        return LINE_HEIGHT if alone else max(int(self.width * 0.7), self.least)

    @property
    def roomy(self) -> bool:
        """Whether words fit beside the marks."""
        return self.width >= 260


def reserved(prepared: Prepared, width: int) -> tuple[int, int]:
    """px left of (and right of) the panels for axes and labels, and the gap between panels."""
    kind = prepared.chart.kind
    lines = max((label.count("\n") + 1 for label in row_labels(prepared)), default=0)
    header = 10 + 14 * lines if prepared.facet_rows and prepared.facet_columns else 0
    if kind == "regions" or (kind == "histograms" and prepared.chart.independent_x):
        return header + 6, 12
    if kind == "histograms":
        return header + 42, 12
    if kind == "heatmap" or (kind == "dots" and prepared.categorical_x):
        names = {r["y"] if kind == "heatmap" else r["x"] for r in prepared.rows}
        return header + min(label_room(names), int(width * 0.38)) + 34, 20
    right = end_label_room(prepared, width) if kind == "lines" else 0
    return header + 62 + right, 16


def label_room(names: set[str]) -> int:
    """px for the longest of some category names."""
    return int(max(map(len, names), default=0) * _CHARACTER) + 8


def end_label_room(prepared: Prepared, width: int) -> int:
    """px right of the lines for their names; 0 where a legend serves better."""
    few = 2 <= len(prepared.series) <= 6 and not prepared.faceted
    room = label_room(set(prepared.series)) + 10
    return room if few and width >= 600 and room <= width * 0.28 else 0


def axis(title: str, **options: Any) -> alt.Axis:
    """An axis whose numbers stay short over any range."""
    return alt.Axis(title=title or None, labelExpr=TICK_LABEL, labelOverlap=True, **options)


def x_axis(prepared: Prepared, cell: Cell, title: str | None = None, **options: Any) -> alt.Axis:
    """The lower axis, with about as many ticks as fit; `title` in place of the chart's own."""
    if prepared.chart.log_x and not prepared.categorical_x:
        ticks: dict[str, Any] = {"values": log_ticks(x_domain(prepared), max(3, cell.width // 70))}
    else:
        numbers = [] if prepared.categorical_x else [row["x"] for row in prepared.rows]
        whole = bool(numbers) and all(map(float.is_integer, numbers))
        ticks = {"tickCount": max(3, cell.width // 90)} | ({"tickMinStep": 1} if whole else {})
    name = prepared.chart.x_title if title is None else title
    return axis(name, grid=False, labelFlush=True, **(ticks | options))


def y_axis(prepared: Prepared, cell: Cell, **options: Any) -> alt.Axis:
    """The left axis; a single picture has its title above, small multiples have it in the caption."""
    place: dict[str, Any] = {}
    if not prepared.faceted:
        place = {"titleAngle": 0, "titleAlign": "left", "titleX": -44}
        place |= {"titleBaseline": "bottom", "titleY": -8}
    log = prepared.chart.log_y
    ticks = {"values": log_ticks(value_domain(prepared), 7)} if log else {"tickCount": 5}
    title = "" if prepared.faceted else prepared.chart.y_title
    return axis(title, domain=False, ticks=False, **(ticks | place | options))


def value_domain(prepared: Prepared) -> tuple[float, float]:
    """The range of the value axis: values, their intervals, and the rules that belong to it."""
    chart = prepared.chart
    values = [row[f] for row in prepared.rows for f in ("y", "low", "high") if isinstance(row.get(f), float)]
    values += [rule.value for rule in chart.rules if rule.axis == "y"]
    return extent(values, log=chart.log_y, from_zero=True)


def x_domain(prepared: Prepared) -> tuple[float, float]:
    """The range of a numeric x axis: lines fill it from end to end."""
    values = [row["x"] for row in prepared.rows] + [r.value for r in prepared.chart.rules if r.axis == "x"]
    if prepared.chart.kind == "lines" and min(values) < max(values):
        return min(values), max(values)
    return extent(values, log=prepared.chart.log_x)


def scale(domain: tuple[float, float], *, log: bool) -> alt.Scale:
    """A linear or logarithmic scale of exactly this range."""
    if log:
        return alt.Scale(type="log", domain=list(domain), nice=False)
    return alt.Scale(domain=list(domain), nice=False, zero=False)


def look(
    prepared: Prepared, cell: Cell, *, legend: bool, dash: bool = False, shape: bool = False
) -> dict[str, Any]:
    """Encodings that tell the series apart by colour and, besides, by dash or shape."""
    names = list(prepared.series)
    if not names:
        return {"color": alt.value("var(--c0)")}
    shown = _legend(prepared, cell, line=dash and not prepared.dashes) if legend and len(names) > 1 else None
    found: dict[str, Any] = {"color": alt.Color("series:N", scale=_colours(names), legend=shown)}
    if dash and not prepared.dashes:
        patterns = [list(DASHES[(i + i // len(DASHES)) % len(DASHES)]) for i in range(len(names))]
        scale = alt.Scale(domain=names, range=patterns)
        found["strokeDash"] = alt.StrokeDash("series:N", scale=scale, legend=shown)
    if shape:
        shapes = [SHAPES[(i + i // len(SHAPES)) % len(SHAPES)] for i in range(len(names))]
        found["shape"] = alt.Shape("series:N", scale=alt.Scale(domain=names, range=shapes), legend=shown)
    return found


def _legend_offset(prepared: Prepared) -> int:
    """Room for the title of the y axis, which stands above a single picture."""
    return 26 if prepared.chart.kind in ("lines", "dots") and not prepared.faceted else 10


def _dash_legend_fits(prepared: Prepared, cell: Cell) -> bool:
    """On a phone two legends side by side would shrink the picture: there the caption says it."""
    return len(prepared.dashes) > 1 and cell.total >= 600


def dash_look(prepared: Prepared, cell: Cell) -> dict[str, Any]:
    """The chart's own dashes (measured, theory) in place of a dash for each series."""
    if not prepared.dashes:
        return {}
    names = list(prepared.dashes)
    patterns = [list(DASHES[i % len(DASHES)]) for i in range(len(names))]
    stroke: dict[str, Any] = {"symbolType": "stroke", "symbolSize": 420, "symbolOpacity": 1}
    named = alt.Legend(title=None, offset=_legend_offset(prepared), columns=len(names), **stroke)
    scale = alt.Scale(domain=names, range=patterns)
    wanted = _dash_legend_fits(prepared, cell)
    return {"strokeDash": alt.StrokeDash("dash:N", scale=scale, legend=named if wanted else None)}


def _colours(names: list[str]) -> alt.Scale:
    return alt.Scale(domain=names, range=named_colours(names))


def _legend(prepared: Prepared, cell: Cell, *, line: bool) -> alt.Legend:
    # The room of the widest entry, symbol included, decides how many stand side by side.
    beside = label_room(set(prepared.dashes)) * 2 + 96 if _dash_legend_fits(prepared, cell) else 0
    columns = max(1, (cell.total - beside) // (label_room(set(prepared.series)) + 48))
    symbol: dict[str, Any] = {"symbolType": "stroke", "symbolSize": 420} if line else {}
    return alt.Legend(
        title=prepared.chart.color_title or None,
        columns=columns,
        offset=_legend_offset(prepared),
        symbolOpacity=1,
        **symbol,
    )


def panel(layers: Sequence[Picture], width: int, height: int) -> Panel:
    """Layers as one panel.

    Put together as dictionaries: Altair copies every layer in depth at each step of a composition,
    which took two fifths of the time of a page.
    """
    inner = [layer.to_dict(validate=False, context={"top_level": False}) for layer in layers]
    for layer in inner:
        layer.pop("data", None)  # Altair's placeholder for "none", which would hide the panel's own
    return {"layer": inner, "width": width, "height": height}


def layer_of(kind: str) -> Picture:
    """A chart over the rows of one kind of mark."""
    return alt.Chart().transform_filter(alt.FieldEqualPredicate(field="k", equal=kind))


def rules(prepared: Prepared, cell: Cell, *, flipped: bool = False) -> list[Picture]:
    """Reference lines with their names; `flipped` when the values lie along x."""
    found = []
    for name in dict.fromkeys(rule.axis for rule in prepared.chart.rules):
        along_x = (name == "x") != flipped
        channel = alt.X(f"{name}:Q") if along_x else alt.Y(f"{name}:Q")
        found.append(_rule(layer_of(f"rule_{name}"), channel))
        if cell.roomy:
            found.append(_rule_label(layer_of(f"rule_{name}"), channel, cell, along_x=along_x))
    return found


def _rule(chart: Picture, channel: alt.X | alt.Y) -> Picture:
    tooltip = alt.Tooltip("text:N", title="reference")
    return chart.mark_rule(style="reference").encode(channel, tooltip=tooltip)


def _rule_label(chart: Picture, channel: alt.X | alt.Y, cell: Cell, *, along_x: bool) -> Picture:
    if along_x:
        marked = chart.mark_text(style="reference-label", align="left", baseline="top", dx=4, dy=2)
        return marked.encode(channel, y=alt.value(0), text="text:N")
    marked = chart.mark_text(style="reference-label", align="right", baseline="bottom", dx=-2, dy=-3)
    return marked.encode(channel, x=alt.value(cell.width), text="text:N")

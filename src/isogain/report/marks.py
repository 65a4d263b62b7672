"""The five kinds of picture, each a layered chart of one panel."""

from __future__ import annotations

from typing import Any

import altair as alt

from isogain.report.axes import (
    Cell,
    Panel,
    Picture,
    axis,
    dash_look,
    end_label_room,
    label_room,
    layer_of,
    look,
    panel,
    rules,
    scale,
    value_domain,
    x_axis,
    x_domain,
    y_axis,
)  # fmt: skip
from isogain.report.prepare import Prepared
from isogain.report.records import UNDECIDED, bar_top, line_names
from isogain.report.theme import LEVELS, SHAPES, named_colours, series_colours

__all__ = ["dots", "heatmap", "histograms", "lines", "regions"]

_NUMBER = ".4~g"
_HAS_INTERVAL = alt.FieldValidPredicate(field="low", valid=True)


def _x(prepared: Prepared, cell: Cell) -> alt.X:
    domain = scale(x_domain(prepared), log=prepared.chart.log_x)
    return alt.X("x:Q", scale=domain, axis=x_axis(prepared, cell))


def _y(prepared: Prepared, cell: Cell, **options: Any) -> alt.Y:
    domain = scale(value_domain(prepared), log=prepared.chart.log_y)
    return alt.Y("y:Q", scale=domain, axis=y_axis(prepared, cell, **options))


def _tooltip(prepared: Prepared, *, category_x: bool = False) -> list[alt.Tooltip]:
    chart = prepared.chart
    x = alt.Tooltip("x:N", title=chart.x_title or "at") if category_x else alt.Tooltip(
        "x:Q", title=chart.x_title or "x", format=_NUMBER)  # fmt: skip
    shown = [x, alt.Tooltip("y:Q", title=chart.y_title or "value", format=_NUMBER)]
    if prepared.series:
        shown.insert(0, alt.Tooltip("series:N", title=chart.color_title or "series"))
    if chart.low is not None:
        shown += [alt.Tooltip(f"{end}:Q", title=end, format=_NUMBER) for end in ("low", "high")]
    return shown


def lines(prepared: Prepared, cell: Cell) -> Panel:
    """y over x, a band for the interval, names at the ends where there is room, else a legend."""
    named_at_ends = end_label_room(prepared, cell.total) > 0
    x, y = _x(prepared, cell), _y(prepared, cell)
    style = look(prepared, cell, legend=not named_at_ends, dash=True) | dash_look(prepared, cell)
    # The lines come before their bands: Vega-Lite gives the legend the look of the first layer.
    layers = [marked.encode(x, y, **style) for marked in _line_marks(prepared)]
    if prepared.dashes and len(prepared.series) > 1:
        layers.append(_series_shapes(prepared, cell, x, y, legend=not named_at_ends))
    if prepared.chart.low is not None:
        band = layer_of("line").transform_filter(_HAS_INTERVAL).mark_area(opacity=0.16, line=False)
        layers.append(band.encode(x, alt.Y("low:Q"), alt.Y2("high:Q"), color=style["color"]))
    layers += rules(prepared, cell)
    if named_at_ends:
        layers.append(_end_names(cell, style["color"]))
    layers.append(_hover(prepared, cell, x))
    return panel(layers, cell.width, cell.height)


def _line_marks(prepared: Prepared) -> list[Picture]:
    """The lines; where two may coincide (measured, theory) the first is broad and soft beneath."""
    if len(prepared.dashes) < 2:
        return [layer_of("line").mark_line(strokeWidth=2, clip=True)]
    first = alt.FieldEqualPredicate(field="dash", equal=prepared.dashes[0])
    others = alt.FieldOneOfPredicate(field="dash", oneOf=list(prepared.dashes[1:]))
    return [
        layer_of("line").transform_filter(first).mark_line(strokeWidth=4.5, opacity=0.4, clip=True),
        layer_of("line").transform_filter(others).mark_line(strokeWidth=1.5, clip=True),
    ]


def _series_shapes(prepared: Prepared, cell: Cell, x: alt.X, y: alt.Y, *, legend: bool) -> Picture:
    """Where the dash is taken, a shape at a dozen places of the first line tells the series apart."""
    places = sorted({row["x"] for row in prepared.rows})
    chosen = places[:: -(-len(places) // 12)]
    solid = alt.FieldEqualPredicate(field="dash", equal=prepared.dashes[0])
    there = alt.FieldOneOfPredicate(field="x", oneOf=chosen)
    points = layer_of("line").transform_filter(solid).transform_filter(there)
    style = look(prepared, cell, legend=legend, shape=True)
    return points.mark_point(filled=True, size=44, opacity=1).encode(x, y, **style)


def _end_names(cell: Cell, colour: Any) -> Picture:
    text = layer_of("label").mark_text(style="end-label", align="left", baseline="middle", dx=8, clip=False)
    return text.encode(alt.Y("y:Q"), x=alt.value(cell.width), text="series:N", color=colour)


def _hover(prepared: Prepared, cell: Cell, x: alt.X) -> Picture:
    """Invisible upright bars, one at each x, whose tooltip lists every series there."""
    facets = [f for f, names in (("row", prepared.facet_rows), ("column", prepared.facet_columns)) if names]
    places = len({row["x"] for row in prepared.rows})
    columns = [
        alt.Tooltip(f"{i}:Q", title=", ".join(names) or prepared.chart.y_title or "value", format=_NUMBER)
        for i, names in enumerate(line_names(prepared))
    ]
    chart = layer_of("line").transform_pivot("id", value="y", groupby=["x", *facets])
    marked = chart.mark_rule(opacity=0, strokeWidth=max(3, min(14, cell.width / max(places, 1))))
    title = prepared.chart.x_title or "x"
    encoded = marked.encode(x, tooltip=[alt.Tooltip("x:Q", title=title, format=_NUMBER), *columns])
    return encoded.properties(name="hover")


def histograms(prepared: Prepared, cell: Cell) -> Panel:
    """Bars over bins, on axes that all panels share; or each to its own peak and range, where asked."""
    x = alt.X("x:Q", bin="binned", scale=alt.Scale(nice=False, zero=False), axis=x_axis(
        prepared, cell, title="" if prepared.faceted else None, tickCount=2 if cell.width < 150 else 3,
        tickSize=3, labelFontSize=11))  # fmt: skip
    y, cut = alt.Y("y:Q", axis=None), []
    if not prepared.chart.independent_x:
        top = bar_top(prepared)
        small = {"tickCount": 2, "labelFontSize": 11, "ticks": False, "domain": False}
        y = alt.Y("y:Q", scale=alt.Scale(domain=[0, top]), axis=axis("", **small))
        cut = [_cut_bar(x, top)]
    bars = layer_of("bar").mark_bar(binSpacing=0, stroke=None, clip=True)
    x2 = "x2:Q" if prepared.chart.x2 is not None else alt.Undefined
    encoded = bars.encode(x, y, x2=x2, color=_bar_colour(prepared), tooltip=_tooltip(prepared))
    height = min(int(cell.width * (0.4 if prepared.facet_rows else 0.62)), 220)
    return panel([encoded, *cut, *rules(prepared, cell)], cell.width, max(height, cell.least, 38))


def _cut_bar(x: alt.X, top: float) -> Picture:
    """Beside the tallest bar of a panel that rises over the axis, how high it is."""
    text = layer_of("cut").mark_text(align="left", baseline="top", dx=7, dy=1, fontSize=10, fontWeight=600)
    return text.encode(x, alt.YDatum(top), text=alt.Text("y:Q", format=".2~g"), color=alt.value("var(--ink)"))


def _bar_colour(prepared: Prepared) -> Any:
    if prepared.series:
        return look(prepared, Cell(0, 1, 0, 600), legend=True)["color"]
    field, names = ("row", prepared.facet_rows) if prepared.facet_rows else ("column", prepared.facet_columns)
    if not names:
        return alt.value("var(--c0)")
    # The panel's heading names it already: the colour only makes the rows easier to follow.
    scale = alt.Scale(domain=list(names), range=named_colours(names))
    return alt.Color(f"{field}:N", scale=scale, legend=None)


def dots(prepared: Prepared, cell: Cell) -> Panel:
    """A point and its interval at each x; named places run down the page, so that names stay level."""
    return _named_dots(prepared, cell) if prepared.categorical_x else _numeric_dots(prepared, cell)


def _numeric_dots(prepared: Prepared, cell: Cell) -> Panel:
    x, y = _x(prepared, cell), _y(prepared, cell)
    style = look(prepared, cell, legend=True, shape=True)
    colour = style["color"]
    points = layer_of("dot").mark_point(filled=True, size=58, opacity=1)
    layers = [points.encode(x, y, tooltip=_tooltip(prepared), **style)]
    layers.append(layer_of("dot").mark_line(strokeWidth=1, opacity=0.6).encode(x, y, color=colour))
    if prepared.chart.low is not None:
        bars = layer_of("dot").transform_filter(_HAS_INTERVAL).mark_rule(strokeWidth=1.6)
        layers.append(bars.encode(x, alt.Y("low:Q"), alt.Y2("high:Q"), color=colour))
    layers += rules(prepared, cell)
    return panel(layers, cell.width, cell.height)


def _named_dots(prepared: Prepared, cell: Cell) -> Panel:
    chart = prepared.chart
    names = list(dict.fromkeys(row["x"] for row in prepared.rows))
    place = alt.Y("x:N", sort=names, axis=alt.Axis(
        title=None, labelColor="var(--ink)", labelLimit=int(cell.total * 0.38), ticks=False, domain=False,
        grid=True))  # fmt: skip
    domain = scale(value_domain(prepared), log=chart.log_y)
    value = alt.X("y:Q", scale=domain, axis=x_axis(prepared, cell, title=chart.y_title))
    style = look(prepared, cell, legend=True, shape=True)
    many = len(prepared.series) > 1
    offset = {"yOffset": alt.YOffset("series:N", sort=list(prepared.series))} if many else {}
    points = layer_of("dot").mark_point(filled=True, size=64, opacity=1)
    tooltip = _tooltip(prepared, category_x=True)
    layers = [points.encode(place, value, tooltip=tooltip, **(style | offset))]
    if chart.low is not None:
        bars = layer_of("dot").transform_filter(_HAS_INTERVAL).mark_rule(strokeWidth=2)
        ends = alt.X("low:Q", scale=domain), alt.X2("high:Q")
        layers.append(bars.encode(place, *ends, color=style["color"], **offset))
    layers += rules(prepared, cell, flipped=True)
    step = 26 if not many else 12 + 13 * len(prepared.series)
    return panel(layers, cell.width, step * len(names))


def regions(prepared: Prepared, cell: Cell) -> Panel:
    """What a network of two inputs says at each place, and the data it was taught."""
    levels = ["var(--undecided)", *(f"var(--d{level})" for level in range(LEVELS))]
    by_level = alt.Scale(domain=[UNDECIDED, *range(LEVELS)], range=levels)
    x = alt.X("x:Q", scale=alt.Scale(nice=False, zero=False), axis=None)
    y = alt.Y("y:Q", scale=alt.Scale(nice=False, zero=False), axis=None)
    # A hairline in the cell's own colour closes the seams that rounding leaves between rectangles.
    cells = layer_of("cell").mark_rect(strokeWidth=1).encode(
        x, y, alt.X2("x2:Q"), alt.Y2("y2:Q"),
        fill=alt.Fill("level:O", scale=by_level, legend=None),
        stroke=alt.Stroke("level:O", scale=by_level, legend=None))  # fmt: skip
    side = cell.width if cell.columns > 1 else min(cell.width, 420)
    return panel([cells, _data_points(prepared, cell, x, y)], side, side)


def _data_points(prepared: Prepared, cell: Cell, x: alt.X, y: alt.Y) -> Picture:
    labels = sorted({row["label"] for row in prepared.points})
    legend = alt.Legend(title=prepared.chart.color_title or "data", symbolStrokeWidth=1)
    colours, shapes = series_colours(len(labels)), list(SHAPES[: len(labels)])
    colour = alt.Color("label:N", legend=legend, scale=alt.Scale(domain=labels, range=colours))
    shape = alt.Shape("label:N", legend=legend, scale=alt.Scale(domain=labels, range=shapes))
    size = 26 if cell.width > 240 else 14
    marked = layer_of("point").mark_point(filled=True, strokeWidth=0.6, size=size, opacity=1)
    return marked.encode(x, y, colour, shape, stroke=alt.value("var(--paper)"))


def heatmap(prepared: Prepared, cell: Cell) -> Panel:
    """`value` as colour in ten steps, and as a number where it fits."""
    chart = prepared.chart
    columns, levels = _sorted_names(prepared, "x"), _sorted_names(prepared, "y", upward=True)
    values = [row["value"] for row in prepared.rows]
    low, high = min(values), max(values)
    domain = [low, high] if high > low else [low - 0.5, high + 0.5]
    ramp = alt.Scale(range=[f"var(--h{i})" for i in range(LEVELS)], **_steps(domain, log=chart.log_value))
    colour = alt.Color("value:Q", legend=_ramp_legend(chart.value_title, cell), scale=ramp)
    x = alt.X("x:N", sort=columns, axis=_column_axis(prepared, cell, columns))
    y = alt.Y("y:N", sort=levels, axis=alt.Axis(title=chart.y_title or None, ticks=False, domain=False,
                                                labelLimit=int(cell.total * 0.38)))  # fmt: skip
    tooltip = [alt.Tooltip("x:N", title=chart.x_title or "x"), alt.Tooltip("y:N", title=chart.y_title or "y"),
               alt.Tooltip("value:Q", title=chart.value_title or "value", format=_NUMBER)]  # fmt: skip
    layers = [layer_of("cell").mark_rect(stroke="var(--paper)").encode(x, y, color=colour, tooltip=tooltip)]
    if cell.width / len(columns) >= 34:
        layers.append(_cell_numbers(x, y, _deep_from(domain, log=chart.log_value), values))
    height = min(max(24, cell.width // len(columns)), 34) * len(levels)
    return panel(layers, cell.width, height)


def _deep_from(domain: list[float], *, log: bool) -> float:
    """The value from which colours are deep: at six of the ten steps."""
    low, high = domain
    return float(low * (high / low) ** 0.6) if log else low + (high - low) * 0.6


def _steps(domain: list[float], *, log: bool) -> dict[str, Any]:
    """Equal steps of colour, of the value or of its logarithm."""
    if not log:
        return {"type": "quantize", "domain": domain}
    factor = (domain[1] / domain[0]) ** (1 / LEVELS)
    return {"type": "threshold", "domain": [float(f"{domain[0] * factor**i:.3g}") for i in range(1, LEVELS)]}


def _column_axis(prepared: Prepared, cell: Cell, columns: list[str]) -> alt.Axis:
    """Names under the columns, slanted where they would not fit side by side: none is left out."""
    fits = label_room(set(columns)) <= cell.width / len(columns)
    slant: dict[str, Any] = {"labelAngle": 0} if fits else {"labelAngle": -40, "labelAlign": "right"}
    title = prepared.chart.x_title or None
    return alt.Axis(title=title, labelOverlap=False, labelLimit=120, ticks=False, domain=False, **slant)


def _cell_numbers(x: alt.X, y: alt.Y, middle: float, values: list[float]) -> Picture:
    """The values, light on the deep half of the colours: those beyond `middle`."""
    deep = alt.FieldGTPredicate(field="value", gt=middle)
    ink = alt.condition(deep, alt.value("var(--on-high)"), alt.value("var(--ink)"))
    text = layer_of("cell").mark_text(fontSize=11)
    return text.encode(x, y, text=alt.Text("value:Q", format=_written(values)), color=ink)


def _written(values: list[float]) -> str:
    """How numbers in cells are written: whole where they are large, else with two digits."""
    if all(value >= 1 for value in values) and max(values) >= 100:
        return ",.2~r"
    return ".2f" if all(value == 0 or 0.005 <= abs(value) < 100 for value in values) else ".2~g"


def _ramp_legend(title: str, cell: Cell) -> alt.Legend:
    size: dict[str, Any] = {"gradientLength": min(220, cell.width), "gradientThickness": 10}
    return alt.Legend(title=title or None, type="gradient", direction="horizontal", format=".2~g", **size)


def _sorted_names(prepared: Prepared, field: str, *, upward: bool = False) -> list[str]:
    """First seen, from left to right or from the top; numbers in their own order, `upward` on a y axis."""
    names = list(dict.fromkeys(row[field] for row in prepared.rows))
    try:
        return sorted(names, key=float, reverse=upward)
    except ValueError:
        return names

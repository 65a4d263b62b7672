"""Pictures as files, and the drawn-beforehand pictures of the page, by vl-convert: no browser needed."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, get_args

import altair as alt
import vl_convert

from isogain.errors import ReportError
from isogain.lab.outcome import Chart, Outcome
from isogain.report import theme
from isogain.report.charts import WIDTHS, full_specification
from isogain.report.files import write_atomically
from isogain.report.prepare import Prepared, prepare
from isogain.report.view import Figure, sections_of
from isogain.report.words import say

__all__ = ["Format", "as_altair", "inline_svg", "static_svg", "write_picture", "write_pictures"]

Format = Literal["png", "svg", "pdf"]
COLUMNS = {"single": 336, "double": 688}
"""px of a paper's columns, at 96 to the inch: 3.5 and 7.17 inches (IEEE, ACM, Elsevier within a few mm)."""
_VEGA_LITE = "6.4"
"""Altair 6 writes this version, vl-convert carries it, and the page's bundle is of the same line."""
_STATIC_WIDTH = WIDTHS[2]


def write_pictures(
    outcomes: Iterable[Outcome],
    folder: str | Path,
    format: Format = "png",
    *,
    mode: theme.Mode = "light",
    width: int | Literal["single", "double"] = WIDTHS[-1],
    scale: float = 2.0,
) -> list[Path]:
    """Every chart as a file `<experiment>-figure-<n>.png` (.svg, .pdf) in `folder`; returns their paths.

    `width` in px before `scale`, which PNG alone uses, or a paper's column; `mode` is light or dark.
    Raises ReportError for an unknown format, a chart that cannot be read or a folder that cannot be written;
    every picture is made before the first is written.
    """
    if format not in get_args(Format):
        raise ReportError(f"format {format!r} is none of {', '.join(get_args(Format))}")
    pixels = _pixels(width)
    made = [
        (f"{figure.identifier.removeprefix('s-')}.{format}", _picture(figure, format, mode, pixels, scale))
        for section in sections_of(outcomes)
        for figure in section.figures
    ]
    return [write_atomically(Path(folder) / name, content) for name, content in made]


def _pixels(width: int | str) -> int:
    """A width in px, by number or by the name of a paper's column."""
    known = COLUMNS.get(width) if isinstance(width, str) else width
    if not isinstance(known, int) or isinstance(known, bool) or not 120 <= known <= 10_000:
        raise ReportError(f"width is {width!r}: take 120 to 10000 px, or {' or '.join(map(repr, COLUMNS))}")
    return known


def _picture(figure: Figure, format: Format, mode: theme.Mode, width: int, scale: float) -> bytes:
    specification = _plain(_titled(figure.prepared, width), mode)
    return _converted(specification, format, mode, scale)


def _converted(specification: dict[str, Any], format: str, mode: theme.Mode, scale: float) -> bytes:
    configuration = _plain(theme.configuration("var(--paper)") | {"padding": 14}, mode)
    if format == "svg":
        return str(vl_convert.vegalite_to_svg(specification, _VEGA_LITE, configuration)).encode()
    if format == "pdf":
        return bytes(vl_convert.vegalite_to_pdf(specification, _VEGA_LITE, config=configuration))
    return bytes(vl_convert.vegalite_to_png(specification, _VEGA_LITE, scale, config=configuration))


def _titled(prepared: Prepared, width: int) -> dict[str, Any]:
    """A picture with its title above, and what its axes are where its panels have no room to say it."""
    chart = prepared.chart
    axes = [f"{say('Across')}: {chart.x_title}"] if chart.x_title else []
    axes += [f"{say('Upwards')}: {chart.y_title}"] if chart.y_title else []
    said = " · ".join(axes) if prepared.faceted and chart.kind != "regions" else ""
    wide = max(width // 7, 20)
    title = {
        "text": textwrap.wrap(say(chart.title), wide) or [""], "anchor": "start", "fontSize": 14,
        "offset": 10,
        "color": "var(--ink)", "subtitleColor": "var(--muted)", "subtitle": textwrap.wrap(said, wide + 6),
    }  # fmt: skip
    return full_specification(prepared, width) | {"title": title}


def _plain(value: dict[str, Any], mode: theme.Mode) -> dict[str, Any]:
    return dict(json.loads(theme.plain(json.dumps(value), mode)))


def write_picture(chart: Chart, path: str | Path, width: int = WIDTHS[-1]) -> Path:
    """One chart as a file, in the format that its name ends in; its path."""
    format = Path(path).suffix[1:]
    if format not in get_args(Format):
        raise ReportError(f"format {format!r} is none of {', '.join(get_args(Format))}")
    specification = _plain(_titled(prepare(chart), width), "light")
    return write_atomically(path, _converted(specification, format, "light", 2.0))


def as_altair(chart: Chart, width: int = WIDTHS[1]) -> alt.TopLevelMixin:
    """One chart as Altair shows it in a notebook."""
    configuration = theme.configuration("var(--paper)") | {"padding": 14}
    whole = full_specification(chart, width) | {"config": configuration}
    return alt.Chart.from_dict(_plain(whole, "light"))


def inline_svg(chart: Chart, width: int = WIDTHS[2]) -> str:
    """One chart as SVG text with plain colours, for a page that is not ours."""
    svg = _converted(_plain(full_specification(chart, width), "light"), "svg", "light", 1.0).decode()
    return _own_identifiers(svg, f"isogain-{abs(hash(svg)) % 10**8}")


def static_svg(figure: Figure) -> str:
    """The picture as inline SVG, its colours CSS variables: seen before scripts run, or without."""
    specification = full_specification(figure.prepared, _STATIC_WIDTH)
    svg = str(vl_convert.vegalite_to_svg(specification, _VEGA_LITE, theme.configuration()))
    return _compact(_own_identifiers(svg, figure.identifier))


def _own_identifiers(svg: str, prefix: str) -> str:
    """Identifiers are global to a page: without a prefix one picture would be clipped by another's frame."""
    svg = re.sub(r'id="([\w-]+)"', rf'id="{prefix}-\1"', svg)
    return re.sub(r"url\(#([\w-]+)\)", rf"url(#{prefix}-\1)", svg)


def _compact(svg: str) -> str:
    """Coordinates to a tenth of a pixel, and no more than a picture needs."""
    places = r' (?:d|transform|points|[xy][12]?|c[xy]|width|height)="[^"]*"'
    svg = re.sub(places, lambda found: re.sub(r"(\d+\.\d)\d+(?=[^\d%])", r"\1", found[0]), svg)
    return re.sub(r' (?:aria-\w+|role|class)="[^"]*"', "", svg)

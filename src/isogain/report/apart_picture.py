"""The correlation map of an inspection: how far apart samples stay along the trunk, drawn as SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from isogain.inspect import Report
from isogain.inspect.report import Layer
from isogain.report.scales_picture import BOTTOM, DRAWN, LEFT, MOST, RIGHT, WIDTH, Frame, grid, mark
from isogain.report.words import say

__all__ = ["apart_picture"]

HEIGHT = 210
MARKS = (("samples", "distance", "var(--c2)", ""), ("positions", "position_distance", "var(--c3)", "6 3"))


def apart_picture(report: Report) -> str:
    """An SVG of 1 - cosine between samples, and between positions, layer by layer; '' without two layers."""
    kinds = (*DRAWN, "activation")
    layers = [one for one in report.layers if one.kind in kinds and one.on_trunk and one.forward]
    layers = layers[:: max(len(layers) // MOST, 1)]
    lines = [(name, _points(layers, field), colour, dash) for name, field, colour, dash in MARKS]
    lines = [line for line in lines if len(line[1]) > 1]
    if not lines:
        return ""
    values = [value for _, points, _, _ in lines for _, value, _ in points]
    low = min(math.floor(math.log10(min(values)) - 0.2), -1)
    frame = Frame(len(layers), max(low, -16), 0 if max(values) < 1.5 else 1, HEIGHT)
    parts = [*grid(frame), *(part for line in lines for part in _line(frame, *line)), *_labels(frame, lines)]
    said = "; ".join(f"1 - cosine between {n} from {p[0][1]:.2g} to {p[-1][1]:.2g}" for n, p, _, _ in lines)
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(said)}" '
        f'font-family="system-ui, sans-serif" font-size="12" xmlns="http://www.w3.org/2000/svg">'
        f'{"".join(parts)}<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - BOTTOM + 20}" '
        f'text-anchor="middle" fill="var(--muted)">{say("order of execution")}</text></svg>'
    )


def _points(layers: Sequence[Layer], field: str) -> list[tuple[int, float, Layer]]:
    found = [(place, getattr(one.forward, field), one) for place, one in enumerate(layers)]
    return [(place, max(value, 1e-16), one) for place, value, one in found if math.isfinite(value)]


def _line(
    frame: Frame, name: str, points: list[tuple[int, float, Layer]], colour: str, dash: str
) -> list[str]:
    path = " ".join(f"{frame.x(place):.1f},{frame.y(value):.1f}" for place, value, _ in points)
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    parts = [f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.8"{dashed}/>']
    for place, value, layer in points:
        title = f"<title>{escape(layer.path)} ({escape(layer.op)}): {value:.3g} between {name}</title>"
        end = "path" if dash else "circle"
        drawn = mark(frame.x(place), frame.y(value), 2.6, bool(dash))
        parts.append(f'{drawn} fill="{colour}">{title}</{end}>')
    return parts


def _labels(frame: Frame, lines: list[tuple[str, list[tuple[int, float, Layer]], str, str]]) -> list[str]:
    places = [frame.y(points[-1][1]) + 4 for _, points, _, _ in lines]
    if len(places) > 1 and abs(places[0] - places[1]) < 14:
        shift = 7 if places[0] >= places[1] else -7
        places = [places[0] + shift, places[1] - shift]
    return [
        f'<text x="{WIDTH - RIGHT + 10}" y="{y:.1f}" fill="{colour}" font-weight="600">{say(name)}</text>'
        for (name, _, colour, _), y in zip(lines, places, strict=True)
    ]

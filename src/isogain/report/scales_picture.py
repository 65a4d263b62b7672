"""The picture of an inspection: signals and gradients along the layers, drawn as SVG without a library."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from isogain.inspect import Report
from isogain.inspect.chains import chains, expected_scales
from isogain.inspect.report import Layer
from isogain.report.words import say

__all__ = ["Frame", "grid", "mark", "picture"]

WIDTH, HEIGHT = 940, 340
LEFT, RIGHT, TOP, BOTTOM = 62, 116, 14, 40
DRAWN = ("weight", "embedding", "recurrent", "add", "norm", "attention")
LIMITS = (
    (65504.0, "float16 ends"), (2.0**-24, "float16's smallest"), (3.4e38, "float32 "
    "ends"), (1.2e-38, "float32 normal"),
    (448.0, "float8 e4m3 ends"), (2.0**-9, "float8 e4m3's smallest"),
)  # fmt: skip
LINE = 15
"""px between the names of two lines."""
MOST = 400
"""Points per line: more are thinned."""


def picture(report: Report) -> str:
    """An SVG of colours as CSS variables; empty where nothing was measured."""
    layers = [layer for layer in report.layers if layer.kind in DRAWN and (layer.forward or layer.backward)]
    layers = layers[:: max(len(layers) // MOST, 1)]
    values = [v for layer in layers for v in (layer.rms, layer.gradient_rms) if _shown(v)]
    if len(layers) < 2 or not values:
        return ""
    frame = Frame(
        len(layers), math.floor(math.log10(min(values)) - 0.3), math.ceil(math.log10(max(values)) + 0.3)
    )
    parts = [
        *grid(frame), *_limits(frame), _band(frame, report, layers), *_line(frame, layers, False),
        *_line(frame, layers, True), *_names(frame, layers),
    ]  # fmt: skip
    label = escape(_described(layers))
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}" '
        f'font-family="system-ui, sans-serif" '
        f'font-size="12" xmlns="http://www.w3.org/2000/svg">{"".join(parts)}</svg>'
    )


def _shown(value: float) -> bool:
    return math.isfinite(value) and value > 1e-45


def _described(layers: Sequence[Layer]) -> str:
    forward = [layer.rms for layer in layers if _shown(layer.rms)]
    backward = [layer.gradient_rms for layer in layers if _shown(layer.gradient_rms)]
    said = [f"{len(layers)} layers"]
    if forward:
        said.append(f"signals from {forward[0]:.2g} at the first to {forward[-1]:.2g} at the last")
    if backward:
        said.append(f"gradients from {backward[0]:.2g} at the first to {backward[-1]:.2g} at the last")
    return "; ".join(said)


class Frame:
    """From (place, value) to picture coordinates."""

    def __init__(self, count: int, low: int, high: int, height: int = HEIGHT) -> None:
        self.count, self.low, self.high, self.height = count, low, max(high, low + 1), height

    def x(self, place: int) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (place + 0.5) / self.count

    def y(self, value: float) -> float:
        share = (math.log10(max(value, 1e-300)) - self.low) / (self.high - self.low)
        return TOP + (self.height - TOP - BOTTOM) * (1 - min(max(share, 0.0), 1.0))


def grid(frame: Frame) -> list[str]:
    step = max(1, -(-(frame.high - frame.low) * 36 // frame.height))
    parts = []
    for power in range(frame.low, frame.high + 1, step):
        y = frame.y(10.0**power)
        parts.append(
            f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="var(--grid)"/>'
        )
        text = {0: "1", 1: "10", 2: "100", -1: "0.1"}.get(power)
        label = text or f'10<tspan dy="-4" font-size="9">{str(power).replace("-", "−")}</tspan>'
        parts.append(
            f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end" fill="var(--muted)">{label}</text>'
        )
    return parts


def _limits(frame: Frame) -> list[str]:
    parts = []
    for value, name in LIMITS:
        if frame.low < math.log10(value) < frame.high:
            y = frame.y(value)
            parts.append(
                f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="var(--muted)" '
                f'stroke-dasharray="2 3"/><text x="{LEFT + 4}" y="{y - 4:.1f}" fill="var(--muted)" '
                f'font-size="11" '
                f'font-style="italic">{name}</text>'
            )
    return parts


def _band(frame: Frame, report: Report, layers: Sequence[Layer]) -> str:
    place = {layer.index: position for position, layer in enumerate(layers)}
    for chain in chains(report.table):
        rows = [
            (place[n.index], a, b) for n, a, b in expected_scales(report.table, chain) if n.index in place
        ]
        if len(rows) > 1:
            upper = " ".join(f"{frame.x(p):.1f},{frame.y(high):.1f}" for p, _, high in rows)
            lower = " ".join(f"{frame.x(p):.1f},{frame.y(low):.1f}" for p, low, _ in reversed(rows))
            return (
                f'<polygon points="{upper} {lower}" fill="var(--c0)" '
                f'opacity=".13"><title>expected</title></polygon>'
            )
    return ""


def _line(frame: Frame, layers: Sequence[Layer], gradient: bool) -> list[str]:
    found = [
        (place, layer.gradient_rms if gradient else layer.rms, layer) for place, layer in enumerate(layers)
    ]
    found = [(place, value, layer) for place, value, layer in found if _shown(value)]
    if not found:
        return []
    colour, dash = ("var(--c1)", ' stroke-dasharray="6 3"') if gradient else ("var(--c0)", "")
    trunk = [one for one in found if one[2].on_trunk] or found
    points = " ".join(f"{frame.x(place):.1f},{frame.y(value):.1f}" for place, value, _ in trunk)
    parts = [f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.8"{dash}/>']
    what = "gradient" if gradient else "signal"
    for place, value, layer in found:
        x, y = frame.x(place), frame.y(value)
        title = f"<title>{escape(layer.path)} ({escape(layer.op)}): {what} {value:.3g}</title>"
        size, faint = (3.4, "") if layer.on_trunk else (2.0, ' opacity=".55"')
        parts.append(
            f"{mark(x, y, size, gradient)} "
            f'fill="{colour}"{faint}>{title}</{"path" if gradient else "circle"}>'
        )
    parts.append(
        f'<text x="{WIDTH - RIGHT + 10}" y="{_beside(frame, layers, gradient):.1f}" fill="{colour}" '
        f'font-weight="600">{say(what + "s")}</text>'
    )
    return parts


def _beside(frame: Frame, layers: Sequence[Layer], gradient: bool) -> float:
    """Where the name of a line stands: at its end, and clear of the name of the other."""
    own, other = _end(frame, layers, gradient), _end(frame, layers, not gradient)
    if math.isnan(other) or abs(own - other) >= LINE:
        return own + 4
    lower = own > other or (own == other and gradient)
    return (own + other) / 2 + 4 + (LINE / 2 if lower else -LINE / 2)


def _end(frame: Frame, layers: Sequence[Layer], gradient: bool) -> float:
    """The height at which a line ends, on the trunk where it has one; nan without a line."""
    shown = [(one.gradient_rms if gradient else one.rms, one.on_trunk) for one in layers]
    known = [(value, trunk) for value, trunk in shown if _shown(value)]
    ends = [value for value, trunk in known if trunk] or [value for value, _ in known]
    return frame.y(ends[-1]) if ends else math.nan


def mark(x: float, y: float, size: float, diamond: bool) -> str:
    if diamond:
        d = size + 0.6
        return f'<path d="M{x:.1f} {y - d:.1f}l{d} {d}l-{d} {d}l-{d} -{d}z"'
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{size}"'


def _names(frame: Frame, layers: Sequence[Layer]) -> list[str]:
    y = HEIGHT - BOTTOM + 20
    line = (
        f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{HEIGHT - BOTTOM}" y2="{HEIGHT - BOTTOM}" '
        f'stroke="var(--line)"/>'
    )
    first, last = escape(_short(layers[0])), escape(_short(layers[-1]))
    return [
        line,
        f'<text x="{LEFT}" y="{y}" fill="var(--muted)">{first}</text>',
        f'<text x="{WIDTH - RIGHT}" y="{y}" text-anchor="end" fill="var(--muted)">{last}</text>',
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{y}" text-anchor="middle" '
        f'fill="var(--muted)">{say("order of execution")}</text>',
    ]  # fmt: skip


def _short(layer: Layer) -> str:
    name = layer.path or layer.op
    return name if len(name) <= 40 else "…" + name[-39:]

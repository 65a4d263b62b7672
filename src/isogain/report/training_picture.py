"""Pictures of a monitored training: curves over steps, and how sizes spread in each layer, step by step."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from isogain.inspect.formats import Scales
from isogain.inspect.layers import Layer
from isogain.report.words import say

__all__ = ["Curve", "curves", "ridges"]

WIDE, HIGH, GAP = 270, 150, 44
LEFT, TOP, BOTTOM = 48, 26, 26
RIDGES = 6
"""Layers whose sizes are drawn, from the first to the last."""
ROW, TALL = 16, 26
"""px between two steps, and of the tallest ridge."""


@dataclass(frozen=True)
class Curve:
    """One number over steps."""

    name: str
    values: tuple[float, ...]
    log: bool = False
    colour: str = "var(--c0)"


def curves(steps: Sequence[int], panels: Sequence[Curve]) -> str:
    """Small panels side by side, one a curve, over one axis of steps (logarithmic); '' without two steps."""
    drawn = [panel for panel in panels if sum(map(_finite, panel.values)) > 1]
    if len(steps) < 2 or not drawn:
        return ""
    width = len(drawn) * (WIDE + GAP) + LEFT - GAP + 8
    parts = (
        f'<g transform="translate({LEFT + place * (WIDE + GAP)} {TOP})">{"".join(_panel(steps, panel))}</g>'
        for place, panel in enumerate(drawn)
    )
    said = "; ".join(f"{one.name} from {one.values[0]:.3g} to {one.values[-1]:.3g}" for one in drawn)
    return _svg(width, TOP + HIGH + BOTTOM, said, parts)


def _finite(value: float) -> bool:
    return math.isfinite(value)


def _svg(width: float, height: float, said: str, parts: Iterator[str]) -> str:
    return (
        f'<svg viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-label="{escape(said)}" '
        f'font-family="system-ui, sans-serif" font-size="11" xmlns="http://www.w3.org/2000/svg">'
        f"{''.join(parts)}</svg>"
    )


def _panel(steps: Sequence[int], curve: Curve) -> Iterator[str]:
    """Name above, ends of both axes beside, the line with a mark at each step."""
    shown = [_height(value, curve.log) for value in curve.values]
    known = [value for value in shown if _finite(value)]
    low, high = min(known), max(known)
    span = (high - low) or 1.0
    last = math.log2(steps[-1] + 1) or 1.0
    points = [
        (WIDE * math.log2(step + 1) / last, HIGH * (1 - (value - low) / span), step, true)
        for step, value, true in zip(steps, shown, curve.values, strict=True) if _finite(value)
    ]  # fmt: skip
    yield f'<text x="0" y="-10" fill="var(--ink)" font-weight="600">{escape(say(curve.name))}</text>'
    yield f'<path d="M0 0V{HIGH}H{WIDE}" fill="none" stroke="var(--line)"/>'
    for down, value in ((HIGH, low), (6, high)):
        text = _number(10**value if curve.log else value)
        yield f'<text x="-6" y="{down}" text-anchor="end" fill="var(--muted)">{text}</text>'
    for right, anchor, step in ((0, "start", steps[0]), (WIDE, "end", steps[-1])):
        yield f'<text x="{right}" y="{HIGH + 16}" text-anchor="{anchor}" fill="var(--muted)">{step}</text>'
    middle = f'x="{WIDE / 2}" y="{HIGH + 16}" text-anchor="middle"'
    yield f'<text {middle} fill="var(--muted)">{say("step")}</text>'
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y, _, _ in points)
    yield f'<polyline points="{path}" fill="none" stroke="{curve.colour}" stroke-width="2"/>'
    for x, y, step, value in points:
        title = f"<title>{escape(say('step'))} {step}: {value:.4g}</title>"
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{curve.colour}">{title}</circle>'


def _height(value: float, log: bool) -> float:
    """Where a value stands; nan where a logarithmic axis cannot hold it."""
    if not log:
        return value
    return math.log10(value) if _finite(value) and value > 0 else math.nan


def _number(value: float) -> str:
    return f"{value:.2g}".replace("-", "−").replace("e−0", "e−").replace("e+0", "e")


def ridges(steps: Sequence[int], layers: Sequence[Sequence[Layer]]) -> str:
    """For some layers, how signals (filled) and gradients (lines) spread over powers of two at each step."""
    names = _chosen(layers)
    found = [[_at(name, there) for there in layers] for name in names]
    octaves = [o for row in found for layer in row for s in _both(layer) if s for o in _ends(s)]
    if len(steps) < 2 or not octaves:
        return ""
    low, high = min(octaves), max(octaves)
    wide = WIDE * 0.62
    height = TOP + TALL + ROW * len(steps) + BOTTOM
    parts = (
        f'<g transform="translate({LEFT + place * (wide + 18):.1f} {TOP + TALL})">'
        f"{''.join(_ridge(name, row, steps, low, high, wide, place == 0))}</g>"
        for place, (name, row) in enumerate(zip(names, found, strict=True))
    )
    width = LEFT + len(names) * (wide + 18)
    return _svg(width, height, f"Sizes of {len(names)} layers at {len(steps)} steps", parts)


def _chosen(layers: Sequence[Sequence[Layer]]) -> list[str]:
    """Paths of a few layers with weights that every step has, evenly spread."""
    everywhere = set.intersection(*({one.path for one in there} for there in layers))
    paths = [one.path for one in layers[-1] if one.kind in ("weight", "recurrent") and one.path in everywhere]
    paths = list(dict.fromkeys(paths))
    count = min(RIDGES, len(paths))
    return [paths[round(k * (len(paths) - 1) / max(count - 1, 1))] for k in range(count)]


def _at(path: str, layers: Sequence[Layer]) -> Layer:
    return next(one for one in layers if one.path == path)


def _both(layer: Layer) -> tuple[Scales | None, Scales | None]:
    forward, backward = layer.forward, layer.backward
    return forward.scales if forward else None, backward.scales if backward else None


def _ends(scales: Scales) -> tuple[int, ...]:
    """The powers of two between which all but 2 % of the values lie."""
    total, seen, kept = sum(scales.counts), 0, []
    for place, count in enumerate(scales.counts):
        seen += count
        if 0.01 * total <= seen and seen - count <= 0.99 * total:
            kept.append(scales.first + place)
    return (kept[0], kept[-1] + 1) if kept else ()


def _ridge(
    name: str, row: Sequence[Layer], steps: Sequence[int], low: int, high: int, wide: float, first: bool
) -> Iterator[str]:
    """One layer: step below step, the earliest on top."""
    short = name if len(name) <= 22 else "…" + name[-21:]
    yield f'<text x="0" y="{-TALL - 8}" fill="var(--ink)" font-weight="600">{escape(short)}</text>'
    for place, (step, layer) in enumerate(zip(steps, row, strict=True)):
        base = ROW * place
        if first:
            yield f'<text x="-6" y="{base + 4}" text-anchor="end" fill="var(--muted)">{step}</text>'
        signal, gradient = _both(layer)
        if signal:
            path = _outline(signal, base, low, high, wide)
            yield f'<path d="{path}" fill="var(--c0)" fill-opacity=".5" stroke="var(--c0)"/>'
        if gradient:
            path = _outline(gradient, base, low, high, wide)
            yield f'<path d="{path}" fill="none" stroke="var(--c1)" stroke-width="1.4"/>'
    under = ROW * (len(steps) - 1) + 18
    for x, anchor, power in ((0.0, "start", low), (wide, "end", high)):
        text = f'2<tspan dy="-4" font-size="9">{str(power).replace("-", "−")}</tspan>'
        yield f'<text x="{x:.1f}" y="{under}" text-anchor="{anchor}" fill="var(--muted)">{text}</text>'


def _outline(scales: Scales, base: float, low: int, high: int, wide: float) -> str:
    """The top of a histogram over powers of two, from its base line and back to it."""
    most, unit = max(scales.counts) or 1, wide / max(high - low, 1)
    points = [
        ((scales.first + place + 0.5 - low) * unit, base - TALL * count / most)
        for place, count in enumerate(scales.counts) if low <= scales.first + place < high
    ]  # fmt: skip
    if not points:
        return ""
    middle = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    return f"M{points[0][0]:.1f} {base}L{middle}L{points[-1][0]:.1f} {base}"

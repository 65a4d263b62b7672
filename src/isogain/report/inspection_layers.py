"""The layers of an inspection as a table: repeats folded, numbers and a histogram of sizes for each."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from html import escape

from isogain.inspect import Report
from isogain.inspect.formats import FORMATS, Scales
from isogain.inspect.layers import fold
from isogain.inspect.report import Layer
from isogain.report.words import say

__all__ = ["layers_section", "number", "span"]

COLUMNS = {
    "layer": "",
    "sizes": "how sizes are spread over powers of two: signals upwards, gradients downwards",
    "gain": "root mean square of the weight times sqrt(fan in)",
    "out : in": "root mean square out over in; the geometric mean where rows are folded",
    "rms": "root mean square of what the layer hands on",
    "gradient": "root mean square of the gradient of the loss with respect to it",
    "zeros": "share of elements that are 0",
    "flat": "share of an activation's inputs where its slope is below 6 % of the steepest",
    "apart": "1 - cosine between different samples: 0 means they have become one",
    "rank": "effective rank, of at most min(observations, units)",
}  # fmt: skip
KEYS = "Filter with /, walk with j and k, open a row with Enter."
AXIS = "Sizes share one axis: signals upwards, gradients downwards; the dotted line is where float16 ends."
WORDS = ("layer", "sizes")
WIDE, HIGH = 150, 34


def layers_section(report: Report) -> str:
    """The section with the table."""
    frame = SizeAxis(report.layers)
    heads = "".join(_head(name, frame) for name in COLUMNS)
    groups = list(fold(report.layers))
    bodies = "".join(_group(one.path, one.members, i, frame) for i, one in enumerate(groups))
    return (
        f'<section id="layers"><h2>{say("Layers")}</h2><p class="note">'
        f"{say(f'{len(report.layers)} measured operations; those that repeat are folded into one row.')} "
        f"{_keys()} {say(AXIS)}</p>"
        '<div class="scroll" tabindex="0" role="region" '
        f'aria-label="Layers"><table><thead><tr>{heads}</tr></thead>{bodies}</table></div>'
        '<p id="nothing" class="none" hidden>' + say("No layer has these words.") + "</p></section>\n"
    )


def _keys() -> str:
    """How to walk through the table, with its keys marked."""
    return re.sub("/|\\bj\\b|\\bk\\b|Enter", lambda key: f"<kbd>{key[0]}</kbd>", say(KEYS))


def _head(name: str, frame: SizeAxis) -> str:
    hint = f' title="{escape(say(COLUMNS[name]))}"' if COLUMNS[name] else ""
    numeric = "" if name in WORDS else ' class="n"'
    axis = f"<br>{frame.scale()}" if name == "sizes" else ""
    return f'<th scope="col"{hint}{numeric}>{say(name)}{axis}</th>'


def _group(name: str, members: Sequence[Layer], place: int, frame: SizeAxis) -> str:
    if len(members) == 1:
        return f"<tbody>{_row(members[0], '', frame)}</tbody>"
    inner = "".join(_row(layer, ' class="member"', frame) for layer in members)
    label = (
        f'<button type="button" class="fold" aria-expanded="false" aria-controls="g{place}">'
        f'<span aria-hidden="true">▸</span> {escape(name) or "(model)"}</button> <span '
        f'class="op">{escape(members[0].op)}</span> <span class="times">× {len(members)}</span>'
    )
    cells = [
        f"<td>{label}{_about(members[0].role, _shapes(members))}</td>",
        f"<td>{frame.drawn(members)}</td>",
    ]
    cells += [f'<td class="n">{_cell(members, column)}</td>' for column in COLUMNS if column not in WORDS]
    words = escape(" ".join(f"{m.path} {m.op} {m.role}" for m in members).lower())
    return (
        f'<tbody><tr data-words="{words}" tabindex="-1">{"".join(cells)}</tr>'
        f'</tbody><tbody id="g{place}" hidden>{inner}</tbody>'
    )


def _row(layer: Layer, attributes: str, frame: SizeAxis) -> str:
    name = escape(layer.path or "(model)")
    words = escape(f"{layer.path} {layer.op} {layer.role}".lower())
    cells = [
        f'<td><code>{name}</code> <span class="op">{escape(layer.op)}</span>'
        f"{_about(layer.role, _shape(layer.shape))}</td>", f"<td>{frame.drawn([layer])}</td>",
    ]  # fmt: skip
    cells += [f'<td class="n">{_cell([layer], column)}</td>' for column in COLUMNS if column not in WORDS]
    return f'<tr{attributes} data-words="{words}" tabindex="-1">{"".join(cells)}</tr>'


def _about(role: str, shape: str) -> str:
    return f'<div class="about">{escape(say(role))} · {shape or say("one number")}</div>'


def _cell(members: Sequence[Layer], column: str) -> str:
    if column == "rank":
        return _rank(members)
    values = [_value(layer, column) for layer in members]
    if column == "out : in":
        logs = [math.log(v) for v in values if v > 0 and math.isfinite(v)]
        return number(math.exp(sum(logs) / len(logs))) if logs else ""
    return span(values)


def _rank(members: Sequence[Layer]) -> str:
    found = [m.forward.spectrum for m in members if m.forward and m.forward.spectrum]
    if not found:
        return ""
    caps = {one.cap for one in found}
    cap = f'<span class="op"> / {caps.pop()}</span>' if len(caps) == 1 else ""
    return f"{span([round(one.effective_rank, 1) for one in found])}{cap}"


def _value(layer: Layer, column: str) -> float:
    forward = layer.forward
    plain = {"gradient": layer.gradient_rms, "gain": layer.gain, "out : in": layer.ratio}
    if column in plain:
        return plain[column]
    if forward is None:
        return math.nan
    return {
        "rms": forward.rms, "zeros": forward.zero_fraction, "apart": forward.distance,
        "flat": forward.saturated_fraction,
    }[column]  # fmt: skip


def number(value: float, digits: int = 3) -> str:
    """So many digits, with a true minus; nothing for nan."""
    text = "" if math.isnan(value) else f"{value:.{digits}g}"
    return text.replace("e-0", "e-").replace("e+0", "e").replace("e+", "e").replace("-", "−")


def span(values: Sequence[float]) -> str:
    """One number, or the least and the largest where they differ by more than 5 %."""
    known = [value for value in values if not math.isnan(value)]
    if not known:
        return ""
    low, high = min(known), max(known)
    near = low == high or abs(high - low) < 0.05 * abs(high)
    return number(low) if near else f"{number(low, 2)} … {number(high, 2)}"


def _shape(shape: Sequence[int]) -> str:
    return "×".join(str(size) for size in shape)


def _shapes(members: Sequence[Layer]) -> str:
    found = list(dict.fromkeys(_shape(layer.shape) for layer in members))
    return found[0] if len(found) == 1 else f"{len(found)} shapes"


class SizeAxis:
    """One axis of powers of two for all histograms, so that rows can be compared."""

    def __init__(self, layers: Sequence[Layer]) -> None:
        found = [s for layer in layers for s in _scales(layer) if s is not None and s.counts]
        octaves: Counter[int] = Counter()
        for one in found:
            for place, count in enumerate(one.counts):
                octaves[one.first + place] += count
        total, seen = sum(octaves.values()), 0
        kept = []
        for octave in sorted(octaves):  # one in ten thousand at either end may fall outside
            seen += octaves[octave]
            if 1e-4 * total <= seen <= (1 - 1e-5) * total:
                kept.append(octave)
        self.low, self.high = (min(kept), max(kept) + 1) if kept else (-1, 1)
        self.high = max(self.high, self.low + 8)

    def x(self, power: float) -> float:
        """Where 2^power lies, in px."""
        return WIDE * min(max((power - self.low) / (self.high - self.low), 0.0), 1.0)

    def scale(self) -> str:
        """The axis in words, with the limits of float16 where they lie within."""
        ends = (f"2<sup>{power}</sup>".replace("-", "−") for power in (self.low, self.high))
        return f'<span class="ends" style="width:{WIDE}px"><span>{"</span><span>".join(ends)}</span></span>'

    def drawn(self, members: Sequence[Layer]) -> str:
        """Both histograms of these layers together."""
        pairs = [_scales(layer) for layer in members]
        signal = [one for one, _ in pairs if one is not None]
        gradient = [one for _, one in pairs if one is not None]
        bars = self._bars(signal, up=True) + self._bars(gradient, up=False)
        if not bars:
            return ""
        limits = [math.log2(FORMATS["float16"].smallest), math.log2(FORMATS["float16"].largest)]
        lines = "".join(
            f'<path d="M{self.x(p):.1f} 0v{HIGH}" stroke="var(--bad)" stroke-dasharray="2 2" opacity=".7"/>'
            for p in limits if self.low < p < self.high
        )  # fmt: skip
        return (
            f'<svg viewBox="0 0 {WIDE} {HIGH}" width="{WIDE}" height="{HIGH}" role="img" '
            f'aria-label="{escape(_said(signal, gradient))}">{bars}{lines}'
            f'<path d="M0 {HIGH / 2}h{WIDE}" stroke="var(--line)"/></svg>'
        )

    def _bars(self, found: Sequence[Scales], up: bool) -> str:
        octaves: Counter[int] = Counter()
        for one in found:
            for place, count in enumerate(one.counts):
                octaves[one.first + place] += count
        if not octaves:
            return ""
        most, middle, wide = max(octaves.values()), HIGH / 2, WIDE / (self.high - self.low)
        bar, path = max(wide - 0.4, 0.6), []
        for octave in sorted(octaves):
            if self.low <= octave < self.high:
                tall = (middle - 1) * octaves[octave] / most
                top = middle - tall if up else middle
                path.append(f"M{self.x(octave):.1f} {top:.1f}h{bar:.1f}v{tall:.1f}h-{bar:.1f}z")
        return f'<path d="{"".join(path)}" fill="var(--c{0 if up else 1})"/>'


def _scales(layer: Layer) -> tuple[Scales | None, Scales | None]:
    return (
        layer.forward.scales if layer.forward else None,
        layer.backward.scales if layer.backward else None,
    )


def _said(signal: Sequence[Scales], gradient: Sequence[Scales]) -> str:
    words = []
    for name, found in (("signals", signal), ("gradients", gradient)):
        octaves = [(c, one.first + i) for one in found for i, c in enumerate(one.counts)]
        if octaves:
            words.append(f"{name} mostly near 2^{max(octaves)[1]}")
    return ", ".join(words)

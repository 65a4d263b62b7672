"""Every colour of the report, once: as CSS variables for the page, as plain colours for pictures.

Chart specifications never hold a colour, only `var(--c0)` and the like.  The page resolves these
in CSS, so light, dark and print need no redraw; `plain` resolves them for files.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import cycle
from typing import Any, Literal

__all__ = [
    "CATEGORY_COUNT", "DASHES", "LEVELS", "PALETTES", "SHAPES", "configuration", "fallen_back",
    "named_colours", "plain", "rules", "series_colours", "variables",
]  # fmt: skip

Mode = Literal["light", "dark"]

LEVELS = 10
"""Steps of the heatmap and of the decision regions."""
RAMP_STEPS = 16
"""Colours for an ordered family of many lines, such as sixteen scales."""

# From Okabe and Ito's colours (2008), fitted to paper and to a dark ground: every one has a contrast
# of 3 : 1 to its ground, and the first seven stay apart for protanopes and deuteranopes.
_CATEGORIES: dict[Mode, tuple[str, ...]] = {
    "light": ("#0072b2", "#d55e00", "#00876a", "#c05d92", "#3f444b", "#4596d4", "#4b2a8a", "#9a9400"),
    "dark": ("#56b4e9", "#ff8b4d", "#2fc99b", "#ec9cc8", "#eceff3", "#2f86c9", "#936ff4", "#f0d33d"),
}
CATEGORY_COUNT = len(_CATEGORIES["light"])

# Never colour alone: the dash or the shape alone tells the series apart too.
DASHES: tuple[tuple[int, ...], ...] = (
    (1, 0), (6, 3), (12, 3, 2, 3), (2, 2), (14, 4), (4, 2), (6, 2, 1, 2, 1, 2), (1, 3),
)  # fmt: skip
SHAPES = (
    "circle", "triangle-up", "square", "diamond", "cross", "triangle-down", "triangle-right", "triangle-left",
)  # fmt: skip

_SURFACES: dict[Mode, dict[str, str]] = {
    "light": {
        "paper": "#ffffff", "raised": "#f6f7f9", "ink": "#16191d", "muted": "#575f6a", "line": "#d8dce2",
        "grid": "#e9ecf0", "accent": "#00578a", "good": "#00694f", "warn": "#8a5a00", "bad": "#b23c00",
        "on-high": "#ffffff", "undecided": "#eceef1", "focus": "#0072b2", "shade": "#00000055",
    },
    "dark": {
        "paper": "#14171b", "raised": "#1c2026", "ink": "#e9ecf0", "muted": "#a3abb7", "line": "#373e48",
        "grid": "#272c34", "accent": "#7cc4f2", "good": "#4fd3a8", "warn": "#e9bd3d", "bad": "#ff9b66",
        "on-high": "#10141a", "undecided": "#2b3037", "focus": "#7cc4f2", "shade": "#000000cc",
    },
}  # fmt: skip
_RAMPS: dict[Mode, dict[str, tuple[str, ...]]] = {
    "light": {
        "s": ("#4b1d6b", "#35608d", "#1f8f86", "#3f9f4d", "#a68f00"),
        "h": ("#eff4f9", "#b9d5ea", "#6fb0d8", "#18619a", "#0a3d66"),
        "a": ("#5ea3d2", "#dcebf6"),
        "b": ("#fbe6d4", "#eb9a5c"),
    },
    "dark": {
        "s": ("#b48ae6", "#7ba4ea", "#38bdb0", "#86d66b", "#f4e04a"),
        "h": ("#1b222b", "#1e3d55", "#235e86", "#62b0de", "#b5e2ff"),
        "a": ("#28597f", "#1f3040"),
        "b": ("#3d2d20", "#8f5526"),
    },
}


def _mix(first: str, second: str, share: float) -> str:
    pairs = zip(bytes.fromhex(first[1:]), bytes.fromhex(second[1:]), strict=True)
    return "#" + bytes(round(a + (b - a) * share) for a, b in pairs).hex()


def _ramp(anchors: tuple[str, ...], steps: int) -> list[str]:
    positions = [step * (len(anchors) - 1) / (steps - 1) for step in range(steps)]
    starts = [min(int(position), len(anchors) - 2) for position in positions]
    return [_mix(anchors[i], anchors[i + 1], p - i) for p, i in zip(positions, starts, strict=True)]


def _palette(mode: Mode) -> dict[str, str]:
    colours = dict(_SURFACES[mode])
    colours |= {f"c{i}": colour for i, colour in enumerate(_CATEGORIES[mode])}
    ramps = _RAMPS[mode]
    # The decision regions jump in the middle, from a pale blue to a pale orange: there lies the boundary.
    halves = _ramp(ramps["a"], LEVELS // 2) + _ramp(ramps["b"], LEVELS // 2)
    steps = {"s": _ramp(ramps["s"], RAMP_STEPS), "h": _ramp(ramps["h"], LEVELS), "d": halves}
    return colours | {f"{name}{i}": colour for name, ramp in steps.items() for i, colour in enumerate(ramp)}


PALETTES: dict[Mode, dict[str, str]] = {"light": _palette("light"), "dark": _palette("dark")}


def variables(mode: Mode) -> str:
    """The palette as CSS declarations: `--ink:#16191d;--c0:#0072b2;...`."""
    return "".join(f"--{name}:{colour};" for name, colour in PALETTES[mode].items())


def rules() -> str:
    """The palette as CSS rules: dark where the reader's system or choice says so, light on paper."""
    light, dark = variables("light"), variables("dark")
    return (
        f":root{{{light}}}"
        f"@media (prefers-color-scheme:dark){{:root:not([data-theme=light]){{{dark}}}}}"
        f":root[data-theme=dark]{{{dark}}}"
        f"@media print{{:root,:root[data-theme],:root:not([data-theme=light]){{{light}}}}}"
    )


def plain(text: str, mode: Mode = "light") -> str:
    """`text` (a specification as JSON, say) with every `var(--name)` replaced by its colour."""
    return re.sub(r"var\(--([a-z0-9-]+)\)", lambda match: PALETTES[mode].get(match[1], "#888888"), text)


STARTS: tuple[tuple[str, int], ...] = (
    (r"zeros|before", 4),
    (r"ones", 7),
    (r"std 0\.01|small", 1),
    (r"std 1$|large|huge", 6),
    (r"lecun|xavier \(book\)", 2),
    (r"xavier|glorot", 3),
    (r"he|kaiming|after", 0),
    (r"orthogonal|mirrored|init_|isogain", 5),
    (r"default|pytorch|own", 7),
)
"""A start by the beginning of its name, and its colour: the same on every page."""


def series_colours(count: int) -> list[str]:
    """`count` colours for lines: distinct hues up to eight, an ordered ramp beyond."""
    if count <= CATEGORY_COUNT:
        return [f"var(--c{i})" for i in range(count)]
    return [f"var(--s{round(i * (RAMP_STEPS - 1) / (count - 1))})" for i in range(count)]


def fallen_back(text: str) -> str:
    """`text` whose colours are still those of light paper where a viewer drops the style they are set in."""
    light = PALETTES["light"]
    return re.sub(r"var\(--([a-z0-9-]+)\)", lambda m: f"var(--{m[1]},{light.get(m[1], '#888888')})", text)


def named_colours(names: Sequence[str]) -> list[str]:
    """Colours for series by name: a start has its own, others what is left; no start among them, in order."""
    known = [_start_colour(name) for name in names]
    if not any(colour is not None for colour in known):
        return series_colours(len(names))
    free = [place for place in range(CATEGORY_COUNT) if place not in known] or list(range(CATEGORY_COUNT))
    rest = cycle(free)
    return [f"var(--c{next(rest) if colour is None else colour})" for colour in known]


def _start_colour(name: str) -> int | None:
    found = (colour for words, colour in STARTS if re.match(rf"(?:{words})(?![a-z])", name, re.IGNORECASE))
    return next(found, None)


FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Liberation Sans', sans-serif"


def configuration(background: str | None = None) -> dict[str, Any]:
    """The Vega-Lite config shared by page and pictures; sizes in px, colours as CSS variables."""
    text = {
        "labelColor": "var(--muted)", "titleColor": "var(--muted)",
        "labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": 500,
    }  # fmt: skip
    axis = {
        "gridColor": "var(--grid)", "domainColor": "var(--line)", "tickColor": "var(--line)",
        "labelPadding": 4, "titlePadding": 8, "tickSize": 4,
    }  # fmt: skip
    legend = {
        "orient": "top", "labelColor": "var(--ink)", "symbolSize": 140, "symbolStrokeWidth": 2.5,
        "padding": 0, "columnPadding": 18, "rowPadding": 5, "offset": 10,
        "labelLimit": 220, "titleLimit": 300,
    }  # fmt: skip
    header = {"labelColor": "var(--ink)", "labelFontSize": 12, "labelFontWeight": 600, "labelPadding": 6}
    return {
        "background": background,
        "font": FONT,
        "lineBreak": "\n",
        "aria": False,  # the figure itself carries the words; hundreds of labelled marks would bury them
        "padding": 2,
        "view": {"stroke": None},
        "axis": text | axis,
        "legend": text | legend,
        "header": header,
        "style": {
            "reference": {"stroke": "var(--muted)", "strokeDash": [2, 3], "strokeWidth": 1.2},
            "reference-label": {"color": "var(--muted)", "fontSize": 11, "fontStyle": "italic"},
            "end-label": {"fontSize": 12, "fontWeight": 600},
        },
    }

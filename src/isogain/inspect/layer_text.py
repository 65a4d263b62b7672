"""The layers of a table as text: name, role, output shape, parameters, and what was measured."""

from __future__ import annotations

import math
from collections.abc import Sequence

from isogain.inspect.layers import Fold, fold, layers_of
from isogain.inspect.table import Table
from isogain.rendering import Say, cells, padded, shortened

__all__ = ["WIDTH", "table_lines", "totals"]

WIDTH = 100
LISTED = ("weight", "embedding", "recurrent", "norm")
"""Kinds of operations that are layers to a reader; others are listed where they have parameters."""
HEADINGS = ("layer", "role", "output shape", "parameters", "gain", "rms", "gradient")
WORDS = 3
"""How many of these columns hold words."""


def table_lines(table: Table, most: int | None = None, full: bool = False, say: Say = str) -> list[str]:
    """The layers, one line each, or those that repeat in one; then the totals."""
    layers = [one for one in layers_of(table) if one.kind in LISTED or one.parameters]
    if not layers:
        return []
    folds = [Fold(one.path, (one,)) for one in layers] if full else list(fold(layers))
    lines = _aligned([tuple(map(say, HEADINGS)), *(_row(one, say) for one in folds)])
    kept = lines[1:] if most is None else shortened(lines[1:], max(most - 2, 4), MORE)
    return [lines[0], *kept, say(totals(table))]


MORE = "print(report.table(full=True)) and report.to_frame() have them all"


def totals(table: Table) -> str:
    """How many parameters there are, and how many of them are trained."""
    uses = table.graph.parameters
    total = sum(math.prod(use.shape) for use in uses)
    trained = sum(math.prod(use.shape) for use in uses if use.trainable)
    frozen = f"; {total - trained:,} of them frozen" if trained < total else ""
    return f"{total:,} parameters in all{frozen}"


def _row(one: Fold, say: Say) -> tuple[str, ...]:
    first = one.members[0]
    count = f"{first.parameters:,}" if first.parameters else ""
    shape = "x".join(map(str, first.shape)) or say("one number")
    numbers = (_range([getattr(m, name) for m in one.members]) for name in ("gain", "rms", "gradient_rms"))
    return (one.name, say(first.role), shape, count, *numbers)


def _aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Columns side by side; the names give way where the line would be longer than the page."""
    widths = [max(cells(row[place]) for row in rows) for place in range(len(rows[0]))]
    widths[0] = max(min(widths[0], WIDTH - sum(widths[1:]) - 2 * (len(widths) - 1)), 16)
    return [
        "  ".join(_cell(*cell) for cell in zip(row, widths, range(len(row)), strict=True)).rstrip()
        for row in rows
    ]


def _cell(text: str, width: int, place: int) -> str:
    if cells(text) > width:
        return "…" + text[1 - width :]
    return padded(text, width, right=place >= WORDS)


def _range(values: Sequence[float]) -> str:
    known = [value for value in values if not math.isnan(value)]
    if not known:
        return ""
    low, high = min(known), max(known)
    same = high <= 1.1 * low or len(known) == 1
    return _short(low) if same else f"{_short(low)}..{_short(high)}"


def _short(value: float) -> str:
    """Two digits in as few characters: 4.8e-4 rather than 0.00048."""
    text = f"{value:.2g}" if not 0 < abs(value) < 1e-3 else f"{value:.1e}"
    return text.replace("e-0", "e-").replace("e+0", "e")

"""The network of an inspection, drawn: trunk and branches, weights coloured by gain, repeated blocks once."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape

from isogain.graph import Node
from isogain.inspect import Report
from isogain.inspect.layers import Layer
from isogain.report.network_layout import Placed, place
from isogain.report.network_outline import Outline, Repeat, outline
from isogain.report.theme import LEVELS
from isogain.report.words import say

__all__ = ["drawing", "legend"]

CHARACTER, HIGH, PAD, ASIDE = 7.2, 36, 14, 58
MOST_BOXES = 400
"""A picture of more boxes than that is no overview any more."""
MATRIX = ("addmm", "mm", "matmul", "bmm", "baddbmm")
"""Products with a matrix, by whatever name the library calls them."""
GAINS = ("<.2", ".25", ".35", ".5", ".7", "1", "1.4", "2", "2.8", ">3.4")
"""What each of the ten colours stands for."""
COLOURED = ("weight", "embedding", "recurrent")


def drawing(report: Report) -> str:
    """An SVG of colours as CSS variables; '' where there is nothing to draw, or too much."""
    table = report.table
    seen = outline(table.graph, table.loss_from)
    if len(seen.nodes) < 2 or len(seen.nodes) > MOST_BOXES:
        return ""
    layers = {layer.index: layer for layer in report.layers}
    sizes = {node.index: (_wide(node, node.index in seen.whole), float(HIGH)) for node in seen.nodes}
    placed = place(sizes, seen.edges)
    parts = [
        *(_frame(placed, sizes, one) for one in seen.repeats),
        *_arrows(placed, report.table.on_trunk),
        *(_box(node, placed, sizes, seen, layers) for node in seen.nodes),
    ]  # fmt: skip
    return _svg(placed, parts, _said(seen))


def legend() -> str:
    """What the colours of weights say, as HTML."""
    steps = "".join(
        f'<span style="background:var(--d{level});padding:.1rem .5rem">{text}</span>'
        for level, text in zip(
            range(LEVELS), ("<.2", ".2", ".3", ".4", ".6", "1", "1.4", "2", "2.8", ">4"), strict=True
        )
    )
    return f"{say('Weights by their gain, out : in')} {steps}"


def _svg(placed: Placed, parts: Sequence[str], said: str) -> str:
    width, height = placed.width + 2 * ASIDE, placed.height + 2 * PAD
    return (
        f'<svg viewBox="{-ASIDE} {-PAD} {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}" '
        f'role="img" aria-label="{escape(said)}" font-family="system-ui, sans-serif" font-size="12" '
        'xmlns="http://www.w3.org/2000/svg"><defs><marker id="isogain-arrow" viewBox="0 0 8 8" refX="7" '
        'refY="4" markerUnits="userSpaceOnUse" markerWidth="9" markerHeight="9" orient="auto-start-reverse">'
        f'<path d="M0 0L8 4L0 8z" fill="var(--muted)"/></marker></defs>{"".join(parts)}</svg>'
    )


def _said(seen: Outline) -> str:
    folds = ", ".join(f"a block of {len(one.members)} operations {one.count} times" for one in seen.repeats)
    return f"The network as {len(seen.nodes)} boxes{f'; {folds}' if folds else ''}"


def _title(node: Node, whole: bool) -> str:
    """What stands in a box: a reader's word for the operation."""
    if whole:
        return node.module
    if node.kind == "activation" and node.activation:
        return node.activation
    if node.kind in ("input", "attention", "pool", "concatenate", "embedding"):
        return say(node.kind)
    return "linear" if node.op in MATRIX else node.op


def _under(node: Node) -> str:
    """The second line of a box: where it is, and the shape of what it hands on."""
    path = node.path if len(node.path) <= 22 else "…" + node.path[-21:]
    shape = "×".join(map(str, node.shape[1:] or node.shape)) or "1"
    return f"{path}  {shape}".strip()


def _wide(node: Node, whole: bool) -> float:
    return max(len(_title(node, whole)) * CHARACTER, len(_under(node)) * CHARACTER * 0.86, 44) + 16


def _box(
    node: Node, placed: Placed, sizes: dict[int, tuple[float, float]], seen: Outline, layers: dict[int, Layer]
) -> str:
    (x, y), (width, height) = placed.middles[node.index], sizes[node.index]
    members = [layers[one] for one in seen.stands_for[node.index] if one in layers]
    fill, ink = _colours(node, members)
    round_ = height / 2 if node.kind in ("activation", "add", "multiply", "input") else 5
    hover = escape("\n".join(_facts(node, members)))
    return (
        f'<g><title>{hover}</title><rect x="{x - width / 2:.1f}" y="{y - height / 2:.1f}" '
        f'width="{width:.1f}" height="{height:.1f}" rx="{round_}" fill="{fill}" stroke="var(--line)"/>'
        f'<text x="{x:.1f}" y="{y - 2:.1f}" text-anchor="middle" fill="{ink}" font-weight="600">'
        f"{escape(_title(node, node.index in seen.whole))}</text>"
        f'<text x="{x:.1f}" y="{y + 12:.1f}" text-anchor="middle" fill="{ink}" font-size="10">'
        f"{escape(_under(node))}</text></g>"
    )


def _colours(node: Node, members: Sequence[Layer]) -> tuple[str, str]:
    """Fill and ink: weights by measured gain, from blue (shrinks) over pale (keeps) to orange (grows)."""
    ratios = [one.ratio for one in members if one.ratio > 0 and math.isfinite(one.ratio)]
    if node.kind not in COLOURED or not ratios:
        return "var(--raised)" if node.kind in ("norm", "input") else "var(--paper)", "var(--ink)"
    mean = sum(map(math.log2, ratios)) / len(ratios)
    level = min(max(round(LEVELS / 2 + 2 * mean), 0), LEVELS - 1)
    return f"var(--d{level})", "var(--ink)"


def _facts(node: Node, members: Sequence[Layer]) -> Iterator[str]:
    """What hovering tells: place, operation, role, shape, parameters, and every number measured."""
    yield f"{node.path or '(model)'} ({node.op})"
    yield f"{say(node.role)}, {' x '.join(map(str, node.shape)) or say('one number')}".strip(", ")
    if len(members) > 1:
        yield f"{len(members)} {say('of these')}"
    if members and members[0].parameters:
        yield f"{members[0].parameters:,} {say('parameters')}"
    for name, key in (("gain", "gain"), ("out : in", "ratio"), ("rms", "rms"), ("gradient", "gradient_rms")):
        values = [v for one in members if math.isfinite(v := getattr(one, key))]
        if values:
            low, high = min(values), max(values)
            yield f"{say(name)} {low:.3g}" + (f" … {high:.3g}" if high > 1.05 * abs(low) else "")


def _arrows(placed: Placed, trunk: frozenset[int]) -> Iterator[str]:
    """Arrows from box to box, the trunk's broad; they end at the edge of the box they point to."""
    for (source, target), points in placed.paths.items():
        shown = [(x, y) for x, y in points] or [placed.middles[source], placed.middles[target]]
        (x0, y0), (x1, y1) = shown[0], shown[-1]
        ends = [(x0, y0 + HIGH / 2), *shown[1:-1], (x1, y1 - HIGH / 2 - 1)]
        path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in ends)
        broad = source in trunk and target in trunk
        colour, wide = ("var(--c0)", 2.4) if broad else ("var(--muted)", 1.2)
        yield (
            f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="{wide}" stroke-linejoin="round" '
            'marker-end="url(#isogain-arrow)"/>'
        )


def _frame(placed: Placed, sizes: dict[int, tuple[float, float]], repeat: Repeat) -> str:
    """A frame around a block that repeats, and how often."""
    boxes = [(placed.middles[one], sizes[one]) for one in repeat.members]
    left = min(x - w / 2 for (x, _), (w, _) in boxes) - 8
    right = max(x + w / 2 for (x, _), (w, _) in boxes) + 8
    top = min(y - h / 2 for (_, y), (_, h) in boxes) - 7
    bottom = max(y + h / 2 for (_, y), (_, h) in boxes) + 7
    return (
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" height="{bottom - top:.1f}" rx="9" '
        'fill="var(--raised)" stroke="var(--muted)" stroke-dasharray="4 3"/>'
        f'<text x="{left - 6:.1f}" y="{(top + bottom) / 2 + 5:.1f}" text-anchor="end" '
        f'font-size="15" font-weight="700" fill="var(--ink)">× {repeat.count}</text>'
    )

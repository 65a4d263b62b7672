"""A Report in at most 100 columns of plain text."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Sequence

from isogain.graph import family
from isogain.inspect.findings import Finding
from isogain.inspect.report import Layer, Report

__all__ = ["as_text", "folded"]

WIDTH = 100
SIGNS = {"critical": "✗", "warning": "!", "info": "i", "healthy": "✓"}


def as_text(report: Report) -> str:
    """Verdict and cause, the findings, the layers with repeats folded, the coverage."""
    parts = [_wrapped(f"{SIGNS[report.verdict]} {report.verdict}: {report.cause}", "", "  ")]
    parts += [_finding(finding) for finding in report.findings]
    parts.append(_layers(report))
    parts.append("\n".join(_coverage(report)))
    return "\n\n".join(part for part in parts if part)


def _wrapped(text: str, first: str, rest: str) -> str:
    return textwrap.fill(text, WIDTH, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False)


def _finding(finding: Finding) -> str:
    head = f"{SIGNS[finding.severity]} {finding.severity} {finding.code} at {finding.path}"
    lines = [_wrapped(head, "", "  ")]
    lines.append(_wrapped(f"{finding.measured}; expected {finding.expected}", "  measured  ", " " * 12))
    lines.append(_wrapped(finding.why, "  why       ", " " * 12))
    if finding.fix:
        lines.append(_wrapped(finding.fix, "  fix       ", " " * 12))
    return "\n".join(lines)


def folded(layers: Sequence[Layer]) -> Iterator[tuple[str, list[Layer]]]:
    """Layers grouped where families repeat in a row: ('h.*.mlp.c_fc', its twelve layers)."""
    groups: dict[tuple[str, str], list[Layer]] = {}
    for layer in layers:
        groups.setdefault((family(layer.path), layer.op), []).append(layer)
    for (path, _), members in groups.items():
        yield (path if len(members) > 1 else members[0].path), members


def _layers(report: Report) -> str:
    shown = [layer for layer in report.layers if layer.kind in ("weight", "embedding", "recurrent", "norm")]
    rows: list[tuple[str, ...]] = [("layer", "role", "times", "gain", "rms", "gradient")]
    for path, members in folded(shown):
        numbers = [_range([getattr(m, name) for m in members]) for name in ("gain", "rms", "gradient_rms")]
        rows.append(
            (path or "(model)", members[0].role, f"x {len(members)}" if len(members) > 1 else "", *numbers)
        )
    if len(rows) == 1:
        return ""
    hidden = len(rows) - 41
    rows = rows[:41]
    widths = [min(max(len(row[i]) for row in rows), 34 if i == 0 else 19) for i in range(6)]
    lines = [
        "  ".join(_cell(cell, width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    return "\n".join(lines + ([f"... {hidden} more; report.layers has them all"] if hidden > 0 else []))


def _cell(text: str, width: int) -> str:
    return text.ljust(width) if len(text) <= width else "…" + text[1 - width :]


def _range(values: list[float]) -> str:
    known = [value for value in values if not math.isnan(value)]
    if not known:
        return ""
    low, high = min(known), max(known)
    return f"{low:.2g}" if high <= 1.1 * low or len(known) == 1 else f"{low:.2g}..{high:.2g}"


def _coverage(report: Report) -> Iterator[str]:
    coverage = report.coverage
    yield (
        f"coverage  {coverage.share:.1%} of {coverage.parameters:,} parameters followed; "
        f"{coverage.measured} of {coverage.operations} operations measured"
    )
    for name, entries in (("not followed", coverage.unfollowed), ("not measured", coverage.unmeasured)):
        if entries:
            listed = ", ".join(entries[:8]) + (f" and {len(entries) - 8} more" if len(entries) > 8 else "")
            yield _wrapped(f"{name}: {listed}", "          ", " " * 12)
    for reason in coverage.skipped:
        yield _wrapped(f"not run: {reason}", "          ", " " * 12)
    for finding in report.accepted:
        yield _wrapped(f"accepted: {finding.key}", "          ", " " * 12)

"""A Report in at most 100 columns of plain text."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from isogain.inspect.findings import Finding
from isogain.inspect.layer_text import WIDTH, table_lines
from isogain.inspect.report import Report
from isogain.rendering import MOST_LINES, shortened

__all__ = ["SIGNS", "as_text"]

FINDING_LINES = 30
"""Lines that findings in full may take."""
SIGNS = {"critical": "✗", "warning": "!", "info": "i", "healthy": "✓"}


def as_text(report: Report) -> str:
    """Verdict and cause, the findings, the layers with repeats folded, the coverage: at most sixty lines."""
    head = [_wrapped(f"{SIGNS[report.verdict]} {report.verdict}: {report.cause}", "", "  ")]
    found = "\n\n".join(head + _findings(report)).split("\n")
    seen = [line for part in _coverage(report) for line in part.split("\n")]
    seen = shortened(seen, 12, "report.coverage has them all")
    if "decade" in "".join(found):
        seen.append("a decade is a factor of 10")
    layers = table_lines(report.table, most=MOST_LINES - len(found) - len(seen) - 2)
    return "\n\n".join("\n".join(part) for part in (found, layers, seen) if part)


def _findings(report: Report) -> list[str]:
    """The worst in full, as long as there is room, then one line for each."""
    whole = [_finding(one, _first_with(one, report)) for one in report.findings]
    room = FINDING_LINES - len(whole)
    shown: list[str] = []
    for text in whole:
        room -= text.count("\n") + 1
        if room < 0:
            break
        shown.append(text)
    rest = [
        f"{SIGNS[f.severity]} {f.severity} {f.code} at {f.path}"[:WIDTH]
        for f in report.findings[len(shown) :]
    ]
    return [*shown, *(["\n".join(shortened(rest, 8, "report.findings has them all"))] if rest else [])]


def _wrapped(text: str, first: str, rest: str) -> str:
    return textwrap.fill(text, WIDTH, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False)


def _first_with(finding: Finding, report: Report) -> Finding:
    """The first finding with the same fix: one cause has one line."""
    return next((one for one in report.findings if one.fix and one.fix == finding.fix), finding)


def _finding(finding: Finding, first: Finding) -> str:
    head = f"{SIGNS[finding.severity]} {finding.severity} {finding.code} at {finding.path}"
    lines = [_wrapped(head, "", "  ")]
    lines.append(_wrapped(f"{finding.measured}; expected {finding.expected}", "  measured  ", " " * 12))
    lines.append(_wrapped(finding.why, "  why       ", " " * 12))
    said = finding.fix if first is finding else f"that of {first.key} mends this too"
    if said or finding.remark:
        lines.append(_wrapped(said or f"({finding.remark})", "  fix       ", " " * 12))
    return "\n".join(lines)


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

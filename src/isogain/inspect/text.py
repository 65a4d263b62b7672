"""A Report in at most 100 columns of plain text."""

from __future__ import annotations

from collections.abc import Iterator

from isogain.inspect.findings import Finding, pointed
from isogain.inspect.layer_text import WIDTH, table_lines
from isogain.inspect.report import Report
from isogain.rendering import MOST_LINES, Say, filled, padded, shortened

__all__ = ["SIGNS", "as_text"]

FINDING_LINES = 30
"""Lines that findings in full may take."""
SIGNS = {"critical": "✗", "warning": "!", "info": "i", "healthy": "✓"}


def as_text(report: Report, say: Say = str) -> str:
    """Verdict and cause, the findings, the layers with repeats folded, the coverage: at most sixty lines."""
    head = f"{SIGNS[report.verdict]} {say(f'{report.verdict}: {report.cause}')}"
    found = "\n\n".join([filled(head, WIDTH, "", "  "), *_findings(report, say)]).split("\n")
    seen = [line for part in _coverage(report, say) for line in part.split("\n")]
    seen = shortened(seen, 12, "report.coverage has them all")
    if any("decade" in finding.measured + finding.expected for finding in report.findings):
        seen.append(say("a decade is a factor of 10"))
    layers = table_lines(report.table, MOST_LINES - len(found) - len(seen) - 2, say=say)
    return "\n\n".join("\n".join(part) for part in (found, layers, seen) if part)


def _findings(report: Report, say: Say) -> list[str]:
    """The worst in full, as long as there is room, then one line for each."""
    whole = [_finding(one, report, say) for one in report.findings]
    room = FINDING_LINES - len(whole)
    shown: list[str] = []
    for text in whole:
        room -= text.count("\n") + 1
        if room < 0:
            break
        shown.append(text)
    rest = [_headed(one, say)[:WIDTH] for one in report.findings[len(shown) :]]
    return [*shown, *(["\n".join(shortened(rest, 8, "report.findings has them all"))] if rest else [])]


def _headed(finding: Finding, say: Say) -> str:
    return f"{SIGNS[finding.severity]} {say(finding.severity)} {finding.code} at {finding.path}"


def _finding(finding: Finding, report: Report, say: Say) -> str:
    """What was seen, why, and the line; what a finding before it says in the same words is not said again."""
    lines = [filled(_headed(finding, say), WIDTH, "", "  ")]
    seen = say(f"{finding.measured}; expected {finding.expected}")
    why, fix = pointed(finding, report.findings)
    fix = fix if fix == finding.fix else say(fix)
    said = {"measured": seen, "why": say(why), "fix": fix or say(finding.remark)}
    if finding.remark:
        said |= {"note": say(finding.remark)} if fix else {"fix": f"({said['fix']})"}
    for name, text in said.items():
        if text:
            lines.append(filled(text, WIDTH, f"  {padded(say(name), 8)}  ", " " * 12))
    return "\n".join(lines)


def _coverage(report: Report, say: Say) -> Iterator[str]:
    coverage = report.coverage
    followed = f"{coverage.share:.1%} of {coverage.parameters:,} parameters followed"
    measured = f"{coverage.measured} of {coverage.operations} operations measured"
    yield f"{padded(say('coverage'), 8)}  {say(f'{followed}; {measured}')}"
    for name, entries in (("not followed", coverage.unfollowed), ("not measured", coverage.unmeasured)):
        if entries:
            listed = ", ".join(entries[:8]) + (f" and {len(entries) - 8} more" if len(entries) > 8 else "")
            yield _under(f"{name}: {listed}", say)
    for reason in coverage.skipped:
        yield _under(f"not run: {reason}", say)
    for finding in report.accepted:
        yield _under(f"accepted: {finding.key}", say)


def _under(text: str, say: Say) -> str:
    return filled(say(text), WIDTH, " " * 10, " " * 12)

"""A fix is tried before it is shown: it must mend its finding, make nothing else worse, and not cost loss.

The adapter tries a Fix on a copy of the model and inspects that; what is here is which fixes are tried, and
what counts as mended.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import replace

from isogain.inspect.findings import CODES, SEVERITIES, Finding, at_least
from isogain.inspect.fixes import Dialect, Fix, line_of
from isogain.inspect.report import Report

__all__ = ["MOST", "proved"]

Attempt = Callable[[Fix], Report | None]
MOST = 6
"""Fixes tried for one report; each is a pass or two."""
MORE = 3
"""Tried beside them for what no fix mends alone, upon those that were seen to mend something else."""
ROOM = 0.25
"""Share by which a first loss may rise above what it, or ignorance, costs: drawn heads differ by as much."""
ONE_ANSWER = 10.0
"""Times what one answer for all costs that answers which differ may: a loss of distances starts near its
least where all points are one."""
UNTRIED = "no line is given: {} fixes were tried for the findings above"
FIRST = (
    "non-finite", "uninitialized", "symmetric-units", "off-peers", "time-scale", "identical-layers",
    "dead-units",
)  # fmt: skip
FAILED = "no line is given: of those tried on a copy none mends this and leaves the rest as good as it is"
NONE = "no line mends this"
AFTER = "after that of {}"


def proved(report: Report, attempt: Attempt, dialect: Dialect, why_not: str = "") -> Report:
    """The report with a line for every finding that a tried Fix mends, and a remark where none does.

    `attempt` gives the report of a mended copy, or None where the Fix could not be carried out; `why_not`
    says why no copy can be made, and then only what leaves the numbers alone is shown.
    """
    trials = _Trials(report, attempt, why_not)
    settled: dict[Finding, Finding] = {}
    for finding in sorted(report.findings, key=_turn):
        settled[finding] = _settled(finding, trials, dialect)
    # what mended a later finding may have mended an earlier one
    alone = [_settled(settled[f], trials, dialect) for f in report.findings]
    trials.room += MORE
    return replace(report, findings=tuple(_settled_after(f, trials, dialect) for f in alone))


def _turn(finding: Finding) -> tuple[int, int]:
    """What is wrong in itself before what follows from it; a copied layer before what its copies do."""
    return finding.code not in FIRST, CODES.index(finding.code)


def _settled(finding: Finding, trials: _Trials, dialect: Dialect) -> Finding:
    if finding.fix and dialect.modules:
        return finding
    finding = replace(finding, fix="")
    sayable = [fix for fix in finding.mends if fix and dialect.says(fix)]
    for fix in trials.known_first(sayable):
        if fix.leaves_numbers or trials.mends(fix, finding):
            trials.good.setdefault(fix, finding)
            return replace(finding, fix=line_of(fix, dialect), remark="")
    if finding.severity == "info":
        return finding
    return replace(finding, remark=trials.reason(sayable))


def _settled_after(finding: Finding, trials: _Trials, dialect: Dialect) -> Finding:
    """Mistakes made at once hide each other: a line may mend only after those of other findings."""
    earlier = {fix: one.key for fix, one in trials.good.items() if not fix.leaves_numbers}
    if finding.fix or not earlier:
        return finding
    for fix in finding.mends:
        known = not fix or not dialect.says(fix) or fix.restarts or fix in earlier
        if not known and trials.mends(sum(earlier, Fix()) + fix, finding):
            remark = AFTER.format(", ".join(dict.fromkeys(earlier.values())))
            return replace(finding, fix=line_of(fix, dialect), remark=remark)
    return finding


class _Trials:
    """What came of every Fix tried so far."""

    def __init__(self, report: Report, attempt: Attempt, why_not: str) -> None:
        self.report, self.attempt, self.why_not = report, attempt, why_not
        self.done: dict[Fix, Report | None] = {}
        self.good: dict[Fix, Finding] = {}
        """Those that are said, and a finding that each mends."""
        self.room = MOST

    def known_first(self, fixes: list[Fix]) -> Iterable[Fix]:
        """Fixes that mended another finding come first: one cause has one fix."""
        alike = [fix for fix, after in self.done.items() if after is not None]
        return [*alike, *(fix for fix in fixes if fix not in alike)]

    def mends(self, fix: Fix, finding: Finding) -> bool:
        """Whether a copy with it is better in this and worse in nothing."""
        if finding.severity == "info" or self.why_not:
            return False
        if fix not in self.done:
            if len(self.done) >= self.room:
                return False
            self.done[fix] = self.attempt(fix)
        after = self.done[fix]
        return after is not None and _mended(finding, self.report, after)

    def reason(self, fixes: list[Fix]) -> str:
        """Why there is no line."""
        if not fixes:
            return NONE
        if self.why_not:
            return f"no line is given: {self.why_not}"
        return FAILED if any(fix in self.done for fix in fixes) else UNTRIED.format(MOST)


def _mended(finding: Finding, before: Report, after: Report) -> bool:
    was, now = _worst(before), _worst(after)
    if any(rank > was.get(code, 0) for code, rank in now.items()) or not _affordable(finding, before, after):
        return False
    if now.get(finding.code, 0) < SEVERITIES.index(finding.severity):
        return True
    left = {place for one in after.findings if one.code == finding.code for place in _places(one)}
    return not left.intersection(_places(finding)) and _count(after, finding) < _count(before, finding)


def _worst(report: Report) -> dict[str, int]:
    """code -> its worst severity as a rank."""
    ranks: dict[str, int] = {}
    for finding in report.findings:
        ranks[finding.code] = max(ranks.get(finding.code, 0), SEVERITIES.index(finding.severity))
    return ranks


def _places(finding: Finding) -> set[str]:
    return {finding.path, *finding.paths}


def _count(report: Report, like: Finding) -> int:
    return sum(one.code == like.code and at_least(one.severity, "warning") for one in report.findings)


def _affordable(finding: Finding, before: Report, after: Report) -> bool:
    """Whether the first loss is no worse than it was, or than a prediction that knows nothing."""
    old, new = before.table.loss_value, after.table.loss_value
    if before.table.loss_source == "random projection" or math.isnan(old):
        return True
    if not math.isfinite(new):
        return not math.isfinite(old)
    whole = len(after.table.losses) == 1 and math.isclose(after.table.losses[0].value, new, rel_tol=1e-3)
    chance = after.table.losses[0].chance if whole else -math.inf
    allowed = max(old, chance) if math.isfinite(old) else math.inf
    if finding.code == "constant-output":
        return new <= allowed + ONE_ANSWER * abs(allowed)
    return new <= allowed + ROOM * abs(allowed)

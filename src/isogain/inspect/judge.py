"""From a Table to a Report: every rule in turn, the worst and most explaining finding first."""

from __future__ import annotations

from isogain.inspect.findings import CODES, SEVERITIES, Finding
from isogain.inspect.report import Report
from isogain.inspect.rules import RULES
from isogain.inspect.table import Table

__all__ = ["judge"]


def judge(table: Table) -> Report:
    """The Report of a Table."""
    found = [finding for rules in RULES.values() for rule in rules for finding in rule(table)]
    return Report(table, tuple(sorted(found, key=_order)))


def _order(finding: Finding) -> tuple[int, int]:
    return -SEVERITIES.index(finding.severity), CODES.index(finding.code)

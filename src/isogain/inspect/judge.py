"""From a Table to a Report: every rule in turn, the worst and most explaining finding first."""

from __future__ import annotations

import re
from dataclasses import replace

from isogain.inspect.attributing import attributed
from isogain.inspect.closed import explained
from isogain.inspect.findings import CODES, SEVERITIES, Finding
from isogain.inspect.report import Report
from isogain.inspect.rules import RULES
from isogain.inspect.table import Table

__all__ = ["judge"]


def judge(table: Table) -> Report:
    """The Report of a Table."""
    found: list[Finding] = []
    failed: list[str] = []
    for code, rules in RULES.items():
        for rule in rules:
            try:
                found += rule(table)
            except ArithmeticError:  # numbers that nobody thought of must not cost the others' findings
                failed.append(f"{code}: numbers of this start are beyond what its formula holds for")
    if failed:
        skipped = (*table.coverage.skipped, *dict.fromkeys(failed))
        table = replace(table, coverage=replace(table.coverage, skipped=skipped))
    found = attributed(table, explained(table, found))
    return Report(table, tuple(_once(sorted(found, key=_order))))


def _once(findings: list[Finding]) -> list[Finding]:
    """Without those that say the same of one place in other numbers: a loss over rows and over columns."""
    said = {(one.key, re.sub(r"[\d.]+", "", one.why)): one for one in reversed(findings)}
    return list(said.values())[::-1]


def _order(finding: Finding) -> tuple[int, int]:
    return -SEVERITIES.index(finding.severity), CODES.index(finding.code)

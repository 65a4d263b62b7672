"""A Report for continuous integration: SARIF 2.1.0 and JUnit XML."""

from __future__ import annotations

import json
from xml.etree import ElementTree

from isogain._version import __version__
from isogain.inspect import CODES, Finding, Report

__all__ = ["to_junit", "to_sarif"]

LEVELS = {"critical": "error", "warning": "warning", "info": "note"}


def _message(finding: Finding) -> str:
    fix = f" Fix: {finding.fix}" if finding.fix else ""
    return f"{finding.why}. Measured: {finding.measured}. Expected: {finding.expected}.{fix}"


def to_sarif(report: Report, target: str) -> str:
    """The findings as SARIF 2.1.0, located by the logical name `target` and the layer's path."""
    results = [
        {
            "ruleId": finding.code,
            "level": LEVELS[finding.severity],
            "message": {"text": _message(finding)},
            "locations": [
                {"logicalLocations": [{"fullyQualifiedName": f"{target}/{finding.path}", "kind": "module"}]}
            ],
        }
        for finding in report.findings
    ]
    rules = [{"id": code} for code in CODES]
    driver = {"name": "isogain", "version": __version__, "rules": rules}
    log = {
        "version": "2.1.0",
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "runs": [{"tool": {"driver": driver}, "results": results}],
    }
    return json.dumps(log, indent=2)


def to_junit(report: Report, target: str) -> str:
    """One test case for each code: it fails when the code was found above info."""
    failed = {finding.code for finding in report.findings if finding.severity != "info"}
    suite = ElementTree.Element(
        "testsuite", name=f"isogain inspect {target}", tests=str(len(CODES)), failures=str(len(failed))
    )
    for code in CODES:
        case = ElementTree.SubElement(suite, "testcase", classname=target, name=code)
        found = [f for f in report.findings if f.code == code and f.severity != "info"]
        if found:
            failure = ElementTree.SubElement(case, "failure", message=found[0].why, type=found[0].severity)
            failure.text = "\n".join(f"{finding.path}: {_message(finding)}" for finding in found)
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True)

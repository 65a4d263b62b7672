"""Reports and their differences as Outcomes: sizes along the layers, findings, numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from isogain.inspect import Report
from isogain.inspect.differences import Difference, Inspected
from isogain.inspect.findings import Finding
from isogain.inspect.layers import Layer
from isogain.lab.outcome import Chart, Column, Outcome, Table

__all__ = ["difference_outcome", "report_outcome"]

MEASURES = (("signals", "rms"), ("gradients", "gradient_rms"))
DRAWN = ("weight", "embedding", "recurrent", "add", "norm", "attention")


def report_outcome(report: Report) -> Outcome:
    """Verdict, findings and sizes of one report."""
    rows = tuple(_rows(report.layers, ""))
    return Outcome(
        "inspect", f"Inspection of {report.settings.get('model', 'a model')}", "Can this start be trained?",
        f"{report.verdict}: {report.cause}.", (_chart(rows),) if rows else (),
        (_findings("Findings", report.findings),) if report.findings else (),
        settings=dict(report.settings),
    )  # fmt: skip


def difference_outcome(difference: Difference) -> Outcome:
    """Two starts side by side: sizes of both in one picture, findings gone and new, layers that moved."""
    tables = [
        _findings(title, found)
        for title, found in (("Findings gone", difference.gone), ("Findings new", difference.new)) if found
    ]  # fmt: skip
    tables.append(_changed(difference))
    charts = (_chart(tuple(_both(difference.reports))),) if difference.reports else ()
    return Outcome(
        "diff", "Two starts side by side", "What changed from one report to the other?",
        f"Before: {_said(difference, 0)} After: {_said(difference, 1)}", charts, tuple(tables),
    )  # fmt: skip


def _said(difference: Difference, place: int) -> str:
    verdict = (difference.before, difference.after)[place]
    return f"{verdict}, {difference.reports[place].cause}." if difference.reports else f"{verdict}."


def _both(reports: Sequence[Inspected]) -> Iterator[dict[str, Any]]:
    for name, report in zip(("before", "after"), reports, strict=True):
        yield from _rows(report.layers, name)


def _rows(layers: Sequence[Layer], name: str) -> Iterator[dict[str, Any]]:
    drawn = [layer for layer in layers if layer.kind in DRAWN and layer.on_trunk] or list(layers)
    for place, layer in enumerate(drawn, start=1):
        for what, key in MEASURES:
            value = getattr(layer, key)
            if math.isfinite(value) and value > 0:
                yield {"layer": place, "size": value, "when": name or what, "what": what}


def _chart(rows: tuple[dict[str, Any], ...]) -> Chart:
    return Chart(
        "lines", "Signals and gradients along the trunk", rows, "layer", "size", "order of execution",
        "root mean square", color="when", facet_column="what", log_y=True,
        alt="Root mean squares of signals and gradients, layer by layer.",
    )  # fmt: skip


def _findings(title: str, findings: Sequence[Finding]) -> Table:
    keys = ("severity", "code", "path", "why")
    rows = tuple({key: getattr(finding, key) for key in keys} for finding in findings)
    return Table(title, tuple(Column(key, key, "") for key in keys), rows)


def _changed(difference: Difference) -> Table:
    columns = (
        Column("layer", "layer", ""), Column("measure", "measure", ""), Column("before", "before"),
        Column("after", "after"),
    )  # fmt: skip
    note = "Root mean squares that changed more than twofold."
    return Table("Sizes that changed", columns, tuple(difference.records()), note)

"""The renderers of all results: each is loaded when it is first asked for.

`isogain` imports this module, so that every result can be shown, wherever it came from.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isogain.rendering import register

if TYPE_CHECKING:
    from isogain.core.names.catalog import Catalog
    from isogain.graph.plan import Plan
    from isogain.graph.receipt import Receipt
    from isogain.inspect import Report
    from isogain.inspect.coordinates import CoordinateCheck
    from isogain.inspect.differences import Difference
    from isogain.inspect.table import Table as Measured
    from isogain.lab.outcome import Chart, Outcome, Table
    from isogain.theory import Advice, PhaseDiagram, Prediction
    from isogain.torch.start.compare import Comparison
    from isogain.torch.trial.result import Trial

__all__: list[str] = []


@register("report.text")
def _report_text(report: Report) -> str:
    from isogain.inspect.text import as_text
    from isogain.report.words import say

    return as_text(report, say)


@register("table.text")
def _table_text(table: Measured, full: bool) -> str:
    from isogain.inspect.layer_text import table_lines
    from isogain.report.words import say

    return "\n".join(table_lines(table, full=full, say=say))


@register("report.outcome")
def _report_outcome(report: Report) -> Outcome:
    from isogain.report.report_outcomes import report_outcome

    return report_outcome(report)


@register("plan.outcome")
def _plan_outcome(plan: Plan) -> Outcome:
    from isogain.report.start_outcomes import plan_outcome

    return plan_outcome(plan)


@register("receipt.outcome")
def _receipt_outcome(receipt: Receipt) -> Outcome:
    from isogain.report.start_outcomes import receipt_outcome

    return receipt_outcome(receipt)


@register("difference.outcome")
def _difference_outcome(difference: Difference) -> Outcome:
    from isogain.report.report_outcomes import difference_outcome

    return difference_outcome(difference)


@register("report.page")
def _report_page(report: Report, path: str | Path) -> Path:
    from isogain.report.inspection import write_inspection

    return write_inspection(report, path)


@register("report.fragment")
def _report_fragment(report: Report) -> str:
    from isogain.report.inspection import fragment

    return fragment(report)


@register("monitor.page")
def _monitor_page(snapshots: Sequence[Any], path: str | Path) -> Path:
    from isogain.report.monitoring import write_monitoring

    return write_monitoring(snapshots, path)


@register("coordinates.outcome")
def _coordinates_outcome(check: CoordinateCheck) -> Outcome:
    from isogain.report.coordinates import outcome

    return outcome(check)


@register("coordinates.picture")
def _coordinates_picture(check: CoordinateCheck, folder: str | Path) -> Path:
    from isogain.report.coordinates import write_picture

    return write_picture(check, folder)


@register("frame")
def _frame(records: Iterable[Mapping[str, Any]]) -> Any:
    from isogain.report.frames import frame

    return frame(records)


@register("outcome.fragment")
def _outcome_fragment(outcome: Outcome) -> str:
    from isogain.report.notebook import fragment

    return fragment(outcome)


@register("outcome.text")
def _outcome_text(outcome: Outcome) -> str:
    from isogain.report.terminal import as_text

    return as_text(outcome)


@register("outcome.page")
def _outcome_page(outcome: Outcome, path: str | Path) -> Path:
    from isogain.report import write_page

    return write_page([outcome], path, title=outcome.title or outcome.experiment, summary=outcome.answer)


@register("outcomes.page")
def _outcomes_page(outcomes: Sequence[Outcome], path: str | Path) -> Path:
    from isogain.report import write_page

    return write_page(outcomes, path)


@register("chart.outcome")
def _chart_outcome(chart: Chart) -> Outcome:
    from isogain.report.outcomes import of_chart

    return of_chart(chart)


@register("table.outcome")
def _table_outcome(table: Table) -> Outcome:
    from isogain.report.outcomes import of_table

    return of_table(table)


@register("catalog.outcome")
def _catalog_outcome(catalog: Catalog) -> Outcome:
    from isogain.report.outcomes import catalog_outcome

    return catalog_outcome(catalog)


@register("comparison.outcome")
def _comparison_outcome(comparison: Comparison) -> Outcome:
    from isogain.report.outcomes import comparison_outcome

    return comparison_outcome(comparison)


@register("prediction.outcome")
def _prediction_outcome(prediction: Prediction) -> Outcome:
    from isogain.report.theory_outcomes import prediction_outcome

    return prediction_outcome(prediction)


@register("phase_diagram.outcome")
def _phase_diagram_outcome(diagram: PhaseDiagram) -> Outcome:
    from isogain.report.theory_outcomes import diagram_outcome

    return diagram_outcome(diagram)


@register("advice.outcome")
def _advice_outcome(advice: Advice) -> Outcome:
    from isogain.report.theory_outcomes import advice_outcome, advised_prediction

    return advice_outcome(advice, advised_prediction(advice))


@register("trial.text")
def _trial_text(trial: Trial) -> str:
    from isogain.report.trial_text import as_text

    return as_text(trial)


@register("trial.outcome")
def _trial_outcome(trial: Trial) -> Outcome:
    from isogain.report.trial import outcome

    return outcome(trial)


@register("trial.page")
def _trial_page(trial: Trial, path: str | Path) -> Path:
    from isogain.report.trial import write_trial

    return write_trial(trial, path)


@register("trial.fragment")
def _trial_fragment(trial: Trial) -> str:
    from isogain.report.trial import fragment

    return fragment(trial)


@register("trial.figure")
def _trial_figure(trial: Trial, kind: str, path: str | Path | None) -> Any:
    from isogain.report.trial import figure

    return figure(trial, kind, path)

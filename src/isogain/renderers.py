"""The renderers of all results: each is loaded when it is first asked for.

`isogain` imports this module, so that every result can be shown, wherever it came from.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isogain.rendering import register

if TYPE_CHECKING:
    from isogain.inspect import Report
    from isogain.inspect.coordinates import CoordinateCheck
    from isogain.lab.outcome import Outcome
    from isogain.torch.trial.result import Trial

__all__: list[str] = []


@register("report.text")
def _report_text(report: Report) -> str:
    from isogain.inspect.text import as_text

    return as_text(report)


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


@register("coordinates.page")
def _coordinates_page(check: CoordinateCheck, path: str | Path) -> Path:
    from isogain.report.coordinates import write_coordinates

    return write_coordinates(check, path)


@register("coordinates.picture")
def _coordinates_picture(check: CoordinateCheck, folder: str | Path) -> Path:
    from isogain.report.coordinates import write_picture

    return write_picture(check, folder)


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

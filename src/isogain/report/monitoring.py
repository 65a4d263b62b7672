"""The page of a monitored training: what changed from step to step, then the last inspection in full."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from pathlib import Path
from statistics import median
from typing import Protocol

from isogain.inspect import Report
from isogain.report.files import write_atomically
from isogain.report.inspection import WORDS, render_inspection

__all__ = ["write_monitoring"]


class Step(Protocol):
    """A monitored step, as isogain.torch.Monitor keeps it."""

    step: int
    report: Report
    update_to_data: dict[str, float]


def write_monitoring(steps: Sequence[Step], path: str | Path) -> Path:
    """Writes one page of all inspected steps; returns its absolute path."""
    page = render_inspection(steps[-1].report)
    return write_atomically(
        path, page.replace('<section id="findings">', _table(steps) + '<section id="findings">', 1)
    )


def _table(steps: Sequence[Step]) -> str:
    heads = ("step", "loss", "verdict", "last signal", "first gradient", "update : data")
    rows = "".join(_row(step) for step in steps)
    shown = "".join(f'<th scope="col" class="n">{head}</th>' for head in heads)
    return (
        '<section id="steps"><h2>Steps</h2><div class="scroll" tabindex="0" role="region" '
        'aria-label="Steps"><table>'
        f'<thead><tr>{shown}</tr></thead><tbody>{rows}</tbody></table></div><p class="note">update : '
        f"data is the median "
        "over parameters of log10 std(change) / std(parameter) of that step; about −3 is "
        "usual.</p></section>\n"
    )


def _row(step: Step) -> str:
    layers = [layer for layer in step.report.layers if layer.on_trunk]
    signals = [layer.rms for layer in layers if layer.rms > 0]
    gradients = [layer.gradient_rms for layer in layers if layer.gradient_rms > 0]
    updates = step.update_to_data.values()
    cells = [
        str(step.step), _number(step.report.table.loss_value), escape(WORDS[step.report.verdict]),
        _number(signals[-1] if signals else math.nan), _number(gradients[0] if gradients else math.nan),
        f"{median(updates):.2f}".replace("-", "−") if updates else "",
    ]  # fmt: skip
    return "<tr>" + "".join(f'<td class="n">{cell}</td>' for cell in cells) + "</tr>"


def _number(value: float) -> str:
    return f"{value:.3g}".replace("-", "−") if math.isfinite(value) else ""

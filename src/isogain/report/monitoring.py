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
from isogain.report.training_picture import Curve, curves, ridges
from isogain.report.words import say

__all__ = ["write_monitoring"]


class Step(Protocol):
    """A monitored step, as isogain.torch.Monitor keeps it."""

    step: int
    report: Report
    update_to_data: dict[str, float]


def write_monitoring(steps: Sequence[Step], path: str | Path) -> Path:
    """Writes one page of all inspected steps; returns its absolute path."""
    page = render_inspection(steps[-1].report)
    course = _pictures(steps) + _table(steps)
    return write_atomically(
        path, page.replace('<section id="findings">', course + '<section id="findings">', 1)
    )


def _pictures(steps: Sequence[Step]) -> str:
    """Curves over steps, then the sizes of some layers, step below step."""
    places = [step.step for step in steps]
    numbers = [_numbers(step) for step in steps]
    loss, signal, gradient, update = (tuple(column) for column in zip(*numbers, strict=True))
    drawn = curves(places, (
        Curve("loss", loss), Curve("last signal", signal, True),
        Curve("first gradient", gradient, True, "var(--c1)"),
        Curve("update : data", update, False, "var(--c2)"),
    ))  # fmt: skip
    spread = ridges(places, [step.report.layers for step in steps])
    if not drawn and not spread:
        return ""
    words = say(
        "Sizes of signals (filled) and of gradients (lines) over powers of two, the first step on top: a "
        "ridge that walks off is a layer that drifts."
    )
    figures = "".join(
        f'<figure><div class="picture">{picture}</div><figcaption>{caption}</figcaption></figure>'
        for picture, caption in ((drawn, ""), (spread, words)) if picture
    )  # fmt: skip
    return f'<section id="course"><h2>{say("Course of training")}</h2>{figures}</section>\n'


def _numbers(step: Step) -> tuple[float, float, float, float]:
    """Loss, size of the last signal and of the first gradient on the trunk, log10 of update : data."""
    layers = [layer for layer in step.report.layers if layer.on_trunk]
    signals = [layer.rms for layer in layers if layer.rms > 0]
    gradients = [layer.gradient_rms for layer in layers if layer.gradient_rms > 0]
    updates = step.update_to_data.values()
    return (
        step.report.table.loss_value, signals[-1] if signals else math.nan,
        gradients[0] if gradients else math.nan, median(updates) if updates else math.nan,
    )  # fmt: skip


def _table(steps: Sequence[Step]) -> str:
    heads = ("step", "loss", "verdict", "last signal", "first gradient", "update : data")
    rows = "".join(_row(step) for step in steps)
    shown = "".join(f'<th scope="col" class="n">{say(head)}</th>' for head in heads)
    note = say(
        "update : data is the median over parameters of log10 std(change) / std(parameter) of that step; "
        "about −3 is usual."
    )
    return (
        f'<section id="steps"><h2>{say("Steps")}</h2><div class="scroll" tabindex="0" role="region" '
        f'aria-label="{say("Steps")}"><table>'
        f'<thead><tr>{shown}</tr></thead><tbody>{rows}</tbody></table></div><p class="note">{note}</p>'
        "</section>\n"
    )


def _row(step: Step) -> str:
    loss, signal, gradient, update = _numbers(step)
    written = f"{update:.2f}".replace("-", "−") if math.isfinite(update) else ""
    cells = [
        str(step.step), _number(loss), escape(say(WORDS[step.report.verdict])), _number(signal),
        _number(gradient), written,
    ]  # fmt: skip
    return "<tr>" + "".join(f'<td class="n">{cell}</td>' for cell in cells) + "</tr>"


def _number(value: float) -> str:
    return f"{value:.3g}".replace("-", "−") if math.isfinite(value) else ""

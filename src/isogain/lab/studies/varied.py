"""A study along axes of the caller's: every combination as an arm, and what it comes to, without claims.

What the sources claim is about their own networks, so these pages compare and claim nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from isogain.core.values.initializer import Initializer
from isogain.lab.axes import Axes, Point
from isogain.lab.datasets import Dataset
from isogain.lab.outcome import Chart, Column, Outcome, Table
from isogain.lab.registry import Study, Vary
from isogain.lab.results import Results
from isogain.lab.spec import Arm, Network
from isogain.lab.studies.common import curve, dot, dots, listed, outcome, smoothed

__all__ = ["Usual", "along"]

Made = Callable[[Point, Network], Mapping[str, Arm]]
"""The arms of one combination, by what else the study changes; "" where that is nothing."""
MOST = 1e6
"""Losses of starts that explode are not drawn beyond this; the accuracies tell of them."""
KEYS = ("setting", "way")
POINTS = 3
"""Measured at fewer updates than this there is no curve."""


@dataclass(frozen=True)
class Usual:
    """What a study is on the axes that are not asked for, and what it calls the rest."""

    width: int
    depth: int
    activations: tuple[str, ...]
    starts: Mapping[str, Initializer]
    way: str = ""
    """What the arms of one combination differ in: 'clipping'."""


def along(usual: Usual, made: Made) -> Vary:
    """What makes a study the same one along axes of the caller's."""

    def vary(study: Study, axes: Axes, data: Dataset) -> Study:
        points = axes.points(usual.width, usual.depth, usual.activations, usual.starts)
        arms = tuple(
            replace(
                arm, label="; ".join(filter(None, (point.start, point.setting, way))), keys=_keys(point, way)
            )
            for point in points
            for way, arm in made(point, _network(study.experiment.arms[0].network, point, data)).items()
        )
        experiment = replace(
            study.experiment, arms=arms, reduction=replace(study.experiment.reduction, leave_out=())
        )
        return Study(experiment, lambda results: _analysed(results, usual.way))

    return vary


def _label(point: Point, way: str) -> str:
    return "; ".join(filter(None, (point.start, point.setting, way)))


def _keys(point: Point, way: str) -> tuple[tuple[str, Any], ...]:
    return (("start", point.start), ("setting", point.setting), ("way", way))


def _network(first: Network, point: Point, data: Dataset) -> Network:
    """So many layers of so many units, with the loss and the ends of the study's own."""
    outputs = 1 if first.loss == "logistic" else int(max(data.train_labels.max(), 1)) + 1
    sizes = (data.features, *[point.width] * (point.depth - 1), outputs)
    return replace(first, sizes=sizes, activation=point.activation)


def _analysed(results: Results, way: str) -> Outcome:
    charts = [_accuracies(results, way), *_curves(results, way)]
    return outcome(results, _answer(results), charts, [_table(results, way)])


def _answer(results: Results) -> str:
    parts = []
    for setting in results.values("setting"):
        arms = results.where(setting=setting)
        means = {arm.label: float(np.nan_to_num(results.interval(arm, "test.accuracy").mean)) for arm in arms}
        best, worst = max(arms, key=lambda arm: means[arm.label]), min(arms, key=lambda arm: means[arm.label])
        ends = [f"{means[arm.label]:.0%} ({_named(arm)})" for arm in (worst, best)]
        parts.append(f"{setting}: from {' to '.join(ends)}")
    return f"Test accuracy by start, {'; '.join(parts)}."


def _named(arm: Arm) -> str:
    return ", ".join(filter(None, (arm.key("start"), arm.key("way"))))


def _accuracies(results: Results, way: str) -> Chart:
    rows = [
        dot(
            arm.key("start"),
            results.interval(arm, "test.accuracy"),
            setting=arm.key("setting"),
            way=arm.key("way"),
        )
        for arm in results.experiment.arms
    ]
    return dots(
        f"Test accuracy after {results.experiment.iterations:,} updates",
        rows,
        "initial weights",
        "test accuracy",
        color="way" if way else "setting",
        color_title=way or "network",
        facet_column="setting" if way else None,
        caption=f" {_conditions(results)}",
        alt=f"Test accuracy from {listed(results.values('start'))}.",
    )


def _conditions(results: Results) -> str:
    """'MNIST-5k; SGD, learning rate 0.05; batches of 128.'"""
    kept = ("Optimizer", "Batches", "Seeds")
    told = [f"{name.lower()}: {results.settings[name]}" for name in kept if name in results.settings]
    return "; ".join((results.data_title, *told)) + "."


def _curves(results: Results, way: str) -> Sequence[Chart]:
    """The loss of every update, or the training accuracy where that was measured on the way."""
    if results.experiment.record.loss != "no":
        return [_lines(results, way, "loss", "cross-entropy on the update's batch")]
    several = len(results.experiment.record.evaluate_at) >= POINTS
    return [_lines(results, way, "train.accuracy", "training accuracy")] if several else []


def _lines(results: Results, way: str, measure: str, title: str) -> Chart:
    rows: list[dict[str, Any]] = []
    for arm in results.experiment.arms:
        values = results.stack(arm, measure)
        at = np.arange(1, values.shape[1] + 1)
        if measure == "loss":
            values = smoothed(values)
        else:
            at = results.runs[arm.label, results.experiment.seeds[0]]["evaluated_at"]
        rows += curve(values, at, **dict(arm.keys))
    return Chart(
        "lines",
        f"{title.capitalize()}, from {len(results.values('start'))} starts",
        tuple(row for row in rows if row["y"] is not None and 0 < row["y"] < MOST),
        x="x",
        y="y",
        x_title="updates",
        y_title=title,
        color="way" if way else "start",
        color_title=way or "initial weights",
        facet_row="start" if way else None,
        facet_column="setting",
        log_y=measure == "loss",
        caption=f"Mean over seeds. {_conditions(results)}",
        alt=f"{title} against updates from {listed(results.values('start'))}.",
    )


def _table(results: Results, way: str) -> Table:
    rows = [
        {
            "start": arm.key("start"), "setting": arm.key("setting"), "way": arm.key("way"),
            **results.interval(arm, "test.accuracy").columns("accuracy"),
        }
        for arm in results.experiment.arms
    ]  # fmt: skip
    columns = [Column("start", "initial weights", ""), Column("setting", "network", "")]
    columns += [Column("way", way, "")] if way else []
    columns.append(Column("accuracy", "test accuracy", ".1%", "accuracy_low", "accuracy_high"))
    return Table("Every combination", tuple(columns), tuple(rows))

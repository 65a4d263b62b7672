"""Figure 6-15: the same network from three starts, loss against updates."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from isogain.jobs.statistics import Interval, interval, paired, separated
from isogain.lab.axes import Axes
from isogain.lab.datasets import Dataset
from isogain.lab.outcome import Chart, Claim, Column, Outcome, Table
from isogain.lab.registry import Study, register
from isogain.lab.results import Results
from isogain.lab.spec import Arm, Batches, Experiment, Network, Record, Reduction
from isogain.lab.studies.common import (
    CHANCE_LOSS,
    CHANCE_RULE,
    CLASSIC_STARTS,
    HE,
    LECUN,
    SMALL,
    beats,
    claim,
    curve,
    listed,
    outcome,
    smoothed,
)

NETWORK = Network((784, 100, 100, 100, 100, 10))
CHECKPOINTS = (100, 500)
LAST = 100
STUCK = 0.01
"""A loss this close to ln 10 is that of guessing."""

EXPERIMENT = Experiment(
    name="mnist-training",
    title="Three starts, one network",
    question="How fast does a five-layer ReLU network learn handwritten digits from three different starts?",
    source="Saitō, Deep Learning from Scratch (2016), figure 6-15",
    arms=tuple(
        Arm(label, NETWORK, weights, learning_rate=0.01, keys=(("start", label),))
        for label, weights in CLASSIC_STARTS.items()
    ),
    batches=Batches(128),
    iterations=2000,
    seeds=tuple(range(10)),
    record=Record(loss="after", evaluate_at=(0, 500, 1000, 1500, 2000), evaluate_train=1000),
    reduction=Reduction(seeds=5, iterations=600),
)


def vary(study: Study, axes: Axes, data: Dataset) -> Study:
    """The figure for networks, activations and starts of one's own, on any data set of classes."""
    classes = int(max(data.train_labels.max(), 1)) + 1
    arms = tuple(
        Arm(
            f"{point.start}; {point.setting}",
            Network((data.features, *[point.width] * (point.depth - 1), classes), point.activation),
            point.law, learning_rate=0.01, keys=(("start", point.start), ("setting", point.setting)),
        )
        for point in axes.points(100, NETWORK.depth, (NETWORK.activation,), CLASSIC_STARTS)
    )  # fmt: skip
    return Study(replace(study.experiment, arms=arms), analyse_varied)


def analyse_varied(results: Results) -> Outcome:
    """Curves and final losses of every combination; the book's claims are about its own three."""
    rest = f"{results.data_title}; SGD at 0.01, batches of {results.experiment.batches.size}"
    chart = replace(_loss_chart(results, "setting"), caption=f"Mean over seeds with 95 % interval. {rest}.")
    return outcome(results, _answer(results), [chart], [_table(results)])


@register(EXPERIMENT, vary)
def analyse(results: Results) -> Outcome:
    """The figure with bands, the losses at its checkpoints, and whether the intervals keep apart."""
    return outcome(
        results,
        _answer(results),
        [_loss_chart(results), _difference_chart(results)],
        [_table(results)],
        _claims(results),
        ["Every start of a seed sees the same batches, so differences between starts are paired by seed."],
    )


def loss_at(results: Results, arm: Arm | str, update: int) -> Interval:
    """The loss after this many updates, on the last one's batch, over seeds."""
    return results.interval(arm, "loss", min(update, results.experiment.iterations) - 1)


def final_loss(results: Results, arm: Arm | str) -> Interval:
    """The mean over the last hundred updates, over seeds."""
    return interval(results.stack(arm, "loss")[:, -LAST:].mean(1))


def learns(final: Interval) -> bool:
    """Whether the loss, with its interval, has left that of guessing."""
    high = final.mean if final.high is None else final.high
    return bool(np.isfinite(high)) and high < CHANCE_LOSS - STUCK


def _answer(results: Results) -> str:
    finals = {arm.label: final_loss(results, arm) for arm in results.experiment.arms}
    learning = sorted(
        (label for label in finals if learns(finals[label])), key=lambda label: finals[label].mean
    )
    stuck = [label for label in finals if label not in learning]
    updates = results.experiment.iterations
    parts = []
    if learning:
        texts = [f"{label} reaches {finals[label].written('.2f')}" for label in learning]
        parts.append(f"After {updates:,} updates {listed(texts)}")
    if stuck:
        texts = [f"{label} ({finals[label].mean:.3f})" for label in stuck]
        parts.append(f"{listed(texts)} does not leave the loss of guessing, {CHANCE_LOSS:.3f}")
    return "; ".join(parts) + "."


def _loss_chart(results: Results, facet: str | None = None) -> Chart:
    updates = np.arange(1, results.experiment.iterations + 1)
    rows: list[dict[str, Any]] = []
    for arm in results.experiment.arms:
        rows += curve(smoothed(results.stack(arm, "loss")), updates, **dict(arm.keys))
    return Chart(
        "lines",
        f"Training loss from {len(results.values('start'))} starts",
        tuple(rows),
        x="x",
        y="y",
        x_title="updates",
        y_title="cross-entropy on the update's batch, after it",
        color="start",
        color_title="initial weights",
        low="low",
        high="high",
        rules=(CHANCE_RULE,),
        order=tuple(results.values("start")),
        facet_column=facet,
        caption="Mean over seeds with 95 % interval; each run smoothed with a Kaiser window of 11.",
        alt=f"Loss against updates for {listed(list(results.arms))}.",
    )


def _difference_chart(results: Results) -> Chart:
    updates = np.arange(1, results.experiment.iterations + 1)
    gap = smoothed(results.stack(LECUN, "loss") - results.stack(HE, "loss"))
    return Chart(
        "lines",
        "How far He is ahead of the book's Xavier, batch by batch",
        tuple(curve(gap, updates, least=-np.inf, series="loss of Xavier (LeCun) - loss of He")),
        x="x",
        y="y",
        x_title="updates",
        y_title="difference of losses on the same batch",
        color="series",
        low="low",
        high="high",
        caption="Paired by seed and batch; above 0 He is ahead.",
        alt="Difference of the losses of Xavier and He against updates.",
    )


def _table(results: Results) -> Table:
    points = [point for point in CHECKPOINTS if point <= results.experiment.iterations]
    rows = [
        {
            "start": arm.label,
            **loss_at(results, arm, 1).columns("loss_1"),
            **{k: v for at in points for k, v in loss_at(results, arm, at).columns(f"loss_{at}").items()},
            **final_loss(results, arm).columns("final"),
            **results.interval(arm, "test.accuracy").columns("accuracy"),
        }
        for arm in results.experiment.arms
    ]
    columns = [Column("start", "initial weights", "")]
    for at in (1, *points):
        columns.append(Column(f"loss_{at}", f"loss after {at}", ".3f", f"loss_{at}_low", f"loss_{at}_high"))
    columns.append(Column("final", f"mean of last {LAST}", ".3f", "final_low", "final_high"))
    columns.append(Column("accuracy", "test accuracy", ".1%", "accuracy_low", "accuracy_high"))
    return Table(
        "Losses at the figure's checkpoints, and accuracy on test digits", tuple(columns), tuple(rows)
    )


def _claims(results: Results) -> list[Claim]:
    small, xavier, he = (final_loss(results, label) for label in (SMALL, LECUN, HE))
    points = [point for point in CHECKPOINTS if point <= results.experiment.iterations]
    apart = [separated(loss_at(results, HE, at), loss_at(results, LECUN, at)) for at in points]
    texts = [
        f"after {at}: He {loss_at(results, HE, at).written('.3f')}, "
        f"Xavier {loss_at(results, LECUN, at).written('.3f')}"
        for at in points
    ]
    total = paired(results.stack(LECUN, "loss").mean(1), results.stack(HE, "loss").mean(1))
    several = len(results.experiment.seeds) > 1
    return [
        claim(
            "With std 0.01 the network does not learn at all",
            [not learns(small)],
            f"mean loss of the last {LAST} updates {small.written('.4f')}; guessing is {CHANCE_LOSS:.4f}",
        ),
        claim(
            "With Xavier and with He it learns",
            [learns(xavier), learns(he)],
            f"mean loss of the last {LAST} updates: Xavier {xavier.written('.3f')}, He {he.written('.3f')}",
        ),
        claim(
            f"He is ahead of Xavier after {listed([str(point) for point in points])} updates, "
            "by intervals that do not overlap",
            apart,
            "; ".join(texts),
            settled=several and bool(points),
        ),
        beats(
            "He learns faster than Xavier", total, "mean loss over all updates, Xavier - He, paired by seed"
        ),
    ]

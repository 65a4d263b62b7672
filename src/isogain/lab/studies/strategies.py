"""The six strategies of initialization, and the constants, side by side on digits."""

from __future__ import annotations

from typing import Any

import numpy as np

from isogain.core.names.catalog import get
from isogain.core.values.initializer import Initializer
from isogain.jobs.statistics import Interval, paired
from isogain.lab.outcome import Chart, Claim, Column, Outcome, Table
from isogain.lab.registry import register
from isogain.lab.results import Results
from isogain.lab.spec import Arm, Batches, Experiment, Network, Record, Reduction
from isogain.lab.studies.common import (
    CHANCE_RULE,
    beats,
    claim,
    curve,
    dot,
    dots,
    listed,
    number,
    outcome,
    smoothed,
)
from isogain.lab.studies.mnist_training import final_loss, learns
from isogain.lab.studies.varied import Usual, along

CHANCE = 0.1
STRATEGIES: dict[str, Initializer] = {
    "zeros": get("zeros"),
    "ones": get("ones"),
    "zero mean: N(0, 1/(in+out))": get("variance_scaling", scale=0.5, mode="fan_avg"),
    "small range: N(0, 0.01²)": get("small_normal"),
    "large range: N(0, 1)": get("normal", std=1.0),
    "non-zero mean: N(0.5, 0.1²)": get("nonzero_mean_normal"),
    "Xavier/Glorot normal": get("glorot_normal"),
    "Xavier/Glorot uniform": get("glorot_uniform"),
    "He/Kaiming normal": get("he_normal"),
    "He/Kaiming uniform": get("he_uniform"),
}
NETWORKS = {
    "relu": Network((784, 100, 100, 100, 100, 10), "relu"),
    "tanh": Network((784, 100, 100, 100, 100, 10), "tanh"),
}

EXPERIMENT = Experiment(
    name="strategies",
    title="Every strategy side by side",
    question="How much does the initialization strategy matter, all else equal?",
    source="Initialization strategies for fully connected layers: zeros, ones, ranges, means, Xavier, He",
    arms=tuple(
        Arm(
            f"{name}, {label}",
            network,
            weights,
            learning_rate=0.05,
            keys=(("activation", name), ("start", label)),
        )
        for name, network in NETWORKS.items()
        for label, weights in STRATEGIES.items()
    ),
    batches=Batches(128),
    iterations=1000,
    seeds=tuple(range(5)),
    record=Record(loss="before", evaluate_at=(1000,), evaluate_train=1000),
    reduction=Reduction(seeds=3, iterations=200),
)


VARIED = along(
    Usual(100, 5, tuple(NETWORKS), STRATEGIES),
    lambda point, network: {"": Arm("", network, point.law, learning_rate=0.05)},
)


@register(EXPERIMENT, VARIED)
def analyse(results: Results) -> Outcome:
    """Accuracy of each strategy with each activation, loss curves, and the ranking."""
    return outcome(
        results,
        _answer(results),
        [_accuracy_chart(results), _loss_chart(results)],
        [_table(results)],
        _claims(results),
    )


def _accuracy(results: Results, arm: Arm) -> Interval:
    return results.interval(arm, "test.accuracy")


def _ranked(results: Results, activation: str) -> list[Arm]:
    arms = results.where(activation=activation)
    return sorted(arms, key=lambda arm: -np.nan_to_num(_accuracy(results, arm).mean))


def _answer(results: Results) -> str:
    parts = []
    for activation in results.values("activation"):
        ranked = _ranked(results, activation)
        best, worst = ranked[0], ranked[-1]
        parts.append(
            f"with {activation}, from {_accuracy(results, worst).mean:.0%} ({worst.key('start')}) "
            f"to {_accuracy(results, best).mean:.0%} ({best.key('start')})"
        )
    updates = results.experiment.iterations
    return f"The strategy alone moves test accuracy after {updates:,} updates {listed(parts)}."


def _accuracy_chart(results: Results) -> Chart:
    rows = []
    for arm in results.experiment.arms:
        keys = {"start": arm.key("start"), "activation": arm.key("activation")}
        rows.append(dot(arm.key("start"), _accuracy(results, arm), **keys))
    return dots(
        f"Test accuracy after {results.experiment.iterations:,} updates",
        rows,
        "strategy",
        "test accuracy",
        color="activation",
        alt="Test accuracy of each initialization strategy with ReLU and with tanh.",
    )


def _loss_chart(results: Results) -> Chart:
    updates = np.arange(1, results.experiment.iterations + 1)
    rows: list[dict[str, Any]] = []
    for arm in results.experiment.arms:
        if final_loss(results, arm).mean < 4:
            keys = {"start": arm.key("start"), "activation": arm.key("activation")}
            rows += curve(smoothed(results.stack(arm, "loss")), updates, **keys)
    return Chart(
        "lines",
        "Training loss by strategy",
        tuple(row for row in rows if row["y"] is not None and row["y"] < 4),
        x="x",
        y="y",
        x_title="updates",
        y_title="cross-entropy",
        color="start",
        color_title="strategy",
        facet_column="activation",
        rules=(CHANCE_RULE,),
        order=tuple(results.values("start")),
        caption="Mean over seeds; losses above 4 (of starts that explode) are left out, the table has them.",
        alt="Loss against updates for each initialization strategy with ReLU and with tanh.",
    )


def _table(results: Results) -> Table:
    rows = []
    for arm in results.experiment.arms:
        final = final_loss(results, arm)
        rows.append(
            {
                "activation": arm.key("activation"),
                "start": arm.key("start"),
                "final": number(final.mean),
                "final_low": number(final.low) if final.low is not None else None,
                "final_high": number(final.high) if final.high is not None else None,
                **_accuracy(results, arm).columns("accuracy"),
            }
        )
    columns = (
        Column("activation", "activation", ""),
        Column("start", "strategy", ""),
        Column("final", "mean loss of last 100", ".3g", "final_low", "final_high"),
        Column("accuracy", "test accuracy", ".1%", "accuracy_low", "accuracy_high"),
    )
    return Table("Every strategy", columns, tuple(rows), "An empty loss is not finite: training diverged.")


def _claims(results: Results) -> list[Claim]:
    several = len(results.experiment.seeds) > 1
    claims = []
    for label, text in (("zeros", "Zeros"), ("ones", "Ones")):
        arms = results.where(start=label)
        accuracies = [_accuracy(results, arm) for arm in arms]
        claims.append(
            claim(
                f"{text} cannot break symmetry: every unit of a layer learns the same",
                [accuracy.mean < 0.3 for accuracy in accuracies],
                "test accuracy "
                + ", ".join(
                    f"{arm.key('activation')} {a.mean:.1%}" for arm, a in zip(arms, accuracies, strict=True)
                ),
            )
        )
    claims.append(_best_claim(results, "relu", "He/Kaiming normal", "Xavier/Glorot normal"))
    claims.append(_best_claim(results, "tanh", "Xavier/Glorot normal", "He/Kaiming normal"))
    shapes = [
        paired(
            results.stack(f"{name}, {scheme} normal", "test.accuracy")[:, -1],
            results.stack(f"{name}, {scheme} uniform", "test.accuracy")[:, -1],
        )
        for name in NETWORKS
        for scheme in ("Xavier/Glorot", "He/Kaiming")
    ]
    claims.append(
        claim(
            "Normal or uniform: the variance matters, the shape of the law does not",
            [abs(shape.mean) < 0.02 for shape in shapes],
            "test accuracy, normal - uniform: " + ", ".join(shape.written(".3f") for shape in shapes),
            settled=several,
        )
    )
    stuck = [arm.label for arm in results.experiment.arms if not learns(final_loss(results, arm))]
    claims.append(
        claim(
            "The initialization decides whether this network learns",
            [0 < len(stuck) < len(results.experiment.arms)],
            f"{len(stuck)} of {len(results.experiment.arms)} stay at guessing or above: {listed(stuck)}",
        )
    )
    return claims


def _best_claim(results: Results, activation: str, better: str, other: str) -> Claim:
    first, second = (results.stack(f"{activation}, {start}", "loss").mean(1) for start in (better, other))
    gap = paired(second, first)
    text = f"For {activation}, {better} learns faster than {other}"
    return beats(text, gap, f"mean loss over all updates, {other} - {better}, paired")

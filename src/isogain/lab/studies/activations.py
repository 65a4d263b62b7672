"""Seven activations x Xavier and He x two depths, each at its own best learning rate."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from isogain.core.names.catalog import get
from isogain.jobs.statistics import Interval, paired
from isogain.lab.axes import Point
from isogain.lab.outcome import Chart, Claim, Column, Outcome, Table
from isogain.lab.registry import register
from isogain.lab.results import Results
from isogain.lab.spec import Arm, Batches, Experiment, Network, Record, Reduction
from isogain.lab.studies.common import ahead, claim, dot, dots, listed, outcome
from isogain.lab.studies.varied import Usual, along

ACTIVATIONS = ("logistic", "tanh", "relu", "leaky_relu", "rrelu", "prelu", "elu")
STARTS = {"Xavier/Glorot": get("glorot_normal"), "He/Kaiming": get("he_normal")}
DEPTHS = (3, 10)
RATES = (0.02, 0.1, 0.5)
WIDTH = 64
RANKING = ("elu", "leaky_relu", "relu", "tanh", "logistic")
"""The order the source gives, best first."""
NON_SATURATING = ("relu", "leaky_relu", "rrelu", "prelu", "elu")

EXPERIMENT = Experiment(
    name="activations",
    title="Seven activations, two starts, two depths",
    question="Does the ranking ELU > leaky ReLU > ReLU > tanh > logistic hold, whatever start and depth?",
    source="Against vanishing gradients: non-saturating activations and their ranking (Géron)",
    arms=tuple(
        Arm(
            f"{name}, {start}, {depth} layers, rate {rate:g}",
            Network((784, *(WIDTH,) * depth, 10), name),
            weights,
            learning_rate=rate,
            keys=(("activation", name), ("start", start), ("depth", depth), ("rate", rate)),
        )
        for depth in DEPTHS
        for name in ACTIVATIONS
        for start, weights in STARTS.items()
        for rate in RATES
    ),
    batches=Batches(64),
    iterations=1000,
    seeds=tuple(range(5)),
    record=Record(loss="before", evaluate_at=(1000,), evaluate_train=1000),
    reduction=Reduction(seeds=3, iterations=120),
)


def _rated(point: Point, network: Network) -> dict[str, Arm]:
    """At every learning rate."""
    return {f"{rate:g}": Arm("", network, point.law, learning_rate=rate) for rate in RATES}


@register(EXPERIMENT, along(Usual(WIDTH, DEPTHS[0] + 1, ACTIVATIONS, STARTS, "learning rate"), _rated))
def analyse(results: Results) -> Outcome:
    """Accuracy of each activation at its best rate, the measured ranking, and the claimed one."""
    return outcome(
        results,
        _answer(results),
        [_chart(results)],
        [_table(results)],
        _claims(results),
        [
            "Each activation has its own best learning rate of "
            f"{listed([f'{rate:g}' for rate in RATES])}, chosen by training loss, never by test accuracy.",
        ],
    )


def best(results: Results, activation: str, start: str, depth: int) -> Arm:
    """The arm whose learning rate gives the lowest mean training loss at the end."""
    arms = results.where(activation=activation, start=start, depth=depth)
    return min(arms, key=lambda arm: _train_loss(results, arm))


def _train_loss(results: Results, arm: Arm) -> float:
    loss = float(results.stack(arm, "train.loss")[:, -1].mean())
    return loss if np.isfinite(loss) else np.inf


def _accuracy(results: Results, activation: str, start: str, depth: int) -> Interval:
    return results.interval(best(results, activation, start, depth), "test.accuracy")


def _ranking(results: Results, start: str, depth: int) -> list[str]:
    names = results.values("activation")
    return sorted(names, key=lambda name: -_accuracy(results, name, start, depth).mean)


def _answer(results: Results) -> str:
    parts = []
    for depth in results.values("depth"):
        ranked = _ranking(results, "He/Kaiming", depth)
        texts = [f"{name} {_accuracy(results, name, 'He/Kaiming', depth).mean:.1%}" for name in ranked]
        parts.append(f"with {depth} hidden layers: {', '.join(texts)}")
    return f"Test accuracy after He's start, best first, {'; '.join(parts)}."


def _chart(results: Results) -> Chart:
    rows = []
    for depth in results.values("depth"):
        for start in results.values("start"):
            for name in results.values("activation"):
                accuracy = _accuracy(results, name, start, depth)
                rows.append(dot(name, accuracy, start=start, depth=f"{depth} hidden layers"))
    return dots(
        f"Test accuracy after {results.experiment.iterations:,} updates, each at its best learning rate",
        rows,
        "activation",
        "test accuracy",
        color="start",
        color_title="initial weights",
        facet_column="depth",
        order=tuple(results.values("start")),
        alt="Test accuracy of seven activations with Xavier and He at two depths.",
    )


def _table(results: Results) -> Table:
    rows = []
    for depth in results.values("depth"):
        for start in results.values("start"):
            for name in _ranking(results, start, depth):
                arm = best(results, name, start, depth)
                rows.append(
                    {
                        "depth": depth,
                        "start": start,
                        "activation": name,
                        "rate": arm.learning_rate,
                        **results.interval(arm, "train.loss").columns("loss"),
                        **results.interval(arm, "test.accuracy").columns("accuracy"),
                    }
                )
    columns = (
        Column("depth", "hidden layers", "d"),
        Column("start", "initial weights", ""),
        Column("activation", "activation", ""),
        Column("rate", "best learning rate", "g"),
        Column("loss", "training loss", ".3f", "loss_low", "loss_high"),
        Column("accuracy", "test accuracy", ".1%", "accuracy_low", "accuracy_high"),
    )
    return Table("Activations, best first within each depth and start", columns, tuple(rows))


def _claims(results: Results) -> list[Claim]:
    settings = [(start, depth) for depth in results.values("depth") for start in results.values("start")]
    return [
        *[_pair_claim(results, better, worse, settings) for better, worse in pairwise(RANKING)],
        _ranking_claim(results, settings),
        _saturation_claim(results),
    ]


def _ahead(results: Results, better: str, worse: str, start: str, depth: int) -> Interval:
    first, second = (
        results.stack(best(results, name, start, depth), "test.accuracy")[:, -1] for name in (better, worse)
    )
    return paired(first, second)


def _pair_claim(results: Results, better: str, worse: str, settings: list[tuple[str, int]]) -> Claim:
    gaps = {setting: _ahead(results, better, worse, *setting) for setting in settings}
    texts = [f"{start}, {depth} layers {gap.written('+.3f')}" for (start, depth), gap in gaps.items()]
    evidence = f"test accuracy, paired by seed: {'; '.join(texts)}"
    return ahead(f"{better} beats {worse}", list(gaps.values()), evidence)


def _ranking_claim(results: Results, settings: list[tuple[str, int]]) -> Claim:
    found = {
        setting: [name for name in _ranking(results, *setting) if name in RANKING] for setting in settings
    }
    return claim(
        f"The whole ranking: {' > '.join(RANKING)}",
        [order == list(RANKING) for order in found.values()],
        "; ".join(f"{start}, {depth} layers: {' > '.join(order)}" for (start, depth), order in found.items()),
    )


def _saturation_claim(results: Results) -> Claim:
    deep = max(results.values("depth"))
    gaps = {name: _ahead(results, name, "logistic", "He/Kaiming", deep) for name in NON_SATURATING}
    return ahead(
        f"At {deep} layers every non-saturating activation beats the logistic one",
        list(gaps.values()),
        "test accuracy, paired: " + ", ".join(f"{name} {gap.mean:+.3f}" for name, gap in gaps.items()),
    )

"""Zeros, large random, He (and small random, Xavier) on two circles: costs and decision regions."""

from __future__ import annotations

from typing import Any

import numpy as np

from isogain.core.initializers import Normal, Zeros
from isogain.core.names.catalog import get
from isogain.jobs.statistics import interval, paired
from isogain.lab.datasets import load, region_grid
from isogain.lab.outcome import Chart, Claim, Column, Outcome, Table
from isogain.lab.registry import register
from isogain.lab.results import Results
from isogain.lab.spec import Arm, Batches, Experiment, Network, Record, Reduction
from isogain.lab.studies.common import beats, claim, curve, listed, number, outcome
from isogain.lab.studies.varied import Usual, along

ZEROS, LARGE, HE = "zeros", "large: N(0, 1) x 10", "He, √(2/n)"
SMALL, XAVIER = "small: N(0, 1) x 0.01", "Xavier (book) = LeCun, √(1/n)"
STARTS = {
    ZEROS: Zeros(),
    SMALL: Normal(0.01),
    XAVIER: get("lecun_normal"),
    HE: get("he_normal"),
    LARGE: Normal(10.0),
}
PUBLISHED_SEED = 3
LOG_EVERY = 1000
GRID = 61

EXPERIMENT = Experiment(
    name="decision-boundary",
    title="Two circles, five starts",
    question="Which boundary does a small network find between two circles, depending on its start?",
    source="Initialization exercise of the deeplearning.ai course; weights from numpy.random.seed(3)",
    arms=tuple(
        Arm(
            label,
            Network((2, 10, 5, 1), loss="logistic"),
            weights,
            learning_rate=0.01,
            keys=(("start", label),),
        )
        for label, weights in STARTS.items()
    ),
    data="circles",
    batches=Batches(None),
    iterations=15_000,
    seeds=(PUBLISHED_SEED, *(seed for seed in range(11) if seed != PUBLISHED_SEED)),
    record=Record(loss="no", evaluate_at=tuple(range(0, 15_001, LOG_EVERY)), evaluate_train=None, grid=GRID),
    dtype="float64",
    stream="numpy.RandomState",
    seed_block=3,
    reduction=Reduction(seeds=4),
)


VARIED = along(
    Usual(10, 3, ("relu",), STARTS),
    lambda point, network: {"": Arm("", network, point.law, learning_rate=0.01)},
)


@register(EXPERIMENT, VARIED)
def analyse(results: Results) -> Outcome:
    """Cost curves, regions of the published draw, and how often each start solves the task."""
    return outcome(
        results,
        _answer(results),
        [_cost_chart(results), _regions(results)],
        [_table(results)],
        _claims(results),
        _notes(results),
    )


def _final(results: Results, label: str, name: str = "test.accuracy") -> np.ndarray[Any, Any]:
    return np.asarray(results.stack(label, name)[:, -1])


def _answer(results: Results) -> str:
    accuracy = {label: float(_final(results, label).mean()) for label in results.arms}
    best = max(accuracy, key=lambda label: accuracy[label])
    failing = [f"{label} ({accuracy[label]:.2f})" for label in accuracy if accuracy[label] < 0.6]
    good = [label for label in accuracy if accuracy[label] >= 0.6 and label != best]
    others = [f"{label} ({accuracy[label]:.2f})" for label in good]
    return (
        f"{best} finds the circle best (mean test accuracy {accuracy[best]:.2f}); "
        f"{listed(others, 'no other start')} "
        f"{'comes' if len(others) < 2 else 'come'} after it; {listed(failing, 'no start')} "
        f"{'stays' if len(failing) < 2 else 'stay'} near guessing."
    )


def _cost_chart(results: Results) -> Chart:
    rows: list[dict[str, Any]] = []
    for label in results.arms:
        costs = results.stack(label, "train.loss")
        at = results.runs[label, results.experiment.seeds[0]]["evaluated_at"]
        rows += curve(costs, at, start=label)
    return Chart(
        "lines",
        "Cost against updates",
        tuple(row for row in rows if row["y"] is not None),
        x="x",
        y="y",
        x_title="updates of full-batch gradient descent",
        y_title="binary cross-entropy on the training points",
        color="start",
        color_title="initial weights",
        low="low",
        high="high",
        order=tuple(results.arms),
        caption=(
            "Mean over seeds with 95 % interval; a point is missing where a seed's cost is infinite, "
            "as the large start's first ones are."
        ),
        alt="Training cost against updates for five starts.",
    )


def _regions(results: Results) -> Chart:
    circles, seed = load("circles"), results.experiment.seeds[0]
    places = region_grid(circles.train_inputs, GRID)
    rows = [
        {"x": float(x), "y": float(y), "value": round(float(value), 4), "start": label}
        for label in results.arms
        for (x, y), value in zip(places, results.runs[label, seed]["grid.probability"], strict=True)
    ]
    points = [
        {"x": float(x), "y": float(y), "label": int(kind), "start": label}
        for label in results.arms
        for (x, y), kind in zip(circles.train_inputs, circles.train_labels, strict=True)
    ]
    return Chart(
        "regions",
        f"Decision regions after {results.experiment.iterations:,} updates (seed {seed})",
        tuple(rows),
        x="x",
        y="y",
        value="value",
        value_title="probability of the inner circle",
        facet_column="start",
        points=tuple(points),
        order=tuple(results.arms),
        alt="Probability of the inner circle over the plane, one panel a start, with the training points.",
    )


def _table(results: Results) -> Table:
    rows = []
    for label in results.arms:
        published = results.runs[label, results.experiment.seeds[0]]
        last = int(np.searchsorted(published["evaluated_at"], 14_000))
        rows.append(
            {
                "start": label,
                "first": number(published["train.loss"][0]),
                "late": number(published["train.loss"][min(last, len(published["train.loss"]) - 1)]),
                "train": float(published["train.accuracy"][-1]),
                "test": float(published["test.accuracy"][-1]),
                **interval(_final(results, label, "train.accuracy")).columns("mean_train"),
                **interval(_final(results, label)).columns("mean_test"),
                "solved": float((_final(results, label) >= 0.9).mean()),
            }
        )
    seed = results.experiment.seeds[0]
    columns = (
        Column("start", "initial weights", ""),
        Column("first", f"cost at 0 (seed {seed})", ".10f"),
        Column("late", f"cost at 14,000 (seed {seed})", ".10f"),
        Column("train", f"train accuracy (seed {seed})", ".3f"),
        Column("test", f"test accuracy (seed {seed})", ".2f"),
        Column("mean_train", "train accuracy", ".3f", "mean_train_low", "mean_train_high"),
        Column("mean_test", "test accuracy", ".3f", "mean_test_low", "mean_test_high"),
        Column("solved", "seeds at .90 or more", ".0%"),
    )
    note = "An empty cost is infinite: a probability rounded to 0 where the point is of that class."
    return Table("Costs and accuracies", columns, tuple(rows), note)


def _claims(results: Results) -> list[Claim]:
    zero_costs = results.stack(ZEROS, "train.loss")
    first_large = results.stack(LARGE, "train.loss")[:, 0]
    first_he = results.stack(HE, "train.loss")[:, 0]
    gain = paired(_final(results, HE), _final(results, LARGE))
    return [
        claim(
            "Zeros fail to break symmetry: nothing is learnt",
            [bool(np.ptp(zero_costs) < 1e-9), bool((_final(results, ZEROS) <= 0.5).all())],
            f"cost {zero_costs[0, 0]:.6f} at the start, {zero_costs[0, -1]:.6f} at the end",
        ),
        claim(
            "A large random start begins with a very large loss",
            [bool((first_large > 2 * first_he).all())],
            f"first cost {_span(first_large)}, He {_span(first_he)}",
        ),
        beats(
            "He ends with a better boundary than a large random start",
            gain,
            "test accuracy, He - large, paired by seed",
        ),
        claim(
            "He separates the circles",
            [bool((_final(results, HE) >= 0.9).all())],
            f"{(_final(results, HE) >= 0.9).mean():.0%} of seeds reach .90 on test",
        ),
    ]


def _span(values: np.ndarray[Any, Any]) -> str:
    return f"{values.min():.3g} to {values.max():.3g}"


def _notes(results: Results) -> list[str]:
    return [
        f"Seed {PUBLISHED_SEED} is the published draw; the other seeds repeat it with other numbers of the "
        "same generator.",
        "Logits pass through the stable logistic function; the cost is computed from rounded probabilities, "
        "as published, and is infinite where such a probability is 0 or 1 and wrong.",
    ]

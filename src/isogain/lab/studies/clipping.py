"""Good and bad starts x weight clipping x gradient clipping: what clipping mends, and what it cannot."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from isogain.core.initializers import Normal
from isogain.core.names.catalog import get
from isogain.core.values.initializer import Initializer
from isogain.jobs.statistics import Interval, paired
from isogain.lab.axes import Point
from isogain.lab.outcome import Chart, Claim, Column, Outcome, Table
from isogain.lab.registry import register
from isogain.lab.results import Results
from isogain.lab.spec import Arm, Batches, Experiment, Network, Record, Reduction
from isogain.lab.studies.common import CHANCE_RULE, claim, curve, dot, dots, listed, outcome, smoothed
from isogain.lab.studies.varied import Usual, along

SMALL, HE, LARGE, HUGE = "small: std 0.01", "He", "large: std 0.3", "huge: std 1"
STARTS: dict[str, Initializer] = {
    HE: get("he_normal"),
    SMALL: Normal(0.01),
    LARGE: Normal(0.3),
    HUGE: Normal(1.0),
}
NONE, WEIGHTS, GRADIENTS, BOTH = "no clipping", "weights to ±0.1", "gradients to norm 1", "both"
CLIPPING: dict[str, dict[str, float]] = {
    NONE: {},
    WEIGHTS: {"weight_limit": 0.1},
    GRADIENTS: {"gradient_norm": 1.0},
    BOTH: {"weight_limit": 0.1, "gradient_norm": 1.0},
}
TRAINS = 0.7
"""A mean test accuracy from here on counts as mended."""

EXPERIMENT = Experiment(
    name="clipping",
    title="What clipping can and cannot mend",
    question="Can clipping weights or gradients make up for a bad start?",
    source="Initialization strategies and weight clipping; gradient clipping after Pascanu et al. (2013)",
    arms=tuple(
        Arm(
            f"{start}, {clipping}",
            Network((784, 100, 100, 100, 100, 10)),
            weights,
            learning_rate=0.05,
            keys=(("start", start), ("clipping", clipping)),
            weight_limit=limits.get("weight_limit"),
            gradient_norm=limits.get("gradient_norm"),
        )
        for start, weights in STARTS.items()
        for clipping, limits in CLIPPING.items()
    ),
    batches=Batches(128),
    iterations=1000,
    seeds=tuple(range(5)),
    record=Record(loss="before", evaluate_at=(1000,), evaluate_train=1000),
    reduction=Reduction(seeds=3, iterations=200),
)


def _clipped(point: Point, network: Network) -> dict[str, Arm]:
    """Every kind of clipping."""
    plain = Arm("", network, point.law, learning_rate=0.05)
    return {name: replace(plain, **limits) for name, limits in CLIPPING.items()}  # type: ignore[arg-type]


@register(EXPERIMENT, along(Usual(100, 5, ("relu",), STARTS, "clipping"), _clipped))
def analyse(results: Results) -> Outcome:
    """Accuracy of every start with every clipping, loss curves, and what was mended."""
    return outcome(
        results,
        _answer(results),
        [_accuracy_chart(results), _loss_chart(results)],
        [_table(results)],
        _claims(results),
        ["Weights are clipped after every update, biases are not; gradients over all parameters together."],
    )


def _accuracy(results: Results, start: str, clipping: str) -> Interval:
    return results.interval(f"{start}, {clipping}", "test.accuracy")


def _mended(results: Results, start: str) -> list[str]:
    """The ways of clipping after which this start trains."""
    ways = [clipping for clipping in CLIPPING if clipping != NONE]
    return [clipping for clipping in ways if _accuracy(results, start, clipping).mean >= TRAINS]


def _mending(results: Results, start: str) -> str:
    """'huge (from 0.10 to 0.80 by both)', by the best of the ways."""
    way = max(_mended(results, start), key=lambda clipping: _accuracy(results, start, clipping).mean)
    before, after = (_accuracy(results, start, clipping).mean for clipping in (NONE, way))
    return f"{start} (from {before:.0%} to {after:.0%} by {way})"


def _answer(results: Results) -> str:
    bad = [start for start in STARTS if _accuracy(results, start, NONE).mean < TRAINS]
    mended = [_mending(results, start) for start in bad if _mended(results, start)]
    lost = [start for start in bad if not _mended(results, start)]
    return (
        f"Of the starts that stay below {TRAINS:.0%} without clipping ({listed(bad)}), clipping mends "
        f"{listed(mended)}; it does not mend {listed(lost)}."
    )


def _accuracy_chart(results: Results) -> Chart:
    rows = []
    for start in STARTS:
        for clipping in CLIPPING:
            rows.append(dot(start, _accuracy(results, start, clipping), clipping=clipping))
    return dots(
        f"Test accuracy after {results.experiment.iterations:,} updates",
        rows,
        "initial weights",
        "test accuracy",
        color="clipping",
        order=tuple(CLIPPING),
        caption=" A run that diverged guesses one class.",
        alt="Test accuracy of four starts with four kinds of clipping.",
    )


def _loss_chart(results: Results) -> Chart:
    updates = np.arange(1, results.experiment.iterations + 1)
    rows: list[dict[str, Any]] = []
    for arm in results.experiment.arms:
        keys = {"start": arm.key("start"), "clipping": arm.key("clipping")}
        rows += curve(smoothed(results.stack(arm, "loss")), updates, **keys)
    return Chart(
        "lines",
        "Training loss, by start and clipping",
        tuple(row for row in rows if row["y"] is not None and 0 < row["y"] < 1e6),
        x="x",
        y="y",
        x_title="updates",
        y_title="cross-entropy",
        color="clipping",
        facet_column="start",
        log_y=True,
        rules=(CHANCE_RULE,),
        order=tuple(CLIPPING),
        caption="Mean over seeds; a line ends where a run's loss stops being a number.",
        alt="Training loss against updates for four starts with four kinds of clipping.",
    )


def _table(results: Results) -> Table:
    rows = []
    for arm in results.experiment.arms:
        losses = results.stack(arm, "loss")
        rows.append(
            {
                "start": arm.key("start"),
                "clipping": arm.key("clipping"),
                "diverged": float((~np.isfinite(losses)).any(1).mean()),
                **results.interval(arm, "test.accuracy").columns("accuracy"),
            }
        )
    columns = (
        Column("start", "initial weights", ""),
        Column("clipping", "clipping", ""),
        Column("diverged", "seeds that diverge", ".0%"),
        Column("accuracy", "test accuracy", ".1%", "accuracy_low", "accuracy_high"),
    )
    return Table("Every start with every clipping", columns, tuple(rows))


def _diverged(results: Results, start: str, clipping: str) -> float:
    losses = results.stack(f"{start}, {clipping}", "loss")
    return float((~np.isfinite(losses)).any(1).mean())


def _claims(results: Results) -> list[Claim]:
    exploding = [start for start in STARTS if _diverged(results, start, NONE) > 0]
    left = [f"{_diverged(results, start, BOTH):.0%}" for start in exploding]
    stopped = [_diverged(results, start, BOTH) == 0 for start in exploding]
    harm = {
        clipping: paired(
            results.stack(f"{HE}, {clipping}", "test.accuracy")[:, -1],
            results.stack(f"{HE}, {NONE}", "test.accuracy")[:, -1],
        )
        for clipping in CLIPPING
        if clipping != NONE
    }
    small = {clipping: _accuracy(results, SMALL, clipping) for clipping in CLIPPING}
    together = {start: _accuracy(results, start, BOTH).mean for start in (LARGE, HUGE)}
    return [
        claim(
            "Clipping prevents exploding gradients from destroying the run",
            stopped,
            f"starts that diverge without clipping: {listed(exploding)}; with both kinds, the shares of "
            f"seeds that still do: {listed(left)}",
            settled=bool(exploding),
        ),
        claim(
            "Initialization and clipping work together: large starts train with both kinds",
            [accuracy >= TRAINS for accuracy in together.values()],
            "test accuracy " + ", ".join(f"{start} {accuracy:.1%}" for start, accuracy in together.items()),
        ),
        claim(
            "Clipping cannot mend a start that is too small: no limit makes a signal larger",
            [accuracy.mean < TRAINS for accuracy in small.values()],
            "test accuracy " + ", ".join(f"{clipping} {a.mean:.1%}" for clipping, a in small.items()),
        ),
        claim(
            "A good start loses nothing to clipping",
            [gap.mean > -0.01 for gap in harm.values()],
            "test accuracy against none, He, paired: "
            + ", ".join(f"{clipping} {gap.written('+.3f')}" for clipping, gap in harm.items()),
            settled=len(results.experiment.seeds) > 1,
        ),
    ]

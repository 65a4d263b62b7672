"""Sixteen scales with and without batch normalization, and the four claims made for it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from isogain.core.initializers import Normal
from isogain.core.names.catalog import get
from isogain.jobs.statistics import Interval, interval
from isogain.lab.axes import Point
from isogain.lab.outcome import Chart, Claim, Column, Outcome, Rule, Table
from isogain.lab.registry import register
from isogain.lab.results import Results
from isogain.lab.spec import Arm, Batches, Experiment, Network, Record, Reduction
from isogain.lab.studies.common import claim, curve, dot, dots, listed, outcome
from isogain.lab.studies.varied import Usual, along

SCALES = tuple(float(scale) for scale in np.logspace(0, -4, 16))
DENSE = tuple(SCALES[place] for place in (1, 5, 7, 9, 11, 13, 14))
"""The shortened version does without these; what happens between its nine scales is smooth."""
RATES = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
SATURATING = ("sigmoid", "tanh")
SATURATING_STARTS = {"std 1": Normal(1.0), "std 0.01": Normal(0.01), "Xavier/Glorot": get("glorot_normal")}
SIZES = (784, 100, 100, 100, 100, 100, 10)
EPOCH = 10
EPOCHS = 20
TARGET = 0.9
"""The training accuracy to which updates are counted."""
TRAINS = 0.8
"""A mean training accuracy from here on counts as trained."""
NORM = {False: "without", True: "with batch normalization"}


def _network(activation: str, norm: bool) -> Network:
    return Network(SIZES, activation, batch_norm=norm, batch_norm_epsilon=1e-6)


def _scale_label(scale: float, norm: bool) -> str:
    return f"std {scale:.4g}, {NORM[norm]}"


def _arms() -> Iterable[Arm]:
    keys: tuple[tuple[str, object], ...]
    for norm in NORM:
        for scale in SCALES:
            keys = (("part", "scale"), ("norm", norm), ("value", scale))
            yield Arm(_scale_label(scale, norm), _network("relu", norm), Normal(scale), keys=keys)
        for rate in RATES:
            keys = (("part", "rate"), ("norm", norm), ("value", rate))
            label = f"He, rate {rate:g}, {NORM[norm]}"
            yield Arm(label, _network("relu", norm), get("he_normal"), learning_rate=rate, keys=keys)
        for name in SATURATING:
            for start, weights in SATURATING_STARTS.items():
                keys = (("part", name), ("norm", norm), ("value", start))
                label = f"{name}, {start}, {NORM[norm]}"
                yield Arm(label, _network(name, norm), weights, learning_rate=0.1, keys=keys)


EXPERIMENT = Experiment(
    name="batch-normalization",
    title="Batch normalization against bad starts",
    question=(
        "What does batch normalization mend: bad scales, large learning rates, saturating activations, "
        "slowness?"
    ),
    source="Saitō (2016), figures 6-18 and 6-19; claims of Ioffe & Szegedy (2015)",
    arms=tuple(_arms()),
    train_limit=1000,
    batches=Batches(100),
    iterations=EPOCH * EPOCHS,
    seeds=tuple(range(5)),
    record=Record(
        loss="no",
        evaluate_at=tuple(range(0, EPOCH * EPOCHS + 1, EPOCH)),
        evaluate_train=None,
        evaluate_test=1000,
        test_at_end=True,
    ),
    reduction=Reduction(
        seeds=3, leave_out=tuple(_scale_label(scale, norm) for scale in DENSE for norm in NORM)
    ),
)


def _normalized(point: Point, network: Network) -> dict[str, Arm]:
    """Without and with it."""
    return {said: Arm("", replace(network, batch_norm=norm), point.law) for norm, said in NORM.items()}


USUAL = Usual(
    100, len(SIZES) - 1, ("relu",), {f"std {scale:.3g}": Normal(scale) for scale in SCALES},
    "batch normalization",
)  # fmt: skip


@register(EXPERIMENT, along(USUAL, _normalized))
def analyse(results: Results) -> Outcome:
    """Accuracy by scale and by learning rate, curves of chosen scales, and each claim with its figure."""
    return outcome(
        results,
        _answer(results),
        [_by(results, "scale"), _by(results, "rate"), _curves(results)],
        [_table(results), _steps_table(results)],
        _claims(results),
        [
            "Training accuracy is measured with the running statistics, as the source does.",
            f"An epoch is {EPOCH} updates of 100 of the first 1000 training digits, drawn with replacement.",
        ],
    )


def final(results: Results, arm: Arm) -> Interval:
    """Training accuracy at the end, over seeds."""
    return results.interval(arm, "train.accuracy")


def trained(results: Results, part: str, norm: bool) -> list[Arm]:
    """The arms of a part whose mean training accuracy says that they train."""
    return [arm for arm in results.where(part=part, norm=norm) if final(results, arm).mean >= TRAINS]


def updates_to_target(results: Results, arm: Arm) -> np.ndarray[Any, Any]:
    """For each seed the updates until the training accuracy first reaches the target; infinite if never."""
    accuracy = results.stack(arm, "train.accuracy")
    at = results.runs[arm.label, results.experiment.seeds[0]]["evaluated_at"]
    reached = accuracy >= TARGET
    return np.where(reached.any(1), at[reached.argmax(1)], np.inf)


def _scales(results: Results) -> list[float]:
    return [float(arm.key("value")) for arm in results.where(part="scale", norm=True)]


def _answer(results: Results) -> str:
    counts = {norm: len(trained(results, "scale", norm)) for norm in NORM}
    usable = {norm: [arm.learning_rate for arm in trained(results, "rate", norm)] for norm in NORM}
    rates = [f"{max(rates):g} {NORM[norm]}" for norm, rates in usable.items() if rates]
    return (
        f"Of {len(_scales(results))} scales {counts[True]} train with batch normalization, "
        f"{counts[False]} without; the largest learning rate that still trains is {listed(rates)}."
    )


def _by(results: Results, part: str) -> Chart:
    rows = []
    for arm in results.where(part=part):
        rows.append(dot(arm.key("value"), final(results, arm), norm=NORM[arm.key("norm")]))
    names = {"scale": "standard deviation of the initial weights", "rate": "learning rate (He's start)"}
    return dots(
        f"Training accuracy after {EPOCHS} epochs, by {names[part]}",
        rows,
        names[part],
        "training accuracy",
        color="norm",
        color_title="batch normalization",
        log_x=True,
        rules=(Rule(0.1, "guessing"),),
        order=tuple(NORM.values()),
        alt=f"Training accuracy against {names[part]}, with and without batch normalization.",
    )


def _curves(results: Results) -> Chart:
    rows: list[dict[str, Any]] = []
    scales = _scales(results)
    shown = scales[:: -(-len(scales) // 6)]
    for arm in (arm for arm in results.where(part="scale") if arm.key("value") in shown):
        at = results.runs[arm.label, results.experiment.seeds[0]]["evaluated_at"]
        keys: dict[str, Any] = {"norm": NORM[arm.key("norm")], "scale": f"std {arm.key('value'):.2g}"}
        rows += curve(results.stack(arm, "train.accuracy"), at, most=1.0, **keys)
    return Chart(
        "lines",
        "Training accuracy, epoch by epoch, at some of the scales",
        tuple(row for row in rows),
        x="x",
        y="y",
        x_title="updates",
        y_title="training accuracy",
        color="norm",
        color_title="batch normalization",
        low="low",
        high="high",
        facet_column="scale",
        order=tuple(f"std {scale:.2g}" for scale in shown),
        caption="Mean over seeds with 95 % interval.",
        alt="Training accuracy against updates for several scales, with and without batch normalization.",
    )


def _table(results: Results) -> Table:
    rows = []
    for part in results.values("part"):
        for arm in results.where(part=part, norm=False):
            (partner,) = results.where(part=part, norm=True, value=arm.key("value"))
            value = arm.key("value")
            rows.append(
                {
                    "part": {"scale": "ReLU, std", "rate": "ReLU, He, rate"}.get(part, part),
                    "value": f"{value:.3g}" if isinstance(value, float) else value,
                    **final(results, arm).columns("without"),
                    **final(results, partner).columns("with"),
                    **results.interval(arm, "test.accuracy").columns("test_without"),
                    **results.interval(partner, "test.accuracy").columns("test_with"),
                }
            )
    columns = [Column("part", "network", ""), Column("value", "start or rate", "")]
    for key, label in (
        ("without", "train, without"),
        ("with", "train, with BN"),
        ("test_without", "test, without"),
        ("test_with", "test, with BN"),
    ):
        columns.append(Column(key, label, ".3f", f"{key}_low", f"{key}_high"))
    return Table(f"Accuracy after {EPOCHS} epochs", tuple(columns), tuple(rows))


def _quickest(results: Results, norm: bool) -> tuple[Arm, np.ndarray[Any, Any]]:
    """The learning rate at which He's start reaches the target soonest, and its updates by seed."""
    arms = results.where(part="rate", norm=norm)
    steps = {arm.label: updates_to_target(results, arm) for arm in arms}
    arm = min(arms, key=lambda arm: float(steps[arm.label].mean()))
    return arm, steps[arm.label]


def _steps_table(results: Results) -> Table:
    rows = []
    for rate in RATES:
        row: dict[str, Any] = {"rate": rate}
        for norm, key in ((False, "without"), (True, "with")):
            (arm,) = results.where(part="rate", norm=norm, value=rate)
            steps = updates_to_target(results, arm)
            row[f"{key}_share"] = float(np.isfinite(steps).mean())
            reached = bool(np.isfinite(steps).all())
            gap = dict.fromkeys((key, f"{key}_low", f"{key}_high"))
            row |= interval(steps).columns(key) if reached else gap
        rows.append(row)
    columns = (
        Column("rate", "learning rate", "g"),
        Column("without", "updates, without", ".0f", "without_low", "without_high"),
        Column("without_share", "seeds that reach it", ".0%"),
        Column("with", "updates, with BN", ".0f", "with_low", "with_high"),
        Column("with_share", "seeds that reach it", ".0%"),
    )
    note = "Empty where a seed never reaches it within the experiment; measured every 10 updates."
    return Table(f"Updates to {TARGET:.0%} training accuracy, He's start", columns, tuple(rows), note)


def _claims(results: Results) -> list[Claim]:
    return [_scale_claim(results), _rate_claim(results), _saturation_claim(results), _speed_claim(results)]


def _scale_claim(results: Results) -> Claim:
    counts = {norm: len(trained(results, "scale", norm)) for norm in NORM}
    lost = [arm for arm in results.where(part="scale", norm=True) if final(results, arm).mean < TRAINS]
    texts = [f"std {arm.key('value'):.2g} ({final(results, arm).mean:.2f})" for arm in lost]
    return claim(
        "Batch normalization makes training far less sensitive to initialization",
        [counts[True] >= 2 * counts[False], counts[True] > counts[False]],
        f"{counts[True]} of {len(_scales(results))} scales reach {TRAINS:.0%} with it, "
        f"{counts[False]} without; with it, {listed(texts)} still do not",
    )


def _rate_claim(results: Results) -> Claim:
    usable = {norm: [arm.learning_rate for arm in trained(results, "rate", norm)] for norm in NORM}
    top = {norm: max(rates, default=0.0) for norm, rates in usable.items()}
    return claim(
        "Batch normalization allows larger learning rates",
        [top[True] > top[False]],
        f"largest rate of {listed([f'{rate:g}' for rate in RATES])} that reaches {TRAINS:.0%}: "
        f"{top[True]:g} with it, {top[False]:g} without",
    )


def _saturation_claim(results: Results) -> Claim:
    texts, reached = [], []
    for name in SATURATING:
        for start in SATURATING_STARTS:
            (plain,) = results.where(part=name, norm=False, value=start)
            (normed,) = results.where(part=name, norm=True, value=start)
            with_it, without = (results.stack(arm, "train.accuracy")[:, -1] for arm in (normed, plain))
            texts.append(f"{name}, {start}: {without.mean():.2f} to {with_it.mean():.2f}")
            reached.append(bool(with_it.mean() >= TRAINS))
    return claim(
        "With batch normalization even saturating activations train, whatever the start",
        reached,
        "training accuracy without to with: " + "; ".join(texts),
    )


def _speed_claim(results: Results) -> Claim:
    (slow, without), (quick, with_it) = (_quickest(results, norm) for norm in (False, True))
    same = [
        (updates_to_target(results, plain), updates_to_target(results, normed))
        for plain, normed in zip(
            results.where(part="rate", norm=False), results.where(part="rate", norm=True), strict=True
        )
    ]
    both = [(plain.mean(), normed.mean()) for plain, normed in same if np.isfinite([*plain, *normed]).all()]
    fewer = [float(plain / max(normed, 1)) for plain, normed in both]
    best = "never" if not np.isfinite(without).all() else f"{without.mean():.0f}"
    return claim(
        "Batch normalization reaches the same accuracy in fewer steps",
        [float(with_it.mean()) < float(without.mean()), *(ratio > 1 for ratio in fewer)],
        f"updates to {TARGET:.0%} at each one's best rate: {with_it.mean():.0f} with it (rate "
        f"{quick.learning_rate:g}), {best} without (rate {slow.learning_rate:g}); at equal rates "
        f"{listed([f'{ratio:.1f}' for ratio in fewer], 'no')} times fewer (the original reported 14 times, "
        "on a far larger network)",
    )

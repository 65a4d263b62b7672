"""The classic experiments against published figures and independent theory; their words against their numbers."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import integrate, stats

from isogain import lab
from isogain.jobs.statistics import interval, separated
from isogain.lab.public import DEMO
from isogain.lab.results import Results
from isogain.lab.spec import Experiment
from isogain.lab.studies import study
from isogain.lab.studies.common import HE, LECUN, SMALL, smoothed
from isogain.lab.studies.decision_boundary import HE as CIRCLES_HE
from isogain.lab.studies.decision_boundary import LARGE, XAVIER, ZEROS
from isogain.lab.studies.decision_boundary import SMALL as CIRCLES_SMALL

PHI = {"relu": lambda z: max(z, 0.0), "tanh": math.tanh, "sigmoid": lambda z: 1 / (1 + math.exp(-z))}


def only(name: str, keep=lambda arm: True, **changes) -> Experiment:
    experiment = study(name).experiment
    return replace(experiment, arms=tuple(arm for arm in experiment.arms if keep(arm)), **changes)


@pytest.fixture(scope="module")
def distributions(tmp_path_factory) -> Results:
    experiment = study("activation-distributions").experiment
    folder = tmp_path_factory.mktemp("distributions")
    return lab.run_experiment(experiment, results=folder, progress=False)


def quadrature(activation: str, std: float, layers: int) -> list[tuple[float, float]]:
    """Mean and std of each layer's activations by adaptive quadrature: q <- n s^2 E[phi^2]."""
    phi, variance, rows = PHI[activation], 100 * std**2, []

    def moment(power: int, root: float) -> float:
        return integrate.quad(lambda z: phi(root * z) ** power * stats.norm.pdf(z), -12, 12, points=[0.0])[0]

    for _ in range(layers):
        mean, second = (moment(power, math.sqrt(variance)) for power in (1, 2))
        rows.append((mean, math.sqrt(second - mean**2)))
        variance = 100 * std**2 * second
    return rows


@pytest.mark.parametrize(("start", "std"), [("std 1", 1.0), (SMALL, 0.01), (LECUN, 0.1), (HE, 0.02**0.5)])
def test_relu_layers_lie_within_three_standard_errors_of_theory(distributions, start, std):
    (arm,) = distributions.where(activation="relu", start=start)
    means, stds = (distributions.stack(arm, f"forward.{name}")[:, 0] for name in ("mean", "std"))
    for layer, (mean, breadth) in enumerate(quadrature("relu", std, 5)):
        for measured, expected in ((means[:, layer], mean), (stds[:, layer], breadth)):
            error = measured.std(ddof=1) / math.sqrt(len(measured))
            assert abs(measured.mean() - expected) < 3 * error, f"layer {layer + 1}"


def test_relu_means_at_small_weights_are_the_books(distributions):
    """Published from one draw: 10 %."""
    (arm,) = distributions.where(activation="relu", start=SMALL)
    measured = distributions.stack(arm, "forward.mean")[:, 0].mean(0)
    np.testing.assert_allclose(measured, [0.0396, 0.00290, 0.000197, 1.32e-5, 9.46e-7], rtol=0.10)


@pytest.mark.parametrize(
    ("activation", "start", "first", "last"),
    [
        ("sigmoid", "std 1", 0.459, 0.435),
        ("sigmoid", SMALL, 0.025, 0.0123),
        ("sigmoid", LECUN, 0.208, 0.119),
        ("sigmoid", HE, 0.261, 0.164),
        ("tanh", "std 1", 0.959, 0.958),
        ("tanh", SMALL, 0.099, 9.9e-6),
        ("tanh", LECUN, 0.627, 0.320),
        ("tanh", HE, 0.720, 0.566),
    ],
)
def test_sigmoid_and_tanh_siblings(distributions, activation, start, first, last):
    """First and last layer's breadth, measured elsewhere from 20 other seeds."""
    (arm,) = distributions.where(activation=activation, start=start)
    stds = distributions.stack(arm, "forward.std")[:, 0]
    for measured, expected in ((stds[:, 0], first), (stds[:, -1], last)):
        error = measured.std(ddof=1) / math.sqrt(len(measured))
        assert abs(measured.mean() - expected) < 5 * math.sqrt(2) * error + 0.005 * expected


def test_sigmoid_saturates_and_zeros_say_nothing(distributions):
    (arm,) = distributions.where(activation="sigmoid", start="std 1")
    outside = distributions.stack(arm, "forward.saturated")[:, 0].mean(0)
    assert outside[0] == pytest.approx(0.77, abs=0.02)
    assert outside[-1] == pytest.approx(0.65, abs=0.03)
    zeros = [distributions.stack(arm, "forward.zeros") for arm in distributions.where(activation="relu")]
    for other in zeros[1:]:
        np.testing.assert_allclose(other, zeros[0], atol=1e-4)


def test_circles_reach_the_published_costs_and_accuracies(tmp_path):
    experiment = only("decision-boundary", seeds=(3,))
    results = lab.run_experiment(experiment, results=tmp_path, progress=False)
    runs = {label: results.runs[label, 3] for label in results.arms}
    at = {
        label: dict(zip(run["evaluated_at"], run["train.loss"], strict=True)) for label, run in runs.items()
    }
    final = {label: (run["train.accuracy"][-1], run["test.accuracy"][-1]) for label, run in runs.items()}
    assert at[CIRCLES_HE][0] == pytest.approx(0.8830537463, abs=1e-6)
    assert at[CIRCLES_HE][14_000] == pytest.approx(0.0735789596, abs=1e-6)
    assert final[CIRCLES_HE] == pytest.approx((0.99333, 0.96), abs=1e-5)
    assert [at[ZEROS][0], at[ZEROS][14_000]] == pytest.approx([0.693147] * 2, abs=1e-6)
    assert final[ZEROS] == (0.5, 0.5)
    assert at[LARGE][0] == math.inf
    assert at[LARGE][14_000] == pytest.approx(0.3828, abs=2e-3)
    assert final[LARGE] == pytest.approx((0.83, 0.86), abs=0.01)
    assert (at[XAVIER][0], at[XAVIER][14_000]) == pytest.approx((0.7295, 0.1085), abs=1e-4)
    assert final[XAVIER] == pytest.approx((0.99, 0.93), abs=1e-9)
    assert [at[CIRCLES_SMALL][0], at[CIRCLES_SMALL][14_000]] == pytest.approx([0.6931473] * 2, abs=1e-6)
    assert final[CIRCLES_SMALL] == pytest.approx((0.463, 0.48), abs=1e-3)
    json.dumps(study("decision-boundary").analyse(results).to_dict(), allow_nan=False)


def test_the_three_starts_on_digits(tmp_path, digits_at_hand):
    experiment = only("mnist-training", seeds=tuple(range(5)), iterations=500)
    experiment = replace(
        experiment, seeds=tuple(range(5)), record=replace(experiment.record, evaluate_at=(500,))
    )
    results = lab.run_experiment(experiment, data=digits_at_hand, results=tmp_path, progress=False)
    loss = {label: results.stack(label, "loss") for label in results.arms}
    assert np.abs(loss[SMALL][:, -100:].mean(1) - 2.30).max() < 0.006
    for at in (100, 500):
        he, xavier = interval(loss[HE][:, at - 1]), interval(loss[LECUN][:, at - 1])
        assert separated(he, xavier), f"after {at}: {he} {xavier}"
    assert loss[HE][:, 99].mean() == pytest.approx(1.46, abs=0.25)
    assert loss[HE][:, -100:].mean() < loss[LECUN][:, -100:].mean() < 1.5
    verdicts = {claim.claim: claim.verdict for claim in study("mnist-training").analyse(results).claims}
    assert set(verdicts.values()) == {"holds"}, verdicts


def test_batch_normalization_against_bad_scales(tmp_path, digits_at_hand):
    scales = [0.293, 0.158, 0.0464, 0.0136, 0.00398, 1.0, 1e-4]
    near = [min(np.logspace(0, -4, 16), key=lambda scale, s=s: abs(math.log(scale / s))) for s in scales]
    experiment = only(
        "batch-normalization",
        keep=lambda arm: arm.key("part") == "scale" and arm.key("value") in near,
        seeds=(0, 1, 2),
    )
    results = lab.run_experiment(experiment, data=digits_at_hand, results=tmp_path, progress=False)
    accuracy = {
        (arm.key("norm"), scale): results.stack(arm, "train.accuracy")[:, -1].mean()
        for arm in results.experiment.arms
        for scale in [scales[near.index(arm.key("value"))]]
    }
    assert accuracy[False, 0.293] > 0.9
    assert 0.6 < accuracy[False, 0.158] < 0.97
    assert all(accuracy[False, scale] < 0.25 for scale in (0.0464, 0.0136, 0.00398, 1.0, 1e-4))
    assert all(accuracy[True, scale] >= 0.92 for scale in (0.0464, 0.0136, 0.00398))
    assert accuracy[True, 1.0] == pytest.approx(0.42, abs=0.12)
    assert accuracy[True, 1e-4] == pytest.approx(0.46, abs=0.12)


def test_the_smoothing_is_the_books():
    """Its function, written as in the source: mirrored ends, Kaiser window of 11, beta 2."""
    x = np.random.default_rng(0).normal(size=200)
    padded = np.r_[x[10:0:-1], x, x[-1:-11:-1]]
    window = np.kaiser(11, 2)
    books = np.convolve(window / window.sum(), padded, mode="valid")[5:-5]
    np.testing.assert_allclose(smoothed(x[None])[0][:-5], books[:-5])


def tiny(name: str) -> Experiment:
    experiment = study(name).experiment
    steps = min(experiment.iterations, 12)
    at = tuple(sorted({min(step, steps) for step in experiment.record.evaluate_at}))
    record = replace(experiment.record, evaluate_at=at, evaluate_train=50, evaluate_test=50)
    limit = None if experiment.train_limit is None else 200
    return replace(experiment, seeds=experiment.seeds[:2], iterations=steps, record=record, train_limit=limit)


CLASSICS = list(DEMO)


@pytest.fixture(scope="module")
def tiny_runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiny")
    return {
        name: lab.run_experiment(tiny(name), data="mnist-5k", results=folder, progress=False)
        for name in CLASSICS
    }


@pytest.mark.parametrize("name", CLASSICS)
def test_every_outcome_is_complete_and_json(name, tiny_runs):
    outcome = study(name).analyse(tiny_runs[name])
    json.dumps(outcome.to_dict(), allow_nan=False)
    assert outcome.question.endswith("?")
    assert outcome.answer.endswith(".")
    assert outcome.charts
    assert outcome.tables
    assert outcome.claims
    for chart in outcome.charts:
        named = [chart.x, chart.y, chart.x2, chart.value, chart.color, chart.dash, chart.low, chart.high]
        named += [chart.facet_row, chart.facet_column]
        if chart.kind == "regions":
            named = [chart.x, chart.y, chart.value, chart.facet_column]
        for row in chart.rows:
            assert set(filter(None, named)) <= set(row), chart.title
        assert chart.alt, chart.title
    for table in outcome.tables:
        for row in table.rows:
            for column in table.columns:
                assert f"{row[column.key]:{column.format}}" if row.get(column.key) is not None else True
    for key in ("Data", "Seeds", "Versions", "Precision", "Source"):
        assert outcome.settings[key]
    assert (
        outcome.command == f"isogain lab run {name} --data mnist-5k" or study(name).experiment.data != "mnist"
    )


@pytest.mark.parametrize("name", CLASSICS)
def test_one_seed_settles_no_comparison_but_still_tells(name, tiny_runs):
    results = tiny_runs[name]
    lonely = replace(results, experiment=results.experiment.with_seeds(results.experiment.seeds[:1]))
    outcome = study(name).analyse(lonely)
    json.dumps(outcome.to_dict(), allow_nan=False)
    assert outcome.answer


def exchanged(results: Results, first: str, second: str) -> Results:
    """The same runs under each other's labels: what a wrong claim would look like."""
    other = {first: second, second: first}
    runs = {(other.get(label, label), seed): run for (label, seed), run in results.runs.items()}
    return replace(results, runs=runs)


def made_up(levels: dict[str, float]) -> Results:
    """Results of figure 6-15 with losses that end where we say."""
    experiment = replace(study("mnist-training").experiment, iterations=600, seeds=(0, 1, 2))
    generator = np.random.default_rng(0)
    runs = {}
    for label, level in levels.items():
        for seed in experiment.seeds:
            loss = np.linspace(2.3026, level, 600) + generator.normal(0, 1e-4, 600)
            runs[label, seed] = {"loss": loss, "test.accuracy": np.array([0.1, 0.5])}
    return Results(experiment, runs, "made up", "made up", 1)


def test_words_follow_the_numbers():
    analyse = study("mnist-training").analyse
    published = analyse(made_up({SMALL: 2.3026, LECUN: 1.0, HE: 0.3}))
    assert [claim.verdict for claim in published.claims] == ["holds"] * 4
    assert f"{SMALL} (2.303) does not leave the loss of guessing" in published.answer
    opposite = analyse(made_up({SMALL: 0.3, LECUN: 1.0, HE: 2.3026}))
    assert [claim.verdict for claim in opposite.claims] == [
        "does not hold",
        "holds in part",
        "does not hold",
        "does not hold",
    ]
    assert f"{HE} (2.303) does not leave the loss of guessing" in opposite.answer
    alone = replace(made_up({SMALL: 2.3026, LECUN: 1.0, HE: 0.3}))
    alone = replace(alone, experiment=alone.experiment.with_seeds(1))
    assert [claim.verdict for claim in analyse(alone).claims][2:] == ["not settled", "not settled"]


def test_exchanged_labels_exchange_the_verdicts(distributions):
    relu = {arm.key("start"): arm.label for arm in distributions.where(activation="relu")}
    analyse = study("activation-distributions").analyse
    claims = analyse(exchanged(distributions, relu[HE], relu[SMALL])).claims
    assert [claim.verdict for claim in claims[:3]] == ["does not hold", "holds", "does not hold"]
    assert claims[4].verdict != "holds", "the theory of one start must not fit the runs of another"

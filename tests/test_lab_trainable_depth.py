"""Schoenholz's experiment: its description, and its analysis on a small version of itself."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from isogain import lab
from isogain.lab.studies import study, trainable_depth


def test_the_grid_straddles_the_edge_of_chaos():
    rates = [trainable_depth.fixed_point(v).gradient_rate for v in trainable_depth.WEIGHT_VARIANCES]
    assert rates == sorted(rates)
    assert rates[0] < 0.8 < 1.2 < rates[-1]
    assert min(abs(rate - 1) for rate in rates) < 0.01


def test_every_outcome_of_a_small_grid_is_complete(tmp_path):
    experiment = study("trainable-depth").experiment
    arms = tuple(
        a for a in experiment.arms if a.key("depth") <= 20 and a.key("weight_variance") in (1.0, 2.0)
    )
    record = replace(experiment.record, evaluate_at=(0, 4), evaluate_train=20, evaluate_test=50)
    small = replace(experiment, arms=arms, iterations=4, record=record)
    results = lab.run_experiment(small, data="mnist-5k", results=tmp_path, progress=False)
    outcome = study("trainable-depth").analyse(results)
    json.dumps(outcome.to_dict(), allow_nan=False)
    assert len(outcome.charts) == 2
    assert len(outcome.claims) == 2
    assert {row["weight_variance"] for row in outcome.tables[0].rows} == {1.0, 2.0}


@pytest.mark.parametrize("obeys", [True, False])
def test_the_claim_can_fail(obeys):
    """Networks that train exactly up to six correlation depths confirm it; networks that all train confirm half."""
    accuracies = {
        (depth, variance): 0.9 if not obeys or depth < trainable_depth._reach(variance) else 0.1
        for depth in trainable_depth.DEPTHS
        for variance in trainable_depth.WEIGHT_VARIANCES
    }
    right, judged = trainable_depth._judged(accuracies)
    assert judged > 15
    assert (right == judged) is obeys
    verdicts = [claim.verdict for claim in trainable_depth._claims(accuracies)]
    assert verdicts == (["holds", "holds"] if obeys else ["holds in part", "holds"])

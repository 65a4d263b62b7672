"""The study of very deep plain networks: its description, a small version of it, and that its claims can fail."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from isogain import lab
from isogain.lab.datasets import load
from isogain.lab.spec import Network
from isogain.lab.studies import study
from isogain.lab.studies import ten_thousand_layers as deep


def _small(depths, iterations):
    experiment = study("ten-thousand-layers").experiment
    arms = tuple(arm for arm in experiment.arms if arm.key("depth") in depths)
    record = replace(experiment.record, evaluate_at=(0, iterations), evaluate_train=20)
    return replace(experiment, arms=arms, iterations=iterations, record=record)


def test_a_small_version_says_all_it_should(tmp_path):
    results = lab.run_experiment(_small((10, 100), 12), results=tmp_path, progress=False)
    outcome = study("ten-thousand-layers").analyse(results)
    json.dumps(outcome.to_dict(), allow_nan=False)
    rows = {(row["start"], row["depth"]): row for row in outcome.tables[0].rows}
    assert len(rows) == 4
    mirrored = [rows[deep.MIRRORED, depth] for depth in (10, 100)]
    # an isometry: depth changes neither signals nor gradients, to rounding and the draw of 32 directions
    assert mirrored[1]["forward"] == pytest.approx(mirrored[0]["forward"], rel=0.02)
    # of He's 100 layers of 64 the amplitude shrinks by exp(-5/64 * 100/4) = .14 in the mean of its logarithm
    assert rows[deep.HE, 100]["forward"] < 0.5 * rows[deep.HE, 10]["forward"]
    assert mirrored[1]["loss"] < 0.9 * rows[deep.HE, 100]["loss"]


@pytest.mark.parametrize("trains", [True, False])
def test_the_claims_can_fail(trains):
    reached = [
        deep.Reached(start, depth, 0.95 if (start == deep.MIRRORED) is trains else 0.1, 0.1, 1.0, 1.0)
        for start in (deep.HE, deep.MIRRORED)
        for depth in deep.DEPTHS
        if start == deep.MIRRORED or depth <= deep.HE_UP_TO
    ]
    verdicts = {claim.verdict for claim in deep._claims(reached)}
    assert verdicts == ({"holds"} if trains else {"does not hold"})


def test_the_standardised_digits_are_standard_and_not_leaked():
    data, plain = load("digits-standard"), load("digits")
    used = plain.train_inputs.std(0) > 0
    inputs = data.train_inputs.astype(np.float64)
    np.testing.assert_allclose(inputs.mean(0), 0, atol=1e-6)
    np.testing.assert_allclose(inputs.std(0)[used], 1, rtol=1e-6)
    again = plain.train_inputs.std(0)[used] * data.test_inputs[:, used] + plain.train_inputs.mean(0)[used]
    np.testing.assert_allclose(again, plain.test_inputs[:, used], atol=1e-4)
    assert data.digest != plain.digest


def test_ten_thousand_widths_fit_a_line():
    assert Network((64, *(64,) * 10_000, 10)).describe() == "(10001 x 64)-10, relu"
    assert Network((784, 100, 100, 10)).describe() == "784-100-100-10, relu"


def test_arms_without_first_weights_keep_their_runs():
    arm = study("mnist-training").experiment.arms[0]
    assert "input_weights" not in arm.content
    assert "input_weights" in study("ten-thousand-layers").experiment.arms[1].content

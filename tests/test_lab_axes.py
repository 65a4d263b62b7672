"""The lab along axes of the caller's: every combination, kept and reported again like any other."""

from __future__ import annotations

import math

import numpy as np
import pytest

from isogain import lab
from isogain.errors import JobError, LabError
from isogain.jobs.store import Store
from isogain.lab.axes import axes_of
from isogain.lab.datasets import load
from isogain.lab.studies import study
from isogain.lab.studies.activation_distributions import theory


def test_every_combination_is_an_arm_and_the_rest_stays_as_it_is():
    axes = axes_of(widths=(8, 16), depths=(2, 3), activations="gelu", starts=("he_normal", "std 0.01", 0.5))
    varied = study("mnist-training").along(axes, load("digits"))
    networks = {arm.network.sizes for arm in varied.experiment.arms}
    assert networks == {(64, 8, 10), (64, 16, 10), (64, 8, 8, 10), (64, 16, 16, 10)}
    assert len(varied.experiment.arms) == 4 * 3
    assert varied.experiment.arms[1].weights.law((4, 4), layout="out in").std == 0.01
    assert varied.experiment.iterations == study("mnist-training").experiment.iterations


def test_figure_6_15_runs_on_other_digits_and_is_reported_again(tmp_path):
    asked = {"widths": 12, "depths": (2, 3), "starts": ("he_normal", "0.01"), "seeds": 2, "quick": True}
    (outcome,) = lab.run("mnist-training", data="digits", results=tmp_path, progress=False, **asked)
    chart = outcome.charts[0]
    assert {row["setting"] for row in chart.rows} == {"relu, 2 x 12", "relu, 3 x 12"}
    assert {row["start"] for row in chart.rows} == {"he_normal", "std 0.01"}
    assert len(outcome.tables[0].rows) == 4
    assert "Digits" in chart.caption
    assert "--widths 12 --depths 2,3 --starts he_normal,0.01" in outcome.command
    (again,) = lab.outcomes(tmp_path)
    assert again.answer == outcome.answer


def test_figure_6_14_at_other_widths_agrees_with_theory_of_other_widths(tmp_path):
    (outcome,) = lab.run(
        "activation-distributions", results=tmp_path, progress=False, widths=(50, 200), depths=3, starts="he_normal",
        activations="relu", seeds=10,
    )  # fmt: skip
    apart = [row["std_errors"] for row in outcome.tables[0].rows]
    assert len(apart) == 6
    assert max(map(abs, apart)) < 4


def test_the_breadths_of_two_seeds_lie_above_zero_and_as_far_up_as_down(tmp_path):
    """Student's t of two logarithms: half their distance times tan(0.475 pi), which is t(1) at 97.5 %."""
    asked = {"widths": 16, "depths": 6, "starts": "he_normal", "activations": "relu", "seeds": 2}
    (outcome,) = lab.run("activation-distributions", results=tmp_path, progress=False, **asked)
    rows = [row for row in outcome.charts[0].rows if row["series"] == "measured"]
    with Store(tmp_path) as store:
        runs = [run.arrays["forward.std"][0] for run in store.every()]
    for row, pair in zip(rows, np.log(runs).T, strict=True):
        factor = math.exp(abs(pair[0] - pair[1]) / 2 * math.tan(0.475 * math.pi))
        centre = math.exp(pair.mean())
        assert (row["low"], row["high"]) == pytest.approx((centre / factor, centre * factor))


def test_theory_of_a_layer_that_widens_counts_its_inputs():
    """He's law keeps E[phi^2] n / 2 = 1 forwards whatever the widths; std 1/sqrt(in) halves it at each layer."""
    varied = study("activation-distributions").along(
        axes_of(widths=50, depths=2, starts="he_normal"), load("gaussian")
    )
    layers = theory(varied.experiment.arms[0])
    assert [layer.std for layer in layers] == pytest.approx([math.sqrt(1 - 1 / math.pi)] * 2)
    gradients = [layer.gradient_std for layer in layers]
    assert gradients == pytest.approx([math.sqrt(0.5), math.sqrt(0.5)])
    assert np.isfinite(gradients).all()


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"widths": 0}, "widths must be"),
        ({"depths": (2, 2)}, "every value once"),
        ({"activations": "no_such"}, "activations: "),
        ({"starts": "no_such"}, "starts: "),
        ({"starts": "-1"}, "no initializer is called"),
    ],
)
def test_an_axis_that_cannot_be_is_refused(asked, message):
    with pytest.raises((LabError, ValueError), match=message):
        axes_of(**asked)


ASKED = {
    "strategies": {"widths": 8, "depths": 2, "activations": ("relu", "gelu"), "starts": ("he_normal", 0.01)},
    "activations": {"widths": (8, 12), "depths": 3, "activations": "tanh", "starts": "he_normal"},
    "clipping": {"widths": 8, "depths": 3, "starts": ("he_normal", 1.0)},
    "batch-normalization": {"widths": 8, "depths": 3, "activations": "tanh", "starts": ("he_normal", 0.01)},
    "decision-boundary": {"widths": 4, "depths": 2, "starts": ("he_normal", 0.01), "seeds": 1},
    "ten-thousand-layers": {"widths": 8, "depths": (3, 6)},
    "trainable-depth": {"widths": 8, "depths": (3, 5), "activations": "relu", "starts": "he_normal"},
}
ARMS = {
    "strategies": 2 * 2, "activations": 2 * 3, "clipping": 2 * 4, "batch-normalization": 2 * 2,
    "decision-boundary": 2, "ten-thousand-layers": 2 * 2, "trainable-depth": 2,
}  # fmt: skip


def test_every_experiment_takes_axes():
    assert {*ASKED, "mnist-training", "activation-distributions"} == {row.name for row in lab.experiments()}


@pytest.mark.parametrize("name", ASKED)
def test_every_combination_is_compared_and_nothing_is_claimed(name, tmp_path):
    data = {} if name in ("decision-boundary", "ten-thousand-layers") else {"data": "digits"}
    asked = {"seeds": 2, **ASKED[name], **data, "quick": True, "results": tmp_path, "progress": False}
    (outcome,) = lab.run(name, **asked)
    assert (
        len(outcome.tables[0].rows)
        == len({tuple(row.values()) for row in outcome.tables[0].rows})
        == ARMS[name]
    )
    assert not outcome.claims
    settings = {row["setting"] for row in outcome.tables[0].rows}
    assert f"{np.atleast_1d(ASKED[name]['depths'])[0]} x {np.atleast_1d(ASKED[name]['widths'])[0]}" in str(
        settings
    )
    assert "learning rate" in outcome.charts[0].caption
    assert all(chart.rows for chart in outcome.charts)
    (again,) = lab.outcomes(tmp_path)
    assert again.answer == outcome.answer


def test_what_is_not_asked_for_stays_as_it_is():
    varied = study("strategies").along(axes_of(widths=8), load("digits")).experiment
    own = study("strategies").experiment
    assert [arm.weights for arm in varied.arms] == [arm.weights for arm in own.arms]
    assert {arm.learning_rate for arm in varied.arms} == {arm.learning_rate for arm in own.arms}
    assert [arm.network.activation for arm in varied.arms] == [arm.network.activation for arm in own.arms]
    assert {arm.network.sizes for arm in varied.arms} == {(64, 8, 8, 8, 8, 10)}


def test_an_activation_without_a_mirrored_start_says_what_to_ask_for():
    with pytest.raises(LabError, match="tanh has no mirrored start; name others"):
        study("ten-thousand-layers").along(axes_of(activations="tanh"), load("digits-standard"))


def test_processes_come_to_the_same_bits_as_threads(tmp_path):
    asked = {"widths": 12, "depths": 2, "seeds": 2, "quick": True, "data": "digits", "progress": False}
    (here,) = lab.run("mnist-training", results=tmp_path / "here", **asked)
    (there,) = lab.run("mnist-training", results=tmp_path / "there", backend="loky", workers=2, **asked)
    assert there.charts[0].rows == here.charts[0].rows
    with pytest.raises(JobError, match="backend must be one of"):
        lab.run("mnist-training", results=tmp_path / "no", backend="pigeon", **asked)

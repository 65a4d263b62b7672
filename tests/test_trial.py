"""`trial`: the same batches for all, a rate for each start, honest differences, and what is finished is kept."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
import torch
from torch import nn

import isogain as ig
import isogain.torch as igt
from isogain.errors import TrialError
from isogain.jobs.store import Store
from isogain.torch.trial.batches import source_of
from trial_problems import CLASSES, FEATURES, deep, examples, shallow, small, tried

BUILT: list[int] = []
CHECKS = 6
"""Networks that are built before a trial begins."""


def counted():
    BUILT.append(1)
    return shallow()


def wide():
    return nn.Sequential(
        nn.Linear(FEATURES, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, CLASSES)
    )


def test_a_start_that_does_not_learn_is_behind_and_the_answer_says_so():
    found = tried(
        deep, {"he": "he_normal", "small": small}, optimizers="sgd", rates=(0.1,), steps=120, seeds=4
    )  # fmt: skip
    assert found.verdict == "won"
    assert found.winner == found.best == "he"
    assert found.judged["small"].place == "behind"
    assert "he trains best" in found.judged.answer
    # what inspect saw before is beside what came of it
    assert found.looks["he"].verdict == "healthy"
    assert found.looks["small"].verdict == "critical"


def test_one_start_under_two_names_is_level_to_the_bit():
    found = tried(starts={"one": "he_normal", "two": "he_normal"})
    assert found.verdict == "level"
    assert found.winner is None
    lag = found.judged.standings[1].lag
    assert (lag.mean, lag.low, lag.high) == (0, 0, 0)
    assert any("gives the same values" in note for note in found.notes)


def test_differences_are_paired_t_intervals_over_all_pairs_at_once():
    """Against SciPy's own paired test on the scores as the frame gives them."""
    from scipy import stats

    found = tried(starts=("own", "he_normal", "glorot_normal", "orthogonal"), seeds=4, rates=(0.003,))
    frame = found.to_frame()
    scores = {name: group.sort_values("seed").score.to_numpy() for name, group in frame.groupby("start")}
    leader = scores[found.best]
    for one in found.judged.standings[1:]:
        test = stats.ttest_rel(scores[one.start], leader)
        expected = test.confidence_interval(1 - 0.05 / 6)
        assert one.lag.mean == pytest.approx(np.mean(scores[one.start] - leader))
        assert (one.lag.low, one.lag.high) == pytest.approx((expected.low, expected.high))
        assert (one.place == "behind") == (test.statistic > 0 and test.pvalue < 0.05 / 6)


def test_each_start_stands_at_the_rate_of_its_best_mean():
    found = tried(rates=(1e-5, 0.003, 0.03))
    means = found.to_frame().groupby(["start", "rate"]).score.mean()
    for one in found.judged.standings:
        assert one.rate == means[one.start].idxmin()
        assert one.score.mean == pytest.approx(means[one.start].min())


def test_all_starts_see_the_same_batches_and_never_those_that_judge():
    source = source_of(examples(), 32)
    one, again, other = (source.stream(seed) for seed in (3, 3, 4))
    seen = [next(one)[0] for _ in range(30)]
    assert all(torch.equal(x, next(again)[0]) for x in seen)
    assert not torch.equal(seen[0], next(other)[0])
    rows = {tuple(row) for batch in seen for row in batch.tolist()}
    judged = {tuple(row) for batch in source.held_out() for row in batch[0].tolist()}
    assert len(judged) == 80
    assert not rows & judged


def test_the_first_loss_of_a_seed_is_that_of_the_start_on_its_first_batch():
    """An oracle of our own: the model drawn by ig.draw, the batch from the source."""
    found = tried(lambda: nn.Linear(FEATURES, CLASSES), ("he_normal",), rates=(0.01,), seeds=(5,))
    model = nn.Linear(FEATURES, CLASSES)
    drawn = ig.draw("he_normal", (CLASSES, FEATURES), layout="out in", seed=5, path=".weight")
    model.weight.data, model.bias.data = torch.from_numpy(drawn), torch.zeros(CLASSES)
    inputs, target = next(source_of(examples(), 64).stream(5))
    expected = nn.functional.cross_entropy(model(inputs), target).item()
    assert found.runs[0].losses[0] == pytest.approx(expected, rel=1e-5)


def test_the_callers_random_states_are_as_before():
    torch.manual_seed(3)
    random.seed(3)
    expected = (torch.rand(1).item(), random.random())
    torch.manual_seed(3)
    random.seed(3)
    tried(steps=2)
    assert (torch.rand(1).item(), random.random()) == expected


def test_every_kind_of_start_is_taken():
    model, (inputs, _) = shallow(), examples()
    plan = igt.plan(model, inputs[:64])
    kinds = {
        "own": "own", "init": "init_", "name": "orthogonal", "law": ig.Normal(0.1), "plan": plan, "mine": small,
        "recipe": "mup",
    }  # fmt: skip
    found = tried(starts=kinds, steps=3, seeds=1)
    assert [one.place for one in found.judged.standings] == ["not settled"] * 7


def test_a_recipe_trains_at_the_rates_it_prescribes():
    """muP: with Adam hidden and output weights at rate / width ratio; by its own plan and torch's own optimizer."""
    build, (inputs, target) = wide, examples()
    found = tried(build, ("mup",), rates=(0.01,), seeds=(3,), steps=6)
    batches = source_of((inputs, target), 64).stream(3)
    first = next(batches)
    torch.manual_seed(3)
    model = build()
    receipt = igt.init_(model, first[0], seed=3, recipe="mup")
    groups = receipt.plan.param_groups(0.01, "adam", model=model)
    assert len({group["lr"] for group in groups}) > 1
    optimizer = torch.optim.Adam(groups)
    for step in range(6):
        x, y = first if step == 0 else next(batches)
        loss = nn.functional.cross_entropy(model(x), y)
        assert found.runs[0].losses[step] == pytest.approx(loss.item(), rel=1e-4)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def test_a_start_that_cannot_start_is_impossible_and_the_others_go_on():
    def broken(model, seed):
        raise RuntimeError("no such thing")

    found = tried(starts={"own": "own", "broken": broken})
    assert found.judged["broken"].place == "impossible"
    assert "no such thing" in found.judged["broken"].why
    assert found.judged["own"].score.seeds == 3
    assert "no such thing" in str(found)


def test_runs_that_diverge_are_counted_and_never_chosen():
    found = tried(optimizers="sgd", rates=(0.1, 1e12), seeds=3, steps=30)
    own = found.judged["own"]
    assert (own.rate, own.diverged, own.runs) == (0.1, 3, 6)
    assert all(run.diverged_at > 0 for run in found.runs if run.rate == 1e12)
    assert "3 of 6" in str(found)
    assert math.isinf(found.objective("own", 1e12, 0, "sgd"))


def test_a_nan_from_step_three_is_told_as_that():
    class Breaking(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner, self.calls = shallow(), 0

        def forward(self, x):
            self.calls += self.training
            return self.inner(x) * (math.nan if self.calls > 3 else 1.0)

    found = tried(starts={"own": "own"}, build=Breaking, rates=(0.003,))
    assert [run.diverged_at for run in found.runs] == [3, 3, 3]
    assert np.isfinite(found.runs[0].losses[:3]).all()


class TestKept:
    """An interrupted trial goes on where it stopped; a finished run is not run again."""

    def test_ctrl_c_keeps_what_is_finished(self, tmp_path):
        seen = []

        def stop(text, done, total):
            seen.append((text, done, total))
            if done == 5:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            tried(results=tmp_path, progress=stop)
        assert seen[0][2] == 12
        assert "best so far" in seen[-1][0]
        again = []
        found = tried(results=tmp_path, progress=lambda *told: again.append(told))
        whole = tried()
        assert found.judged.standings == whole.judged.standings
        with Store(tmp_path) as store:
            assert len(list(store.every())) == 12 + 2

    def test_a_finished_run_is_not_run_again_and_another_loss_is_another_run(self, tmp_path):
        BUILT.clear()
        first = tried(counted, results=tmp_path)
        count = len(BUILT)
        assert tried(counted, results=tmp_path).judged == first.judged
        assert len(BUILT) == count + CHECKS  # before a trial
        tried(counted, results=tmp_path, loss=lambda o, t: 2 * nn.functional.cross_entropy(o, t))
        assert len(BUILT) == 2 * count + CHECKS

    def test_more_seeds_run_only_what_is_new(self, tmp_path):
        tried(results=tmp_path)
        tried(results=tmp_path, seeds=4)
        with Store(tmp_path) as store:
            assert len(list(store.every())) == 16 + 2

    def test_the_runs_go_into_the_labs_export(self, tmp_path):
        from isogain import lab

        tried(results=tmp_path / "store", steps=3, seeds=2, rates=(0.01,))
        runs, measures = lab.export(tmp_path / "store", tmp_path / "out")
        assert len(runs.read_text().splitlines()) == 1 + 4 + 2
        assert '"validation.loss"' in measures.read_text()


class TestBudget:
    """Halving: what cannot win any more is dropped, and nothing else."""

    def test_updates_bound_the_runs_whatever_the_clock(self):
        found = tried(seeds=5, budget=20 * 4 * 2)
        assert len(found.runs) == 8
        assert found.judged["own"].score.seeds == 2
        assert any("budget ended after 2 of 5 seeds" in note for note in found.notes)

    def test_a_budget_that_holds_everything_drops_nothing(self):
        found = tried(seeds=3, budget=20 * 12)
        assert (len(found.runs), dict(found.dropped)) == (12, {})

    def test_what_cannot_win_is_dropped_and_the_rest_goes_on(self):
        def dead(model, seed):
            torch.nn.init.zeros_(model[0].weight)
            torch.nn.init.zeros_(model[2].weight)

        starts = {"own": "own", "he": "he_normal", "dead": dead}
        everything = 3 * 1 * 8 * 60
        found = tried(starts=starts, rates=(0.03,), seeds=8, steps=60, budget=everything - 60)
        assert set(found.dropped) == {"dead"}
        assert found.judged["dead"].place == "behind"
        assert found.judged["own"].score.seeds == found.judged["he"].score.seeds == 8
        assert found.judged["dead"].score.seeds == found.dropped["dead"].seeds < 8

    def test_nothing_is_run_with_nothing_to_spend(self):
        found = tried(budget=0)
        assert (found.runs, found.verdict) == ((), "not settled")
        assert found.objective("own", 0.01) == pytest.approx(tried(rates=(0.01,), seeds=1).runs[0].score)

    def test_time_is_asked_of_the_clock(self):
        from isogain.torch.trial.budget import Budget

        now = [0.0]
        budget = Budget(seconds=60, clock=lambda: now[0])
        assert budget.allows(10, 100, 5.9)
        assert not budget.allows(10, 100, 6.1)
        now[0] = 61.0
        assert not budget.goes_on()


def test_other_search_libraries_can_drive_it():
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    trial = tried(budget=0, steps=15)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    study.optimize(
        lambda t: trial.objective(
            t.suggest_categorical("start", trial.starts), t.suggest_float("rate", 1e-4, 1e-1, log=True), 1
        ),
        n_trials=6,
    )
    best = study.best_trial
    assert best.value == trial.objective(best.params["start"], best.params["rate"], 1)
    with pytest.raises(TrialError, match="no start 'other'"):
        trial.objective("other", 0.1)


def test_one_job_takes_one_free_gpu(tmp_path):
    from isogain.torch.trial.devices import free_place

    assert [free_place(2, tmp_path) for _ in range(2)] == [0, 1]

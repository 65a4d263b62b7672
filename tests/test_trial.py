"""`trial`: the same batches for all, a rate for each start, honest differences, and what is finished is kept."""

from __future__ import annotations

import json
import math
import random
import threading

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import isogain as ig
import isogain.torch as igt
from isogain.errors import JobError, TrialError
from isogain.jobs.store import Store
from isogain.report.chinese import chinese
from isogain.torch.trial.batches import Examples, Passes, source_of
from trial_problems import CLASSES, FEATURES, deep, examples, shallow, small

USUAL = {"loss": "cross_entropy", "workers": 1, "progress": False, "results": None}


def tried(build=shallow, starts=("own", "he_normal"), data=None, **more):
    settings = {"rates": (0.003, 0.03), "steps": 20, "seeds": 3, **USUAL, **more}
    return igt.trial(build, data or examples(), starts, **settings)


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


class Broken(torch.utils.data.Dataset):
    """A data set of which one file cannot be read."""

    def __len__(self):
        return 100

    def __getitem__(self, index):
        if index == 37:
            raise OSError("file 37")
        return torch.ones(FEATURES), 0


class TestBadInput:
    """One clear message before anything is trained; what fails in the middle costs itself alone."""

    @pytest.mark.parametrize(
        ("given", "message"),
        [
            ({"loss": lambda output, target: output.square()}, r"one number.*shape \(64, 4\); take its mean"),
            ({"loss": lambda output, target: 3.0}, "one number"),
            ({"loss": "no_such_loss"}, "torch.nn.functional"),
            ({"loss": lambda output, target: torch.ones(())}, "no parameter that trains"),
            ({"metric": "speed"}, "metric must be"),
            ({"metric": lambda o, t: 1 / 0}, "the metric raised ZeroDivisionError"),
            ({"metric": lambda o, t: "good"}, "must give one number"),
            ({"rates": (0.1, -1.0)}, "rates must be"),
            ({"rates": {}}, "none are given for adam"),
            ({"optimizers": "warp"}, "optimizers: one of"),
            ({"steps": 0}, "steps must be"),
            ({"seeds": 0}, "seeds must be"),
            ({"seeds": (1, 1)}, "differ"),
            ({"budget": "soon"}, "budget must be"),
            ({"confidence": 1.0}, "confidence must be"),
            ({"backend": "pigeon"}, "backend must be"),
            ({"device": "toaster"}, "device must be"),
            ({"results": 3}, "results must be"),
            ({"starts": ()}, "starts"),
            ({"starts": ("no_such_start",)}, "no_such_start"),
            ({"starts": ("own", "own")}, "name of its own"),
            ({"data": 3}, "data must be"),
            ({"data": (torch.ones(4, 2), torch.ones(3))}, "one length"),
            ({"data": iter([1])}, "once only"),
            ({"data": lambda: iter(())}, "no batch at all"),
            ({"build": lambda: 3}, "must give a torch.nn.Module"),
            ({"build": lambda: 1 / 0}, "build raised ZeroDivisionError"),
            ({"build": lambda: nn.Linear(3, 3)}, r"first batch \(inputs float32 64×12, target int64 64\)"),
            ({"build": "mlp"}, "build must be a function that makes the model"),
            (
                {"build": lambda: nn.Sequential(nn.LazyLinear(4))},
                r"'0.weight' has no shape before a first call",
            ),
            ({"loss": nn.CrossEntropyLoss}, r"got the class CrossEntropyLoss: loss=CrossEntropyLoss\(\)"),
            ({"loss": lambda o, t: o.argmax()}, "one number.*got one of int64"),
            ({"metric": lambda o, t: o.argmax(1) == t}, r"one number, got a tensor of shape \(80,\)"),
            ({"optimizers": torch.optim.LBFGS}, "the steps of lbfgs ask for a closure"),
            ({"optimizers": lambda p, lr: None}, "must give a torch.optim.Optimizer, got None"),
            ({"optimizers": lambda p: None}, r"\(parameters, lr=0.001\) raised TypeError"),
            (
                {"data": (torch.full((90, FEATURES), math.nan), torch.zeros(90).long())},
                "768 of the 768 entries of float",
            ),
            ({"data": Broken()}, "data: example 37 raised OSError: file 37"),
            (
                {"data": (Broken(), lambda items: 1 / 0)},
                "data: (example 37 raised|the examples .* cannot be collated)",
            ),
            ({"data": (torch.ones(1, FEATURES), torch.zeros(1).long())}, "data: one example; two or more"),
            ({"data": {"x": torch.ones(4, 2), "y": [1, 2]}}, "arrays of one length"),
            ({"data": (np.array([["a"]]), np.zeros(1))}, "a tuple holds arrays"),
            ({"validation": [], "data": examples()}, "validation: data: .* holds no example"),
            ({"address": "tcp://here:1"}, "address .* backend='dask'"),
            ({"progress": lambda *told: 1 / 0}, "progress raised ZeroDivisionError"),
        ],
    )
    def test_a_trial_that_cannot_be_made_is_refused(self, given, message):
        with pytest.raises(TrialError, match=message):
            tried(**given)

    def test_a_loader_that_ends_early_says_after_how_many_steps(self):
        class Once:
            """Gives ten batches, once a process."""

            def __init__(self):
                self.left = [(torch.ones(4, FEATURES), torch.zeros(4, dtype=torch.long))] * 30

            def __iter__(self):
                while self.left:
                    yield self.left.pop()

        with pytest.raises(TrialError, match=r"end early.*after \d+ of 20 steps"):
            tried(data=Once())

    def test_a_metric_that_raises_in_one_run_of_many_costs_that_run(self, tmp_path):
        calls = []

        def moody(outputs, targets):
            calls.append(1)
            if len(calls) == 12:
                raise RuntimeError("not today")
            return float((outputs.argmax(1) == targets).float().mean())

        found = tried(metric=moody, results=tmp_path)
        failed = [run for run in found.runs if run.error]
        assert len(failed) == 1
        assert "the metric raised RuntimeError: not today" in failed[0].error
        assert [note for note in found.notes if "1 of 12 runs failed" in note]
        with Store(tmp_path) as store:
            assert len(list(store.every())) == 11 + 2  # runs and looks

    def test_a_start_that_gives_another_model_is_impossible(self):
        found = tried(starts={"own": "own", "other": lambda model, seed: shallow()}, rates=(0.01,))
        assert found.judged["other"].place == "impossible"
        assert "changes the one it is given" in found.judged["other"].why

    def test_what_diverges_everywhere_is_told_by_its_cause(self):
        def lost(model, seed):
            nn.init.constant_(model[0].weight, math.nan)

        settings = {"optimizers": "sgd", "rates": (1e12, 1e13)}
        fast = tried(**settings)
        assert fast.verdict == "not settled"
        assert fast.judged.answer.startswith("Every run diverged")
        assert any("own: all of its 6 runs diverged, the first at update" in note for note in fast.notes)
        start = tried(starts={"own": "own", "lost": lost}, rates=(0.01,))
        assert "lost: all of its 3 runs diverged, one before any update: no rate is to blame" in start.notes
        measured = tried(metric=lambda o, t: math.nan, rates=(0.01,))
        assert (
            "own: the metric is no number in all of its 3 runs, though the training loss is" in measured.notes
        )
        assert "nan" not in str(measured)

    def test_what_cannot_be_sent_to_other_processes_says_so(self):
        held = threading.Lock()

        def build():
            assert not held.locked()
            return shallow()

        with pytest.raises(JobError, match=r"cannot be sent .*lock.* workers=1"):
            tried(build, workers=2)

    def test_a_model_that_ignores_its_seed_is_said_to(self):
        def stubborn():
            torch.manual_seed(0)
            return shallow()

        found = tried(stubborn, ("own", "he_normal"))
        assert any("same values at every seed" in note for note in found.notes)

    def test_a_factory_that_gives_its_one_model_again_starts_every_run_anew(self):
        kept = shallow()
        before = [p.clone() for p in kept.parameters()]
        found = tried(lambda: kept, ("own",), seeds=2, rates=(0.01, 0.03))
        assert len({run.losses[0] for run in found.runs if run.seed == 0}) == 1
        assert all(torch.equal(a, b) for a, b in zip(before, kept.parameters(), strict=True))


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


@pytest.fixture(scope="module")
def found():
    return tried(starts=("own", "he_normal", "init_"))


class TestShown:
    """It prints short, and goes to JSON, a frame, a page, a notebook and figures."""

    def test_it_prints_at_most_sixty_lines_whatever_there_is_to_say(self, found):
        assert all(len(line) <= 100 for line in str(found).splitlines())
        many = {f"start {i}": small for i in range(40)}
        assert len(str(tried(starts=many, steps=1, seeds=2, rates=(0.01,))).splitlines()) <= 60

    def test_its_json_is_versioned_and_whole(self, found):
        told = json.loads(found.to_json())
        assert told["schema"] == "isogain.trial/1"
        assert len(told["runs"]) == 18
        assert {one["start"] for one in told["standings"]} == {"own", "he_normal", "init_"}

    def test_its_frame_has_a_row_a_run(self, found):
        frame = found.to_frame()
        assert len(frame) == 18
        assert frame.score.notna().all()

    def test_its_page_and_figures_are_written(self, found, tmp_path):
        page = found.to_html(tmp_path / "try.html").read_text()
        assert "Prediction and outcome" in page
        assert found.figure("curves", tmp_path / "c.svg").read_text().startswith("<svg")
        assert found.figure("rates", tmp_path / "r.pdf").read_bytes().startswith(b"%PDF")
        assert found.figure("ranking").to_dict()["data"]
        assert "<svg" in found._repr_html_()
        with pytest.raises(TrialError, match="figure: one of"):
            found.figure("pie")


def test_an_answer_of_several_rivals_is_said_in_chinese():
    told = "Level: own, he cannot be told apart at 95%; own is ahead of a by 0.5 [0.4, 0.6], b (x, y) by 0.7 [0.5, 0.9]."
    assert chinese(told).endswith("own 领先 a（差 0.5 [0.4, 0.6]）、b (x, y)（差 0.7 [0.5, 0.9]）。")


class TestData:
    """Whatever holds the data."""

    def test_a_loader_that_shuffles_is_dealt_by_seed_and_holds_out(self):
        loader = DataLoader(TensorDataset(*examples()), batch_size=32, shuffle=True)
        assert isinstance(source_of(loader, 64), Examples)
        assert tried(data=loader, steps=5).verdict in ("level", "won")

    def test_a_data_set_is_asked_for_many_examples_at_once_where_it_can_be(self):
        inputs, target = examples(50)
        asked = []

        class Many:
            def __len__(self):
                return 50

            def __getitems__(self, wanted):
                asked.append(len(wanted))
                return [(inputs[one], target[one]) for one in wanted]

            def __getitem__(self, one):
                raise AssertionError(one)

        several = {
            "many": source_of(Many(), 16), "tensors": source_of(TensorDataset(inputs, target), 16),
            "named": source_of({"x": inputs.numpy(), "labels": target.tolist()}, 16),
        }  # fmt: skip
        streams = {name: source.stream(3) for name, source in several.items()}
        x, y = next(source_of((inputs, target), 16).stream(3))
        assert all(torch.equal(x, next(streams[name])[0]) for name in ("many", "tensors"))
        named = next(streams["named"])
        assert list(named) == ["x", "labels"]
        assert torch.equal(named["x"], x)
        assert torch.equal(named["labels"], y)
        assert asked == [16]

    def test_numbers_come_from_frames_and_arrays_as_well(self):
        pandas = pytest.importorskip("pandas")
        inputs, target = examples(100)
        frames = pandas.DataFrame(inputs.numpy()), pandas.Series(target.numpy())
        found, plain = (
            tried(data=data, rates=np.array([0.01]), steps=3) for data in (frames, (inputs, target))
        )
        assert found.judged == plain.judged

    def test_a_loader_in_its_own_order_says_that_training_may_see_what_judges(self):
        loader = DataLoader(TensorDataset(*examples()), batch_size=32)
        assert isinstance(source_of(loader, 64), Passes)
        found = tried(data=loader, steps=30)
        assert any("no validation data" in note for note in found.notes)
        inputs, target = examples(100)
        assert not tried(data=loader, validation=(inputs, target), steps=3).notes

    def test_items_with_a_collate_function_and_mappings_as_batches(self):
        inputs, target = examples()
        items = [{"x": x, "y": y} for x, y in zip(inputs, target, strict=True)]

        def collate(rows):
            return {"x": torch.stack([r["x"] for r in rows]), "labels": torch.stack([r["y"] for r in rows])}

        class Named(nn.Module):
            def __init__(self):
                super().__init__()
                self.inner = shallow()

            def forward(self, x, labels):
                scores = self.inner(x)
                return {"loss": nn.functional.cross_entropy(scores, labels), "logits": scores}

        found = tried(Named, data=(items, collate), loss=None, steps=5)
        plain = tried(steps=5, seeds=3)
        assert found.runs[0].losses == pytest.approx(plain.runs[0].losses, rel=1e-5)

    def test_accuracy_of_mappings_is_that_of_their_logits_and_labels(self):
        """A data set by the protocol of Hugging Face's: rows that are mappings, and a collate function."""

        class Rows:
            def __init__(self, inputs, target):
                self.columns = {"x": inputs.tolist(), "label": target.tolist()}

            def __len__(self):
                return len(self.columns["x"])

            def __getitem__(self, index):
                return {name: column[index] for name, column in self.columns.items()}

        class Named(nn.Module):
            def __init__(self):
                super().__init__()
                self.inner = shallow()

            def forward(self, x, labels=None):
                scores = self.inner(x)
                return {"loss": nn.functional.cross_entropy(scores, labels), "logits": scores}

        def collate(rows):
            return {
                "x": torch.tensor([r["x"] for r in rows]),
                "labels": torch.tensor([r["label"] for r in rows]),
            }

        usual = {"metric": "accuracy", "steps": 5, "starts": ("own",)}
        found = tried(Named, data=(Rows(*examples()), collate), loss=None, **usual)
        plain = tried(**usual)
        for one, other in zip(found.runs, plain.runs, strict=True):
            assert one.score == pytest.approx(other.score, abs=1 / 80)

    def test_a_function_that_makes_random_batches_gives_a_seed_the_same_ones(self):
        def batches():
            while True:
                inputs = torch.randn(16, FEATURES)
                yield inputs, inputs[:, :CLASSES].argmax(1)

        source = source_of(batches, 64)
        one, other = source.stream(1), source.stream(1)
        first = [next(one)[0] for _ in range(3)]
        torch.rand(7)  # a model's dropout draws meanwhile
        assert all(torch.equal(x, next(other)[0]) for x in first)
        assert tried(data=batches, steps=5).runs


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

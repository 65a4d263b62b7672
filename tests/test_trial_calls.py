"""What a trial takes and what it refuses: data of every kind, and one clear message before anything is trained."""

from __future__ import annotations

import math
import threading

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from isogain.errors import JobError, TrialError
from isogain.jobs.store import Store
from isogain.torch.trial.batches import Examples, Passes, source_of
from trial_problems import CLASSES, FEATURES, examples, shallow, tried


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

"""The store: what is finished is not run again, what is interrupted resumes, what is broken says so."""

from __future__ import annotations

import csv
import os
import signal
import sqlite3
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest

from isogain import lab
from isogain.core.names.catalog import get
from isogain.errors import DataError, LabError
from isogain.jobs.store import FILE_NAME, Store, StoredRun
from isogain.lab import public, runner
from isogain.lab.axes import Axes
from isogain.lab.datasets import load
from isogain.lab.grouping import Run, groups
from isogain.lab.outcome import Outcome
from isogain.lab.registry import STUDIES, Study
from isogain.lab.runner import Where, complete, run_key
from isogain.lab.spec import Arm, Batches, Experiment, Network, Record, Reduction
from isogain.lab.studies import studies, study

NETWORK = Network((64, 16, 10))
TINY = Experiment(
    name="tiny",
    title="Tiny",
    question="?",
    source="-",
    arms=(
        Arm("he", NETWORK, get("he_normal"), learning_rate=0.1),
        Arm("lecun", NETWORK, get("lecun_normal"), learning_rate=0.1),
    ),
    data="digits",
    batches=Batches(16),
    iterations=30,
    seeds=(0, 1, 2),
    record=Record(evaluate_at=(0, 30), layers_at=(0,), histogram_bins=4),
    reduction=Reduction(seeds=2, iterations=10),
)


def say(results):
    loss = results.interval("he", "test.loss")
    return Outcome(
        "tiny", "Tiny", "?", f"{loss.mean:.6f}", (), (), settings=results.settings, command=results.command
    )


@pytest.fixture
def tiny(monkeypatch):
    studies()
    monkeypatch.setitem(STUDIES, "tiny", Study(TINY, say))
    return "tiny"


def trained_groups(monkeypatch):
    """Counts the groups that are really trained from here on."""
    seen = []
    original = runner.train
    monkeypatch.setattr(runner, "train", lambda *a, **k: (seen.append(a[1]), original(*a, **k))[1])
    return seen


def test_a_finished_experiment_is_not_run_again(tiny, tmp_path, monkeypatch):
    seen = trained_groups(monkeypatch)
    first = lab.run(tiny, results=tmp_path, progress=False)
    assert len(seen) == 3
    second = lab.run([tiny], results=tmp_path, progress=False)
    assert len(seen) == 3
    assert first[0].answer == second[0].answer == lab.outcomes(tmp_path)[0].answer


def test_more_seeds_train_only_what_is_new(tiny, tmp_path, monkeypatch):
    lab.run(tiny, results=tmp_path, progress=False)
    seen = trained_groups(monkeypatch)
    outcome = lab.run(tiny, results=tmp_path, seeds=5, progress=False)[0]
    assert sorted({run.seed for group in seen for run in group}) == [3, 4]
    assert outcome.command == "isogain lab run tiny --seeds 5"
    assert outcome.settings["Seeds"] == "0, 1, 2, 3, 4"


def test_an_interrupt_keeps_finished_groups_and_resumes_to_the_same_numbers(tiny, tmp_path, monkeypatch):
    whole = lab.run(tiny, results=tmp_path / "whole", progress=False)[0]
    calls = []

    def interrupt(title, done, total):
        calls.append((title, done, total))
        if done >= total // 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        lab.run(tiny, results=tmp_path / "cut", progress=interrupt)
    assert lab.unfinished(tmp_path / "cut") == ["tiny"]
    with pytest.raises(LabError, match="no finished experiment"):
        lab.outcomes(tmp_path / "cut")
    resumed = lab.run(tiny, results=tmp_path / "cut", progress=False)[0]
    assert resumed.answer == whole.answer
    assert lab.unfinished(tmp_path / "cut") == []


KILLED = """
import sys
from isogain import lab
lab.run("mnist-training", data="mnist-5k", results=sys.argv[1], seeds=4, quick=True,
        progress=lambda title, done, total: print(done, flush=True))
"""


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGINT], ids=["kill", "Ctrl-C"])
def test_a_killed_process_leaves_a_store_that_resumes(tmp_path, sign):
    environment = {**os.environ, "OMP_NUM_THREADS": "2", "ISOGAIN_MNIST": ""}
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # background jobs ignore it
    )
    started = next(process.stdout)
    assert int(started) >= 0
    time.sleep(0.3)
    process.send_signal(sign)
    process.wait(timeout=60)
    updates = study("mnist-training").experiment.reduced().iterations
    with Store(tmp_path, create=False) as store:
        (integrity,) = store._connection.execute("PRAGMA integrity_check").fetchone()
        assert integrity == "ok"
        assert [request.experiment for request in store.requests()] == ["mnist-training"]
        assert all(len(store.arrays(run.key)["loss"]) == updates for run in store.every())
    assert lab.unfinished(tmp_path) == ["mnist-training"]


def test_groups_are_cut_alike_whatever_is_there():
    cut = groups(TINY)
    assert [tuple(run.arm.label for run in group) for group in cut] == [("he", "lecun")] * 3
    many = replace(TINY, arms=tuple(replace(TINY.arms[0], label=str(n), momentum=n / 100) for n in range(20)))
    assert [len(group) for group in groups(many)[:3]] == [6, 7, 7]
    shared = replace(TINY, batches=Batches(None), seed_block=2)
    assert [len({run.seed for run in group}) for group in groups(shared)] == [1, 2] or [
        len({run.seed for run in group}) for group in groups(shared)
    ] == [2, 1]


def test_a_runs_key_holds_all_that_decides_its_numbers_and_nothing_else():
    run, digest = Run(TINY.arms[0], 0), "d"
    key = run_key(TINY, run, digest)
    renamed = replace(TINY.arms[0], label="other", keys=(("group", 1),))
    assert run_key(replace(TINY, name="x", title="y", question="z"), Run(renamed, 0), digest) == key
    changes = [
        run_key(TINY, Run(TINY.arms[0], 1), digest),
        run_key(TINY, run, "other data"),
        run_key(TINY, Run(replace(TINY.arms[0], learning_rate=0.2), 0), digest),
        run_key(TINY, Run(TINY.arms[1], 0), digest),
        run_key(replace(TINY, iterations=31), run, digest),
        run_key(replace(TINY, batches=Batches(17)), run, digest),
    ]
    assert len({key, *changes}) == 7


def test_export_holds_every_number(tiny, tmp_path):
    lab.run(tiny, results=tmp_path, progress=False)
    files = lab.export(tmp_path, tmp_path / "out", "csv")
    assert [path.name for path in files] == ["runs.csv", "measures.csv"]
    with (tmp_path / "out" / "runs.csv").open() as lines:
        runs = list(csv.DictReader(lines))
    assert len(runs) == 6
    with (tmp_path / "out" / "measures.csv").open() as lines:
        measures = list(csv.DictReader(lines))
    with Store(tmp_path) as store:
        for run in store.every():
            mine = [row for row in measures if row["run"] == run.key]
            assert len(mine) == sum(a.size for name, a in run.arrays.items() if name != "evaluated_at")
            losses = [float(row["value"]) for row in mine if row["measure"] == "loss"]
            assert np.array_equal(losses, run.arrays["loss"])
            accuracy = [int(row["update"]) for row in mine if row["measure"] == "test.accuracy"]
            assert accuracy == [0, 30]
    parquet = pytest.importorskip("pyarrow.parquet")
    table = parquet.read_table(lab.export(tmp_path, tmp_path / "out", "parquet")[1])
    assert table.num_rows == len(measures)
    with pytest.raises(LabError, match="'xls' is not one of csv, parquet"):
        lab.export(tmp_path, tmp_path / "out", "xls")


def test_arrays_come_back_as_they_went_in(tmp_path):
    arrays = {"a": np.array([1.5, np.nan, np.inf]), "b": np.arange(6, dtype=np.int64).reshape(2, 3)}
    with Store(tmp_path) as store:
        store.save([StoredRun("k", "e", "a", 0, {"x": 1}, 0.5, arrays)])
        for name, expected in arrays.items():
            np.testing.assert_array_equal(store.arrays("k")[name], expected)
        with pytest.raises(LabError, match="not in the store"):
            store.arrays("unknown")


def test_a_failed_write_leaves_nothing_half_written(tmp_path):
    good = StoredRun("good", "e", "a", 0, {}, 0.5, {"a": np.zeros(2)})
    with Store(tmp_path) as store:
        with pytest.raises(TypeError):
            store.save([good, replace(good, key="bad", content={"x": object()})])
        assert store.present(["good", "bad"]) == set()


def test_a_foreign_damaged_or_locked_store_is_told_apart(tmp_path):
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    with sqlite3.connect(foreign / FILE_NAME) as connection:
        connection.execute("CREATE TABLE mine (x)")
    with pytest.raises(LabError, match="some other program"):
        Store(foreign)
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    (damaged / FILE_NAME).write_bytes(b"not a database at all" * 100)
    with pytest.raises(LabError, match="damaged or no results store"):
        Store(damaged)
    newer = tmp_path / "newer"
    with Store(newer) as store:
        store._connection.execute("PRAGMA user_version = 99")
    with pytest.raises(LabError, match="layout 99, this isogain reads 1"):
        Store(newer)
    (tmp_path / "file").write_text("x")
    with pytest.raises(LabError, match="cannot hold results"):
        Store(tmp_path / "file")
    with pytest.raises(LabError, match="no results yet"):
        lab.outcomes(tmp_path / "nothing")
    assert not (tmp_path / "nothing").exists()


def test_a_store_somebody_else_writes_to_is_waited_for_then_named(tmp_path, monkeypatch):
    monkeypatch.setattr("isogain.jobs.store._WAIT_S", 0.1)
    with Store(tmp_path) as first, Store(tmp_path) as second:
        first._connection.execute("BEGIN IMMEDIATE")
        with pytest.raises(LabError, match="locked; another program is writing"):
            second.save([StoredRun("k", "e", "a", 0, {}, 0.1, {"a": np.zeros(1)})])
        first._connection.execute("ROLLBACK")


def test_mistaken_requests_name_what_there_is(tmp_path):
    with pytest.raises(
        LabError, match="no experiment is called 'mnits'; there are activation-distributions, mnist"
    ):
        lab.run("mnits", results=tmp_path)
    with pytest.raises(DataError, match="nowhere"):
        lab.run("mnist-training", data=tmp_path / "nowhere", results=tmp_path, progress=False)
    with pytest.raises(LabError, match="seeds must differ"):
        lab.run("mnist-training", seeds=[1, 1], results=tmp_path, progress=False)
    with pytest.raises(LabError, match="sizes are two or more"):
        Network((784,))
    with pytest.raises(LabError, match="unknown activation 'rellu'"):
        complete(
            replace(TINY, arms=(replace(TINY.arms[0], network=Network((64, 4, 10), "rellu")),)),
            load("digits"),
            Store(tmp_path / "s"),
        )


def test_the_list_begins_with_the_classics_in_their_order():
    rows = lab.experiments()
    assert [row.name for row in rows][:7] == list(public.DEMO)
    assert all(row.quick_runs <= row.runs and 0 < row.quick_estimated_s <= row.estimated_s for row in rows)


def test_a_reduced_experiment_says_so(tiny, tmp_path):
    with Store(tmp_path) as store:
        outcome = public._outcome(Study(TINY, say), Axes(), store, None, None, True, None, Where())
    assert outcome.command.endswith("--quick")
    assert outcome.settings["Updates"] == "10"
    assert outcome.settings["Runs"].startswith("4 ")

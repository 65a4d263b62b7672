"""The arithmetic behind the table of starts: which rate is chosen, what counts as better, what as not run."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))

from starting.rows import ROWS
from starting.store import Store
from starting.summary import Cell, best_rate, cell, reached, verdict


def _record(rate, seed, validation, test, start="isogain"):
    return {
        "row": "mlp-2", "start": start, "optimizer": "sgd", "rate": rate, "seed": seed,
        "validation": validation, "test": test, "init_s": 0.1,
    }  # fmt: skip


def _store(tmp_path, records):
    store = Store(tmp_path / "runs.jsonl")
    for record in records:
        store.add(record)
    return store


def test_the_rate_is_chosen_on_validation_and_never_on_test(tmp_path):
    row = replace(ROWS["mlp-2"], rates={"sgd": (0.1, 0.2, 0.3)}, choosers={})
    records = [_record(0.1, 0, 0.8, 0.9), _record(0.2, 0, 0.9, 0.5), _record(0.3, 0, None, None)]
    store = _store(tmp_path, records)
    assert best_rate(row, store.records(), "isogain", "sgd") == 0.2
    assert cell(row, store.records(), "isogain", "sgd", range(2)) is None, "seed 1 is missing"
    store.add(_record(0.2, 1, 0.9, None))
    found = cell(row, store.records(), "isogain", "sgd", range(2))
    assert (found.scores, found.runs, found.diverged) == ((0.5,), 2, 1)
    assert best_rate(row, Store(tmp_path / "none").records(), "isogain", "sgd") is None


def test_several_seeds_choose_by_their_mean(tmp_path):
    row = replace(ROWS["mlp-2"], rates={"sgd": (0.1, 0.2)}, choosers={"sgd": 2})
    store = _store(
        tmp_path, [_record(0.1, 0, 0.8, 0.9), _record(0.2, 0, 0.9, 0.5), _record(0.1, 1, 0.8, 0.9)]
    )
    assert best_rate(row, store.records(), "isogain", "sgd") is None, "seed 1 is missing at .2"
    store.add(_record(0.2, 1, 0.6, 0.9))
    assert best_rate(row, store.records(), "isogain", "sgd") == 0.1


def _cell(*scores, runs=None):
    return Cell("x", 0.1, scores, runs or len(scores), (runs or len(scores)) - len(scores))


def test_better_is_beyond_two_standard_errors_and_divergence_is_worst():
    high, low, noisy = _cell(0.95, 0.96, 0.97), _cell(0.90, 0.91, 0.92), _cell(0.8, 1.0, 0.9)
    assert (verdict(high, low, False), verdict(low, high, False)) == ("better", "worse")
    assert (verdict(high, low, True), verdict(high, noisy, False)) == ("worse", "level")
    assert verdict(low, _cell(0.99, 0.99, runs=3), False) == "better"


def test_goals():
    every, bent, free = ROWS["digits-relu"], ROWS["digits-elu"], ROWS["vit"]
    assert reached(every, _cell(0.96, 0.951), [], False)
    assert not reached(every, _cell(0.99, 0.949), [], False), "one seed falls short"
    assert not reached(bent, _cell(0.92, 0.92), [_cell(0.95, 0.95)], False), "another start is better"
    assert reached(free, _cell(0.5, 0.6), [_cell(0.55, 0.56)], False)
    assert not reached(free, _cell(0.5, 0.5), [_cell(0.55, 0.56)], False)


def test_runs_can_be_forgotten(tmp_path):
    store = _store(tmp_path, [_record(0.1, 0, 0.8, 0.9), _record(0.1, 0, 0.8, 0.9, start="default")])
    assert store.forget({"mlp-2"}, {"isogain"}) == 1
    assert {record["start"] for record in store.records().values()} == {"default"}

"""The same bits whoever runs the jobs; a process that dies costs its jobs, and they are run again."""

from __future__ import annotations

import os

import numpy as np
import pytest

import isogain.torch as igt
from isogain.errors import JobError
from isogain.jobs import executing
from isogain.jobs.executing import Crew
from isogain.jobs.on_loky import Hand
from job_functions import identity_of_shared, killing, suicidal
from trial_problems import Mortal, examples, shallow, small

SETTINGS = {
    "starts": ("own", "he_normal", "init_"), "loss": "cross_entropy", "rates": (0.003, 0.03), "steps": 15,
    "seeds": 2, "progress": False, "results": None,
}  # fmt: skip


def numbers(found):
    return {
        (run.start, run.rate, run.seed): (run.losses.tobytes(), run.metric.tobytes()) for run in found.runs
    }


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """What this process alone comes to; nothing is killed at home."""
    mark = tmp_path_factory.mktemp("alone") / "mark"
    return numbers(igt.trial(Mortal(str(mark)), examples(), **SETTINGS, workers=1))


@pytest.fixture(scope="module")
def scheduler():
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        yield cluster.scheduler_address


@pytest.fixture(scope="module")
def ray():
    os.environ.setdefault("RAY_AUTH_MODE", "disabled")
    ray = pytest.importorskip("ray")
    ray.init(num_cpus=2, object_store_memory=10**8, include_dashboard=False, log_to_driver=False)
    yield ray
    ray.shutdown()


def check_once_killed(alone, tmp_path, **where):
    """Networks built by workers, in a trial of which one run ends its process the first time: it is run again,
    nothing else is, and all come to the same bits."""
    mark = tmp_path / "mark"
    found = igt.trial(Mortal(str(mark)), examples(), **SETTINGS, **where)
    assert numbers(found) == alone
    built = mark.read_text().split().count("away")
    assert RUNS + LOOKS < built <= RUNS + LOOKS + MOST_AGAIN
    return found


RUNS, LOOKS = 12, 3
MOST_AGAIN = 6
"""What the killed process had to do: all runs at one rate."""


def test_functions_and_plans_travel_and_processes_give_the_same_bits():
    inputs, _ = examples()
    starts = {"own": "own", "function": small, "plan": igt.plan(shallow(), inputs[:8])}
    settings = {**SETTINGS, "starts": starts}
    away, here = (numbers(igt.trial(shallow, examples(), **settings, workers=count)) for count in (2, 1))
    assert len(here) == RUNS
    assert away == here


def test_processes_give_the_same_bits_and_run_a_lost_job_again(alone, tmp_path):
    found = check_once_killed(alone, tmp_path, workers=2)
    assert any("1 worker process died" in note for note in found.notes)


def test_neighbours_of_a_killed_process_are_not_run_again(tmp_path):
    """Two work side by side until one ends its process: the other begins once all the same."""
    with Crew(killing, str(tmp_path / "log"), workers=2) as crew:
        assert sorted(result for _, result in crew.run(range(6))) == list(range(6))
    begun = [int(line) for line in (tmp_path / "log").read_text().split()]
    assert sorted(begun) == sorted([*range(6), 1])


def test_dask_gives_the_same_bits_and_runs_a_lost_job_again(alone, scheduler, tmp_path):
    check_once_killed(alone, tmp_path, backend="dask", address=scheduler)


def test_ray_gives_the_same_bits_and_runs_a_lost_job_again(alone, ray, tmp_path):
    check_once_killed(alone, tmp_path, backend="ray", workers=2)


def test_a_job_that_always_ends_its_process_is_given_up_and_the_finished_ones_are_kept():
    got = []
    with pytest.raises(JobError, match="died 3 times in a row"), Crew(suicidal, None, workers=2) as crew:
        got.extend(crew.run([0, 1, 2, 3]))
    assert {result for _, result in got} <= {0, 2, 3}


def test_a_cluster_that_does_not_answer_says_so(monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr(executing, "PATIENCE_S", 1)
    with pytest.raises(JobError, match="no dask cluster answers at tcp://127"):
        igt.trial(shallow, examples(), **SETTINGS, backend="dask", address="tcp://127.0.0.1:1")


def test_what_all_jobs_share_is_sent_once():
    """Half a megabyte a job would show: the payload is unpacked once in each process."""
    with Crew(identity_of_shared, np.arange(1000), workers=2) as crew:
        seen = {result for _, result in crew.run(range(12))}
    assert len({identity for process, identity in seen}) == len({process for process, _ in seen}) <= 2


def test_a_process_that_began_anew_while_it_was_idle_is_sent_what_jobs_share():
    """A fresh process of which the crew believes that it has it: as after its idle time."""
    with Crew(identity_of_shared, np.arange(1000), workers=2) as crew:
        hands = [Hand() for _ in range(2)]
        for hand in hands:
            hand.holds = crew._place.parcel.digest
        crew._place.free = hands
        assert len(list(crew.run(range(6)))) == 6

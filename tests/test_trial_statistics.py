"""The judging alone, on scores whose law is known: false winners, power, and what halving may drop."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from isogain.jobs.comparing import compared, each_confidence, lag, survivors
from isogain.jobs.identity import content_hash
from isogain.torch.trial.judging import Terms, judged, scores_of
from isogain.torch.trial.runs import Run

TERMS = Terms("loss", True, 0.95, 1)
EMPTY = np.zeros(0)


def runs_of(scores):
    """Runs of starts x rates x seeds losses."""
    at = np.array([0, 1])
    return [
        Run(
            f"s{start}",
            "adam",
            0.1 * (rate + 1),
            seed,
            EMPTY,
            at,
            EMPTY,
            np.array([3.0, scores[start, rate, seed]]),
        )
        for start, rate, seed in np.ndindex(scores.shape)
    ]


def verdict(scores):
    names = [f"s{start}" for start in range(len(scores))]
    return judged(names, runs_of(scores), {}, {}, TERMS)


@pytest.mark.parametrize(("starts", "seeds", "gap"), [(2, 3, 0.3), (3, 5, 0.1), (6, 5, 0.3)])
def test_starts_of_one_law_are_seldom_told_apart_though_each_chooses_its_rate(starts, seeds, gap):
    """400 trials each: the share that says anything wrong is at most 5 %, plus three standard errors."""
    random, trials = np.random.default_rng(starts), 400
    means = 1 + gap * np.array([0, 1, 3])[None, :, None]
    wrong = won = 0
    for _ in range(trials):
        shared = random.standard_normal((1, 1, seeds))  # what a seed's batches do to every start
        found = verdict(means + shared + random.standard_normal((starts, 3, seeds)))
        wrong += any(one.place == "behind" for one in found.standings)
        won += found.verdict == "won"
    assert won <= wrong <= trials * 0.05 + 3 * np.sqrt(trials * 0.05 * 0.95)


def test_a_gap_of_five_standard_deviations_is_found():
    random = np.random.default_rng(0)
    found = [
        verdict(np.array([0.0, 5.0])[:, None, None] + random.standard_normal((2, 2, 5))) for _ in range(50)
    ]
    assert sum(one.winner == "s0" for one in found) >= 45


def test_intervals_of_all_pairs_hold_at_once():
    """Coverage of the true differences of four arms: at least 95 % of trials have all of them right."""
    random, trials, truth = np.random.default_rng(1), 500, np.array([0.0, 0.5, 1.0, 1.0])
    right = 0
    for _ in range(trials):
        draws = -truth[:, None] + random.standard_normal((4, 6))
        arms = {str(arm): dict(enumerate(draws[arm])) for arm in range(4)}
        each = each_confidence(4)
        gaps = [
            (int(b) - 0, lag(arms[a], arms[b], each), truth[int(b)] - truth[int(a)])
            for a in arms
            for b in arms
            if a < b
        ]
        right += all(found.low <= true <= found.high for _, found, true in gaps)
    assert right / trials >= 0.95 - 3 * np.sqrt(0.05 * 0.95 / trials)


def test_one_comparison_is_the_paired_t_test():
    random = np.random.default_rng(2)
    one, other = random.standard_normal((2, 7))
    found = lag(dict(enumerate(one)), dict(enumerate(other)), 0.95)
    expected = stats.ttest_rel(one, other).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_differences_without_spread_prove_nothing():
    same = {0: 0.5, 1: 0.5, 2: 0.5}
    fewer = {0: 0.25, 1: 0.25, 2: 0.25}
    assert lag(same, fewer, 0.95).low is None
    assert not compared({"a": same, "b": fewer})[1].behind
    assert lag(same, same, 0.95).low == 0


def test_a_run_that_diverged_scores_the_worst_of_its_seed():
    at = np.array([0, 1])
    good = Run("a", "adam", 0.1, 0, EMPTY, at, EMPTY, np.array([2.3, 0.5]))
    lost = Run("a", "adam", 1.0, 0, EMPTY, at[:1], EMPTY, np.array([2.4]), diverged_at=3)
    assert scores_of([good, lost], True) == {("a", "adam", 0.1): {0: -0.5}, ("a", "adam", 1.0): {0: -2.4}}


def test_halving_drops_what_is_behind_and_seldom_the_best():
    random, trials = np.random.default_rng(3), 300
    lost_best = kept_worst = 0
    groups = {f"{start}|{rate}": str(start) for start in range(3) for rate in range(2)}
    for _ in range(trials):
        draws = -np.array([0.0, 0.5, 30.0])[:, None, None] + random.standard_normal((3, 2, 6))
        scores = {
            f"{start}|{rate}": dict(enumerate(draws[start, rate])) for start in range(3) for rate in range(2)
        }
        _, lost = survivors(scores, groups, 0.95, 6)
        lost_best += "0" in lost
        kept_worst += "2" not in lost
    assert lost_best <= trials * 0.05 + 3 * np.sqrt(trials * 0.05 * 0.95)
    assert kept_worst == 0


class TestIdentity:
    """A job's key is the same in every process, and another one for other code."""

    def test_an_edit_is_another_function_and_a_copy_is_not(self):
        def named(source):
            space = {}
            exec(source, space)
            return space["f"]

        one, copy = (named("def f(x):\n    'Says.'\n    return x + 1") for _ in range(2))
        assert content_hash(one) == content_hash(copy)
        assert content_hash(one) != content_hash(named("def f(x):\n    return x + 2"))
        assert content_hash(one) != content_hash(named("def f(x, y=3):\n    return x + 1"))
        assert content_hash(named("def g(x): return x\ndef f(x): return g(x)")) != content_hash(
            named("def g(x): return -x\ndef f(x): return g(x)")
        )

    def test_what_a_function_closes_over_counts(self):
        def made(number):
            return lambda x: x + number

        assert content_hash(made(1)) == content_hash(made(1))
        assert content_hash(made(1)) != content_hash(made(2))

    def test_arrays_count_by_their_values(self):
        ones = np.ones(3)
        assert content_hash(ones) == content_hash(np.ones(3))
        assert content_hash(ones) != content_hash(np.ones(3, dtype=np.float32))

    def test_another_process_agrees(self):
        import subprocess
        import sys
        from pathlib import Path

        code = (
            "import sys; sys.path.insert(0, sys.argv[1]); import job_functions as j; "
            "from isogain.jobs.identity import content_hash; print(content_hash([j.suicidal, {3: 'a'}, {'x', 'y'}]))"
        )
        folder = str(Path(__file__).parent)
        seen = {
            subprocess.run(
                [sys.executable, "-c", code, folder], capture_output=True, text=True, check=True
            ).stdout
            for _ in range(2)
        }
        assert len(seen) == 1

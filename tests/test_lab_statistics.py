"""Intervals against scipy and against their own promise: 95 % of them hold the true mean."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from isogain.jobs.statistics import interval, intervals, paired, separated


def test_an_interval_is_scipys_t_interval():
    values = np.random.default_rng(0).normal(3, 2, 12)
    ours = interval(values)
    low, high = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert (ours.low, ours.high) == pytest.approx((low, high))
    assert ours.mean == pytest.approx(values.mean())


def test_intervals_hold_the_true_mean_as_often_as_they_say():
    trials = 20_000
    mean, low, high = intervals(np.random.default_rng(1).normal(5, 3, (6, trials)))
    share = np.mean((low <= 5) & (high >= 5))
    assert abs(share - 0.95) < 5 * np.sqrt(0.95 * 0.05 / trials)
    assert mean.shape == (trials,)


def test_pairs_cancel_what_they_share():
    generator = np.random.default_rng(2)
    shared = generator.normal(0, 10, 8)
    first, second = shared + 1 + generator.normal(0, 0.1, 8), shared
    assert paired(first, second).above_zero
    assert not separated(interval(second), interval(first)), "unpaired, the same values overlap"
    assert paired(second, first).below_zero


def test_one_seed_gives_no_interval_and_no_verdict():
    lonely = interval([2.0])
    assert (lonely.low, lonely.high, lonely.written()) == (None, None, "2")
    assert not lonely.above_zero
    assert not separated(lonely, interval([5.0, 5.1]))


def test_a_value_that_is_not_finite_is_never_dropped():
    assert np.isnan(interval([1.0, np.nan, 2.0]).mean)
    assert not interval([1.0, np.inf, 2.0]).above_zero


def test_separation_has_a_direction():
    low, high = interval([1.0, 1.1, 0.9]), interval([2.0, 2.1, 1.9])
    assert separated(low, high)
    assert not separated(high, low)

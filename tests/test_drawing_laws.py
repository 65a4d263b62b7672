"""What is drawn has the law it claims: moments, distribution, bounds, tails, independence.

Bounds of the tests are five standard errors; each test of a distribution uses several keys, and its
threshold is the one of that many tests.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from drawing_samples import DTYPES, LAWS, numbers, stretch
from isogain.core.values.distributions import (
    ComplexDiscLaw,
    NormalLaw,
    SparseLaw,
    TruncatedNormalLaw,
    UniformLaw,
)
from isogain.drawing import draw_law
from isogain.drawing.dtypes import Dtype

COUNT = 400_000


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", LAWS)
def test_moments_within_five_standard_errors(name: str, dtype: str) -> None:
    law = LAWS[name]
    x = numbers(law, dtype, COUNT, path="moments")
    error = law.std / math.sqrt(COUNT)
    assert abs(x.mean() - law.mean) < 5 * error
    centred = (x - law.mean) ** 2
    assert abs(centred.mean() - law.std**2) < 5 * centred.std() / math.sqrt(COUNT)


@pytest.mark.parametrize(
    "law", [TruncatedNormalLaw(0, 1, -0.5, math.inf), TruncatedNormalLaw(1, 2, -math.inf, 2)]
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_one_bound_near_the_middle_and_none_on_the_other_side(law: TruncatedNormalLaw, dtype: str) -> None:
    x = numbers(law, dtype, COUNT, path="one side")
    assert abs(x.mean() - law.mean) < 5 * law.std / math.sqrt(COUNT)
    assert abs(x.std() / law.std - 1) < 5 / math.sqrt(COUNT)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", LAWS)
def test_distribution_by_kolmogorov_and_smirnov(name: str, dtype: str) -> None:
    law = LAWS[name]
    smallest = min(
        stats.kstest(numbers(law, dtype, 100_000, seed=seed, path=name), law.cdf).pvalue for seed in range(4)
    )
    assert smallest > 1e-6


def test_a_slightly_wrong_law_fails_the_same_test() -> None:
    """The test above can fail: a hundredth and a half of a standard deviation off is seen."""
    x = numbers(NormalLaw(0.015, 1.0), "float32", COUNT)
    assert stats.kstest(x, NormalLaw(0.0, 1.0).cdf).pvalue < 1e-6


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", LAWS)
def test_nothing_outside_the_bounds_in_any_dtype(name: str, dtype: str) -> None:
    low, high = LAWS[name].bounds
    x = numbers(LAWS[name], dtype, 100_000)
    assert np.isfinite(x).all()
    assert x.min() >= low
    assert x.max() <= high


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-1.0, 0.0), (-0.1, 0.1), (1.0, 1.5), (-3e-5, 1e-5)])
def test_uniform_never_reaches_its_upper_end(low: float, high: float, dtype: str) -> None:
    x = numbers(UniformLaw(low, high), dtype, COUNT)
    assert x.max() < high
    assert x.min() >= low
    # and comes as near as the 16-bit format allows: the last number below `high` is drawn
    if dtype in ("float16", "bfloat16") and high > 0.1:
        assert x.max() == Dtype.of(dtype).inside(low, high, open_above=True)[1]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_sixteen_bit_bounds_between_their_numbers(dtype: str) -> None:
    """Bounds that the format lacks are kept by clamping before the one rounding, not after."""
    law = TruncatedNormalLaw(0.0, 1.0, -1.0007, 1.0007)
    x = numbers(law, dtype, 50_000)
    assert -1.0007 <= x.min() <= x.max() <= 1.0007
    assert x.max() == 1.0


def test_the_tail_is_there_and_no_heavier_than_it_should_be() -> None:
    """Beyond 4 sigma: 63.3 of a million, here of sixteen million."""
    count, expected = 1 << 24, (1 << 24) * 2 * stats.norm.sf(4)
    for dtype in ("float32", "bfloat16"):
        beyond = np.count_nonzero(np.abs(numbers(NormalLaw(0.0, 1.0), dtype, count, threads=2)) > 4)
        slack = 0.03 * expected if dtype == "bfloat16" else 0.0  # rounding moves numbers across 4
        assert abs(beyond - expected) < 5 * math.sqrt(expected) + slack


def test_the_law_is_exactly_symmetric_and_never_zero() -> None:
    x = stretch(NormalLaw(0.0, 1.0), "float32", 0, COUNT)
    assert np.all(x != 0)
    assert abs(np.count_nonzero(x > 0) - COUNT / 2) < 5 * math.sqrt(COUNT) / 2


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_neighbours_and_pairs_are_uncorrelated(dtype: str) -> None:
    """At every distance up to 130: within a Box-Muller pair of float64 (16), a block, a tile, and across tiles."""
    x = numbers(NormalLaw(0.0, 1.0), dtype, COUNT)
    for values in (x, np.abs(x), x**2):
        z = (values - values.mean()) / values.std()
        worst = max(abs(np.mean(z[lag:] * z[:-lag])) for lag in range(1, 131))
        assert worst < 5.5 / math.sqrt(COUNT)


def test_other_seeds_and_paths_are_independent() -> None:
    streams = [
        numbers(NormalLaw(0.0, 1.0), "float32", 50_000, seed=s, path=p) for s in range(5) for p in "abcde"
    ]
    correlation = np.corrcoef(streams) - np.eye(len(streams))
    assert np.max(np.abs(correlation)) < 5.5 / math.sqrt(50_000)


def test_sparse_zeroes_a_uniform_choice_of_places() -> None:
    w = draw_law(SparseLaw(0.5, 3, 10, 0), (10, 60_000), seed=1, path="s")
    assert np.all(np.count_nonzero(w == 0, axis=0) == 3)
    hits = np.count_nonzero(w == 0, axis=1)
    assert np.max(np.abs(hits - 18_000)) < 5 * math.sqrt(60_000 * 0.3 * 0.7)
    kept = w[w != 0]
    assert abs(kept.std() / 0.5 - 1) < 5 / math.sqrt(2 * kept.size)
    pairs = np.count_nonzero((w[0] == 0) & (w[1] == 0))
    assert abs(pairs - 60_000 * 3 * 2 / 90) < 5 * math.sqrt(60_000 / 15)


def test_complex_disc_has_its_radius_law_and_a_uniform_angle() -> None:
    law = ComplexDiscLaw(1.5, 2.0)
    for dtype in ("complex64", "complex128"):
        w = draw_law(law, (100_000,), seed=2, path="c", dtype=dtype)
        share = -np.expm1(-(np.abs(w) ** 2) / 1.5**2) / -np.expm1(-4.0)
        assert np.abs(w).max() <= 3.0 * (1 + 1e-6)
        assert stats.kstest(share, "uniform").pvalue > 1e-5
        assert stats.kstest(np.angle(w) / (2 * np.pi) + 0.5, "uniform").pvalue > 1e-5

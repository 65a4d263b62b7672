"""The checks that every initializer must pass, as functions that can fail (see test_conformance.py).

They judge numbers, not code: a sample against a law written down independently (scipy.stats and the
published formula), with tolerances that come from the sample's own standard errors.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

SIGMAS = 5.0
SMALLEST_P = 1e-6


@dataclass(frozen=True)
class Expected:
    """A law as its source states it: a frozen scipy.stats distribution, and hard bounds."""

    law: Any
    low: float = -math.inf
    high: float = math.inf


def normal(std: float, mean: float = 0.0) -> Expected:
    return Expected(stats.norm(mean, std))


def uniform(low: float, high: float) -> Expected:
    return Expected(stats.uniform(low, high - low), low, high)


def truncated(sigma: float, mean: float, low: float, high: float) -> Expected:
    """N(mean, sigma^2) on the absolute interval [low, high]."""
    law = stats.truncnorm((low - mean) / sigma, (high - mean) / sigma, loc=mean, scale=sigma)
    return Expected(law, low, high)


def truncated_at_two(std: float) -> Expected:
    """Cut at two sigma, sigma so that `std` is what is left (sigma from scipy, not from a constant)."""
    sigma = std / float(stats.truncnorm(-2, 2).std())
    return truncated(sigma, 0.0, -2 * sigma, 2 * sigma)


def check_sample(values: np.ndarray, expected: Expected) -> None:
    """AssertionError unless the sample has the law's mean, std, bounds and shape."""
    sample = np.asarray(values, dtype=np.float64).ravel()
    count = sample.size
    law_mean, law_std = float(expected.law.mean()), float(expected.law.std())
    kurtosis = float(expected.law.stats(moments="k")) + 3
    mean_error = law_std / math.sqrt(count)
    std_error = law_std * math.sqrt((kurtosis - 1) / (4 * count))
    assert SIGMAS * std_error < 0.008 * law_std, f"{count} draws cannot tell a 1 % error"
    assert abs(sample.mean() - law_mean) < SIGMAS * mean_error, f"mean {sample.mean()}, expected {law_mean}"
    assert abs(sample.std() - law_std) < SIGMAS * std_error, f"std {sample.std()}, expected {law_std}"
    assert sample.min() >= expected.low - 1e-7 * law_std, f"{sample.min()} is below {expected.low}"
    assert sample.max() <= expected.high + 1e-7 * law_std, f"{sample.max()} is above {expected.high}"
    p = stats.kstest(sample, expected.law.cdf).pvalue
    assert p > SMALLEST_P, f"Kolmogorov-Smirnov p = {p:.1e}: another shape than {expected.law.dist.name}"


def check_alike(ours: np.ndarray, theirs: np.ndarray) -> None:
    """AssertionError unless two samples share mean, std and shape."""
    a, b = (np.asarray(x, dtype=np.float64).ravel() for x in (ours, theirs))
    mean_error = math.sqrt(a.var() / a.size + b.var() / b.size)
    assert abs(a.mean() - b.mean()) < SIGMAS * mean_error + 1e-12
    spread = [math.sqrt((stats.kurtosis(x) + 2) / (4 * x.size)) * x.std() for x in (a, b)]
    assert abs(a.std() - b.std()) < SIGMAS * math.hypot(*spread) + 1e-12
    assert stats.ks_2samp(a, b).pvalue > SMALLEST_P


def check_ratio(ratios: np.ndarray, expected: float = 1.0, *, resolution: float = 0.01) -> None:
    """AssertionError unless independent measurements of a ratio average to `expected`."""
    ratios = np.asarray(ratios, dtype=np.float64)
    error = ratios.std(ddof=1) / math.sqrt(ratios.size)
    assert SIGMAS * error < resolution * expected, f"too noisy: standard error {error:.2e}"
    assert abs(ratios.mean() - expected) < SIGMAS * error, (
        f"{ratios.mean():.4f} ± {error:.4f}, not {expected}"
    )

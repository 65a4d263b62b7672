"""The families a tensor may be of, each fitted; the likeliest by its likelihood, then judged on its own."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from isogain.core.values.distributions import truncated_std
from isogain.identification.sample import Sample
from isogain.identification.stored import Floats

__all__ = ["Family", "families"]

CUTS = (2.0, 3.0)
"""Where libraries cut a normal law, in sigmas."""


@dataclass(frozen=True)
class Family:
    """A fitted law: its distribution function, log-likelihood of the sample, and the error of its std."""

    name: str
    """normal, uniform or truncated_normal."""
    std: float
    mean: float
    likelihood: float
    error: float
    """Relative standard error of the std."""
    kurtosis: float
    cdf: Callable[[Floats], Floats]
    cut: float = math.inf
    """In sigmas of the law that was cut."""
    one_sided: bool = False
    """Whether the true std can only be larger: it was read off the extremes."""


def families(sample: Sample) -> list[Family]:
    """All of them, the likeliest first."""
    found = [_normal(sample), _uniform(sample), *_cut(sample)]
    return sorted(found, key=lambda one: -one.likelihood)


def _centre(sample: Sample) -> float:
    """0 unless the mean says otherwise."""
    return 0.0 if abs(sample.mean) < 4.5 * sample.std / math.sqrt(sample.count) else sample.mean


def _normal(sample: Sample) -> Family:
    from scipy import special

    mean = _centre(sample)
    std = math.sqrt(float(np.square(sample.flat - mean).mean()))
    likelihood = -sample.count * (math.log(std) + 0.5 * math.log(2 * math.pi) + 0.5)
    error = 1 / math.sqrt(2 * sample.count)
    return Family("normal", std, mean, likelihood, error, 3.0, lambda x: special.ndtr((x - mean) / std))


def _uniform(sample: Sample) -> Family:
    """Bounds a hair beyond the extremes; symmetric where the extremes are."""
    count = sample.count
    gap = (sample.high - sample.low) / count
    low, high = sample.low, sample.high
    if abs(high + low) < 20 * gap + 4 * sample.resolution * high:
        high = max(high, -low)
        low = -high
    width = (high - low) * (1 + 1 / count)
    likelihood = -count * math.log(width)
    return Family("uniform", width / math.sqrt(12), (low + high) / 2, likelihood, 1 / count, 1.8,
                  lambda x: np.clip((x - low) / (high - low), 0, 1), one_sided=True)  # fmt: skip


def _cut(sample: Sample) -> Iterator[Family]:
    """Normal laws cut at 2 or 3 sigmas, sigma from the std; impossible where a value lies beyond."""
    from scipy import special

    mean = _centre(sample)
    std = math.sqrt(float(np.square(sample.flat - mean).mean()))
    reach = float(np.abs(sample.flat - mean).max())
    for cut in CUTS:
        sigma = std / truncated_std(-cut, cut)
        error = _error(cut, sample.count)
        slack = 1 + 6 * error + 2 * sample.resolution
        if reach > cut * sigma * slack:
            continue
        mass = special.ndtr(cut) - special.ndtr(-cut)
        square = float(np.square((sample.flat - mean) / sigma).mean())
        likelihood = -sample.count * (math.log(sigma * mass) + 0.5 * math.log(2 * math.pi) + 0.5 * square)
        yield Family(
            "truncated_normal", std, mean, likelihood, error, _kurtosis(cut), _cut_cdf(mean, sigma, cut), cut
        )


def _cut_cdf(mean: float, sigma: float, cut: float) -> Callable[[Floats], Floats]:
    from scipy import special

    low, high = special.ndtr(-cut), special.ndtr(cut)
    return lambda x: np.clip((special.ndtr((x - mean) / sigma) - low) / (high - low), 0, 1)


def _kurtosis(cut: float) -> float:
    """Of a standard normal conditioned on ±cut."""
    density = math.exp(-0.5 * cut * cut) / math.sqrt(2 * math.pi)
    mass = math.erf(cut / math.sqrt(2))
    second = 1 - 2 * cut * density / mass
    fourth = 3 * second - 2 * cut**3 * density / mass
    return fourth / second**2


def _error(cut: float, count: int) -> float:
    return math.sqrt((_kurtosis(cut) - 1) / (4 * count))

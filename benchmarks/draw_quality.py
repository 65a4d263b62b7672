"""The quality of the numbers at sizes too large for the test suite; the output is quoted in docs/drawing.md.

python benchmarks/draw_quality.py                     moments, tails, Kolmogorov-Smirnov, Anderson-Darling
python benchmarks/draw_quality.py --count 1e9         the same with a billion normals (about a minute)
python benchmarks/draw_quality.py --raw | dieharder -a -g 200      the raw words through a public battery
python benchmarks/draw_quality.py --raw | RNG_test stdin32         the same through PractRand
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy import special, stats

from isogain.core.values.distributions import NormalLaw, TruncatedNormalLaw, UniformLaw
from isogain.drawing import draw_law
from isogain.drawing.engine import fill
from isogain.drawing.key import Key
from isogain.drawing.recipe import WORDS
from isogain.drawing.regions import Region

CHUNK = 1 << 23
NORMAL = NormalLaw(0.0, 1.0)


def chunks(count: int, seed: int = 0) -> Iterator[np.ndarray[Any, Any]]:
    """`count` normals of one stream, a chunk at a time, as float64."""
    for start in range(0, count, CHUNK):
        region = (slice(start, min(start + CHUNK, count)),)
        yield draw_law(NORMAL, (count,), seed=seed, path="quality", region=region).astype(np.float64)


def moments_and_tails(count: int) -> None:
    """Raw moments 1 to 8 and the counts beyond 3, 4, 5, 5.5 and 6 sigma, in standard errors."""
    powers = np.zeros(9)
    limits = (3.0, 4.0, 5.0, 5.5, 6.0)
    beyond, largest = np.zeros(len(limits)), 0.0
    for x in chunks(count):
        power = np.ones_like(x)
        for k in range(1, 9):
            power *= x
            powers[k] += power.sum()
        size = np.abs(x)
        beyond += [np.count_nonzero(size > limit) for limit in limits]
        largest = max(largest, float(size.max()))
    for k in range(1, 9):
        expected = float(special.factorial2(k - 1)) if k % 2 == 0 else 0.0
        variance = float(special.factorial2(2 * k - 1)) - expected**2
        error = (powers[k] / count - expected) / math.sqrt(variance / count)
        print(f"moment {k}: {powers[k] / count:+.6f}, expected {expected:g}, {error:+.2f} standard errors")
    for limit, found in zip(limits, beyond, strict=True):
        expected = 2 * stats.norm.sf(limit) * count
        off = (found - expected) / math.sqrt(expected)
        print(f"beyond {limit} sigma: {found:.0f}, expected {expected:.1f}, {off:+.2f} standard errors")
    print(f"largest of {count:.3g}: {largest:.3f}, expected about {-stats.norm.ppf(0.5 / count):.2f}")


def distributions(count: int, keys: int) -> None:
    """Kolmogorov-Smirnov and Anderson-Darling of each law on several keys; the p-values must be uniform."""
    laws = {
        "normal": NORMAL,
        "uniform": UniformLaw(-1.0, 1.0),
        "truncated at 2 sigma": TruncatedNormalLaw(0.0, 1.0, -2.0, 2.0),
        "truncated to [3, 4]": TruncatedNormalLaw(0.0, 1.0, 3.0, 4.0),
    }
    for name, law in laws.items():
        smirnov, darling = [], []
        for seed in range(keys):
            u = np.sort(law.cdf(draw_law(law, (count,), seed=seed, path=name, dtype="float64")))
            smirnov.append(stats.kstest(u, "uniform").pvalue)
            darling.append(_anderson_darling(u))
        uniform = [stats.kstest(values, "uniform").pvalue for values in (smirnov, _darling_p(darling))]
        print(
            f"{name}: {keys} keys of {count:.3g}; Kolmogorov-Smirnov p from {min(smirnov):.3g} "
            f"(uniform: p = {uniform[0]:.2f}); "
            f"Anderson-Darling A2 up to {max(darling):.2f} (uniform: p = {uniform[1]:.2f})"
        )


def _anderson_darling(u: np.ndarray[Any, Any]) -> float:
    n = len(u)
    weights = 2 * np.arange(1, n + 1) - 1
    return float(-n - np.mean(weights * (np.log(u) + np.log1p(-u[::-1]))))


def _darling_p(values: list[float]) -> list[float]:
    """P-values of the fully specified Anderson-Darling statistic (Marsaglia & Marsaglia 2004, adinf)."""
    result = []
    for z in values:
        if z < 2:
            poly = (0.00168691, -0.0116720, 0.0347962, -0.0649821, 0.247105, 2.00012)
            cdf = math.exp(-1.2337141 / z) / math.sqrt(z) * np.polyval(poly, z)
        else:
            poly = (-0.0003146, 0.008056, -0.082433, 0.43424, -2.30695, 1.0776)
            cdf = math.exp(-math.exp(np.polyval(poly, z)))
        result.append(1 - float(cdf))
    return result


def correlations(count: int) -> None:
    """Between neighbours at distances to 256, between seeds, and between paths, in standard errors."""
    x = np.concatenate(list(chunks(count)))
    for name, z in (("values", x), ("squares", (x**2 - 1) / math.sqrt(2))):
        worst = max(abs(float(np.dot(z[lag:], z[:-lag]))) / math.sqrt(count) for lag in range(1, 257))
        print(f"{name} at distances 1 to 256: largest correlation {worst:.2f} standard errors")
    streams = [draw_law(NORMAL, (count // 64,), seed=s, path=p) for s in range(16) for p in "abcd"]
    matrix = np.corrcoef(streams) * math.sqrt(count // 64)
    np.fill_diagonal(matrix, 0)
    print(
        f"64 streams of 16 seeds and 4 paths: largest correlation {np.abs(matrix).max():.2f} standard errors"
    )


def raw() -> None:
    """Endless raw words: 2^20 of one parameter after the other, as a model would use them."""
    words, number = np.empty(1 << 20, np.uint32), 0
    region = Region.of((1 << 20,))
    try:
        while True:
            fill(words, Key.of(number % 7, f"layer.{number}.weight"), WORDS, region)
            sys.stdout.buffer.write(memoryview(words).cast("B"))
            number += 1
    except BrokenPipeError:
        sys.stderr.close()


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=float, default=1e8)
    parser.add_argument("--keys", type=int, default=8)
    parser.add_argument("--raw", action="store_true")
    options = parser.parse_args()
    if options.raw:
        raw()
        return
    count = int(options.count)
    moments_and_tails(count)
    distributions(min(count // 10, 10**7), options.keys)
    correlations(min(count // 10, 10**7))


if __name__ == "__main__":
    main()

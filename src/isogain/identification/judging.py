"""Could the values be independent draws of one law?  Each check is a z-score or a p-value of its own.

A start is independent and identically distributed; training is not: it makes rows and columns of
different size, directions of its own, and tails.  Every check asks for one of these, at a level that no
start reaches by chance.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np

from isogain.identification.sample import Sample
from isogain.identification.stored import Floats

__all__ = ["faults_of"]

SMALLEST_P = 1e-6
Z = 5.5
SPECTRUM = 6.0
"""In units of the Tracy-Widom scale, whose law has a fatter tail."""
DEPENDENCE = 6.5
"""In standard errors; a sum of squares leans to the right where lines are few."""
TAILS = 6.5
"""In standard errors; a fourth moment leans to the right."""
FEWEST_FOR_TAILS = 1000
SIDE = 256


def faults_of(sample: Sample, cdf: Callable[[Floats], Floats], kurtosis: float) -> Iterator[str]:
    """Why the sample is no draw of the law with this distribution function; nothing where it may be."""
    yield from _shape(sample, cdf)
    matrix = (sample.matrix - sample.mean) / max(sample.std, 1e-300)
    for name, lines in (("rows", matrix), ("columns", matrix.T)):
        yield from _lines(name, lines, kurtosis)
    yield from _neighbours(matrix)
    yield from _directions(matrix)
    if kurtosis == 3:
        yield from _tails(sample)


def _shape(sample: Sample, cdf: Callable[[Floats], Floats]) -> Iterator[str]:
    """Chi-square over bins of equal mass; the law's own numbers were fitted, which takes two degrees."""
    from scipy import special

    bins = int(min(max(sample.count / 40, 8), 64))
    places = np.clip((cdf(sample.flat) * bins).astype(int), 0, bins - 1)
    counts = np.bincount(places, minlength=bins)
    expected = sample.count / bins
    distance = float(np.square(counts - expected).sum() / expected)
    if sample.resolution > 1e-4:  # 16 bits: values lie on a lattice, which bins cut unevenly
        distance /= 1 + sample.count * sample.resolution * 2
    if special.chdtrc(bins - 3, distance) < SMALLEST_P:
        yield "the histogram is of another shape"


def _lines(name: str, lines: Floats, kurtosis: float) -> Iterator[str]:
    """Whether rows (or columns) differ in size or in mean by more than draws do."""
    count, width = lines.shape
    if count < 8 or width < 4:
        return
    sizes = np.square(lines).mean(axis=1)
    # the fourth moment of a mean of squares widens the spread of their variance where lines are short
    spread = float(sizes.var(ddof=1)) * width / max(kurtosis - 1, 0.1)
    if _unlikely(spread, count - 1, 1 + _excess(kurtosis) / (2 * width)):
        yield f"{name} differ in size {'more' if spread > 1 else 'less'} than independent draws do"
    means = float(lines.mean(axis=1).var(ddof=1)) * width
    if _unlikely(means, count - 1, 1 + max(kurtosis - 3, 0) / (2 * width)):
        yield f"{name} differ in mean"


def _unlikely(ratio: float, freedom: int, wider: float) -> bool:
    """Whether a variance over its expectation is no chi-square of that freedom; tails make it smaller."""
    from scipy import special

    left = freedom / wider
    return bool(min(special.chdtrc(left, ratio * left), special.chdtr(left, ratio * left)) < SMALLEST_P)


def _excess(kurtosis: float) -> float:
    """Excess kurtosis of the square of a value: 12 for a normal law, less for bounded ones."""
    return 12.0 if kurtosis > 2.2 else 2.0


def _neighbours(matrix: Floats) -> Iterator[str]:
    """Values side by side are uncorrelated in a draw, smooth in a trained kernel or a table."""
    for name, one, other in (
        ("in a row", matrix[:, :-1], matrix[:, 1:]),
        ("in a column", matrix[:-1], matrix[1:]),
    ):
        if one.size > 100 and abs(float((one * other).sum())) > Z * math.sqrt(one.size):
            yield f"neighbours {name} are correlated"


def _directions(matrix: Floats) -> Iterator[str]:
    """The largest singular value of independent draws is √rows + √columns to a hair (Johnstone 2001)."""
    part = matrix[_strided(matrix.shape[0])][:, _strided(matrix.shape[1])]
    lines = part if part.shape[0] <= part.shape[1] else part.T
    count, width = lines.shape
    if count < 8:
        return
    gram = lines @ lines.T
    a, b = math.sqrt(count - 1), math.sqrt(width)
    scale = (a + b) * (1 / a + 1 / b) ** (1 / 3)
    if (_largest(gram) - (a + b) ** 2) / scale > SPECTRUM:
        yield "it has directions that no independent draw has"
    elif _correlated(gram, width) > DEPENDENCE:
        yield "its lines are correlated"


def _largest(gram: Floats) -> float:
    """The largest eigenvalue, by Lanczos' method: all of them cost more, and threads that wait for others."""
    from scipy.sparse.linalg import eigsh

    start = np.random.default_rng(0).standard_normal(len(gram))
    return float(eigsh(gram, 1, which="LA", v0=start, tol=1e-4, return_eigenvectors=False)[0])


def _correlated(gram: Floats, width: int) -> float:
    """Squared correlations of all pairs of lines, standardised (Schott 2005): sees many weak directions."""
    count, sizes = len(gram), np.diagonal(gram)
    total = float((np.square(gram) / np.outer(sizes, sizes)).sum() - count) / 2
    pairs = count * (count - 1) / 2
    spread = math.sqrt(2 * pairs * (width - 1) / (width**2 * (width + 2)))
    return (total - pairs / width) / spread


def _tails(sample: Sample) -> Iterator[str]:
    """Third and fourth moments of a normal law, whose errors are √(6/n) and √(24/n)."""
    values = (sample.flat - sample.mean) / max(sample.std, 1e-300)
    if sample.count >= FEWEST_FOR_TAILS:
        if abs(float((values**3).mean())) > Z * math.sqrt(6 / sample.count):
            yield "its values lean to one side"
        if abs(sample.kurtosis - 3) > TAILS * math.sqrt(24 / sample.count):
            yield "its tails are another law's"


def _strided(size: int) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    return np.linspace(0, size - 1, min(size, SIDE)).astype(np.intp)

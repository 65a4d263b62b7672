"""An activation as a series of Hermite polynomials, by which correlations travel exactly.

phi(sqrt(q) z) = sum_k a_k h_k(z) with h_k orthonormal under N(0, 1) gives (Mehler 1866)
E[phi(u1) phi(u2)] = sum_k a_k^2 c^k.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from isogain.core.activations import Activation
from isogain.core.activations.quadrature import EPSILON, Floats, density, legendre

__all__ = ["hermite_coefficients"]

TERMS = 96


@lru_cache(maxsize=4096)
def hermite_coefficients(activation: Activation, variance: float, terms: int = TERMS) -> tuple[Floats, float]:
    """The squares a_k^2 for k below `terms`, and the mass sum_{k >= terms} a_k^2 they miss."""
    z, weights = _grid()
    std = math.sqrt(variance)
    breaks = [kink / std for kink in activation.kinks if abs(kink / std) < 12]
    if breaks:
        z, weights = _grid(tuple(breaks))
    values = activation.function(std * z) * weights
    coefficients = _hermite(z, terms, bool(breaks)) @ values
    squares = np.square(coefficients)
    second = activation.moments(variance).second
    missing = max(second.value - float(squares.sum()), 0.0) + second.error + 8 * EPSILON * second.value
    return squares, missing


@lru_cache(maxsize=64)
def _grid(breaks: tuple[float, ...] = ()) -> tuple[Floats, Floats]:
    """Nodes on [-12, 12] cut at the breaks, and weights that include the normal density."""
    nodes, weights = legendre(15)
    edges = np.unique(np.concatenate([np.linspace(-12, 12, 49), np.array(breaks)]))
    width = np.diff(edges)[:, None]
    z = (edges[:-1, None] + width * nodes).ravel()
    return z, (width * weights).ravel() * density(z)


def _hermite(z: Floats, terms: int, cut: bool) -> Floats:
    return _polynomials(z, terms) if cut else _on_even_grid(terms)


@lru_cache(maxsize=4)
def _on_even_grid(terms: int) -> Floats:
    return _polynomials(_grid()[0], terms)


def _polynomials(z: Floats, terms: int) -> Floats:
    """h_0 ... h_{terms-1}, orthonormal, by their three-term recurrence: shape (terms, n)."""
    table = np.empty((terms, len(z)))
    table[0], table[1] = 1.0, z
    for k in range(1, terms - 1):
        table[k + 1] = (z * table[k] - math.sqrt(k) * table[k - 1]) / math.sqrt(k + 1)
    return table

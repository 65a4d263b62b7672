"""What ignorance would cost, found by asking the loss itself: it is a function, so it can be probed.

A softmax cross-entropy does not change when all logits of a row move together, and costs ln C at equal
logits; a binary one costs ln 2 at 0; a square error is a parabola in a constant prediction, whose lowest
point is the variance of the targets.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from isogain.inspect.table import LossUse

__all__ = ["loss_use"]

Array = NDArray[Any]
Probe = Callable[[Array], float]
CLOSE = 2e-3
"""Relative error within which a probed value counts as the one expected; sums over a batch are in float32."""


def loss_use(loss: Callable[[Any], Any], prediction: Any) -> LossUse | None:
    """The LossUse of a loss of one array; None where it behaves like no kind whose chance level is known.

    >>> targets = jnp.arange(100) % 5
    >>> def loss(logits):
    ...     return -jnp.take_along_axis(jax.nn.log_softmax(logits), targets[:, None], 1).mean()
    >>> found = loss_use(loss, jax.random.normal(jax.random.key(0), (100, 5)))
    >>> found.kind, found.classes, round(found.chance, 3)
    ('cross_entropy', 5, 1.609)
    """
    values = np.asarray(prediction, np.float32)
    if not values.size or not np.isfinite(values).all():
        return None
    run = jax.jit(lambda one: jnp.mean(jnp.asarray(loss(one), jnp.float32)))

    def probe(one: Array) -> float:
        return float(run(jnp.asarray(one, prediction.dtype)))

    try:
        return _classes(probe, values) or _binary(probe, values) or _square(probe, values)
    except Exception:  # a loss may refuse predictions that its model never makes
        return None


def _classes(probe: Probe, values: Array) -> LossUse | None:
    """Of a softmax over one of the axes: which one, by moving its logits together."""
    equal, value = probe(np.zeros_like(values)), probe(values)
    generator = np.random.default_rng(0)
    for axis in reversed(range(values.ndim)):
        count = values.shape[axis]
        if count < 2:
            continue
        rows = next((n for n in _reductions(values, count) if _close(equal, n * math.log(count))), None)
        shift = generator.normal(size=[1 if k == axis else n for k, n in enumerate(values.shape)])
        if rows is not None and _close(probe(values + shift.astype(np.float32)), value):
            spread = math.sqrt(float(values.var(axis=axis, dtype=np.float64).mean()))
            return LossUse("cross_entropy", value / rows, math.log(count), count, spread)
    return None


def _binary(probe: Probe, values: Array) -> LossUse | None:
    """Of independent yes and no: ln 2 at logits 0, growing as fast as far logits do and no faster."""
    equal = probe(np.zeros_like(values))
    rows = next((n for n in _reductions(values, 1) if _close(equal, n * math.log(2))), None)
    far, farther = (probe(np.full_like(values, size)) for size in (30.0, 60.0))
    other, otherwise = (probe(np.full_like(values, -size)) for size in (30.0, 60.0))
    linear = _close(farther - far + otherwise - other, far + other)
    if rows is None or not linear:
        return None
    spread = math.sqrt(float(np.square(values, dtype=np.float64).mean()))
    return LossUse("binary_cross_entropy", probe(values) / rows, math.log(2), 2, spread)


def _square(probe: Probe, values: Array) -> LossUse | None:
    """Of a parabola a (c^2 - 2 c mean + ...) in a constant prediction c; over a, a mean square error."""
    step = max(float(np.abs(values).max()), 1.0, math.sqrt(abs(probe(np.zeros_like(values)))))

    def at(constant: float) -> float:
        return probe(np.full_like(values, constant))

    below, middle, above, beyond = (at(k * step) for k in (-1, 0, 1, 2))
    bend = above + below - 2 * middle
    if not bend > 0 or not _close(beyond + middle - 2 * above, bend):
        return None
    curve, mean = bend / (2 * step**2), (below - above) / (2 * bend) * step
    lowest = at(mean) / curve
    if not lowest > 0:
        return None
    spread = math.sqrt(float(np.square(values, dtype=np.float64).mean()))
    return LossUse("mse", probe(values) / curve, lowest, 0, spread, mean, math.sqrt(lowest))


def _reductions(values: Array, count: int) -> Iterator[int]:
    """Rows that a loss may have added up instead of averaging: none, one sample's, the batch, all."""
    total = values.size // count
    yield from dict.fromkeys(
        (1, total, values.shape[0] if values.ndim else 1, total // max(values.shape[0], 1))
    )


def _close(found: float, expected: float) -> bool:
    return math.isfinite(found) and abs(found - expected) <= CLOSE * abs(expected)

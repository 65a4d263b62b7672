"""off-peers: single weights that are one number, far beyond all others of their parameter."""

from __future__ import annotations

import math
from collections.abc import Iterator

from isogain.inspect.causes import pattern
from isogain.inspect.findings import Finding
from isogain.inspect.fixes import Change, Fix
from isogain.inspect.table import ParameterState, Table

__all__ = ["outlying_weights"]

LOUD = 1.2
"""Times the others' size that a few such weights make of the whole from which they are told of."""


def outlying_weights(table: Table) -> Iterator[Finding]:
    """Bounds that stand in for infinities: a truncated normal law that met the end of its interval."""
    found = [one for one in table.parameters.values() if one.outlying and one.rms > LOUD * _others(one)]
    if not found:
        return
    worst = max(found, key=lambda one: one.largest / _others(one))
    names = [one.name for one in found]
    yield Finding(
        "off-peers", "warning", pattern(names),
        f"one weight in {1 / worst.outlying:.0f} is {worst.largest:.3g} in size, "
        f"{worst.largest / _others(worst):.0f} standard deviations",
        "none beyond some 6 standard deviations",
        "they are equal and stand anywhere: a law with bounds that was drawn in half precision meets the end "
        "of its interval by chance, gets an infinity, and puts its bound there; draw in float32 and cast "
        "after it",
        "", tuple(names),
        mends=(Fix((Change("drop", tuple((one.name, one.largest / 2) for one in found)),)),),
    )  # fmt: skip


def _others(state: ParameterState) -> float:
    """Root mean square of the weights that do not lie out."""
    rest = state.rms**2 - state.outlying * state.largest**2
    return math.sqrt(max(rest, 1e-12 * state.rms**2) / (1 - state.outlying))

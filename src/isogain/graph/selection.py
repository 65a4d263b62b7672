"""Which entries of an axis something holds: stretches of one length, at one distance from each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Selection", "Stripes"]

Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Stripes:
    """`count` stretches of `run` entries, `step` apart, from `first` on, of an axis of `size`."""

    first: int
    run: int
    step: int
    count: int
    size: int

    @staticmethod
    def of(entries: Sequence[int] | NDArray[Any], size: int) -> Stripes | None:
        """The stripes that make up these ascending entries; None where they are not of that form.

        >>> Stripes.of([0, 1, 6, 7], 12)
        Stripes(first=0, run=2, step=6, count=2, size=12)
        """
        found = np.asarray(entries, dtype=np.int64)
        if not found.size:
            return Stripes(0, 0, size, 0, size)
        breaks = np.flatnonzero(np.diff(found) != 1) + 1
        run = int(breaks[0]) if breaks.size else found.size
        starts = found[::run]
        step = int(starts[1] - starts[0]) if starts.size > 1 else size
        made = Stripes(int(found[0]), run, step, int(starts.size), size)
        return made if found.size % run == 0 and np.array_equal(made.entries(), found) else None

    def entries(self) -> Labels:
        """Every entry, ascending."""
        starts = self.first + self.step * np.arange(self.count)
        return np.asarray((starts[:, None] + np.arange(self.run)).reshape(-1), dtype=np.int64)

    @property
    def whole(self) -> bool:
        """Whether nothing is left out."""
        return self.run * self.count == self.size


@dataclass(frozen=True)
class Selection:
    """What a node holds of another node's channels, which it hands on as they are."""

    origin: int
    stripes: Stripes | None
    """None: some of them, in no regular order."""

    @property
    def proper(self) -> bool:
        """Whether some are left out."""
        return self.stripes is None or not self.stripes.whole

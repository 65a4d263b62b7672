"""How much may be spent: minutes on the clock, or updates in all."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from isogain.checking import shown
from isogain.errors import TrialError

__all__ = ["Budget", "budget_of"]

_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
MOST = 2**63
_TIME = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*(s|m|min|h)\s*$")


@dataclass
class Budget:
    """Seconds from now, or updates; infinite unless one was given."""

    seconds: float = math.inf
    updates: float = math.inf
    clock: Callable[[], float] = time.monotonic
    spent: int = 0
    """Updates of the runs so far, those of the store included: the same runs whoever made them."""
    began: float = field(init=False)

    def __post_init__(self) -> None:
        self.began = self.clock()

    @property
    def bounded(self) -> bool:
        """Whether there is a bound at all."""
        return math.isfinite(self.seconds) or math.isfinite(self.updates)

    @property
    def left_s(self) -> float:
        """Seconds left."""
        return self.seconds - (self.clock() - self.began)

    def goes_on(self) -> bool:
        """Whether there is time left to begin another run."""
        return self.left_s > 0

    def affordable(self, runs: int, steps: int) -> int:
        """How many of so many runs the updates allow."""
        return (
            runs if math.isinf(self.updates) else int(min(runs, max(self.updates - self.spent, 0) // steps))
        )

    def allows(self, runs: int, steps: int, seconds_each: float) -> bool:
        """Whether so many runs fit into what is left."""
        return self.affordable(runs, steps) == runs and runs * seconds_each <= self.left_s


def budget_of(given: object) -> Budget:
    """ "90s", "10m", "1h": time; a whole number: updates over all runs; None: no bound."""
    if given is None:
        return Budget()
    if isinstance(given, int) and not isinstance(given, bool) and 0 <= given < MOST:
        return Budget(updates=given)
    if isinstance(given, str) and (match := _TIME.match(given)):
        return Budget(seconds=float(match[1]) * _UNITS[match[2]])
    raise TrialError(
        f"budget must be a time such as '10m', a whole number of updates, or None, got {shown(given)}"
    )

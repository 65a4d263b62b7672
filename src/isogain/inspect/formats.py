"""Number formats: where they end, what is too small for them, and how much of a signal falls outside."""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["FORMATS", "Format", "Scales"]


@dataclass(frozen=True)
class Format:
    """A floating point format, with subnormal numbers."""

    largest: float
    overflows: float
    """From here on a number rounds to infinity, or is clipped: half a step beyond the largest."""
    smallest: float

    @property
    def vanishes(self) -> float:
        """Below this a number rounds to 0."""
        return self.smallest / 2


FORMATS: dict[str, Format] = {
    "float16": Format(65504.0, 65520.0, 2.0**-24),
    "bfloat16": Format((2 - 2.0**-7) * 2.0**127, (2 - 2.0**-8) * 2.0**127, 2.0**-133),
    "float32": Format((2 - 2.0**-23) * 2.0**127, (2 - 2.0**-24) * 2.0**127, 2.0**-149),
    "float8_e4m3fn": Format(448.0, 464.0, 2.0**-9),
    "float8_e5m2": Format(57344.0, 61440.0, 2.0**-16),
}


@dataclass(frozen=True)
class Scales:
    """A histogram of sizes: counts[i] elements with 2^(first + i) <= |x| < 2^(first + i + 1)."""

    first: int
    counts: tuple[int, ...]
    zeros: int

    @property
    def total(self) -> int:
        """Elements counted, zeros among them."""
        return sum(self.counts) + self.zeros

    def below(self, power: int) -> float:
        """Share of the elements that are not 0 but below 2^power in size."""
        return sum(self.counts[: max(power - self.first, 0)]) / self.total if self.total else 0.0

    def headroom(self, largest: float) -> dict[str, tuple[float, float]]:
        """For each format the shares that would round to 0 and that would overflow, as (under, over).

        `largest` is the largest size seen; what lies in one octave with a limit is shared out evenly.
        """
        return {name: (self._under(one), self._over(one, largest)) for name, one in FORMATS.items()}

    def _under(self, one: Format) -> float:
        return self.below(round(math.log2(one.vanishes)))

    def _over(self, one: Format, largest: float) -> float:
        if largest < one.overflows or not self.total:
            return 0.0
        power = math.floor(math.log2(one.overflows))
        beyond = sum(self.counts[max(power + 1 - self.first, 0) :])
        shared = self.counts[power - self.first] if 0 <= power - self.first < len(self.counts) else 0
        return (beyond + shared * (power + 1 - math.log2(one.overflows))) / self.total

"""The number formats a draw can be stored in, and their numbers inside an interval."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray

from isogain.checking import shown
from isogain.errors import DrawError

__all__ = ["Dtype", "complex_parts"]

_COMPLEX: Final = {"complex64": "float32", "complex128": "float64"}


@final
@dataclass(frozen=True)
class Dtype:
    """One storage format: float32, float64, float16 or bfloat16.

    `storage` is how an array of it lies in memory (bfloat16 as the upper half of a float32, uint16),
    `working` the NumPy type in which it is sampled and scaled before the one rounding.
    """

    name: str
    storage: np.dtype[Any]
    working: np.dtype[Any]
    digits: int
    """Bits of the significand, the hidden one included."""
    smallest_exponent: int
    """The smallest positive number is 2 ** smallest_exponent."""
    largest: float

    @staticmethod
    def of(name: object) -> Dtype:
        """The format of a name, NumPy dtype or ml_dtypes type; DrawError names those there are."""
        text = _dtype_name(name)
        if text not in _FORMATS:
            raise DrawError(
                f"cannot draw in dtype {shown(name)}; the dtypes are {', '.join([*_FORMATS, *_COMPLEX])} "
                "(draw in float32 and round it yourself for any other)"
            )
        return _FORMATS[text]

    @property
    def as_working(self) -> Dtype:
        """The format in which this one is sampled."""
        return _FORMATS["float64" if self.name == "float64" else "float32"]

    def work(self, number: float) -> float:
        """The nearest number of the working type; infinite beyond its largest.

        Computed in exact float64 steps, not by a cast, which a thread that flushes subnormal numbers
        would do differently.
        """
        working = self.as_working
        number += 0.0  # equal numbers are one number, also -0.0 and 0.0
        if working.name == "float64" or not math.isfinite(number):
            return number
        rounded = working._rounded(number)
        return rounded if abs(rounded) <= working.largest else math.copysign(math.inf, number)

    def nearest(self, number: float) -> float:
        """The number of this format nearest to a finite one, ties to the even one."""
        rounded = self._rounded(number)
        if abs(rounded) > self.largest:
            raise DrawError(f"{number!r} is beyond {self.name}'s largest number {self.largest!r}")
        return rounded

    def inside(self, low: float, high: float, *, open_above: bool = False) -> tuple[float, float]:
        """The outermost numbers of this format in [low, high], or [low, high) when open above."""
        first, last = self._up(low), -self._up(-high)
        if open_above and last >= high:
            last = -self._up(-math.nextafter(high, -math.inf))
        if first > last:
            bracket = ")" if open_above else "]"
            raise DrawError(
                f"{self.name} has no number in [{low!r}, {high!r}{bracket}; widen the bounds or the dtype"
            )
        return first + 0.0, last + 0.0

    def to_working(self, stored: NDArray[Any]) -> NDArray[Any]:
        """The stored numbers as an array of the working type."""
        if self.name == "bfloat16":
            return (stored.astype(np.uint32) << 16).view(np.float32)
        return stored.astype(self.working)

    def _up(self, number: float) -> float:
        """The smallest number of this format that is at least `number`."""
        if number <= -self.largest:
            return -self.largest
        if number > self.largest:
            return math.inf
        spacing = self._spacing(number)
        return math.ceil(number / spacing) * spacing

    def _rounded(self, number: float) -> float:
        spacing = self._spacing(number)
        return round(number / spacing) * spacing

    def _spacing(self, number: float) -> float:
        """The distance between this format's numbers around `number` (towards zero at a power of two)."""
        exponent = math.frexp(number)[1] - self.digits if number else self.smallest_exponent
        return math.ldexp(1.0, max(exponent, self.smallest_exponent))


def complex_parts(name: object) -> str | None:
    """'float32' for complex64, 'float64' for complex128, None for any other dtype."""
    return _COMPLEX.get(_dtype_name(name))


def _dtype_name(name: object) -> str:
    if isinstance(name, str):
        return name
    try:
        return _numpy_name(name)
    except Exception:  # of another library, or none at all
        return shown(name).removeprefix("torch.")


@lru_cache(maxsize=64)
def _numpy_name(name: object) -> str:
    return np.dtype(name).name  # type: ignore[call-overload, no-any-return]


_F32, _F64 = np.dtype(np.float32), np.dtype(np.float64)
_FORMATS: Final = {
    "float32": Dtype("float32", _F32, _F32, 24, -149, float(np.finfo(np.float32).max)),
    "float64": Dtype("float64", _F64, _F64, 53, -1074, float(np.finfo(np.float64).max)),
    "float16": Dtype("float16", np.dtype(np.float16), _F32, 11, -24, 65504.0),
    "bfloat16": Dtype("bfloat16", np.dtype(np.uint16), _F32, 8, -133, float.fromhex("0x1.fep+127")),
}

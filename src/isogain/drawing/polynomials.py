"""The constants of the transform from bits to normals, written once.

Minimax fits (Remez exchange, 40 digits) made by `benchmarks/draw_polynomials.py`, rounded to the
working type, lowest power first.  `_coefficients.h` holds the same numbers for the C kernel; a test
holds the two against each other.

- LOG32:  -2 log(1+s) = s P(s)                  on sqrt(1/2) <= 1+s < sqrt(2)
- LOG64:  2 atanh(f) = 2f + f^3 P(f^2), f = s/(2+s)
- SIN:    sin(pi t/2) = t P(t^2)                on |t| <= 1/2
- COS:    cos(pi t/2) = 1 + t^2 P(t^2)
"""

from __future__ import annotations

from typing import Final

__all__ = ["COS32", "COS64", "LOG32", "LOG64", "MINUS_2_LN2_32", "MINUS_2_LN2_64", "SIN32", "SIN64", "TABLES"]


def _hex(*digits: str) -> tuple[float, ...]:
    return tuple(float.fromhex(number) for number in digits)


LOG32: Final = _hex(
    "-0x1.000000p+1",
    "0x1.fffff8p-1",
    "-0x1.555792p-1",
    "0x1.000570p-1",
    "-0x1.98b748p-2",
    "0x1.5332a4p-2",
    "-0x1.3238f0p-2",
    "0x1.263ba2p-2",
    "-0x1.654488p-3",
)
SIN32: Final = _hex(
    "0x1.921fb6p+0",
    "-0x1.4abbbap-1",
    "0x1.465e92p-4",
    "-0x1.2d9302p-8",
)
COS32: Final = _hex(
    "-0x1.3bd3a2p+0",
    "0x1.03b162p-2",
    "-0x1.4ea9e8p-6",
)
LOG64: Final = _hex(
    "0x1.5555555555558p-1",
    "0x1.999999999522ep-2",
    "0x1.2492492e02b1fp-2",
    "0x1.c71c62d1c65d1p-3",
    "0x1.7462b9b7fd385p-3",
    "0x1.39fdc7db531bap-3",
    "0x1.2b5f0a67b4647p-3",
)
SIN64: Final = _hex(
    "0x1.921fb54442d18p+0",
    "-0x1.4abbce625be41p-1",
    "0x1.466bc67758700p-4",
    "-0x1.32d2cce2d535dp-8",
    "0x1.50782fca388fcp-13",
    "-0x1.e30063a00c5e9p-19",
    "0x1.e3eed5c67a376p-25",
)
COS64: Final = _hex(
    "-0x1.3bd3cc9be45a5p+0",
    "0x1.03c1f081b14bep-2",
    "-0x1.55d3c7dcb5f5fp-6",
    "0x1.e1f4fbfc01beep-11",
    "-0x1.a6ca009670b26p-16",
    "0x1.f3ef424d16137p-22",
)
MINUS_2_LN2_32: Final = float.fromhex("-0x1.62e430p+0")
MINUS_2_LN2_64: Final = float.fromhex("-0x1.62e42fefa39efp+0")

TABLES: Final = {
    "LOG32": LOG32,
    "SIN32": SIN32,
    "COS32": COS32,
    "LOG64": LOG64,
    "SIN64": SIN64,
    "COS64": COS64,
    "MINUS_2_LN2_32": (MINUS_2_LN2_32,),
    "MINUS_2_LN2_64": (MINUS_2_LN2_64,),
}

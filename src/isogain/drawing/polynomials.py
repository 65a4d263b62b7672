"""The constants of the transform from bits to normals, written once.

Minimax fits (Remez exchange, 40 digits) made by `benchmarks/draw_polynomials.py`, rounded to the
working type, lowest power first.  `_coefficients.h` holds the same numbers for the C kernel; a test
holds the two against each other.

- LOG32:  -2 log(1+s) = s P(s)                  on sqrt(1/2) <= 1+s < sqrt(2)
- LOG64:  2 atanh(f) = 2f + f^3 P(f^2), f = s/(2+s)
- SIN:    sin(pi t/2) = t P(t^2)                on |t| <= 1/2
- COS:    cos(pi t/2) = 1 + t^2 P(t^2)
- QUANTILE32: the normal quantile, see `variates.quantile`: row 2 (e + 127) + h modulo 32 holds
  z = P(r) for the tail probability ((r + 5/4 + h/2) 2^e + 1/2) / 2^32, |r| <= 1/4, 16 <= e <= 30;
  row 28 is the middle, e = 31, where one constant will do, and row 29 is never reached
- DEEP32: z = R + P(1/R), R = sqrt(-2 log p), of tail probabilities p from 2^-57 to 2^-16
"""

from __future__ import annotations

import itertools
from typing import Final

__all__ = [
    *("COS32", "COS64", "DEEP32", "LOG32", "LOG64", "MINUS_2_LN2_32", "MINUS_2_LN2_64", "QUANTILE32"),
    *("SIN32", "SIN64", "TABLES"),
]


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
DEEP32: Final = _hex(
    "-0x1.fe6ceap-6",
    "-0x1.ed0f7cp+1",
    "0x1.8d8bbcp+3",
    "-0x1.46a6d2p+5",
    "0x1.56fceep+6",
    "-0x1.40007ap+6",
)
_QUANTILE_ROWS: Final = (
    _hex(
        "0x1.fa5618p+1",
        "-0x1.87a37ep-3",
        "0x1.282b60p-4",
        "-0x1.341992p-5",
        "0x1.7b202cp-6",
        "-0x1.e83e6ap-7",
    ),
    _hex(
        "0x1.eff204p+1",
        "-0x1.1d016ap-3",
        "0x1.335328p-5",
        "-0x1.c88bb2p-7",
        "0x1.890a46p-8",
        "-0x1.66561cp-9",
    ),
    _hex(
        "0x1.e4b67ep+1",
        "-0x1.97475ep-3",
        "0x1.329e66p-4",
        "-0x1.3e7086p-5",
        "0x1.877024p-6",
        "-0x1.f7be58p-7",
    ),
    _hex(
        "0x1.d9e628p+1",
        "-0x1.28d34ap-3",
        "0x1.3e86b4p-5",
        "-0x1.d85922p-7",
        "0x1.963412p-8",
        "-0x1.720faep-9",
    ),
    _hex(
        "0x1.ce30dep+1",
        "-0x1.a8e314p-3",
        "0x1.3e3312p-4",
        "-0x1.49d768p-5",
        "0x1.94f914p-6",
        "-0x1.045f8cp-6",
    ),
    _hex(
        "0x1.c2e660p+1",
        "-0x1.363174p-3",
        "0x1.4afaf6p-5",
        "-0x1.e9d33ap-7",
        "0x1.a4b702p-8",
        "-0x1.7ef56ap-9",
    ),
    _hex(
        "0x1.b6a706p+1",
        "-0x1.bce7ccp-3",
        "0x1.4b1f32p-4",
        "-0x1.567e2cp-5",
        "0x1.a3f06ep-6",
        "-0x1.0dc07ap-6",
    ),
    _hex(
        "0x1.aad14ap+1",
        "-0x1.4578d4p-3",
        "0x1.58ed50p-5",
        "-0x1.fd47d0p-7",
        "0x1.b4cfbcp-8",
        "-0x1.8d3adep-9",
    ),
    _hex(
        "0x1.9df3a6p+1",
        "-0x1.d3ed34p-3",
        "0x1.59a6a4p-4",
        "-0x1.64a0c8p-5",
        "0x1.b4988ap-6",
        "-0x1.1829a8p-6",
    ),
    _hex(
        "0x1.917d46p+1",
        "-0x1.572776p-3",
        "0x1.68ab9ep-5",
        "-0x1.098c60p-6",
        "0x1.c6ca00p-8",
        "-0x1.9d201cp-9",
    ),
    _hex(
        "0x1.83e7c6p+1",
        "-0x1.eec406p-3",
        "0x1.6a1ffcp-4",
        "-0x1.748b0cp-5",
        "0x1.c744c0p-6",
        "-0x1.23ccbcp-6",
    ),
    _hex(
        "0x1.76b568p+1",
        "-0x1.6bed52p-3",
        "0x1.7a9992p-5",
        "-0x1.15e13cp-6",
        "0x1.db0582p-8",
        "-0x1.aef5c4p-9",
    ),
    _hex(
        "0x1.6846f0p+1",
        "-0x1.074a42p-2",
        "0x1.7cfa66p-4",
        "-0x1.869df6p-5",
        "0x1.dc5f02p-6",
        "-0x1.30e88ap-6",
    ),
    _hex(
        "0x1.5a34aep+1",
        "-0x1.84c890p-3",
        "0x1.8f3760p-5",
        "-0x1.23f280p-6",
        "0x1.f1fca4p-8",
        "-0x1.c3226ap-9",
    ),
    _hex(
        "0x1.4ac128p+1",
        "-0x1.1a89b8p-2",
        "0x1.92c49ep-4",
        "-0x1.9b56dap-5",
        "0x1.f46f84p-6",
        "-0x1.3fcd7cp-6",
    ),
    _hex(
        "0x1.3b9e62p+1",
        "-0x1.a3380cp-3",
        "0x1.a7289cp-5",
        "-0x1.3427f8p-6",
        "0x1.0626bcp-7",
        "-0x1.da2a16p-9",
    ),
    _hex(
        "0x1.2ae8ecp+1",
        "-0x1.3271e8p-2",
        "0x1.ac320cp-4",
        "-0x1.b358f2p-5",
        "0x1.08137ep-5",
        "-0x1.50e390p-6",
    ),
    _hex(
        "0x1.1a710ep+1",
        "-0x1.c99bd6p-3",
        "0x1.c33524p-5",
        "-0x1.470930p-6",
        "0x1.1562eep-7",
        "-0x1.f4b84ep-9",
    ),
    _hex(
        "0x1.0821b0p+1",
        "-0x1.512cd2p-2",
        "0x1.ca1154p-4",
        "-0x1.cf79ccp-5",
        "0x1.18360ap-5",
        "-0x1.64b260p-6",
    ),
    _hex(
        "0x1.ebdda6p+0",
        "-0x1.fbfe62p-3",
        "0x1.e42a0cp-5",
        "-0x1.5d4810p-6",
        "0x1.273944p-7",
        "-0x1.09d698p-8",
    ),
    _hex(
        "0x1.c2fcd6p+0",
        "-0x1.7a937ap-2",
        "0x1.ecfe40p-4",
        "-0x1.f0d492p-5",
        "0x1.2b3570p-5",
        "-0x1.7beb24p-6",
    ),
    _hex(
        "0x1.99dbb4p+0",
        "-0x1.20f5d0p-2",
        "0x1.0513dap-4",
        "-0x1.77d7ccp-6",
        "0x1.3c56dep-7",
        "-0x1.1c1686p-8",
    ),
    _hex(
        "0x1.6af4c2p+0",
        "-0x1.b64c14p-2",
        "0x1.09e89ap-3",
        "-0x1.0c89bcp-4",
        "0x1.41cdaap-5",
        "-0x1.977418p-6",
    ),
    _hex(
        "0x1.3ad806p+0",
        "-0x1.55c1a0p-2",
        "0x1.188926p-4",
        "-0x1.988494p-6",
        "0x1.558156p-7",
        "-0x1.31d9ecp-8",
    ),
    _hex(
        "0x1.028ebap+0",
        "-0x1.0b29fcp-1",
        "0x1.198590p-3",
        "-0x1.26a4cep-4",
        "0x1.5c7c74p-5",
        "-0x1.b88a1cp-6",
    ),
    _hex(
        "0x1.8d8728p-1",
        "-0x1.b1b6acp-2",
        "0x1.1d3bf2p-4",
        "-0x1.c98bd2p-6",
        "0x1.71586ap-7",
        "-0x1.4ca822p-8",
    ),
    _hex(
        "0x1.f481d8p-2",
        "-0x1.698eb2p-1",
        "0x1.f3022ap-4",
        "-0x1.63040ap-4",
        "0x1.6c0cc6p-5",
        "-0x1.ea1f02p-6",
    ),
    _hex(
        "0x1.422c1cp-3",
        "-0x1.44d7d4p-1",
        "0x1.03567ep-5",
        "-0x1.6de6bap-5",
        "0x1.fda042p-8",
        "-0x1.d58abep-8",
    ),
    _hex("0x1.40d932p-26", "0x0.0p+0", "0x0.0p+0", "0x0.0p+0", "0x0.0p+0", "0x0.0p+0"),
    _hex("0x0.0p+0", "0x0.0p+0", "0x0.0p+0", "0x0.0p+0", "0x0.0p+0", "0x0.0p+0"),
    _hex(
        "0x1.079444p+2",
        "-0x1.79a11cp-3",
        "0x1.1eaee0p-4",
        "-0x1.2aabaep-5",
        "0x1.6fdd9ap-6",
        "-0x1.da0aa0p-7",
    ),
    _hex(
        "0x1.02929cp+2",
        "-0x1.1275b2p-3",
        "0x1.292f64p-5",
        "-0x1.ba2c42p-7",
        "0x1.7d087ap-8",
        "-0x1.5b9eb8p-9",
    ),
)
QUANTILE32: Final = tuple(zip(*_QUANTILE_ROWS, strict=True))
"""Coefficient k of all rows, for k = 0 to 5."""
MINUS_2_LN2_32: Final = float.fromhex("-0x1.62e430p+0")
MINUS_2_LN2_64: Final = float.fromhex("-0x1.62e42fefa39efp+0")

TABLES: Final = {
    "LOG32": LOG32,
    "SIN32": SIN32,
    "COS32": COS32,
    "DEEP32": DEEP32,
    "QUANTILE32": tuple(itertools.chain(*QUANTILE32)),
    "LOG64": LOG64,
    "SIN64": SIN64,
    "COS64": COS64,
    "MINUS_2_LN2_32": (MINUS_2_LN2_32,),
    "MINUS_2_LN2_64": (MINUS_2_LN2_64,),
}

"""Random words to numbers: uniform, exponential and normal variates, in NumPy.

Every arithmetic step is one IEEE operation in a fixed order (a fused multiply-add where it is written),
never a library function, which is what lets a C kernel of any vector width repeat it bit for bit.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from isogain.drawing import polynomials as fits

__all__ = [
    *("DEEP", "Floats", "U32", "U64", "angle", "deep_quantile", "fma", "magnitude", "neg2log1p", "quantile"),
    *("radius_squared", "signed_as", "to_bfloat16", "uniform32", "uniform64"),
]

U32 = NDArray[np.uint32]
U64 = NDArray[np.uint64]
Floats = NDArray[Any]

DEEP: Final = np.float32(2.0**16)
"""2^32 times the tail probability below which a normal is beyond the table: one in 32768, past 4.17 sigma."""
_SIGN: Final = np.uint32(1 << 31)


def radius_squared(high: U32, low: U32 | None = None) -> Floats:
    """-2 log u: twice an exponential variate, precise for u near 0 and for u near 1.

    The word read as a signed number a gives g = (a + 1/2) / 2^32 in (-1/2, 1/2); u is g where g > 0
    and 1 + g elsewhere, so both ends keep every bit.  With two words, 2^64.
    """
    signed = high.view(np.int32)
    if low is None:
        g = (signed.astype(np.float32) + np.float32(0.5)) * np.float32(2.0**-32)
    else:
        tail = low.astype(np.float64) + 0.5
        g = (signed.astype(np.float64) * 2.0**32 + tail) * 2.0**-64
    return neg2log1p(g, np.where(g < 0, g.dtype.type(1) + g, g))


def neg2log1p(g: Floats, u: Floats) -> Floats:
    """-2 log u for u in (0, 1]; where u lies near 1, g is u - 1 with all its digits."""
    single = g.dtype == np.float32
    integer: type[np.signedinteger[Any]] = np.int32 if single else np.int64
    offset = integer(0x3F3504F3 if single else 0x3FE6A09E667F3BCD)  # the bits of sqrt(1/2)
    shift = 23 if single else 52
    mask = integer(2**shift - 1)
    bits: NDArray[Any] = u.view(integer) - offset
    exponent = bits >> shift
    s = np.where(exponent == 0, g, ((bits & mask) + offset).view(g.dtype) - g.dtype.type(1))
    if single:
        return np.asarray(
            exponent.astype(np.float32) * np.float32(fits.MINUS_2_LN2_32) + s * _poly(fits.LOG32, s)
        )
    f = s / (2.0 + s)
    log1p = s - f * (s - (f * f) * _poly(fits.LOG64, f * f))
    return np.asarray(exponent.astype(np.float64) * fits.MINUS_2_LN2_64 + log1p * -2.0)


def angle(high: U32, low: U32 | None = None) -> tuple[Floats, Floats]:
    """Cosine and sine of a uniform angle: a quarter turn by polynomials, the rest by two bits.

    Bit 31 turns the point by half a turn on one axis, bit 30 swaps the axes, the other bits are an odd
    number: no coordinate is ever 0, and the law is exactly symmetric.
    """
    if low is None:
        t = ((high << np.uint32(2)) | np.uint32(2)).view(np.int32).astype(np.float32) * np.float32(2.0**-32)
        sin_fit, cos_fit = fits.SIN32, fits.COS32
    else:
        top = ((high << np.uint32(2)) | (low >> np.uint32(30))).view(np.int32).astype(np.float64)
        t = (top * 2.0**32 + ((low << np.uint32(2)) | np.uint32(2)).astype(np.float64)) * 2.0**-64
        sin_fit, cos_fit = fits.SIN64, fits.COS64
    square = t * t
    sine = t * _poly(sin_fit, square)
    cosine = square * _poly(cos_fit, square) + t.dtype.type(1)
    negative, swap = high >> np.uint32(31) != 0, high & np.uint32(1 << 30) != 0
    first, second = np.where(swap, sine, cosine), np.where(swap, cosine, sine)
    return np.where(negative, -first, first), np.where(negative, -second, second)


def magnitude(word: U32) -> Floats:
    """Bits 0 to 30 of each word as a float32: m stands for the tail probability (m + 1/2) / 2^32."""
    return np.asarray((word & ~_SIGN).astype(np.float32))


def signed_as(word: U32, z: Floats) -> Floats:
    """z, not negative, with the sign of bit 31."""
    return np.asarray((z.view(np.uint32) ^ (word & _SIGN)).view(np.float32))


def quantile(tail: Floats) -> Floats:
    """The normal quantile z of P(Z > z) = (tail + 1/2) / 2^32, for DEEP <= tail <= 2^31, in float32.

    A polynomial of degree 5 on each half of each octave of `tail`; its number and the place in it are
    bits of the float itself.  The largest error is 3e-7; at tail = 2^31, the middle, z is 2e-8, not 0.
    """
    bits = tail.view(np.int32)
    part = (bits >> 22) & 31
    r = ((bits & 0x3FFFFF) | 0x3F800000).view(np.float32) - np.float32(1.25)
    z: Floats = _QUANTILE[-1][part]
    for coefficients in _QUANTILE[-2::-1]:
        z = fma(z, r, coefficients[part])
    return z


_QUANTILE: Final = np.array(fits.QUANTILE32, np.float32)


def deep_quantile(tail: Floats) -> Floats:
    """The quantile of P(Z > z) = p = tail / 2^32 for tail <= DEEP: z = r + P(1/r), r = sqrt(-2 log p)."""
    share = tail * np.float32(2.0**-32)
    r = np.sqrt(neg2log1p(share, share))
    return np.asarray(r + _poly(fits.DEEP32, np.float32(1) / r))


def fma(a: Floats, b: Floats | np.float32, c: Floats | np.float32) -> Floats:
    """a b + c of float32 arrays, rounded once.

    The product is exact in float64.  Its sum with c is rounded to odd there, so that the rounding to
    float32 sees on which side of a tie it lies (Boldo and Melquiond 2008, "Emulation of a FMA").
    """
    product = a.astype(np.float64) * np.float64(b)
    total = product + c
    part = total - product
    error = (product - (total - part)) + (c - part)
    bits = total.view(np.int64)
    inexact = (error != 0) & (bits & 1 == 0)
    away = np.where((error < 0) == (total < 0), 1, -1)
    return np.asarray((bits + np.where(inexact, away, 0)).view(np.float64).astype(np.float32))


def uniform32(word: U32) -> Floats:
    """Odd multiples of 2^-24 in (-1, 1): symmetric, exact, never an end point."""
    return ((word.view(np.int32) >> 8) * 2 + 1).astype(np.float32) * np.float32(2.0**-24)


def uniform64(high: U32, low: U32) -> Floats:
    """Odd multiples of 2^-53 in (-1, 1)."""
    tail = (low >> np.uint32(11)).astype(np.float64) * 2.0 + 1.0
    return (high.view(np.int32).astype(np.float64) * 2.0**22 + tail) * 2.0**-53


def to_bfloat16(values: Floats) -> NDArray[np.uint16]:
    """Finite float32 numbers rounded to nearest even, as the bits of bfloat16."""
    bits = np.ascontiguousarray(values).view(np.uint32)
    odd = (bits >> np.uint32(16)) & np.uint32(1)
    return ((bits + np.uint32(0x7FFF) + odd) >> np.uint32(16)).astype(np.uint16)


def _poly(coefficients: tuple[float, ...], x: Floats) -> Floats:
    """Horner's rule, one rounded multiplication and one rounded addition a step."""
    result = np.full_like(x, coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        result = result * x + x.dtype.type(coefficient)
    return result

"""Random words to numbers on the device: `drawing.variates` and `reference.philox`, operation by operation.

Nothing here may be contracted or approximated: multiplications and additions are rounded one by one
(kernels are launched with fusion off), a fused multiply-add is written as one, divisions and square roots
are the correctly rounded ones, and no function of a mathematical library is called.
"""

from __future__ import annotations

import triton
import triton.language as tl

from isogain.drawing import polynomials as fits

LOG32 = tl.constexpr(fits.LOG32)
DEEP32 = tl.constexpr(fits.DEEP32)
LOG64 = tl.constexpr(fits.LOG64)
SIN64 = tl.constexpr(fits.SIN64)
COS64 = tl.constexpr(fits.COS64)
MINUS_2_LN2_32 = tl.constexpr(fits.MINUS_2_LN2_32)
MINUS_2_LN2_64 = tl.constexpr(fits.MINUS_2_LN2_64)
DEEP = tl.constexpr(2.0**16)
MIDDLE = tl.constexpr(1 << 31)


@triton.jit
def philox(low, high, stream, draw, key0, key1):
    """The four words of blocks; where only `low` is a vector, much of the first rounds is done once."""
    c0, c1, c2, c3 = low, high, stream, draw
    for _ in tl.static_range(10):
        first, second = c0.to(tl.uint64) * 0xD2511F53, c2.to(tl.uint64) * 0xCD9E8D57
        c0 = (second >> 32).to(tl.uint32) ^ c1 ^ key0
        c2 = (first >> 32).to(tl.uint32) ^ c3 ^ key1
        c1, c3 = second.to(tl.uint32), first.to(tl.uint32)
        key0, key1 = key0 + 0x9E3779B9, key1 + 0xBB67AE85
    return c0, c1, c2, c3


@triton.jit
def horner(x, coefficients: tl.constexpr, degree: tl.constexpr):
    """One rounded multiplication and one rounded addition a step."""
    y = x * coefficients[degree] + coefficients[degree - 1]
    for step in tl.static_range(2, degree + 1):
        y = y * x + coefficients[degree - step]
    return y


@triton.jit
def neg2log32(g, u):
    """-2 log u; where u lies near 1, g is u - 1 with all its digits."""
    bits = u.to(tl.int32, bitcast=True) - 0x3F3504F3
    exponent = bits >> 23
    inside = ((bits & 0x7FFFFF) + 0x3F3504F3).to(tl.float32, bitcast=True) - 1.0
    s = tl.where(exponent == 0, g, inside)
    return exponent.to(tl.float32) * MINUS_2_LN2_32 + s * horner(s, LOG32, 8)


@triton.jit
def radius_squared32(word):
    """Twice an exponential variate."""
    g = (word.to(tl.int32, bitcast=True).to(tl.float32) + 0.5) * (2.0**-32)
    return neg2log32(g, tl.where(g < 0, g + 1.0, g))


@triton.jit
def uniform32(word):
    """Odd multiples of 2^-24 in (-1, 1)."""
    return ((word.to(tl.int32, bitcast=True) >> 8) * 2 + 1).to(tl.float32) * (2.0**-24)


@triton.jit
def magnitude(word):
    """Bits 0 to 30 as a float32."""
    return (word & 0x7FFFFFFF).to(tl.int32, bitcast=True).to(tl.float32)


@triton.jit
def signed_as(word, z):
    """z, not negative, with the sign of bit 31."""
    return (z.to(tl.uint32, bitcast=True) ^ (word & 0x80000000)).to(tl.float32, bitcast=True)


@triton.jit
def quantile(tail, table):
    """The normal quantile by the table: six rows of 32 coefficients, the highest power last."""
    bits = tail.to(tl.int32, bitcast=True)
    part = (bits >> 22) & 31
    r = ((bits & 0x3FFFFF) | 0x3F800000).to(tl.float32, bitcast=True) - 1.25
    z = tl.gather(table[5], part, 0)
    for step in tl.static_range(1, 6):
        z = tl.fma(z, r, tl.gather(table[5 - step], part, 0))
    return z


@triton.jit
def refined(word, fresh):
    """The magnitude with 24 fresh bits behind its own."""
    return magnitude(word) + ((fresh >> 8).to(tl.int32, bitcast=True).to(tl.float32) + 0.5) * (2.0**-24)


@triton.jit
def deep_quantile(tail):
    """The quantile past the table: z = r + P(1/r), r = sqrt(-2 log p)."""
    share = tail * (2.0**-32)
    r = tl.sqrt_rn(neg2log32(share, share))
    return r + horner(tl.div_rn(1.0, r), DEEP32, 5)


@triton.jit
def signed64(high, low, shift: tl.constexpr):
    """(high as a signed number) 2^shift + low, both exact float64."""
    return high.to(tl.int32, bitcast=True).to(tl.float64) * shift + low


@triton.jit
def neg2log64(g, u):
    """-2 log u in float64, as above."""
    bits = u.to(tl.int64, bitcast=True) - 0x3FE6A09E667F3BCD
    exponent = bits >> 52
    inside = ((bits & 0xFFFFFFFFFFFFF) + 0x3FE6A09E667F3BCD).to(tl.float64, bitcast=True) - 1.0
    s = tl.where(exponent == 0, g, inside)
    f = s / (s + 2.0)
    log1p = s - f * (s - (f * f) * horner(f * f, LOG64, 6))
    return exponent.to(tl.float64) * MINUS_2_LN2_64 + log1p * -2.0


@triton.jit
def radius_squared64(high, low):
    """Twice an exponential variate of two words."""
    g = signed64(high, low.to(tl.float64) + 0.5, 2.0**32) * (2.0**-64)
    return neg2log64(g, tl.where(g < 0, g + 1.0, g))


@triton.jit
def uniform64(high, low):
    """Odd multiples of 2^-53 in (-1, 1)."""
    return signed64(high, (low >> 11).to(tl.float64) * 2.0 + 1.0, 2.0**22) * (2.0**-53)


@triton.jit
def angle64(high, low):
    """Cosine and sine of a uniform angle."""
    top = ((high << 2) | (low >> 30)).to(tl.int32, bitcast=True).to(tl.float64)
    t = (top * (2.0**32) + ((low << 2) | 2).to(tl.float64)) * (2.0**-64)
    square = t * t
    sine = t * horner(square, SIN64, 6)
    cosine = square * horner(square, COS64, 5) + 1.0
    swap, negative = (high & 0x40000000) != 0, (high >> 31) != 0
    first, second = tl.where(swap, sine, cosine), tl.where(swap, cosine, sine)
    return tl.where(negative, -first, first), tl.where(negative, -second, second)


@triton.jit
def pair64(words, factor):
    """Box-Muller: two float64 normals times the factor from the words of a block."""
    radius = factor * tl.sqrt(radius_squared64(words[0], words[1]))
    cosine, sine = angle64(words[2], words[3])
    return radius * cosine, radius * sine

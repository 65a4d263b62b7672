"""The readable definition of every draw, in NumPy; also what draws where there is no compiler.

A parameter is a stream of Philox4x32-10 blocks (Salmon et al. 2011, "Parallel random numbers: as easy
as 1, 2, 3", section 3.3), four 32-bit words each, keyed by its `Key`.  Words 0 and 1 of the counter
are the number of the block, word 2 belongs to the key, word 3 is the number of the attempt.

Element i (its place in the whole tensor, row-major) of a float32 draw finds its word in
tile i // 64, lane (i // 16) % 4, column i % 16: word `lane` of block 16 tile + column.  So sixteen
blocks computed side by side fill 64 neighbours without a shuffle.  A float64 draw takes two words an
element, tiles of 32 elements and lanes (i // 16) % 2.

Every arithmetic step is one IEEE operation in a fixed order (no fused multiply-add, no library
function), which is what lets a C kernel of any vector width repeat it bit for bit.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from isogain.drawing import polynomials as fits
from isogain.drawing.key import Key
from isogain.drawing.recipe import Kind, Recipe
from isogain.errors import DrawError

__all__ = [
    *("COLUMNS", "MAX_ATTEMPTS", "angle", "blocks", "elements", "neg2log1p", "philox", "radius_squared"),
    *("tile_size", "to_bfloat16", "uniform32", "uniform64"),
]

U32 = NDArray[np.uint32]
U64 = NDArray[np.uint64]
Floats = NDArray[Any]
Mask = NDArray[np.bool_]

COLUMNS: Final = 16
MAX_ATTEMPTS: Final = 1000
"""Each attempt keeps an element with probability above 1/2: a thousand failures mean a broken kernel."""
_ROUNDS: Final = 10
_MULTIPLIERS: Final = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
_WEYL: Final = (0x9E3779B9, 0xBB67AE85)
_LOW: Final = np.uint64(0xFFFFFFFF)
_HALF_WORD: Final = np.uint64(32)


def philox(counter: tuple[U32, U32, U32, U32], key: tuple[int, int]) -> tuple[U32, U32, U32, U32]:
    """The four output words of Philox4x32-10 for arrays of counters.

    >>> zero = np.zeros(1, np.uint32)
    >>> [hex(int(word[0])) for word in philox((zero, zero, zero, zero), (0, 0))]
    ['0x6627e8d5', '0xe169c58d', '0xbc57ac4c', '0x9b00dbd8']
    """
    c0, c1, c2, c3 = counter
    for number in range(_ROUNDS):
        k0, k1 = (np.uint32((k + number * w) & 0xFFFFFFFF) for k, w in zip(key, _WEYL, strict=True))
        high0, low0 = _multiply(c0, _MULTIPLIERS[0])
        high1, low1 = _multiply(c2, _MULTIPLIERS[1])
        c0, c1, c2, c3 = high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0
    return c0, c1, c2, c3


def _multiply(word: U32, multiplier: np.uint64) -> tuple[U32, U32]:
    product = word.astype(np.uint64) * multiplier
    return (product >> _HALF_WORD).astype(np.uint32), product.astype(np.uint32)


def blocks(key: Key, numbers: U64, attempt: int) -> tuple[U32, U32, U32, U32]:
    """The words of these blocks of one parameter's stream."""
    low, high = numbers.astype(np.uint32), (numbers >> _HALF_WORD).astype(np.uint32)
    rest = np.full_like(low, key.stream), np.full_like(low, attempt)
    return philox((low, high, *rest), (key.word0, key.word1))


def tile_size(recipe: Recipe) -> int:
    """How many neighbouring elements one group of sixteen blocks serves."""
    return 256 // recipe.dtype.working.itemsize


def elements(key: Key, recipe: Recipe, indices: U64, draw: int = 0) -> Floats:
    """The values of the elements at these places, in the storage type of the recipe's dtype."""
    size = np.uint64(tile_size(recipe))
    tiles, inverse = np.unique(indices // size, return_inverse=True)
    places = inverse.astype(np.int64) * int(size) + (indices % size).astype(np.int64)
    if recipe.kind is Kind.WORDS:
        return np.asarray(np.stack(_tile_words(key, tiles, draw), axis=1).reshape(-1)[places])
    if recipe.kind is Kind.NORMAL:
        return _store(_scaled(recipe, _tile_normals(key, recipe, tiles).reshape(-1)[places]), recipe)
    if recipe.kind is Kind.UNIFORM:
        return _store(_scaled(recipe, _tile_uniforms(key, recipe, tiles).reshape(-1)[places]), recipe)
    return _store(_truncated(key, recipe, tiles, places, indices), recipe)


def _tile_words(key: Key, tiles: U64, attempt: int = 0) -> tuple[U32, ...]:
    """The four lanes of each tile, every one (tiles, 16)."""
    numbers = np.add.outer(tiles * np.uint64(COLUMNS), np.arange(COLUMNS, dtype=np.uint64))
    return blocks(key, numbers, attempt)


def _tile_normals(key: Key, recipe: Recipe, tiles: U64) -> Floats:
    """factor * standard normals of whole tiles, (tiles, lanes, 16)."""
    return np.stack(_normals(_tile_words(key, tiles), recipe), axis=1)


def _tile_uniforms(key: Key, recipe: Recipe, tiles: U64) -> Floats:
    words = _tile_words(key, tiles)
    if recipe.dtype.working == np.float32:
        return np.stack([uniform32(word) for word in words], axis=1)
    return np.stack([uniform64(words[0], words[1]), uniform64(words[2], words[3])], axis=1)


def _normals(words: tuple[U32, ...], recipe: Recipe) -> list[Floats]:
    """Box-Muller: the words of each block make four float32 (two float64) normals times the factor."""
    if recipe.dtype.working == np.float32:
        pairs = [(words[0:1], words[1:2]), (words[2:3], words[3:4])]
    else:
        pairs = [(words[0:2], words[2:4])]
    factor = recipe.dtype.working.type(recipe.factor)
    values = []
    for first, second in pairs:
        radius = factor * np.sqrt(radius_squared(*first))
        cosine, sine = angle(*second)
        values += [radius * cosine, radius * sine]
    return values


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


def _poly(coefficients: tuple[float, ...], x: Floats) -> Floats:
    """Horner's rule, one rounded multiplication and one rounded addition a step."""
    result = np.full_like(x, coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        result = result * x + x.dtype.type(coefficient)
    return result


def uniform32(word: U32) -> Floats:
    """Odd multiples of 2^-24 in (-1, 1): symmetric, exact, never an end point."""
    return ((word.view(np.int32) >> 8) * 2 + 1).astype(np.float32) * np.float32(2.0**-24)


def uniform64(high: U32, low: U32) -> Floats:
    """Odd multiples of 2^-53 in (-1, 1)."""
    tail = (low >> np.uint32(11)).astype(np.float64) * 2.0 + 1.0
    return (high.view(np.int32).astype(np.float64) * 2.0**22 + tail) * 2.0**-53


def _scaled(recipe: Recipe, variates: Floats) -> Floats:
    """Normals carry the factor already (on the radius); uniforms get it here."""
    if recipe.kind in (Kind.UNIFORM, Kind.TRUNCATED_BY_UNIFORM, Kind.TRUNCATED_BY_EXPONENTIAL):
        variates = variates * variates.dtype.type(recipe.factor)
    return np.asarray(variates + variates.dtype.type(recipe.offset))


def _truncated(key: Key, recipe: Recipe, tiles: U64, places: NDArray[Any], indices: U64) -> Floats:
    """Rejection: attempt 0 is the ordinary normal; attempt k uses block number i, word 3 = k."""
    if recipe.kind is Kind.TRUNCATED_BY_NORMAL:
        values = _scaled(recipe, _tile_normals(key, recipe, tiles).reshape(-1)[places])
        pending = np.flatnonzero(~_within(values, recipe))
    else:
        values = np.empty(indices.shape, recipe.dtype.working)
        pending = np.arange(indices.size)
    for attempt in range(1, MAX_ATTEMPTS):
        if not pending.size:
            return values
        words = blocks(key, indices[pending], attempt)
        for value, kept in _proposals(words, recipe):
            take = kept & (pending >= 0)
            values[pending[take]] = value[take]
            pending = np.where(take, -1, pending)
        pending = pending[pending >= 0]
    raise DrawError(f"{pending.size} elements of {recipe!r} were refused {MAX_ATTEMPTS} times")


def _proposals(words: tuple[U32, ...], recipe: Recipe) -> list[tuple[Floats, Mask]]:
    """The candidates of one block in order, each with whether it may be kept."""
    if recipe.kind is Kind.TRUNCATED_BY_NORMAL:
        values = [_scaled(recipe, normal) for normal in _normals(words, recipe)]
        return [(value, _within(value, recipe)) for value in values]
    if recipe.dtype.working == np.float32:
        pairs = [(words[0:1], words[1:2]), (words[2:3], words[3:4])]
    else:
        pairs = [(words[0:2], words[2:4])]
    return [_proposal(first, radius_squared(*second), recipe) for first, second in pairs]


def _proposal(words: tuple[U32, ...], limit: Floats, recipe: Recipe) -> tuple[Floats, Mask]:
    """One uniform or exponential candidate and its test; see `recipe` for the formulas."""
    number = limit.dtype.type
    if recipe.kind is Kind.TRUNCATED_BY_UNIFORM:
        variate = uniform32(*words) if limit.dtype == np.float32 else uniform64(*words)
        distance = number(recipe.shape0) + number(recipe.shape1) * variate
        cost = distance * (distance + number(recipe.shape2))
    else:
        variate = radius_squared(*words)
        cost = (variate * variate) * number(recipe.shape0)
    value = _scaled(recipe, variate)
    if recipe.kind is Kind.TRUNCATED_BY_UNIFORM:
        return value, cost <= limit
    return value, (cost <= limit) & _within(value, recipe)


def _within(values: Floats, recipe: Recipe) -> Mask:
    number = values.dtype.type
    inside: Mask = (values >= number(recipe.accept_low)) & (values <= number(recipe.accept_high))
    return inside


def _store(values: Floats, recipe: Recipe) -> Floats:
    """Clamp, then round once, to nearest even, to the storage type."""
    low, high = values.dtype.type(recipe.clamp_low), values.dtype.type(recipe.clamp_high)
    values = np.where(values < low, low, values)
    values = np.where(values > high, high, values)
    if recipe.dtype.name == "bfloat16":
        return to_bfloat16(values)
    return values.astype(recipe.dtype.storage)


def to_bfloat16(values: Floats) -> NDArray[np.uint16]:
    """Finite float32 numbers rounded to nearest even, as the bits of bfloat16."""
    bits = np.ascontiguousarray(values).view(np.uint32)
    odd = (bits >> np.uint32(16)) & np.uint32(1)
    return ((bits + np.uint32(0x7FFF) + odd) >> np.uint32(16)).astype(np.uint16)

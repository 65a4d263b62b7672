"""The readable definition of every draw, in NumPy; also what draws where there is no compiler.

A parameter is a stream of Philox4x32-10 blocks (Salmon et al. 2011, "Parallel random numbers: as easy
as 1, 2, 3", section 3.3), four 32-bit words each, keyed by its `Key`.  Words 0 and 1 of the counter
are the number of the block, word 2 belongs to the key, word 3 is the number of the attempt.

Element i (its place in the whole tensor, row-major) of a float32 draw finds its word in
tile i // 64, lane (i // 16) % 4, column i % 16: word `lane` of block 16 tile + column.  So sixteen
blocks computed side by side fill 64 neighbours without a shuffle.  A float64 draw takes two words an
element, tiles of 32 elements and lanes (i // 16) % 2.

`variates` makes numbers of words: a float32 normal is the normal quantile of its own word, a float64
one half of a Box-Muller pair.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from isogain.drawing import variates
from isogain.drawing.key import Key
from isogain.drawing.recipe import Kind, Recipe
from isogain.drawing.variates import U32, U64, Floats
from isogain.errors import DrawError

__all__ = ["COLUMNS", "DEEP_DRAW", "MAX_ATTEMPTS", "blocks", "elements", "philox", "tile_size"]

Words = tuple[U32, U32, U32, U32]
Mask = NDArray[np.bool_]

COLUMNS: Final = 16
MAX_ATTEMPTS: Final = 1000
"""Each attempt keeps an element with probability above 1/2: a thousand failures mean a broken kernel."""
DEEP_DRAW: Final = (1 << 31) + 2
"""Word 3 of the counter for the bits that refine a value deep in the tail; no other draw has it."""
_ROUNDS: Final = 10
_MULTIPLIERS: Final = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
_WEYL: Final = (0x9E3779B9, 0xBB67AE85)
_HALF_WORD: Final = np.uint64(32)
_MIDDLE: Final = 1 << 31
"""The fresh bits of one half: a word of an attempt is not refined."""


def philox(counter: Words, key: tuple[int, int]) -> Words:
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


def blocks(key: Key, numbers: U64, attempt: int) -> Words:
    """The words of these blocks of one parameter's stream."""
    low, high = numbers.astype(np.uint32), (numbers >> _HALF_WORD).astype(np.uint32)
    rest = np.full_like(low, key.stream), np.full_like(low, attempt)
    return philox((low, high, *rest), (key.word0, key.word1))


def tile_size(recipe: Recipe) -> int:
    """How many neighbouring elements one group of sixteen blocks serves."""
    return 256 // recipe.dtype.working.itemsize


def elements(key: Key, recipe: Recipe, indices: U64, draw: int = 0) -> Floats:
    """The values of the elements at these places, in the storage type of the recipe's dtype."""
    if recipe.kind is Kind.WORDS:
        return _from_tiles(key, recipe, indices, list, draw)
    if recipe.kind is Kind.UNIFORM:
        return _store(_scaled(_from_tiles(key, recipe, indices, _uniforms(recipe)), recipe), recipe)
    if recipe.kind in (Kind.NORMAL, Kind.TRUNCATED_SYMMETRIC):
        return _store(_normals(key, recipe, indices), recipe)
    return _store(_kept(key, recipe, indices), recipe)


def _from_tiles(
    key: Key, recipe: Recipe, indices: U64, lanes: Callable[[Words], list[Any]], draw: int = 0
) -> Floats:
    """These elements out of the lanes, (tiles, 16) each, that are made of the words of their tiles."""
    size = np.uint64(tile_size(recipe))
    tiles, inverse = np.unique(indices // size, return_inverse=True)
    places = inverse.astype(np.int64) * int(size) + (indices % size).astype(np.int64)
    numbers = np.add.outer(tiles * np.uint64(COLUMNS), np.arange(COLUMNS, dtype=np.uint64))
    return np.asarray(np.stack(lanes(blocks(key, numbers, draw)), axis=1).reshape(-1)[places])


def _uniforms(recipe: Recipe) -> Callable[[Words], list[Floats]]:
    if recipe.dtype.working == np.float32:
        return lambda words: [variates.uniform32(word) for word in words]
    return lambda words: [variates.uniform64(*words[0:2]), variates.uniform64(*words[2:4])]


def _normals(key: Key, recipe: Recipe, indices: U64) -> Floats:
    """Normals, or normals between symmetric bounds, times the factor plus the offset."""
    if recipe.dtype.working == np.float64:
        pairs = _from_tiles(key, recipe, indices, lambda words: _pair64(words, recipe))
        return np.asarray(pairs + recipe.offset)
    word = _from_tiles(key, recipe, indices, list)
    fresh = np.full_like(word, _MIDDLE)
    deep = _tail(variates.magnitude(word), recipe) < variates.DEEP
    fresh[deep] = blocks(key, indices[deep], DEEP_DRAW)[0]
    return _normals32(word, fresh, recipe)


def _normals32(word: U32, fresh: U32, recipe: Recipe) -> Floats:
    """The quantile of each word; deep in the tail `fresh` is appended to its bits."""
    size = variates.magnitude(word)
    tail = _tail(size, recipe)
    z = variates.quantile(tail)
    deep = tail < variates.DEEP
    part = ((fresh[deep] >> np.uint32(8)).astype(np.float32) + np.float32(0.5)) * np.float32(2.0**-24)
    z[deep] = variates.deep_quantile(_tail(size[deep] + part, recipe))
    factor, offset = np.float32(recipe.factor), np.float32(recipe.offset)
    return variates.fma(variates.signed_as(word, z), factor, offset)


def _tail(size: Floats, recipe: Recipe) -> Floats:
    """2^32 times the tail probability; between bounds it begins at that of the bound."""
    if recipe.kind is Kind.TRUNCATED_SYMMETRIC:
        return variates.fma(size, np.float32(recipe.shape0), np.float32(recipe.shape1))
    return size


def _pair64(words: Words, recipe: Recipe) -> list[Floats]:
    """Box-Muller: the words of each block make two float64 normals times the factor."""
    radius = recipe.factor * np.sqrt(variates.radius_squared(*words[0:2]))
    cosine, sine = variates.angle(*words[2:4])
    return [radius * cosine, radius * sine]


def _scaled(variate: Floats, recipe: Recipe) -> Floats:
    number = variate.dtype.type
    return np.asarray(variate * number(recipe.factor) + number(recipe.offset))


def _kept(key: Key, recipe: Recipe, indices: U64) -> Floats:
    """Rejection: attempt 0 is the ordinary normal; attempt k uses block number i, word 3 = k."""
    if recipe.kind is Kind.TRUNCATED_BY_NORMAL:
        values = _normals(key, recipe, indices)
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


def _proposals(words: Words, recipe: Recipe) -> list[tuple[Floats, Mask]]:
    """The candidates of one block in order, each with whether it may be kept."""
    single = recipe.dtype.working == np.float32
    if recipe.kind is Kind.TRUNCATED_BY_NORMAL:
        values = [_normals32(word, np.full_like(word, _MIDDLE), recipe) for word in words] if single else []
        values = values or [normal + recipe.offset for normal in _pair64(words, recipe)]
        return [(value, _within(value, recipe)) for value in values]
    pairs = [(words[0:1], words[1:2]), (words[2:3], words[3:4])] if single else [(words[0:2], words[2:4])]
    return [_proposal(first, variates.radius_squared(*second), recipe) for first, second in pairs]


def _proposal(words: tuple[U32, ...], limit: Floats, recipe: Recipe) -> tuple[Floats, Mask]:
    """One uniform or exponential candidate and its test; see `recipe` for the formulas."""
    number = limit.dtype.type
    if recipe.kind is Kind.TRUNCATED_BY_UNIFORM:
        single = limit.dtype == np.float32
        variate = variates.uniform32(*words) if single else variates.uniform64(*words)
        distance = number(recipe.shape0) + number(recipe.shape1) * variate
        cost = distance * (distance + number(recipe.shape2))
    else:
        variate = variates.radius_squared(*words)
        cost = (variate * variate) * number(recipe.shape0)
    value = _scaled(variate, recipe)
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
        return variates.to_bfloat16(values)
    return values.astype(recipe.dtype.storage)

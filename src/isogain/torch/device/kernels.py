"""The draw as a Triton kernel: `drawing.reference` for a chunk of neighbouring elements at a time.

A chunk is BLOCKS Philox blocks, side by side, which make 4 BLOCKS elements in the working type float32 or
2 BLOCKS in float64; it begins at a multiple of that many.  So no tile is cut, and a chunk's counters have
their upper word in common.  bfloat16 targets are given as their bits, int16.
"""

from __future__ import annotations

import triton
import triton.language as tl

from isogain.drawing import reference
from isogain.drawing.recipe import Kind
from isogain.torch.device import variates

NORMAL = tl.constexpr(int(Kind.NORMAL))
UNIFORM = tl.constexpr(int(Kind.UNIFORM))
TRUNCATED_BY_NORMAL = tl.constexpr(int(Kind.TRUNCATED_BY_NORMAL))
TRUNCATED_BY_UNIFORM = tl.constexpr(int(Kind.TRUNCATED_BY_UNIFORM))
TRUNCATED_BY_EXPONENTIAL = tl.constexpr(int(Kind.TRUNCATED_BY_EXPONENTIAL))
TRUNCATED_SYMMETRIC = tl.constexpr(int(Kind.TRUNCATED_SYMMETRIC))
NOWHERE = tl.constexpr(1 << 30)
"""Beyond every place in a chunk."""
DEEP_DRAW = tl.constexpr(reference.DEEP_DRAW)
MAX_ATTEMPTS = tl.constexpr(reference.MAX_ATTEMPTS)

OFFSET, FACTOR = tl.constexpr(0), tl.constexpr(1)
CLAMP_LOW, CLAMP_HIGH = tl.constexpr(2), tl.constexpr(3)
ACCEPT_LOW, ACCEPT_HIGH = tl.constexpr(4), tl.constexpr(5)
SHAPE0, SHAPE1, SHAPE2 = tl.constexpr(6), tl.constexpr(7), tl.constexpr(8)
"""Places in a recipe's nine numbers."""

_PLAIN = [
    "items",
    "chunks",
    "first",
    "stride",
    "length",
    "key0",
    "key1",
    "key2",
    *(f"n{k}" for k in range(9)),
]
"""What changes from tensor to tensor and must not be compiled in."""


@triton.jit(do_not_specialize=_PLAIN)
def draw(
    out, table, items, chunks, first, stride, length,
    key0, key1, key2,
    n0, n1, n2, n3, n4, n5, n6, n7, n8,
    KIND: tl.constexpr, BLOCKS: tl.constexpr, ALIGNED: tl.constexpr, SINGLE: tl.constexpr,
):  # fmt: skip
    """Runs of `length` elements, one every `stride` from element `first` on, side by side to out.

    An item is one of the `chunks` that a run may touch; the programs share the items.
    """
    key = (as_word(key0), as_word(key1), as_word(key2))
    rows = tl.arange(0, 32)
    double: tl.constexpr = out.dtype.element_ty == tl.float64
    size: tl.constexpr = 2 * BLOCKS if double else 4 * BLOCKS
    if double:
        coefficients = (rows, rows, rows, rows, rows, rows)
        numbers = (
            as_double(n0), as_double(n1), as_double(n2), as_double(n3), as_double(n4),
            as_double(n5), as_double(n6), as_double(n7), as_double(n8),
        )  # fmt: skip
    else:
        coefficients = (
            tl.load(table + rows), tl.load(table + 32 + rows), tl.load(table + 64 + rows),
            tl.load(table + 96 + rows), tl.load(table + 128 + rows), tl.load(table + 160 + rows),
        )  # fmt: skip
        numbers = (n0, n1, n2, n3, n4, n5, n6, n7, n8)
    for item in range(tl.program_id(0).to(tl.int64), items.to(tl.int64), tl.num_programs(0)):
        run = (
            item * 0 if SINGLE else item // chunks
        )  # a division of 64 bits takes as long as a tenth of a chunk
        part = item - run * chunks
        start = first + run * stride
        base = (start // size + part) * size
        low = tl.maximum(start - base, 0).to(tl.int32)
        high = tl.maximum(tl.minimum(start + length - base, size), 0).to(tl.int32)
        shift = run * length + base - start
        if ALIGNED:
            low, high = tl.multiple_of(low, 16), tl.multiple_of(high, 16)
            shift = tl.multiple_of(shift, 16)
        if double:
            chunk64(out + shift, base, low, high, key, numbers, KIND, BLOCKS)
        else:
            chunk32(out + shift, base, low, high, key, numbers, coefficients, KIND, BLOCKS)


@triton.jit
def as_word(number):
    return number.to(tl.uint32, bitcast=True)


@triton.jit
def as_double(bits):
    """A float64 handed over as the integer of its bits: as a number it would come in float32."""
    return bits.to(tl.int64).to(tl.float64, bitcast=True)


@triton.jit
def words_of(base, local, attempt, key):
    """The words of the blocks numbered base + local, the sums below the next multiple of 2^32."""
    low = base.to(tl.uint32) + local.to(tl.uint32)
    return variates.philox(low, (base >> 32).to(tl.uint32), key[2], attempt, key[0], key[1])


@triton.jit
def chunk32(
    out, base, low, high, key, numbers, table,
    KIND: tl.constexpr, BLOCKS: tl.constexpr,
):  # fmt: skip
    """Elements base + low to base + high - 1 of a chunk, to out + low, ..."""
    block = tl.arange(0, BLOCKS)
    words = words_of(base // 4, block, key[2] & 0, key)
    for lane in tl.static_range(4):
        place = block // 16 * 64 + block % 16 + 16 * lane
        wanted = (place >= low) & (place < high)
        if KIND == UNIFORM:
            value = variates.uniform32(words[lane]) * numbers[FACTOR] + numbers[OFFSET]
        elif KIND == TRUNCATED_BY_UNIFORM or KIND == TRUNCATED_BY_EXPONENTIAL:  # noqa: SIM109 (Triton has no `in`)
            value = again32(wanted, place.to(tl.float32), base, place, key, numbers, table, KIND)
        else:
            value = normals32(words[lane], base, place, key, numbers, table, KIND)
            if KIND == TRUNCATED_BY_NORMAL:
                refused = wanted & ~within(value, numbers)
                value = again32(refused, value, base, place, key, numbers, table, KIND)
        if KIND != NORMAL:
            value = clamped(value, numbers)
        tl.store(out + place, stored(value, out.dtype.element_ty), mask=wanted)


@triton.jit
def normals32(word, base, place, key, numbers, table, KIND: tl.constexpr):
    """A normal a word, times the factor plus the offset; deep in the tail of fresh bits of its own, too."""
    tail = tail_of(variates.magnitude(word), numbers, KIND)
    z = variates.quantile(tail, table)
    deep = tl.min(tl.where(tail < variates.DEEP, place, NOWHERE), 0)
    while deep < NOWHERE:  # one element in 32768: each by itself, in scalars, which takes no registers
        here = place == deep
        own = tl.max(tl.where(here, (word & 0x7FFFFFFF).to(tl.int32, bitcast=True), 0), 0).to(tl.uint32)
        fresh = words_of(base, deep, (key[2] & 0) + DEEP_DRAW, key)[0]
        z = tl.where(here, variates.deep_quantile(tail_of(variates.refined(own, fresh), numbers, KIND)), z)
        tail = tl.where(here, variates.DEEP, tail)
        deep = tl.min(tl.where(tail < variates.DEEP, place, NOWHERE), 0)
    return tl.fma(variates.signed_as(word, z), numbers[FACTOR], numbers[OFFSET])


@triton.jit
def tail_of(size, numbers, KIND: tl.constexpr):
    """2^32 times the tail probability; between bounds it begins at that of the bound."""
    tail = size
    if KIND == TRUNCATED_SYMMETRIC:
        tail = tl.fma(size, numbers[SHAPE0], numbers[SHAPE1])
    return tail


@triton.jit
def again32(pending, value, base, place, key, numbers, table, KIND: tl.constexpr):
    """The value, where it is pending the first proposal from the element's own blocks that may be kept."""
    attempt = (key[2] & 0) + 1
    left = tl.max(pending.to(tl.int32), 0)
    while left > 0:
        words = words_of(base, place, attempt, key)
        for pair in tl.static_range(2):
            if KIND == TRUNCATED_BY_NORMAL:
                for word in tl.static_range(2):
                    proposal = plain_normals32(words[2 * pair + word], numbers, table)
                    kept = pending & within(proposal, numbers)
                    value, pending = tl.where(kept, proposal, value), pending & ~kept
            else:
                limit = variates.radius_squared32(words[2 * pair + 1])
                if KIND == TRUNCATED_BY_UNIFORM:
                    variate = variates.uniform32(words[2 * pair])
                else:
                    variate = variates.radius_squared32(words[2 * pair])
                proposal = variate * numbers[FACTOR] + numbers[OFFSET]
                kept = pending & accepted(variate, limit, proposal, numbers, KIND)
                value, pending = tl.where(kept, proposal, value), pending & ~kept
        attempt += 1
        left = tl.max((pending & (attempt < MAX_ATTEMPTS)).to(tl.int32), 0)
    return value


@triton.jit
def plain_normals32(word, numbers, table):
    """The normals of an attempt: deep in the tail the fresh bits are one half."""
    size = variates.magnitude(word)
    middle = (word & 0) + variates.MIDDLE
    deep = variates.deep_quantile(variates.refined(word, middle))
    z = tl.where(size < variates.DEEP, deep, variates.quantile(size, table))
    return tl.fma(variates.signed_as(word, z), numbers[FACTOR], numbers[OFFSET])


@triton.jit
def accepted(variate, limit, proposal, numbers, KIND: tl.constexpr):
    """Whether a uniform or exponential proposal may be kept; see `drawing.recipe` for the formulas."""
    if KIND == TRUNCATED_BY_UNIFORM:
        distance = numbers[SHAPE1] * variate + numbers[SHAPE0]
        kept = distance * (distance + numbers[SHAPE2]) <= limit
    else:
        kept = ((variate * variate) * numbers[SHAPE0] <= limit) & within(proposal, numbers)
    return kept


@triton.jit
def within(value, numbers):
    return (value >= numbers[ACCEPT_LOW]) & (value <= numbers[ACCEPT_HIGH])


@triton.jit
def clamped(value, numbers):
    value = tl.where(value < numbers[CLAMP_LOW], numbers[CLAMP_LOW], value)
    return tl.where(value > numbers[CLAMP_HIGH], numbers[CLAMP_HIGH], value)


@triton.jit
def stored(value, target: tl.constexpr):
    """Rounded once, to nearest even; to bfloat16 by integer arithmetic, so that it is the same everywhere."""
    if target == tl.int16:
        bits = value.to(tl.uint32, bitcast=True)
        result = ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).to(tl.int16)
    else:
        result = value.to(target)
    return result


@triton.jit
def chunk64(
    out, base, low, high, key, numbers,
    KIND: tl.constexpr, BLOCKS: tl.constexpr,
):  # fmt: skip
    """The same in float64: two words an element, two elements a block."""
    block = tl.arange(0, BLOCKS)
    words = words_of(base // 2, block, key[2] & 0, key)
    pair = proposals64(words, numbers, KIND)
    for lane in tl.static_range(2):
        place = block // 16 * 32 + block % 16 + 16 * lane
        wanted = (place >= low) & (place < high)
        value = pair[lane]
        if KIND == TRUNCATED_BY_UNIFORM or KIND == TRUNCATED_BY_EXPONENTIAL:  # noqa: SIM109
            value = again64(wanted, value, base, place, key, numbers, KIND)
        elif KIND == TRUNCATED_BY_NORMAL:
            value = again64(wanted & ~within(value, numbers), value, base, place, key, numbers, KIND)
        if KIND != NORMAL:
            value = clamped(value, numbers)
        tl.store(out + place, value, mask=wanted)


@triton.jit
def proposals64(words, numbers, KIND: tl.constexpr):
    """What the two lanes of a block begin with."""
    if KIND == UNIFORM:
        first = variates.uniform64(words[0], words[1]) * numbers[FACTOR]
        second = variates.uniform64(words[2], words[3]) * numbers[FACTOR]
    else:
        first, second = variates.pair64(words, numbers[FACTOR])
    return first + numbers[OFFSET], second + numbers[OFFSET]


@triton.jit
def again64(pending, value, base, place, key, numbers, KIND: tl.constexpr):
    """As `again32`."""
    attempt = (key[2] & 0) + 1
    left = tl.max(pending.to(tl.int32), 0)
    while left > 0:
        words = words_of(base, place, attempt, key)
        if KIND == TRUNCATED_BY_NORMAL:
            pair = proposals64(words, numbers, KIND)
            for lane in tl.static_range(2):
                kept = pending & within(pair[lane], numbers)
                value, pending = tl.where(kept, pair[lane], value), pending & ~kept
        else:
            limit = variates.radius_squared64(words[2], words[3])
            if KIND == TRUNCATED_BY_UNIFORM:
                variate = variates.uniform64(words[0], words[1])
            else:
                variate = variates.radius_squared64(words[0], words[1])
            proposal = variate * numbers[FACTOR] + numbers[OFFSET]
            kept = pending & accepted(variate, limit, proposal, numbers, KIND)
            value, pending = tl.where(kept, proposal, value), pending & ~kept
        attempt += 1
        left = tl.max((pending & (attempt < MAX_ATTEMPTS)).to(tl.int32), 0)
    return value

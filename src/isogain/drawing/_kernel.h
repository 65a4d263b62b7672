/* The draw itself, for one instruction set: the same operations in the same order as reference.py.
 *
 * Included several times with another N(name) and lane width W.  Sixteen Philox blocks side by side
 * make one tile; W of them are worked on at a time.  A tile's 64 float32 (32 float64) values are
 * neighbours, so full tiles go straight to the output and the ends through a buffer. */

#include "_lanes.h"
#include "_philox.h"
#include "_variates.h"

INLINE N(vm) N(outside)(N(vf) x, const Numbers32 *n)
{
    return N(either)(N(less)(x, N(splat_f)(n->accept_low)), N(less)(N(splat_f)(n->accept_high), x));
}

INLINE N(vf) N(clamped)(N(vf) x, const Numbers32 *n)
{
    return N(smaller)(N(splat_f)(n->clamp_high), N(larger)(N(splat_f)(n->clamp_low), x));
}

INLINE void N(store)(void *out, size_t place, N(vf) x, const Numbers32 *n, int target, int bounded)
{
    if (bounded)
        x = N(clamped)(x, n);
    if (target == FLOAT32) {
        memcpy((float *)out + place, &x, sizeof x);
        return;
    }
    N(vh) half;
    if (target == BFLOAT16) {
        N(vu) bits = (N(vu))x;
        half = __builtin_convertvector((bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16, N(vh));
    } else
        half = N(to_half)(x);
    memcpy((uint16_t *)out + place, &half, sizeof half);
}

#include "_rejection.h"

/* Where the i-th vector of the blocks from `block` on begins among the elements of two tiles. */
INLINE int N(place)(int block, int i)
{
    const int first = block + i / 4 * W;
    return first / 16 * 64 + i % 4 * 16 + first % 16;
}

/* The vectors of the blocks from `block` on, in two tiles. */
INLINE void N(store_all)(void *out, int block, N(vf) *x, const Numbers32 *n, int target, int bounded)
{
    const int count = 4 * GROUPS;
#if defined(LANES_AVX512)
    if (target == BFLOAT16) {
        if (bounded)
            EACH x[i] = N(clamped)(x[i], n);
#pragma GCC unroll 8
        for (int i = 0; i < count; i += 2)
            N(store_bfloat16s)((uint16_t *)out + N(place)(block, i), x[i], x[i + 1]);
        return;
    }
#endif
    EACH N(store)(out, (size_t)N(place)(block, i), x[i], n, target, bounded);
}

/* Of the words of the blocks from `block` on, in two tiles whose elements begin with number `first`. */
INLINE void N(normals)(const N(Stream) *s, const Numbers32 *n, uint64_t first, int block, N(vu) (*words)[4], N(vf) *x,
                       int kind)
{
    const int count = 4 * GROUPS;
    N(vf) tail[4 * GROUPS];
    EACH tail[i] = N(tail)(words[i / 4][i % 4], n, kind);
    EACH x[i] = N(quantile)(tail[i], words[i / 4][i % 4]);
    if (N(any_deep)(tail, count))
        for (int i = 0; i < count; i++)
            N(deepen)(s, n, first + (uint64_t)N(place)(block, i), words[i / 4][i % 4], tail[i], &x[i], kind);
    EACH x[i] = N(fma)(x[i], N(splat_f)(n->factor), N(splat_f)(n->offset));
}

/* Two tiles, 128 elements, to out; those outside the bounds are noted as `done` + their place. */
INLINE void N(tiles)(const N(Stream) *s, const Numbers32 *n, uint64_t tile, void *out, N(Refused) *refused,
                     uint32_t done, int kind, int target)
{
    const int count = 4 * GROUPS;
#pragma GCC unroll 1
    for (int block = 0; block < 32; block += GROUPS * W) {
        N(vu) words[GROUPS][4];
        N(vf) x[4 * GROUPS];
        N(neighbours)(s, tile * 16 + (uint64_t)block, words);
        if (kind == WORDS) {
            EACH memcpy((uint32_t *)out + N(place)(block, i), &words[i / 4][i % 4], sizeof words[0][0]);
            continue;
        }
        if (kind == UNIFORM)
            EACH x[i] = N(uniform)(words[i / 4][i % 4]) * n->factor + n->offset;
        else
            N(normals)(s, n, tile * 64, block, words, x, kind);
        if (kind == TRUNCATED_BY_NORMAL)
            EACH refused->count = N(append)(refused->places, refused->count, N(outside)(x[i], n),
                                            *(const N(vu) *)COLUMN_NUMBERS + (done + (uint32_t)N(place)(block, i)));
        N(store_all)(out, block, x, n, target, kind != NORMAL);
    }
}

/* Of two tiles made in a buffer, [skip, skip + take) is wanted: copy it, and forget who was refused outside. */
static void N(cut)(char *out, const char *whole, size_t width, size_t skip, size_t take, N(Refused) *refused,
                   uint32_t kept, uint32_t done)
{
    memcpy(out, whole + skip * width, take * width);
    for (uint32_t i = kept; i < refused->count; i++)
        if (refused->places[i] - done < take)
            refused->places[kept++] = refused->places[i];
    refused->count = kept;
}

/* Elements base .. base + count - 1, at most STRETCH of them, to out. */
INLINE int N(stretch)(const Job *job, const N(Stream) *s, const Numbers32 *n, uint64_t base, size_t count, char *out,
                      int kind, int target)
{
    const size_t width = target == FLOAT32 ? 4 : 2;
    char whole[128 * 4] __attribute__((aligned(64)));
    N(Refused) refused;
    refused.count = 0;
    for (size_t done = 0, take; done < count; done += take) {
        size_t skip = (base + done) & 127;
        uint32_t before = refused.count;
        take = 128 - skip < count - done ? 128 - skip : count - done;
        N(tiles)(s, n, (base + done) >> 7 << 1, take == 128 ? out + done * width : whole, &refused,
                 (uint32_t)(done - skip), kind, target);
        if (take < 128)
            N(cut)(out + done * width, whole, width, skip, take, &refused, before, (uint32_t)done);
    }
    return refused.count ? N(retry_normal)(job, n, base, &refused, out, target) : 0;
}

/* The same where every element has its own blocks from the first attempt on. */
static int N(stretch_own)(const Job *job, const Numbers32 *n, uint64_t base, size_t count, void *out)
{
    N(Refused) refused;
    refused.count = (uint32_t)count;
    for (uint32_t i = 0; i < count; i++)
        refused.places[i] = i;
    return job->kind == TRUNCATED_BY_UNIFORM ? N(retry_uniform)(job, n, base, &refused, out, job->target)
                                             : N(retry_exponential)(job, n, base, &refused, out, job->target);
}

INLINE int N(runs)(const Job *job, int kind, int target)
{
    const Numbers32 n = numbers32(job->numbers);
    const N(Stream) s = N(stream_of)(job, job->draw);
    const size_t width = job->target == FLOAT32 ? 4 : 2;
    char *out = job->out;
    for (size_t run = 0; run < job->run_count; run++)
        for (size_t done = 0; done < job->length;) {
            uint64_t base = job->starts[run] + done;
            size_t count = STRETCH - (base & 127) < job->length - done ? STRETCH - (base & 127) : job->length - done;
            if (kind == OWN_BLOCKS ? N(stretch_own)(job, &n, base, count, out)
                                   : N(stretch)(job, &s, &n, base, count, out, kind, target))
                return -1;
            out += count * width;
            done += count;
        }
    return 0;
}

#include "_kernel64.h"

/* A kernel that knows its target is a twentieth faster and one more to compile: for the most used. */
static int N(fill)(const Job *job)
{
    const int target = job->target, single = target == FLOAT32;
    if (target == FLOAT64)
        return N(runs_d)(job);
    switch (job->kind) {
    case WORDS:
        return single ? N(runs)(job, WORDS, FLOAT32) : -2;
    case NORMAL:
        return single               ? N(runs)(job, NORMAL, FLOAT32)
               : target == BFLOAT16 ? N(runs)(job, NORMAL, BFLOAT16)
                                    : N(runs)(job, NORMAL, FLOAT16);
    case UNIFORM:
        return single ? N(runs)(job, UNIFORM, FLOAT32) : N(runs)(job, UNIFORM, target);
    case TRUNCATED_SYMMETRIC:
        return single ? N(runs)(job, TRUNCATED_SYMMETRIC, FLOAT32) : N(runs)(job, TRUNCATED_SYMMETRIC, target);
    case TRUNCATED_BY_NORMAL:
        return N(runs)(job, TRUNCATED_BY_NORMAL, target);
    case TRUNCATED_BY_UNIFORM:
    case TRUNCATED_BY_EXPONENTIAL:
        return N(runs)(job, OWN_BLOCKS, target);
    }
    return -2;
}

#if defined(LANES_AVX512)
#define ROWS 4 /* worked on at once: as many as the registers hold */
#else
#define ROWS 2
#endif
INLINE double N(scalar_root)(double x) { return N(root_d)((N(vd)){x})[0]; }
#define REAL float
#include "_haar.h"
#undef REAL
#define REAL double
#include "_haar.h"
#undef REAL
#undef ROWS

#undef EACH
#undef GROUPS
#undef RETRY_VECTORS
#undef MOST
#undef ALL_LANES
#undef W

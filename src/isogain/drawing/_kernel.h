/* The draw itself, for one instruction set: the same operations in the same order as reference.py.
 *
 * Included several times with another N(name) and lane width W.  Sixteen Philox blocks side by side
 * make one tile; W of them are worked on at a time.  A tile's 64 float32 (32 float64) values are
 * neighbours, so full tiles go straight to the output and the ends through a buffer. */

#include "_lanes.h"

/* How many vectors of W blocks are worked on in step: enough to hide the latencies, few enough for the
 * registers.  Measured. */
#define GROUPS (W == 8 ? 1 : 2)
#define RETRY_VECTORS 2
#define MOST 4
#define ALL_LANES ((uint32_t)((1ull << W) - 1))

typedef struct {
    N(vu) key0[10], key1[10];
    N(vu) draw;           /* counter word 3 */
    uint32_t k0, k1, stream, word3;
} N(Stream);

INLINE N(vu) N(splat)(uint32_t x) { return (N(vu)){0} + x; }
INLINE N(vf) N(splat_f)(float x) { return (N(vf)){0} + x; }

INLINE N(Stream) N(stream_of)(const Job *job, uint32_t word3)
{
    N(Stream) s;
    for (uint32_t r = 0; r < 10; r++) {
        s.key0[r] = N(splat)(job->key0 + r * WEYL0);
        s.key1[r] = N(splat)(job->key1 + r * WEYL1);
    }
    s.draw = N(splat)(word3);
    s.k0 = job->key0, s.k1 = job->key1, s.stream = job->stream, s.word3 = word3;
    return s;
}

/* Many functions work on `count` vectors in step: one alone would wait for its own results. */
#define EACH _Pragma("GCC unroll 8") for (int i = 0; i < count; i++)

/* Rounds first..9 of several chains.  Words stand in the even lanes; the upper halves carry garbage that no product
 * reads. */
INLINE void N(rounds)(const N(Stream) *s, N(vu) (*c)[4], int chains, int first)
{
    const N(vu) m0 = N(splat)(PHILOX0), m1 = N(splat)(PHILOX1);
#pragma GCC unroll 10
    for (int r = first; r < 10; r++) {
#pragma GCC unroll 8
        for (int i = 0; i < chains; i++) {
            N(vq) p0 = N(mul_even)(c[i][0], m0), p1 = N(mul_even)(c[i][2], m1);
            c[i][0] = (N(vu))(p1 >> 32) ^ c[i][1] ^ s->key0[r];
            c[i][2] = (N(vu))(p0 >> 32) ^ c[i][3] ^ s->key1[r];
            c[i][1] = (N(vu))p1, c[i][3] = (N(vu))p0;
        }
    }
}

INLINE void N(join)(N(vu) even[4], N(vu) odd[4], N(vu) words[4])
{
    for (int i = 0; i < 4; i++)
        words[i] = N(pack_words)((N(vq))even[i], (N(vq))odd[i]);
}

/* Blocks of any numbers, `count` vectors of them. */
INLINE void N(philox)(const N(Stream) *s, const N(vu) *low, const N(vu) *high, N(vu) (*words)[4], int count)
{
    const N(vu) stream = N(splat)(s->stream);
    N(vu) c[2 * MOST][4];
    EACH {
        c[2 * i][0] = low[i], c[2 * i + 1][0] = (N(vu))((N(vq))low[i] >> 32);
        c[2 * i][1] = high[i], c[2 * i + 1][1] = (N(vu))((N(vq))high[i] >> 32);
        c[2 * i][2] = c[2 * i + 1][2] = stream;
        c[2 * i][3] = c[2 * i + 1][3] = s->draw;
    }
    N(rounds)(s, c, 2 * count, 0);
    EACH N(join)(c[2 * i], c[2 * i + 1], words[i]);
}

/* GROUPS * W neighbouring blocks from a multiple of 32 (or W) on.  Only counter word 0 differs between
 * them, so the first two rounds are mostly the same scalar work for all. */
INLINE void N(neighbours)(const N(Stream) *s, uint64_t block, N(vu) words[GROUPS][4])
{
    const uint64_t first = (uint64_t)PHILOX1 * s->stream;
    const uint32_t a0 = (uint32_t)(first >> 32) ^ (uint32_t)(block >> 32) ^ s->k0, a1 = (uint32_t)first;
    const uint64_t second = (uint64_t)PHILOX0 * a0;
    const N(vu) b0 = N(splat)(a1 ^ (s->k0 + WEYL0));
    const N(vu) b2 = N(splat)((uint32_t)(second >> 32) ^ (s->k1 + WEYL1)), b3 = N(splat)((uint32_t)second);
    const N(vu) a2 = N(splat)(s->word3 ^ s->k1);
    const N(vu) m0 = N(splat)(PHILOX0), m1 = N(splat)(PHILOX1);
    N(vu) c[2 * GROUPS][4];
#pragma GCC unroll 8
    for (int i = 0; i < 2 * GROUPS; i++) {
        N(vu) low = *(const N(vu) *)COLUMN_NUMBERS + ((uint32_t)block + (uint32_t)(i / 2 * W));
        N(vq) p0 = N(mul_even)(i % 2 ? (N(vu))((N(vq))low >> 32) : low, m0);
        N(vq) p1 = N(mul_even)((N(vu))(p0 >> 32) ^ a2, m1);
        c[i][0] = (N(vu))(p1 >> 32) ^ b0;
        c[i][1] = (N(vu))p1;
        c[i][2] = (N(vu))p0 ^ b2;
        c[i][3] = b3;
    }
    N(rounds)(s, c, 2 * GROUPS, 2);
#pragma GCC unroll 8
    for (int i = 0; i < GROUPS; i++)
        N(join)(c[2 * i], c[2 * i + 1], words[i]);
}

/* ---- float32 ------------------------------------------------------------------------------ */

INLINE void N(poly)(const float *c, int degree, const N(vf) *x, N(vf) *y, int count)
{
    EACH y[i] = x[i] * c[degree] + c[degree - 1];
#pragma GCC unroll 16
    for (int k = degree - 2; k >= 0; k--)
        EACH y[i] = y[i] * x[i] + c[k];
}

INLINE void N(radius_squared)(const N(vu) *word, N(vf) *out, int count)
{
    N(vf) g[MOST], s[MOST], exponent[MOST], y[MOST];
    EACH {
        g[i] = (__builtin_convertvector((N(vi))word[i], N(vf)) + 0.5f) * 0x1p-32f;
        N(vf) u = N(select)(N(negative)((N(vi))word[i]), g[i] + 1.0f, g[i]);
        N(vi) bits = (N(vi))u - 0x3F3504F3;
        exponent[i] = __builtin_convertvector(bits >> 23, N(vf));
        s[i] = (N(vf))((bits & 0x7FFFFF) + 0x3F3504F3) - 1.0f;
        s[i] = N(select)(N(negative)(bits), s[i], g[i]); /* exponent 0: the digits of u - 1, not of u */
    }
    N(poly)(LOG32, 8, s, y, count);
    EACH out[i] = exponent[i] * MINUS_2_LN2_32[0] + s[i] * y[i];
}

/* Pairs of words to pairs of normals, times the factor. */
INLINE void N(normal_pairs)(const N(vu) *first, const N(vu) *second, float factor, N(vf) (*out)[2], int count)
{
    N(vf) radius[MOST], t[MOST], square[MOST], sine[MOST], cosine[MOST];
    N(radius_squared)(first, radius, count);
    EACH radius[i] = N(root)(radius[i]) * factor;
    EACH t[i] = __builtin_convertvector((N(vi))((second[i] << 2) | 2u), N(vf)) * 0x1p-32f;
    EACH square[i] = t[i] * t[i];
    N(poly)(SIN32, 3, square, sine, count);
    N(poly)(COS32, 2, square, cosine, count);
    EACH {
        sine[i] = t[i] * sine[i];
        cosine[i] = square[i] * cosine[i] + 1.0f;
        N(vm) swap = N(negative)((N(vi))(second[i] << 1));
        radius[i] = (N(vf))((N(vu))radius[i] ^ (second[i] & 0x80000000u));
        out[i][0] = radius[i] * N(select)(swap, sine[i], cosine[i]);
        out[i][1] = radius[i] * N(select)(swap, cosine[i], sine[i]);
    }
}

INLINE N(vf) N(uniform)(N(vu) word)
{
    return __builtin_convertvector(((N(vi))word >> 8) * 2 + 1, N(vf)) * 0x1p-24f;
}

INLINE N(vm) N(outside)(N(vf) x, const Numbers32 *n)
{
    return N(either)(N(less)(x, N(splat_f)(n->accept_low)), N(less)(N(splat_f)(n->accept_high), x));
}

INLINE N(vf) N(clamped)(N(vf) x, const Numbers32 *n)
{
    N(vf) low = N(splat_f)(n->clamp_low), high = N(splat_f)(n->clamp_high);
    x = N(select)(N(less)(x, low), low, x);
    return N(select)(N(less)(high, x), high, x);
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

typedef struct {
    uint32_t count;
    uint32_t places[STRETCH + 128 + RETRY_VECTORS * W]; /* room for the parts of tiles that are cut off, and for whole vectors */
} N(Refused);

/* Two tiles, 128 elements, to out; those outside the bounds are noted as `done` + their place. */
INLINE void N(tiles)(const N(Stream) *s, const Numbers32 *n, uint64_t tile, void *out, N(Refused) *refused,
                     uint32_t done, int kind, int target)
{
#pragma GCC unroll 1
    for (int block = 0; block < 32; block += GROUPS * W) {
        N(vu) words[GROUPS][4];
        N(vf) x[2 * GROUPS][2];
        N(neighbours)(s, tile * 16 + (uint64_t)block, words);
        if (kind == NORMAL || kind == TRUNCATED_BY_NORMAL) {
            N(vu) first[2 * GROUPS], second[2 * GROUPS];
#pragma GCC unroll 8
            for (int i = 0; i < 2 * GROUPS; i++)
                first[i] = words[i / 2][i % 2 * 2], second[i] = words[i / 2][i % 2 * 2 + 1];
            N(normal_pairs)(first, second, n->factor, x, 2 * GROUPS);
        }
#pragma GCC unroll 16
        for (int i = 0; i < 4 * GROUPS; i++) {
            int first = block + i / 4 * W, place = first / 16 * 64 + i % 4 * 16 + first % 16;
            if (kind == WORDS) {
                memcpy((uint32_t *)out + place, &words[i / 4][i % 4], sizeof words[0][0]);
                continue;
            }
            N(vf) y = kind == UNIFORM ? N(uniform)(words[i / 4][i % 4]) * n->factor : x[i / 2][i % 2];
            y = y + n->offset;
            if (kind == TRUNCATED_BY_NORMAL)
                refused->count = N(append)(refused->places, refused->count, N(outside)(y, n),
                                           *(const N(vu) *)COLUMN_NUMBERS + (done + (uint32_t)place));
            N(store)(out, (size_t)place, y, n, target,
                     kind == UNIFORM || (kind == TRUNCATED_BY_NORMAL && target != FLOAT32));
        }
    }
}

/* One candidate of each of `count` vectors from words[i][pair..pair + 1]; two of a normal.  refused[k][i] marks
 * the lanes whose k-th candidate x[k][i] is not to be kept. */
INLINE void N(proposals)(const Numbers32 *n, N(vu) (*words)[4], int pair, N(vf) (*x)[MOST], uint32_t (*refused)[MOST],
                         int kind, int count)
{
    N(vu) first[MOST], second[MOST];
    N(vf) normal[MOST][2], limit[MOST];
    EACH first[i] = words[i][pair], second[i] = words[i][pair + 1];
    if (kind == TRUNCATED_BY_NORMAL) {
        N(normal_pairs)(first, second, n->factor, normal, count);
        for (int k = 0; k < 2; k++) {
            EACH x[k][i] = normal[i][k] + n->offset;
            EACH refused[k][i] = N(bits)(N(outside)(x[k][i], n));
        }
        return;
    }
    N(radius_squared)(second, limit, count);
    if (kind == TRUNCATED_BY_EXPONENTIAL)
        N(radius_squared)(first, x[0], count);
    EACH {
        N(vf) variate = kind == TRUNCATED_BY_UNIFORM ? N(uniform)(first[i]) : x[0][i];
        N(vf) distance = variate * n->shape1 + n->shape0;
        N(vf) cost = kind == TRUNCATED_BY_UNIFORM ? distance * (distance + n->shape2) : variate * variate * n->shape0;
        x[0][i] = variate * n->factor + n->offset;
        refused[0][i] = N(bits)(N(less)(limit[i], cost));
        if (kind == TRUNCATED_BY_EXPONENTIAL)
            refused[0][i] |= N(bits)(N(outside)(x[0][i], n));
    }
}

/* The first of a block's candidates that is kept, for each lane; open[i] marks the lanes left without. */
INLINE void N(candidates)(const Numbers32 *n, N(vu) (*words)[4], N(vf) *value, uint32_t *open, int kind, int count)
{
    const int each = kind == TRUNCATED_BY_NORMAL ? 2 : 1;
    uint32_t any = ALL_LANES;
    EACH open[i] = ALL_LANES;
    for (int pair = 0; pair < 4 && any; pair += 2) {
        N(vf) x[2][MOST];
        uint32_t refused[2][MOST];
        N(proposals)(n, words, pair, x, refused, kind, count);
        any = 0;
        EACH {
            for (int k = 0; k < each; k++) {
                value[i] = pair + k == 0 ? x[0][i] : N(select)(N(from_bits)(open[i]), x[k][i], value[i]);
                open[i] &= refused[k][i];
            }
            any |= open[i];
        }
    }
}

/* Put the lanes of one vector at their places. */
INLINE void N(scatter)(void *out, const uint32_t *places, uint32_t lanes, N(vf) value, const Numbers32 *n, int target)
{
    uint32_t values[W];
    N(store)(values, 0, value, n, target, 1);
    for (uint32_t i = 0; i < lanes; i++)
        if (target == FLOAT32)
            ((uint32_t *)out)[places[i]] = values[i];
        else
            ((uint16_t *)out)[places[i]] = ((uint16_t *)values)[i];
}

/* One attempt for `count` vectors of refused places; those refused again move to places[still..]. */
INLINE uint32_t N(attempt)(const N(Stream) *s, const Numbers32 *n, uint64_t base, const uint32_t *from, uint32_t lanes,
                           uint32_t *places, uint32_t still, void *out, int kind, int target)
{
    const int count = RETRY_VECTORS;
    N(vu) low[RETRY_VECTORS], high[RETRY_VECTORS], words[RETRY_VECTORS][4];
    N(vf) value[RETRY_VECTORS];
    uint32_t open[RETRY_VECTORS];
    EACH {
        memcpy(&low[i], from + i * W, sizeof low[i]);
        low[i] += (uint32_t)base;
        high[i] = (uint32_t)(base >> 32) - (N(vu))(low[i] < (uint32_t)base);
    }
    N(philox)(s, low, high, words, count);
    N(candidates)(n, words, value, open, kind, count);
    EACH if ((uint32_t)i * W < lanes)
    { /* refused ones are stored too: the next attempt writes over them */
        uint32_t here = lanes - (uint32_t)i * W < W ? lanes - (uint32_t)i * W : W;
        N(scatter)(out, from + i * W, here, value[i], n, target);
        for (uint32_t left = open[i] & (uint32_t)((1ull << here) - 1); left; left &= left - 1)
            places[still++] = from[i * W + __builtin_ctz(left)];
    }
    return still;
}

/* Draw again for the refused places (offsets from element `base`), attempt after attempt. */
INLINE int N(retry)(const Job *job, const Numbers32 *n, uint64_t base, N(Refused) *refused, void *out, int kind,
                    int target)
{
    const uint32_t step = RETRY_VECTORS * W;
    uint32_t *places = refused->places, count = refused->count;
    for (uint32_t attempt = 1; count; attempt++) {
        if (attempt == MAX_ATTEMPTS)
            return -1;
        const N(Stream) s = N(stream_of)(job, attempt);
        uint32_t still = 0;
        memset(places + count, 0, step * sizeof *places);
        for (uint32_t first = 0; first < count; first += step) {
            uint32_t lanes = count - first < step ? count - first : step;
            still = N(attempt)(&s, n, base, places + first, lanes, places, still, out, kind, target);
        }
        count = still;
    }
    return 0;
}

#define RETRY(NAME, KIND)                                                                                            \
    static __attribute__((noinline)) int N(NAME)(const Job *job, const Numbers32 *n, uint64_t base,                 \
                                                 N(Refused) *refused, void *out, int target)                        \
    {                                                                                                                \
        return N(retry)(job, n, base, refused, out, KIND, target);                                                   \
    }
RETRY(retry_normal, TRUNCATED_BY_NORMAL)
RETRY(retry_uniform, TRUNCATED_BY_UNIFORM)
RETRY(retry_exponential, TRUNCATED_BY_EXPONENTIAL)
#undef RETRY

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

static int N(fill)(const Job *job)
{
#define CASE(KIND, TARGET)                                                                                           \
    case KIND * 4 + TARGET:                                                                                          \
        return N(runs)(job, KIND, TARGET);
#define TARGETS(KIND) CASE(KIND, FLOAT32) CASE(KIND, FLOAT16) CASE(KIND, BFLOAT16)
    if (job->target == FLOAT64)
        return N(runs_d)(job);
    if (job->kind == TRUNCATED_BY_UNIFORM || job->kind == TRUNCATED_BY_EXPONENTIAL)
        return N(runs)(job, OWN_BLOCKS, FLOAT32);
    switch (job->kind * 4 + job->target) {
        CASE(WORDS, FLOAT32)
        TARGETS(NORMAL)
        TARGETS(UNIFORM)
        TARGETS(TRUNCATED_BY_NORMAL)
    }
    return -2;
#undef CASE
#undef TARGETS
}

#undef EACH
#undef GROUPS
#undef RETRY_VECTORS
#undef MOST
#undef ALL_LANES
#undef W

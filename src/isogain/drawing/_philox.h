/* Philox4x32-10 on vectors: word 0 of a block in one vector, word 1 in the next.
 *
 * Included by _kernel.h, once per instruction set. */

/* How many vectors of W blocks are worked on in step: enough to hide the latencies, few enough for the
 * registers.  Measured. */
#define GROUPS (W == 8 ? 1 : 2)
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

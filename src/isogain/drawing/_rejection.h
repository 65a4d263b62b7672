/* Truncated laws by rejection: every element draws from its own blocks until a candidate is kept.
 *
 * Included by _kernel.h, once per instruction set. */

#define RETRY_VECTORS 2

typedef struct {
    uint32_t count;
    uint32_t places[STRETCH + 128 + RETRY_VECTORS * W]; /* room for cut-off parts of tiles and for whole vectors */
} N(Refused);

/* Candidates of `count` vectors from words[i][pair..pair + 1], and in refused[k][i] the lanes whose k-th candidate
 * x[k][i] is not to be kept.  Two normals: */
INLINE void N(two_normals)(const Numbers32 *n, N(vu) (*words)[4], int pair, N(vf) (*x)[MOST], uint32_t (*refused)[MOST],
                           int count)
{
    const N(vu) half = N(splat)(0x80000000u);
    N(vf) tail[MOST];
    for (int k = 0; k < 2; k++) {
        EACH tail[i] = N(tail)(words[i][pair + k], n, NORMAL);
        EACH x[k][i] = N(quantile)(tail[i], words[i][pair + k]);
        if (N(any_deep)(tail, count))
            EACH x[k][i] = N(select)(N(less)(tail[i], N(splat_f)(DEEP)),
                                     N(deep_quantile)(words[i][pair + k], half, n, NORMAL), x[k][i]);
        EACH x[k][i] = N(fma)(x[k][i], N(splat_f)(n->factor), N(splat_f)(n->offset));
        EACH refused[k][i] = N(bits)(N(outside)(x[k][i], n));
    }
}

/* One uniform or exponential variate, tested with the second word: */
INLINE void N(one_tested)(const Numbers32 *n, N(vu) (*words)[4], int pair, N(vf) *x, uint32_t *refused, int kind,
                          int count)
{
    N(vu) first[MOST], second[MOST];
    N(vf) limit[MOST];
    EACH first[i] = words[i][pair], second[i] = words[i][pair + 1];
    N(radius_squared)(second, limit, count);
    if (kind == TRUNCATED_BY_EXPONENTIAL)
        N(radius_squared)(first, x, count);
    EACH {
        N(vf) variate = kind == TRUNCATED_BY_UNIFORM ? N(uniform)(first[i]) : x[i];
        N(vf) distance = variate * n->shape1 + n->shape0;
        N(vf) cost = kind == TRUNCATED_BY_UNIFORM ? distance * (distance + n->shape2) : variate * variate * n->shape0;
        x[i] = variate * n->factor + n->offset;
        refused[i] = N(bits)(N(less)(limit[i], cost));
        if (kind == TRUNCATED_BY_EXPONENTIAL)
            refused[i] |= N(bits)(N(outside)(x[i], n));
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
        if (kind == TRUNCATED_BY_NORMAL)
            N(two_normals)(n, words, pair, x, refused, count);
        else
            N(one_tested)(n, words, pair, x[0], refused[0], kind, count);
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


/* Words to uniform, exponential and normal numbers in float32: variates.py, lane by lane.
 *
 * Included by _kernel.h, once per instruction set. */

INLINE void N(poly)(const float *c, int degree, const N(vf) *x, N(vf) *y, int count)
{
    EACH y[i] = x[i] * c[degree] + c[degree - 1];
#pragma GCC unroll 16
    for (int k = degree - 2; k >= 0; k--)
        EACH y[i] = y[i] * x[i] + c[k];
}

/* -2 log u; where u lies near 1, g is u - 1 with all its digits. */
INLINE void N(neg2log)(const N(vf) *g, const N(vf) *u, N(vf) *out, int count)
{
    N(vf) s[MOST], exponent[MOST], y[MOST];
    EACH {
        N(vi) bits = (N(vi))u[i] - 0x3F3504F3;
        exponent[i] = __builtin_convertvector(bits >> 23, N(vf));
        s[i] = (N(vf))((bits & 0x7FFFFF) + 0x3F3504F3) - 1.0f;
        s[i] = N(select)(N(negative)(bits), s[i], g[i]); /* exponent 0: the digits of u - 1, not of u */
    }
    N(poly)(LOG32, 8, s, y, count);
    EACH out[i] = exponent[i] * MINUS_2_LN2_32[0] + s[i] * y[i];
}

INLINE void N(radius_squared)(const N(vu) *word, N(vf) *out, int count)
{
    N(vf) g[MOST], u[MOST];
    EACH {
        g[i] = (__builtin_convertvector((N(vi))word[i], N(vf)) + 0.5f) * 0x1p-32f;
        u[i] = N(select)(N(negative)((N(vi))word[i]), g[i] + 1.0f, g[i]);
    }
    N(neg2log)(g, u, out, count);
}

#define DEEP 65536.0f /* 2^32 times the tail probability below which the quantile is not in the table */

/* The 31 bits of a word's magnitude as a number, or 2^32 times the tail probability they stand for. */
INLINE N(vf) N(tail)(N(vu) word, const Numbers32 *n, int kind)
{
    N(vf) m = __builtin_convertvector((N(vi))(word & 0x7FFFFFFFu), N(vf));
    return kind == TRUNCATED_SYMMETRIC ? N(fma)(m, N(splat_f)(n->shape0), N(splat_f)(n->shape1)) : m;
}

/* The normal quantile of tail probability (tail + 1/2) / 2^32 with the sign of the word. */
INLINE N(vf) N(quantile)(N(vf) tail, N(vu) word)
{
    N(vi) bits = (N(vi))tail, index = bits >> 22;
    N(vf) r = (N(vf))((bits & 0x003FFFFF) | 0x3F800000) - 1.25f;
    N(vf) z = N(lookup)(QUANTILE32 + 5 * 32, index);
#pragma GCC unroll 8
    for (int k = 4; k >= 0; k--)
        z = N(fma)(z, r, N(lookup)(QUANTILE32 + k * 32, index));
    return (N(vf))((N(vu))z ^ (word & 0x80000000u));
}

/* The same below DEEP, where fresh bits refine the magnitude. */
static __attribute__((noinline)) N(vf) N(deep_quantile)(N(vu) word, N(vu) fresh, const Numbers32 *n, int kind)
{
    N(vf) part = (__builtin_convertvector((N(vi))(fresh >> 8), N(vf)) + 0.5f) * 0x1p-24f;
    N(vf) tail = __builtin_convertvector((N(vi))(word & 0x7FFFFFFFu), N(vf)) + part, squared, z;
    if (kind == TRUNCATED_SYMMETRIC)
        tail = N(fma)(tail, N(splat_f)(n->shape0), N(splat_f)(n->shape1));
    tail = tail * 0x1p-32f;
    N(neg2log)(&tail, &tail, &squared, 1);
    N(vf) radius = N(root)(squared), inverse = 1.0f / radius;
    N(poly)(DEEP32, 5, &inverse, &z, 1);
    z = radius + z;
    return (N(vf))((N(vu))z ^ (word & 0x80000000u));
}

INLINE int N(any_deep)(const N(vf) *tail, int count)
{
    N(vf) least = tail[0];
#pragma GCC unroll 8
    for (int i = 1; i < count; i++)
        least = N(smaller)(least, tail[i]);
    return __builtin_expect(N(bits)(N(less)(least, N(splat_f)(DEEP))) != 0, 0);
}

/* Elements index, index + 1, ... of the tensor: z made anew where it lies deep in the tail. */
static __attribute__((noinline)) void N(deepen)(const N(Stream) *tile, const Numbers32 *n, uint64_t index,
                                                N(vu) word, N(vf) tail, N(vf) *z, int kind)
{
    N(vm) deep = N(less)(tail, N(splat_f)(DEEP));
    if (!N(bits)(deep))
        return;
    N(Stream) s = *tile;
    s.draw = N(splat)(DEEP_DRAW);
    N(vu) low = *(const N(vu) *)COLUMN_NUMBERS + (uint32_t)index, high = N(splat)((uint32_t)(index >> 32)), fresh[4];
    N(philox)(&s, &low, &high, &fresh, 1);
    *z = N(select)(deep, N(deep_quantile)(word, fresh[0], n, kind), *z);
}

INLINE N(vf) N(uniform)(N(vu) word)
{
    return __builtin_convertvector(((N(vi))word >> 8) * 2 + 1, N(vf)) * 0x1p-24f;
}

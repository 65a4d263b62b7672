/* The few operations on vectors that C operators lack, once per instruction set.
 *
 * Included several times; the includer defines N(name) and exactly one of LANES_AVX512, LANES_AVX2,
 * LANES_BASELINE.  Everything else in the kernel is arithmetic on GCC/Clang vector types. */

#if defined(LANES_AVX512)
#define W 16
#elif defined(LANES_AVX2)
#define W 8
#else
#define W 4
#endif

typedef uint32_t N(vu) __attribute__((vector_size(4 * W)));
typedef int32_t N(vi) __attribute__((vector_size(4 * W)));
typedef float N(vf) __attribute__((vector_size(4 * W)));
typedef uint64_t N(vq) __attribute__((vector_size(4 * W)));
typedef int64_t N(vl) __attribute__((vector_size(4 * W)));
typedef double N(vd) __attribute__((vector_size(4 * W)));
typedef int32_t N(vih) __attribute__((vector_size(2 * W)));
typedef uint16_t N(vh) __attribute__((vector_size(2 * W)));

#if defined(LANES_AVX512)

typedef __mmask16 N(vm);
INLINE N(vq) N(mul_even)(N(vu) a, N(vu) b) { return (N(vq))_mm512_mul_epu32((__m512i)a, (__m512i)b); }
INLINE N(vf) N(root)(N(vf) x) { return (N(vf))_mm512_sqrt_ps((__m512)x); }
INLINE N(vd) N(root_d)(N(vd) x) { return (N(vd))_mm512_sqrt_pd((__m512d)x); }
INLINE N(vm) N(negative)(N(vi) x) { return _mm512_movepi32_mask((__m512i)x); }
INLINE N(vm) N(less)(N(vf) a, N(vf) b) { return _mm512_cmp_ps_mask((__m512)a, (__m512)b, _CMP_LT_OQ); }
INLINE N(vf) N(select)(N(vm) m, N(vf) yes, N(vf) no)
{
    return (N(vf))_mm512_mask_mov_ps((__m512)no, m, (__m512)yes);
}
INLINE N(vu) N(pack_words)(N(vq) even, N(vq) odd)
{
    return (N(vu))_mm512_mask_shuffle_epi32((__m512i)even, 0xAAAA, (__m512i)odd, 0xA0);
}
INLINE uint32_t N(bits)(N(vm) m) { return m; }
INLINE N(vm) N(from_bits)(uint32_t bits) { return (N(vm))bits; }
/* Append the numbers place + lane of the lanes in m to list, which has room for W; returns the new count. */
INLINE uint32_t N(append)(uint32_t *list, uint32_t count, N(vm) m, N(vu) place)
{
    _mm512_storeu_si512(list + count, _mm512_maskz_compress_epi32(m, (__m512i)place));
    return count + (uint32_t)__builtin_popcount(m);
}
INLINE N(vm) N(either)(N(vm) a, N(vm) b) { return a | b; }
INLINE N(vf) N(fma)(N(vf) a, N(vf) b, N(vf) c) { return (N(vf))_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c); }
INLINE N(vf) N(smaller)(N(vf) a, N(vf) b) { return (N(vf))_mm512_min_ps((__m512)a, (__m512)b); }
INLINE N(vf) N(larger)(N(vf) a, N(vf) b) { return (N(vf))_mm512_max_ps((__m512)a, (__m512)b); }
/* table[index % 32] in each lane */
INLINE N(vf) N(lookup)(const float *table, N(vi) index)
{
    return (N(vf))_mm512_permutex2var_ps(_mm512_load_ps(table), (__m512i)index, _mm512_load_ps(table + 16));
}
/* The words that a and b round to in bfloat16, side by side. */
INLINE void N(store_bfloat16s)(uint16_t *out, N(vf) a, N(vf) b)
{
    static const uint16_t UPPER[32] __attribute__((aligned(64))) = {
        1,  3,  5,  7,  9,  11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31,
        33, 35, 37, 39, 41, 43, 45, 47, 49, 51, 53, 55, 57, 59, 61, 63};
    const __m512i most = _mm512_set1_epi32(0x7FFF), one = _mm512_set1_epi32(1), odd = _mm512_set1_epi32(0x10000);
    __m512i x = _mm512_add_epi32((__m512i)a, most), y = _mm512_add_epi32((__m512i)b, most);
    x = _mm512_mask_add_epi32(x, _mm512_test_epi32_mask((__m512i)a, odd), x, one);
    y = _mm512_mask_add_epi32(y, _mm512_test_epi32_mask((__m512i)b, odd), y, one);
    _mm512_storeu_si512(out, _mm512_permutex2var_epi16(x, _mm512_load_si512(UPPER), y));
}
INLINE N(vh) N(to_half)(N(vf) x) { return (N(vh))_mm512_cvtps_ph((__m512)x, _MM_FROUND_TO_NEAREST_INT); }

#else

typedef N(vi) N(vm);
INLINE N(vf) N(select)(N(vm) m, N(vf) yes, N(vf) no)
{
#if defined(LANES_AVX2)
    return (N(vf))_mm256_blendv_ps((__m256)no, (__m256)yes, (__m256)m);
#else
    return (N(vf))((m & (N(vi))yes) | (~m & (N(vi))no));
#endif
}
INLINE N(vm) N(negative)(N(vi) x) { return x >> 31; }
INLINE N(vm) N(less)(N(vf) a, N(vf) b) { return (N(vm))(a < b); }
INLINE N(vm) N(either)(N(vm) a, N(vm) b) { return a | b; }
INLINE N(vu) N(pack_words)(N(vq) even, N(vq) odd)
{
#if defined(LANES_AVX2)
    return (N(vu))_mm256_blend_epi32((__m256i)even, (__m256i)(odd << 32), 0xAA);
#else
    return (N(vu))((even & 0xFFFFFFFFu) | (odd << 32));
#endif
}

/* Lane i is set where bit i is. */
INLINE N(vm) N(from_bits)(uint32_t bits)
{
    N(vu) column = 1u << *(const N(vu) *)COLUMN_NUMBERS;
    return (N(vm))((column & bits) != 0);
}

#if defined(LANES_AVX2)
INLINE N(vf) N(fma)(N(vf) a, N(vf) b, N(vf) c) { return (N(vf))_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c); }
INLINE N(vf) N(smaller)(N(vf) a, N(vf) b) { return (N(vf))_mm256_min_ps((__m256)a, (__m256)b); }
INLINE N(vf) N(larger)(N(vf) a, N(vf) b) { return (N(vf))_mm256_max_ps((__m256)a, (__m256)b); }
/* table[index % 32] in each lane: four parts of eight, then bits 3 and 4 choose between them.  (A gather
 * takes five times as long where its microcode guards against data sampling.) */
INLINE N(vf) N(lookup)(const float *table, N(vi) index)
{
    __m256 part[4];
    for (int i = 0; i < 4; i++)
        part[i] = _mm256_permutevar8x32_ps(_mm256_load_ps(table + 8 * i), (__m256i)index);
    __m256 bit3 = (__m256)(index << 28), bit4 = (__m256)(index << 27);
    return (N(vf))_mm256_blendv_ps(_mm256_blendv_ps(part[0], part[1], bit3),
                                   _mm256_blendv_ps(part[2], part[3], bit3), bit4);
}
INLINE N(vq) N(mul_even)(N(vu) a, N(vu) b) { return (N(vq))_mm256_mul_epu32((__m256i)a, (__m256i)b); }
INLINE N(vf) N(root)(N(vf) x) { return (N(vf))_mm256_sqrt_ps((__m256)x); }
INLINE N(vd) N(root_d)(N(vd) x) { return (N(vd))_mm256_sqrt_pd((__m256d)x); }
INLINE uint32_t N(bits)(N(vm) m) { return (uint32_t)_mm256_movemask_ps((__m256)m); }
INLINE N(vh) N(to_half)(N(vf) x) { return (N(vh))_mm256_cvtps_ph((__m256)x, _MM_FROUND_TO_NEAREST_INT); }
#else
INLINE N(vf) N(smaller)(N(vf) a, N(vf) b) { return N(select)(N(less)(a, b), a, b); }
INLINE N(vf) N(larger)(N(vf) a, N(vf) b) { return N(select)(N(less)(b, a), a, b); }
INLINE N(vf) N(lookup)(const float *table, N(vi) index)
{
    return (N(vf)){table[index[0] & 31], table[index[1] & 31], table[index[2] & 31], table[index[3] & 31]};
}
#if defined(__aarch64__)
INLINE N(vf) N(fma)(N(vf) a, N(vf) b, N(vf) c) { return (N(vf))vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b); }
#else
/* a * b + c rounded once: the product is exact in float64, and the sum is rounded to odd there, so that
 * the rounding to float32 finds every tie as it was (Boldo and Melquiond 2008). */
INLINE N(vd) N(odd_sum)(N(vd) product, N(vd) c)
{
    N(vd) sum = product + c, part = sum - product;
    N(vd) error = (product - (sum - part)) + (c - part);
    N(vl) bits = (N(vl))sum, away = (((N(vl))error ^ bits) >> 63) | 1;
    N(vl) inexact = (N(vl))(error != 0.0) & ~-(bits & 1);
    return (N(vd))(bits + (away & inexact));
}
INLINE N(vf) N(fma)(N(vf) a, N(vf) b, N(vf) c)
{
    typedef float half __attribute__((vector_size(8)));
    union {
        N(vf) all;
        half part[2];
    } x = {a}, y = {b}, z = {c};
    for (int i = 0; i < 2; i++) {
        N(vd) product = __builtin_convertvector(x.part[i], N(vd)) * __builtin_convertvector(y.part[i], N(vd));
        N(vd) sum = N(odd_sum)(product, __builtin_convertvector(z.part[i], N(vd)));
        x.part[i] = __builtin_convertvector(sum, half);
    }
    return x.all;
}
#endif

#if defined(__SSE2__)
INLINE N(vq) N(mul_even)(N(vu) a, N(vu) b) { return (N(vq))_mm_mul_epu32((__m128i)a, (__m128i)b); }
INLINE N(vf) N(root)(N(vf) x) { return (N(vf))_mm_sqrt_ps((__m128)x); }
INLINE N(vd) N(root_d)(N(vd) x) { return (N(vd))_mm_sqrt_pd((__m128d)x); }
INLINE uint32_t N(bits)(N(vm) m) { return (uint32_t)_mm_movemask_ps((__m128)m); }
#elif defined(__aarch64__)
INLINE N(vq) N(mul_even)(N(vu) a, N(vu) b)
{
    return (N(vq))vmull_u32(vmovn_u64((uint64x2_t)a), vmovn_u64((uint64x2_t)b));
}
INLINE N(vf) N(root)(N(vf) x) { return (N(vf))vsqrtq_f32((float32x4_t)x); }
INLINE N(vd) N(root_d)(N(vd) x) { return (N(vd))vsqrtq_f64((float64x2_t)x); }
INLINE uint32_t N(bits)(N(vm) m) { return (m[0] & 1) | (m[1] & 2) | (m[2] & 4) | (m[3] & 8); }
#else
INLINE N(vq) N(mul_even)(N(vu) a, N(vu) b)
{
    return (N(vq)){(uint64_t)a[0] * b[0], (uint64_t)a[2] * b[2]};
}
INLINE N(vf) N(root)(N(vf) x)
{
    return (N(vf)){sqrtf(x[0]), sqrtf(x[1]), sqrtf(x[2]), sqrtf(x[3])};
}
INLINE N(vd) N(root_d)(N(vd) x) { return (N(vd)){sqrt(x[0]), sqrt(x[1])}; }
INLINE uint32_t N(bits)(N(vm) m) { return (m[0] & 1) | (m[1] & 2) | (m[2] & 4) | (m[3] & 8); }
#endif

/* Round to nearest even by integer arithmetic; below the smallest normal half, adding a power of two
 * lets the float adder do the rounding (Giesen 2012, "half to float done quick"). */
INLINE N(vh) N(to_half)(N(vf) x)
{
    N(vu) all = (N(vu))x, sign = all & 0x80000000u, bits = all ^ sign;
    N(vu) odd = (bits >> 13) & 1u;
    N(vu) normal = (bits + odd + (0xFFFu - (112u << 23))) >> 13;
    N(vf) magic = (N(vf))((N(vu)){0} + (126u << 23));
    N(vu) tiny = (N(vu))((N(vf))bits + magic) - (126u << 23);
    N(vu) small = (N(vu))((N(vi))bits < (int32_t)(113u << 23));
    N(vu) half = (small & tiny) | (~small & normal);
    return __builtin_convertvector(half | (sign >> 16), N(vh));
}
#endif
INLINE uint32_t N(append)(uint32_t *list, uint32_t count, N(vm) m, N(vu) place)
{
    for (uint32_t left = N(bits)(m); left; left &= left - 1)
        list[count++] = place[0] + (uint32_t)__builtin_ctz(left);
    return count;
}
#endif

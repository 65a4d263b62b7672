/* What to draw, the kernel for each instruction set, and the choice between them at run time.
 *
 * _lanes.h holds what differs between instruction sets, _philox.h the bits, _variates.h what is made of
 * them, _rejection.h the truncated laws that need it, _kernel.h the draw, _kernel64.h the same in float64,
 * _haar.h orthogonal matrices, _coefficients.h the constants.  Built with -ffp-contract=off: the fused multiply-adds are the written ones. */

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if !defined(__GNUC__)
#error "the kernel is written in the vector extensions of GCC and Clang; isogain draws with NumPy instead"
#endif
#if defined(__FAST_MATH__)
#error "-ffast-math would change the numbers drawn"
#endif

#if defined(__x86_64__)
#define X86 1
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#define INLINE static inline __attribute__((always_inline))

enum {
    WORDS,
    NORMAL,
    UNIFORM,
    TRUNCATED_BY_NORMAL,
    TRUNCATED_BY_UNIFORM,
    TRUNCATED_BY_EXPONENTIAL,
    TRUNCATED_SYMMETRIC
};
#define OWN_BLOCKS TRUNCATED_BY_UNIFORM /* stands for both kinds that are not made by the tile */
enum { FLOAT32, FLOAT16, BFLOAT16, FLOAT64 };
enum { OFFSET, FACTOR, CLAMP_LOW, CLAMP_HIGH, ACCEPT_LOW, ACCEPT_HIGH, SHAPE0, SHAPE1, SHAPE2, NUMBERS };

#define DEEP_DRAW 0x80000002u /* counter word 3 of the bits that refine a value deep in the tail */
#define MAX_ATTEMPTS 1000u
#define STRETCH 4096 /* elements between two visits to the refused ones: they stay in the first cache */
#define PHILOX0 0xD2511F53u
#define PHILOX1 0xCD9E8D57u
#define WEYL0 0x9E3779B9u
#define WEYL1 0xBB67AE85u

static const uint32_t COLUMN_NUMBERS[16] __attribute__((aligned(64))) = {0, 1, 2,  3,  4,  5,  6,  7,
                                                                         8, 9, 10, 11, 12, 13, 14, 15};

#include "_coefficients.h"

typedef struct {
    int kind, target;
    uint32_t key0, key1, stream, draw;
    double numbers[NUMBERS];
    const uint64_t *starts; /* where each run begins in the whole tensor */
    size_t run_count, length;
    void *out;
} Job;

typedef struct {
    float offset, factor, clamp_low, clamp_high, accept_low, accept_high, shape0, shape1, shape2;
} Numbers32;

static inline Numbers32 numbers32(const double *n)
{
    return (Numbers32){(float)n[OFFSET],     (float)n[FACTOR],      (float)n[CLAMP_LOW],
                       (float)n[CLAMP_HIGH], (float)n[ACCEPT_LOW],  (float)n[ACCEPT_HIGH],
                       (float)n[SHAPE0],     (float)n[SHAPE1],      (float)n[SHAPE2]};
}

#define BLOCK 4 /* reflectors applied at once */
#define GROUP 16 /* rows that stay in the first cache while all reflectors pass */

#if defined(__clang__) || __GNUC__ >= 12
#define SHUFFLE __builtin_shufflevector
#else
#define SHUFFLE(a, b, ...) __builtin_shuffle(a, b, (__typeof__(a == b)){__VA_ARGS__})
#endif

/* The numbers from one row of a matrix to the next: an odd count of cache lines, so that neighbouring rows
 * do not fall on the same places of the cache. */
static inline size_t padded_columns(size_t columns, size_t lanes)
{
    return ((columns + lanes - 1) / lanes | 1) * lanes;
}

#define PASTE_(a, b) a##_##b
#define PASTE(a, b) PASTE_(a, b)
#define N(name) PASTE(name, SUFFIX)

#define SUFFIX baseline
#define LANES_BASELINE
#include "_kernel.h"
#undef LANES_BASELINE
#undef SUFFIX

#if defined(X86)
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,f16c,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,f16c,fma")
#endif
#define SUFFIX avx2
#define LANES_AVX2
#include "_kernel.h"
#undef LANES_AVX2
#undef SUFFIX
#if defined(__clang__)
#pragma clang attribute pop
#pragma clang attribute push(__attribute__((target("avx512f,avx512dq,avx512bw,avx512vl"))), apply_to = function)
#else
#pragma GCC pop_options
#pragma GCC push_options
#pragma GCC target("avx512f,avx512dq,avx512bw,avx512vl,prefer-vector-width=512")
#endif
#define SUFFIX avx512
#define LANES_AVX512
#include "_kernel.h"
#undef LANES_AVX512
#undef SUFFIX
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif

typedef struct {
    const char *name;
    int (*fill)(const Job *);
    void (*haar[2])(void *, size_t, size_t, void *); /* float32, float64 */
    int present;
} InstructionSet;

static InstructionSet SETS[] = {
#if defined(X86)
    {"avx512", fill_avx512, {haar_avx512_float, haar_avx512_double}, 0},
    {"avx2", fill_avx2, {haar_avx2_float, haar_avx2_double}, 0},
#endif
    {"baseline", fill_baseline, {haar_baseline_float, haar_baseline_double}, 1},
};
#define SET_COUNT (sizeof SETS / sizeof *SETS)

static void detect(void)
{
#if defined(X86)
    __builtin_cpu_init();
    SETS[0].present = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
    SETS[1].present = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("f16c") &&
                      __builtin_cpu_supports("fma");
#endif
}

/* The arithmetic of this thread as the kernel wants it, rounding to nearest with subnormal numbers, and back. */
static unsigned plain_arithmetic(void)
{
#if defined(X86)
    unsigned before = _mm_getcsr();
    _mm_setcsr(0x1F80);
    return before;
#else
    return 0;
#endif
}

static void arithmetic_as_before(unsigned before)
{
#if defined(X86)
    _mm_setcsr(before);
#else
    (void)before;
#endif
}

static int run(const InstructionSet *set, const Job *job)
{
    unsigned before = plain_arithmetic();
    int status = set->fill(job);
    arithmetic_as_before(before);
    return status;
}

/* Q^T in the place of its wide x tall normals; -1 where there is no memory for a second matrix. */
static int orthogonalise(const InstructionSet *set, void *normals, size_t wide, size_t tall, size_t width)
{
    const size_t stride = padded_columns(tall, 64 / width), blocks = (wide + BLOCK - 1) / BLOCK;
    char *memory = malloc(((GROUP + BLOCK * blocks) * stride + BLOCK * blocks * (BLOCK + 1)) * width + 64);
    if (!memory)
        return -1;
    unsigned before = plain_arithmetic();
    set->haar[width == 8](normals, wide, tall, memory + (64 - (uintptr_t)memory % 64) % 64);
    arithmetic_as_before(before);
    free(memory);
    return 0;
}

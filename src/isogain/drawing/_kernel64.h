/* The float64 half of _kernel.h: two words an element, W / 2 lanes, tiles of 32 elements. */

#define D (W / 2)

INLINE N(vd) N(splat_d)(double x) { return (N(vd)){0} + x; }
INLINE N(vd) N(select_d)(N(vl) m, N(vd) yes, N(vd) no) { return (N(vd))((m & (N(vl))yes) | (~m & (N(vl))no)); }

/* Half `side` of a word vector as doubles, read as signed or unsigned: both exact. */
INLINE N(vd) N(signed_d)(N(vu) word, int side)
{
    union { N(vu) all; N(vih) half[2]; } u = {word};
    return __builtin_convertvector(u.half[side], N(vd));
}
INLINE N(vd) N(unsigned_d)(N(vu) word, int side) { return N(signed_d)(word ^ 0x80000000u, side) + 0x1p31; }

/* -1 where the (sign) bit of the 32-bit word is set, for each lane of the half. */
INLINE N(vl) N(sign_d)(N(vu) word, int side)
{
    union { N(vu) all; N(vih) half[2]; } u = {word};
    return __builtin_convertvector(u.half[side] >> 31, N(vl));
}

INLINE N(vd) N(poly_d)(const double *c, int degree, N(vd) x)
{
    N(vd) y = N(splat_d)(c[degree]);
#pragma GCC unroll 16
    for (int i = degree - 1; i >= 0; i--)
        y = y * x + c[i];
    return y;
}

INLINE N(vd) N(radius_squared_d)(N(vu) high, N(vu) low, int side)
{
    N(vd) g = (N(signed_d)(high, side) * 0x1p32 + (N(unsigned_d)(low, side) + 0.5)) * 0x1p-64;
    N(vd) u = N(select_d)((N(vl))(g < 0.0), g + 1.0, g);
    N(vl) bits = (N(vl))u - 0x3FE6A09E667F3BCDll;
    /* exponent by way of a biased, positive number: 64-bit integers have no vector conversion below AVX-512 */
    N(vq) biased = ((N(vq))bits + (1024ull << 52)) >> 52;
    N(vd) exponent = (N(vd))(biased | 0x4330000000000000ull) - (0x1p52 + 1024.0);
    N(vd) s = (N(vd))((bits & 0xFFFFFFFFFFFFFll) + 0x3FE6A09E667F3BCDll) - 1.0;
    s = N(select_d)((N(vl))(bits < 0), s, g);
    N(vd) f = s / (s + 2.0), square = f * f;
    N(vd) log1p = s - f * (s - square * N(poly_d)(LOG64, 6, square));
    return exponent * MINUS_2_LN2_64[0] + log1p * -2.0;
}

INLINE void N(normal_pair_d)(N(vu) w[4], int side, double factor, N(vd) out[2])
{
    N(vd) radius = N(root_d)(N(radius_squared_d)(w[0], w[1], side)) * factor;
    N(vd) top = N(signed_d)((w[2] << 2) | (w[3] >> 30), side);
    N(vd) t = (top * 0x1p32 + N(unsigned_d)((w[3] << 2) | 2u, side)) * 0x1p-64;
    N(vd) square = t * t;
    N(vd) sine = t * N(poly_d)(SIN64, 6, square);
    N(vd) cosine = square * N(poly_d)(COS64, 5, square) + 1.0;
    N(vl) swap = N(sign_d)(w[2] << 1, side);
    radius = N(select_d)(N(sign_d)(w[2], side), -radius, radius);
    out[0] = radius * N(select_d)(swap, sine, cosine);
    out[1] = radius * N(select_d)(swap, cosine, sine);
}

INLINE N(vd) N(uniform_d)(N(vu) high, N(vu) low, int side)
{
    N(vd) tail = N(unsigned_d)(low >> 11, side) * 2.0 + 1.0;
    return (N(signed_d)(high, side) * 0x1p22 + tail) * 0x1p-53;
}

INLINE N(vl) N(outside_d)(N(vd) x, const double *n)
{
    return (N(vl))(x < n[ACCEPT_LOW]) | (N(vl))(x > n[ACCEPT_HIGH]);
}

INLINE N(vd) N(clamped_d)(N(vd) x, const double *n)
{
    x = N(select_d)((N(vl))(x < n[CLAMP_LOW]), N(splat_d)(n[CLAMP_LOW]), x);
    return N(select_d)((N(vl))(x > n[CLAMP_HIGH]), N(splat_d)(n[CLAMP_HIGH]), x);
}

/* One tile of 32 elements to out; refused elements are marked in the returned bits. */
INLINE uint32_t N(tile_d)(const N(Stream) *s, const double *n, uint64_t tile, double *out, int kind)
{
    uint32_t refused = 0;
#pragma GCC unroll 1
    for (int column = 0; column < 16; column += W) {
        N(vu) w[4];
        N(vu) low = *(const N(vu) *)COLUMN_NUMBERS + (uint32_t)(tile * 16 + (uint64_t)column);
        N(vu) high = N(splat)((uint32_t)(tile >> 28));
        N(philox)(s, &low, &high, &w, 1);
#pragma GCC unroll 1
        for (int side = 0; side < 2; side++) {
            N(vd) x[2];
            if (kind == UNIFORM)
                for (int lane = 0; lane < 2; lane++)
                    x[lane] = N(uniform_d)(w[2 * lane], w[2 * lane + 1], side) * n[FACTOR];
            else
                N(normal_pair_d)(w, side, n[FACTOR], x);
            for (int lane = 0; lane < 2; lane++) {
                int place = lane * 16 + column + side * D;
                N(vd) y = x[lane] + n[OFFSET];
                if (kind == UNIFORM)
                    y = N(clamped_d)(y, n);
                if (kind == TRUNCATED_BY_NORMAL) {
                    N(vl) out_of = N(outside_d)(y, n);
                    for (int i = 0; i < D; i++)
                        refused |= (uint32_t)(out_of[i] & 1) << (place + i);
                }
                memcpy(out + place, &y, sizeof y);
            }
        }
    }
    return refused;
}

/* Candidates of the blocks of W elements: value[] where kept; returns the lanes where none was. */
INLINE uint32_t N(candidates_d)(const N(Stream) *s, const double *n, N(vu) low, N(vu) high, int kind, double value[W])
{
    N(vu) w[4];
    uint32_t open = ALL_LANES;
    N(philox)(s, &low, &high, &w, 1);
    for (int side = 0; side < 2; side++) {
        N(vd) x[2];
        N(vl) refused[2];
        int count = 1;
        if (kind == TRUNCATED_BY_NORMAL) {
            N(normal_pair_d)(w, side, n[FACTOR], x);
            count = 2;
            for (int i = 0; i < 2; i++) {
                x[i] = x[i] + n[OFFSET];
                refused[i] = N(outside_d)(x[i], n);
            }
        } else {
            N(vd) limit = N(radius_squared_d)(w[2], w[3], side), cost;
            if (kind == TRUNCATED_BY_UNIFORM) {
                x[0] = N(uniform_d)(w[0], w[1], side);
                N(vd) distance = x[0] * n[SHAPE1] + n[SHAPE0];
                cost = distance * (distance + n[SHAPE2]);
            } else {
                x[0] = N(radius_squared_d)(w[0], w[1], side);
                cost = x[0] * x[0] * n[SHAPE0];
            }
            x[0] = x[0] * n[FACTOR] + n[OFFSET];
            refused[0] = (N(vl))(cost > limit);
            if (kind == TRUNCATED_BY_EXPONENTIAL)
                refused[0] |= N(outside_d)(x[0], n);
        }
        for (int i = 0; i < count; i++)
            for (int lane = 0; lane < D; lane++) {
                uint32_t bit = 1u << (side * D + lane);
                if ((open & bit) && !refused[i][lane]) {
                    value[side * D + lane] = x[i][lane];
                    open &= ~bit;
                }
            }
    }
    return open;
}

/* The element's own blocks, attempt after attempt, W elements at a time. */
static int N(retry_d)(const Job *job, uint64_t base, uint32_t *places, uint32_t count, double *out)
{
    const double *n = job->numbers;
    for (uint32_t attempt = 1; count; attempt++) {
        if (attempt == MAX_ATTEMPTS)
            return -1;
        const N(Stream) s = N(stream_of)(job, attempt);
        uint32_t still = 0;
        for (uint32_t first = 0; first < count; first += W) {
            uint32_t low[W], high[W], lanes = count - first < W ? count - first : W;
            for (uint32_t i = 0; i < W; i++) {
                uint64_t index = base + places[first + (i < lanes ? i : 0)];
                low[i] = (uint32_t)index, high[i] = (uint32_t)(index >> 32);
            }
            N(vu) vlow, vhigh;
            double value[W];
            memcpy(&vlow, low, sizeof vlow);
            memcpy(&vhigh, high, sizeof vhigh);
            uint32_t open = N(candidates_d)(&s, n, vlow, vhigh, job->kind, value);
            for (uint32_t i = 0; i < lanes; i++) {
                uint32_t place = places[first + i];
                if (open >> i & 1)
                    places[still++] = place;
                else
                    out[place] = N(clamped_d)(N(splat_d)(value[i]), n)[0];
            }
        }
        count = still;
    }
    return 0;
}

INLINE int N(stretch_d)(const Job *job, const N(Stream) *s, uint64_t base, size_t count, double *out, int kind)
{
    uint32_t places[STRETCH], refused_count = 0;
    if (kind == TRUNCATED_BY_UNIFORM || kind == TRUNCATED_BY_EXPONENTIAL) {
        for (uint32_t i = 0; i < count; i++)
            places[i] = i;
        return N(retry_d)(job, base, places, (uint32_t)count, out);
    }
    for (size_t done = 0; done < count;) {
        size_t skip = (base + done) & 31, take = 32 - skip < count - done ? 32 - skip : count - done;
        double whole[32];
        uint32_t refused = N(tile_d)(s, job->numbers, (base + done) >> 5, whole, kind) >> skip;
        if (take < 32)
            refused &= (1u << take) - 1;
        memcpy(out + done, whole + skip, take * sizeof *out);
        for (; refused; refused &= refused - 1)
            places[refused_count++] = (uint32_t)done + (uint32_t)__builtin_ctz(refused);
        done += take;
    }
    return N(retry_d)(job, base, places, refused_count, out);
}

INLINE int N(runs_kind_d)(const Job *job, int kind)
{
    const N(Stream) s = N(stream_of)(job, job->draw);
    double *out = job->out;
    for (size_t run = 0; run < job->run_count; run++)
        for (size_t done = 0; done < job->length;) {
            uint64_t base = job->starts[run] + done;
            size_t count = STRETCH - (base & 31) < job->length - done ? STRETCH - (base & 31) : job->length - done;
            if (N(stretch_d)(job, &s, base, count, out, kind))
                return -1;
            out += count;
            done += count;
        }
    return 0;
}

static int N(runs_d)(const Job *job)
{
    switch (job->kind) {
    case NORMAL:
        return N(runs_kind_d)(job, NORMAL);
    case UNIFORM:
        return N(runs_kind_d)(job, UNIFORM);
    case TRUNCATED_BY_NORMAL:
        return N(runs_kind_d)(job, TRUNCATED_BY_NORMAL);
    case TRUNCATED_BY_UNIFORM:
    case TRUNCATED_BY_EXPONENTIAL:
        return N(runs_kind_d)(job, TRUNCATED_BY_UNIFORM);
    }
    return -2;
}

#undef D

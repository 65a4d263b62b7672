/* A Haar orthogonal matrix from standard normals: core/haar.py's reflectors, for sizes that fit the cache.
 *
 * Included for REAL float and double by every instruction set, which all give the same bits: a dot product
 * is LANES interleaved sums, added in the order of H(add_up), and no product is fused with a sum.  Rows are
 * padded with zeros to whole blocks of reflectors, columns to whole cache lines: no loop has an end to mend. */

#define H(name) PASTE(N(name), REAL)
#define LANES (64 / sizeof(REAL))
#define PART (4 * W / sizeof(REAL)) /* lanes of one vector */
#define FOR(i, count) _Pragma("GCC unroll 4") for (size_t i = 0; i < (count); i++)

typedef REAL H(vector) __attribute__((vector_size(4 * W)));

typedef REAL H(quad) __attribute__((vector_size(4 * sizeof(REAL))));

INLINE H(vector) H(load)(const REAL *x) { return *(const H(vector) *)x; }

/* sums[row][i]: the lanes of rows' products with the block's reflectors. */
INLINE void H(multiply)(const REAL *u, const REAL *rows, size_t stride, size_t columns, REAL (*sums)[BLOCK][LANES])
{
    for (size_t part = 0; part < LANES; part += PART) {
        H(vector) sum[ROWS][BLOCK] = {0};
        for (size_t c = part; c < columns; c += LANES) {
            H(vector) x[ROWS];
            FOR(row, ROWS) x[row] = H(load)(rows + row * stride + c);
            FOR(i, BLOCK)
            {
                H(vector) y = H(load)(u + (c - part) * BLOCK + i * LANES + part);
                FOR(row, ROWS) sum[row][i] += x[row] * y;
            }
        }
        FOR(row, ROWS) FOR(i, BLOCK) *(H(vector) *)(sums[row][i] + part) = sum[row][i];
    }
}

/* The totals of a row's products with the reflectors: by quads, then (0 + 2) + (1 + 3). */
INLINE void H(add_up)(REAL (*sums)[LANES], H(quad) *totals)
{
    H(quad) quad[BLOCK];
    FOR(i, BLOCK)
    {
        quad[i] = *(const H(quad) *)sums[i];
        for (size_t lane = 4; lane < LANES; lane += 4)
            quad[i] += *(const H(quad) *)(sums[i] + lane);
    }
    H(quad) ab = SHUFFLE(quad[0], quad[1], 0, 4, 1, 5) + SHUFFLE(quad[0], quad[1], 2, 6, 3, 7);
    H(quad) cd = SHUFFLE(quad[2], quad[3], 0, 4, 1, 5) + SHUFFLE(quad[2], quad[3], 2, 6, 3, 7);
    *totals = SHUFFLE(ab, cd, 0, 1, 4, 5) + SHUFFLE(ab, cd, 2, 3, 6, 7);
}

/* The block's product H_1 H_2 ... of a few rows: w_i = u_i . x without what the later reflectors take away. */
static void H(reflect)(const REAL *u, const H(quad) *later, REAL *rows, size_t stride, size_t columns)
{
    REAL sums[ROWS][BLOCK][LANES] __attribute__((aligned(64)));
    H(quad) weights[ROWS];
    H(multiply)(u, rows, stride, columns, sums);
    FOR(row, ROWS)
    {
        H(add_up)(sums[row], &weights[row]);
        for (size_t i = BLOCK - 1; i > 0; i--)
            weights[row] -= later[i] * weights[row][i];
    }
    for (size_t c = 0; c < columns; c += LANES)
        for (size_t part = 0; part < LANES; part += PART) {
            H(vector) x[ROWS];
            FOR(row, ROWS) x[row] = H(load)(rows + row * stride + c + part);
            FOR(i, BLOCK)
            {
                H(vector) y = H(load)(u + c * BLOCK + i * LANES + part);
                FOR(row, ROWS) x[row] -= weights[row][i] * y;
            }
            FOR(row, ROWS) *(H(vector) *)(rows + row * stride + c + part) = x[row];
        }
}

/* Row k of the normals as the vector u of 1 - u u^T, where zeros are; the sign that this leaves to e_k's image. */
static REAL H(reflector)(const REAL *normals, size_t k, size_t tall, REAL *row)
{
    double lanes[8] = {0};
    memcpy(row + k, normals + k, (tall - k) * sizeof *row);
    for (size_t c = k / 8 * 8; c < tall; c += 8)
        for (size_t i = 0; i < 8; i++)
            lanes[i] += (double)row[c + i] * (double)row[c + i];
    double square = ((lanes[0] + lanes[4]) + (lanes[1] + lanes[5])) + ((lanes[2] + lanes[6]) + (lanes[3] + lanes[7]));
    double norm = N(scalar_root)(square), head = row[k];
    row[k] += (REAL)copysign(norm, head);
    REAL scale = (REAL)N(scalar_root)(norm * (norm + fabs(head)));
    for (size_t c = k / LANES * LANES; c < tall; c += PART)
        *(H(vector) *)(row + c) = H(load)(row + c) / scale;
    return (REAL)-copysign(1.0, head);
}

/* The reflectors of a block of rows, interleaved by cache lines; later[i]: the products of u_i with those before. */
static void H(gather)(const REAL *rows, size_t stride, size_t columns, REAL *u, H(quad) *later)
{
    REAL sums[BLOCK][BLOCK][LANES] __attribute__((aligned(64)));
    for (size_t c = 0; c < columns; c += LANES)
        FOR(i, BLOCK) memcpy(u + c * BLOCK + i * LANES, rows + i * stride + c, LANES * sizeof *u);
    for (size_t i = 0; i < BLOCK; i += ROWS)
        H(multiply)(u, rows + i * stride, stride, columns, sums + i);
    for (size_t i = 0; i < BLOCK; i++) {
        H(add_up)(sums[i], &later[i]);
        for (size_t own = i; own < BLOCK; own++)
            later[i][own] = 0;
    }
}

/* Rows first, ... last - 1 of Q^T without their signs: those of 1 times the reflectors, from the last one that
 * changes them to the first. */
static void H(product)(const REAL *u, const H(quad) *later, REAL *rows, size_t stride, size_t tall, size_t first,
                       size_t last)
{
    memset(rows, 0, GROUP * stride * sizeof *rows);
    for (size_t i = first; i < last; i++)
        rows[(i - first) * stride + i] = 1;
    for (size_t block = (last + BLOCK - 1) / BLOCK; block-- > 0;) {
        const size_t k = block * BLOCK, start = k / LANES * LANES;
        for (size_t i = k > first ? k : first; i < last; i += ROWS)
            H(reflect)(u + k * stride + start * BLOCK, later + k, rows + (i - first) * stride + start, stride,
                       tall - start);
    }
}

/* Q^T in the place of its wide x tall normals. */
static void H(haar)(void *normals, size_t wide, size_t tall, void *work)
{
    const size_t stride = padded_columns(tall, LANES), padded = (wide + BLOCK - 1) / BLOCK * BLOCK;
    REAL *q = normals, *rows = work, *u = rows + GROUP * stride, *signs = u + padded * (stride + BLOCK);
    H(quad) *later = (H(quad) *)(u + padded * stride);
    for (size_t k = 0; k < padded; k += BLOCK) {
        const size_t start = k / LANES * LANES;
        memset(rows, 0, BLOCK * stride * sizeof *rows);
        for (size_t i = 0; i < BLOCK && k + i < wide; i++)
            signs[k + i] = H(reflector)(q + (k + i) * tall, k + i, tall, rows + i * stride);
        H(gather)(rows + start, stride, tall - start, u + k * stride + start * BLOCK, later + k);
    }
    for (size_t first = 0; first < wide; first += GROUP) {
        const size_t last = first + GROUP < wide ? first + GROUP : wide;
        H(product)(u, later, rows, stride, tall, first, last);
        for (size_t i = first; i < last; i++)
            for (size_t c = 0; c < tall; c++)
                q[i * tall + c] = signs[i] * rows[(i - first) * stride + c];
    }
}

#undef H
#undef LANES
#undef PART
#undef FOR

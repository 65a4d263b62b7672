/* Numbers of gathered elements; sums are taken in float64. */

#ifndef ISOGAIN_SUMS_H
#define ISOGAIN_SUMS_H

#include <Python.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { OCTAVES = 256, INFINITE = 255, LANES = 8, PADDED = 30 };

typedef struct {
    double low, high, mean, rms;
    Py_ssize_t count, zeros;
    int counts[OCTAVES];
} Sizes;

/* The exponent of a float32 lies in its bits 23 to 30; each of four tables waits for none of the others. */
static void octaves_of(const float *values, Py_ssize_t count, Sizes *out)
{
    int counts[4][OCTAVES] = {{0}};
    for (Py_ssize_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, values + i, sizeof bits);
        counts[i & 3][(bits >> 23) & 255]++;
    }
    for (int e = 0; e < INFINITE; e++)
        out->counts[e] = counts[0][e] + counts[1][e] + counts[2][e] + counts[3][e];
    out->counts[0] -= (int)out->zeros; /* numbers below 2^-126 are one octave, and a 0 is none of them */
}

/* Sums and ends, each of eight lanes by itself: so a compiler may keep them side by side. */
typedef struct {
    double sums[LANES], squares[LANES];
    float lows[LANES], highs[LANES];
    int zeros[LANES], nans[LANES];
} Lanes;

static inline void add(Lanes *lanes, const float *values, int count)
{
    for (int k = 0; k < count; k++) {
        double value = values[k];
        lanes->sums[k] += value, lanes->squares[k] += value * value;
        lanes->zeros[k] += values[k] == 0, lanes->nans[k] |= values[k] != values[k];
        lanes->lows[k] = values[k] < lanes->lows[k] ? values[k] : lanes->lows[k];
        lanes->highs[k] = values[k] > lanes->highs[k] ? values[k] : lanes->highs[k];
    }
}

static Sizes sizes_of(const float *values, Py_ssize_t count)
{
    Sizes out = {INFINITY, -INFINITY, 0, 0, count, 0, {0}};
    Lanes lanes = {0};
    Py_ssize_t whole = count - count % LANES;
    double squares = 0;
    int nan = 0;
    for (int k = 0; k < LANES; k++)
        lanes.lows[k] = INFINITY, lanes.highs[k] = -INFINITY;
    for (Py_ssize_t i = 0; i < whole; i += LANES)
        add(&lanes, values + i, LANES);
    add(&lanes, values + whole, (int)(count - whole));
    for (int k = 0; k < LANES; k++) {
        out.mean += lanes.sums[k], squares += lanes.squares[k], out.zeros += lanes.zeros[k], nan |= lanes.nans[k];
        out.low = lanes.lows[k] < out.low ? lanes.lows[k] : out.low;
        out.high = lanes.highs[k] > out.high ? lanes.highs[k] : out.high;
    }
    out.mean /= count ? (double)count : 1;
    out.rms = sqrt(squares / (count ? (double)count : 1));
    if (nan)
        out.low = out.high = NAN;
    octaves_of(values, count, &out);
    return out;
}

/* Mean over pairs of rows of |x - y|^2 / 2, over mean |x|^2; NAN below two rows or where all are 0. */
static double distance(const float *rows, Py_ssize_t count, Py_ssize_t width)
{
    double size = 0, apart = 0;
    if (count < 2)
        return NAN;
    for (Py_ssize_t from = 0; from < width; from += LANES) {
        double means[LANES] = {0}, sizes[LANES] = {0}, off[LANES] = {0};
        int few = width - from < LANES ? (int)(width - from) : LANES;
        for (Py_ssize_t i = 0; i < count; i++)
            for (int k = 0; k < few; k++) {
                double value = rows[i * width + from + k];
                means[k] += value, sizes[k] += value * value;
            }
        for (Py_ssize_t i = 0; i < count; i++)
            for (int k = 0; k < few; k++) {
                double value = rows[i * width + from + k] - means[k] / (double)count;
                off[k] += value * value;
            }
        for (int k = 0; k < few; k++)
            size += sizes[k], apart += off[k];
    }
    return size > 0 ? apart * (double)count / (double)(count - 1) / size : NAN;
}

static int by_size(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* Least, middle and largest root mean square of units, and the standard deviation of their means. */
static int channels_of(const float *seen, Py_ssize_t count, Py_ssize_t units, double found[4])
{
    double *sizes = calloc((size_t)units * 2, sizeof *sizes), *means = sizes + units, mean = 0, spread = 0;
    if (!sizes)
        return -1;
    for (Py_ssize_t i = 0; i < count; i++)
        for (Py_ssize_t j = 0; j < units; j++) {
            double value = seen[i * units + j];
            means[j] += value, sizes[j] += value * value;
        }
    for (Py_ssize_t j = 0; j < units; j++) {
        means[j] /= (double)count, sizes[j] = sqrt(sizes[j] / (double)count);
        mean += means[j] / (double)units;
    }
    for (Py_ssize_t j = 0; j < units; j++)
        spread += (means[j] - mean) * (means[j] - mean) / (double)units;
    qsort(sizes, (size_t)units, sizeof *sizes, by_size);
    found[0] = sizes[0], found[1] = (sizes[units / 2] + sizes[(units - 1) / 2]) / 2;
    found[2] = sizes[units - 1], found[3] = sqrt(spread);
    free(sizes);
    return 0;
}

/* Whether values of exactly 0 get slopes beyond all others: rows of padding behind a norm, which divides by nothing.
   They hand on 0 whatever comes before them, so nothing of them varies. */
static int padded(const float *slopes, const float *values, Py_ssize_t count)
{
    double sums[2] = {0};
    Py_ssize_t counts[2] = {0};
    for (Py_ssize_t i = 0; i < count; i++) {
        int idle = values[i] == 0;
        sums[idle] += (double)slopes[i] * slopes[i], counts[idle]++;
    }
    return counts[0] && counts[1] && sums[1] / (double)counts[1] > PADDED * PADDED * sums[0] / (double)counts[0];
}

/* Sizes of slopes, of values, of what varies of them, of the products with both. */
static void influence(const float *slopes, const float *values, Py_ssize_t count, double found[5])
{
    double mean = 0, sums[5] = {0};
    int padding = padded(slopes, values, count);
    for (Py_ssize_t i = 0; i < count; i++)
        mean += values[i];
    mean /= (double)(count ? count : 1);
    for (Py_ssize_t i = 0; i < count; i++) {
        double slope = slopes[i], value = values[i], varying = padding && value == 0 ? 0 : value - mean;
        sums[0] += slope * slope, sums[1] += value * value, sums[2] += varying * varying;
        sums[3] += slope * value * (slope * value), sums[4] += slope * varying * (slope * varying);
    }
    for (int k = 0; k < 5; k++)
        found[k] = sqrt(sums[k] / (double)(count ? count : 1));
}

#endif

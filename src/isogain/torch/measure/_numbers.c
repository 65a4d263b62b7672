/* Numbers of one signal in the host's memory, of its cuts as they are, without copies: see native.py beside it.

   A view is sizes and strides of float32, in elements; sums are taken in float64. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DIMS = 12, OCTAVES = 256, INFINITE = 255, LANES = 8, PADDED = 30 };

typedef struct {
    const float *at;
    int dims;
    Py_ssize_t size[DIMS], stride[DIMS];
} View;

static Py_ssize_t elements(const View *view)
{
    Py_ssize_t count = 1;
    for (int d = 0; d < view->dims; d++)
        count *= view->size[d];
    return count;
}

/* Axes that lie one behind the other in memory become one. */
static View merged(const View *view)
{
    View out = {view->at, 0, {0}, {0}};
    for (int d = 0; d < view->dims; d++) {
        int last = out.dims - 1;
        if (view->size[d] == 1)
            continue;
        if (last >= 0 && out.stride[last] == view->size[d] * view->stride[d]) {
            out.size[last] *= view->size[d];
            out.stride[last] = view->stride[d];
            continue;
        }
        out.size[out.dims] = view->size[d];
        out.stride[out.dims++] = view->stride[d];
    }
    return out;
}

/* A view without one of its axes, at one place of it. */
static View at_place(const View *view, int axis, Py_ssize_t place)
{
    View out = {view->at + place * view->stride[axis], 0, {0}, {0}};
    for (int d = 0; d < view->dims; d++)
        if (d != axis) {
            out.size[out.dims] = view->size[d];
            out.stride[out.dims++] = view->stride[d];
        }
    return out;
}

/* Every `step`-th element of a view, `count` of them, in the order of its axes. */
static void gather(const View *whole, Py_ssize_t step, Py_ssize_t count, float *out)
{
    View view = merged(whole);
    Py_ssize_t place[DIMS] = {0}, offset = 0;
    if (view.dims < 2) {
        Py_ssize_t stride = view.dims ? step * view.stride[0] : 0;
        for (Py_ssize_t i = 0; i < count; i++)
            out[i] = view.at[i * stride];
        return;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        Py_ssize_t carried = step;
        out[i] = view.at[offset];
        for (int d = view.dims - 1; d >= 0 && carried; d--) {
            Py_ssize_t next = place[d] + carried, rest = next;
            carried = 0;
            if (next >= view.size[d])
                carried = next / view.size[d], rest = next % view.size[d];
            offset += (rest - place[d]) * view.stride[d];
            place[d] = rest;
        }
    }
}

/* The step at which at most about `limit` of `count` elements are met: odd, unless it is 1. */
static Py_ssize_t thinning(Py_ssize_t count, Py_ssize_t limit)
{
    Py_ssize_t step = (count + limit - 1) / limit;
    return step > 1 ? step | 1 : 1;
}

static Py_ssize_t met(Py_ssize_t count, Py_ssize_t step) { return (count + step - 1) / step; }

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

/* ---- Python's door ------------------------------------------------------------------------------------------ */

static int view_of(View *view, unsigned long long address, PyObject *sizes, PyObject *strides)
{
    view->at = (const float *)(uintptr_t)address;
    view->dims = (int)PyTuple_Size(sizes);
    if (view->dims < 0 || view->dims > DIMS || PyTuple_Size(strides) != view->dims) {
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_ValueError, "sizes and strides do not fit");
        return -1;
    }
    for (int d = 0; d < view->dims; d++) {
        view->size[d] = PyLong_AsSsize_t(PyTuple_GetItem(sizes, d));
        view->stride[d] = PyLong_AsSsize_t(PyTuple_GetItem(strides, d));
    }
    return PyErr_Occurred() ? -1 : 0;
}

/* (low, high, mean, rms, zeros, elements, first octave, counts) */
static PyObject *told(const Sizes *sizes)
{
    int first = 0, last = INFINITE - 1;
    while (first < INFINITE && sizes->counts[first] == 0)
        first++;
    while (last > first && sizes->counts[last] == 0)
        last--;
    PyObject *counts = PyTuple_New(first < INFINITE ? last - first + 1 : 0);
    for (int e = first; counts && first < INFINITE && e <= last; e++) {
        PyObject *count = PyLong_FromLong(sizes->counts[e]);
        if (!count || PyTuple_SetItem(counts, e - first, count) < 0)
            Py_CLEAR(counts);
    }
    if (!counts)
        return NULL;
    return Py_BuildValue("(ddddnniN)", sizes->low, sizes->high, sizes->mean, sizes->rms, sizes->zeros, sizes->count,
                         first < INFINITE ? first - 127 : 0, counts);
}

/* Distances of samples along an axis, at most `most`, of `width` features of each. */
static double samples_apart(const View *view, int axis, Py_ssize_t most, Py_ssize_t width, float *room)
{
    Py_ssize_t count = view->size[axis] < most ? view->size[axis] : most;
    Py_ssize_t features = elements(view) / view->size[axis], step = thinning(features, width);
    Py_ssize_t each = met(features, step);
    for (Py_ssize_t i = 0; i < count; i++) {
        View row = at_place(view, axis, i);
        gather(&row, step, each, room + i * each);
    }
    return distance(room, count, each);
}

/* The same of positions of the first sample: its first `width` features. */
static double places_apart(const View *view, Py_ssize_t most, Py_ssize_t width, float *room)
{
    View sample = at_place(view, 0, 0);
    Py_ssize_t stride = (sample.size[0] + most - 1) / most, count = met(sample.size[0], stride);
    Py_ssize_t features = elements(&sample) / sample.size[0], each = features < width ? features : width;
    for (Py_ssize_t i = 0; i < count; i++) {
        View row = at_place(&sample, 0, i * stride);
        gather(&row, 1, each, room + i * each);
    }
    return distance(room, count, each);
}

/* The view of observations, thinned from its last axis on, and of at most about `most` units behind them. */
static View observed(const View *view, int axis, Py_ssize_t rows, Py_ssize_t most)
{
    View out = at_place(view, axis, 0);
    for (int d = out.dims - 1; d >= 0; d--) {
        Py_ssize_t left = elements(&out), step = (left + rows - 1) / rows;
        step = step < 1 ? 1 : step > out.size[d] ? out.size[d] : step;
        out.size[d] = met(out.size[d], step);
        out.stride[d] *= step;
    }
    Py_ssize_t step = (view->size[axis] + most - 1) / most;
    out.size[out.dims] = met(view->size[axis], step);
    out.stride[out.dims++] = view->stride[axis] * step;
    return out;
}

/* signal(address, sizes, strides, samples, places, channels, rows, (elements, kept, samples, features, units)):
   (its sizes, distance, distance of positions, channels or None, (observations, units) and their bytes or None,
   the elements that are kept for a gradient).  An axis of -1 is none. */
static PyObject *numbers_signal(PyObject *self, PyObject *args)
{
    unsigned long long address;
    PyObject *sizes, *strides, *seen = NULL, *kept = NULL, *out = NULL, *channels = NULL;
    int samples, places, units;
    Py_ssize_t rows, most, keep, several, features, widest, observations = 0, width = 0;
    View view;
    double apart = NAN, positions = NAN, found[4];
    (void)self;
    if (!PyArg_ParseTuple(args, "KO!O!iiin(nnnnn)", &address, &PyTuple_Type, &sizes, &PyTuple_Type, &strides, &samples,
                          &places, &units, &rows, &most, &keep, &several, &features, &widest) ||
        view_of(&view, address, sizes, strides) < 0)
        return NULL;
    Py_ssize_t count = elements(&view), step = thinning(count, most), room = met(count, step);
    if (samples >= view.dims || units >= view.dims || (places && view.dims < 2) || view.dims > DIMS - 1 || count < 1) {
        PyErr_SetString(PyExc_ValueError, "axes do not fit");
        return NULL;
    }
    if (units >= 0) {
        View part = observed(&view, units, rows, widest);
        width = part.size[part.dims - 1], observations = elements(&part) / width;
        seen = PyBytes_FromStringAndSize(NULL, observations * width * (Py_ssize_t)sizeof(float));
        if (seen)
            gather(&part, 1, observations * width, (float *)(void *)PyBytes_AsString(seen));
    }
    Py_ssize_t own = thinning(count, keep);
    kept = PyBytes_FromStringAndSize(NULL, met(count, own) * (Py_ssize_t)sizeof(float));
    float *space = malloc(sizeof(float) * (size_t)(room > several * features ? room : several * features));
    if (!space || !kept || (units >= 0 && !seen)) {
        PyErr_NoMemory();
        goto end;
    }
    gather(&view, own, met(count, own), (float *)(void *)PyBytes_AsString(kept));
    gather(&view, step, room, space);
    Sizes all = sizes_of(space, room);
    if (samples >= 0)
        apart = samples_apart(&view, samples, several, features, space);
    if (places)
        positions = places_apart(&view, several, features, space);
    if (units >= 0) {
        if (channels_of((const float *)(const void *)PyBytes_AsString(seen), observations, width, found) < 0) {
            PyErr_NoMemory();
            goto end;
        }
        channels = Py_BuildValue("(ddddn)", found[0], found[1], found[2], found[3], observations);
    } else
        channels = Py_NewRef(Py_None);
    PyObject *first = told(&all);
    if (first && channels)
        out = Py_BuildValue("(NddO(nn)OO)", first, apart, positions, channels, observations, width,
                            seen ? seen : Py_None, kept);
    else
        Py_XDECREF(first);
end:
    free(space);
    Py_XDECREF(channels);
    Py_XDECREF(seen);
    Py_XDECREF(kept);
    return out;
}

/* slopes(address, sizes, strides, (elements, kept), signal or None): (its sizes, influence or None) */
static PyObject *numbers_slopes(PyObject *self, PyObject *args)
{
    unsigned long long address;
    PyObject *sizes, *strides, *signal, *out = NULL;
    Py_ssize_t most, keep;
    View view;
    double found[5];
    (void)self;
    if (!PyArg_ParseTuple(args, "KO!O!(nn)O", &address, &PyTuple_Type, &sizes, &PyTuple_Type, &strides, &most, &keep,
                          &signal) ||
        view_of(&view, address, sizes, strides) < 0)
        return NULL;
    Py_ssize_t count = elements(&view), step = thinning(count, most), room = met(count, step);
    Py_ssize_t own = thinning(count, keep), few = met(count, own);
    int related = signal != Py_None && PyBytes_Check(signal) && PyBytes_Size(signal) == few * (Py_ssize_t)sizeof(float);
    float *space = malloc(sizeof(float) * (size_t)((room > few ? room : few) + 1));
    if (!space)
        return PyErr_NoMemory();
    gather(&view, step, room, space);
    Sizes all = sizes_of(space, room);
    if (related) {
        gather(&view, own, few, space);
        influence(space, (const float *)(const void *)PyBytes_AsString(signal), few, found);
    }
    PyObject *first = told(&all);
    if (first)
        out = related ? Py_BuildValue("(N(ddddd))", first, found[0], found[1], found[2], found[3], found[4])
                      : Py_BuildValue("(NO)", first, Py_None);
    free(space);
    return out;
}

static PyMethodDef METHODS[] = {
    {"signal", numbers_signal, METH_VARARGS, "Numbers of what a node handed on."},
    {"slopes", numbers_slopes, METH_VARARGS, "Numbers of a gradient."},
    {NULL, NULL, 0, NULL},
};
static PyModuleDef_Slot SLOTS[] = {
#if defined(Py_GIL_DISABLED)
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, NULL},
};
static struct PyModuleDef MODULE = {
    PyModuleDef_HEAD_INIT, "_numbers", "Numbers of signals.", 0, METHODS, SLOTS, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__numbers(void) { return PyModuleDef_Init(&MODULE); }

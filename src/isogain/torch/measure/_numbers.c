/* Numbers of one signal in the host's memory, of its cuts as they are, without copies: see numbers.py beside it. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "_sums.h"
#include "_views.h"

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

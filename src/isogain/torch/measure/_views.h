/* Views of float32, in elements of any strides, and what is gathered of them. */

#ifndef ISOGAIN_VIEWS_H
#define ISOGAIN_VIEWS_H

#include <Python.h>

enum { DIMS = 12 };

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

#endif

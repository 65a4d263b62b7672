/* Python's door to the C kernel: the numbers of reference.py, bit for bit, with the lock released. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "_draw.h"

static const size_t WIDTHS[] = {4, 2, 2, 8};

/* fill(out, starts, length, set, kind, target, (key0, key1, stream, draw), numbers) */
static PyObject *native_fill(PyObject *self, PyObject *args)
{
    Py_buffer out, starts;
    Py_ssize_t length;
    Job job;
    int set;
    double *n = job.numbers;
    (void)self;
    if (!PyArg_ParseTuple(args, "w*y*niii(IIII)(ddddddddd)", &out, &starts, &length, &set, &job.kind, &job.target,
                          &job.key0, &job.key1, &job.stream, &job.draw, n, n + 1, n + 2, n + 3, n + 4, n + 5, n + 6,
                          n + 7, n + 8))
        return NULL;
    job.starts = starts.buf, job.run_count = (size_t)starts.len / 8, job.length = (size_t)length, job.out = out.buf;
    int status = -2;
    if (set >= 0 && (size_t)set < SET_COUNT && SETS[set].present && job.target >= 0 && job.target <= FLOAT64 &&
        length >= 0 && (size_t)out.len == job.run_count * job.length * WIDTHS[job.target]) {
        Py_BEGIN_ALLOW_THREADS
        status = run(&SETS[set], &job);
        Py_END_ALLOW_THREADS
    }
    PyBuffer_Release(&out);
    PyBuffer_Release(&starts);
    if (status == 0)
        Py_RETURN_NONE;
    PyErr_SetString(status == -1 ? PyExc_RuntimeError : PyExc_ValueError,
                    status == -1 ? "a truncated normal was refused a thousand times" : "arguments do not fit");
    return NULL;
}

/* haar(normals, wide, tall, set, target): Q^T takes the place of the wide x tall normals. */
static PyObject *native_haar(PyObject *self, PyObject *args)
{
    Py_buffer normals;
    Py_ssize_t wide, tall;
    int set, target, status = -2;
    (void)self;
    if (!PyArg_ParseTuple(args, "w*nnii", &normals, &wide, &tall, &set, &target))
        return NULL;
    if (set >= 0 && (size_t)set < SET_COUNT && SETS[set].present && (target == FLOAT32 || target == FLOAT64) &&
        0 <= wide && wide <= tall && tall <= PY_SSIZE_T_MAX / 8 / (wide + 1) &&
        (size_t)normals.len == (size_t)wide * (size_t)tall * WIDTHS[target]) {
        Py_BEGIN_ALLOW_THREADS
        status = orthogonalise(&SETS[set], normals.buf, (size_t)wide, (size_t)tall, WIDTHS[target]);
        Py_END_ALLOW_THREADS
    }
    PyBuffer_Release(&normals);
    if (status == 0)
        Py_RETURN_NONE;
    if (status == -1)
        return PyErr_NoMemory();
    PyErr_SetString(PyExc_ValueError, "arguments do not fit");
    return NULL;
}

static PyMethodDef METHODS[] = {
    {"haar", native_haar, METH_VARARGS, "A Haar orthogonal matrix of its normals; see isogain.core.haar."},
    {"fill", native_fill, METH_VARARGS, "Fill a buffer with one law's numbers; see isogain.drawing.native."},
    {NULL, NULL, 0, NULL},
};

/* INSTRUCTION_SETS: the names in order of preference, None where this machine lacks one. */
static int execute(PyObject *module)
{
    detect();
    PyObject *names = PyTuple_New((Py_ssize_t)SET_COUNT);
    if (!names)
        return -1;
    for (size_t i = 0; i < SET_COUNT; i++) {
        PyObject *name = SETS[i].present ? PyUnicode_FromString(SETS[i].name) : Py_NewRef(Py_None);
        if (!name || PyTuple_SetItem(names, (Py_ssize_t)i, name) < 0)
            return -1;
    }
    int failed = PyModule_AddObjectRef(module, "INSTRUCTION_SETS", names);
    Py_DECREF(names);
    return failed;
}

static PyModuleDef_Slot SLOTS[] = {
    {Py_mod_exec, execute},
#if defined(Py_GIL_DISABLED)
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, NULL},
};
static struct PyModuleDef MODULE = {
    PyModuleDef_HEAD_INIT, "_native", "isogain's C kernel.", 0, METHODS, SLOTS, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__native(void) { return PyModuleDef_Init(&MODULE); }

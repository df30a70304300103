/*
 * Arrow C streams on their way into Python: _core.ArrowStream has __arrow_c_stream__, and keeps what the stream needs
 * (table, environment) until its consumer releases it, whoever that is and on whatever thread.
 */
#include <stdlib.h>

#include "core.h"

/* The stream that consumers see: the core's own, and a reference to the Python object that owns its table. */
typedef struct held {
    struct ArrowArrayStream inner;
    PyObject *owner;
} held;

static int held_schema(struct ArrowArrayStream *s, struct ArrowSchema *out) {
    held *h = s->private_data;
    return h->inner.get_schema(&h->inner, out);
}

static int held_next(struct ArrowArrayStream *s, struct ArrowArray *out) {
    held *h = s->private_data;
    return h->inner.get_next(&h->inner, out);
}

static const char *held_error(struct ArrowArrayStream *s) {
    held *h = s->private_data;
    return h->inner.get_last_error(&h->inner);
}

static void held_release(struct ArrowArrayStream *s) {
    held *h = s->private_data;
    if (h->inner.release) h->inner.release(&h->inner);
    PyGILState_STATE gil = PyGILState_Ensure();
    Py_XDECREF(h->owner);
    PyGILState_Release(gil);
    free(h);
    s->release = NULL;
}

typedef struct {
    PyObject_HEAD struct ArrowArrayStream *stream; /* NULL once it was handed out */
} stream_object;

static const char capsule_name[] = "arrow_array_stream";

static void free_stream(struct ArrowArrayStream *stream) {
    if (!stream) return;
    if (stream->release) stream->release(stream);
    free(stream);
}

static void capsule_free(PyObject *capsule) { free_stream(PyCapsule_GetPointer(capsule, capsule_name)); }

static PyObject *stream_capsule(PyObject *self, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"requested_schema", NULL};
    stream_object *s = (stream_object *)self;
    PyObject *requested = NULL;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|O", names, &requested)) return NULL;
    if (!s->stream) {
        PyErr_SetString(PyExc_ValueError, "the stream has been handed out already");
        return NULL;
    }
    PyObject *capsule = PyCapsule_New(s->stream, capsule_name, capsule_free);
    if (capsule) s->stream = NULL;
    return capsule;
}

static void stream_dealloc(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    free_stream(((stream_object *)self)->stream);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release(self);
    Py_DECREF(type);
}

/* A part of a stream: the arrays from the present one on, until it has rows enough. */
typedef struct part {
    struct ArrowArrayStream *whole; /* of the owner, which must not be handed out meanwhile */
    struct ArrowArray first;        /* pulled to see whether there is any */
    int64_t wanted;
} part;

static int part_schema(struct ArrowArrayStream *s, struct ArrowSchema *out) {
    part *p = s->private_data;
    return p->whole->get_schema(p->whole, out);
}

static int part_next(struct ArrowArrayStream *s, struct ArrowArray *out) {
    part *p = s->private_data;
    *out = (struct ArrowArray){0};
    if (p->first.release) {
        *out = p->first;
        p->first.release = NULL;
    } else if (p->wanted > 0) {
        const int failed = p->whole->get_next(p->whole, out);
        if (failed) return failed;
    }
    p->wanted = out->release ? p->wanted - out->length : 0;
    return 0;
}

static const char *part_error(struct ArrowArrayStream *s) {
    part *p = s->private_data;
    return p->whole->get_last_error(p->whole);
}

static void part_release(struct ArrowArrayStream *s) {
    part *p = s->private_data;
    if (p->first.release) p->first.release(&p->first);
    free(p);
    s->release = NULL;
}

static int pull(struct ArrowArrayStream *from, struct ArrowArray *out) {
    int failed;
    Py_BEGIN_ALLOW_THREADS failed = from->get_next(from, out);
    Py_END_ALLOW_THREADS if (failed) {
        const char *why = from->get_last_error(from);
        PyErr_SetString(PyExc_OSError, why ? why : "the rows could not be read");
    }
    return failed;
}

static PyObject *stream_take(PyObject *self, PyObject *args) {
    stream_object *s = (stream_object *)self;
    long long rows;
    if (!PyArg_ParseTuple(args, "L", &rows)) return NULL;
    if (!s->stream) Py_RETURN_NONE;
    struct ArrowArray first = {0};
    if (pull(s->stream, &first)) return NULL;
    if (!first.release) Py_RETURN_NONE;
    part *p = calloc(1, sizeof *p);
    if (!p) {
        first.release(&first);
        return PyErr_NoMemory();
    }
    *p = (part){s->stream, first, rows};
    struct ArrowArrayStream stream = {part_schema, part_next, part_error, part_release, p};
    return core_take_stream(&stream, self);
}

#define KW(f) (PyCFunction)(void (*)(void))(f)
static PyMethodDef methods[] = {
    {"take", stream_take, METH_VARARGS,
     "take(rows) -> ArrowStream | None: the next arrays, until they have that many rows; None at the end."},
    {"__arrow_c_stream__", KW(stream_capsule), METH_VARARGS | METH_KEYWORDS, "The stream as a PyCapsule; once."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_dealloc, stream_dealloc}, {Py_tp_methods, methods}, {Py_tp_doc, "An Arrow C stream."}, {0, NULL}};

static PyType_Spec spec = {"polars_incremental._core.ArrowStream", sizeof(stream_object), 0,
                           Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};

static PyObject *stream_type;

PyObject *core_take_stream(struct ArrowArrayStream *take, PyObject *owner) {
    struct ArrowArrayStream *outer = calloc(1, sizeof *outer);
    held *h = calloc(1, sizeof *h);
    stream_object *s = outer && h ? (stream_object *)PyType_GenericAlloc((PyTypeObject *)stream_type, 0) : NULL;
    if (!s) {
        free(outer);
        free(h);
        take->release(take);
        return PyErr_Occurred() ? NULL : PyErr_NoMemory();
    }
    h->inner = *take;
    take->release = NULL;
    Py_INCREF(owner);
    h->owner = owner;
    *outer = (struct ArrowArrayStream){held_schema, held_next, held_error, held_release, h};
    s->stream = outer;
    return (PyObject *)s;
}

int core_adopt_stream(PyObject *from, struct ArrowArrayStream *out) {
    PyObject *capsule = PyObject_CallMethod(from, "__arrow_c_stream__", NULL);
    if (!capsule) return -1;
    struct ArrowArrayStream *stream = PyCapsule_GetPointer(capsule, capsule_name);
    if (stream) {
        *out = *stream;
        stream->release = NULL; /* moved: the capsule frees its shell alone */
    }
    Py_DECREF(capsule);
    return stream ? 0 : -1;
}

int core_add_arrow(PyObject *module) {
    stream_type = PyType_FromSpec(&spec);
    if (!stream_type) return -1;
    Py_INCREF(stream_type);
    if (PyModule_AddObject(module, "ArrowStream", stream_type) < 0) {
        Py_DECREF(stream_type);
        return -1;
    }
    return 0;
}

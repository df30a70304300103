/*
 * Arrow C streams on their way into Python: _core.ArrowStream has __arrow_c_stream__, and keeps what the stream needs
 * (table, environment) until its consumer releases it, whoever that is and on whatever thread.
 */
#include <errno.h>
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
    pli_env *env;                                  /* of the owner */
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

/* A part of a stream: its next arrays, until they have rows enough. */
typedef struct part {
    struct ArrowArrayStream *whole; /* of the owner, which must not be handed out meanwhile */
    struct ArrowArray *arrays;
    size_t n, cap, at;
} part;

static int part_schema(struct ArrowArrayStream *s, struct ArrowSchema *out) {
    part *p = s->private_data;
    return p->whole->get_schema(p->whole, out);
}

static int part_next(struct ArrowArrayStream *s, struct ArrowArray *out) {
    part *p = s->private_data;
    *out = (struct ArrowArray){0};
    if (p->at < p->n) *out = p->arrays[p->at++];
    return 0;
}

static const char *part_error(struct ArrowArrayStream *s) {
    (void)s;
    return NULL;
}

static void part_free(part *p) {
    if (!p) return;
    for (; p->at < p->n; p->at++) p->arrays[p->at].release(&p->arrays[p->at]);
    free(p->arrays);
    free(p);
}

static void part_release(struct ArrowArrayStream *s) {
    part_free(s->private_data);
    s->release = NULL;
}

typedef struct gathering {
    part *part;
    int64_t wanted;
    int failed; /* what the stream says, or ENOMEM */
} gathering;

static int add_array(part *p, const struct ArrowArray *take) {
    if (p->n == p->cap) {
        const size_t cap = p->cap ? p->cap * 2 : 8;
        struct ArrowArray *more = realloc(p->arrays, cap * sizeof *more);
        if (!more) return ENOMEM;
        p->arrays = more;
        p->cap = cap;
    }
    p->arrays[p->n++] = *take;
    return 0;
}

/* A failure is the stream's to tell, by gathering.failed. */
static pli_status gather(void *arg, pli_error *err) {
    (void)err;
    gathering *g = arg;
    for (int64_t rows = 0; rows < g->wanted && !g->failed;) {
        struct ArrowArray next = {0};
        g->failed = g->part->whole->get_next(g->part->whole, &next);
        if (g->failed || !next.release) break;
        rows += next.length;
        g->failed = add_array(g->part, &next);
        if (g->failed) next.release(&next);
    }
    return PLI_OK;
}

static PyObject *fail_gathering(gathering *g) {
    struct ArrowArrayStream *from = g->part->whole;
    const char *why = from->get_last_error(from);
    if (!PyErr_Occurred()) PyErr_SetString(PyExc_OSError, why ? why : "the rows could not be read");
    part_free(g->part);
    return NULL;
}

static PyObject *stream_take(PyObject *self, PyObject *args) {
    stream_object *s = (stream_object *)self;
    long long rows;
    if (!PyArg_ParseTuple(args, "L", &rows)) return NULL;
    if (!s->stream) Py_RETURN_NONE;
    part *p = calloc(1, sizeof *p);
    if (!p) return PyErr_NoMemory();
    p->whole = s->stream;
    gathering g = {.part = p, .wanted = rows > 0 ? rows : 1};
    if (core_run_long(s->env, gather, &g) < 0 || g.failed) return fail_gathering(&g);
    if (!p->n) {
        part_free(p);
        Py_RETURN_NONE;
    }
    struct ArrowArrayStream stream = {part_schema, part_next, part_error, part_release, p};
    return core_take_stream(&stream, self, s->env);
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

PyObject *core_take_stream(struct ArrowArrayStream *take, PyObject *owner, pli_env *env) {
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
    s->env = env;
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

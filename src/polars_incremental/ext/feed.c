/*
 * _core.Feed: an iterator of frames as one Arrow stream, so that a LazyFrame goes into the core batch by batch. The stream is
 * pulled from threads of the engine; each pull takes the GIL. What the iterator raises is kept in `error`.
 */
#include <errno.h>
#include <stdlib.h>

#include "core.h"

typedef struct {
    PyObject_HEAD PyObject *empty;    /* a frame without rows: the schema */
    PyObject *iterator; /* of frames; NULL once it was handed out */
    PyObject *error;    /* exception of the iterator */
} feed_object;

typedef struct feed {
    PyObject *owner;                 /* the feed_object */
    PyObject *iterator;
    struct ArrowArrayStream present; /* of the frame at hand */
} feed;

static int fail(feed *f) {
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    if (value && traceback) PyException_SetTraceback(value, traceback);
    feed_object *o = (feed_object *)f->owner;
    Py_XDECREF(o->error);
    o->error = value;
    Py_XDECREF(type);
    Py_XDECREF(traceback);
    return EIO;
}

/* The next frame's stream; *over when there is none. With the GIL. */
static int next_frame(feed *f, int *over) {
    PyObject *frame = PyIter_Next(f->iterator);
    *over = !frame && !PyErr_Occurred();
    if (!frame) return *over ? 0 : fail(f);
    const int failed = core_adopt_stream(frame, &f->present);
    Py_DECREF(frame);
    return failed < 0 ? fail(f) : 0;
}

static int feed_next(struct ArrowArrayStream *s, struct ArrowArray *out) {
    feed *f = s->private_data;
    *out = (struct ArrowArray){0};
    for (;;) {
        if (!f->present.release) {
            int over = 0;
            PyGILState_STATE gil = PyGILState_Ensure();
            const int failed = next_frame(f, &over);
            PyGILState_Release(gil);
            if (failed || over) return failed;
        }
        const int failed = f->present.get_next(&f->present, out);
        if (failed || out->release) return failed;
        f->present.release(&f->present);
        f->present.release = NULL;
    }
}

static int feed_schema(struct ArrowArrayStream *s, struct ArrowSchema *out) {
    feed *f = s->private_data;
    struct ArrowArrayStream empty = {0};
    PyGILState_STATE gil = PyGILState_Ensure();
    int failed = core_adopt_stream(((feed_object *)f->owner)->empty, &empty) < 0 ? fail(f) : 0;
    PyGILState_Release(gil);
    if (failed) return failed;
    failed = empty.get_schema(&empty, out);
    empty.release(&empty);
    return failed;
}

static const char *feed_error(struct ArrowArrayStream *s) {
    (void)s;
    return "the frames to be written could not be computed";
}

static void feed_release(struct ArrowArrayStream *s) {
    feed *f = s->private_data;
    if (f->present.release) f->present.release(&f->present);
    PyGILState_STATE gil = PyGILState_Ensure();
    Py_XDECREF(f->iterator);
    Py_XDECREF(f->owner);
    PyGILState_Release(gil);
    free(f);
    s->release = NULL;
}

/* ---- the object ---- */

static int feed_init(PyObject *self, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"empty", "iterator", NULL};
    feed_object *o = (feed_object *)self;
    PyObject *empty, *iterator;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO", names, &empty, &iterator)) return -1;
    Py_INCREF(empty);
    Py_INCREF(iterator);
    Py_XDECREF(o->empty);
    Py_XDECREF(o->iterator);
    o->empty = empty;
    o->iterator = iterator;
    return 0;
}

static void free_capsule(PyObject *capsule) {
    struct ArrowArrayStream *stream = PyCapsule_GetPointer(capsule, "arrow_array_stream");
    if (!stream) return;
    if (stream->release) stream->release(stream);
    free(stream);
}

static PyObject *feed_capsule(PyObject *self, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"requested_schema", NULL};
    feed_object *o = (feed_object *)self;
    PyObject *requested = NULL;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|O", names, &requested)) return NULL;
    if (!o->iterator) {
        PyErr_SetString(PyExc_ValueError, "the frames have been handed out already");
        return NULL;
    }
    struct ArrowArrayStream *stream = calloc(1, sizeof *stream);
    feed *f = calloc(1, sizeof *f);
    PyObject *capsule = stream && f ? PyCapsule_New(stream, "arrow_array_stream", free_capsule) : PyErr_NoMemory();
    if (!capsule) {
        free(stream);
        free(f);
        return NULL;
    }
    Py_INCREF(self);
    *f = (feed){.owner = self, .iterator = o->iterator};
    o->iterator = NULL;
    *stream = (struct ArrowArrayStream){feed_schema, feed_next, feed_error, feed_release, f};
    return capsule;
}

static PyObject *feed_get_error(PyObject *self, void *closure) {
    (void)closure;
    PyObject *error = ((feed_object *)self)->error;
    if (!error) Py_RETURN_NONE;
    Py_INCREF(error);
    return error;
}

static void feed_dealloc(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    feed_object *o = (feed_object *)self;
    Py_XDECREF(o->empty);
    Py_XDECREF(o->iterator);
    Py_XDECREF(o->error);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release(self);
    Py_DECREF(type);
}

#define KW(f) (PyCFunction)(void (*)(void))(f)
static PyMethodDef methods[] = {
    {"__arrow_c_stream__", KW(feed_capsule), METH_VARARGS | METH_KEYWORDS, "The stream as a PyCapsule; once."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef attributes[] = {
    {"error", feed_get_error, NULL, "what the iterator raised, or None", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_init, feed_init},
    {Py_tp_dealloc, feed_dealloc},
    {Py_tp_methods, methods},
    {Py_tp_getset, attributes},
    {Py_tp_new, PyType_GenericNew},
    {Py_tp_doc, "Feed(empty_frame, iterator)"},
    {0, NULL},
};

static PyType_Spec spec = {"polars_incremental._core.Feed", sizeof(feed_object), 0, Py_TPFLAGS_DEFAULT, slots};

int core_add_feed(PyObject *module) {
    PyObject *type = PyType_FromSpec(&spec);
    if (!type) return -1;
    if (PyModule_AddObject(module, "Feed", type) < 0) {
        Py_DECREF(type);
        return -1;
    }
    return 0;
}

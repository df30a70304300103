/*
 * _core.State: JobState (pli/state.h). Either a folder of its own, State(root=...), or that of the batch that a stream
 * has at hand, State(stream=...), looked up at each call because it lives only as long as the attempt.
 */
#include <string.h>

#include "core.h"
#include "pli/config.h"

typedef struct {
    PyObject_HEAD pli_state *own;
    PyObject *stream;
} state_object;

static pli_state *state_of(PyObject *self) {
    state_object *s = (state_object *)self;
    if (s->own) return s->own;
    if (s->stream) return core_stream_state(s->stream);
    PyErr_SetString(PyExc_ValueError, "the state is closed");
    return NULL;
}

static int read_kind(const char *kind, pli_state_kind *out) {
    *out = strcmp(kind, "parquet") == 0 ? PLI_STATE_PARQUET : PLI_STATE_JSON;
    if (strcmp(kind, "parquet") == 0 || strcmp(kind, "json") == 0) return 1;
    PyErr_Format(PyExc_ValueError, "kind must be 'json' or 'parquet', not '%s'", kind);
    return 0;
}

static PyObject *open_own(state_object *s, const char *root) {
    pli_state *opened = NULL;
    CORE_CALL(pli_state_open(root, &opened, err));
    pli_state_close(s->own);
    s->own = opened;
    Py_RETURN_NONE;
}

static int state_init(PyObject *self, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"root", "stream", NULL};
    state_object *s = (state_object *)self;
    const char *root = NULL;
    PyObject *stream = NULL;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|zO", names, &root, &stream)) return -1;
    if (root) {
        PyObject *done = open_own(s, root);
        Py_XDECREF(done);
        return done ? 0 : -1;
    }
    Py_XINCREF(stream);
    Py_XDECREF(s->stream);
    s->stream = stream;
    return 0;
}

static void state_dealloc(PyObject *self) {
    state_object *s = (state_object *)self;
    PyTypeObject *type = Py_TYPE(self);
    pli_state_close(s->own);
    Py_XDECREF(s->stream);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release(self);
    Py_DECREF(type);
}

/* Arguments (name, kind) of most methods. */
static pli_state *parse(PyObject *self, PyObject *args, const char **name, pli_state_kind *kind) {
    const char *text;
    if (!PyArg_ParseTuple(args, "ss", name, &text) || !read_kind(text, kind)) return NULL;
    return state_of(self);
}

static PyObject *state_get(PyObject *self, PyObject *args) {
    const char *name;
    pli_state_kind kind;
    char *data = NULL;
    size_t len = 0;
    pli_state *state = parse(self, args, &name, &kind);
    if (!state) return NULL;
    CORE_CALL(pli_state_get(state, name, kind, &data, &len, err));
    if (!data) Py_RETURN_NONE;
    PyObject *bytes = PyBytes_FromStringAndSize(data, (Py_ssize_t)len);
    pli_free(data);
    return bytes;
}

static PyObject *state_path(PyObject *self, PyObject *args) {
    const char *name;
    pli_state_kind kind;
    char *path = NULL;
    pli_state *state = parse(self, args, &name, &kind);
    if (!state) return NULL;
    CORE_CALL(pli_state_path(state, name, kind, &path, err));
    return core_take_text(path);
}

static PyObject *put(pli_state *state, const char *name, pli_state_kind kind, const Py_buffer *data) {
    CORE_CALL(pli_state_put(state, name, kind, data->buf, (size_t)data->len, err));
    Py_RETURN_NONE;
}

static PyObject *state_put(PyObject *self, PyObject *args) {
    const char *name, *text;
    Py_buffer data;
    pli_state_kind kind;
    if (!PyArg_ParseTuple(args, "ssy*", &name, &text, &data)) return NULL;
    pli_state *state = read_kind(text, &kind) ? state_of(self) : NULL;
    PyObject *done = state ? put(state, name, kind, &data) : NULL;
    PyBuffer_Release(&data);
    return done;
}

static PyObject *state_adopt(PyObject *self, PyObject *args) {
    const char *name, *text, *file;
    pli_state_kind kind;
    if (!PyArg_ParseTuple(args, "sss", &name, &text, &file) || !read_kind(text, &kind)) return NULL;
    pli_state *state = state_of(self);
    if (!state) return NULL;
    CORE_CALL(pli_state_adopt(state, name, kind, file, err));
    Py_RETURN_NONE;
}

static PyObject *state_exists(PyObject *self, PyObject *args) {
    const char *name;
    pli_state_kind kind;
    bool there = false;
    pli_state *state = parse(self, args, &name, &kind);
    if (!state) return NULL;
    CORE_CALL(pli_state_exists(state, name, kind, &there, err));
    return PyBool_FromLong(there);
}

static PyObject *state_delete(PyObject *self, PyObject *args) {
    const char *name;
    pli_state_kind kind;
    bool removed = false;
    pli_state *state = parse(self, args, &name, &kind);
    if (!state) return NULL;
    CORE_CALL(pli_state_delete(state, name, kind, &removed, err));
    return PyBool_FromLong(removed);
}

static PyMethodDef methods[] = {
    {"get", state_get, METH_VARARGS, "get(name, kind) -> bytes | None"},
    {"path", state_path, METH_VARARGS, "path(name, kind) -> str: file with the present value, '' if there is none"},
    {"put", state_put, METH_VARARGS, "put(name, kind, data)"},
    {"adopt", state_adopt, METH_VARARGS, "adopt(name, kind, file): take over a finished file"},
    {"exists", state_exists, METH_VARARGS, "exists(name, kind) -> bool"},
    {"delete", state_delete, METH_VARARGS, "delete(name, kind) -> bool"},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_init, state_init},
    {Py_tp_dealloc, state_dealloc},
    {Py_tp_methods, methods},
    {Py_tp_new, PyType_GenericNew},
    {Py_tp_doc, "State(root=None, stream=None)"},
    {0, NULL},
};

static PyType_Spec spec = {"polars_incremental._core.State", sizeof(state_object), 0, Py_TPFLAGS_DEFAULT, slots};

int core_add_state(PyObject *module) {
    PyObject *type = PyType_FromSpec(&spec);
    if (!type) return -1;
    if (PyModule_AddObject(module, "State", type) < 0) {
        Py_DECREF(type);
        return -1;
    }
    return 0;
}

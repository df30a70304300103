/* _core.Stream: a checkpoint and what is planned over it (pli/stream.h). Records cross as JSON texts. */
#include <string.h>

#include "core.h"
#include "pli/config.h"
#include "pli/stream.h"

typedef struct {
    PyObject_HEAD core_env its;
    pli_stream *stream;
} stream_object;

#define SELF(o) (((stream_object *)(o))->stream)

static int is_open(PyObject *self) {
    if (SELF(self)) return 1;
    PyErr_SetString(PyExc_ValueError, "the stream is closed");
    return 0;
}

static PyObject *open_stream(stream_object *s, const char *checkpoint, const char *kind, int create, int peek) {
    if (peek) CORE_CALL(pli_stream_peek(s->its.env, checkpoint, kind, &s->stream, err));
    else CORE_CALL(pli_stream_open(s->its.env, checkpoint, kind, create != 0, &s->stream, err));
    Py_RETURN_NONE;
}

static int stream_init(PyObject *self, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"checkpoint", "kind", "create", "peek", NULL};
    stream_object *s = (stream_object *)self;
    const char *checkpoint, *kind;
    int create = 1, peek = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "sz|pp", names, &checkpoint, &kind, &create, &peek)) return -1;
    if (s->its.env) {
        PyErr_SetString(PyExc_RuntimeError, "a stream is opened once");
        return -1;
    }
    PyObject *done = core_env_init(&s->its) == 0 ? open_stream(s, checkpoint, kind, create, peek) : NULL;
    Py_XDECREF(done);
    return done ? 0 : -1;
}

static void stream_dealloc(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    pli_stream_close(SELF(self));
    core_env_clear(&((stream_object *)self)->its);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release(self);
    Py_DECREF(type);
}

static PyObject *stream_close(PyObject *self, PyObject *unused) {
    (void)unused;
    pli_stream_close(SELF(self));
    SELF(self) = NULL;
    Py_RETURN_NONE;
}

static PyObject *stream_lock(PyObject *self, PyObject *args) {
    double timeout;
    if (!is_open(self) || !PyArg_ParseTuple(args, "d", &timeout)) return NULL;
    const int64_t us = timeout < 0 ? -1 : (int64_t)(timeout * 1e6);
    CORE_CALL(pli_stream_lock(SELF(self), us, core_poll_signals, NULL, err));
    Py_RETURN_NONE;
}

static PyObject *stream_unlock(PyObject *self, PyObject *unused) {
    (void)unused;
    if (!is_open(self)) return NULL;
    Py_BEGIN_ALLOW_THREADS pli_stream_unlock(SELF(self));
    Py_END_ALLOW_THREADS Py_RETURN_NONE;
}

static PyObject *stream_refresh(PyObject *self, PyObject *unused) {
    (void)unused;
    if (!is_open(self)) return NULL;
    CORE_CALL(pli_stream_refresh(SELF(self), err));
    Py_RETURN_NONE;
}

#define MAX_DIRS 16

static PyObject *stream_set_files(PyObject *self, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"path",
                            "format",
                            "pattern",
                            "recursive",
                            "max_files",
                            "max_bytes",
                            "start_offset",
                            "start_timestamp",
                            "allow_overwrites",
                            "max_file_age",
                            "clean_source",
                            "archive_dir",
                            "exclude_dirs",
                            NULL};
    pli_stream_files o = {.size = sizeof o};
    const char *dirs[MAX_DIRS];
    int recursive = 0, overwrites = 0;
    long long max_files = 0, max_bytes = 0;
    PyObject *exclude = NULL;
    if (!is_open(self) ||
        !PyArg_ParseTupleAndKeywords(args, kwargs, "s|zzpLLzzpdzzO", names, &o.path, &o.format, &o.pattern, &recursive,
                                     &max_files, &max_bytes, &o.start_offset, &o.start_timestamp, &overwrites,
                                     &o.max_file_age, &o.clean_source, &o.archive_dir, &exclude))
        return NULL;
    const Py_ssize_t n = exclude && exclude != Py_None ? PySequence_Size(exclude) : 0;
    if (n < 0) return NULL;
    if (n > MAX_DIRS) return PyErr_Format(PyExc_ValueError, "at most %d folders can be excluded", MAX_DIRS);
    PyObject *kept[MAX_DIRS] = {NULL};
    int ok = 1;
    for (Py_ssize_t i = 0; ok && i < n; i++) {
        kept[i] = PySequence_GetItem(exclude, i);
        dirs[i] = kept[i] ? PyUnicode_AsUTF8AndSize(kept[i], NULL) : NULL;
        ok = dirs[i] != NULL;
    }
    o.recursive = recursive != 0;
    o.allow_overwrites = overwrites != 0;
    o.max_files = max_files;
    o.max_bytes = max_bytes;
    o.n_exclude_dirs = (size_t)n;
    o.exclude_dirs = dirs;
    pli_error e = {0};
    const pli_status status = ok ? pli_stream_set_files(SELF(self), &o, &e) : PLI_OK;
    for (Py_ssize_t i = 0; i < n; i++) Py_XDECREF(kept[i]);
    if (!ok) return NULL;
    if (status != PLI_OK) return core_raise(&e);
    Py_RETURN_NONE;
}

static PyObject *stream_set_delta(PyObject *self, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"path",      "start_offset",   "starting_version", "starting_timestamp", "max_files",
                            "max_bytes", "ignore_deletes", "ignore_changes",   "read_change_feed",   NULL};
    pli_stream_delta o = {.size = sizeof o};
    int deletes = 0, changes = 0, feed = 0;
    long long version = -1, max_files = 0, max_bytes = 0;
    if (!is_open(self) ||
        !PyArg_ParseTupleAndKeywords(args, kwargs, "s|zLzLLppp", names, &o.path, &o.start_offset, &version,
                                     &o.starting_timestamp, &max_files, &max_bytes, &deletes, &changes, &feed))
        return NULL;
    o.starting_version = version;
    o.max_files = max_files;
    o.max_bytes = max_bytes;
    o.ignore_deletes = deletes != 0;
    o.ignore_changes = changes != 0;
    o.read_change_feed = feed != 0;
    CORE_CALL(pli_stream_set_delta(SELF(self), &o, err));
    Py_RETURN_NONE;
}

static PyObject *give_text(PyObject *self, pli_status (*fn)(pli_stream *, char **, pli_error *)) {
    char *text = NULL;
    if (!is_open(self)) return NULL;
    CORE_CALL(fn(SELF(self), &text, err));
    return core_take_text(text);
}

static PyObject *stream_plan(PyObject *self, PyObject *unused) {
    return (void)unused, give_text(self, pli_stream_plan);
}
static PyObject *stream_preview(PyObject *self, PyObject *unused) {
    return (void)unused, give_text(self, pli_stream_preview);
}
static PyObject *stream_backlog(PyObject *self, PyObject *unused) {
    return (void)unused, give_text(self, pli_stream_backlog);
}
static PyObject *stream_metadata(PyObject *self, PyObject *unused) {
    return (void)unused, give_text(self, pli_stream_metadata);
}

static PyObject *id_or_none(int64_t id) {
    if (id < 0) Py_RETURN_NONE;
    return PyLong_FromLongLong(id);
}

static PyObject *stream_pending(PyObject *self, PyObject *unused) {
    (void)unused;
    if (!is_open(self)) return NULL;
    int64_t id = -1;
    CORE_CALL(pli_stream_pending(SELF(self), &id, err));
    return id_or_none(id);
}

static PyObject *stream_write_offset(PyObject *self, PyObject *args) {
    long long id;
    const char *batch;
    char *stored = NULL;
    if (!is_open(self) || !PyArg_ParseTuple(args, "Ls", &id, &batch)) return NULL;
    CORE_CALL(pli_stream_write_offset(SELF(self), id, batch, &stored, err));
    return core_take_text(stored);
}

static PyObject *stream_begin(PyObject *self, PyObject *args) {
    long long id;
    if (!is_open(self) || !PyArg_ParseTuple(args, "L", &id)) return NULL;
    CORE_CALL(pli_stream_begin(SELF(self), id, err));
    Py_RETURN_NONE;
}

static PyObject *stream_commit(PyObject *self, PyObject *args) {
    long long id;
    const char *body, *schema = NULL;
    if (!is_open(self) || !PyArg_ParseTuple(args, "Ls|z", &id, &body, &schema)) return NULL;
    CORE_CALL(pli_stream_commit(SELF(self), id, body, schema, err));
    Py_RETURN_NONE;
}

static PyObject *stream_abort(PyObject *self, PyObject *unused) {
    (void)unused;
    if (!is_open(self)) return NULL;
    pli_stream_abort(SELF(self));
    Py_RETURN_NONE;
}

static PyObject *stream_ids(PyObject *self, PyObject *args) {
    const char *kind;
    char *json = NULL;
    if (!is_open(self) || !PyArg_ParseTuple(args, "s", &kind)) return NULL;
    CORE_CALL(pli_stream_ids(SELF(self), strcmp(kind, "commits") == 0, &json, err));
    return core_take_text(json);
}

static PyObject *read_record(PyObject *self, PyObject *args,
                             pli_status (*fn)(pli_stream *, int64_t, char **, pli_error *)) {
    long long id;
    char *json = NULL;
    if (!is_open(self) || !PyArg_ParseTuple(args, "L", &id)) return NULL;
    CORE_CALL(fn(SELF(self), id, &json, err));
    return core_take_text(json);
}

static PyObject *stream_read_offset(PyObject *self, PyObject *args) {
    return read_record(self, args, pli_stream_read_offset);
}
static PyObject *stream_read_commit(PyObject *self, PyObject *args) {
    return read_record(self, args, pli_stream_read_commit);
}

static PyObject *stream_update_metadata(PyObject *self, PyObject *args) {
    const char *members;
    if (!is_open(self) || !PyArg_ParseTuple(args, "s", &members)) return NULL;
    CORE_CALL(pli_stream_update_metadata(SELF(self), members, err));
    Py_RETURN_NONE;
}

/* ---- identity ---- */

static PyObject *get_text(PyObject *self, const char *(*fn)(const pli_stream *)) {
    return is_open(self) ? PyUnicode_FromString(fn(SELF(self))) : NULL;
}

static PyObject *get_id(PyObject *self, void *c) { return (void)c, get_text(self, pli_stream_id); }
static PyObject *get_dir(PyObject *self, void *c) { return (void)c, get_text(self, pli_stream_dir); }
static PyObject *get_app_id(PyObject *self, void *c) { return (void)c, get_text(self, pli_stream_app_id); }
static PyObject *get_attempt(PyObject *self, void *c) { return (void)c, get_text(self, pli_stream_attempt); }
static PyObject *get_sha(PyObject *self, void *c) { return (void)c, get_text(self, pli_stream_offset_sha256); }
static PyObject *get_last_offset(PyObject *self, void *c) {
    return (void)c, is_open(self) ? id_or_none(pli_stream_last_offset(SELF(self))) : NULL;
}
static PyObject *get_last_commit(PyObject *self, void *c) {
    return (void)c, is_open(self) ? id_or_none(pli_stream_last_commit(SELF(self))) : NULL;
}

pli_state *core_stream_state(PyObject *self) {
    if (!is_open(self)) return NULL;
    pli_state *state = pli_stream_state(SELF(self));
    if (!state) PyErr_SetString(PyExc_RuntimeError, "the state of a batch is valid only while the batch runs");
    return state;
}

#define KW(f) (PyCFunction)(void (*)(void))(f)
static PyMethodDef methods[] = {
    {"close", stream_close, METH_NOARGS, "Release the lock and everything held."},
    {"lock", stream_lock, METH_VARARGS, "lock(timeout): take the checkpoint's lock; negative = no limit."},
    {"unlock", stream_unlock, METH_NOARGS, "Release the lock."},
    {"refresh", stream_refresh, METH_NOARGS, "Look at the folder again."},
    {"set_files", KW(stream_set_files), METH_VARARGS | METH_KEYWORDS, "Plan files from now on."},
    {"set_delta", KW(stream_set_delta), METH_VARARGS | METH_KEYWORDS, "Plan versions of a Delta table from now on."},
    {"plan", stream_plan, METH_NOARGS, "plan() -> str | None: JSON of the pending or the next batch."},
    {"preview", stream_preview, METH_NOARGS, "preview() -> str | None: as plan, but nothing is stored."},
    {"backlog", stream_backlog, METH_NOARGS, "backlog() -> str: what waits."},
    {"pending", stream_pending, METH_NOARGS, "pending() -> int | None: the batch to repeat."},
    {"write_offset", stream_write_offset, METH_VARARGS, "write_offset(id, json) -> str: what is stored afterwards."},
    {"begin", stream_begin, METH_VARARGS, "begin(id): a new attempt at a batch."},
    {"commit", stream_commit, METH_VARARGS, "commit(id, json, schema=None)"},
    {"abort", stream_abort, METH_NOARGS, "Drop the attempt."},
    {"ids", stream_ids, METH_VARARGS, "ids('offsets' | 'commits') -> str: JSON array."},
    {"read_offset", stream_read_offset, METH_VARARGS, "read_offset(id) -> str"},
    {"read_commit", stream_read_commit, METH_VARARGS, "read_commit(id) -> str"},
    {"metadata", stream_metadata, METH_NOARGS, "metadata() -> str"},
    {"update_metadata", stream_update_metadata, METH_VARARGS, "update_metadata(json): set members; null removes."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef attributes[] = {
    {"id", get_id, NULL, "id of the checkpoint", NULL},
    {"dir", get_dir, NULL, "folder of the checkpoint", NULL},
    {"app_id", get_app_id, NULL, "application id of transactions", NULL},
    {"attempt", get_attempt, NULL, "id of the attempt at hand", NULL},
    {"offset_sha256", get_sha, NULL, "digest of the stored offset of the attempt at hand", NULL},
    {"last_offset", get_last_offset, NULL, "highest offset or None", NULL},
    {"last_commit", get_last_commit, NULL, "highest commit or None", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_init, stream_init},
    {Py_tp_dealloc, stream_dealloc},
    {Py_tp_methods, methods},
    {Py_tp_getset, attributes},
    {Py_tp_new, PyType_GenericNew},
    {Py_tp_doc, "Stream(checkpoint, kind, create=True, peek=False)"},
    {0, NULL},
};

static PyType_Spec spec = {"polars_incremental._core.Stream", sizeof(stream_object), 0, Py_TPFLAGS_DEFAULT, slots};

int core_add_stream(PyObject *module) {
    PyObject *type = PyType_FromSpec(&spec);
    if (!type) return -1;
    if (PyModule_AddObject(module, "Stream", type) < 0) {
        Py_DECREF(type);
        return -1;
    }
    return 0;
}

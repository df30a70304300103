/* _core.Table: a Delta table (pli/table.h). Each has an environment, and so an engine, of its own: one thread at a time. */
#include <stdlib.h>

#include "core.h"
#include "pli/stream.h"
#include "pli/table_write.h"

typedef struct {
    PyObject_HEAD core_env its;
    pli_table *table;
} table_object;

#define SELF(o) (((table_object *)(o))->table)

static PyObject *open_table(table_object *s, const char *path) {
    CORE_CALL(pli_table_open(s->its.env, path, &s->table, err));
    Py_RETURN_NONE;
}

static int table_init(PyObject *self, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"path", NULL};
    table_object *s = (table_object *)self;
    const char *path;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "s", names, &path)) return -1;
    if (s->its.env) {
        PyErr_SetString(PyExc_RuntimeError, "a table is opened once");
        return -1;
    }
    PyObject *done = core_env_init(&s->its) == 0 ? open_table(s, path) : NULL;
    Py_XDECREF(done);
    return done ? 0 : -1;
}

static void table_dealloc(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    table_object *s = (table_object *)self;
    Py_BEGIN_ALLOW_THREADS pli_table_close(s->table);
    Py_END_ALLOW_THREADS core_env_clear(&s->its);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release(self);
    Py_DECREF(type);
}

static PyObject *latest_version(PyObject *self, PyObject *unused) {
    int64_t version = -1;
    (void)unused;
    CORE_CALL(pli_table_latest_version(SELF(self), &version, err));
    return PyLong_FromLongLong(version);
}

/* version: -1 = not given */
static pli_at at_of(long long version, const char *timestamp) {
    return (pli_at){.size = sizeof(pli_at),
                    .has_version = version >= 0,
                    .version = version >= 0 ? version : 0,
                    .timestamp = timestamp};
}

typedef pli_status report_fn(pli_table *, const pli_at *, pli_row_fn *, void *, pli_error *);

static PyObject *report(PyObject *self, PyObject *args, report_fn *fn) {
    long long version = -1;
    const char *timestamp = NULL;
    if (!PyArg_ParseTuple(args, "|Lz", &version, &timestamp)) return NULL;
    const pli_at at = at_of(version, timestamp);
    core_rows rows = {0};
    CORE_ROWS(&rows, fn(SELF(self), &at, core_rows_add, &rows, err));
}

static PyObject *detail(PyObject *self, PyObject *args) { return report(self, args, pli_table_detail); }
static PyObject *files(PyObject *self, PyObject *args) { return report(self, args, pli_table_files); }

static PyObject *plain_files(PyObject *self, PyObject *args) {
    long long version = -1, max = 0;
    const char *timestamp = NULL;
    if (!PyArg_ParseTuple(args, "LLz", &max, &version, &timestamp)) return NULL;
    const pli_at at = at_of(version, timestamp);
    core_rows rows = {0};
    CORE_ROWS(&rows, pli_table_plain_files(SELF(self), &at, max, core_rows_add, &rows, err));
}

static PyObject *history(PyObject *self, PyObject *args) {
    long long limit = 0;
    if (!PyArg_ParseTuple(args, "|L", &limit)) return NULL;
    core_rows rows = {0};
    CORE_ROWS(&rows, pli_table_history(SELF(self), limit, core_rows_add, &rows, err));
}

/* Names of columns, borrowed from the sequence that is kept in `kept`. */
typedef struct names {
    const char **items;
    size_t n;
    PyObject *kept;
} names;

static void names_clear(names *x) {
    PyMem_Free((void *)x->items);
    Py_XDECREF(x->kept);
}

static int names_of(PyObject *sequence, names *out) {
    *out = (names){0};
    if (!sequence || sequence == Py_None) return 1;
    out->kept = PySequence_Tuple(sequence);
    const Py_ssize_t n = out->kept ? PyTuple_Size(out->kept) : -1;
    if (n < 0) return 0;
    out->items = PyMem_Calloc((size_t)n + 1, sizeof *out->items);
    if (!out->items) return PyErr_NoMemory(), 0;
    for (Py_ssize_t i = 0; i < n; i++) {
        out->items[i] = PyUnicode_AsUTF8AndSize(PyTuple_GetItem(out->kept, i), NULL);
        if (!out->items[i]) return 0;
    }
    out->n = (size_t)n;
    return 1;
}

static PyObject *do_read(PyObject *self, const pli_read_options *o) {
    struct ArrowArrayStream stream = {0};
    CORE_CALL(pli_table_read(SELF(self), o, &stream, err));
    return core_take_stream(&stream, self, ((table_object *)self)->its.env);
}

static PyObject *read_table(PyObject *self, PyObject *args, PyObject *kwargs) {
    static char *keys[] = {"columns", "where", "version", "timestamp", "limit", NULL};
    PyObject *columns = NULL;
    const char *where = NULL, *timestamp = NULL;
    long long version = -1, limit = -1;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|OzLzL", keys, &columns, &where, &version, &timestamp, &limit))
        return NULL;
    names n;
    PyObject *result = NULL;
    if (names_of(columns, &n)) {
        const pli_read_options o = {.size = sizeof o,
                                    .has_version = version >= 0,
                                    .version = version >= 0 ? version : 0,
                                    .timestamp = timestamp,
                                    .n_columns = n.n,
                                    .columns = n.items,
                                    .where = where,
                                    .has_limit = limit >= 0,
                                    .limit = limit >= 0 ? limit : 0};
        result = do_read(self, &o);
    }
    names_clear(&n);
    return result;
}

static PyObject *do_changes(PyObject *self, const pli_changes_options *o) {
    struct ArrowArrayStream stream = {0};
    CORE_CALL(pli_table_changes(SELF(self), o, &stream, err));
    return core_take_stream(&stream, self, ((table_object *)self)->its.env);
}

static PyObject *changes(PyObject *self, PyObject *args, PyObject *kwargs) {
    static char *keys[] = {"from_version", "to_version", "synthesize", "columns", NULL};
    PyObject *columns = NULL;
    long long from = 0, to = -1;
    int synthesize = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "L|LpO", keys, &from, &to, &synthesize, &columns)) return NULL;
    names n;
    PyObject *result = NULL;
    if (names_of(columns, &n)) {
        const pli_changes_options o = {.size = sizeof o,
                                       .has_from_version = true,
                                       .from_version = from,
                                       .has_to_version = to >= 0,
                                       .to_version = to >= 0 ? to : 0,
                                       .synthesize = synthesize != 0,
                                       .n_columns = n.n,
                                       .columns = n.items};
        result = do_changes(self, &o);
    }
    names_clear(&n);
    return result;
}

static PyObject *do_read_batch(PyObject *self, const char *path, const char *batch, const pli_read_options *o) {
    struct ArrowArrayStream stream = {0};
    CORE_CALL(pli_delta_batch_read(((table_object *)self)->its.env, path, batch, o, &stream, err));
    return core_take_stream(&stream, self, ((table_object *)self)->its.env);
}

static PyObject *read_batch(PyObject *self, PyObject *args, PyObject *kwargs) {
    static char *keys[] = {"path", "batch", "columns", "where", "limit", NULL};
    PyObject *columns = NULL;
    const char *path, *batch, *where = NULL;
    long long limit = -1;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "ss|OzL", keys, &path, &batch, &columns, &where, &limit))
        return NULL;
    names n;
    PyObject *result = NULL;
    if (names_of(columns, &n)) {
        const pli_read_options o = {.size = sizeof o,
                                    .n_columns = n.n,
                                    .columns = n.items,
                                    .where = where,
                                    .has_limit = limit >= 0,
                                    .limit = limit >= 0 ? limit : 0};
        result = do_read_batch(self, path, batch, &o);
    }
    names_clear(&n);
    return result;
}

typedef pli_status write_fn(pli_env *, const char *, struct ArrowArrayStream *, const char *, char **, pli_error *);

typedef struct write_call {
    write_fn *fn;
    pli_env *env;
    const char *path, *options;
    struct ArrowArrayStream rows;
    char *result;
} write_call;

static pli_status run_write(void *arg, pli_error *err) {
    write_call *c = arg;
    return c->fn(c->env, c->path, &c->rows, c->options, &c->result, err);
}

static PyObject *write_with(PyObject *self, PyObject *args, write_fn *fn) {
    write_call c = {.fn = fn, .env = ((table_object *)self)->its.env};
    PyObject *from;
    if (!PyArg_ParseTuple(args, "sOs", &c.path, &from, &c.options) || core_adopt_stream(from, &c.rows) < 0) return NULL;
    if (core_run_long(c.env, run_write, &c) < 0) return free(c.result), NULL;
    return core_take_text(c.result);
}

static PyObject *write_table(PyObject *self, PyObject *args) { return write_with(self, args, pli_delta_write); }
static PyObject *layout(PyObject *self, PyObject *args) { return write_with(self, args, pli_delta_layout); }
static PyObject *merge_table(PyObject *self, PyObject *args) { return write_with(self, args, pli_delta_merge); }
static PyObject *apply_table(PyObject *self, PyObject *args) { return write_with(self, args, pli_delta_apply); }

static PyObject *vacuum(PyObject *self, PyObject *args) {
    const char *retention;
    int dry_run, allow_short;
    if (!PyArg_ParseTuple(args, "zpp", &retention, &dry_run, &allow_short)) return NULL;
    const pli_vacuum_options o = {
        .size = sizeof o, .retention = retention, .allow_short = allow_short != 0, .dry_run = dry_run != 0};
    core_rows rows = {0};
    CORE_ROWS(&rows, pli_table_vacuum(SELF(self), &o, core_rows_add, &rows, err));
}

typedef struct optimize_call {
    pli_table *table;
    const pli_optimize_options *options;
    core_rows rows;
} optimize_call;

static pli_status run_optimize(void *arg, pli_error *err) {
    optimize_call *c = arg;
    return pli_table_optimize(c->table, c->options, core_rows_add, &c->rows, err);
}

static PyObject *do_optimize(PyObject *self, const pli_optimize_options *o) {
    optimize_call c = {.table = SELF(self), .options = o};
    const int failed = core_run_long(((table_object *)self)->its.env, run_optimize, &c);
    if (failed) return free(c.rows.text), NULL;
    return core_rows_take(&c.rows);
}

static PyObject *optimize(PyObject *self, PyObject *args) {
    const char *where;
    PyObject *columns;
    long long target_size;
    if (!PyArg_ParseTuple(args, "zOL", &where, &columns, &target_size)) return NULL;
    names n;
    PyObject *result = NULL;
    if (names_of(columns, &n)) {
        const pli_optimize_options o = {
            .size = sizeof o, .where = where, .n_zorder = n.n, .zorder = n.items, .target_size = target_size};
        result = do_optimize(self, &o);
    }
    names_clear(&n);
    return result;
}

#define KW(f) (PyCFunction)(void (*)(void))(f)
static PyMethodDef methods[] = {
    {"latest_version", latest_version, METH_NOARGS, "latest_version() -> int"},
    {"detail", detail, METH_VARARGS, "detail(version=-1, timestamp=None) -> str: JSON array of one row"},
    {"plain_files", plain_files, METH_VARARGS,
     "plain_files(max, version, timestamp) -> str: JSON array, empty unless any reader of Parquet reads the files right"},
    {"files", files, METH_VARARGS, "files(version=-1, timestamp=None) -> str: JSON array"},
    {"history", history, METH_VARARGS, "history(limit=0) -> str: JSON array, newest first"},
    {"read", KW(read_table), METH_VARARGS | METH_KEYWORDS,
     "read(columns=None, where=None, version=-1, timestamp=None, limit=-1) -> ArrowStream"},
    {"read_batch", KW(read_batch), METH_VARARGS | METH_KEYWORDS,
     "read_batch(path, batch, columns=None, where=None, limit=-1) -> ArrowStream: rows of a planned batch"},
    {"write", write_table, METH_VARARGS, "write(path, rows, options) -> str: rows has __arrow_c_stream__; both JSON"},
    {"layout", layout, METH_VARARGS, "layout(path, rows, options) -> str: may the caller write the files itself?"},
    {"merge", merge_table, METH_VARARGS, "merge(path, rows, options) -> str"},
    {"apply", apply_table, METH_VARARGS, "apply(path, changes, options) -> str"},
    {"vacuum", vacuum, METH_VARARGS,
     "vacuum(retention, dry_run, allow_short) -> str: JSON array of files, then the totals"},
    {"optimize", optimize, METH_VARARGS, "optimize(where, zorder, target_size) -> str: JSON array of one row"},
    {"changes", KW(changes), METH_VARARGS | METH_KEYWORDS,
     "changes(from_version, to_version=-1, synthesize=False, columns=None) -> ArrowStream"},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_init, table_init},       {Py_tp_dealloc, table_dealloc}, {Py_tp_methods, methods},
    {Py_tp_new, PyType_GenericNew}, {Py_tp_doc, "Table(path)"},     {0, NULL},
};

static PyType_Spec spec = {"polars_incremental._core.Table", sizeof(table_object), 0, Py_TPFLAGS_DEFAULT, slots};

int core_add_table(PyObject *module) {
    PyObject *type = PyType_FromSpec(&spec);
    if (!type) return -1;
    if (PyModule_AddObject(module, "Table", type) < 0) {
        Py_DECREF(type);
        return -1;
    }
    return 0;
}

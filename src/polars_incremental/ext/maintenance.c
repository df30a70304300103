/* Functions over whole checkpoints (pli/checkpoint.h): look, clean up, cut back, reset. None of them waits: the package
 * repeats a call that found the lock taken, so that Ctrl-C works. */
#include "core.h"
#include "pli/checkpoint.h"
#include "pli/config.h"

static PyObject *show(PyObject *self, PyObject *args) {
    const char *dir;
    (void)self;
    if (!PyArg_ParseTuple(args, "s", &dir)) return NULL;
    core_rows rows = {0};
    CORE_ROWS(&rows, pli_checkpoint_show(dir, core_rows_add, &rows, err));
}

static PyObject *give_counts(const pli_maintenance_counts *c) {
    return Py_BuildValue("LLLL", (long long)c->removed_offsets, (long long)c->removed_commits,
                         (long long)c->kept_offsets, (long long)c->kept_commits);
}

static PyObject *cleanup(PyObject *self, PyObject *args) {
    const char *dir;
    long long keep_last, older_than_us;
    int dry_run, no_lock;
    (void)self;
    if (!PyArg_ParseTuple(args, "sLLpp", &dir, &keep_last, &older_than_us, &dry_run, &no_lock)) return NULL;
    const pli_maintenance_options o = {.size = sizeof o, .dry_run = dry_run != 0, .no_lock = no_lock != 0};
    pli_maintenance_counts counts = {.size = sizeof counts};
    CORE_CALL(pli_checkpoint_cleanup(dir, keep_last, older_than_us, &o, &counts, err));
    return give_counts(&counts);
}

static PyObject *truncate_checkpoint(PyObject *self, PyObject *args) {
    const char *dir;
    long long keep_through;
    int dry_run, no_lock;
    (void)self;
    if (!PyArg_ParseTuple(args, "sLpp", &dir, &keep_through, &dry_run, &no_lock)) return NULL;
    const pli_maintenance_options o = {.size = sizeof o, .dry_run = dry_run != 0, .no_lock = no_lock != 0};
    pli_maintenance_counts counts = {.size = sizeof counts};
    CORE_CALL(pli_checkpoint_truncate(dir, keep_through, &o, &counts, err));
    return give_counts(&counts);
}

static PyObject *reset(PyObject *args,
                       pli_status (*fn)(const char *, const pli_maintenance_options *, char **, pli_error *)) {
    const char *dir;
    int no_lock;
    if (!PyArg_ParseTuple(args, "sp", &dir, &no_lock)) return NULL;
    const pli_maintenance_options o = {.size = sizeof o, .no_lock = no_lock != 0};
    char *old = NULL;
    CORE_CALL(fn(dir, &o, &old, err));
    return core_take_text(old);
}

static PyObject *reset_start(PyObject *self, PyObject *args) {
    return (void)self, reset(args, pli_checkpoint_reset_start);
}
static PyObject *reset_schema(PyObject *self, PyObject *args) {
    return (void)self, reset(args, pli_checkpoint_reset_schema);
}

static PyMethodDef functions[] = {
    {"checkpoint_show", show, METH_VARARGS, "checkpoint_show(dir) -> str: JSON array"},
    {"checkpoint_cleanup", cleanup, METH_VARARGS,
     "checkpoint_cleanup(dir, keep_last, older_than_us, dry_run, no_lock) -> counts"},
    {"checkpoint_truncate", truncate_checkpoint, METH_VARARGS,
     "checkpoint_truncate(dir, keep_through, dry_run, no_lock) -> counts"},
    {"checkpoint_reset_start", reset_start, METH_VARARGS, "checkpoint_reset_start(dir, no_lock) -> str | None"},
    {"checkpoint_reset_schema", reset_schema, METH_VARARGS, "checkpoint_reset_schema(dir, no_lock) -> str | None"},
    {NULL, NULL, 0, NULL},
};

int core_add_maintenance(PyObject *module) { return PyModule_AddFunctions(module, functions); }

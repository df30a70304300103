/* The module object, and how errors become exceptions. */
#include <stdlib.h>
#include <string.h>

#include "core.h"

PyObject *core_raise(const pli_error *e) {
    /* a signal handler of Python raised while C was waiting: that exception goes on */
    if (PyErr_Occurred()) return NULL;
    PyObject *errors = PyImport_ImportModule("polars_incremental.errors");
    if (!errors) return NULL;
    PyObject *exc = PyObject_CallMethod(errors, "from_core", "sssO", pli_status_name(e->code), e->message, e->hint,
                                        e->flags & PLI_ERR_RETRIABLE ? Py_True : Py_False);
    Py_DECREF(errors);
    if (!exc) return NULL;
    PyErr_SetObject((PyObject *)Py_TYPE(exc), exc);
    Py_DECREF(exc);
    return NULL;
}

PyObject *core_take_text(char *text) {
    if (!text) Py_RETURN_NONE;
    PyObject *s = PyUnicode_FromString(text);
    free(text);
    return s;
}

int core_poll_signals(void *arg) {
    (void)arg;
    PyGILState_STATE gil = PyGILState_Ensure();
    const int raised = PyErr_CheckSignals();
    PyGILState_Release(gil);
    return raised;
}

int core_rows_add(void *arg, const char *json, size_t len) {
    core_rows *r = arg;
    const size_t need = r->len + len + 3;
    if (need > r->cap) {
        const size_t cap = need * 2;
        char *text = realloc(r->text, cap);
        if (!text) return r->failed = 1;
        r->text = text;
        r->cap = cap;
    }
    r->text[r->len] = r->len ? ',' : '[';
    memcpy(r->text + r->len + 1, json, len);
    r->len += len + 1;
    return 0;
}

PyObject *core_rows_take(core_rows *r) {
    PyObject *text = NULL;
    if (r->failed) {
        PyErr_NoMemory();
    } else if (!r->text) {
        text = PyUnicode_FromString("[]");
    } else {
        r->text[r->len] = ']';
        text = PyUnicode_FromStringAndSize(r->text, (Py_ssize_t)r->len + 1);
    }
    free(r->text);
    *r = (core_rows){0};
    return text;
}

static PyObject *version(PyObject *self, PyObject *unused) {
    (void)self;
    (void)unused;
    return PyUnicode_FromString(pli_version());
}

static PyMethodDef functions[] = {
    {"version", version, METH_NOARGS, "version() -> str\n\nVersion of libpli."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "_core",
    .m_doc = "The C core of polars_incremental.",
    .m_size = -1,
    .m_methods = functions,
};

PyMODINIT_FUNC PyInit__core(void); /* found by name, declared nowhere */
PyMODINIT_FUNC PyInit__core(void) {
    PyObject *module = PyModule_Create(&definition);
    if (!module) return NULL;
    if (core_add_env() < 0 || core_add_stream(module) < 0 || core_add_state(module) < 0 ||
        core_add_maintenance(module) < 0 || core_add_schema(module) < 0 || core_add_arrow(module) < 0 ||
        core_add_table(module) < 0 || core_add_feed(module) < 0) {
        Py_DECREF(module);
        return NULL;
    }
    return module;
}

/* Decisions of schema evolution (pli/schema.h), JSON in and out. */
#include "pli/schema.h"
#include "core.h"
#include "pli/config.h"

static PyObject *plan(PyObject *self, PyObject *args) {
    const char *request;
    char *text = NULL;
    (void)self;
    if (!PyArg_ParseTuple(args, "s", &request)) return NULL;
    CORE_CALL(pli_schema_plan(request, &text, err));
    return core_take_text(text);
}

static PyMethodDef functions[] = {
    {"schema_plan", plan, METH_VARARGS, "schema_plan(request) -> str"},
    {NULL, NULL, 0, NULL},
};

int core_add_schema(PyObject *module) { return PyModule_AddFunctions(module, functions); }

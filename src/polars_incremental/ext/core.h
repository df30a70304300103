/*
 * The extension module polars_incremental._core: a thin skin over libpli's public headers, in the stable ABI.
 * One status becomes one exception (errors.from_core); the GIL is released around everything that may block.
 */
#ifndef PLI_EXT_CORE_H
#define PLI_EXT_CORE_H

#ifndef Py_LIMITED_API
#define Py_LIMITED_API 0x030b0000
#endif
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "pli/arrow.h"
#include "pli/env.h"
#include "pli/state.h"

/** The environment of an object: clock and log go through Python. Zero-initialised; core_env_clear it in any case. */
typedef struct core_env {
    pli_env *env;
    char *settings; /* what it took from the environment of the process */
} core_env;
/** @return 0, or -1 with an exception set */
int core_env_init(core_env *e);
/** When everything that was made with it is freed. The engine is kept for the next object (env.c). */
void core_env_clear(core_env *e);
/** Set the Python exception for an error. @return NULL */
PyObject *core_raise(const pli_error *e);
/** A malloc'ed JSON text as str (None for NULL); frees it. */
PyObject *core_take_text(char *text);
/** Signals of Python while C waits: non-zero when a handler raised. Takes the GIL. */
int core_poll_signals(void *arg);

/** Run a call (which names its error `err`) without the GIL and raise its error. */
#define CORE_CALL(expr)                                                                                                \
    do {                                                                                                               \
        pli_error call_error_ = {0}, *err = &call_error_;                                                              \
        pli_status call_status_;                                                                                       \
        Py_BEGIN_ALLOW_THREADS call_status_ = (expr);                                                                  \
        Py_END_ALLOW_THREADS if (call_status_ != PLI_OK) return core_raise(&call_error_);                              \
    } while (0)

/** Rows of a report, gathered as a JSON array while the GIL is released. */
typedef struct core_rows {
    char *text;
    size_t len, cap;
    int failed; /* memory ran out */
} core_rows;
int core_rows_add(void *arg, const char *json, size_t len); /* a pli_row_fn */
PyObject *core_rows_take(core_rows *rows);                   /* str; frees */

/** Run a call that reports rows and return them. */
#define CORE_ROWS(rows, expr)                                                                                          \
    do {                                                                                                               \
        pli_error rows_error_ = {0}, *err = &rows_error_;                                                              \
        pli_status rows_status_;                                                                                       \
        Py_BEGIN_ALLOW_THREADS rows_status_ = (expr);                                                                  \
        Py_END_ALLOW_THREADS PyObject *rows_text_ = core_rows_take(rows);                                              \
        if (rows_status_ == PLI_OK) return rows_text_;                                                                 \
        Py_XDECREF(rows_text_);                                                                                        \
        return core_raise(&rows_error_);                                                                               \
    } while (0)

typedef pli_status core_long_fn(void *arg, pli_error *err);
/** Run a call that may take long without the GIL, in a thread of its own, so that Ctrl-C ends it.
 *  @param env whose engine is interrupted when a signal handler raises
 *  @return 0, or -1 with an exception set; the call may have succeeded all the same */
int core_run_long(pli_env *env, core_long_fn *fn, void *arg);

/** An ArrowStream of a stream that moves in, also on failure; it keeps `owner`, whose environment is `env`, alive until it is
 *  released. */
PyObject *core_take_stream(struct ArrowArrayStream *take, PyObject *owner, pli_env *env);
/** The stream of any object with __arrow_c_stream__, moved out. @return 0, or -1 with an exception set */
int core_adopt_stream(PyObject *from, struct ArrowArrayStream *out);

/** State of the attempt at hand of a _core.Stream; NULL with an exception set. Borrowed. */
pli_state *core_stream_state(PyObject *self);

/* One function per file adds its types and functions to the module. @return 0, or -1 with an exception set */
int core_add_env(void);
int core_add_stream(PyObject *module);
int core_add_state(PyObject *module);
int core_add_maintenance(PyObject *module);
int core_add_schema(PyObject *module);
int core_add_arrow(PyObject *module);
int core_add_table(PyObject *module);
int core_add_feed(PyObject *module);

#endif

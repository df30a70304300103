/*
 * Environments. Each object has one of its own, since an environment serves one thread at a time, and its engine takes 15 ms to
 * open and close, which is a good part of a small merge. So the environment of an object that goes is kept for the next one:
 *
 *   - one at most, and only its engine (pli_env_rest): an engine with few megabytes, whose threads sleep, and nothing of what the
 *     object did; after a failed statement, a loaded extension or spilled data the engine is closed as before
 *   - whoever takes it has it alone: the slot is under the GIL, and empty meanwhile
 *   - the temporary folder and the time zone come from the process environment: it is kept for the same ones only
 *   - a child of fork() has the engine's memory but not its threads: there it is forgotten, neither used nor closed
 *   - it is closed when the interpreter ends
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core.h"

static core_env idle; /* the slot */

/* time.time(), looked up at each call so that callers can freeze it. */
static int64_t python_now(void *arg) {
    (void)arg;
    int64_t us = 0;
    PyGILState_STATE gil = PyGILState_Ensure();
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyObject *time = PyImport_ImportModule("time");
    PyObject *now = time ? PyObject_CallMethod(time, "time", NULL) : NULL;
    if (now) us = (int64_t)(PyFloat_AsDouble(now) * 1e6);
    Py_XDECREF(now);
    Py_XDECREF(time);
    PyErr_Restore(type, value, traceback);
    PyGILState_Release(gil);
    return us;
}

static void python_log(void *arg, pli_log_level level, const char *message) {
    static const int levels[] = {40, 30, 20, 10}; /* logging.ERROR, WARNING, INFO, DEBUG */
    (void)arg;
    PyGILState_STATE gil = PyGILState_Ensure();
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyObject *logging = PyImport_ImportModule("logging");
    PyObject *logger = logging ? PyObject_CallMethod(logging, "getLogger", "s", "polars_incremental") : NULL;
    PyObject *done = logger ? PyObject_CallMethod(logger, "log", "iss", levels[level], "%s", message) : NULL;
    if (!done) PyErr_Clear();
    Py_XDECREF(done);
    Py_XDECREF(logger);
    Py_XDECREF(logging);
    PyErr_Restore(type, value, traceback);
    PyGILState_Release(gil);
}

/* ---- the slot ---- */

/* What an environment takes from that of the process. @return malloc'ed; NULL when memory is out: it is not kept then */
static char *settings_now(void) {
    const char *folder = getenv("TMPDIR"), *zone = getenv("PLI_TIMEZONE");
    char *text = NULL;
    return asprintf(&text, "%s\n%s", folder ? folder : "", zone ? zone : "") < 0 ? NULL : text;
}

static void close_env(core_env *e) {
    Py_BEGIN_ALLOW_THREADS pli_env_free(e->env);
    Py_END_ALLOW_THREADS free(e->settings);
    *e = (core_env){0};
}

/* @return whether there was one that fits */
static int take_idle(core_env *out) {
    core_env found = idle;
    idle = (core_env){0};
    if (!found.env) return 0;
    char *now = settings_now();
    const int fits = now && strcmp(now, found.settings) == 0;
    free(now);
    if (fits) *out = found;
    else close_env(&found);
    return fits;
}

static void forget_idle(void) { idle = (core_env){0}; }

/* After the interpreter: nothing of Python's may be called. */
static void close_idle(void) {
    pli_env_free(idle.env);
    free(idle.settings);
    forget_idle();
}

int core_add_env(void) {
    if (pthread_atfork(NULL, NULL, forget_idle) == 0 && Py_AtExit(close_idle) == 0) return 0;
    PyErr_SetString(PyExc_ImportError, "too many functions are to be called at exit or at a fork");
    return -1;
}

/* ---- environments ---- */

int core_env_init(core_env *e) {
    const pli_env_options options = {.size = sizeof options, .log = python_log, .now_us = python_now};
    pli_error problem = {0};
    if (take_idle(e)) return 0;
    e->settings = settings_now();
    if (pli_env_new(&options, &e->env, &problem) == PLI_OK) return 0;
    core_raise(&problem);
    return -1;
}

void core_env_clear(core_env *e) {
    Py_BEGIN_ALLOW_THREADS pli_env_rest(e->env);
    Py_END_ALLOW_THREADS if (!e->env || !e->settings || idle.env) {
        close_env(e);
        return;
    }
    idle = *e;
    *e = (core_env){0};
}

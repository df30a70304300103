/*
 * Long calls into the core that Ctrl-C ends: Python runs its signal handlers in the main thread only, and only while that thread
 * runs Python. So the call runs in a thread of its own, and the caller's looks for signals until it is over.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>

#include "core.h"

enum { LOOK_EVERY_NS = 50 * 1000 * 1000 };

typedef struct work {
    core_long_fn *fn;
    void *arg;
    pli_error *err;
    pli_status status;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    int over; /* under the mutex */
} work;

static void *run(void *arg) {
    work *w = arg;
    w->status = w->fn(w->arg, w->err);
    pthread_mutex_lock(&w->mutex);
    w->over = 1;
    pthread_cond_signal(&w->changed);
    pthread_mutex_unlock(&w->mutex);
    return NULL;
}

/* Signals are for the caller's thread. */
static int start(pthread_t *thread, work *w) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const int failed = pthread_create(thread, NULL, run, w);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed;
}

/* @return whether the work is over; else a while has passed */
static int wait_a_while(work *w) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += LOOK_EVERY_NS;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    int timed_out = 0;
    pthread_mutex_lock(&w->mutex);
    while (!w->over && !timed_out) timed_out = pthread_cond_timedwait(&w->changed, &w->mutex, &until) == ETIMEDOUT;
    const int over = w->over;
    pthread_mutex_unlock(&w->mutex);
    return over;
}

/* An interrupt ends the statement at hand only, so it is repeated until the call gives up. */
static void wait_for(work *w, pli_env *env) {
    int raised = 0;
    while (!wait_a_while(w)) {
        raised = raised || core_poll_signals(NULL);
        if (raised) pli_env_cancel(env, true);
    }
    if (raised) pli_env_resume(env);
}

static pli_status run_in_thread(work *w, pli_env *env) {
    pthread_t thread;
    if (start(&thread, w) != 0) return w->fn(w->arg, w->err);
    wait_for(w, env);
    pthread_join(thread, NULL);
    return w->status;
}

int core_run_long(pli_env *env, core_long_fn *fn, void *arg) {
    pli_error error = {0};
    work w = {.fn = fn, .arg = arg, .err = &error};
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&w.changed, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&w.mutex, NULL);
    pli_status status;
    Py_BEGIN_ALLOW_THREADS status = run_in_thread(&w, env);
    Py_END_ALLOW_THREADS pthread_cond_destroy(&w.changed);
    pthread_mutex_destroy(&w.mutex);
    if (status != PLI_OK) core_raise(&error);
    /* a handler that raised while the call came to its end still ends the caller */
    return PyErr_Occurred() ? -1 : 0;
}

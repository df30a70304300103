/* The environment object: owns the engine it opens on first use. */
#include "engine/env.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct pli_env {
    pli__engine_options engine_options;
    char *spill_dir;
    char *time_zone;
    pli__engine *engine;
    pli_log_fn *log;
    void *log_arg;
    pli__clock clock;
    volatile sig_atomic_t cancel;
    bool finishing; /* a batch, which a cancel that is not urgent does not stop */
};

static pli_status copy_text(const char *from, char **to, pli_error *err) {
    if (!from) return PLI_OK;
    *to = pli__strz_dup(from);
    return *to ? PLI_OK : pli__error_memory(err);
}

static void env_auto(pli_env **env) { pli_env_free(*env); }

pli_status pli_env_new(const pli_env_options *options, pli_env **out, pli_error *err) {
    static const pli_env_options defaults = {.size = sizeof(pli_env_options)};
    if (!out) return pli__error_set(err, PLI_E_ARGUMENT, "'out' must not be NULL");
    *out = NULL;
    const pli_env_options *o = options ? options : &defaults;
    if (o->size < sizeof *o) return pli__error_set(err, PLI_E_ARGUMENT, "pli_env_options.size is not set");
    if (o->memory_limit < 0 || o->threads < 0)
        return pli__error_set(err, PLI_E_ARGUMENT, "memory_limit and threads must not be negative");
    PLI_AUTO(env_auto) pli_env *env = calloc(1, sizeof *env);
    if (!env) return pli__error_memory(err);
    const char *zone = o->time_zone ? o->time_zone : getenv("PLI_TIMEZONE");
    PLI_TRY(copy_text(zone && *zone ? zone : "UTC", &env->time_zone, err));
    PLI_TRY(copy_text(o->spill_dir, &env->spill_dir, err));
    env->engine_options = (pli__engine_options){.memory_limit = o->memory_limit,
                                                .threads = o->threads,
                                                .spill_dir = env->spill_dir,
                                                .time_zone = env->time_zone};
    env->log = o->log;
    env->log_arg = o->log_arg;
    env->clock = o->now_us ? (pli__clock){o->now_us, o->now_arg} : *pli__clock_system();
    *out = PLI_TAKE(env);
    return PLI_OK;
}

void pli_env_free(pli_env *env) {
    if (!env) return;
    pli__engine_close(env->engine);
    free(env->spill_dir);
    free(env->time_zone);
    free(env);
}

void pli_env_cancel(pli_env *env, bool urgent) {
    if (!env) return;
    if (urgent || !env->cancel) env->cancel = urgent ? 2 : 1;
    if (urgent && env->engine) pli__engine_interrupt(env->engine);
}

void pli_env_resume(pli_env *env) {
    if (env) env->cancel = 0;
}

void pli_env_rest(pli_env *env) {
    if (!env) return;
    env->cancel = 0;
    env->finishing = false;
    if (env->engine && pli__engine_renew(env->engine, NULL) != PLI_OK) pli__env_engine_close(env);
}

void pli__env_finish_batch(pli_env *env, bool finishing) { env->finishing = finishing; }

pli_status pli__env_check_cancel(pli_env *env, pli_error *err) {
    return env->cancel > env->finishing ? pli__error_set(err, PLI_E_CANCELLED, "stopped on request") : PLI_OK;
}

pli_status pli__env_engine(pli_env *env, pli__engine **out, pli_error *err) {
    if (!env->engine) PLI_TRY(pli__engine_open(&env->engine_options, &env->engine, err));
    *out = env->engine;
    return PLI_OK;
}

pli__engine *pli__env_engine_if_open(pli_env *env) { return env->engine; }

const pli__engine_options *pli__env_engine_options(const pli_env *env) { return &env->engine_options; }

void pli__env_engine_close(pli_env *env) {
    pli__engine_close(env->engine);
    env->engine = NULL;
}

const pli__clock *pli__env_clock(const pli_env *env) { return &env->clock; }
int64_t pli__env_now_us(const pli_env *env) { return pli__clock_now_us(&env->clock); }
const char *pli__env_time_zone(const pli_env *env) { return env->time_zone; }

void pli__env_log(pli_env *env, pli_log_level level, const char *fmt, ...) {
    if (!env || !env->log) return;
    char line[1200];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    env->log(env->log_arg, level, line);
}

const char *pli_version(void) { return PLI_VERSION; }

pli_status pli_engine_version(char *buf, size_t cap, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf text = {0};
    PLI_TRY(pli__engine_version(&text, err));
    if (buf && cap) snprintf(buf, cap, "%s", text.ptr ? text.ptr : "");
    return PLI_OK;
}

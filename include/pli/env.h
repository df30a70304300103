/*
 * The environment that callers hand in: limits of the engine, clock, log, cancel flag. The library itself never
 * prints, never exits, and keeps no global state; one environment serves any number of jobs and tables of one thread.
 */
#ifndef PLI_ENV_H
#define PLI_ENV_H

#include <stdbool.h>

#include "pli/error.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pli_env pli_env;

typedef enum pli_log_level { PLI_LOG_ERROR, PLI_LOG_WARNING, PLI_LOG_INFO, PLI_LOG_DEBUG } pli_log_level;
/** Receives one line without a newline. Called on the thread that uses the environment. */
typedef void pli_log_fn(void *arg, pli_log_level level, const char *message);

/** Zero-initialise and set `size`; zero members mean the default. Strings are copied. */
typedef struct pli_env_options {
    size_t size;            /**< sizeof(pli_env_options) */
    int64_t memory_limit;   /**< bytes the engine may use; default 80 % of the machine */
    int threads;            /**< default all cores */
    const char *spill_dir;  /**< folder for data that does not fit in memory; default below $TMPDIR */
    const char *time_zone;  /**< zone of texts without one; default $PLI_TIMEZONE, else UTC */
    pli_log_fn *log;        /**< default: silence */
    void *log_arg;
    int64_t (*now_us)(void *arg); /**< wall clock in microseconds since the epoch; default the system's */
    void *now_arg;
} pli_env_options;

/** @param options NULL = defaults @param out free with pli_env_free */
PLI_API pli_status pli_env_new(const pli_env_options *options, pli_env **out, pli_error *err);
/** Everything that was made with it must be freed before. NULL is allowed. */
PLI_API void pli_env_free(pli_env *env);
/** Ask what runs in this environment to stop: it ends with PLI_E_CANCELLED at the next safe point (urgent = false) or at
 *  once, interrupting the engine (urgent = true). Async-signal-safe; any thread. */
PLI_API void pli_env_cancel(pli_env *env, bool urgent);
/** Forget a cancel. */
PLI_API void pli_env_resume(pli_env *env);
/** Keep the environment for other work, when everything that was made with it is freed: a cancel is forgotten, and the engine is
 *  left as a new one would be, holding little memory; where it cannot be left so, it is closed, to be opened on the next use.
 *  Saves the 15 ms that opening takes. The engine's threads go on waiting: an environment is of no use after fork(). */
PLI_API void pli_env_rest(pli_env *env);
/** Version of the library, "0.1.0". Static. */
PLI_API const char *pli_version(void);
/** Version of the query engine; loads it. @param buf receives the text, cut to cap */
PLI_API pli_status pli_engine_version(char *buf, size_t cap, pli_error *err);

/** A report is a series of rows, each one JSON object (UTF-8, keys in a stable order). Return non-zero to stop early. */
typedef int pli_row_fn(void *arg, const char *json, size_t len);

#ifdef __cplusplus
}
#endif
#endif

/* What is behind pli_env: the engine opened on first use, clock, log, cancel flag. */
#ifndef PLI_ENGINE_ENV_H
#define PLI_ENGINE_ENV_H

#include "base/time.h"
#include "engine/engine.h"
#include "pli/env.h"

/** The environment's engine, opened on first use; borrowed. */
pli_status pli__env_engine(pli_env *env, pli__engine **out, pli_error *err);
/** The engine if it is open already, else NULL. */
pli__engine *pli__env_engine_if_open(pli_env *env);
/** A private engine with the environment's limits but these changes; the caller closes it. */
const pli__engine_options *pli__env_engine_options(const pli_env *env);
/** Give the engine's memory back (commands that go on without data). */
void pli__env_engine_close(pli_env *env);
const pli__clock *pli__env_clock(const pli_env *env);
int64_t pli__env_now_us(const pli_env *env);
const char *pli__env_time_zone(const pli_env *env); /**< "UTC" by default */
__attribute__((format(printf, 3, 4))) void pli__env_log(pli_env *env, pli_log_level level, const char *fmt, ...);
/** From now on only an urgent cancel stops, since a batch is to be finished; or any cancel again. */
void pli__env_finish_batch(pli_env *env, bool finishing);
/** CANCELLED if somebody asked to stop, else PLI_OK. */
pli_status pli__env_check_cancel(pli_env *env, pli_error *err);

#endif

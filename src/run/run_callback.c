/* Callback jobs: the caller executes a batch and reports what it came to. Also what any thread may ask: the progress. */
#include <stdlib.h>

#include "base/json.h"
#include "run/run_impl.h"

/* A JSON text of the caller's as a member, if it is given. */
static pli_status set_text(json_t *to, const char *key, const char *text, bool array, pli_error *err) {
    if (!text) return PLI_OK;
    PLI_AUTO(pli__json_unref) json_t *value = NULL;
    PLI_TRY(pli__json_parse(pli__str_of(text), key, &value, err));
    if (array ? !json_is_array(value) : !json_is_object(value))
        return pli__error_set(err, PLI_E_ARGUMENT, "'%s' of an outcome must be a JSON %s", key,
                              array ? "array" : "object");
    return json_object_set(to, key, value) == 0 ? PLI_OK : pli__error_memory(err);
}

static pli_status accept_success(pli_run *run, const pli_outcome *o, pli_error *err) {
    PLI_AUTO(pli__json_unref) json_t *result = json_object();
    if (!result) return pli__error_memory(err);
    PLI_TRY(set_text(result, "metadata", o->metadata, false, err));
    PLI_TRY(set_text(result, "sinks", o->sinks, true, err));
    PLI_TRY(set_text(result, "schema", o->schema, true, err));
    if (o->rows >= 0 && json_object_set_new(result, "rows", json_integer(o->rows)) < 0) return pli__error_memory(err);
    PLI_TRY(pli__run_make_staged(run, result, err));
    run->batch.rows = o->rows >= 0 ? o->rows : -1;
    run->batch.reported = true;
    return PLI_OK;
}

pli_status pli_run_report(pli_run *run, const pli_outcome *outcome, pli_error *err) {
    if (!outcome || outcome->size < sizeof *outcome)
        return pli__error_set(err, PLI_E_ARGUMENT, "pli_outcome.size is not set");
    if (run->state != PLI__RUN_CALLED || run->batch.reported || run->failure.code != PLI_OK)
        return pli__error_set(err, PLI_E_STATE, "there is no batch at hand whose outcome could be reported");
    if (!outcome->failed) return accept_success(run, outcome, err);
    run->failure = outcome->error;
    if (run->failure.code == PLI_OK)
        pli__error_set(&run->failure, PLI_E_STATE, "the caller gave batch %lld up", (long long)run->batch.id);
    return PLI_OK;
}

pli_state *pli_run_state(pli_run *run) {
    return run->state == PLI__RUN_CALLED && !run->batch.reported ? run->batch.state : NULL;
}

const char *pli_run_app_id(const pli_run *run) { return run->batch.id >= 0 ? run->app_id : ""; }
const char *pli_run_attempt(const pli_run *run) { return run->batch.attempt; }
const char *pli_run_offset_sha256(const pli_run *run) { return run->batch.offset_sha256; }

void pli_run_progress(pli_run *run, pli_progress *out) {
    size_t size = out->size;
    *out = (pli_progress){.size = size,
                          .batch_id = atomic_load(&run->progress.batch_id),
                          .batches = atomic_load(&run->progress.batches),
                          .files = atomic_load(&run->progress.files),
                          .bytes = atomic_load(&run->progress.bytes),
                          .rows = -1,
                          .fraction = -1,
                          .rows_per_second = -1,
                          .total_rows = atomic_load(&run->progress.total_rows)};
    if (out->batch_id < 0) return;
    out->elapsed_us = pli__monotonic_us() - atomic_load(&run->progress.started_us);
    pli__engine *engine = atomic_load(&run->progress.engine);
    if (!engine) return;
    uint64_t done = 0, total = 0;
    double percent = pli__engine_progress(engine, &done, &total);
    if (percent >= 0) out->fraction = percent / 100;
    if (done > 0) out->rows = (int64_t)done;
    if (done > 0 && out->elapsed_us > 0) out->rows_per_second = (double)done * 1e6 / (double)out->elapsed_us;
}

/* The steps of one batch, in order: plan, execute, stage, publish, commit, tidy. The state machine is in run_impl.h. */
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/json.h"
#include "run/bad_files.h"
#include "run/run_impl.h"

static void drop_json(json_t **v) { json_decref(PLI_TAKE(*v)); }

void pli__run_forget(pli_run *run) {
    pli__batch *b = &run->batch;
    if (b->prepared) pli__sink_free_prepared(run->job->sink, b->prepared);
    pli_state_close(b->state);
    drop_json(&b->offset);
    drop_json(&b->read_offset);
    drop_json(&b->sink_result);
    drop_json(&b->staged);
    drop_json(&b->commit);
    free(b->offset_text);
    free(b->result_text);
    *b = (pli__batch){.id = -1, .rows = -1};
    atomic_store(&run->progress.batch_id, -1);
    atomic_store(&run->progress.files, 0);
    atomic_store(&run->progress.bytes, 0);
}

/* Failures of a sink's commit that say for certain that nothing became visible. After any other (LOCKED and SINK_AHEAD too: what
 * is there may be ours, its answer lost) files that the log may refer to stay; vacuum knows. */
static bool is_certain(pli_status failure) {
    switch (failure) {
        case PLI_E_DISK_FULL:
        case PLI_E_CONFLICT:
        case PLI_E_SCHEMA:
        case PLI_E_CONSTRAINT:
        case PLI_E_FILE_CHANGED: return true;
        default: return false;
    }
}

void pli__run_abandon(pli_run *run, pli_status failure) {
    pli__batch *b = &run->batch;
    if (b->prepared && (!b->sink_tried || is_certain(failure))) pli__sink_abort(run->job->sink, PLI_TAKE(b->prepared));
    /* Values of JobState without a staged record cannot be named by any commit. The record itself stays until the batch is
     * committed: see run_impl.h. */
    if (b->state && (run->state == PLI__RUN_CALLED || run->state == PLI__RUN_PLANNED))
        (void)pli__checkpoint_drop_staged(run->cp, b->id, b->attempt, NULL);
    pli__run_forget(run);
}

static pli__batch_ref batch_ref(const pli_run *run) {
    const pli__batch *b = &run->batch;
    return (pli__batch_ref){.app_id = run->app_id,
                            .batch_id = b->id,
                            .attempt = b->attempt,
                            .offset_sha256 = b->offset_sha256,
                            .job = run->job->config->name,
                            .n_files = b->files};
}

static pli_status json_text(const json_t *value, char **out, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf text = {0};
    PLI_TRY(pli__json_write(value, &text, err));
    free(*out);
    *out = pli__buf_take(&text);
    return *out ? PLI_OK : pli__error_memory(err);
}

/* ---- plan ---- */

/* New inputs become the next batch; another runner's plan for the same number wins over ours. */
static pli_status plan_new(pli_run *run, bool *planned, pli_error *err) {
    pli__batch *b = &run->batch;
    PLI_AUTO(pli__json_unref) json_t *body = NULL;
    PLI_TRY_IN(pli__source_plan(run->job->source, run->cp, &body, err), err, "while planning");
    if (!body) return PLI_OK;
    int64_t cleaned = pli__checkpoint_cleaned_through(run->cp), last = pli__checkpoint_last_offset(run->cp);
    int64_t n = (last < 0 ? cleaned : last) + 1;
    bool won = false;
    PLI_TRY(pli__checkpoint_write_offset(run->cp, n, body, &won, &b->offset, b->offset_sha256, err));
    if (!won)
        pli__env_log(run->job->env, PLI_LOG_WARNING,
                     "batch %lld was planned by another run at the same time; its plan is used", (long long)n);
    b->id = n;
    b->repeat = !won;
    *planned = true;
    return PLI_OK;
}

static void start_progress(pli_run *run) {
    pli__batch *b = &run->batch;
    b->started_us = pli__monotonic_us();
    atomic_store(&run->progress.files, b->files);
    atomic_store(&run->progress.bytes, b->bytes);
    atomic_store(&run->progress.started_us, b->started_us);
    atomic_store(&run->progress.batch_id, b->id);
}

pli_status pli__run_plan(pli_run *run, bool *planned, pli_error *err) {
    pli__batch *b = &run->batch;
    *planned = b->offset != NULL; /* recovery has read the pending one */
    if (*planned) b->repeat = true;
    else {
        PLI_TRY(pli__checkpoint_pending(run->cp, &b->id, err));
        if (b->id >= 0) {
            PLI_TRY(pli__checkpoint_read_offset(run->cp, b->id, &b->offset, b->offset_sha256, err));
            *planned = b->repeat = true;
        } else PLI_TRY(plan_new(run, planned, err));
    }
    if (!*planned) return PLI_OK;
    pli__offset_size(b->offset, &b->files, &b->bytes);
    b->rows = -1;
    pli__uuid_new(b->attempt);
    PLI_TRY(json_text(b->offset, &b->offset_text, err));
    start_progress(run);
    return pli__run_move(run, PLI__RUN_PLANNED, err);
}

/* ---- execute ---- */

static int64_t staged_rows(const json_t *staged) {
    const json_t *rows = json_object_get(staged, "rows");
    return json_is_integer(rows) ? json_integer_value(rows) : -1;
}

/* LOCKED if another runner has committed the batch meanwhile. */
static pli_status check_finished_elsewhere(pli_run *run, pli_error *err) {
    PLI_TRY(pli__checkpoint_refresh(run->cp, err));
    if (!pli__checkpoint_has_commit(run->cp, run->batch.id)) return PLI_OK;
    return pli__error_set(err, PLI_E_LOCKED, "another run finished batch %lld of '%s' meanwhile",
                          (long long)run->batch.id, pli__checkpoint_dir(run->cp));
}

/* The sink shows the batch by some attempt: take exactly that attempt's staged record. */
static pli_status adopt_attempt(pli_run *run, const char *attempt, pli_error *err) {
    pli__batch *b = &run->batch;
    PLI_AUTO(pli__json_unref) json_t *staged = NULL;
    pli_status status = pli__checkpoint_read_staged(run->cp, b->id, attempt, &staged, err);
    if (status == PLI_E_NOT_FOUND) {
        PLI_TRY(check_finished_elsewhere(run, err));
        pli__error_set(err, PLI_E_SINK_AHEAD,
                       "the sink holds batch %lld by attempt %s, of which this checkpoint has no result",
                       (long long)b->id, attempt);
        pli__error_hint(
            err, "is this a copied checkpoint? `pli checkpoint accept %s --yes` takes the batch as the sink has it",
            pli__checkpoint_dir(run->cp));
        return PLI_E_SINK_AHEAD;
    }
    PLI_TRY(status);
    json_decref(b->staged);
    b->staged = PLI_TAKE(staged);
    b->rows = staged_rows(b->staged);
    snprintf(b->attempt, sizeof b->attempt, "%s", attempt);
    return PLI_OK;
}

static pli_status take_repeat(pli_run *run, pli_error *err) {
    PLI_TRY(adopt_attempt(run, run->batch.sink_attempt, err));
    return pli__run_move(run, PLI__RUN_PUBLISHED, err);
}

static pli_status execute_job(pli_run *run, pli_error *err) {
    pli__batch *b = &run->batch;
    PLI_AUTO(pli__json_unref) json_t *result = json_object();
    if (!result) return pli__error_memory(err);
    pli__work work = {run->job, run->cp, batch_ref(run), b->offset, &b->read_offset};
    pli__engine *engine = NULL;
    if (run->job->execute == pli__execute_sql) PLI_TRY(pli__env_engine(run->job->env, &engine, err));
    atomic_store(&run->progress.engine, engine);
    pli_status status = run->job->execute(run->job->execute_self, &work, &b->prepared, result, err);
    atomic_store(&run->progress.engine, NULL);
    PLI_TRY_IN(status, err, "in batch %lld", (long long)b->id);
    PLI_TRY(pli__run_make_staged(run, result, err));
    b->rows = staged_rows(b->staged);
    return pli__run_move(run, PLI__RUN_PREPARED, err);
}

pli_status pli__run_execute(pli_run *run, pli_error *err) {
    pli__batch *b = &run->batch;
    if (*b->sink_attempt) return take_repeat(run, err);
    if (b->files == 0) { /* only the position moves */
        PLI_AUTO(pli__json_unref) json_t *empty = json_object();
        if (!empty) return pli__error_memory(err);
        PLI_TRY(pli__run_make_staged(run, empty, err));
        b->rows = 0;
        return pli__run_commit(run, err);
    }
    if (run->job->sink) return execute_job(run, err);
    PLI_TRY(pli__state_begin(run->cp, b->id, b->attempt, &b->state, err));
    return pli__run_move(run, PLI__RUN_CALLED, err);
}

/* ---- stage, publish ---- */

pli_status pli__run_stage(pli_run *run, pli_error *err) {
    pli__batch *b = &run->batch;
    PLI_TRY_IN(pli__checkpoint_write_staged(run->cp, b->id, b->attempt, b->staged, err), err,
               "while staging the result of batch %lld", (long long)b->id);
    PLI_TRY(json_text(b->staged, &b->result_text, err));
    return pli__run_move(run, PLI__RUN_STAGED, err);
}

/* The sink says that the batch is there already. By our own attempt (an answer was lost) that is our success; by another
 * one it is a second runner's, whose staged result is then the batch's. */
static pli_status look_at_repeat(pli_run *run, pli_error *err) {
    pli__batch *b = &run->batch;
    pli__sink_state sink = {.commit_version = -1};
    PLI_TRY(pli__sink_state_of(run->job->sink, run->app_id, -1, &sink, err));
    if (!sink.has_txn || sink.txn_version != b->id)
        PLI_TRY(check_finished_elsewhere(run, err)); /* and later ones, perhaps */
    if (!sink.has_txn || sink.txn_version != b->id)
        return pli__error_set(err, PLI_E_SINK_AHEAD, "the sink shows batch %lld where batch %lld was written",
                              (long long)sink.txn_version, (long long)b->id);
    if (json_object_set_new(b->sink_result, "version", json_integer(sink.commit_version)) < 0)
        return pli__error_memory(err);
    if (strcmp(sink.attempt, b->attempt) == 0) return PLI_OK;
    PLI_TRY(adopt_attempt(run, sink.attempt, err));
    pli__sink_abort(run->job->sink, PLI_TAKE(b->prepared));
    json_object_del(b->sink_result, "addedFiles"); /* theirs are in their record */
    json_object_del(b->sink_result, "rows");
    return PLI_OK;
}

/* A sink that refuses because it is ahead: has another runner finished this batch, and perhaps later ones, meanwhile? */
static pli_status commit_to_sink(pli_run *run, pli_error *err) {
    pli__batch *b = &run->batch;
    pli__batch_ref ref = batch_ref(run);
    pli_error why = {0};
    b->sink_tried = true;
    pli_status status = pli__sink_commit(run->job->sink, &ref, b->prepared, &b->sink_result, &why);
    if (status == PLI_E_SINK_AHEAD) PLI_TRY(check_finished_elsewhere(run, err));
    if (status != PLI_OK && err) *err = why;
    return status;
}

pli_status pli__run_publish(pli_run *run, pli_error *err) {
    pli__batch *b = &run->batch;
    if (!b->prepared) return pli__run_move(run, PLI__RUN_PUBLISHED, err); /* callback jobs; nothing to write */
    const json_t *read = b->read_offset ? b->read_offset : b->offset;
    PLI_TRY_IN(pli__source_recheck(run->job->source, read, err), err, "in batch %lld", (long long)b->id);
    PLI_TRY_IN(commit_to_sink(run, err), err, "while committing batch %lld to the sink", (long long)b->id);
    if (json_is_true(json_object_get(b->sink_result, "repeat"))) PLI_TRY(look_at_repeat(run, err));
    if (b->prepared) pli__sink_free_prepared(run->job->sink, PLI_TAKE(b->prepared)); /* visible: never to be aborted */
    return pli__run_move(run, PLI__RUN_PUBLISHED, err);
}

/* ---- commit ---- */

/* Another runner's record is there: fine if it publishes the same attempt, otherwise that run has taken over. */
static pli_status compare_winner(pli_run *run, pli_error *err) {
    pli__batch *b = &run->batch;
    PLI_AUTO(pli__json_unref) json_t *winner = NULL;
    PLI_TRY(pli__checkpoint_read_commit(run->cp, b->id, &winner, err));
    const char *theirs = json_string_value(json_object_get(winner, "attempt"));
    if (theirs && strcmp(theirs, b->attempt) == 0) return PLI_OK;
    return pli__error_set(err, PLI_E_LOCKED, "another run finished batch %lld of '%s' meanwhile", (long long)b->id,
                          pli__checkpoint_dir(run->cp));
}

static pli_status remember_write(pli_run *run, pli_error *err) {
    json_t *sinks = json_object_get(run->batch.commit, "sinks");
    if (json_array_size(sinks) == 0) return PLI_OK;
    json_t *last = json_pack("{s:I, s:O}", "batch_id", (json_int_t)run->batch.id, "sinks", sinks);
    if (!last) return pli__error_memory(err);
    json_decref(run->last_write);
    run->last_write = last;
    return PLI_OK;
}

pli_status pli__run_commit(pli_run *run, pli_error *err) {
    pli__batch *b = &run->batch;
    json_decref(PLI_TAKE(b->commit));
    PLI_TRY(pli__run_make_commit(run, b->staged, b->sink_result, &b->commit, err));
    bool won = false;
    PLI_TRY(pli__checkpoint_write_commit(run->cp, b->id, b->commit, &won, err));
    if (!won) PLI_TRY(compare_winner(run, err));
    PLI_TRY(json_text(b->commit, &b->result_text, err));
    PLI_TRY(remember_write(run, err));
    if (b->files > 0) run->batches++;
    run->failures = 0;
    atomic_store(&run->progress.batches, run->batches);
    if (b->rows > 0) atomic_fetch_add(&run->progress.total_rows, b->rows);
    return pli__run_move(run, PLI__RUN_COMMITTED, err);
}

/* ---- tidy ---- */

static void warn(pli_run *run, int64_t n, const char *what, pli_status status, const pli_error *why) {
    if (status == PLI_OK) return;
    pli__env_log(run->job->env, PLI_LOG_WARNING, "batch %lld is committed, but %s failed and will be tried again: %s",
                 (long long)n, what, why->message);
}

/* metadata.json's copies: the schema with the batch that it belongs to, and the sink that this checkpoint writes to. */
static pli_status update_copies(pli_run *run, int64_t n, const json_t *commit, pli_error *err) {
    const json_t *m = pli__checkpoint_metadata(run->cp);
    PLI_AUTO(pli__json_unref) json_t *set = json_object();
    if (!set) return pli__error_memory(err);
    json_t *schema = json_object_get(commit, "schema");
    if (schema && !json_equal(schema, json_object_get(m, "schema")) &&
        (json_object_set(set, "schema", schema) < 0 ||
         json_object_set_new(set, "schema_batch_id", json_integer(n)) < 0))
        return pli__error_memory(err);
    const json_t *sink = json_array_get(json_object_get(commit, "sinks"), 0);
    json_t *pin = sink ? json_pack("{s:O?, s:O?}", "path", json_object_get(sink, "path"), "tableId",
                                   json_object_get(sink, "tableId"))
                       : NULL;
    PLI_AUTO(pli__json_unref) json_t *owned = pin;
    if (pin && !json_equal(pin, json_object_get(m, "sink")) && json_object_set(set, "sink", pin) < 0)
        return pli__error_memory(err);
    return json_object_size(set) ? pli__checkpoint_update_metadata(run->cp, set, err) : PLI_OK;
}

bool pli__run_tidy_batch(pli_run *run, int64_t n, const json_t *offset, const json_t *commit) {
    pli_error why = {0};
    pli_status state = pli__state_promote(run->cp, commit, &why);
    warn(run, n, "making its state current", state, &why);
    warn(run, n, "updating metadata.json", update_copies(run, n, commit, &why), &why);
    warn(run, n, "moving bad files away", pli__bad_files_quarantine(run->job, commit, &why), &why);
    warn(run, n, "updating the source", pli__source_committed(run->job->source, run->cp, n, offset, &why), &why);
    if (state == PLI_OK)
        warn(run, n, "clearing the staged results", pli__checkpoint_clear_staged(run->cp, n, NULL, &why), &why);
    pli__run_forget_error(run);
    return state == PLI_OK;
}

bool pli__run_tidy(pli_run *run) {
    return pli__run_tidy_batch(run, run->batch.id, run->batch.offset, run->batch.commit);
}

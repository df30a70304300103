/*
 * The loop: which step comes next, when a run waits, retries and ends. The steps themselves are in run_batch.c and
 * run_recover.c, the states in run_impl.h.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "run/run_impl.h"

#define SECOND INT64_C(1000000)
#define BACKOFF_FIRST SECOND
#define BACKOFF_MOST (300 * SECOND)
#define WATCH_SETTLE 50000
#define CONFLICTS                                                                                                      \
    20 /* another writer was faster: the batch is computed anew on what is there now, whatever on_error says */
#define CONFLICT_WAIT 20000

/* ---- states ---- */

#define STATE_BIT(s) (1u << (s))
/* To DONE from everywhere; to OPENED whenever an attempt is dropped. */
static const unsigned edges[PLI__RUN_STATES] = {
    [PLI__RUN_OPENED] = STATE_BIT(PLI__RUN_READY) | STATE_BIT(PLI__RUN_WAITING) | STATE_BIT(PLI__RUN_OPENED),
    [PLI__RUN_READY] = STATE_BIT(PLI__RUN_PLANNED) | STATE_BIT(PLI__RUN_WAITING) | STATE_BIT(PLI__RUN_OPENED),
    [PLI__RUN_PLANNED] = STATE_BIT(PLI__RUN_PREPARED) | STATE_BIT(PLI__RUN_CALLED) | STATE_BIT(PLI__RUN_PUBLISHED) |
                         STATE_BIT(PLI__RUN_COMMITTED) | STATE_BIT(PLI__RUN_OPENED),
    [PLI__RUN_CALLED] = STATE_BIT(PLI__RUN_PREPARED) | STATE_BIT(PLI__RUN_OPENED),
    [PLI__RUN_PREPARED] = STATE_BIT(PLI__RUN_STAGED) | STATE_BIT(PLI__RUN_OPENED),
    [PLI__RUN_STAGED] = STATE_BIT(PLI__RUN_PUBLISHED) | STATE_BIT(PLI__RUN_OPENED),
    [PLI__RUN_PUBLISHED] = STATE_BIT(PLI__RUN_COMMITTED) | STATE_BIT(PLI__RUN_OPENED),
    [PLI__RUN_COMMITTED] = STATE_BIT(PLI__RUN_READY) | STATE_BIT(PLI__RUN_OPENED),
    [PLI__RUN_WAITING] = STATE_BIT(PLI__RUN_OPENED) | STATE_BIT(PLI__RUN_READY),
    [PLI__RUN_DONE] = 0,
};

bool pli__run_transition_is_valid(pli__run_state from, pli__run_state to) {
    if (from >= PLI__RUN_STATES || to >= PLI__RUN_STATES) return false;
    return to == PLI__RUN_DONE || (edges[from] & STATE_BIT(to)) != 0;
}

const char *pli__run_state_name(pli__run_state state) {
    static const char *const names[PLI__RUN_STATES] = {"opened", "ready",     "planned",   "called",  "prepared",
                                                       "staged", "published", "committed", "waiting", "done"};
    return state < PLI__RUN_STATES ? names[state] : "unknown";
}

pli_status pli__run_move(pli_run *run, pli__run_state to, pli_error *err) {
    if (!pli__run_transition_is_valid(run->state, to))
        return pli__error_set(err, PLI_E_INTERNAL, "a run cannot go from '%s' to '%s'", pli__run_state_name(run->state),
                              pli__run_state_name(to));
    run->state = to;
    return PLI_OK;
}

/* ---- life ---- */

static void run_auto(pli_run **run) { pli_run_free(*run); }

static pli_status check_options(const pli_run_options *o, pli_error *err) {
    if (o->size < sizeof *o) return pli__error_set(err, PLI_E_ARGUMENT, "pli_run_options.size is not set");
    if (o->trigger == PLI_TRIGGER_INTERVAL && o->interval_us <= 0)
        return pli__error_set(err, PLI_E_ARGUMENT, "an interval must be longer than 0");
    if (o->max_batches < 0 || o->until_idle < 0 || o->poll_us < 0 || o->pause_us < 0)
        return pli__error_set(err, PLI_E_ARGUMENT, "limits and times of a run must not be negative");
    return PLI_OK;
}

static pli_on_error on_error_of(const pli_run *run) {
    const char *word = run->job->config->on_error;
    if (run->options.on_error != PLI_ON_ERROR_DEFAULT) return run->options.on_error;
    bool forever = run->options.trigger == PLI_TRIGGER_INTERVAL || run->options.trigger == PLI_TRIGGER_CONTINUOUS;
    if (!forever || (word && strcmp(word, "stop") == 0)) return PLI_ON_ERROR_STOP;
    return PLI_ON_ERROR_RETRY;
}

static pli_status open_checkpoint(pli_run *run, pli_error *err) {
    const pli_run_options *o = &run->options;
    int64_t timeout = o->lock_timeout_us ? o->lock_timeout_us : run->job->config->lock_timeout;
    PLI_TRY(pli__job_checkpoint(run->job, true, !o->no_lock, timeout, &run->cp, err));
    pli__file_info info;
    PLI_TRY(pli__store_stat(pli__checkpoint_store(run->cp), "last_error.json", &info, err));
    run->had_error = info.kind != PLI__FILE_NONE;
    return PLI_OK;
}

pli_status pli_run_new(pli_job *job, const pli_run_options *options, pli_run **out, pli_error *err) {
    static const pli_run_options defaults = {.size = sizeof(pli_run_options)};
    *out = NULL;
    PLI_TRY(check_options(options ? options : &defaults, err));
    PLI_AUTO(run_auto) pli_run *run = calloc(1, sizeof *run);
    if (!run) return pli__error_memory(err);
    run->job = job;
    run->options = options ? *options : defaults;
    run->first_beat_us = pli__monotonic_us();
    pli__run_forget(run);
    PLI_TRY(open_checkpoint(run, err));
    PLI_TRY(pli__source_bound(job->source, run->cp, false, err));
    *out = PLI_TAKE(run);
    return PLI_OK;
}

void pli_run_free(pli_run *run) {
    if (!run) return;
    pli__run_abandon(run, PLI_E_CANCELLED);
    if (run->bounded) (void)pli__source_bound(run->job->source, run->cp, false, NULL);
    pli__watch_close(run->watch);
    json_decref(run->last_write);
    pli__checkpoint_close(run->cp);
    free(run);
}

int64_t pli_run_batches(const pli_run *run) { return run->batches; }

/* ---- what the caller sees ---- */

static int64_t count_or_unknown(const json_t *record, const char *key) {
    const json_t *n = json_object_get(record, key);
    return json_is_integer(n) ? json_integer_value(n) : -1;
}

static void fill_step(const pli_run *run, pli_step_kind kind, pli_step *step) {
    const pli__batch *b = &run->batch;
    size_t size = step->size;
    *step = (pli_step){.size = size,
                       .kind = kind,
                       .batch_id = b->id,
                       .offset = b->offset_text,
                       .result = b->result_text,
                       .files = b->files,
                       .bytes = b->bytes,
                       .rows = b->rows,
                       .version = count_or_unknown(b->sink_result, "version"),
                       .repeat = b->repeat,
                       .attempt = run->failures,
                       .rescued_rows = count_or_unknown(b->commit, "rescued_rows"),
                       .corrupt_rows = count_or_unknown(b->commit, "corrupt_rows")};
    if (kind == PLI_STEP_IDLE || kind == PLI_STEP_PAUSE || kind == PLI_STEP_RETRY) {
        int64_t left = run->wait_until_us - pli__monotonic_us();
        step->wait_us = left > 0 ? left : 0;
    }
}

/* ---- ends and waits ---- */

static pli_status finish(pli_run *run, pli_step *step, pli_error *err) {
    pli__run_abandon(run, PLI_E_CANCELLED);
    PLI_TRY(pli__run_move(run, PLI__RUN_DONE, err));
    fill_step(run, PLI_STEP_DONE, step);
    return PLI_OK;
}

static pli_status wait_until(pli_run *run, int64_t until_us, pli_step_kind kind, pli_step *step, pli_error *err) {
    run->wait_until_us = until_us;
    PLI_TRY(pli__run_move(run, PLI__RUN_WAITING, err));
    fill_step(run, kind, step);
    return PLI_OK;
}

/* The next beat that is still to come: no drift, and beats that were missed are left out. */
static int64_t next_beat(const pli_run *run) {
    int64_t passed = (pli__monotonic_us() - run->first_beat_us) / run->options.interval_us;
    return run->first_beat_us + (passed + 1) * run->options.interval_us;
}

/* How long to wait for inputs that were there at the start and are too young to be read; 0 = not at all. */
static int64_t settling_us(const pli_run *run) {
    const int64_t ready = pli__source_ready_at(run->job->source), now = pli__env_now_us(run->job->env);
    return ready > now ? ready - now : 0;
}

static pli_status on_idle(pli_run *run, pli_step *step, pli_error *err) {
    const pli_run_options *o = &run->options;
    const int64_t settling = settling_us(run);
    if (settling > 0) return wait_until(run, pli__monotonic_us() + settling, PLI_STEP_IDLE, step, err);
    run->idle_polls++;
    run->pause_due = false;
    bool forever = o->trigger == PLI_TRIGGER_INTERVAL || o->trigger == PLI_TRIGGER_CONTINUOUS;
    if (!forever || (o->until_idle > 0 && run->idle_polls >= o->until_idle)) return finish(run, step, err);
    int64_t until = o->trigger == PLI_TRIGGER_INTERVAL ? next_beat(run)
                                                       : pli__monotonic_us() + (o->poll_us ? o->poll_us : SECOND);
    return wait_until(run, until, PLI_STEP_IDLE, step, err);
}

static bool is_enough(const pli_run *run) {
    if (run->options.trigger == PLI_TRIGGER_ONCE) return run->batches > 0;
    return run->options.max_batches > 0 && run->batches >= run->options.max_batches;
}

/* ---- failures ---- */

static int64_t backoff(int64_t failures) {
    int64_t wait = BACKOFF_FIRST;
    for (int64_t i = 1; i < failures && wait < BACKOFF_MOST; i++) wait *= 2;
    return wait < BACKOFF_MOST ? wait : BACKOFF_MOST;
}

/* Drop the attempt; the batch stays as it is on disk. @return what the caller of next gets */
static pli_status on_failure(pli_run *run, pli_status status, const pli_error *why, pli_step *step, pli_error *err) {
    pli__run_note_error(run, why);
    int64_t batch = run->batch.id;
    bool retriable = (why->flags & PLI_ERR_RETRIABLE) != 0 && status != PLI_E_CANCELLED;
    pli__run_abandon(run, status);
    run->failures++;
    PLI_TRY(pli__run_move(run, retriable ? PLI__RUN_OPENED : PLI__RUN_DONE, err));
    int64_t most = run->options.max_retries ? run->options.max_retries : run->job->config->max_retries;
    const bool conflict = status == PLI_E_CONFLICT && run->failures <= CONFLICTS;
    if (!retriable || (!conflict && (on_error_of(run) != PLI_ON_ERROR_RETRY || (most >= 0 && run->failures > most)))) {
        if (err) *err = *why;
        return status;
    }
    pli_error kept = *why;
    const int64_t wait = conflict ? CONFLICT_WAIT * run->failures : backoff(run->failures);
    PLI_TRY(wait_until(run, pli__monotonic_us() + wait, PLI_STEP_RETRY, step, err));
    step->batch_id = batch;
    step->error = kept;
    return PLI_OK;
}

/* ---- the loop ---- */

static bool has_batch(const pli_run *run) {
    return run->state != PLI__RUN_OPENED && run->state != PLI__RUN_READY && run->state != PLI__RUN_WAITING;
}

static pli_status from_ready(pli_run *run, pli_step *step, pli_error *err) {
    if (is_enough(run)) return finish(run, step, err);
    if (run->pause_due && run->options.pause_us > 0) {
        run->pause_due = false;
        return wait_until(run, pli__monotonic_us() + run->options.pause_us, PLI_STEP_PAUSE, step, err);
    }
    if (run->options.trigger == PLI_TRIGGER_AVAILABLE_NOW && !run->bounded) {
        PLI_TRY(pli__source_bound(run->job->source, run->cp, true, err));
        run->bounded = true;
    }
    bool planned = false;
    PLI_TRY(pli__run_plan(run, &planned, err));
    if (!planned) return on_idle(run, step, err);
    run->idle_polls = 0;
    fill_step(run, PLI_STEP_PLANNED, step);
    return PLI_OK;
}

static pli_status from_planned(pli_run *run, pli_step *step, pli_error *err) {
    PLI_TRY(pli__run_execute(run, err));
    switch (run->state) {
        case PLI__RUN_CALLED: fill_step(run, PLI_STEP_EXECUTE, step); break;
        case PLI__RUN_PUBLISHED: fill_step(run, PLI_STEP_PUBLISHED, step); break;
        case PLI__RUN_COMMITTED: fill_step(run, PLI_STEP_COMMITTED, step); break;
        default: fill_step(run, PLI_STEP_PREPARED, step); break;
    }
    return PLI_OK;
}

static pli_status from_called(pli_run *run, pli_step *step, pli_error *err) {
    if (run->failure.code != PLI_OK) {
        if (err) *err = run->failure;
        pli_status status = run->failure.code;
        run->failure = (pli_error){0};
        return status;
    }
    if (!run->batch.reported)
        return pli__error_set(err, PLI_E_STATE, "the outcome of batch %lld was not reported", (long long)run->batch.id);
    PLI_TRY(pli__run_move(run, PLI__RUN_PREPARED, err));
    fill_step(run, PLI_STEP_PREPARED, step);
    return PLI_OK;
}

static pli_status from_committed(pli_run *run, pli_step *step, pli_error *err) {
    bool current = pli__run_tidy(run);
    fill_step(run, PLI_STEP_TIDIED, step);
    run->pause_due = run->batch.files > 0;
    return pli__run_move(run, current ? PLI__RUN_READY : PLI__RUN_OPENED, err);
}

static pli_status do_step(pli_run *run, pli_step *step, pli_error *err) {
    PLI_TRY(pli__env_check_cancel(run->job->env, err));
    if (run->state == PLI__RUN_WAITING) PLI_TRY(pli__run_move(run, PLI__RUN_OPENED, err));
    if (run->state == PLI__RUN_OPENED) PLI_TRY(pli__run_recover(run, err));
    switch (run->state) {
        case PLI__RUN_READY: return from_ready(run, step, err);
        case PLI__RUN_PLANNED: return from_planned(run, step, err);
        case PLI__RUN_CALLED: return from_called(run, step, err);
        case PLI__RUN_PREPARED:
            PLI_TRY(pli__run_stage(run, err));
            fill_step(run, PLI_STEP_STAGED, step);
            return PLI_OK;
        case PLI__RUN_STAGED:
            PLI_TRY(pli__run_publish(run, err));
            fill_step(run, PLI_STEP_PUBLISHED, step);
            return PLI_OK;
        case PLI__RUN_PUBLISHED:
            PLI_TRY(pli__run_commit(run, err));
            fill_step(run, PLI_STEP_COMMITTED, step);
            return PLI_OK;
        case PLI__RUN_COMMITTED: return from_committed(run, step, err);
        default: fill_step(run, PLI_STEP_DONE, step); return PLI_OK;
    }
}

pli_status pli_run_next(pli_run *run, pli_step *step, pli_error *err) {
    if (!step || step->size < sizeof *step) return pli__error_set(err, PLI_E_ARGUMENT, "pli_step.size is not set");
    if (run->state == PLI__RUN_READY && run->batch.commit)
        pli__run_forget(run); /* the last step's texts were borrowed until now */
    if (run->state == PLI__RUN_CALLED && !run->batch.reported && run->failure.code == PLI_OK)
        return pli__error_set(err, PLI_E_STATE, "batch %lld is the caller's turn: report its outcome first",
                              (long long)run->batch.id);
    pli_error why = {0};
    pli__env_finish_batch(run->job->env, has_batch(run));
    pli_status status = do_step(run, step, &why);
    pli__env_finish_batch(run->job->env, false);
    if (status == PLI_OK) return PLI_OK;
    why.code = status;
    return on_failure(run, status, &why, step, err);
}

/* ---- waiting ---- */

static pli_status poll_cancel(void *env, pli_error *err) { return pli__env_check_cancel(env, err); }

static pli_status open_watch(pli_run *run, pli_error *err) {
    const char *folder = pli__source_watch_path(run->job->source);
    if (run->watch || !folder || run->options.trigger != PLI_TRIGGER_CONTINUOUS) return PLI_OK;
    return pli__watch_open(&folder, 1, &run->watch, err);
}

pli_status pli_run_wait(pli_run *run, int64_t max_us, bool *over, pli_error *err) {
    bool changed = false;
    int64_t left = run->wait_until_us - pli__monotonic_us();
    if (run->state != PLI__RUN_WAITING) left = 0;
    if (left > 0) {
        PLI_TRY(open_watch(run, err));
        int64_t slice = max_us < left ? max_us : left;
        if (run->watch && run->failures == 0)
            PLI_TRY(pli__watch_wait(run->watch, slice, WATCH_SETTLE, poll_cancel, run->job->env, &changed, err));
        else PLI_TRY(pli__sleep(slice, poll_cancel, run->job->env, err));
    }
    if (changed) run->wait_until_us = pli__monotonic_us();
    if (over) *over = run->wait_until_us <= pli__monotonic_us();
    return PLI_OK;
}

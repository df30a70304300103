/*
 * Jobs: one source, one checkpoint, an optional transform, one sink, and the loop that runs their batches.
 *
 *   pli_job_open(env, spec, NULL, &job, err)
 *   pli_job_plan / _status / _batches / _files / _validate      look, change nothing, take no lock
 *   pli_run_new(job, &options, &run, err)                       takes the checkpoint's lock
 *   while (pli_run_next(run, &step, err) == PLI_OK && step.kind != PLI_STEP_DONE)
 *       if (step.kind is _EXECUTE) ... read, transform, write; pli_run_report(...)        callback jobs only
 *       if (step.wait_us > 0) pli_run_wait(run, step.wait_us, NULL, err)
 *   pli_run_free(run); pli_job_close(job)
 *
 * A run is pulled: each pli_run_next does one step of the commit protocol (docs/exactly-once.md) and says what was
 * done, so the caller owns the thread, the signals and the exceptions. Whatever happens between two steps, a kill
 * included, the next run goes on from what is durable: no input is lost and none is written twice.
 *
 * One job is used by one thread at a time; only pli_run_progress and pli_env_cancel may be called from others.
 */
#ifndef PLI_JOB_H
#define PLI_JOB_H

#include "pli/config.h"
#include "pli/env.h"
#include "pli/state.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pli_job pli_job;
typedef struct pli_run pli_run;

/** Zero-initialise and set `size`. */
typedef struct pli_job_options {
    size_t size;
    /** Reader, transform and writer are the caller's: the job has no SQL and no sink of ours; runs hand out PLI_STEP_EXECUTE. */
    bool callbacks;
} pli_job_options;

/** Make a job of a spec (checked if it is not yet). Opens neither engine nor table, creates nothing.
 *  @param env borrowed, must outlive the job @param spec borrowed, must outlive the job @param options NULL = defaults
 *  @param out free with pli_job_close. INVALID_CONFIG */
PLI_API pli_status pli_job_open(pli_env *env, pli_job_spec *spec, const pli_job_options *options, pli_job **out,
                                pli_error *err);
PLI_API void pli_job_close(pli_job *job); /**< NULL is allowed; its runs must be freed before */
PLI_API const char *pli_job_name(const pli_job *job);

/* ---- looking: nothing is changed, no lock is taken; each row is one JSON object ---- */

/** What the next run would read, as one row:
 *  {"job", "batchId", "pending", "numFiles", "bytes", "files": [{"path","size"}], "version" (Delta sources), "schemaChanges":
 *   [{"column","decision","reason", …}], "filesWaiting", "bytesWaiting" …}; batchId is null when there is nothing to do.
 *  @param with_schema also look into the files and plan the schema (starts the engine) */
PLI_API pli_status pli_job_plan(pli_job *job, bool with_schema, pli_row_fn *fn, void *arg, pli_error *err);
/** One row: {"job", "checkpoint", "id", "batches", "lastBatch": {…}, "pendingBatch": {…}, "backlog": {…}, "rowsPerSecond",
 *  "lastError": {"code","message","at","batchId"}}; absent things are null. Takes milliseconds: no engine. */
PLI_API pli_status pli_job_status(pli_job *job, pli_row_fn *fn, void *arg, pli_error *err);
/** A row per batch, newest first: {"batchId", "status": "committed"|"pending", "plannedAt", "committedAt", "durationMs", "numFiles",
 *  "bytes", "rows", "version", "attempt", "schemaVersion", "skippedFiles", "metadata"}. @param limit 0 = all */
PLI_API pli_status pli_job_batches(pli_job *job, int64_t limit, pli_row_fn *fn, void *arg, pli_error *err);
/** What becomes of a rescued field. Zero-initialise and set `size`. Strings are borrowed for the call. */
typedef struct pli_promotion {
    size_t size;
    const char *path; /**< of the field in the rescued data: names joined by dots, "address.zip" */
    const char *column; /**< NULL: the last name of the path */
    const char *type; /**< SQL's name; NULL: the narrowest type that holds all values there are */
    bool dry_run; /**< report only */
    int64_t lock_timeout_us; /**< as in pli_run_options */
} pli_promotion;
/** Make a column of a rescued field: one commit of the sink's table adds it and moves the values that fit from the rescued data
 *  into it, then a new version of the effective schema has it, and next batches write it. After an interruption the same call
 *  goes on where it stopped. One row: {"job", "path", "column", "type", "rowsWithField", "rowsFilled", "rowsKept", "filesRewritten",
 *  "filesAdded", "bytesAdded", "version", "schemaVersion"}; the versions are null in a dry run.
 *  LOCKED, INVALID_CONFIG (the job rescues nothing, its sink is no Delta table), NOT_FOUND (the field was never rescued),
 *  ALREADY_EXISTS (the column), INVALID_ARGUMENT (path or type) */
PLI_API pli_status pli_job_promote(pli_job *job, const pli_promotion *promotion, pli_row_fn *fn, void *arg,
                                   pli_error *err);
/** A row per input, newest batch first: {"path", "size", "modificationTime", "batchId", "status": "committed"|"pending"|"skipped"|
 *  "quarantined", "discoveredAt", "committedAt", "reason"}.
 *  @param batch only this batch, -1 = all @param path only paths that are or end with it, NULL = all */
PLI_API pli_status pli_job_files(pli_job *job, int64_t batch, const char *path, pli_row_fn *fn, void *arg,
                                 pli_error *err);
/** Check what can be checked without running: paths, the schema of a sample, the SQL. A row per problem:
 *  {"job", "code", "message", "hint", "position"}. PLI_OK also when there are problems. */
PLI_API pli_status pli_job_validate(pli_job *job, pli_row_fn *fn, void *arg, pli_error *err);

/* ---- running ---- */

/** When batches run, and when a run ends. */
typedef enum pli_trigger {
    PLI_TRIGGER_AVAILABLE_NOW = 0, /**< all that is there at the start, in batches */
    PLI_TRIGGER_ONCE,              /**< at most one batch */
    PLI_TRIGGER_DRAIN,             /**< until a poll finds nothing, including what arrives meanwhile */
    PLI_TRIGGER_INTERVAL, /**< drain every interval, for ever; a missed beat is left out, the beat never drifts */
    PLI_TRIGGER_CONTINUOUS /**< drain, then wait for a change of the source, for ever */
} pli_trigger;

/** What interval and continuous runs do after a failed batch. Other triggers end with the error unless _RETRY is set. */
typedef enum pli_on_error {
    PLI_ON_ERROR_DEFAULT = 0, /**< the job's option on_error; by itself: retry what is retriable, stop on the rest */
    PLI_ON_ERROR_STOP,
    PLI_ON_ERROR_RETRY
} pli_on_error;

/** Zero-initialise and set `size`; zero members mean the default. Times in microseconds. */
typedef struct pli_run_options {
    size_t size;
    pli_trigger trigger;
    int64_t interval_us; /**< INTERVAL: between the starts of two drains */
    int64_t poll_us; /**< CONTINUOUS: longest time between two polls; default 1 s */
    int64_t pause_us; /**< between two batches of a drain; default none */
    int64_t max_batches; /**< end after so many batches; 0 = no limit */
    int64_t until_idle; /**< end after so many polls in a row that found nothing; 0 = never */
    pli_on_error on_error;
    int64_t max_retries; /**< of one batch, in a row; 0 = the job's, negative = no limit */
    bool no_lock; /**< take no lock: the records alone keep the result right, work may be done twice */
    int64_t lock_timeout_us; /**< 0 = the job's (which is not to wait by default); negative = no limit */
} pli_run_options;

/** What a step did. Order within a batch: PLANNED, (EXECUTE or PREPARED), STAGED, PUBLISHED, COMMITTED, TIDIED; a batch that an
 *  earlier run had already published goes from PLANNED to PUBLISHED, one without inputs from PLANNED to COMMITTED. */
typedef enum pli_step_kind {
    PLI_STEP_PLANNED = 1, /**< the batch's inputs are fixed: batch_id, offset, files, bytes, repeat */
    PLI_STEP_EXECUTE, /**< callback jobs: do the work of the batch now, then pli_run_report */
    PLI_STEP_PREPARED, /**< rows are written, invisible: rows, bytes */
    PLI_STEP_STAGED, /**< the result is recorded */
    PLI_STEP_PUBLISHED, /**< rows are visible in the sink: version, rows */
    PLI_STEP_COMMITTED, /**< the batch is done */
    PLI_STEP_TIDIED, /**< index, state and clean-up of sources are up to date */
    PLI_STEP_IDLE, /**< nothing to do; poll again after wait_us */
    PLI_STEP_PAUSE, /**< between two batches; go on after wait_us */
    PLI_STEP_RETRY, /**< the batch failed with `error`; it is repeated after wait_us */
    PLI_STEP_DONE /**< the run is over */
} pli_step_kind;

/** Zero-initialise and set `size`. Pointers are borrowed until the next call on the run. */
typedef struct pli_step {
    size_t size;
    pli_step_kind kind;
    int64_t batch_id; /**< -1 = none */
    const char *offset; /**< offsets/N.json as stored, NULL = none */
    const char *result; /**< commits/N.json (COMMITTED, TIDIED) or what is staged (STAGED), NULL = none */
    int64_t files, bytes; /**< inputs of the batch */
    int64_t rows; /**< written, -1 = unknown */
    int64_t version; /**< of the sink, -1 = unknown */
    bool repeat; /**< the batch had been planned by an earlier run */
    int64_t attempt; /**< failures of this batch in this run so far */
    int64_t wait_us; /**< the caller should wait so long before the next call */
    pli_error error; /**< RETRY: why */
    int64_t rescued_rows, corrupt_rows; /**< COMMITTED: of `rows`, -1 = unknown */
} pli_step;

/** Start a run: takes the lock, opens (or creates) the checkpoint, finishes what a dead run left half done.
 *  @param options NULL = defaults @param out free with pli_run_free. LOCKED, CORRUPT_RECORD, FOREIGN_RECORD */
PLI_API pli_status pli_run_new(pli_job *job, const pli_run_options *options, pli_run **out, pli_error *err);
/** Do the next step and say what was done. After an error the batch is left as it is: for errors with PLI_ERR_RETRIABLE the
 *  next call tries the batch again, otherwise the run is over. After a cancel: CANCELLED at the next safe point.
 *  Errors worth handling: SINK_AHEAD, SINK_BEHIND, LOCKED (another runner finished the batch), SCHEMA_MISMATCH, BAD_DATA, DISK_FULL. */
PLI_API pli_status pli_run_next(pli_run *run, pli_step *step, pli_error *err);
/** Wait at most max_us, shorter if the source changes (CONTINUOUS) or somebody cancels (CANCELLED). Call it in slices where
 *  the caller must look after signals itself. @param *over true when the step's waiting time has passed; may be NULL */
PLI_API pli_status pli_run_wait(pli_run *run, int64_t max_us, bool *over, pli_error *err);
/** Batches committed so far by this run (those without inputs not counted). */
PLI_API int64_t pli_run_batches(const pli_run *run);
/** Release the lock and free. A batch at hand is abandoned: what it prepared is deleted, its plan stays. NULL is allowed. */
PLI_API void pli_run_free(pli_run *run);

/* ---- callback jobs, after PLI_STEP_EXECUTE ---- */

/** What the caller's work came to. Zero-initialise and set `size`. Strings are borrowed for the call. */
typedef struct pli_outcome {
    size_t size;
    bool failed; /**< the attempt is dropped, the batch stays pending; `error` says why */
    pli_error error; /**< with failed: flags decide about a retry */
    const char *metadata; /**< the writer's JSON object for commits/N.json, NULL = {} */
    const char *sinks; /**< JSON array of what own sinks did inside the writer, NULL = [] */
    const char
        *schema; /**< new effective schema, JSON array [{"name","dtype"}], current with the commit; NULL = unchanged */
    int64_t rows; /**< -1 = unknown */
} pli_outcome;

/** Report the outcome of PLI_STEP_EXECUTE. INVALID_STATE at any other time. A reported failure is given back by the next
 *  pli_run_next as RETRY or as that error. */
PLI_API pli_status pli_run_report(pli_run *run, const pli_outcome *outcome, pli_error *err);
/** The batch's JobState: reads its own writes; what it stores becomes current with the commit of the batch or never.
 *  Borrowed; valid from EXECUTE to the report. NULL outside. */
PLI_API pli_state *pli_run_state(pli_run *run);
/** Identity of the batch at hand for exactly-once sinks inside a writer: txn application id ("<id>" or "<id>-<epoch>"), attempt,
 *  digest of the stored offset. Borrowed until the next step; "" when no batch is at hand. */
PLI_API const char *pli_run_app_id(const pli_run *run);
PLI_API const char *pli_run_attempt(const pli_run *run);
PLI_API const char *pli_run_offset_sha256(const pli_run *run);

/* ---- progress ---- */
typedef struct pli_progress {
    size_t size;
    int64_t batch_id; /**< -1 = none at hand */
    int64_t batches; /**< committed by this run */
    int64_t files, bytes; /**< inputs of the batch at hand */
    int64_t rows; /**< read so far, -1 = unknown */
    double fraction; /**< of the batch at hand, 0 to 1; negative = unknown */
    double rows_per_second; /**< of the batch at hand; negative = unknown */
    int64_t elapsed_us; /**< since the batch was planned */
    int64_t total_rows; /**< written by this run */
} pli_progress;
/** How far the step at hand is. Any thread, also while pli_run_next runs. */
PLI_API void pli_run_progress(pli_run *run, pli_progress *out);

#ifdef __cplusplus
}
#endif
#endif

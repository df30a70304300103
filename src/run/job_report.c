/*
 * What a job says about itself: status, batches, files, plan. Only the checkpoint's records and the source's discovery are
 * looked at; no lock is taken, nothing is written, the engine is not started.
 */
#include <stdlib.h>

#include "base/json.h"
#include "run/evolve.h"
#include "run/job.h"

/* A borrowed checkpoint object for looking; a folder that is not there looks like an empty one. */
static pli_status look(pli_job *job, pli__checkpoint **out, pli_error *err) {
    return pli__job_checkpoint(job, false, false, 0, out, err);
}

static pli_status emit(const json_t *row, pli_row_fn *fn, void *arg, bool *stop, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf text = {0};
    if (!row) return pli__error_memory(err);
    PLI_TRY(pli__json_write(row, &text, err));
    *stop = fn(arg, text.ptr, text.len) != 0;
    return PLI_OK;
}

/* Seconds of a record as ISO text; null if absent. */
static json_t *iso_time(const json_t *record, const char *key) {
    const json_t *v = json_object_get(record, key);
    if (!json_is_number(v)) return json_null();
    char text[40];
    pli__time_format_iso((int64_t)(json_number_value(v) * 1e6 + 0.5), text);
    return json_string(text);
}

static json_t *member_or_null(const json_t *obj, const char *key) {
    json_t *v = json_object_get(obj, key);
    return v ? json_incref(v) : json_null();
}

/* ---- batches ---- */

/* Commit of a batch; *out NULL if it is pending. */
static pli_status read_commit(pli__checkpoint *cp, int64_t n, json_t **out, pli_error *err) {
    *out = NULL;
    return pli__checkpoint_has_commit(cp, n) ? pli__checkpoint_read_commit(cp, n, out, err) : PLI_OK;
}

static json_t *batch_row(int64_t n, const json_t *offset, const json_t *commit) {
    int64_t files = 0, bytes = 0;
    pli__offset_size(offset, &files, &bytes);
    const json_t *sink = json_array_get(json_object_get(commit, "sinks"), 0);
    json_t *row = json_pack(
        "{s:I, s:s, s:o, s:o, s:o, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o}", "batchId", (json_int_t)n, "status",
        commit ? "committed" : "pending", "plannedAt", iso_time(offset, "created_at"), "committedAt",
        iso_time(commit, "committed_at"), "durationMs", member_or_null(commit, "duration_ms"), "numFiles",
        (json_int_t)files, "bytes", (json_int_t)bytes, "rows", member_or_null(commit, "rows"), "rescuedRows",
        member_or_null(commit, "rescued_rows"), "corruptRows", member_or_null(commit, "corrupt_rows"), "version",
        member_or_null(sink, "version"), "attempt", member_or_null(commit, "attempt"), "schemaVersion",
        member_or_null(commit, "schema_version"));
    static const char *const extra[][2] = {{"skipped_files", "skippedFiles"}, {"quarantined_files", "quarantinedFiles"},
                                           {"changed_files", "changedFiles"}, {"gaps", "gaps"},
                                           {"durability", "durability"},      {"metadata", "metadata"}};
    for (size_t i = 0; row && i < sizeof extra / sizeof *extra; i++) {
        json_t *v = json_object_get(commit, extra[i][0]);
        if (v && json_object_set(row, extra[i][1], v) < 0) json_decref(PLI_TAKE(row));
    }
    return row;
}

static pli_status read_batch_row(pli__checkpoint *cp, int64_t n, json_t **out, pli_error *err) {
    PLI_AUTO(pli__json_unref) json_t *offset = NULL, *commit = NULL;
    PLI_TRY(pli__checkpoint_read_offset(cp, n, &offset, NULL, err));
    PLI_TRY(read_commit(cp, n, &commit, err));
    *out = batch_row(n, offset, commit);
    return *out ? PLI_OK : pli__error_memory(err);
}

pli_status pli_job_batches(pli_job *job, int64_t limit, pli_row_fn *fn, void *arg, pli_error *err) {
    PLI_AUTO(pli__checkpoint_auto) pli__checkpoint *cp = NULL;
    PLI_TRY(look(job, &cp, err));
    size_t n = 0;
    const int64_t *ids = pli__checkpoint_offset_ids(cp, &n);
    bool stop = false;
    for (size_t i = 0; i < n && !stop && (limit <= 0 || i < (size_t)limit); i++) {
        PLI_AUTO(pli__json_unref) json_t *row = NULL;
        PLI_TRY(read_batch_row(cp, ids[n - 1 - i], &row, err));
        PLI_TRY(emit(row, fn, arg, &stop, err));
    }
    return PLI_OK;
}

/* ---- files ---- */

typedef struct fate {
    const char *status, *reason;
} fate;

static fate find_fate(const json_t *commit, const char *path) {
    static const char *const lists[][2] = {{"skipped_files", "skipped"}, {"quarantined_files", "quarantined"}};
    for (size_t i = 0; i < 2; i++) {
        size_t k;
        json_t *item;
        json_array_foreach(json_object_get(commit, lists[i][0]), k, item) {
            const char *p = json_string_value(json_object_get(item, "path"));
            if (p && strcmp(p, path) == 0)
                return (fate){lists[i][1], json_string_value(json_object_get(item, "reason"))};
        }
    }
    return (fate){commit ? "committed" : "pending", NULL};
}

static bool path_matches(const char *path, const char *wanted) {
    if (!wanted) return true;
    size_t n = strlen(path), m = strlen(wanted);
    if (m > n || strcmp(path + n - m, wanted) != 0) return false;
    return m == n || m == 0 || wanted[0] == '/' || path[n - m - 1] == '/';
}

static json_t *file_row(int64_t n, const json_t *offset, const json_t *commit, const char *path, const json_t *info) {
    fate f = find_fate(commit, path);
    json_t *mtime = json_null();
    const json_t *ns = json_array_get(info, 1);
    if (json_is_integer(ns)) {
        char text[40];
        pli__time_format_iso(json_integer_value(ns) / 1000, text);
        mtime = json_string(text);
    }
    json_t *size = json_array_get(info, 0);
    return json_pack("{s:s, s:o, s:o, s:I, s:s, s:o, s:o, s:s?}", "path", path, "size",
                     size ? json_incref(size) : json_null(), "modificationTime", mtime, "batchId", (json_int_t)n,
                     "status", f.status, "discoveredAt", iso_time(offset, "created_at"), "committedAt",
                     iso_time(commit, "committed_at"), "reason", f.reason);
}

static pli_status emit_files(pli__checkpoint *cp, int64_t n, const char *path, pli_row_fn *fn, void *arg, bool *stop,
                             pli_error *err) {
    PLI_AUTO(pli__json_unref) json_t *offset = NULL, *commit = NULL;
    PLI_TRY(pli__checkpoint_read_offset(cp, n, &offset, NULL, err));
    PLI_TRY(read_commit(cp, n, &commit, err));
    const json_t *files = json_object_get(offset, "files"), *infos = json_object_get(offset, "file_info");
    bool entries = json_array_size(files) == 0;
    if (entries) files = json_object_get(offset, "file_entries");
    for (size_t i = 0; i < json_array_size(files) && !*stop; i++) {
        const json_t *item = json_array_get(files, i);
        const char *p = json_string_value(entries ? json_object_get(item, "path") : item);
        if (!p || !path_matches(p, path)) continue;
        PLI_AUTO(pli__json_unref) json_t *row = file_row(n, offset, commit, p, json_array_get(infos, i));
        PLI_TRY(emit(row, fn, arg, stop, err));
    }
    return PLI_OK;
}

pli_status pli_job_files(pli_job *job, int64_t batch, const char *path, pli_row_fn *fn, void *arg, pli_error *err) {
    PLI_AUTO(pli__checkpoint_auto) pli__checkpoint *cp = NULL;
    PLI_TRY(look(job, &cp, err));
    size_t n = 0;
    const int64_t *ids = pli__checkpoint_offset_ids(cp, &n);
    bool stop = false;
    for (size_t i = n; i > 0 && !stop; i--)
        if (batch < 0 || ids[i - 1] == batch) PLI_TRY(emit_files(cp, ids[i - 1], path, fn, arg, &stop, err));
    return PLI_OK;
}

/* ---- status ---- */

static pli_status read_last_error(pli__checkpoint *cp, json_t **out, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf text = {0};
    PLI_AUTO(pli__json_unref) json_t *e = NULL;
    *out = NULL;
    pli_status status = pli__store_get(pli__checkpoint_store(cp), "last_error.json", 1 << 20, &text, err);
    if (status != PLI_OK || pli__json_parse(pli__buf_str(&text), "last_error.json", &e, err) != PLI_OK) {
        pli__error_clear(err); /* a courtesy: no error there is no error here */
        return PLI_OK;
    }
    *out = json_pack("{s:o, s:o, s:o, s:o, s:o}", "code", member_or_null(e, "code"), "message",
                     member_or_null(e, "message"), "hint", member_or_null(e, "hint"), "at", iso_time(e, "at"),
                     "batchId", member_or_null(e, "batchId"));
    return *out ? PLI_OK : pli__error_memory(err);
}

static json_t *rate_of(const json_t *last) {
    const json_t *rows = json_object_get(last, "rows"), *ms = json_object_get(last, "durationMs");
    if (!json_is_integer(rows) || json_integer_value(ms) <= 0) return json_null();
    return json_real((double)json_integer_value(rows) * 1000.0 / (double)json_integer_value(ms));
}

static json_t *take_or_null(json_t **v) { return *v ? PLI_TAKE(*v) : json_null(); }

static pli_status status_row(pli_job *job, pli__checkpoint *cp, json_t **out, pli_error *err) {
    PLI_AUTO(pli__json_unref) json_t *last = NULL, *pending = NULL, *error = NULL;
    PLI_AUTO(pli__json_unref) json_t *backlog = json_object();
    if (!backlog) return pli__error_memory(err);
    int64_t committed = pli__checkpoint_last_commit(cp), waiting = -1;
    PLI_TRY(pli__checkpoint_pending(cp, &waiting, err));
    if (committed >= 0) PLI_TRY(read_batch_row(cp, committed, &last, err));
    if (waiting >= 0) PLI_TRY(read_batch_row(cp, waiting, &pending, err));
    PLI_TRY(read_last_error(cp, &error, err));
    PLI_TRY(pli__source_backlog(job->source, cp, backlog, err));
    json_t *rate = rate_of(last);
    *out = json_pack("{s:s, s:s, s:s, s:I, s:o, s:o, s:O, s:o, s:o}", "job", job->config->name, "checkpoint",
                     pli__checkpoint_dir(cp), "id", pli__checkpoint_id(cp), "batches", (json_int_t)(committed + 1),
                     "lastBatch", take_or_null(&last), "pendingBatch", take_or_null(&pending), "backlog", backlog,
                     "rowsPerSecond", rate, "lastError", take_or_null(&error));
    return *out ? PLI_OK : pli__error_memory(err);
}

pli_status pli_job_status(pli_job *job, pli_row_fn *fn, void *arg, pli_error *err) {
    PLI_AUTO(pli__checkpoint_auto) pli__checkpoint *cp = NULL;
    PLI_AUTO(pli__json_unref) json_t *row = NULL;
    bool stop = false;
    PLI_TRY(look(job, &cp, err));
    PLI_TRY(status_row(job, cp, &row, err));
    return emit(row, fn, arg, &stop, err);
}

/* ---- plan ---- */

static pli_status next_offset(pli_job *job, pli__checkpoint *cp, int64_t *n, bool *pending, json_t **out,
                              pli_error *err) {
    PLI_TRY(pli__checkpoint_pending(cp, n, err));
    *pending = *n >= 0;
    if (*pending) return pli__checkpoint_read_offset(cp, *n, out, NULL, err);
    int64_t last = pli__checkpoint_last_offset(cp);
    *n = (last < 0 ? pli__checkpoint_cleaned_through(cp) : last) + 1;
    return pli__source_preview(job->source, cp, out, err);
}

static json_t *plan_files(const json_t *offset) {
    json_t *list = json_array();
    const json_t *files = json_object_get(offset, "files"), *infos = json_object_get(offset, "file_info");
    for (size_t i = 0; list && i < json_array_size(files); i++) {
        json_t *size = json_array_get(json_array_get(infos, i), 0);
        json_t *item = json_pack("{s:O, s:o}", "path", json_array_get(files, i), "size",
                                 size ? json_incref(size) : json_null());
        if (!item || json_array_append_new(list, item) < 0) json_decref(PLI_TAKE(list));
    }
    return list;
}

/* What the schema planner would decide about the next batch. */
static pli_status preview_schema(pli_job *job, pli__checkpoint *cp, int64_t n, const json_t *offset, json_t *row,
                                 pli_error *err) {
    PLI_AUTO(pli__evolution_auto) pli__evolution *e = NULL;
    PLI_AUTO(pli__json_unref) json_t *result = json_object();
    if (!result) return pli__error_memory(err);
    pli__work work = {.job = job, .cp = cp, .batch = {.batch_id = n}, .offset = offset};
    PLI_TRY(pli__evolution_new(&work, offset, false, &e, err));
    PLI_TRY(
        pli__evolution_record(e, &work, result, err)); /* the checkpoint is open for looking only: nothing is written */
    json_t *changes = json_object_get(result, "schema_changes");
    return json_object_set_new(row, "schemaChanges", changes ? json_incref(changes) : json_array()) == 0
               ? PLI_OK
               : pli__error_memory(err);
}

pli_status pli_job_plan(pli_job *job, bool with_schema, pli_row_fn *fn, void *arg, pli_error *err) {
    PLI_AUTO(pli__checkpoint_auto) pli__checkpoint *cp = NULL;
    PLI_AUTO(pli__json_unref) json_t *offset = NULL, *row = NULL;
    int64_t n = -1, files = 0, bytes = 0;
    bool pending = false, stop = false;
    PLI_TRY(look(job, &cp, err));
    PLI_TRY(next_offset(job, cp, &n, &pending, &offset, err));
    pli__offset_size(offset, &files, &bytes);
    row = json_pack("{s:s, s:o, s:b, s:I, s:I, s:o}", "job", job->config->name, "batchId",
                    offset ? json_integer(n) : json_null(), "pending", pending, "numFiles", (json_int_t)files, "bytes",
                    (json_int_t)bytes, "files", plan_files(offset));
    if (!row) return pli__error_memory(err);
    json_t *version = json_object_get(offset, "version");
    if (version && json_object_set(row, "version", version) < 0) return pli__error_memory(err);
    PLI_TRY(pli__source_backlog(job->source, cp, row, err));
    if (with_schema && files > 0) PLI_TRY(preview_schema(job, cp, n, offset, row, err));
    return emit(row, fn, arg, &stop, err);
}

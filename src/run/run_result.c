/*
 * Bodies of the records that a batch leaves: the staged result and the commit made from it. A commit is made from the
 * staged record and the sink's word alone, so that a later run can publish the same one.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "run/run_impl.h"

/* Members that go from the staged record into the commit as they are. */
static const char *const carried[] = {"attempt",        "offset_sha256", "file_count",        "rows",
                                      "bytes",          "rescued_rows",  "corrupt_rows",      "schema_version",
                                      "schema_changes", "skipped_files", "quarantined_files", "changed_files",
                                      "gaps",           "duration_ms",   "durability",        "state",
                                      "schema"};
/* Members of a Delta source's offset that commits repeat. */
static const char *const position[] = {"version", "index", "is_initial_snapshot", "gaps"};

static pli_status set_new(json_t *obj, const char *key, json_t *value, pli_error *err) {
    return value && json_object_set_new(obj, key, value) == 0 ? PLI_OK : pli__error_memory(err);
}

static pli_status copy_members(json_t *to, const json_t *from, const char *const *keys, size_t n, pli_error *err) {
    for (size_t i = 0; i < n; i++) {
        json_t *v = json_object_get(from, keys[i]);
        if (v && json_object_set(to, keys[i], v) < 0) return pli__error_memory(err);
    }
    return PLI_OK;
}

pli_status pli__run_make_staged(pli_run *run, const json_t *result, pli_error *err) {
    pli__batch *b = &run->batch;
    PLI_AUTO(pli__json_unref)
    json_t *s = json_pack("{s:I, s:s, s:s, s:s, s:I, s:I}", "batch_id", (json_int_t)b->id, "id",
                          pli__checkpoint_id(run->cp), "attempt", b->attempt, "offset_sha256", b->offset_sha256,
                          "file_count", (json_int_t)b->files, "bytes", (json_int_t)b->bytes);
    if (!s || json_object_update(s, (json_t *)(uintptr_t)result) < 0) return pli__error_memory(err);
    PLI_TRY(set_new(s, "duration_ms", json_integer((pli__monotonic_us() - b->started_us) / 1000), err));
    if (pli__checkpoint_relaxed(run->cp)) PLI_TRY(set_new(s, "durability", json_string("relaxed"), err));
    int64_t schema = -1; /* a batch that read nothing leaves the schema as it is */
    if (!json_object_get(s, "schema_version")) PLI_TRY(pli__checkpoint_schema_version(run->cp, &schema, err));
    if (schema >= 0) PLI_TRY(set_new(s, "schema_version", json_integer(schema), err));
    json_t *state = NULL;
    if (b->state) PLI_TRY(pli__state_describe(b->state, &state, err));
    if (state) PLI_TRY(set_new(s, "state", state, err));
    if (b->prepared) {
        json_t *described = NULL;
        PLI_TRY(pli__sink_describe(run->job->sink, b->prepared, &described, err));
        PLI_TRY(set_new(s, "sink", described, err));
        json_t *rows = json_object_get(described, "rows");
        if (rows && !json_object_get(s, "rows")) PLI_TRY(set_new(s, "rows", json_incref(rows), err));
    }
    b->staged = PLI_TAKE(s);
    return PLI_OK;
}

/* The sink's word over what was staged: path, addedFiles and rows are the attempt's, version and table id the sink's. */
static pli_status make_sinks(const json_t *staged, const json_t *sink_result, json_t **out, pli_error *err) {
    json_t *own = json_object_get(staged, "sinks"); /* callback jobs */
    PLI_AUTO(pli__json_unref) json_t *list = own ? json_incref(own) : json_array();
    if (!list) return pli__error_memory(err);
    if (sink_result) {
        json_t *described = json_object_get(staged, "sink");
        json_t *entry = described ? json_copy(described) : json_object();
        if (!entry || json_array_append_new(list, entry) < 0) return pli__error_memory(err);
        if (json_object_update(entry, (json_t *)(uintptr_t)sink_result) < 0) return pli__error_memory(err);
        json_object_del(entry, "repeat");
    }
    *out = PLI_TAKE(list);
    return PLI_OK;
}

pli_status pli__run_make_commit(pli_run *run, const json_t *staged, const json_t *sink_result, json_t **out,
                                pli_error *err) {
    PLI_AUTO(pli__json_unref) json_t *c = json_object();
    if (!c) return pli__error_memory(err);
    PLI_TRY(copy_members(c, run->batch.offset, position, sizeof position / sizeof *position, err));
    PLI_TRY(copy_members(c, staged, carried, sizeof carried / sizeof *carried, err));
    json_t *metadata = json_object_get(staged, "metadata");
    PLI_TRY(set_new(c, "metadata", metadata ? json_incref(metadata) : json_object(), err));
    json_t *sinks = NULL;
    PLI_TRY(make_sinks(staged, sink_result, &sinks, err));
    PLI_TRY(set_new(c, "sinks", sinks, err));
    /* So that nobody has to search backwards for the newest batch that wrote. */
    if (json_array_size(sinks) == 0 && run->last_write)
        PLI_TRY(set_new(c, "last_write", json_incref(run->last_write), err));
    *out = PLI_TAKE(c);
    return PLI_OK;
}

pli_status pli__run_last_write(pli__checkpoint *cp, json_t **out, pli_error *err) {
    *out = NULL;
    int64_t last = pli__checkpoint_last_commit(cp);
    if (last < 0) return PLI_OK;
    PLI_AUTO(pli__json_unref) json_t *commit = NULL;
    PLI_TRY(pli__checkpoint_read_commit(cp, last, &commit, err));
    json_t *sinks = json_object_get(commit, "sinks"), *before = json_object_get(commit, "last_write");
    if (json_array_size(sinks) > 0) *out = json_pack("{s:I, s:O}", "batch_id", (json_int_t)last, "sinks", sinks);
    else if (json_is_object(before)) *out = json_incref(before);
    else return PLI_OK;
    return *out ? PLI_OK : pli__error_memory(err);
}

/* ---- the last error, for `pli status`: a courtesy, so its own failures are ignored ---- */

void pli__run_note_error(pli_run *run, const pli_error *error) {
    if (error->code == PLI_E_CANCELLED || error->code == PLI_E_LOCKED) return;
    PLI_AUTO(pli__json_unref)
    json_t *e = json_pack("{s:s, s:s, s:s, s:f, s:I}", "code", pli_status_name(error->code), "message", error->message,
                          "hint", error->hint, "at", (double)pli__env_now_us(run->job->env) / 1e6, "batchId",
                          (json_int_t)run->batch.id);
    PLI_AUTO(pli__buf_clear) pli__buf text = {0};
    if (!e || pli__json_write_pretty(e, &text, NULL) != PLI_OK) return;
    run->had_error = pli__store_replace(pli__checkpoint_store(run->cp), "last_error.json", pli__buf_str(&text),
                                        PLI__STORE_RELAXED, NULL) == PLI_OK;
}

void pli__run_forget_error(pli_run *run) {
    if (run->had_error)
        run->had_error = pli__store_remove(pli__checkpoint_store(run->cp), "last_error.json", NULL) != PLI_OK;
}

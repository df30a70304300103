/*
 * Maintenance of a checkpoint that looks at its sink: accept what the sink shows, bind to another one. Both decide in one
 * write of metadata.json or one put-if-absent of a commit; a new epoch makes a new transaction id, under which the sink
 * knows nothing yet.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "checkpoint/maintenance.h"
#include "run/checkpoint_sink.h"
#include "run/run_impl.h"

pli_status pli__checkpoint_open_sink(pli_env *env, pli__checkpoint *cp, const char *path, pli__sink **out,
                                     pli_error *err) {
    const char *pinned = json_string_value(
        json_object_get(json_object_get(pli__checkpoint_metadata(cp), "sink"), "path"));
    if (!path) path = pinned;
    if (!path) {
        pli__error_set(err, PLI_E_NOT_FOUND, "checkpoint '%s' has not written to a sink yet", pli__checkpoint_dir(cp));
        pli__error_hint(err, "name the table");
        return PLI_E_NOT_FOUND;
    }
    pli__sink_delta_options options = {.path = path};
    return pli__sink_delta_new(env, &options, out, err);
}

/* What both functions work on. */
typedef struct rebinding {
    pli__checkpoint *cp;
    pli__sink *sink;
    json_t *last_write;
    int64_t pending;
    json_t *offset;
    char sha256[65];
    pli__sink_state state;
} rebinding;

static void rebinding_clear(rebinding *r) {
    pli__sink_free(r->sink);
    pli__checkpoint_close(r->cp);
    json_decref(r->last_write);
    json_decref(r->offset);
}

static int64_t written_version(const rebinding *r) {
    const json_t *v = json_object_get(json_array_get(json_object_get(r->last_write, "sinks"), 0), "version");
    return json_is_integer(v) ? json_integer_value(v) : -1;
}

static pli_status open_rebinding(pli_env *env, const char *dir, const char *sink,
                                 const pli_maintenance_options *options, rebinding *r, pli_error *err) {
    PLI_TRY(pli__maintenance_open(dir, options, &r->cp, err));
    if (!r->cp) return pli__error_set(err, PLI_E_NOT_FOUND, "there is no checkpoint '%s'", dir);
    PLI_TRY(pli__checkpoint_pending(r->cp, &r->pending, err));
    if (r->pending >= 0) PLI_TRY(pli__checkpoint_read_offset(r->cp, r->pending, &r->offset, r->sha256, err));
    PLI_TRY(pli__run_last_write(r->cp, &r->last_write, err));
    PLI_TRY(pli__checkpoint_open_sink(env, r->cp, sink, &r->sink, err));
    return pli__sink_state_of(r->sink, pli__checkpoint_app_id(r->cp), written_version(r), &r->state, err);
}

static pli_status answer(const char *action, int64_t batch, int64_t version, int64_t epoch, pli_row_fn *fn, void *arg,
                         pli_error *err) {
    PLI_AUTO(pli__json_unref)
    json_t *row = json_pack("{s:s, s:o, s:I, s:I}", "action", action, "batchId",
                            batch < 0 ? json_null() : json_integer(batch), "sinkVersion", (json_int_t)version, "epoch",
                            (json_int_t)epoch);
    PLI_AUTO(pli__buf_clear) pli__buf text = {0};
    if (!row) return pli__error_memory(err);
    PLI_TRY(pli__json_write(row, &text, err));
    if (fn) fn(arg, text.ptr, text.len);
    return PLI_OK;
}

/* From now on: this sink, as it is, under a new transaction id. */
static pli_status new_epoch(rebinding *r, const char *path, pli_error *err) {
    int64_t through = pli__checkpoint_last_commit(r->cp);
    PLI_AUTO(pli__json_unref)
    json_t *set = json_pack("{s:I, s:{s:s, s:s}, s:{s:I, s:s, s:I}}", "epoch",
                            (json_int_t)pli__checkpoint_epoch(r->cp) + 1, "sink", "path", path, "tableId", r->state.id,
                            "sink_accepted", "through_batch", (json_int_t)through, "tableId", r->state.id, "version",
                            (json_int_t)(r->state.exists ? r->state.version : -1));
    if (!set) return pli__error_memory(err);
    return pli__checkpoint_update_metadata(r->cp, set, err);
}

/* The pending batch as the sink shows it: its staged result if it is still there, the bare facts otherwise. */
static pli_status commit_as_shown(rebinding *r, const char *path, pli_error *err) {
    pli_run run = {.cp = r->cp, .batch = {.id = r->pending, .offset = r->offset}, .last_write = r->last_write};
    PLI_AUTO(pli__json_unref) json_t *staged = NULL, *commit = NULL;
    pli_status status = pli__checkpoint_read_staged(r->cp, r->pending, r->state.attempt, &staged, err);
    if (status == PLI_E_NOT_FOUND) {
        int64_t files = 0, bytes = 0, schema = -1;
        pli__error_clear(err);
        pli__offset_size(r->offset, &files, &bytes);
        PLI_TRY(pli__checkpoint_schema_version(r->cp, &schema, err));
        staged = json_pack("{s:s, s:s, s:I, s:I, s:b}", "attempt", r->state.attempt, "offset_sha256", r->sha256,
                           "file_count", (json_int_t)files, "bytes", (json_int_t)bytes, "accepted", 1);
        if (!staged || (schema >= 0 && json_object_set_new(staged, "schema_version", json_integer(schema)) < 0))
            return pli__error_memory(err);
    } else PLI_TRY(status);
    PLI_AUTO(pli__json_unref)
    json_t *shown = json_pack("{s:s, s:s, s:I, s:s}", "path", path, "tableId", r->state.id, "version",
                              (json_int_t)r->state.commit_version, "txnAppId", pli__checkpoint_app_id(r->cp));
    if (!shown) return pli__error_memory(err);
    PLI_TRY(pli__run_make_commit(&run, staged, shown, &commit, err));
    bool won = false;
    return pli__checkpoint_write_commit(r->cp, r->pending, commit, &won, err);
}

static const char *sink_path(const rebinding *r, const char *given) {
    const char *pinned = json_string_value(
        json_object_get(json_object_get(pli__checkpoint_metadata(r->cp), "sink"), "path"));
    return given ? given : pinned ? pinned : "";
}

static pli__sink_verdict judge(const rebinding *r) {
    const json_t *m = pli__checkpoint_metadata(r->cp);
    char why[400];
    pli__sink_expectation expected = {
        .app_id = pli__checkpoint_app_id(r->cp),
        .last_write = r->last_write,
        .accepted = json_object_get(m, "sink_accepted"),
        .pinned_id = json_string_value(json_object_get(json_object_get(m, "sink"), "tableId")),
        .pending = r->pending,
        .pending_sha256 = r->pending >= 0 ? r->sha256 : NULL};
    return pli__sink_judge(&expected, &r->state, why);
}

pli_status pli_checkpoint_accept(pli_env *env, const char *dir, const char *sink,
                                 const pli_maintenance_options *options, pli_row_fn *fn, void *arg, pli_error *err) {
    PLI_AUTO(rebinding_clear) rebinding r = {.pending = -1};
    PLI_TRY(open_rebinding(env, dir, sink, options, &r, err));
    bool dry = options && options->dry_run;
    int64_t epoch = pli__checkpoint_epoch(r.cp);
    PLI_AUTO(pli__free_ptr) char *path = pli__strz_dup(sink_path(&r, sink));
    if (!path) return pli__error_memory(err);
    switch (judge(&r)) {
        case PLI__SINK_AGREES: return answer("none", -1, r.state.version, epoch, fn, arg, err);
        case PLI__SINK_REPEATS:
            if (!dry) PLI_TRY(commit_as_shown(&r, path, err));
            return answer("commit", r.pending, r.state.commit_version, epoch, fn, arg, err);
        default:
            if (!dry) PLI_TRY(new_epoch(&r, path, err));
            return answer("new_epoch", -1, r.state.version, epoch + 1, fn, arg, err);
    }
}

pli_status pli_checkpoint_rebind(pli_env *env, const char *dir, const char *sink,
                                 const pli_maintenance_options *options, pli_row_fn *fn, void *arg, pli_error *err) {
    if (!sink || !*sink) return pli__error_set(err, PLI_E_ARGUMENT, "a rebinding needs the new sink");
    PLI_AUTO(rebinding_clear) rebinding r = {.pending = -1};
    PLI_AUTO(pli__free_ptr) char *path = NULL;
    PLI_TRY(pli__fs_abs_path(sink, &path, err));
    PLI_TRY(open_rebinding(env, dir, path, options, &r, err));
    int64_t epoch = pli__checkpoint_epoch(r.cp);
    if (!(options && options->dry_run)) PLI_TRY(new_epoch(&r, path, err));
    return answer("new_epoch", -1, r.state.version, epoch + 1, fn, arg, err);
}

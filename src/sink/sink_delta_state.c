/*
 * What a Delta table says of our batches. The newest commit record of the checkpoint names a version of the table: that
 * commit and those after it are enough (log only, no engine). Without such a hint, or where it does not hold, the whole
 * state is read, and the commit of our newest txn is looked for backwards.
 */
#include <stdio.h>

#include "base/json.h"
#include "delta/log_read.h"
#include "sink/sink_delta.h"

#define CHECKPOINTS "_checkpoints"
#define UNFINISHED ".pli-write-" /* rows of a write that creates the table, or that died before it did */

/* ---- the folder ---- */

typedef struct {
    bool delta_log, other;
} contents;

static pli_status see_entry(void *arg, const pli__dir_entry *e, pli_error *err) {
    contents *c = arg;
    (void)err;
    if (strcmp(e->name, "_delta_log") == 0) c->delta_log = true;
    else if (strcmp(e->name, CHECKPOINTS) != 0 && strncmp(e->name, UNFINISHED, strlen(UNFINISHED)) != 0)
        c->other = true;
    return PLI_OK;
}

pli_status pli__sink_delta_exists(pli__sink_delta *d, bool *out, pli_error *err) {
    contents c = {0};
    PLI_TRY(pli__delta_exists(d->table, out, err));
    if (*out) return PLI_OK;
    const char *root = pli__delta_root(d->table);
    const pli_status s = pli__fs_list(root, see_entry, &c, err);
    if (s == PLI_E_NOT_FOUND) return pli__error_clear(err), PLI_OK;
    if (s != PLI_OK) return s;
    if (c.other && !c.delta_log) {
        pli__error_set(err, PLI_E_NOT_A_TABLE, "folder '%s' holds something, but no Delta table", root);
        pli__error_hint(err, "name another folder for the sink; one that is empty, or absent, becomes a table");
        return PLI_E_NOT_A_TABLE;
    }
    return PLI_OK;
}

pli_status pli__sink_delta_refresh(pli__sink_delta *d, pli_error *err) {
    pli__snapshot *next = NULL;
    if (d->snapshot) {
        PLI_TRY(pli__snapshot_advance(d->snapshot, PLI__LATEST, &next, err));
    } else {
        bool exists = false;
        const pli__snapshot_options options = {.max_checkpoint = -1, .for_write = true};
        PLI_TRY(pli__sink_delta_exists(d, &exists, err));
        if (!exists) return PLI_OK;
        PLI_TRY(pli__snapshot_open(d->table, PLI__LATEST, &options, &next, err));
    }
    if (d->snapshot) pli__snapshot_unref(d->snapshot);
    d->snapshot = next;
    return PLI_OK;
}

/* ---- one commit ---- */

typedef struct {
    const char *app_id;
    bool has_txn;
    int64_t txn_version;
    char attempt[40], sha[65], table_id[64], metadata_id[64];
} commit_facts;

static void copy_member(const json_t *object, const char *key, char *out, size_t cap) {
    const char *text = json_string_value(json_object_get(object, key));
    if (text) snprintf(out, cap, "%s", text);
}

static pli_status see_info(commit_facts *f, pli__str raw, pli_error *err) {
    PLI_AUTO(pli__json_unref) json_t *info = NULL;
    if (!memmem(raw.ptr, raw.len, "\"pli\"", 5)) return PLI_OK;
    PLI_TRY(pli__json_parse(raw, "commitInfo", &info, err));
    const json_t *pli = json_object_get(info, "pli");
    copy_member(pli, "attempt", f->attempt, sizeof f->attempt);
    copy_member(pli, "offsetSha256", f->sha, sizeof f->sha);
    copy_member(pli, "tableId", f->table_id, sizeof f->table_id);
    return PLI_OK;
}

static pli_status see_action(void *arg, const pli__action *a, pli_error *err) {
    commit_facts *f = arg;
    if (a->kind == PLI__ACTION_COMMIT_INFO) return see_info(f, a->raw, err);
    if (a->kind == PLI__ACTION_TXN && pli__str_eqz(a->txn.app_id, f->app_id)) {
        f->has_txn = true;
        f->txn_version = a->txn.version;
    }
    if (a->kind == PLI__ACTION_METADATA && a->metadata.id.len < sizeof f->metadata_id)
        snprintf(f->metadata_id, sizeof f->metadata_id, "%.*s", PLI_STR_ARG(a->metadata.id));
    return PLI_OK;
}

pli_status pli__sink_delta_read_commit(pli__sink_delta *d, int64_t version, const char *app_id, pli__sink_state *out,
                                       bool *found, pli_error *err) {
    commit_facts f = {.app_id = app_id};
    const pli__read_what what = {PLI__READ_STATE | PLI__READ_INFO, PLI__FILES_PATHS};
    PLI_TRY(pli__log_read(d->table, version, what, see_action, &f, err));
    *found = f.has_txn;
    if (f.metadata_id[0]) snprintf(out->id, sizeof out->id, "%s", f.metadata_id);
    else if (f.table_id[0] && !out->id[0]) snprintf(out->id, sizeof out->id, "%s", f.table_id);
    if (!f.has_txn) return PLI_OK;
    out->has_txn = true;
    out->txn_version = f.txn_version;
    out->commit_version = version;
    snprintf(out->attempt, sizeof out->attempt, "%s", f.attempt);
    snprintf(out->offset_sha256, sizeof out->offset_sha256, "%s", f.sha);
    return PLI_OK;
}

/* ---- state ---- */

/* From the hinted commit to the end of the log. *ok = false: the hint does not hold. */
static pli_status state_from_hint(pli__sink_delta *d, const char *app_id, int64_t hint, pli__sink_state *out, bool *ok,
                                  pli_error *err) {
    pli__sink_state state = *out;
    bool found = false;
    pli_status s = pli__sink_delta_read_commit(d, hint, app_id, &state, &found, err);
    if (s == PLI_E_NOT_FOUND) return pli__error_clear(err), PLI_OK;
    if (s != PLI_OK) return s;
    if (!found || !state.id[0]) return PLI_OK;
    int64_t version = hint;
    while ((s = pli__sink_delta_read_commit(d, version + 1, app_id, &state, &found, err)) == PLI_OK) version++;
    if (s != PLI_E_NOT_FOUND) return s;
    pli__error_clear(err);
    state.exists = true;
    state.version = version;
    *out = state;
    *ok = true;
    return PLI_OK;
}

/* The commit that carries the newest txn, newest first, as far back as the log goes. */
static pli_status find_commit(pli__sink_delta *d, const char *app_id, pli__sink_state *out, pli_error *err) {
    for (int64_t v = out->version; v >= 0; v--) {
        bool found = false;
        pli__sink_state state = {0};
        const pli_status s = pli__sink_delta_read_commit(d, v, app_id, &state, &found, err);
        if (s == PLI_E_NOT_FOUND) return pli__error_clear(err), PLI_OK;
        if (s != PLI_OK) return s;
        if (!found) continue;
        if (state.txn_version != out->txn_version) return PLI_OK;
        out->commit_version = v;
        memcpy(out->attempt, state.attempt, sizeof out->attempt);
        memcpy(out->offset_sha256, state.offset_sha256, sizeof out->offset_sha256);
        return PLI_OK;
    }
    return PLI_OK;
}

static pli_status state_from_snapshot(pli__sink_delta *d, const char *app_id, pli__sink_state *out, pli_error *err) {
    pli__txn txn;
    PLI_TRY(pli__sink_delta_refresh(d, err));
    if (!d->snapshot) return PLI_OK;
    const pli__str id = pli__snapshot_metadata(d->snapshot)->id;
    out->exists = true;
    out->version = pli__snapshot_version(d->snapshot);
    snprintf(out->id, sizeof out->id, "%.*s", PLI_STR_ARG(id));
    if (!pli__snapshot_txn(d->snapshot, pli__str_of(app_id), &txn)) return PLI_OK;
    out->has_txn = true;
    out->txn_version = txn.version;
    return find_commit(d, app_id, out, err);
}

/* A commit of ours that no record knows yet may be that of a process which was killed before the log's folder was durable.
 * Its files are. */
static pli_status settle_commit(const pli__sink_delta *d, int64_t recorded, const pli__sink_state *state,
                                pli_error *err) {
    const char *log = pli__store_local_path(pli__delta_log(d->table));
    const bool is_known = !state->has_txn || state->commit_version == recorded;
    return is_known || d->options.relaxed || !log ? PLI_OK : pli__fs_sync_dir(log, err);
}

pli_status pli__sink_delta_state(pli__sink *s, const char *app_id, int64_t hint_version, pli__sink_state *out,
                                 pli_error *err) {
    pli__sink_delta *d = (pli__sink_delta *)s;
    bool ok = false;
    if (hint_version >= 0) PLI_TRY(state_from_hint(d, app_id, hint_version, out, &ok, err));
    if (!ok) PLI_TRY(state_from_snapshot(d, app_id, out, err));
    return settle_commit(d, hint_version, out, err);
}

/* ---- our batches ---- */

/* Has this batch landed already? By the txn and the digest of its offset, never by the number alone. */
pli_status pli__sink_delta_test_repeat(void *arg, const pli__txn *found, int64_t commit_version, pli_error *err) {
    pli__sink_delta_repeat *r = arg;
    const pli__batch_ref *b = r->batch;
    bool has_txn = false;
    if (found->version < b->batch_id) return PLI_OK;
    if (found->version == b->batch_id) {
        r->shown = (pli__sink_state){.version = -1, .txn_version = -1, .commit_version = -1};
        if (commit_version < 0) PLI_TRY(pli__sink_delta_state(&r->d->base, b->app_id, -1, &r->shown, err));
        else PLI_TRY(pli__sink_delta_read_commit(r->d, commit_version, b->app_id, &r->shown, &has_txn, err));
        if (r->shown.commit_version >= 0 && strcmp(r->shown.offset_sha256, b->offset_sha256) == 0)
            return pli__error_set(err, PLI_E_EXISTS, "batch %lld is in the table", (long long)b->batch_id);
    }
    return pli__error_set(err, PLI_E_SINK_AHEAD,
                          "table '%s' shows batch %lld of this checkpoint%s, where batch %lld is to be written",
                          pli__delta_root(r->d->table), (long long)found->version,
                          found->version == b->batch_id ? " with other inputs" : "", (long long)b->batch_id);
}

pli_status pli__sink_delta_info(const pli__sink_delta *d, const pli__batch_ref *b, pli__str table_id, pli__buf *out,
                                pli_error *err) {
    PLI_AUTO(pli__json_unref)
    json_t *o = json_pack("{s:{s:s, s:s, s:s, s:I, s:s%, s:s*}}", "pli", "offsetSha256", b->offset_sha256, "attempt",
                          b->attempt, "job", b->job ? b->job : "", "files", (json_int_t)b->n_files, "tableId",
                          table_id.ptr, table_id.len, "durability", d->options.relaxed ? "relaxed" : NULL);
    if (!o) return pli__error_memory(err);
    return pli__json_write(o, out, err);
}

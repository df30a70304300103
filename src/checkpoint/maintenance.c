/*
 * Maintenance that needs records only. Each function makes its decision durable in one step (metadata.json) before it
 * deletes anything, so that a kill leaves either nothing done or something that the next open knows how to finish.
 */
#include "checkpoint/maintenance.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "checkpoint/checkpoint_impl.h"
#include "checkpoint/index_sync.h"
#include "checkpoint/seen.h"

static const pli_maintenance_options *or_default(const pli_maintenance_options *o) {
    static const pli_maintenance_options none = {.size = sizeof(pli_maintenance_options)};
    return o ? o : &none;
}

static pli_status folder_exists(const char *dir, bool *out, pli_error *err) {
    if (!dir || !*dir) return pli__error_set(err, PLI_E_ARGUMENT, "a checkpoint is a folder");
    pli__file_info info;
    PLI_TRY(pli__fs_stat(dir, &info, err));
    *out = info.kind == PLI__FILE_DIR;
    return PLI_OK;
}

pli_status pli__maintenance_open(const char *dir, const pli_maintenance_options *options, pli__checkpoint **out,
                                 pli_error *err) {
    *out = NULL;
    const pli_maintenance_options *given = or_default(options);
    if (given->size < sizeof *given)
        return pli__error_set(err, PLI_E_ARGUMENT, "pli_maintenance_options.size is not set");
    bool exists = false;
    PLI_TRY(folder_exists(dir, &exists, err));
    if (!exists) return PLI_OK;
    pli__checkpoint_options o = {.create = true,
                                 .take_lock = !given->dry_run && !given->no_lock,
                                 .lock_timeout_us = given->lock_timeout_us,
                                 .read_only = given->dry_run};
    return pli__checkpoint_open(dir, &o, out, err);
}

pli_status pli__maintenance_text(const json_t *value, char **out, pli_error *err) {
    *out = NULL;
    if (!value) return PLI_OK;
    PLI_AUTO(pli__buf_clear) pli__buf text = {0};
    PLI_TRY(pli__json_write(value, &text, err));
    *out = pli__buf_take(&text);
    return *out ? PLI_OK : pli__error_memory(err);
}

/* ---- show ---- */

static json_t *id_or_null(int64_t id) { return id < 0 ? json_null() : json_integer(id); }

static json_t *member_or_null(const json_t *m, const char *key) {
    json_t *v = json_object_get(m, key);
    return v ? json_incref(v) : json_null();
}

static int64_t count_pending(const pli__checkpoint *cp) {
    int64_t n = 0;
    for (size_t i = 0; i < cp->offsets.n; i++) n += !pli__ids_has(&cp->commits, cp->offsets.items[i]);
    return n;
}

static json_t *show_row(pli__checkpoint *cp) {
    const json_t *m = cp->metadata;
    pli_error damage = {0};
    bool staged = false;
    (void)pli__checkpoint_check(cp, &damage);
    (void)pli__checkpoint_has_staged(cp, INT64_MAX, &staged, NULL);
    const char *source = json_string_value(json_object_get(m, "source"));
    return json_pack(
        "{s:s, s:o, s:I, s:o, s:s, s:o, s:I, s:I, s:o, s:o, s:o, s:I, s:o, s:o, s:o, s:o, s:b, s:s?}", "checkpoint",
        cp->dir, "id", member_or_null(m, "id"), "epoch", (json_int_t)cp->epoch, "formatVersion",
        member_or_null(m, "format_version"), "source", source ? source : "files", "createdAt",
        member_or_null(m, "created_at"), "offsets", (json_int_t)cp->offsets.n, "commits", (json_int_t)cp->commits.n,
        "firstOffset", id_or_null(pli__checkpoint_first_offset(cp)), "latestOffset",
        id_or_null(pli__checkpoint_last_offset(cp)), "latestCommit", id_or_null(pli__checkpoint_last_commit(cp)),
        "pending", (json_int_t)count_pending(cp), "cleanedThrough", id_or_null(cp->cleaned_through), "startOffset",
        member_or_null(m, "start_offset"), "schema", member_or_null(m, "schema"), "sink", member_or_null(m, "sink"),
        "staged", staged, "damage", damage.code == PLI_OK ? NULL : damage.message);
}

static json_t *empty_row(const char *dir) {
    return json_pack("{s:s, s:n, s:i, s:i, s:i, s:n, s:n, s:n, s:i, s:n, s:n, s:n, s:n, s:n}", "checkpoint", dir, "id",
                     "epoch", 0, "offsets", 0, "commits", 0, "firstOffset", "latestOffset", "latestCommit", "pending",
                     0, "cleanedThrough", "startOffset", "schema", "sink", "damage");
}

pli_status pli_checkpoint_show(const char *dir, pli_row_fn *fn, void *arg, pli_error *err) {
    PLI_AUTO(pli__checkpoint_auto) pli__checkpoint *cp = NULL;
    const pli_maintenance_options look = {.size = sizeof look, .dry_run = true};
    PLI_TRY(pli__maintenance_open(dir, &look, &cp, err));
    PLI_AUTO(pli__json_unref) json_t *row = cp ? show_row(cp) : empty_row(dir);
    PLI_AUTO(pli__buf_clear) pli__buf text = {0};
    if (!row) return pli__error_memory(err);
    PLI_TRY(pli__json_write(row, &text, err));
    fn(arg, text.ptr, text.len);
    return PLI_OK;
}

/* ---- cleanup ---- */

/* Is the record older than the limit? An absent one does not hold anything up. */
static pli_status is_old(pli__checkpoint *cp, const char *folder, int64_t n, int64_t before_ns, bool *out,
                         pli_error *err) {
    char key[64];
    pli__file_info info;
    snprintf(key, sizeof key, "%s/%lld.json", folder, (long long)n);
    PLI_TRY(pli__store_stat(cp->store, key, &info, err));
    *out = info.kind == PLI__FILE_NONE || info.mtime_ns < before_ns;
    return PLI_OK;
}

/* Highest id such that it and all before it may go. */
static pli_status find_through(pli__checkpoint *cp, int64_t keep_last, int64_t older_than_us, int64_t *out,
                               pli_error *err) {
    int64_t last = pli__checkpoint_last_offset(cp), newest = pli__checkpoint_last_commit(cp), limit = newest - 1;
    *out = cp->cleaned_through;
    if (newest > last) last = newest;
    if (newest < 0 || (keep_last <= 0 && older_than_us < 0)) return PLI_OK;
    if (keep_last > 0 && last - keep_last < limit) limit = last - keep_last;
    int64_t before_ns = (pli__clock_now_us(&cp->clock) - older_than_us) * 1000;
    for (int64_t n = cp->cleaned_through + 1; n <= limit; n++) {
        bool old = true;
        if (older_than_us >= 0) PLI_TRY(is_old(cp, "offsets", n, before_ns, &old, err));
        if (old && older_than_us >= 0) PLI_TRY(is_old(cp, "commits", n, before_ns, &old, err));
        if (!old) return PLI_OK;
        *out = n;
    }
    return PLI_OK;
}

static int64_t count_through(const pli__ids *ids, int64_t through) {
    int64_t n = 0;
    while ((size_t)n < ids->n && ids->items[n] <= through) n++;
    return n;
}

static pli_status remove_through(pli__checkpoint *cp, const char *folder, int64_t through, pli_error *err) {
    PLI_AUTO(pli__ids_clear) pli__ids all = {0};
    PLI_TRY(pli__checkpoint_list_folder(cp, folder, &all, err));
    for (size_t i = 0; i < all.n && all.items[i] <= through; i++) {
        char key[64];
        snprintf(key, sizeof key, "%s/%lld.json", folder, (long long)all.items[i]);
        PLI_TRY(pli__store_remove(cp->store, key, err));
    }
    return PLI_OK;
}

/* seen/ first, then the decision, then the deleting; the last may be interrupted anywhere. */
static pli_status clean_through(pli__checkpoint *cp, int64_t through, pli_error *err) {
    const char *source = json_string_value(json_object_get(cp->metadata, "source"));
    if (through > cp->cleaned_through) {
        if (!source || strcmp(source, "files") == 0)
            PLI_TRY(pli__seen_write_cleaned(cp, cp->cleaned_through + 1, through, err));
        PLI_AUTO(pli__json_unref) json_t *set = json_pack("{s:I}", "cleaned_through", (json_int_t)through);
        if (!set) return pli__error_memory(err);
        PLI_TRY(pli__checkpoint_update_metadata(cp, set, err));
    }
    PLI_TRY(remove_through(cp, "commits", through, err));
    PLI_TRY(remove_through(cp, "offsets", through, err));
    return pli__checkpoint_list(cp, err);
}

static void count(const pli__checkpoint *cp, int64_t offsets, int64_t commits, pli_maintenance_counts *out) {
    if (!out) return;
    size_t size = out->size;
    *out = (pli_maintenance_counts){size, offsets, commits, cp ? (int64_t)cp->offsets.n - offsets : 0,
                                    cp ? (int64_t)cp->commits.n - commits : 0};
}

pli_status pli_checkpoint_cleanup(const char *dir, int64_t keep_last, int64_t older_than_us,
                                  const pli_maintenance_options *options, pli_maintenance_counts *out, pli_error *err) {
    if (keep_last < 0) return pli__error_set(err, PLI_E_ARGUMENT, "a cleanup keeps at least one batch");
    PLI_AUTO(pli__checkpoint_auto) pli__checkpoint *cp = NULL;
    PLI_TRY(pli__maintenance_open(dir, options, &cp, err));
    int64_t through = -1;
    if (cp) PLI_TRY(pli__checkpoint_check(cp, err));
    if (cp) PLI_TRY(find_through(cp, keep_last, older_than_us, &through, err));
    count(cp, cp ? count_through(&cp->offsets, through) : 0, cp ? count_through(&cp->commits, through) : 0, out);
    if (!cp || through < 0 || or_default(options)->dry_run) return PLI_OK;
    return clean_through(cp, through, err);
}

/* ---- truncate ---- */

pli_status pli_checkpoint_truncate(const char *dir, int64_t keep_through, const pli_maintenance_options *options,
                                   pli_maintenance_counts *out, pli_error *err) {
    if (keep_through < -1)
        return pli__error_set(err, PLI_E_ARGUMENT, "there is no batch %lld", (long long)keep_through);
    PLI_AUTO(pli__checkpoint_auto) pli__checkpoint *cp = NULL;
    PLI_TRY(pli__maintenance_open(dir, options, &cp, err));
    /* the record behind those that were cleaned away says where the next batch begins */
    if (cp && cp->cleaned_through >= 0 && keep_through <= cp->cleaned_through)
        return pli__error_set(err, PLI_E_ARGUMENT,
                              "batches up to %lld were cleaned away; a truncation must keep through %lld at least",
                              (long long)cp->cleaned_through, (long long)cp->cleaned_through + 1);
    int64_t offsets = cp ? (int64_t)cp->offsets.n - count_through(&cp->offsets, keep_through) : 0;
    int64_t commits = cp ? (int64_t)cp->commits.n - count_through(&cp->commits, keep_through) : 0;
    count(cp, offsets, commits, out);
    if (offsets + commits == 0 || or_default(options)->dry_run) return PLI_OK;
    PLI_AUTO(pli__json_unref)
    json_t *set = json_pack("{s:I, s:I}", "epoch", (json_int_t)cp->epoch + 1, "truncate_through",
                            (json_int_t)keep_through);
    if (!set) return pli__error_memory(err);
    PLI_TRY(pli__checkpoint_update_metadata(cp, set, err));
    return pli__checkpoint_finish_truncation(cp, err);
}

/* ---- resets ---- */

static pli_status reset_member(const char *dir, const char *key, const pli_maintenance_options *options, char **old,
                               pli_error *err) {
    PLI_AUTO(pli__checkpoint_auto) pli__checkpoint *cp = NULL;
    PLI_AUTO(pli__json_unref) json_t *value = NULL;
    if (old) *old = NULL;
    PLI_TRY(pli__maintenance_open(dir, options, &cp, err));
    if (!cp) return PLI_OK;
    PLI_TRY(pli__checkpoint_drop_metadata(cp, key, &value,
                                          err)); /* in a dry run the checkpoint is open for looking: in memory */
    return old ? pli__maintenance_text(value, old, err) : PLI_OK;
}

pli_status pli_checkpoint_reset_start(const char *dir, const pli_maintenance_options *options, char **old,
                                      pli_error *err) {
    return reset_member(dir, "start_offset", options, old, err);
}

pli_status pli_checkpoint_reset_schema(const char *dir, const pli_maintenance_options *options, char **old,
                                       pli_error *err) {
    PLI_AUTO(pli__checkpoint_auto) pli__checkpoint *cp = NULL;
    if (old) *old = NULL;
    PLI_TRY(pli__maintenance_open(dir, options, &cp, err));
    if (!cp) return PLI_OK;
    PLI_AUTO(pli__json_unref)
    json_t *before = json_object_get(cp->metadata, "schema") ? json_incref(json_object_get(cp->metadata, "schema"))
                                                             : NULL;
    PLI_AUTO(pli__json_unref)
    json_t *set = json_pack("{s:n, s:n, s:I}", "schema", "schema_batch_id", "schema_reset_through",
                            (json_int_t)pli__checkpoint_last_commit(cp));
    if (!set) return pli__error_memory(err);
    PLI_TRY(pli__checkpoint_update_metadata(cp, set, err));
    return old ? pli__maintenance_text(before, old, err) : PLI_OK;
}

pli_status pli_checkpoint_rebuild_index(const char *dir, const pli_maintenance_options *options, pli_error *err) {
    PLI_AUTO(pli__checkpoint_auto) pli__checkpoint *cp = NULL;
    PLI_TRY(pli__maintenance_open(dir, options, &cp, err));
    return cp && !cp->read_only ? pli__index_delete(cp, err) : PLI_OK;
}

/* Commits as the planner sees them: which files they add, remove and change, and what they say about the table. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/json_scan.h"
#include "delta/features.h"
#include "delta/log_list.h"
#include "delta/log_read.h"
#include "source/source_delta_impl.h"

void delta_commit_clear(delta_commit *c) {
    pli__arena_clear(&c->arena);
    free(c->files);
    *c = (delta_commit){0};
}

/* ---- actions ---- */

static const pli__kv *keep_values(pli__arena *a, const pli__kv *from, size_t n) {
    pli__kv *to = n ? pli__arena_alloc(a, n * sizeof *to) : NULL;
    for (size_t i = 0; to && i < n; i++)
        to[i] = (pli__kv){pli__arena_str(a, from[i].key),
                          from[i].value.ptr ? pli__arena_str(a, from[i].value) : (pli__str){0}};
    return to;
}

static pli_status keep_file(delta_commit *c, delta_file f, pli_error *err) {
    if (c->n_files == c->cap_files) {
        const size_t cap = c->cap_files ? c->cap_files * 2 : 16;
        delta_file *moved = realloc(c->files, cap * sizeof *moved);
        if (!moved) return pli__error_memory(err);
        c->files = moved;
        c->cap_files = cap;
    }
    f.path = pli__arena_str(&c->arena, f.path);
    f.values = c->full ? keep_values(&c->arena, f.values, f.n_values) : NULL;
    if (!f.values) f.n_values = 0;
    if (f.dv.storage) f.dv.path = pli__arena_str(&c->arena, f.dv.path);
    c->files[c->n_files++] = f;
    return pli__arena_status(&c->arena, err);
}

bool pli__delta_has_feed(const pli__metadata *m) {
    for (size_t i = 0; i < m->n_configuration; i++)
        if (pli__str_eqz(m->configuration[i].key, "delta.enableChangeDataFeed"))
            return pli__str_ieqz(m->configuration[i].value, "true");
    return false;
}

static pli_status keep_metadata(delta_commit *c, const pli__metadata *m, pli_error *err) {
    c->has_metadata = true;
    c->feed_enabled = pli__delta_has_feed(m);
    c->table_id = m->id.len ? pli__arena_str(&c->arena, m->id) : (pli__str){0};
    return pli__arena_status(&c->arena, err);
}

static void read_times(delta_commit *c, pli__str info) {
    pli__json_scan s;
    pli__json_item it;
    bool more;
    pli__json_scan_init(&s, info, "commitInfo", 0);
    if (pli__json_scan_root(&s, &it, NULL) != PLI_OK || it.kind != PLI__JSON_OBJECT ||
        pli__json_scan_enter(&s, NULL) != PLI_OK)
        return;
    while (pli__json_scan_next(&s, &it, &more, NULL) == PLI_OK && more) {
        int64_t ms;
        if (pli__json_key_is(&it, "inCommitTimestamp") && pli__json_item_i64(&it, &ms)) c->ict_ms = ms;
        if (pli__json_key_is(&it, "timestamp") && pli__json_item_i64(&it, &ms)) c->info_ms = ms;
    }
}

static int64_t mtime_of(int64_t ms) { return ms > INT64_MIN / 1000000 && ms < INT64_MAX / 1000000 ? ms * 1000000 : 0; }

static pli_status see_action(void *arg, const pli__action *a, pli_error *err) {
    delta_commit *c = arg;
    switch (a->kind) {
        case PLI__ACTION_ADD:
            c->changes_adds |= a->add.data_change;
            return keep_file(c,
                             (delta_file){a->kind, a->add.path, a->add.size, mtime_of(a->add.modification_time),
                                          a->add.data_change, a->add.n_partition_values, a->add.partition_values,
                                          a->add.dv},
                             err);
        case PLI__ACTION_REMOVE:
            c->changes_removes |= a->remove.data_change;
            return keep_file(c,
                             (delta_file){a->kind, a->remove.path, a->remove.size < 0 ? 0 : a->remove.size, 0,
                                          a->remove.data_change, a->remove.n_partition_values,
                                          a->remove.partition_values, a->remove.dv},
                             err);
        case PLI__ACTION_CDC:
            c->has_cdc = true;
            return keep_file(c,
                             (delta_file){a->kind,
                                          a->cdc.path,
                                          a->cdc.size,
                                          0,
                                          true,
                                          a->cdc.n_partition_values,
                                          a->cdc.partition_values,
                                          {0}},
                             err);
        case PLI__ACTION_PROTOCOL: return pli__protocol_check_read(&a->protocol, err);
        case PLI__ACTION_METADATA: return keep_metadata(c, &a->metadata, err);
        case PLI__ACTION_COMMIT_INFO: read_times(c, a->raw); return PLI_OK;
        default: return PLI_OK;
    }
}

pli_status pli__delta_commit_read(pli__delta *t, int64_t version, bool full, delta_commit *c, pli_error *err) {
    const pli__read_what what = {.kinds = PLI__READ_FILES | PLI__READ_CDC | PLI__READ_STATE | PLI__READ_INFO,
                                 .fields = full ? PLI__FILES_PARTITIONS | PLI__FILES_DV : 0u};
    delta_file *files = c->files;
    const size_t cap = c->cap_files;
    pli__arena arena = c->arena;
    pli__arena_reset(&arena);
    *c = (delta_commit){.version = version,
                        .arena = arena,
                        .files = files,
                        .cap_files = cap,
                        .full = full,
                        .ict_ms = PLI__DELTA_NO_TIME,
                        .info_ms = PLI__DELTA_NO_TIME};
    const pli_status status = pli__log_read(t, version, what, see_action, c, err);
    if (status == PLI_E_UNSUPPORTED)
        return pli__error_prefix(err, status, "version %" PRId64 " of '%s'", version, pli__delta_root(t));
    return status;
}

/* ---- facts of the file ---- */

pli_status pli__delta_commit_time(pli__delta *t, const delta_commit *c, int64_t *ms, pli_error *err) {
    *ms = c->ict_ms != PLI__DELTA_NO_TIME ? c->ict_ms : c->info_ms;
    if (*ms != PLI__DELTA_NO_TIME) return PLI_OK;
    char name[32];
    pli__file_info info;
    pli__log_commit_name(c->version, name);
    PLI_TRY(pli__store_stat(pli__delta_log(t), name, &info, err));
    if (info.kind != PLI__FILE_NONE) *ms = info.mtime_ns / 1000000;
    return PLI_OK;
}

pli_status pli__delta_commit_sha256(pli__delta *t, int64_t version, char out[65], pli_error *err) {
    char name[32];
    PLI_AUTO(pli__buf_clear) pli__buf text = {0};
    out[0] = '\0';
    pli__log_commit_name(version, name);
    const pli_status status = pli__store_get(pli__delta_log(t), name, PLI__DELTA_COMMIT_MAX, &text, err);
    if (status == PLI_E_NOT_FOUND) return pli__error_clear(err), PLI_OK;
    PLI_TRY(status);
    pli__sha256_hex(pli__buf_str(&text), out);
    return PLI_OK;
}

/*
 * Publishing a transaction: put-if-absent of the next version; on a collision every winner is held against it
 * (conflict.c), then the version after the last one is tried.
 *
 *   OPEN ──put succeeded──► COMMITTED            repeat found ──► COMMITTED (as a repeat; nothing of ours is published)
 *    │ put collided: winners are compatible ─► again with the next version
 *    │ answer lost: the version is read; our txnId means COMMITTED, another one means it collided. Where that cannot be
 *    │              read either, the commit fails as unknown, and no file that it may have named is deleted
 *    └─ conflict, error ──► FAILED
 */
#include <stdio.h>

#include "base/json_scan.h"
#include "base/map.h"
#include "delta/features.h"
#include "delta/log_list.h"
#include "delta/path.h"
#include "delta/protocol_write.h"
#include "delta/stats_read.h"
#include "delta/table.h"
#include "delta/transaction_impl.h"

#define DEFAULT_ATTEMPTS 100

/* ---- rules for any commit ---- */

static pli_status check_partition_values(const pli__txn_handle *x, const pli__add *a, pli_error *err) {
    if (a->n_partition_values != pli__txn_metadata(x)->n_partition_columns)
        return pli__error_set(err, PLI_E_STATE,
                              "file '%.*s' has %zu partition values, the table has %zu partition columns",
                              PLI_STR_ARG(a->path), a->n_partition_values, pli__txn_metadata(x)->n_partition_columns);
    return PLI_OK;
}

static pli_status check_adds(const pli__txn_handle *x, pli_error *err) {
    for (size_t i = 0; i < x->adds.n; i++) {
        const pli__add *a = &x->adds.at[i];
        PLI_TRY(check_partition_values(x, a, err));
        if (a->dv.storage && pli__stats_num_records(a->stats) < 0)
            return pli__error_set(err, PLI_E_STATE, "file '%.*s' has a deletion vector but no number of rows",
                                  PLI_STR_ARG(a->path));
        const uintptr_t other = (uintptr_t)pli__map_get(x->remove_paths, a->path);
        if (!other) continue;
        const pli__dv *gone = &x->removes.at[other - 1].dv;
        if (gone->storage == a->dv.storage && gone->offset == a->dv.offset && pli__str_eq(gone->path, a->dv.path))
            return pli__error_set(err, PLI_E_STATE, "file '%.*s' is both added and removed", PLI_STR_ARG(a->path));
    }
    return PLI_OK;
}

/* Neither the table as it was nor as it becomes: a restore, too, would take the property away together with the rows. */
static pli_status check_append_only(const pli__txn_handle *x, pli_error *err) {
    const char *key = "delta.appendOnly";
    const bool was = x->snapshot && pli__str_ieqz(pli__snapshot_property(x->snapshot, key), "true");
    if (!was && !pli__txn_property_is(x, key, "true")) return PLI_OK;
    for (size_t i = 0; i < x->removes.n; i++)
        if (x->removes.at[i].data_change) {
            pli__error_set(err, PLI_E_CONSTRAINT,
                           "the table only takes new rows (delta.appendOnly): nothing can be deleted or changed");
            pli__error_hint(err, "set delta.appendOnly = false");
            return PLI_E_CONSTRAINT;
        }
    return PLI_OK;
}

static pli_status derive_protocol(pli__txn_handle *x, pli_error *err) {
    PLI_AUTO(pli__type_auto) const pli__type *schema = NULL;
    bool changed = false;
    if (x->has_metadata && !x->has_protocol) {
        const pli__protocol *base = x->snapshot ? pli__snapshot_protocol(x->snapshot) : NULL;
        PLI_TRY(pli__type_from_delta(x->metadata.schema_string, &schema, err));
        PLI_TRY(pli__protocol_derive(&x->metadata, schema, base, &x->arena, &x->protocol, &changed, err));
        x->has_protocol = changed;
    }
    if (x->has_metadata) PLI_TRY(pli__metadata_strip_protocol_keys(&x->metadata, &x->arena, err));
    return pli__protocol_check_write(pli__txn_protocol(x), err);
}

pli_status pli__txn_validate(pli__txn_handle *x, pli_error *err) {
    if (!pli__txn_metadata(x)) return pli__error_set(err, PLI_E_STATE, "the first commit of a table needs metadata");
    PLI_TRY(derive_protocol(x, err));
    PLI_TRY(check_append_only(x, err));
    return check_adds(x, err);
}

/* ---- data files ---- */

/* Every added file must be there with its size (somebody may have vacuumed), and be on disk before the log names it. */
static pli_status settle_file(pli__txn_handle *x, pli__str log_path, int64_t size, pli__map *folders, pli__buf *path,
                              pli_error *err) {
    pli__file_info info;
    pli__buf_reset(path);
    PLI_TRY(pli__uri_resolve(pli__delta_root(x->t), log_path, path, err));
    PLI_TRY(pli__fs_stat(path->ptr, &info, err));
    if (info.kind != PLI__FILE_REGULAR || info.size != size) {
        pli__error_set(err, PLI_E_NOT_FOUND, "data file '%s' %s before it was committed", path->ptr,
                       info.kind == PLI__FILE_NONE ? "disappeared" : "changed");
        pli__error_flag(err, PLI_ERR_RETRIABLE);
        return PLI_E_NOT_FOUND;
    }
    if (x->options.relaxed) return PLI_OK;
    PLI_TRY(pli__fs_sync_file(path->ptr, err));
    const char *base = pli__path_base(path->ptr);
    const pli__str folder = {path->ptr, (size_t)(base - path->ptr)};
    return pli__map_put(folders, folder, NULL, NULL) ? PLI_OK : pli__error_memory(err);
}

static pli_status settle_files(pli__txn_handle *x, pli_error *err) {
    PLI_AUTO(pli__map_auto) pli__map *folders = pli__map_new();
    PLI_AUTO(pli__buf_clear) pli__buf path = {0};
    pli__str folder;
    if (!folders) return pli__error_memory(err);
    if (x->options.no_file_check) return PLI_OK;
    for (size_t i = 0; i < x->adds.n; i++)
        PLI_TRY(settle_file(x, x->adds.at[i].path, x->adds.at[i].size, folders, &path, err));
    for (size_t i = 0; i < x->cdcs.n; i++)
        PLI_TRY(settle_file(x, x->cdcs.at[i].path, x->cdcs.at[i].size, folders, &path, err));
    for (size_t it = 0; pli__map_next(folders, &it, &folder, NULL);) {
        pli__buf_reset(&path);
        pli__buf_adds(&path, folder);
        PLI_TRY(pli__buf_status(&path, err));
        PLI_TRY(pli__fs_sync_dir(path.ptr, err));
    }
    return PLI_OK;
}

/* ---- attempts ---- */

/* What the snapshot already knows of our applications. */
static pli_status ask_repeat(pli__txn_handle *x, bool *repeat, int64_t *version, pli_error *err) {
    pli__txn found;
    for (size_t i = 0; x->snapshot && x->options.repeat && i < x->txns.n; i++) {
        if (!pli__snapshot_txn(x->snapshot, x->txns.at[i].app_id, &found)) continue;
        const pli_status s = x->options.repeat(x->options.repeat_arg, &found, -1, err);
        if (s == PLI_OK) continue;
        if (s != PLI_E_EXISTS) return s;
        pli__error_clear(err);
        *repeat = true;
        *version = x->read_version;
        return PLI_OK;
    }
    return PLI_OK;
}

/* The commit that we build on must still be in the log: where cleaning has removed it, a put of the next version could
 * succeed although the table went on long ago. */
static pli_status check_base(pli__txn_handle *x, int64_t version, pli_error *err) {
    char name[32];
    pli__file_info info;
    if (version == 0) return PLI_OK;
    pli__log_commit_name(version - 1, name);
    PLI_TRY(pli__store_stat(pli__delta_log(x->t), name, &info, err));
    if (info.kind != PLI__FILE_NONE) return PLI_OK;
    pli__error_set(err, PLI_E_CONFLICT, "version %lld, which this operation read, is no longer in the log",
                   (long long)version - 1);
    pli__error_flag(err, PLI_ERR_CONFLICT | PLI_ERR_RETRIABLE);
    return PLI_E_CONFLICT;
}

typedef struct {
    bool done, repeat;
    int64_t version;
} progress;

/* Hold all commits from p->version on against the transaction; p->version becomes the first free one. */
static pli_status pass_winners(pli__txn_handle *x, progress *p, pli_error *err) {
    for (;; p->version++) {
        bool ours = false, repeat = false;
        const pli_status s = pli__conflict_check(x, p->version, &ours, &repeat, err);
        if (s == PLI_E_NOT_FOUND) return pli__error_clear(err), PLI_OK;
        if (s != PLI_OK) return s;
        p->done = ours || repeat;
        p->repeat = repeat;
        if (p->done) return PLI_OK;
    }
}

static pli_status try_version(pli__txn_handle *x, progress *p, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf text = {0};
    char name[32];
    PLI_TRY(pli__txn_render(x, p->version, &text, err));
    pli__log_commit_name(p->version, name);
    const pli_status s = pli__store_put_if_absent(pli__delta_log(x->t), name, pli__buf_str(&text),
                                                  x->options.relaxed ? PLI__STORE_RELAXED : 0, err);
    if (s == PLI_OK) return p->done = true, PLI_OK;
    if (s != PLI_E_EXISTS && s != PLI_E_UNKNOWN) return s;
    pli__error_clear(err);
    const pli_status looked = pass_winners(x, p, err);
    x->t->commit_unknown = looked != PLI_OK && looked != PLI_E_CONFLICT;
    return looked;
}

static pli_status run_attempts(pli__txn_handle *x, pli__commit_result *result, pli_error *err) {
    progress p = {.version = x->read_version + 1};
    const int most = x->options.max_attempts > 0 ? x->options.max_attempts : DEFAULT_ATTEMPTS;
    PLI_TRY(ask_repeat(x, &p.repeat, &p.version, err));
    p.done = p.repeat;
    while (!p.done) {
        if (result->attempts >= most) {
            pli__error_set(err, PLI_E_CONFLICT,
                           "could not commit after %d attempts: other writers were faster each time", most);
            pli__error_flag(err, PLI_ERR_CONFLICT | PLI_ERR_RETRIABLE);
            return PLI_E_CONFLICT;
        }
        PLI_TRY(pli__env_check_cancel(pli__delta_env(x->t), err));
        PLI_TRY(check_base(x, p.version, err));
        result->attempts++;
        PLI_TRY(try_version(x, &p, err));
    }
    result->version = p.version;
    result->repeat = p.repeat;
    return PLI_OK;
}

int64_t pli__row_id_mark(pli__str configuration) {
    pli__json_scan s;
    pli__json_item it;
    bool more;
    int64_t mark;
    pli__json_scan_init(&s, configuration, PLI__ROW_TRACKING, 0);
    if (pli__json_scan_root(&s, &it, NULL) != PLI_OK || it.kind != PLI__JSON_OBJECT ||
        pli__json_scan_enter(&s, NULL) != PLI_OK)
        return -1;
    while (pli__json_scan_next(&s, &it, &more, NULL) == PLI_OK && more)
        if (pli__json_key_is(&it, "rowIdHighWaterMark") && pli__json_item_i64(&it, &mark)) return mark;
    return -1;
}

/* The mark of the snapshot, unless the transaction has been given one. */
static int64_t first_row_id_mark(const pli__txn_handle *x) {
    int64_t mark = x->row_id_mark;
    for (size_t i = 0; x->snapshot && i < pli__snapshot_n_domains(x->snapshot); i++) {
        const pli__domain d = pli__snapshot_domain_at(x->snapshot, i);
        if (!pli__str_eqz(d.domain, PLI__ROW_TRACKING)) continue;
        const int64_t known = pli__row_id_mark(d.configuration);
        if (known > mark) mark = known;
    }
    return mark;
}

static void fill_result(const pli__txn_handle *x, pli__commit_result *r) {
    const pli__str id = pli__txn_metadata(x)->id;
    const size_t n = id.len < sizeof r->table_id - 1 ? id.len : sizeof r->table_id - 1;
    memcpy(r->table_id, id.ptr, n);
    r->table_id[n] = '\0';
    snprintf(r->txn_id, sizeof r->txn_id, "%s", x->txn_id);
    r->timestamp_ms = x->timestamp_ms;
}

pli_status pli__txn_commit(pli__txn_handle *x, pli__commit_result *out, pli_error *err) {
    pli__commit_result result = {0};
    if (x->state != PLI__TXN_OPEN) return pli__error_set(err, PLI_E_STATE, "the transaction has ended already");
    x->state = PLI__TXN_FAILED;
    x->t->commit_unknown = false;
    PLI_TRY(pli__txn_validate(x, err));
    x->row_id_mark = first_row_id_mark(x);
    const int64_t ict_us = x->snapshot ? pli__snapshot_ict_us(x->snapshot) : -1;
    x->last_ict_ms = ict_us < 0 ? -1 : ict_us / 1000;
    PLI_TRY(settle_files(x, err));
    PLI_TRY_IN(run_attempts(x, &result, err), err, "could not commit to '%s'", pli__delta_root(x->t));
    fill_result(x, &result);
    if (!result.repeat) {
        x->state = PLI__TXN_COMMITTED;
        pli__txn_after_commit(x, result.version);
    }
    *out = result;
    return PLI_OK;
}

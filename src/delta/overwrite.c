/* What an overwrite takes away, and what of it stays. */
#include "delta/overwrite.h"

#include "delta/feed_write.h"
#include "delta/row_ids.h"
#include "delta/write_plan.h"

/* ---- choosing ---- */

static pli_status take_partition(void *arg, const pli__add *a, pli_error *err) {
    pli__overwrite *o = arg;
    bool hit = false;
    PLI_TRY(pli__partition_set_has(&o->partitions, a, &hit, err));
    return hit ? pli__touched_add_file(o->replaced, a, err) : PLI_OK;
}

static pli_status choose_partitions(pli__overwrite *o, const pli__written *fresh, pli_error *err) {
    PLI_TRY(pli__partition_set_init(&o->partitions, o->replaced->mapping, err));
    for (size_t i = 0; fresh && i < pli__written_files(fresh); i++)
        PLI_TRY(pli__partition_set_add(&o->partitions, pli__written_add_at(fresh, i), err));
    return pli__snapshot_files(o->replaced->snapshot, PLI__FILES_ALL, take_partition, o, err);
}

static bool is_partial(const pli__overwrite *o) {
    for (size_t i = 0; i < o->replaced->n; i++)
        if (!pli__touched_is_whole(&o->replaced->files[i])) return true;
    return false;
}

static pli_status write_left(pli__overwrite *out, pli__delta *t, const pli__overwrite_options *o, pli_error *err) {
    PLI_AUTO(pli__file_relation_auto) pli__file_relation *relation = NULL;
    PLI_AUTO(pli__buf_clear) pli__buf left = {0};
    PLI_AUTO(pli__arena_clear) pli__arena arena = {0};
    pli__snapshot *s = out->replaced->snapshot;
    const pli__write_options options = {
        .target_file_size = o->target_file_size, .relaxed = o->relaxed, .trusted = true, .table = s};
    pli__metadata m = *pli__snapshot_metadata(s);
    bool any = false;
    if (!is_partial(out)) return PLI_OK;
    if (pli__row_ids_kept(s)) {
        PLI_TRY(pli__row_ids_metadata(&m, &arena, &m, err));
        PLI_TRY(pli__row_ids_sql(out->replaced, PLI__TOUCHED_LEFT, 0, &relation, &left, &any, err));
    } else {
        PLI_TRY(pli__touched_sql(out->replaced, PLI__TOUCHED_LEFT, false, &relation, &left, &any, err));
    }
    return any ? pli__write_rows(t, pli__snapshot_protocol(s), &m, left.ptr, &options, NULL, &out->left, err) : PLI_OK;
}

/* ---- change data ---- */

static pli_status rows_of(pli__overwrite *o, const pli__written *fresh, pli__file_relation **relation, pli__buf *sql,
                          pli_error *err) {
    static const pli__file_relation_options plain = {0};
    PLI_TRY(pli__file_relation_new(o->replaced->table, o->replaced->mapping, &plain, relation, err));
    for (size_t i = 0; i < pli__written_files(fresh); i++) {
        const pli__add *a = pli__written_add_at(fresh, i);
        const pli__file_relation_file file = {
            .log_path = a->path, .n_values = a->n_partition_values, .values = a->partition_values};
        PLI_TRY(pli__file_relation_add(*relation, &file, err));
    }
    return pli__file_relation_sql(*relation, sql, err);
}

/* Rows that moved from a file to its successor are no change: where there are such, the feed must be written. */
static pli_status write_changes(pli__overwrite *o, const pli__written *fresh, pli__txn_handle *x, pli_error *err) {
    PLI_AUTO(pli__file_relation_auto) pli__file_relation *hit = NULL, *new = NULL;
    PLI_AUTO(pli__buf_clear) pli__buf gone = {0}, come = {0}, sql = {0};
    bool any = false;
    const pli__snapshot *s = o->replaced->snapshot;
    PLI_TRY(pli__touched_sql(o->replaced, PLI__TOUCHED_HIT, false, &hit, &gone, &any, err));
    if (any) pli__buf_addf(&sql, "SELECT *, 'delete' AS \"_change_type\" FROM (%s) AS pli_gone", gone.ptr);
    if (fresh && pli__written_files(fresh)) {
        PLI_TRY(rows_of(o, fresh, &new, &come, err));
        pli__buf_addf(&sql, "%sSELECT *, 'insert' AS \"_change_type\" FROM (%s) AS pli_come", any ? " UNION ALL " : "",
                      come.ptr);
    }
    PLI_TRY(pli__buf_status(&sql, err));
    return pli__feed_write(o->replaced->table, pli__snapshot_protocol(s), pli__snapshot_metadata(s), sql.ptr,
                           o->relaxed, x, &o->changes, err);
}

static pli_status check_feed(const pli__overwrite *out, const pli__overwrite_options *o, pli_error *err) {
    const bool feed = pli__str_ieqz(pli__snapshot_property(out->replaced->snapshot, "delta.enableChangeDataFeed"),
                                    "true");
    if (!feed || !o->schema_changes || !is_partial(out)) return PLI_OK;
    pli__error_set(err, PLI_E_UNSUPPORTED,
                   "an overwrite with a condition cannot add columns to a table with a change data feed");
    pli__error_hint(err, "add the columns first");
    return PLI_E_UNSUPPORTED;
}

/* ---- the whole of it ---- */

pli_status pli__overwrite_guard(const char *where, pli__str sql, pli__buf *out, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf text = {0};
    if (!where) return pli__buf_adds(out, sql), pli__buf_status(out, err);
    pli__buf_addf(&text, PLI__CHECK_MARK "a new row does not meet the condition of the overwrite (%s)", where);
    pli__buf_addz(out, "SELECT * FROM (");
    pli__buf_adds(out, sql);
    pli__buf_addf(out, ") AS pli_new WHERE CASE WHEN (%s\n) THEN true ELSE error(", where);
    pli__buf_add_sql_str(out, pli__buf_str(&text));
    pli__buf_addz(out, ") END");
    return pli__buf_status(out, err);
}

pli_status pli__overwrite_prepare(pli__delta *t, pli__snapshot *s, const pli__overwrite_options *o,
                                  const pli__written *fresh, pli__overwrite *out, pli_error *err) {
    out->relaxed = o->relaxed;
    out->dynamic = o->dynamic && pli__snapshot_metadata(s)->n_partition_columns > 0;
    PLI_TRY(pli__touched_new(t, s, &out->replaced, err));
    if (out->dynamic) PLI_TRY(choose_partitions(out, fresh, err));
    else PLI_TRY(pli__touched_where(out->replaced, o->where, err));
    PLI_TRY(pli__touched_resolve(out->replaced, err));
    PLI_TRY(check_feed(out, o, err));
    return write_left(out, t, o, err);
}

static pli_status matches(void *arg, const pli__add *a, bool *out, pli_error *err) {
    const pli__overwrite *o = arg;
    return pli__partition_set_has(&o->partitions, a, out, err);
}

pli_status pli__overwrite_add_to(pli__overwrite *o, const pli__written *fresh, pli__txn_handle *x, pli_error *err) {
    for (size_t i = 0; i < o->replaced->n; i++) {
        PLI_TRY(pli__txn_read_file(x, o->replaced->files[i].add.path, err));
        PLI_TRY(pli__txn_remove_add(x, &o->replaced->files[i].add, true, err));
    }
    if (o->left) PLI_TRY(pli__written_add_to(o->left, x, err));
    if (o->dynamic) pli__txn_read_match(x, matches, o);
    if (!is_partial(o) ||
        !pli__str_ieqz(pli__snapshot_property(o->replaced->snapshot, "delta.enableChangeDataFeed"), "true"))
        return PLI_OK;
    return write_changes(o, fresh, x, err);
}

void pli__overwrite_clear(pli__overwrite *o, pli__delta *t) {
    if (t) {
        pli__written_delete(o->left, t);
        pli__written_delete(o->changes, t);
    }
    pli__written_free(o->left);
    pli__written_free(o->changes);
    pli__partition_set_clear(&o->partitions);
    pli__touched_free(o->replaced);
    *o = (pli__overwrite){0};
}

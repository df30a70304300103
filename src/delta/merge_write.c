/* Writing a merge: rows leave their files, new rows and those of rewritten files go into new ones, changes into the feed. */
#include "base/json.h"
#include "delta/merge_impl.h"
#include "delta/row_ids.h"

/* ---- the transaction ---- */

/* [{"predicate":"…","actionType":"update"}, …] of the clauses of a kind, as the text that Spark writes. */
static void add_clauses(const pli__merge *m, pli_merge_when when, const char *name, pli__buf *out) {
    static const char *const actions[] = {"update", "delete", "insert"};
    PLI_AUTO(pli__buf_clear) pli__buf list = {0};
    for (size_t k = 0; k < m->n_clauses; k++) {
        const pli_merge_clause *c = &m->clauses[k];
        if (c->when != when) continue;
        pli__buf_addz(&list, list.len ? ",{" : "[{");
        if (c->condition) {
            pli__buf_addz(&list, "\"predicate\":");
            pli__buf_add_json(&list, pli__str_of(c->condition));
            pli__buf_addc(&list, ',');
        }
        pli__buf_addf(&list, "\"actionType\":\"%s\"}", actions[c->action]);
    }
    pli__buf_addz(&list, list.len ? "]" : "[]");
    pli__buf_addf(out, ",\"%s\":", name);
    pli__buf_add_json(out, pli__buf_str(&list));
}

static pli_status parameters_of(const pli__merge *m, pli__buf *out, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf list = {0};
    pli__buf_addc(&list, '[');
    pli__buf_add_json(&list, pli__str_of(m->o.on));
    pli__buf_addc(&list, ']');
    pli__buf_addz(out, "{\"predicate\":");
    pli__buf_add_json(out, pli__buf_str(&list));
    add_clauses(m, PLI_MERGE_MATCHED, "matchedPredicates", out);
    add_clauses(m, PLI_MERGE_NOT_MATCHED, "notMatchedPredicates", out);
    add_clauses(m, PLI_MERGE_NOT_MATCHED_BY_SOURCE, "notMatchedBySourcePredicates", out);
    pli__buf_addc(out, '}');
    return pli__buf_status(out, err);
}

static pli_status begin(pli__merge *m, pli_error *err) {
    const pli__merge_identity *id = &m->now.identity;
    pli__dml *d = &m->now.d;
    PLI_AUTO(pli__buf_clear) pli__buf parameters = {0};
    PLI_TRY(parameters_of(m, &parameters, err));
    const pli__txn_options options = {.operation = "MERGE",
                                      .operation_params = parameters.ptr,
                                      .extra_commit_info = id->extra_commit_info,
                                      .user_metadata = m->o.user_metadata,
                                      .reads = PLI__READS_FILES,
                                      .data_change = true,
                                      .relaxed = m->o.relaxed,
                                      .repeat = id->on_txn,
                                      .repeat_arg = id->on_txn_arg};
    PLI_TRY(pli__txn_begin(m->table, d->snapshot, &options, &d->txn, err));
    if (m->now.has_metadata) PLI_TRY(pli__txn_set_metadata(d->txn, &m->now.metadata, err));
    return id->app_id ? pli__txn_set_txn(d->txn, pli__str_of(id->app_id), id->txn_version, err) : PLI_OK;
}

/* ---- rows ---- */

/* New rows are needed twice where change data is written, and an expression may give another value each time. */
static pli_status keep_new_rows(pli__merge *m, bool feed, pli__buf *rows, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0};
    if (!feed || !rows->len) return PLI_OK;
    pli__buf_addf(&sql, "CREATE TEMP TABLE %s AS %s", m->t.r, rows->ptr);
    PLI_TRY(pli__merge_exec(m, &sql, err));
    pli__buf_reset(rows);
    pli__buf_addf(rows, "SELECT * FROM %s", m->t.r);
    return pli__buf_status(rows, err);
}

/* SELECT of rows as they go into files: with their ids where the table tracks rows. */
static pli_status add_rows(const pli__merge *m, const pli__buf *rows, bool new_as_null, pli__buf *out, pli_error *err) {
    if (!rows->len) return PLI_OK;
    pli__buf_addz(out, out->len ? " UNION ALL SELECT " : "SELECT ");
    PLI_TRY(pli__merge_columns(m, "", new_as_null, out, err));
    if (m->now.keeps_ids) {
        pli__buf_addz(out, ", ");
        PLI_TRY(pli__row_ids_columns(pli__snapshot_metadata(m->now.d.snapshot), "", out, err));
    }
    pli__buf_addf(out, " FROM (%s)", rows->ptr);
    return pli__buf_status(out, err);
}

static pli_status write_rows(pli__merge *m, const pli__buf *rows, pli_error *err) {
    pli__dml *d = &m->now.d;
    PLI_AUTO(pli__file_relation_auto) pli__file_relation *relation = NULL;
    PLI_AUTO(pli__buf_clear) pli__buf left = {0}, all = {0};
    PLI_TRY(pli__dml_rows(d, PLI__TOUCHED_LEFT, false, &relation, &left, err));
    m->now.result.rows_copied = pli__touched_left(d->touched);
    PLI_TRY(add_rows(m, &left, true, &all, err));
    PLI_TRY(add_rows(m, rows, false, &all, err));
    return all.len ? pli__dml_write_moved(d, all.ptr, !rows->len, err) : PLI_OK;
}

/* ---- change data ---- */

/* Without change data a commit tells its own: files that it removes are deletes, files that it adds are inserts. */
static bool needs_changes(const pli__merge *m) {
    const pli__dml *d = &m->now.d;
    return d->feed && d->touched->n && (m->now.result.rows_updated || pli__dml_is_partial(d));
}

static pli_status add_old_rows(pli__merge *m, size_t k, pli__buf *out, pli_error *err) {
    const pli_merge_clause *c = &m->clauses[k];
    if (c->action == PLI_MERGE_INSERT) return PLI_OK;
    if (out->len) pli__buf_addz(out, " UNION ALL ");
    pli__buf_addz(out, "SELECT ");
    PLI_TRY(pli__merge_columns(m, "target.", true, out, err));
    pli__buf_addf(out,
                  ", '%s' AS _change_type FROM %s AS target SEMI JOIN (SELECT * FROM %s WHERE _pli_c = %zu) AS x ON "
                  "x._pli_f = target._pli_number AND x._pli_r = target._pli_row",
                  c->action == PLI_MERGE_DELETE ? "delete" : "update_preimage", m->t.o, m->t.a, k);
    return pli__buf_status(out, err);
}

static pli_status write_changes(pli__merge *m, const pli__buf *rows, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0};
    for (size_t k = 0; m->now.has_old && k < m->n_clauses; k++) PLI_TRY(add_old_rows(m, k, &sql, err));
    if (rows->len) {
        pli__buf_addz(&sql, sql.len ? " UNION ALL SELECT " : "SELECT ");
        PLI_TRY(pli__merge_columns(m, "", false, &sql, err));
        pli__buf_addf(&sql, ", _pli_kind AS _change_type FROM (%s)", rows->ptr);
    }
    PLI_TRY(pli__buf_status(&sql, err));
    return pli__dml_write_changes(&m->now.d, sql.ptr, err);
}

/* ---- numbers ---- */

static void take_numbers(pli__merge *m) {
    pli__merge_result *r = &m->now.result;
    const pli__dml *d = &m->now.d;
    r->files_removed = d->result.files_removed;
    r->files_added = d->result.files_added;
    r->vectors_added = d->result.vectors_added;
    r->bytes_added = d->result.bytes_added;
    for (size_t i = 0; i < d->touched->n; i++)
        r->files_rewritten += !d->touched->files[i].vector && !pli__touched_is_whole(&d->touched->files[i]);
}

/* commitInfo.operationMetrics, as Spark names them. */
static pli_status add_metrics(pli__merge *m, pli_error *err) {
    const pli__merge_result *r = &m->now.result;
    const int64_t by_source[] = {m->now.updated_by_source, m->now.deleted_by_source};
    const struct {
        const char *name;
        int64_t value;
    } metrics[] = {
        {"numSourceRows", m->source_rows},
        {"numTargetRowsInserted", r->rows_inserted},
        {"numTargetRowsUpdated", r->rows_updated},
        {"numTargetRowsMatchedUpdated", r->rows_updated - by_source[0]},
        {"numTargetRowsNotMatchedBySourceUpdated", by_source[0]},
        {"numTargetRowsDeleted", r->rows_deleted},
        {"numTargetRowsMatchedDeleted", r->rows_deleted - by_source[1]},
        {"numTargetRowsNotMatchedBySourceDeleted", by_source[1]},
        {"numTargetRowsCopied", r->rows_copied},
        {"numOutputRows", r->rows_inserted + r->rows_updated + r->rows_copied},
        {"numTargetFilesAdded", r->files_added},
        {"numTargetFilesRemoved", r->files_removed},
        {"numTargetBytesAdded", r->bytes_added},
        {"numTargetChangeFilesAdded", m->now.d.result.change_files},
        {"numTargetDeletionVectorsAdded", r->vectors_added},
    };
    for (size_t i = 0; i < sizeof metrics / sizeof metrics[0]; i++)
        PLI_TRY(pli__txn_metric(m->now.d.txn, metrics[i].name, metrics[i].value, err));
    return PLI_OK;
}

pli_status pli__merge_write(pli__merge *m, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf rows = {0};
    pli__dml *d = &m->now.d;
    PLI_TRY(pli__merge_identity_advance(m, err));
    PLI_TRY(begin(m, err));
    PLI_TRY(pli__dml_take_rows(d, err));
    const bool changes = needs_changes(m);
    PLI_TRY(pli__merge_new_rows(m, &rows, err));
    PLI_TRY(keep_new_rows(m, changes, &rows, err));
    PLI_TRY(write_rows(m, &rows, err));
    if (changes) PLI_TRY(write_changes(m, &rows, err));
    take_numbers(m);
    return add_metrics(m, err);
}

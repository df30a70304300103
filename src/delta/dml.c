/* Delete and update. */
#include "delta/dml.h"

#include "base/json.h"
#include "delta/dml_write.h"
#include "delta/identity.h"
#include "delta/row_ids.h"
#include "delta/variant_write.h"

/* {"predicate":"[\"…\"]"}: a list as the text of its JSON, as Spark writes it. */
static pli_status parameters_of(const pli__dml_options *o, pli__buf *out, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf list = {0};
    pli__buf_addc(&list, '[');
    if (o->where) pli__buf_add_json(&list, pli__str_of(o->where));
    pli__buf_addc(&list, ']');
    pli__buf_addz(out, "{\"predicate\":");
    pli__buf_add_json(out, pli__buf_str(&list));
    pli__buf_addc(out, '}');
    return pli__buf_status(out, err);
}

/* The rows that stay in files which are rewritten, as one SELECT of all columns; empty text if there are none. */
static pli_status left_rows(pli__dml *d, pli__file_relation **relation, pli__buf *sql, pli_error *err) {
    PLI_TRY(pli__dml_rows(d, PLI__TOUCHED_LEFT, false, relation, sql, err));
    d->result.rows_copied = pli__touched_left(d->touched);
    return PLI_OK;
}

/* ---- delete ---- */

static pli_status write_deletes(pli__dml *d, pli_error *err) {
    PLI_AUTO(pli__file_relation_auto) pli__file_relation *left = NULL, *hit = NULL;
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0}, rows = {0}, changes = {0};
    bool any = false;
    PLI_TRY(left_rows(d, &left, &sql, err));
    if (sql.len) PLI_TRY(pli__dml_write_moved(d, sql.ptr, true, err));
    if (!d->feed || !pli__dml_is_partial(d)) return PLI_OK;
    PLI_TRY(pli__touched_sql(d->touched, PLI__TOUCHED_HIT, false, &hit, &rows, &any, err));
    pli__buf_addf(&changes, "SELECT *, 'delete' AS \"_change_type\" FROM (%s) AS pli_hit", rows.ptr ? rows.ptr : "");
    PLI_TRY(pli__buf_status(&changes, err));
    return pli__dml_write_changes(d, changes.ptr, err);
}

static pli_status run_delete(pli__dml *d, const pli__dml_options *o, pli_error *err) {
    PLI_TRY(pli__touched_where(d->touched, o->where, err));
    d->result.rows = d->touched->hit_rows;
    if (!d->touched->n || o->dry_run) return d->result.files_scanned = d->touched->files_probed, PLI_OK;
    PLI_TRY(pli__dml_take_rows(d, err));
    PLI_TRY(write_deletes(d, err));
    PLI_TRY(pli__txn_metric(d->txn, "numDeletedRows", d->result.rows, err));
    return pli__dml_commit(d, err);
}

static pli_status try_delete(pli__delta *t, const void *options, pli__dml_result *out, pli_error *err) {
    const pli__dml_options *o = options;
    PLI_AUTO(pli__dml_clear) pli__dml d = {0};
    PLI_AUTO(pli__buf_clear) pli__buf parameters = {0};
    PLI_TRY(parameters_of(o, &parameters, err));
    PLI_TRY(pli__dml_begin(t, "DELETE", parameters.ptr, o->copy_on_write, o->relaxed, o->user_metadata, &d, err));
    PLI_TRY(run_delete(&d, o, err));
    *out = d.result;
    return PLI_OK;
}

pli_status pli__dml_delete(pli__delta *t, const pli__dml_options *o, pli__dml_result *out, pli_error *err) {
    return pli__dml_retry(t, try_delete, o, out, err);
}

/* ---- update ---- */

static const pli__assignment *assignment_of(const pli__dml_options *o, const char *column) {
    for (size_t i = 0; i < o->n_set; i++)
        if (pli__str_ieqz(pli__str_of(column), o->set[i].column)) return &o->set[i];
    return NULL;
}

static pli_status check_assignments(const pli__dml *d, const pli__dml_options *o, pli_error *err) {
    const pli__type *schema = pli__snapshot_schema(d->snapshot);
    if (!o->n_set) return pli__error_set(err, PLI_E_ARGUMENT, "an update needs at least one column to set");
    for (size_t i = 0; i < o->n_set; i++) {
        const int k = pli__type_find(schema, pli__str_of(o->set[i].column), false);
        if (k < 0) return pli__type_no_column(schema, o->set[i].column, err);
        if (pli__identity_is(&schema->fields[k]))
            return pli__error_set(err, PLI_E_CONSTRAINT, "column '%s' is an identity column: its values stay",
                                  schema->fields[k].name);
        if (assignment_of(o, o->set[i].column) != &o->set[i])
            return pli__error_set(err, PLI_E_ARGUMENT, "column '%s' is set twice", o->set[i].column);
    }
    return PLI_OK;
}

static bool sets_variants(const pli__type *schema, const pli__dml_options *o) {
    for (size_t i = 0; i < schema->n_fields; i++)
        if (pli__type_has_variant(schema->fields[i].type) && assignment_of(o, schema->fields[i].name)) return true;
    return false;
}

/* What is set becomes the binary parts of variants in a second step, where its type is known. */
static pli_status finish_variants(const pli__dml *d, const pli__dml_options *o, pli__buf *sql, pli_error *err) {
    const pli__type *schema = pli__snapshot_schema(d->snapshot);
    PLI_AUTO(pli__type_auto) const pli__type *raw = NULL;
    PLI_AUTO(pli__buf_clear) pli__buf out = {0};
    pli__engine *e;
    size_t n = 0;
    if (!sets_variants(schema, o)) return PLI_OK;
    PLI_TRY(pli__env_engine(pli__delta_env(d->table), &e, err));
    PLI_TRY(pli__engine_describe(e, sql->ptr, &raw, err));
    pli__buf_addz(&out, "SELECT * REPLACE (");
    for (size_t i = 0; i < schema->n_fields; i++) {
        const pli__field *f = &schema->fields[i];
        PLI_AUTO(pli__buf_clear) pli__buf name = {0};
        if (!pli__type_has_variant(f->type) || !assignment_of(o, f->name)) continue;
        if (n++) pli__buf_addz(&out, ", ");
        pli__buf_add_sql_name(&name, pli__str_of(f->name));
        pli__variant_sql(f->type, raw->fields[i].type, pli__buf_str(&name), &out);
        pli__buf_addf(&out, " AS %s", name.ptr ? name.ptr : "");
    }
    pli__buf_addf(&out, ") FROM (%s) AS pli_set", sql->ptr);
    PLI_TRY(pli__buf_status(&out, err));
    pli__buf_clear(sql);
    *sql = out;
    out = (pli__buf){0};
    return PLI_OK;
}

/* SELECT of the hit rows as they become; what `hit` has behind the table's columns (ids of rows) stays. */
static pli_status updated_rows(const pli__dml *d, const pli__dml_options *o, const pli__buf *hit, pli__buf *out,
                               pli_error *err) {
    const pli__type *schema = pli__snapshot_schema(d->snapshot);
    size_t n = 0;
    pli__buf_addz(out, "SELECT * REPLACE (");
    for (size_t i = 0; i < schema->n_fields; i++) {
        const pli__field *f = &schema->fields[i];
        const pli__assignment *a = assignment_of(o, f->name);
        PLI_AUTO(pli__buf_clear) pli__buf type = {0};
        if (!a) continue;
        if (n++) pli__buf_addz(out, ", ");
        PLI_TRY(pli__type_to_sql(f->type, &type, err));
        if (pli__type_has_variant(f->type)) pli__buf_addf(out, "(%s\n) AS ", a->sql);
        else pli__buf_addf(out, "CAST((%s\n) AS %s) AS ", a->sql, type.ptr);
        pli__buf_add_sql_name(out, pli__str_of(f->name));
    }
    pli__buf_addf(out, ") FROM (%s) AS pli_hit", hit->ptr ? hit->ptr : "");
    PLI_TRY(pli__buf_status(out, err));
    return finish_variants(d, o, out, err);
}

/* The rows as they were: kept by the probe, or (all rows of the table) read again. */
static pli_status old_rows(pli__dml *d, const char *table, pli__file_relation **relation, pli__buf *sql,
                           pli_error *err) {
    if (!table) return pli__dml_rows(d, PLI__TOUCHED_HIT, true, relation, sql, err);
    pli__buf_addz(sql, "SELECT ");
    pli__dml_columns(d, "", sql);
    pli__buf_addf(sql, " FROM %s", table);
    return pli__buf_status(sql, err);
}

static pli_status write_updates(pli__dml *d, const pli__dml_options *o, const char *table, pli_error *err) {
    PLI_AUTO(pli__file_relation_auto) pli__file_relation *left = NULL, *hit = NULL;
    PLI_AUTO(pli__buf_clear) pli__buf kept = {0}, old = {0}, new = {0}, all = {0}, changes = {0};
    PLI_TRY(left_rows(d, &left, &kept, err));
    PLI_TRY(old_rows(d, table, &hit, &old, err));
    PLI_TRY(updated_rows(d, o, &old, &new, err));
    if (kept.len) pli__buf_addf(&all, "(%s) UNION ALL ", kept.ptr);
    pli__buf_addf(&all, "(%s)", new.ptr);
    PLI_TRY(pli__buf_status(&all, err));
    PLI_TRY(pli__dml_write_moved(d, all.ptr, false, err));
    if (!d->feed) return PLI_OK;
    pli__buf_addf(
        &changes,
        "SELECT *, 'update_preimage' AS \"_change_type\" FROM (%s) AS pli_old UNION ALL SELECT *, 'update_postimage' FROM (%s) AS pli_new",
        old.ptr ? old.ptr : "", new.ptr);
    PLI_TRY(pli__buf_status(&changes, err));
    return pli__dml_write_changes(d, changes.ptr, err);
}

static pli_status run_update(pli__dml *d, const pli__dml_options *o, char **table, pli_error *err) {
    PLI_TRY(check_assignments(d, o, err));
    const bool keep = o->where && !o->dry_run &&
                      !pli__row_ids_kept(d->snapshot); /* the probe does not know ids of rows */
    if (keep) PLI_TRY(pli__touched_collect(d->touched, o->where, table, err));
    else PLI_TRY(pli__touched_where(d->touched, o->where, err));
    d->result.rows = d->touched->hit_rows;
    if (!d->touched->n || o->dry_run) return d->result.files_scanned = d->touched->files_probed, PLI_OK;
    PLI_TRY(pli__dml_take_rows(d, err));
    PLI_TRY(write_updates(d, o, *table, err));
    PLI_TRY(pli__txn_metric(d->txn, "numUpdatedRows", d->result.rows, err));
    return pli__dml_commit(d, err);
}

static pli_status try_update(pli__delta *t, const void *options, pli__dml_result *out, pli_error *err) {
    const pli__dml_options *o = options;
    PLI_AUTO(pli__dml_clear) pli__dml d = {0};
    PLI_AUTO(pli__buf_clear) pli__buf parameters = {0};
    PLI_TRY(parameters_of(o, &parameters, err));
    PLI_TRY(pli__dml_begin(t, "UPDATE", parameters.ptr, o->copy_on_write, o->relaxed, o->user_metadata, &d, err));
    char *table = NULL;
    const pli_status s = run_update(&d, o, &table, err);
    pli__touched_drop(d.touched, &table);
    if (s == PLI_OK) *out = d.result;
    return s;
}

pli_status pli__dml_update(pli__delta *t, const pli__dml_options *o, pli__dml_result *out, pli_error *err) {
    return pli__dml_retry(t, try_update, o, out, err);
}

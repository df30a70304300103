/* Adding a column and filling it, in one commit. */
#include "delta/fill.h"

#include "delta/dml_write.h"
#include "delta/metadata_write.h"
#include "delta/protocol_write.h"
#include "delta/row_ids.h"

/* What the commit makes of the table; borrowed by the pli__dml. */
typedef struct {
    const pli__type *schema; /* NULL: as it is */
    pli__metadata metadata;
    pli__protocol protocol;
    const char *added; /* NULL = none */
} target;

static void target_clear(target *t) { pli__type_unref(t->schema); }

static pli_status add_field(const pli__type *schema, const pli__fill_options *o, const pli__type **out,
                            pli_error *err) {
    PLI_AUTO(pli__type_builder_clear) pli__type_builder b = {0};
    if (pli__type_find(schema, pli__str_of(o->add), false) >= 0)
        return pli__error_set(err, PLI_E_EXISTS, "the table has a column '%s' already", o->add);
    for (size_t i = 0; i < schema->n_fields; i++) {
        const pli__field *f = &schema->fields[i];
        pli__type_builder_add(&b, pli__str_of(f->name), pli__type_ref(f->type), f->nullable, f->metadata);
    }
    pli__type_builder_add(&b, pli__str_of(o->add), pli__type_ref(o->add_type), true, NULL);
    *out = pli__type_builder_finish(&b);
    return *out ? PLI_OK : pli__error_memory(err);
}

/* The metadata's own text is what counts: column mapping gives the new field an id and a name there. */
static pli_status change_schema(pli__dml *d, const pli__fill_options *o, target *t, pli_error *err) {
    PLI_AUTO(pli__type_auto) const pli__type *wanted = NULL;
    bool changed;
    PLI_TRY(add_field(pli__snapshot_schema(d->snapshot), o, &wanted, err));
    PLI_TRY(pli__metadata_with_schema(d->metadata, wanted, &d->arena, &t->metadata, err));
    PLI_TRY(pli__type_from_delta(t->metadata.schema_string, &t->schema, err));
    PLI_TRY(pli__protocol_derive(&t->metadata, t->schema, d->protocol, &d->arena, &t->protocol, &changed, err));
    PLI_TRY(pli__txn_set_metadata(d->txn, &t->metadata, err));
    d->metadata = &t->metadata;
    d->protocol = &t->protocol;
    t->added = o->add;
    return PLI_OK;
}

static const char *new_value(const pli__fill_options *o, const char *column) {
    for (size_t i = 0; i < o->n_set; i++)
        if (pli__str_ieqz(pli__str_of(column), o->set[i].column)) return o->set[i].sql;
    return NULL;
}

/* SELECT of rows as they become. @param filled false: as they were, in the new columns @param ids the rows have their ids behind
 * them */
static pli_status add_rows(const pli__dml *d, const pli__fill_options *o, const target *t, const char *from,
                           bool filled, bool ids, pli__buf *out, pli_error *err) {
    const pli__type *schema = t->schema ? t->schema : pli__snapshot_schema(d->snapshot);
    pli__buf_addz(out, "SELECT ");
    for (size_t i = 0; i < schema->n_fields; i++) {
        const pli__field *f = &schema->fields[i];
        const char *value = filled ? new_value(o, f->name) : NULL;
        if (!value && t->added && pli__str_ieqz(pli__str_of(f->name), t->added)) value = "NULL";
        if (i) pli__buf_addz(out, ", ");
        if (value) {
            PLI_AUTO(pli__buf_clear) pli__buf type = {0};
            PLI_TRY(pli__type_to_sql(f->type, &type, err));
            pli__buf_addf(out, "CAST((%s\n) AS %s) AS ", value, type.ptr);
        }
        pli__buf_add_sql_name(out, pli__str_of(f->name));
    }
    if (ids) {
        pli__buf_addz(out, ", ");
        PLI_TRY(pli__row_ids_columns(d->metadata, "", out, err));
    }
    pli__buf_addf(out, " FROM (%s) AS pli_rows", from);
    return pli__buf_status(out, err);
}

/* Rows that stay in files which are rewritten. */
static pli_status add_left(pli__dml *d, const pli__fill_options *o, const target *t, pli__file_relation **relation,
                           pli__buf *out, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf left = {0};
    PLI_TRY(pli__dml_rows(d, PLI__TOUCHED_LEFT, false, relation, &left, err));
    d->result.rows_copied = pli__touched_left(d->touched);
    if (!left.len) return PLI_OK;
    PLI_TRY(add_rows(d, o, t, left.ptr, false, pli__row_ids_kept(d->snapshot), out, err));
    pli__buf_addz(out, " UNION ALL ");
    return pli__buf_status(out, err);
}

static pli_status write_rows(pli__dml *d, const pli__fill_options *o, const target *t, const char *hit,
                             pli_error *err) {
    PLI_AUTO(pli__file_relation_auto) pli__file_relation *left = NULL;
    PLI_AUTO(pli__buf_clear) pli__buf rows = {0}, old = {0}, new = {0}, changes = {0};
    const bool ids = pli__row_ids_kept(d->snapshot);
    PLI_TRY(add_rows(d, o, t, hit, true, ids, &new, err));
    PLI_TRY(add_left(d, o, t, &left, &rows, err));
    pli__buf_adds(&rows, pli__buf_str(&new));
    PLI_TRY(pli__buf_status(&rows, err));
    PLI_TRY(pli__dml_write_moved(d, rows.ptr, true, err));
    if (!d->feed) return PLI_OK;
    PLI_TRY(add_rows(d, o, t, hit, false, ids, &old, err));
    pli__buf_addf(
        &changes,
        "SELECT *, 'update_preimage' AS \"_change_type\" FROM (%s) AS pli_old UNION ALL SELECT *, 'update_postimage' FROM (%s) AS pli_new",
        old.ptr, new.ptr);
    PLI_TRY(pli__buf_status(&changes, err));
    return pli__dml_write_changes(d, changes.ptr, err);
}

static pli_status run_fill(pli__dml *d, const pli__fill_options *o, target *t, char **table, pli_error *err) {
    PLI_AUTO(pli__file_relation_auto) pli__file_relation *relation = NULL;
    PLI_AUTO(pli__buf_clear) pli__buf hit = {0};
    const bool ids = pli__row_ids_kept(d->snapshot); /* the probe does not know them */
    if (o->add) PLI_TRY(change_schema(d, o, t, err));
    if (o->dry_run || ids) PLI_TRY(pli__touched_where(d->touched, o->where, err));
    else PLI_TRY(pli__touched_collect(d->touched, o->where, table, err));
    d->result.rows = d->touched->hit_rows;
    d->result.files_scanned = d->touched->files_probed;
    if (o->dry_run) return d->result.files_removed = (int64_t)d->touched->n, PLI_OK;
    if (d->touched->n) {
        PLI_TRY(pli__dml_take_rows(d, err));
        if (ids) PLI_TRY(pli__dml_rows(d, PLI__TOUCHED_HIT, true, &relation, &hit, err));
        else pli__buf_addf(&hit, "SELECT * FROM %s", *table);
        PLI_TRY(pli__buf_status(&hit, err));
        PLI_TRY(write_rows(d, o, t, hit.ptr, err));
    } else if (!o->add) return PLI_OK;
    PLI_TRY(pli__txn_metric(d->txn, "numUpdatedRows", d->result.rows, err));
    return pli__dml_commit(d, err);
}

static pli_status try_fill(pli__delta *table, const void *options, pli__dml_result *out, pli_error *err) {
    const pli__fill_options *o = options;
    PLI_AUTO(target_clear) target t = {0};
    PLI_AUTO(pli__dml_clear) pli__dml d = {0};
    char *rows = NULL;
    PLI_TRY(pli__dml_begin(table, o->operation, o->parameters, false, o->relaxed, NULL, &d, err));
    const pli_status status = run_fill(&d, o, &t, &rows, err);
    pli__touched_drop(d.touched, &rows);
    if (status == PLI_OK) *out = d.result;
    return status;
}

pli_status pli__dml_fill(pli__delta *t, const pli__fill_options *o, pli__dml_result *out, pli_error *err) {
    return pli__dml_retry(t, try_fill, o, out, err);
}

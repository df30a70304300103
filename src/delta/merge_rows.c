/* The rows that a merge writes, as one SELECT: one part for each clause that updates or inserts. */
#include "base/json.h"
#include "delta/identity.h"
#include "delta/merge_impl.h"
#include "delta/row_ids.h"
#include "delta/spark_sql.h"
#include "delta/variant_write.h"

/* ---- one column ---- */

static const char *set_expression(const pli_merge_clause *c, const char *column) {
    for (size_t i = 0; i < c->n_set; i++)
        if (pli__str_ieqz(pli__str_of(column), c->set[i].key)) return c->set[i].value;
    return NULL;
}

static void add_qualified(const char *table, const char *column, pli__buf *out) {
    pli__buf_addf(out, "%s.", table);
    pli__buf_add_sql_name(out, pli__str_of(column));
}

bool pli__merge_gives(const pli__merge *m, const pli_merge_clause *c, const char *column) {
    return set_expression(c, column) || (c->star && pli__type_find(m->source, pli__str_of(column), false) >= 0);
}

/* The value that a clause gives by itself; false if it gives none. */
static bool add_given(const pli__merge *m, const pli_merge_clause *c, const pli__field *f, pli__buf *out) {
    const char *sql = set_expression(c, f->name);
    const int k = c->star ? pli__type_find(m->source, pli__str_of(f->name), false) : -1;
    if (sql) pli__buf_addf(out, "(%s\n)", sql);
    else if (k >= 0) add_qualified("source", m->source->fields[k].name, out);
    return sql || k >= 0;
}

/* What is generated from other columns of the new row comes in a second step. */
static bool is_generated(const pli__merge *m, const pli_merge_clause *c, const pli__field *f, pli__buf *expression) {
    return !pli__merge_gives(m, c, f->name) && pli__field_meta_str(f, "delta.generationExpression", expression);
}

static pli_status add_value(const pli__merge *m, const pli_merge_clause *c, const pli__field *f, pli__buf *out,
                            pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf text = {0};
    if (add_given(m, c, f, out)) return PLI_OK;
    if (pli__field_meta_str(f, "delta.generationExpression", &text)) return pli__buf_addz(out, "NULL"), PLI_OK;
    if (c->action == PLI_MERGE_UPDATE) {
        if (pli__type_find(m->now.before, pli__str_of(f->name), false) < 0) pli__buf_addz(out, "NULL");
        else add_qualified("target", f->name, out);
        return PLI_OK;
    }
    if (pli__identity_is(f)) return pli__merge_identity_sql(m, (size_t)(c - m->clauses), f, out, err);
    if (!pli__field_meta_str(f, "CURRENT_DEFAULT", &text)) return pli__buf_addz(out, "NULL"), PLI_OK;
    pli__buf_addc(out, '(');
    PLI_TRY_IN(pli__spark_sql(pli__buf_str(&text), out, err), err, "column '%s'", f->name);
    pli__buf_addc(out, ')');
    return PLI_OK;
}

/* Variants become their binary parts in the second step, where the type of what the clause gives is known. */
static pli_status add_typed(const pli__field *f, const pli__buf *value, pli__buf *out, pli_error *err) {
    PLI_TRY(pli__buf_status(value, err));
    if (pli__type_has_variant(f->type) && !pli__str_eqz(pli__buf_str(value), "NULL"))
        pli__buf_addf(out, "%s AS ", value->ptr);
    else {
        pli__buf_addf(out, "CAST(%s AS ", value->ptr);
        pli__mapping_sql_type(f->type, out);
        pli__buf_addz(out, ") AS ");
    }
    pli__buf_add_sql_name(out, pli__str_of(f->name));
    pli__buf_addz(out, ", ");
    return pli__buf_status(out, err);
}

/* ---- one clause ---- */

static pli_status add_values(const pli__merge *m, const pli_merge_clause *c, bool *second, pli__buf *out,
                             pli_error *err) {
    for (size_t i = 0; i < m->now.after->n_fields; i++) {
        const pli__field *f = &m->now.after->fields[i];
        PLI_AUTO(pli__buf_clear) pli__buf value = {0}, expression = {0};
        if (f->type->id == PLI__TYPE_NULL) continue;
        if (is_generated(m, c, f, &expression) || pli__type_has_variant(f->type)) *second = true;
        PLI_TRY_IN(add_value(m, c, f, &value, err), err, "column '%s'", f->name);
        PLI_TRY(add_typed(f, &value, out, err));
    }
    return PLI_OK;
}

/* The second step. @param raw the columns of the first */
static pli_status add_finished(const pli__merge *m, const pli_merge_clause *c, const pli__type *raw, pli__buf *out,
                               pli_error *err) {
    for (size_t i = 0; i < m->now.after->n_fields; i++) {
        const pli__field *f = &m->now.after->fields[i];
        PLI_AUTO(pli__buf_clear) pli__buf value = {0}, expression = {0};
        if (f->type->id == PLI__TYPE_NULL) continue;
        if (is_generated(m, c, f, &expression)) {
            pli__buf_addc(&value, '(');
            PLI_TRY_IN(pli__spark_sql(pli__buf_str(&expression), &value, err), err, "generated column '%s'", f->name);
            pli__buf_addc(&value, ')');
        } else if (pli__type_has_variant(f->type)) {
            PLI_AUTO(pli__buf_clear) pli__buf name = {0};
            const int k = pli__type_find(raw, pli__str_of(f->name), true);
            pli__buf_add_sql_name(&name, pli__str_of(f->name));
            pli__variant_sql(f->type, raw->fields[k].type, pli__buf_str(&name), &value);
        } else pli__buf_add_sql_name(&value, pli__str_of(f->name));
        PLI_TRY(add_typed(f, &value, out, err));
    }
    return PLI_OK;
}

/* An updated row keeps its id, its version will be that of the commit; a new row gets both from its file. */
static pli_status add_ids(const pli__merge *m, const pli_merge_clause *c, pli__buf *out, pli_error *err) {
    const pli__metadata *table = pli__snapshot_metadata(m->now.d.snapshot);
    if (!m->now.keeps_ids) return PLI_OK;
    pli__buf_addz(out, ", ");
    if (c->action == PLI_MERGE_UPDATE) return pli__row_ids_columns(table, "target.", out, err);
    return pli__row_ids_columns(table, "NULL::BIGINT AS ", out, err);
}

static void add_rows_of(const pli__merge *m, size_t k, pli__buf *out) {
    const pli_merge_when when = m->clauses[k].when;
    pli__buf_addf(out, " FROM %s AS x", when == PLI_MERGE_NOT_MATCHED ? m->t.i : m->t.a);
    if (when != PLI_MERGE_NOT_MATCHED_BY_SOURCE)
        pli__buf_addf(out, " JOIN %s AS source ON source._pli_source = x._pli_s", m->t.s);
    if (when != PLI_MERGE_NOT_MATCHED && m->now.needs_old[k] && m->now.has_old)
        pli__buf_addf(out, " JOIN %s AS target ON target._pli_number = x._pli_f AND target._pli_row = x._pli_r",
                      m->t.o);
    pli__buf_addf(out, " WHERE x._pli_c = %zu", k);
}

/* SELECT of what the clause gives by itself; columns that are generated from others are NULL. */
static pli_status add_first(const pli__merge *m, size_t k, bool *second, pli__buf *out, pli_error *err) {
    const pli_merge_clause *c = &m->clauses[k];
    pli__buf_addz(out, "SELECT ");
    PLI_TRY(add_values(m, c, second, out, err));
    pli__buf_addf(out, "'%s' AS _pli_kind", c->action == PLI_MERGE_INSERT ? "insert" : "update_postimage");
    PLI_TRY(add_ids(m, c, out, err));
    add_rows_of(m, k, out);
    return pli__buf_status(out, err);
}

static pli_status add_clause(const pli__merge *m, size_t k, pli__buf *out, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf first = {0};
    PLI_AUTO(pli__type_auto) const pli__type *raw = NULL;
    bool second = false;
    PLI_TRY(add_first(m, k, &second, &first, err));
    if (!second) return pli__buf_adds(out, pli__buf_str(&first)), pli__buf_status(out, err);
    PLI_TRY(pli__engine_describe(m->engine, first.ptr, &raw, err));
    pli__buf_addz(out, "SELECT ");
    PLI_TRY(add_finished(m, &m->clauses[k], raw, out, err));
    pli__buf_addz(out, "_pli_kind");
    if (m->now.keeps_ids) {
        pli__buf_addz(out, ", ");
        PLI_TRY(pli__row_ids_columns(pli__snapshot_metadata(m->now.d.snapshot), "", out, err));
    }
    pli__buf_addf(out, " FROM (%s) AS pli_new", first.ptr);
    return pli__buf_status(out, err);
}

pli_status pli__merge_new_rows(pli__merge *m, pli__buf *out, pli_error *err) {
    const pli__merge_result *r = &m->now.result;
    for (size_t k = 0; k < m->n_clauses; k++) {
        const pli_merge_clause *c = &m->clauses[k];
        if (c->action == PLI_MERGE_DELETE || !(c->action == PLI_MERGE_INSERT ? r->rows_inserted : r->rows_updated))
            continue;
        if (out->len) pli__buf_addz(out, " UNION ALL ");
        PLI_TRY(add_clause(m, k, out, err));
    }
    return pli__buf_status(out, err);
}

pli_status pli__merge_columns(const pli__merge *m, const char *prefix, bool new_as_null, pli__buf *out,
                              pli_error *err) {
    for (size_t i = 0, n = 0; i < m->now.after->n_fields; i++) {
        const pli__field *f = &m->now.after->fields[i];
        if (f->type->id == PLI__TYPE_NULL) continue;
        if (n++) pli__buf_addz(out, ", ");
        if (new_as_null && pli__type_find(m->now.before, pli__str_of(f->name), false) < 0) {
            pli__buf_addz(out, "CAST(NULL AS ");
            pli__mapping_sql_type(f->type, out);
            pli__buf_addz(out, ") AS ");
        } else pli__buf_addz(out, prefix);
        pli__buf_add_sql_name(out, pli__str_of(f->name));
    }
    return pli__buf_status(out, err);
}

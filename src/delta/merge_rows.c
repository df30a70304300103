/* The rows that a merge writes, as one SELECT: one part for each clause that updates or inserts. */
#include "base/json.h"
#include "delta/merge_impl.h"
#include "delta/spark_sql.h"

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
    PLI_AUTO(pli__buf_clear) pli__buf given = {0};
    return !add_given(m, c, f, &given) && pli__field_meta_str(f, "delta.generationExpression", expression);
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
    if (!pli__field_meta_str(f, "CURRENT_DEFAULT", &text)) return pli__buf_addz(out, "NULL"), PLI_OK;
    pli__buf_addc(out, '(');
    PLI_TRY_IN(pli__spark_sql(pli__buf_str(&text), out, err), err, "column '%s'", f->name);
    pli__buf_addc(out, ')');
    return PLI_OK;
}

static pli_status add_typed(const pli__field *f, const pli__buf *value, pli__buf *out, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf type = {0};
    PLI_TRY(pli__buf_status(value, err));
    PLI_TRY(pli__type_to_sql(f->type, &type, err));
    pli__buf_addf(out, "CAST(%s AS %s) AS ", value->ptr, type.ptr);
    pli__buf_add_sql_name(out, pli__str_of(f->name));
    pli__buf_addz(out, ", ");
    return pli__buf_status(out, err);
}

/* ---- one clause ---- */

static pli_status add_values(const pli__merge *m, const pli_merge_clause *c, bool *generated, pli__buf *out,
                             pli_error *err) {
    for (size_t i = 0; i < m->now.after->n_fields; i++) {
        const pli__field *f = &m->now.after->fields[i];
        PLI_AUTO(pli__buf_clear) pli__buf value = {0}, expression = {0};
        if (f->type->id == PLI__TYPE_NULL) continue;
        if (is_generated(m, c, f, &expression)) *generated = true;
        PLI_TRY_IN(add_value(m, c, f, &value, err), err, "column '%s'", f->name);
        PLI_TRY(add_typed(f, &value, out, err));
    }
    return PLI_OK;
}

static pli_status add_generated(const pli__merge *m, const pli_merge_clause *c, pli__buf *out, pli_error *err) {
    for (size_t i = 0; i < m->now.after->n_fields; i++) {
        const pli__field *f = &m->now.after->fields[i];
        PLI_AUTO(pli__buf_clear) pli__buf value = {0}, expression = {0};
        if (f->type->id == PLI__TYPE_NULL) continue;
        if (is_generated(m, c, f, &expression)) {
            pli__buf_addc(&value, '(');
            PLI_TRY_IN(pli__spark_sql(pli__buf_str(&expression), &value, err), err, "generated column '%s'", f->name);
            pli__buf_addc(&value, ')');
        } else pli__buf_add_sql_name(&value, pli__str_of(f->name));
        PLI_TRY(add_typed(f, &value, out, err));
    }
    return PLI_OK;
}

static void add_rows_of(const pli__merge *m, size_t k, pli__buf *out) {
    const pli_merge_when when = m->clauses[k].when;
    pli__buf_addf(out, " FROM %s AS x", when == PLI_MERGE_NOT_MATCHED ? m->t.i : m->t.a);
    if (when != PLI_MERGE_NOT_MATCHED_BY_SOURCE)
        pli__buf_addf(out, " JOIN %s AS source ON source._pli_source = x._pli_s", m->t.s);
    if (when != PLI_MERGE_NOT_MATCHED && m->now.needs_old[k] && m->now.has_old)
        pli__buf_addf(out, " JOIN %s AS target ON target._pli_file = x._pli_f AND target._pli_row = x._pli_r", m->t.o);
    pli__buf_addf(out, " WHERE x._pli_c = %zu", k);
}

static pli_status add_clause(const pli__merge *m, size_t k, pli__buf *out, pli_error *err) {
    const pli_merge_clause *c = &m->clauses[k];
    PLI_AUTO(pli__buf_clear) pli__buf values = {0}, second = {0};
    bool generated = false;
    PLI_TRY(add_values(m, c, &generated, &values, err));
    if (generated) {
        PLI_TRY(add_generated(m, c, &second, err));
        pli__buf_addf(out, "SELECT %s_pli_kind FROM (", second.ptr);
    }
    pli__buf_addf(out, "SELECT %s'%s' AS _pli_kind", values.ptr,
                  c->action == PLI_MERGE_INSERT ? "insert" : "update_postimage");
    add_rows_of(m, k, out);
    if (generated) pli__buf_addz(out, ") AS pli_new");
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
        PLI_AUTO(pli__buf_clear) pli__buf type = {0};
        if (f->type->id == PLI__TYPE_NULL) continue;
        if (n++) pli__buf_addz(out, ", ");
        if (new_as_null && pli__type_find(m->now.before, pli__str_of(f->name), false) < 0) {
            PLI_TRY(pli__type_to_sql(f->type, &type, err));
            pli__buf_addf(out, "CAST(NULL AS %s) AS ", type.ptr);
        } else pli__buf_addz(out, prefix);
        pli__buf_add_sql_name(out, pli__str_of(f->name));
    }
    return pli__buf_status(out, err);
}

/* The SELECT of a batch: levels of subqueries for each part, so that every value is computed once.
 *
 *   level 1  raw columns                  (part.sql) AS pli_f
 *   level 2  misfits of nested JSON       SELECT *, pli_json_misfits(...) AS pli_m3      only where there is any
 *   level 3  nested JSON, parsed          SELECT *, from_json(...) AS pli_j3             only where there is any
 *   level 4  values                       SELECT cast AS pli_v0, raw AS pli_r0, ...
 *   level 5  rescued data, errors         SELECT pli_v0 AS "a", ..., CASE WHEN misfit THEN ... END AS "_rescued_data"
 */
#include "schema/render.h"

#include <stdio.h>

#include "schema/render_impl.h"

/* One part while it is rendered. Columns are numbered: the schema's, then the extra ones of the file. */
typedef struct {
    const pli__evolve_plan *plan;
    const pli__evolve_node *root;
    const pli__part *part;
    size_t index;
    pli__rep rep;
} part_view;

static size_t count_columns(const part_view *p) { return p->root->n_children + p->root->n_extra; }

static const pli__evolve_node *column_at(const part_view *p, size_t i) {
    return i < p->root->n_children ? &p->root->children[i] : &p->root->extra[i - p->root->n_children];
}

static bool is_written(const pli__evolve_node *n) { return n->to && pli__has_type(n->to); }

/* "pli_f"."name in the file" */
static pli_status source_of(pli__buf *b, const pli__evolve_node *n, pli_error *err) {
    return pli__render_field(b, "pli_f", n->source_name, err);
}

/* A name such as pli_v12. */
typedef struct {
    char text[32];
} numbered;

static numbered number(const char *prefix, size_t i) {
    numbered n;
    snprintf(n.text, sizeof n.text, "%s%zu", prefix, i);
    return n;
}

/* ---- levels 1 to 3 ---- */

static bool has_nested_json(const part_view *p) {
    for (size_t i = 0; i < count_columns(p); i++)
        if (column_at(p, i)->convert == PLI__CONVERT_JSON) return true;
    return false;
}

typedef pli_status nested_fn(pli__buf *b, const pli__evolve_node *n, const char *e, const char *m, pli_error *err);

static pli_status call_misfits(pli__buf *b, const pli__evolve_node *n, const char *e, const char *m, pli_error *err) {
    (void)m;
    return pli__render_json_misfits(b, n, e, err);
}

/* (SELECT *, <fn> AS <prefix>i, ... FROM */
static pli_status open_level(pli__buf *b, const part_view *p, nested_fn *fn, const char *prefix, bool all,
                             pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf source = {0};
    pli__buf_addz(b, "(SELECT *");
    for (size_t i = 0; i < count_columns(p); i++) {
        if (column_at(p, i)->convert != PLI__CONVERT_JSON || !(all || is_written(column_at(p, i)))) continue;
        PLI_TRY(source_of(&source, column_at(p, i), err));
        pli__buf_addz(b, ", ");
        PLI_TRY(fn(b, column_at(p, i), source.ptr, number("pli_f.pli_m", i).text, err));
        pli__buf_addf(b, " AS %s%zu", prefix, i);
    }
    pli__buf_addz(b, " FROM ");
    return pli__buf_status(b, err);
}

static pli_status add_source(pli__buf *b, const part_view *p, pli_error *err) {
    const bool nested = has_nested_json(p);
    if (nested) {
        PLI_TRY(open_level(b, p, pli__render_json_read, "pli_j", false, err));
        PLI_TRY(open_level(b, p, call_misfits, "pli_m", true, err));
    }
    pli__buf_addf(b, "(%s) AS pli_f", p->part->sql);
    if (nested) pli__buf_addz(b, ") AS pli_f) AS pli_f");
    return pli__buf_status(b, err);
}

/* ---- level 4 ---- */

static pli_status add_value(pli__buf *b, const part_view *p, size_t i, pli_error *err) {
    const pli__evolve_node *n = column_at(p, i);
    PLI_AUTO(pli__buf_clear) pli__buf source = {0};
    if (n->convert == PLI__CONVERT_NULL) return pli__render_null(b, n->to, err);
    if (n->convert == PLI__CONVERT_JSON) {
        pli__evolve_node fields = *n;
        fields.convert = PLI__CONVERT_FIELDS;
        return pli__render_value(b, &fields, PLI__REP_JSON, number("pli_f.pli_j", i).text, 0, err);
    }
    PLI_TRY(source_of(&source, n, err));
    return pli__render_value(b, n, p->rep, source.ptr, 0, err);
}

static pli_status add_values(pli__buf *b, const part_view *p, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf source = {0};
    pli__buf_addz(b, "(SELECT pli_f.\"_pli_path\"");
    if (p->part->has_line) pli__buf_addz(b, ", pli_f.\"_pli_line\"");
    if (p->part->has_corrupt) pli__buf_addz(b, ", pli_f.\"_pli_corrupt\"");
    for (size_t i = 0; i < count_columns(p); i++) {
        const pli__evolve_node *n = column_at(p, i);
        if (is_written(n)) {
            pli__buf_addz(b, ", ");
            PLI_TRY(add_value(b, p, i, err));
            pli__buf_addf(b, " AS pli_v%zu", i);
        }
        if (!pli__may_misfit(n)) continue;
        PLI_TRY(source_of(&source, n, err));
        pli__buf_addf(b, ", %s AS pli_r%zu", source.ptr, i);
        if (n->convert == PLI__CONVERT_JSON) pli__buf_addf(b, ", pli_f.pli_m%zu", i);
    }
    pli__buf_addz(b, " FROM ");
    PLI_TRY(add_source(b, p, err));
    pli__buf_addz(b, ") AS pli_i");
    return pli__buf_status(b, err);
}

/* ---- level 5 ---- */

static pli_status add_misfit(pli__buf *b, const part_view *p, size_t i, pli_error *err) {
    const pli__evolve_node *n = column_at(p, i);
    if (n->convert == PLI__CONVERT_JSON) {
        pli__buf_addf(b, "(pli_i.pli_m%zu IS NOT NULL)", i);
        return pli__buf_status(b, err);
    }
    return pli__render_misfit(b, n, number("pli_i.pli_r", i).text,
                              is_written(n) ? number("pli_i.pli_v", i).text : "NULL", 0, err);
}

static pli_status add_rescued(pli__buf *b, const part_view *p, size_t i, pli_error *err) {
    const pli__evolve_node *n = column_at(p, i);
    if (n->convert == PLI__CONVERT_JSON) {
        pli__buf_addf(b, "pli_i.pli_m%zu", i);
        return pli__buf_status(b, err);
    }
    return pli__render_rescued(b, n, p->rep, number("pli_i.pli_r", i).text, number("pli_i.pli_v", i).text, 0, err);
}

/* What a misfit does in this batch. */
static bool is_fatal(const part_view *p, const pli__evolve_node *n) {
    const pli__schema_policy *policy = &p->plan->policy;
    if (policy->rescue) return false;
    return policy->mode != PLI__SCHEMA_COERCE || !is_written(n);
}

/* error('pli_misfit|part|column|bytes of file|file|value|'), see schema/misfit.c */
static pli_status add_error(pli__buf *b, const part_view *p, size_t i, pli_error *err) {
    pli__buf_addf(
        b, "error(concat('pli_misfit|%zu|%zu|', strlen(pli_i.\"_pli_path\"), '|', pli_i.\"_pli_path\", '|', left(",
        p->index, i);
    PLI_TRY(add_rescued(b, p, i, err));
    pli__buf_addf(b, ", %d), '|'))", PLI__MISFIT_VALUE_MAX);
    return pli__buf_status(b, err);
}

static pli_status add_column(pli__buf *b, const part_view *p, size_t i, pli_error *err) {
    const pli__evolve_node *n = column_at(p, i);
    if (!pli__may_misfit(n) || !is_fatal(p, n)) {
        pli__buf_addf(b, "pli_i.pli_v%zu", i);
    } else {
        pli__buf_addz(b, "CASE WHEN ");
        PLI_TRY(add_misfit(b, p, i, err));
        pli__buf_addz(b, " THEN CAST(");
        PLI_TRY(add_error(b, p, i, err));
        pli__buf_addz(b, " AS ");
        PLI_TRY(pli__render_type(b, n->to, err));
        pli__buf_addf(b, ") ELSE pli_i.pli_v%zu END", i);
    }
    pli__buf_addz(b, " AS ");
    pli__buf_add_sql_name(b, pli__str_of(n->name));
    return pli__buf_status(b, err);
}

static pli_status add_rescue_column(pli__buf *b, const part_view *p, pli_error *err) {
    bool any = p->part->has_corrupt && p->plan->policy.corrupt_column;
    pli__buf_addz(b, any ? "CASE WHEN pli_i.\"_pli_corrupt\" IS NOT NULL" : "CASE WHEN ");
    for (size_t i = 0; i < count_columns(p); i++) {
        if (!pli__may_misfit(column_at(p, i))) continue;
        if (any) pli__buf_addz(b, " OR ");
        any = true;
        PLI_TRY(add_misfit(b, p, i, err));
    }
    if (!any) pli__buf_addz(b, "false");
    pli__buf_addz(b, " THEN concat('{', concat_ws(','");
    for (size_t i = 0; i < count_columns(p); i++) {
        if (!pli__may_misfit(column_at(p, i))) continue;
        pli__buf_addz(b, ", CASE WHEN ");
        PLI_TRY(add_misfit(b, p, i, err));
        pli__buf_addz(b, " THEN ");
        PLI_TRY(pli__render_key(b, column_at(p, i)->source_name, err));
        pli__buf_addz(b, " || ");
        PLI_TRY(add_rescued(b, p, i, err));
        pli__buf_addz(b, " END");
    }
    if (p->part->has_line && p->part->has_corrupt)
        pli__buf_addz(
            b, ", CASE WHEN pli_i.\"_pli_corrupt\" IS NOT NULL THEN concat('\"_line\":', pli_i.\"_pli_line\") END");
    pli__buf_addz(b, ", '\"_file_path\":' || CAST(to_json(pli_i.\"_pli_path\") AS VARCHAR)), '}') END AS ");
    pli__buf_add_sql_name(b, pli__str_of(pli__schema_rescue_column(&p->plan->policy)));
    return pli__buf_status(b, err);
}

/* Rows that must not be there: corrupt ones that are to be skipped. Columns without a type have no place for their
 * error among the values, so it is raised here. */
static pli_status add_where(pli__buf *b, const part_view *p, pli_error *err) {
    const char *word = " WHERE ";
    if (p->part->has_corrupt && !p->plan->policy.corrupt_column) {
        pli__buf_addf(b, "%spli_i.\"_pli_corrupt\" IS NULL", word);
        word = " AND ";
    }
    for (size_t i = 0; i < count_columns(p); i++) {
        const pli__evolve_node *n = column_at(p, i);
        if (is_written(n) || !pli__may_misfit(n) || !is_fatal(p, n)) continue;
        pli__buf_addf(b, "%sCASE WHEN ", word);
        PLI_TRY(add_misfit(b, p, i, err));
        pli__buf_addz(b, " THEN CAST(");
        PLI_TRY(add_error(b, p, i, err));
        pli__buf_addz(b, " AS BOOLEAN) ELSE true END");
        word = " AND ";
    }
    return pli__buf_status(b, err);
}

static pli_status add_part(pli__buf *b, const part_view *p, pli_error *err) {
    const pli__schema_policy *policy = &p->plan->policy;
    pli__buf_addz(b, "SELECT ");
    for (size_t i = 0; i < p->root->n_children; i++) {
        if (!is_written(column_at(p, i))) continue;
        PLI_TRY(add_column(b, p, i, err));
        pli__buf_addz(b, ", ");
    }
    if (policy->rescue) {
        PLI_TRY(add_rescue_column(b, p, err));
        pli__buf_addz(b, ", ");
    }
    if (policy->corrupt_column)
        pli__buf_addf(b, "%s AS \"" PLI__CORRUPT_RECORD "\", ",
                      p->part->has_corrupt ? "pli_i.\"_pli_corrupt\"" : "CAST(NULL AS VARCHAR)");
    pli__buf_addz(b, "pli_i.\"_pli_path\" FROM ");
    PLI_TRY(add_values(b, p, err));
    return add_where(b, p, err);
}

/* ---- the batch ---- */

/* No files: no rows of the right columns. */
static pli_status add_nothing(pli__buf *b, const pli__evolve_plan *plan, pli_error *err) {
    pli__buf_addz(b, "SELECT ");
    for (size_t i = 0; i < plan->schema->n_fields; i++) {
        const pli__field *f = &plan->schema->fields[i];
        if (!pli__has_type(f->type)) continue;
        PLI_TRY(pli__render_null(b, f->type, err));
        pli__buf_addz(b, " AS ");
        pli__buf_add_sql_name(b, pli__str_of(f->name));
        pli__buf_addz(b, ", ");
    }
    if (plan->policy.rescue) {
        pli__buf_addz(b, "CAST(NULL AS VARCHAR) AS ");
        pli__buf_add_sql_name(b, pli__str_of(pli__schema_rescue_column(&plan->policy)));
        pli__buf_addz(b, ", ");
    }
    if (plan->policy.corrupt_column) pli__buf_addz(b, "CAST(NULL AS VARCHAR) AS \"" PLI__CORRUPT_RECORD "\", ");
    pli__buf_addz(b, "CAST(NULL AS VARCHAR) AS \"_pli_path\" WHERE false");
    return pli__buf_status(b, err);
}

pli_status pli__evolve_render(const pli__evolve_plan *plan, const pli__relation *r, pli__buf *sql, pli_error *err) {
    if (plan->n_parts == 0) return add_nothing(sql, plan, err);
    for (size_t i = 0; i < plan->n_parts; i++) {
        const pli__part *part = &r->parts[i];
        const part_view view = {plan, &plan->parts[i], part, i,
                                part->text         ? PLI__REP_TEXT
                                : part->json       ? PLI__REP_JSON
                                : part->typed_json ? PLI__REP_TYPED_JSON
                                                   : PLI__REP_TYPED};
        if (i) pli__buf_addz(sql, " UNION ALL ");
        PLI_TRY(add_part(sql, &view, err));
    }
    return pli__buf_status(sql, err);
}

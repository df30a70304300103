/* Excel sheets by the engine's extension, which takes a column's type from its first cell, an empty one for a number. */
#include "source/format_excel.h"

#include "source/format_xlsx.h"

static void add_bool(const pli__read *r, const char *option, const char *parameter, pli__buf *b) {
    if (pli__option_json(r, option))
        pli__buf_addf(b, ", %s=%s", parameter, pli__option_bool(r, option, false) ? "true" : "false");
}

/* The file and its sheet. */
static pli_status add_sheet(const pli__read *r, const pli__input_file *file, pli__buf *b, pli_error *err) {
    const json_t *sheet = pli__option_json(r, "sheet");
    PLI_AUTO(pli__buf_clear) pli__buf name = {0};
    pli__buf_add_sql_str(b, pli__str_of(file->path));
    if (!sheet) return PLI_OK;
    if (json_is_string(sheet)) PLI_TRY(pli__xlsx_find_sheet(file->path, json_string_value(sheet), &name, err));
    else PLI_TRY(pli__xlsx_sheet_name(file->path, json_integer_value(sheet), &name, err));
    pli__buf_addz(b, ", sheet=");
    pli__buf_add_sql_str(b, pli__buf_str(&name));
    return pli__buf_status(b, err);
}

/* @param more further parameters */
static pli_status add_function(const pli__read *r, const pli__input_file *file, const char *more, pli__buf *b,
                               pli_error *err) {
    const char *range = pli__option_text(r, "range", NULL);
    pli__buf_addz(b, "read_xlsx(");
    PLI_TRY(add_sheet(r, file, b, err));
    pli__buf_addf(b, ", header=%s", pli__option_bool(r, "header", true) ? "true" : "false");
    if (range) {
        pli__buf_addz(b, ", range=");
        pli__buf_add_sql_str(b, pli__str_of(range));
    }
    pli__buf_addf(b, ", stop_at_empty=%s%s", pli__option_bool(r, "stop_at_empty", false) ? "true" : "false", more);
    return pli__buf_status(b, err);
}

pli_status pli__excel_from(pli__parts *parts, const pli__input_file *file, pli__buf *b, pli_error *err) {
    PLI_TRY(add_function(parts->read, file, "", b, err));
    add_bool(parts->read, "all_text", "all_varchar", b);
    pli__buf_addc(b, ')');
    return pli__buf_status(b, err);
}

bool pli__excel_is_empty(const pli__read *r, pli__engine *e, const pli__input_file *file) {
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0};
    int64_t filled = 1;
    pli__buf_addz(&sql, "SELECT count(*) FROM read_xlsx(");
    if (pli__option_text(r, "range", NULL) || add_sheet(r, file, &sql, NULL) != PLI_OK) return false;
    pli__buf_addz(&sql, ", header=false, all_varchar=true, stop_at_empty=false, range='A1:Z1000')"
                        " WHERE length(concat_ws('', *COLUMNS(*))) > 0");
    return sql.ptr && pli__engine_query_i64(e, sql.ptr, &filled, NULL) == PLI_OK && filled == 0;
}

/* ---- columns of several types ---- */

/* @return BAD_DATA if a cell does not fit */
static pli_status read_all(pli__engine *e, const char *from, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0};
    pli__buf_addf(&sql, "SELECT count(COLUMNS(*)) FROM %s", from);
    PLI_TRY(pli__buf_status(&sql, err));
    return pli__engine_exec(e, sql.ptr, NULL, err);
}

/* " FROM t POSITIONAL JOIN v": the sheet with NULL for what does not fit, and each of its cells as text. */
static pli_status add_both(const pli__read *r, const pli__input_file *file, pli__buf *b, pli_error *err) {
    pli__buf_addz(b, " FROM (SELECT * FROM ");
    PLI_TRY(add_function(r, file, ", ignore_errors=true)", b, err));
    pli__buf_addz(b, ") AS t POSITIONAL JOIN (SELECT * FROM ");
    PLI_TRY(add_function(r, file, ", all_varchar=true)", b, err));
    pli__buf_addz(b, ") AS v");
    return pli__buf_status(b, err);
}

/* A letter for each column: 'x' where a cell is lost in its type, else '-'. */
static pli_status find_mixed(const pli__read *r, pli__engine *e, const pli__input_file *file, const pli__type *schema,
                             pli__buf *out, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0};
    pli__buf_addz(&sql, "SELECT concat(''");
    for (size_t i = 0; i < schema->n_fields; i++) {
        PLI_AUTO(pli__buf_clear) pli__buf name = {0};
        pli__buf_add_sql_name(&name, pli__str_of(schema->fields[i].name));
        PLI_TRY(pli__buf_status(&name, err));
        pli__buf_addf(&sql, ", CASE WHEN bool_or(t.%s IS NULL AND length(v.%s) > 0) THEN 'x' ELSE '-' END", name.ptr,
                      name.ptr);
    }
    pli__buf_addc(&sql, ')');
    PLI_TRY(add_both(r, file, &sql, err));
    return pli__engine_query_str(e, sql.ptr, out, err);
}

/* Numbers as the sheet writes them; days and times, which it counts, as the engine reads them. */
static void add_text(const pli__field *f, pli__buf *b) {
    PLI_AUTO(pli__buf_clear) pli__buf name = {0};
    pli__buf_add_sql_name(&name, pli__str_of(f->name));
    const char *n = name.ptr ? name.ptr : "";
    if (f->type->id == PLI__TYPE_F64) pli__buf_addf(b, "nullif(v.%s, '') AS %s", n, n);
    else pli__buf_addf(b, "coalesce(CAST(t.%s AS VARCHAR), nullif(v.%s, '')) AS %s", n, n, n);
}

static const pli__type *known_or_text(const pli__read *r, const char *name) {
    const pli__type *known = r->relearn ? NULL : r->known;
    const int at = known ? pli__type_find(known, pli__str_of(name), false) : -1;
    const pli__type *t = at >= 0 ? known->fields[at].type : NULL;
    return !t || t->id == PLI__TYPE_NULL || pli__type_is_nested(t) ? pli__type_new(PLI__TYPE_STRING) : pli__type_ref(t);
}

pli_status pli__excel_mixed(pli__parts *parts, pli__engine *e, const pli__input_file *file, const pli__type *schema,
                            pli__buf *b, const pli__type **out, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf from = {0}, mixed = {0};
    PLI_TRY(pli__excel_from(parts, file, &from, err));
    const pli_status status = schema->n_fields ? read_all(e, from.ptr, err) : PLI_OK;
    if (status != PLI_E_DATA) return status;
    pli__error_clear(err);
    PLI_TRY(find_mixed(parts->read, e, file, schema, &mixed, err));
    pli__type_builder types = {0};
    pli__buf_addz(b, "(SELECT ");
    for (size_t i = 0; i < schema->n_fields; i++) {
        const pli__field *f = &schema->fields[i];
        const bool is_mixed = i < mixed.len && mixed.ptr[i] == 'x';
        if (i) pli__buf_addz(b, ", ");
        add_text(f, b);
        pli__type_builder_add(&types, pli__str_of(f->name),
                              is_mixed ? known_or_text(parts->read, f->name) : pli__type_ref(f->type), true, NULL);
    }
    *out = pli__type_builder_finish(&types);
    if (!*out) return pli__error_memory(err);
    PLI_TRY(add_both(parts->read, file, b, err));
    pli__buf_addc(b, ')');
    return pli__buf_status(b, err);
}

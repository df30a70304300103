/* Projection of a query onto a table: which columns, which casts, which schema. */
#include "delta/project.h"

#include "delta/identity.h"
#include "delta/mapping.h"
#include "delta/metadata_write.h"
#include "delta/spark_sql.h"
#include "delta/variant_write.h"
#include "delta/write_plan.h"

/* ---- what fits into what without loss ---- */

static int integer_digits(const pli__type *t) {
    switch (t->id) {
        case PLI__TYPE_I8: return 3;
        case PLI__TYPE_I16: return 5;
        case PLI__TYPE_I32: return 10;
        case PLI__TYPE_I64: return 19;
        default: return 0;
    }
}

static bool fits_decimal(const pli__type *from, const pli__type *to) {
    const int whole = to->precision - to->scale;
    if (from->id == PLI__TYPE_DECIMAL) return from->scale <= to->scale && from->precision - from->scale <= whole;
    const int digits = integer_digits(from);
    return digits && digits <= whole;
}

/* Simple types, both as Delta stores them. */
static bool fits(const pli__type *from, const pli__type *to) {
    if (from->id == PLI__TYPE_NULL || pli__type_equal(from, to, false)) return true;
    if (to->id == PLI__TYPE_DECIMAL) return fits_decimal(from, to);
    if (pli__type_is_integer(to)) return integer_digits(from) && integer_digits(from) <= integer_digits(to);
    if (to->id == PLI__TYPE_F64)
        return from->id == PLI__TYPE_F32 || (integer_digits(from) && from->id != PLI__TYPE_I64);
    return false;
}

/* Changes of a column's type that old files survive (PROTOCOL.md, "Type Widening"). */
static bool can_widen(const pli__type *from, const pli__type *to) {
    if (pli__type_is_nested(from) || pli__type_is_nested(to)) return false;
    if (from->id == PLI__TYPE_DATE && to->id == PLI__TYPE_TIMESTAMP_NTZ) return true;
    if (to->id == PLI__TYPE_F32) return false;
    return !pli__type_equal(from, to, false) && from->id != PLI__TYPE_NULL && fits(from, to);
}

pli__project_options pli__project_options_for(const pli__snapshot *s, bool merge_schema, bool allow_type_widening) {
    const bool enabled = s && pli__snapshot_has_feature(s, "typeWidening") &&
                         pli__str_ieqz(pli__snapshot_property(s, "delta.enableTypeWidening"), "true");
    return (pli__project_options){merge_schema, allow_type_widening || enabled};
}

/* ---- the schema afterwards ---- */

typedef struct {
    const pli__project_options *options;
    bool changed, widened;
    /* Of the field of a struct that is being merged: */
    const char *within; /* "element", "value.key" …: the way into its lists and maps; "" outside of them */
    pli__buf *changes;  /* what is to be added to its delta.typeChanges, behind '[' */
} merger;

static const char *mismatch_hint(const pli__type *input, const pli__type *table) {
    if (!can_widen(table, input))
        return "give the column the table's type (`schema_hints` in the job, `--column NAME=TYPE`), or cast it in the transform; Delta has no widening between these types";
    return "let the table's column grow: set the table's property delta.enableTypeWidening=true (`pli delta set`), or `allow_type_widening: true`, which sets it; or cast the column in the transform";
}

static pli_status mismatch(pli_error *err, const char *path, const pli__type *input, const pli__type *table) {
    PLI_AUTO(pli__buf_clear) pli__buf a = {0}, b = {0};
    if (pli__type_to_sql(input, &a, NULL) != PLI_OK) pli__buf_addz(&a, input->text ? input->text : "?");
    if (pli__type_to_sql(table, &b, NULL) != PLI_OK) pli__buf_addz(&b, "?");
    pli__error_set(err, PLI_E_SCHEMA, "column '%s' is %s in the input, which does not fit the table's %s", path,
                   a.ptr ? a.ptr : "?", b.ptr ? b.ptr : "?");
    pli__error_hint(err, "%s", mismatch_hint(input, table));
    return PLI_E_SCHEMA;
}

/* An entry of delta.typeChanges. It stands at the nearest field of a struct; fieldPath leads into its lists and maps. */
static pli_status note_widening(merger *m, const pli__type *from, const pli__type *to, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf from_name = {0}, to_name = {0};
    PLI_TRY(pli__type_to_delta(from, &from_name, err));
    PLI_TRY(pli__type_to_delta(to, &to_name, err));
    pli__buf_addz(m->changes, m->changes->len ? ",{\"toType\":" : "[{\"toType\":");
    pli__buf_adds(m->changes, pli__buf_str(&to_name));
    pli__buf_addz(m->changes, ",\"fromType\":");
    pli__buf_adds(m->changes, pli__buf_str(&from_name));
    if (*m->within) pli__buf_addf(m->changes, ",\"fieldPath\":\"%s\"", m->within);
    pli__buf_addc(m->changes, '}');
    m->changed = m->widened = true;
    return pli__buf_status(m->changes, err);
}

static pli_status merge_type(merger *m, const pli__type *table, const pli__type *input, const char *path,
                             const pli__type **out, pli_error *err);

static pli_status merge_field(merger *outer, const pli__field *f, const pli__type *input, const char *path,
                              pli__type_builder *b, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf meta = {0}, inner = {0}, changes = {0};
    merger m = {.options = outer->options, .within = "", .changes = &changes};
    const pli__type *type = NULL;
    pli__buf_addf(&inner, "%s%s%s", path, *path ? "." : "", f->name);
    PLI_TRY(pli__buf_status(&inner, err));
    PLI_TRY(merge_type(&m, f->type, input, inner.ptr, &type, err));
    outer->changed |= m.changed;
    outer->widened |= m.widened;
    pli_status s = PLI_OK;
    if (changes.len) {
        pli__buf_addc(&changes, ']');
        s = pli__field_meta_append(f->metadata, "delta.typeChanges", pli__buf_str(&changes), &meta, err);
    }
    if (s != PLI_OK) return pli__type_unref(type), s;
    pli__type_builder_add(b, pli__str_of(f->name), type, f->nullable, changes.len ? meta.ptr : f->metadata);
    return PLI_OK;
}

/* The element of a list, the key or value of a map. */
static pli_status merge_part(merger *m, const char *name, const pli__type *table, const pli__type *input,
                             const char *path, const pli__type **out, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf within = {0};
    const char *before = m->within;
    pli__buf_addf(&within, "%s%s%s", before, *before ? "." : "", name);
    PLI_TRY(pli__buf_status(&within, err));
    m->within = within.ptr;
    const pli_status s = merge_type(m, table, input, path, out, err);
    m->within = before;
    return s;
}

static pli_status new_column(merger *m, const pli__field *f, const char *path, pli__type_builder *b, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf type = {0};
    if (f->type->id == PLI__TYPE_NULL) return PLI_OK; /* no type yet: left out until it has one */
    if (!m->options->merge_schema) {
        if (pli__type_to_sql(f->type, &type, NULL) != PLI_OK) pli__buf_addz(&type, "?");
        pli__error_set(err, PLI_E_SCHEMA, "column '%s%s%s' (%s) is not in the table", path, *path ? "." : "", f->name,
                       type.ptr ? type.ptr : "?");
        pli__error_hint(err, "add it with `merge_schema: true`");
        return PLI_E_SCHEMA;
    }
    m->changed = true;
    pli__type_builder_add(b, pli__str_of(f->name), pli__type_ref(f->type), true, NULL);
    return PLI_OK;
}

static pli_status merge_struct(merger *m, const pli__type *table, const pli__type *input, const char *path,
                               const pli__type **out, pli_error *err) {
    PLI_AUTO(pli__type_builder_clear) pli__type_builder b = {0};
    for (size_t i = 0; i < table->n_fields; i++) {
        const pli__field *f = &table->fields[i];
        const int k = pli__type_find(input, pli__str_of(f->name), false);
        if (k == -2)
            return pli__error_set(err, PLI_E_SCHEMA,
                                  "column '%s' occurs twice in the input (names may not differ in case alone)",
                                  f->name);
        if (k >= 0) PLI_TRY(merge_field(m, f, input->fields[k].type, path, &b, err));
        else pli__type_builder_add(&b, pli__str_of(f->name), pli__type_ref(f->type), f->nullable, f->metadata);
    }
    for (size_t i = 0; i < input->n_fields; i++)
        if (pli__type_find(table, pli__str_of(input->fields[i].name), false) == -1)
            PLI_TRY(new_column(m, &input->fields[i], path, &b, err));
    *out = pli__type_builder_finish(&b);
    return *out ? PLI_OK : pli__error_memory(err);
}

static pli_status merge_type(merger *m, const pli__type *table, const pli__type *input, const char *path,
                             const pli__type **out, pli_error *err) {
    const pli__type *key = NULL, *value = NULL;
    if (input->id == PLI__TYPE_NULL || table->id == PLI__TYPE_VARIANT) return *out = pli__type_ref(table), PLI_OK;
    if (pli__type_is_nested(table) != pli__type_is_nested(input) ||
        (pli__type_is_nested(table) && table->id != input->id))
        return mismatch(err, path, input, table);
    switch (table->id) {
        case PLI__TYPE_STRUCT: return merge_struct(m, table, input, path, out, err);
        case PLI__TYPE_LIST:
            PLI_TRY(merge_part(m, "element", table->fields[0].type, input->fields[0].type, path, &value, err));
            *out = pli__type_new_list(value, table->fields[0].nullable);
            break;
        case PLI__TYPE_MAP: {
            PLI_TRY(merge_part(m, "key", table->fields[0].type, input->fields[0].type, path, &key, err));
            const pli_status s = merge_part(m, "value", table->fields[1].type, input->fields[1].type, path, &value,
                                            err);
            if (s != PLI_OK) return pli__type_unref(key), s;
            *out = pli__type_new_map(key, value, table->fields[1].nullable);
            break;
        }
        default:
            if (m->changes && m->options->allow_type_widening && can_widen(table, input)) {
                PLI_TRY(note_widening(m, table, input, err));
                *out = pli__type_ref(input);
                break;
            }
            if (!fits(input, table)) return mismatch(err, path, input, table);
            *out = pli__type_ref(table);
            break;
    }
    return *out ? PLI_OK : pli__error_memory(err);
}

/* ---- SQL ---- */

/* One column of the input as the type that Delta stores for it. Values that would lose something end the query. */
static void add_storable(const pli__type *raw, pli__str name, pli__buf *out) {
    PLI_AUTO(pli__buf_clear) pli__buf column = {0}, text = {0};
    pli__buf_add_sql_name(&column, name);
    const char *c = column.ptr ? column.ptr : "";
    const bool time = raw->id == PLI__TYPE_TIMESTAMP || raw->id == PLI__TYPE_TIMESTAMP_NTZ;
    pli__buf_addf(&text, PLI__CHECK_MARK "column '%.*s' has %s", PLI_STR_ARG(name),
                  time ? "a time with digits below microseconds"
                       : "an interval with months, which has no fixed length");
    if (time && raw->unit == PLI__UNIT_NS) {
        pli__buf_addf(out, "CASE WHEN %s IS NULL OR epoch_ns(%s) %% 1000 = 0 THEN %s ELSE error(", c, c, c);
        pli__buf_add_sql_str(out, pli__buf_str(&text));
        pli__buf_addz(out, ") END");
    } else if (raw->id == PLI__TYPE_DURATION) {
        pli__buf_addf(
            out,
            "CASE WHEN %s IS NULL OR (extract(month FROM %s) = 0 AND extract(year FROM %s) = 0) THEN epoch_us(%s) ELSE error(",
            c, c, c, c);
        pli__buf_add_sql_str(out, pli__buf_str(&text));
        pli__buf_addz(out, ")::BIGINT END");
    } else {
        pli__buf_adds(out, pli__buf_str(&column));
    }
}

/* The engine has the very type that is wanted: no cast needed. */
static bool same_in_engine(const pli__type *raw, const pli__type *to) {
    if (raw->id != to->id || raw->array_size || raw->unit != PLI__UNIT_US || to->id == PLI__TYPE_VARIANT) return false;
    if (pli__type_is_nested(raw)) {
        if (raw->n_fields != to->n_fields) return false;
        for (size_t i = 0; i < raw->n_fields; i++) {
            if (raw->id == PLI__TYPE_STRUCT && strcmp(raw->fields[i].name, to->fields[i].name) != 0) return false;
            if (!same_in_engine(raw->fields[i].type, to->fields[i].type)) return false;
        }
        return true;
    }
    return pli__type_equal(raw, to, false);
}

static pli_status add_missing(const pli__field *f, pli__buf *out, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf text = {0};
    if (pli__identity_is(f)) return pli__identity_sql(f, NULL, out, err);
    if (pli__field_meta_str(f, "delta.generationExpression", &text) ||
        pli__field_meta_str(f, "CURRENT_DEFAULT", &text)) {
        pli__buf_addc(out, '(');
        PLI_TRY_IN(pli__spark_sql(pli__buf_str(&text), out, err), err, "column '%s'", f->name);
        pli__buf_addc(out, ')');
        return PLI_OK;
    }
    if (!f->nullable)
        return pli__error_set(err, PLI_E_SCHEMA, "column '%s' must not be null, but the input does not have it",
                              f->name);
    pli__buf_addz(out, "NULL");
    return PLI_OK;
}

static pli_status add_column(const pli__field *f, const pli__type *raw, pli__buf *out, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf type = {0};
    const int k = pli__type_find(raw, pli__str_of(f->name), false);
    if (k >= 0 && pli__identity_is(f) && !pli__identity_takes_values(f))
        return pli__error_set(err, PLI_E_CONSTRAINT,
                              "column '%s' is an identity column: the table makes its values, rows cannot bring them",
                              f->name);
    if (f->type->id == PLI__TYPE_NULL) pli__buf_addz(out, "NULL");
    else if (k >= 0 && same_in_engine(raw->fields[k].type, f->type))
        pli__buf_add_sql_name(out, pli__str_of(raw->fields[k].name));
    else if (k >= 0 && pli__type_has_variant(f->type)) {
        pli__buf_add_sql_name(&type, pli__str_of(raw->fields[k].name));
        pli__variant_sql(f->type, raw->fields[k].type, pli__buf_str(&type), out);
    } else {
        pli__mapping_sql_type(f->type, &type);
        pli__buf_addz(out, "CAST(");
        if (k >= 0) add_storable(raw->fields[k].type, pli__str_of(raw->fields[k].name), out);
        else PLI_TRY(add_missing(f, out, err));
        pli__buf_addf(out, " AS %s)", type.ptr);
    }
    pli__buf_addz(out, " AS ");
    pli__buf_add_sql_name(out, pli__str_of(f->name));
    return pli__buf_status(out, err);
}

static pli_status write_select(const pli__type *schema, const pli__type *raw, const char *sql, pli__buf *out,
                               pli_error *err) {
    bool any = false;
    pli__buf_addz(out, "SELECT ");
    for (size_t i = 0; i < schema->n_fields; i++) {
        if (schema->fields[i].type->id == PLI__TYPE_NULL) continue;
        if (any) pli__buf_addz(out, ", ");
        PLI_TRY(add_column(&schema->fields[i], raw, out, err));
        any = true;
    }
    if (!any) return pli__error_set(err, PLI_E_SCHEMA, "the input has no column with a type");
    pli__buf_addf(out, " FROM (%s\n) AS pli_input", sql);
    return pli__buf_status(out, err);
}

static const pli__type *without_untyped(const pli__type *t) {
    pli__type_builder b = {0};
    for (size_t i = 0; i < t->n_fields; i++)
        if (t->fields[i].type->id != PLI__TYPE_NULL)
            pli__type_builder_add(&b, pli__str_of(t->fields[i].name), pli__type_ref(t->fields[i].type), true, NULL);
    return pli__type_builder_finish(&b);
}

pli_status pli__project(const pli__type *table, const pli__type *input, const char *sql,
                        const pli__project_options *options, pli__projection *out, pli_error *err) {
    PLI_AUTO(pli__projection_clear) pli__projection p = {0};
    PLI_AUTO(pli__type_auto) const pli__type *storable = NULL;
    merger m = {.options = options};
    PLI_TRY(pli__type_to_storable(input, &storable, err));
    if (table) {
        PLI_TRY(merge_struct(&m, table, storable, "", &p.schema, err));
    } else {
        p.schema = without_untyped(storable);
        if (!p.schema) return pli__error_memory(err);
    }
    p.schema_changed = m.changed || !table;
    p.types_widened = m.widened;
    PLI_TRY(write_select(p.schema, input, sql, &p.sql, err));
    *out = p;
    p = (pli__projection){0};
    return PLI_OK;
}

void pli__projection_clear(pli__projection *p) {
    pli__type_unref(p->schema);
    pli__buf_clear(&p->sql);
    *p = (pli__projection){0};
}

/*
 * Columns renamed, dropped and added by metadata alone. Renaming and dropping need column mapping: files keep their physical
 * names, and a name that comes back later gets a new one.
 */
#include "delta/alter.h"
#include "delta/maintain.h"
#include "delta/metadata_write.h"
#include "delta/schema_edit.h"
#include "delta/transaction_impl.h"

#define STATS_COLUMNS "delta.dataSkippingStatsColumns"

/* ---- who refers to a column ---- */

static bool is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || (c & 0x80);
}

/* Does an expression have the name as a word, outside of texts? Rather too often than too seldom. */
static bool mentions(pli__str expression, pli__str name) {
    char quote = 0;
    for (size_t i = 0; i + name.len <= expression.len; i++) {
        const char c = expression.ptr[i];
        if (quote) {
            if (c == quote) quote = 0;
            continue;
        }
        if (c == '\'' || c == '"') quote = c;
        const bool begins = i == 0 || !is_word(expression.ptr[i - 1]);
        const bool ends = i + name.len == expression.len || !is_word(expression.ptr[i + name.len]);
        if (begins && ends && pli__str_ieq((pli__str){expression.ptr + i, name.len}, name)) return true;
    }
    return false;
}

static pli_status check_expressions(const pli__alteration *a, pli__str column, pli_error *err) {
    const pli__type *schema = pli__snapshot_schema(a->snapshot);
    const pli__str prefix = PLI_STR("delta.constraints.");
    for (size_t i = 0; i < a->metadata.n_configuration; i++) {
        const pli__kv *kv = &a->metadata.configuration[i];
        if (pli__str_starts(kv->key, prefix) && mentions(kv->value, column))
            return pli__error_set(err, PLI_E_CONSTRAINT, "the constraint '%.*s' (%.*s) needs column '%.*s'",
                                  (int)(kv->key.len - prefix.len), kv->key.ptr + prefix.len, PLI_STR_ARG(kv->value),
                                  PLI_STR_ARG(column));
    }
    for (size_t i = 0; i < schema->n_fields; i++) {
        PLI_AUTO(pli__buf_clear) pli__buf text = {0};
        const pli__field *f = &schema->fields[i];
        (void)pli__field_meta_str(f, "delta.generationExpression", &text);
        (void)pli__field_meta_str(f, "delta.invariants", &text);
        PLI_TRY(pli__buf_status(&text, err));
        if (text.len && mentions(pli__buf_str(&text), column))
            return pli__error_set(err, PLI_E_CONSTRAINT, "what generates or checks column '%s' needs column '%.*s'",
                                  f->name, PLI_STR_ARG(column));
    }
    return PLI_OK;
}

static pli_status check_mapped(const pli__alteration *a, pli_error *err) {
    const pli__str mode = pli__metadata_property(&a->metadata, "delta.columnMapping.mode");
    if (mode.ptr && !pli__str_ieqz(mode, "none")) return PLI_OK;
    pli__error_set(err, PLI_E_UNSUPPORTED, "columns can be renamed and dropped only where the table maps them");
    pli__error_hint(err, "set delta.columnMapping.mode=name");
    return PLI_E_UNSUPPORTED;
}

/* ---- names in the metadata ---- */

static bool is_partition(const pli__metadata *m, pli__str column) {
    for (size_t i = 0; i < m->n_partition_columns; i++)
        if (pli__str_ieq(m->partition_columns[i], column)) return true;
    return false;
}

static pli_status rename_partition(pli__alteration *a, pli__str from, pli__str to, pli_error *err) {
    pli__str *names = pli__arena_calloc(a->arena, a->metadata.n_partition_columns + 1, sizeof *names);
    if (!names) return pli__error_memory(err);
    for (size_t i = 0; i < a->metadata.n_partition_columns; i++) {
        const pli__str name = a->metadata.partition_columns[i];
        names[i] = pli__str_ieq(name, from) ? to : name;
    }
    a->metadata.partition_columns = names;
    return PLI_OK;
}

/* The list of columns with statistics names them logically: a path that is, or lies below, `from` is renamed or left out. */
static pli_status change_stats_columns(pli__alteration *a, pli__str from, pli__str to, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf list = {0};
    pli__str left = pli__metadata_property(&a->metadata, STATS_COLUMNS);
    bool changed = false;
    while (left.len) {
        const char *comma = memchr(left.ptr, ',', left.len);
        pli__str item = {left.ptr, comma ? (size_t)(comma - left.ptr) : left.len};
        left = comma ? (pli__str){comma + 1, left.len - item.len - 1} : (pli__str){0};
        const bool hit = item.len >= from.len && pli__str_ieq((pli__str){item.ptr, from.len}, from) &&
                         (item.len == from.len || item.ptr[from.len] == '.');
        changed = changed || hit;
        if (hit && !to.ptr) continue;
        if (list.len) pli__buf_addc(&list, ',');
        if (hit) {
            pli__buf_adds(&list, to);
            item = (pli__str){item.ptr + from.len, item.len - from.len};
        }
        pli__buf_adds(&list, item);
    }
    if (!changed) return PLI_OK;
    PLI_TRY(pli__buf_status(&list, err));
    return pli__metadata_set(&a->metadata, PLI_STR(STATS_COLUMNS), list.len ? pli__buf_str(&list) : (pli__str){0},
                             a->arena, err);
}

/* ---- the three changes ---- */

static pli_status apply(pli__alteration *a, const pli__schema_edit *edit, pli_error *err) {
    PLI_AUTO(pli__type_auto) const pli__type *schema = NULL;
    PLI_TRY(pli__schema_apply(pli__snapshot_schema(a->snapshot), edit, &schema, err));
    return pli__metadata_with_schema(&a->metadata, schema, a->arena, &a->metadata, err);
}

/* First name of the path, as the user wrote it, and whether there are more. */
static pli_status first_name(const pli__alteration *a, pli__str path, pli__str *name, bool *nested, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf names = {0};
    const size_t n = pli__schema_path(pli__snapshot_schema(a->snapshot), path, &names);
    if (!n) return pli__error_memory(err);
    *name = pli__arena_str(a->arena, pli__str_of(names.ptr));
    *nested = n > 1;
    return pli__arena_status(a->arena, err);
}

static pli_status rename_column(pli__alteration *a, const void *arg, pli_error *err) {
    const pli__schema_edit *edit = arg;
    PLI_AUTO(pli__buf_clear) pli__buf new_path = {0};
    pli__str top;
    bool nested;
    PLI_TRY(check_mapped(a, err));
    PLI_TRY(first_name(a, edit->path, &top, &nested, err));
    PLI_TRY(check_expressions(a, top, err));
    if (!nested && is_partition(&a->metadata, top)) PLI_TRY(rename_partition(a, top, edit->name, err));
    PLI_TRY(apply(a, edit, err));
    const char *dot = nested ? memrchr(edit->path.ptr, '.', edit->path.len) : NULL;
    if (dot) pli__buf_add(&new_path, edit->path.ptr, (size_t)(dot + 1 - edit->path.ptr));
    pli__buf_adds(&new_path, edit->name);
    PLI_TRY(pli__buf_status(&new_path, err));
    PLI_TRY(change_stats_columns(a, edit->path, pli__buf_str(&new_path), err));
    pli__buf_addc(&a->parameters, '{');
    pli__alter_parameter(&a->parameters, "oldColumnPath", edit->path);
    pli__alter_parameter(&a->parameters, "newColumnPath", pli__buf_str(&new_path));
    pli__buf_addc(&a->parameters, '}');
    return PLI_OK;
}

/* The columns by which a clustered table is laid out stand in its domain by their physical names. */
static pli_status check_clustering(const pli__alteration *a, pli__str top, pli_error *err) {
    const pli__type *schema = pli__snapshot_schema(a->snapshot);
    const int at = pli__type_find(schema, top, false);
    PLI_AUTO(pli__buf_clear) pli__buf name = {0}, quoted = {0};
    if (at < 0) return PLI_OK;
    if (!pli__field_meta_str(&schema->fields[at], "delta.columnMapping.physicalName", &name))
        pli__buf_addz(&name, schema->fields[at].name);
    pli__buf_add_json(&quoted, pli__buf_str(&name));
    PLI_TRY(pli__buf_status(&quoted, err));
    for (size_t i = 0; i < pli__snapshot_n_domains(a->snapshot); i++) {
        const pli__domain d = pli__snapshot_domain_at(a->snapshot, i);
        if (pli__str_eqz(d.domain, "delta.clustering") &&
            memmem(d.configuration.ptr, d.configuration.len, quoted.ptr, quoted.len))
            return pli__error_set(err, PLI_E_CONSTRAINT, "the table is clustered by column '%.*s'", PLI_STR_ARG(top));
    }
    return PLI_OK;
}

static pli_status drop_column(pli__alteration *a, const void *arg, pli_error *err) {
    const pli__schema_edit *edit = arg;
    PLI_AUTO(pli__buf_clear) pli__buf list = {0};
    pli__str top;
    bool nested;
    PLI_TRY(check_mapped(a, err));
    PLI_TRY(first_name(a, edit->path, &top, &nested, err));
    PLI_TRY(check_expressions(a, top, err));
    PLI_TRY(check_clustering(a, top, err));
    if (!nested && is_partition(&a->metadata, top))
        return pli__error_set(err, PLI_E_CONSTRAINT, "column '%.*s' partitions the table", PLI_STR_ARG(top));
    PLI_TRY(apply(a, edit, err));
    PLI_TRY(change_stats_columns(a, edit->path, (pli__str){0}, err));
    pli__buf_addc(&list, '[');
    pli__buf_add_json(&list, edit->path);
    pli__buf_addc(&list, ']');
    PLI_TRY(pli__buf_status(&list, err));
    pli__buf_addc(&a->parameters, '{');
    pli__alter_parameter(&a->parameters, "columns", pli__buf_str(&list));
    pli__buf_addc(&a->parameters, '}');
    return PLI_OK;
}

static pli_status add_column(pli__alteration *a, const void *arg, pli_error *err) {
    const pli__schema_edit *edit = arg;
    PLI_AUTO(pli__buf_clear) pli__buf list = {0};
    PLI_TRY(apply(a, edit, err));
    pli__buf_addz(&list, "[{\"column\":{\"name\":");
    pli__buf_add_json(&list, edit->path);
    pli__buf_addz(&list, ",\"type\":");
    PLI_TRY(pli__type_to_delta(edit->type, &list, err));
    pli__buf_addz(&list, ",\"nullable\":true,\"metadata\":{}}}]");
    PLI_TRY(pli__buf_status(&list, err));
    pli__buf_addc(&a->parameters, '{');
    pli__alter_parameter(&a->parameters, "columns", pli__buf_str(&list));
    pli__buf_addc(&a->parameters, '}');
    return PLI_OK;
}

/* ---- ---- */

pli_status pli__rename_column(pli__delta *t, const char *path, const char *name, int64_t *version, pli_error *err) {
    const pli__schema_edit edit = {PLI__EDIT_RENAME, pli__str_of(path), pli__str_of(name), NULL};
    if (!path[0] || !name[0]) return pli__error_set(err, PLI_E_ARGUMENT, "a column needs a name");
    return pli__alter(t, "RENAME COLUMN", rename_column, &edit, version, err);
}

pli_status pli__drop_column(pli__delta *t, const char *path, int64_t *version, pli_error *err) {
    const pli__schema_edit edit = {PLI__EDIT_DROP, pli__str_of(path), {0}, NULL};
    if (!path[0]) return pli__error_set(err, PLI_E_ARGUMENT, "a column needs a name");
    return pli__alter(t, "DROP COLUMNS", drop_column, &edit, version, err);
}

pli_status pli__add_column(pli__delta *t, const char *path, const char *type, int64_t *version, pli_error *err) {
    PLI_AUTO(pli__type_auto) const pli__type *parsed = NULL, *storable = NULL;
    if (!path[0]) return pli__error_set(err, PLI_E_ARGUMENT, "a column needs a name");
    PLI_TRY(pli__type_from_sql(pli__str_of(type), &parsed, err));
    PLI_TRY(pli__type_to_storable(parsed, &storable, err));
    if (storable->id == PLI__TYPE_NULL)
        return pli__error_set(err, PLI_E_SCHEMA, "column '%s' needs a type that rows can have", path);
    const pli__schema_edit edit = {PLI__EDIT_ADD, pli__str_of(path), {0}, storable};
    return pli__alter(t, "ADD COLUMNS", add_column, &edit, version, err);
}

/* DuckDB's logical types as ours, and the other way round. */
#include <stdlib.h>

#include "engine/duckdb/duckdb_module.h"

/* Ids of types that are newer than the oldest duckdb.h we compile with. */
enum { TYPE_GEOMETRY = 40, TYPE_VARIANT = 41 };

static const struct {
    int duckdb;
    pli__type_id id;
    pli__time_unit unit;
} simple[] = {
    {DUCKDB_TYPE_SQLNULL, PLI__TYPE_NULL, PLI__UNIT_US},
    {DUCKDB_TYPE_BOOLEAN, PLI__TYPE_BOOLEAN, PLI__UNIT_US},
    {DUCKDB_TYPE_TINYINT, PLI__TYPE_I8, PLI__UNIT_US},
    {DUCKDB_TYPE_SMALLINT, PLI__TYPE_I16, PLI__UNIT_US},
    {DUCKDB_TYPE_INTEGER, PLI__TYPE_I32, PLI__UNIT_US},
    {DUCKDB_TYPE_BIGINT, PLI__TYPE_I64, PLI__UNIT_US},
    {DUCKDB_TYPE_HUGEINT, PLI__TYPE_I128, PLI__UNIT_US},
    {DUCKDB_TYPE_UTINYINT, PLI__TYPE_U8, PLI__UNIT_US},
    {DUCKDB_TYPE_USMALLINT, PLI__TYPE_U16, PLI__UNIT_US},
    {DUCKDB_TYPE_UINTEGER, PLI__TYPE_U32, PLI__UNIT_US},
    {DUCKDB_TYPE_UBIGINT, PLI__TYPE_U64, PLI__UNIT_US},
    {DUCKDB_TYPE_UHUGEINT, PLI__TYPE_U128, PLI__UNIT_US},
    {DUCKDB_TYPE_FLOAT, PLI__TYPE_F32, PLI__UNIT_US},
    {DUCKDB_TYPE_DOUBLE, PLI__TYPE_F64, PLI__UNIT_US},
    {DUCKDB_TYPE_BLOB, PLI__TYPE_BINARY, PLI__UNIT_US},
    {DUCKDB_TYPE_DATE, PLI__TYPE_DATE, PLI__UNIT_US},
    {DUCKDB_TYPE_TIME, PLI__TYPE_TIME, PLI__UNIT_US},
    {DUCKDB_TYPE_TIME_NS, PLI__TYPE_TIME, PLI__UNIT_NS},
    {DUCKDB_TYPE_TIMESTAMP_TZ, PLI__TYPE_TIMESTAMP, PLI__UNIT_US},
    {DUCKDB_TYPE_TIMESTAMP, PLI__TYPE_TIMESTAMP_NTZ, PLI__UNIT_US},
    {DUCKDB_TYPE_TIMESTAMP_S, PLI__TYPE_TIMESTAMP_NTZ, PLI__UNIT_S},
    {DUCKDB_TYPE_TIMESTAMP_MS, PLI__TYPE_TIMESTAMP_NTZ, PLI__UNIT_MS},
    {DUCKDB_TYPE_TIMESTAMP_NS, PLI__TYPE_TIMESTAMP_NTZ, PLI__UNIT_NS},
    {DUCKDB_TYPE_INTERVAL, PLI__TYPE_DURATION, PLI__UNIT_US},
    {DUCKDB_TYPE_UUID, PLI__TYPE_UUID, PLI__UNIT_US},
    {TYPE_VARIANT, PLI__TYPE_VARIANT, PLI__UNIT_US},
};

static const struct {
    int duckdb;
    const char *name;
} foreign[] = {{DUCKDB_TYPE_BIT, "BIT"},
               {DUCKDB_TYPE_BIGNUM, "BIGNUM"},
               {DUCKDB_TYPE_TIME_TZ, "TIME WITH TIME ZONE"},
               {TYPE_GEOMETRY, "GEOMETRY"},
               {DUCKDB_TYPE_UNION, "UNION"}};

static pli_status made(const pli__type *t, const pli__type **out, pli_error *err) {
    if (!t) return pli__error_memory(err);
    *out = t;
    return PLI_OK;
}

/* Converts a child type, which is destroyed. */
static pli_status convert_child(duckdb_logical_type take_child, const pli__type **out, pli_error *err) {
    const pli_status status = pli__duckdb_type(take_child, out, err);
    duckdb_destroy_logical_type(&take_child);
    return status;
}

static void free_duckdb_text(char **text) { duckdb_free(*text); }

/* ---- types with parts ---- */

static pli_status convert_struct(duckdb_logical_type t, const pli__type **out, pli_error *err) {
    PLI_AUTO(pli__type_builder_clear) pli__type_builder b = {0};
    for (idx_t i = 0; i < duckdb_struct_type_child_count(t); i++) {
        PLI_AUTO(free_duckdb_text) char *name = duckdb_struct_type_child_name(t, i);
        const pli__type *child = NULL;
        PLI_TRY(convert_child(duckdb_struct_type_child_type(t, i), &child, err));
        pli__type_builder_add(&b, pli__str_of(name), child, true, NULL);
    }
    return made(pli__type_builder_finish(&b), out, err);
}

static pli_status convert_map(duckdb_logical_type t, const pli__type **out, pli_error *err) {
    PLI_AUTO(pli__type_auto) const pli__type *key = NULL;
    PLI_AUTO(pli__type_auto) const pli__type *value = NULL;
    PLI_TRY(convert_child(duckdb_map_type_key_type(t), &key, err));
    PLI_TRY(convert_child(duckdb_map_type_value_type(t), &value, err));
    return made(pli__type_new_map(PLI_TAKE(key), PLI_TAKE(value), true), out, err);
}

static pli_status convert_list(duckdb_logical_type t, bool fixed, const pli__type **out, pli_error *err) {
    const pli__type *element = NULL;
    PLI_TRY(convert_child(fixed ? duckdb_array_type_child_type(t) : duckdb_list_type_child_type(t), &element, err));
    return made(fixed ? pli__type_new_array(element, duckdb_array_type_array_size(t))
                      : pli__type_new_list(element, true),
                out, err);
}

static pli_status convert_enum(duckdb_logical_type t, const pli__type **out, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf json = {0};
    pli__buf_addc(&json, '[');
    for (uint32_t i = 0; i < duckdb_enum_dictionary_size(t); i++) {
        PLI_AUTO(free_duckdb_text) char *value = duckdb_enum_dictionary_value(t, i);
        if (i) pli__buf_addc(&json, ',');
        pli__buf_add_json(&json, pli__str_of(value));
    }
    pli__buf_addc(&json, ']');
    PLI_TRY(pli__buf_status(&json, err));
    return made(pli__type_new_text(PLI__TYPE_ENUM, pli__buf_str(&json)), out, err);
}

/* JSON is text under another name; other names, users' own types, mean nothing to us. */
static pli_status convert_varchar(duckdb_logical_type t, const pli__type **out, pli_error *err) {
    PLI_AUTO(free_duckdb_text) char *alias = duckdb_logical_type_get_alias(t);
    const bool is_json = alias && strcmp(alias, "JSON") == 0;
    return made(pli__type_new(is_json ? PLI__TYPE_JSON : PLI__TYPE_STRING), out, err);
}

/* ---- any type ---- */

static pli_status convert_simple(int id, const pli__type **out, pli_error *err) {
    for (size_t i = 0; i < sizeof simple / sizeof simple[0]; i++)
        if (simple[i].duckdb == id)
            return made(pli__type_new_time(simple[i].id, simple[i].unit, PLI_STR("")), out, err);
    const char *name = "UNKNOWN";
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++)
        if (foreign[i].duckdb == id) name = foreign[i].name;
    return made(pli__type_new_text(PLI__TYPE_OTHER, pli__str_of(name)), out, err);
}

pli_status pli__duckdb_type(duckdb_logical_type t, const pli__type **out, pli_error *err) {
    if (!t) return pli__error_memory(err);
    const duckdb_type id = duckdb_get_type_id(t);
    switch (id) {
        case DUCKDB_TYPE_DECIMAL:
            return made(pli__type_new_decimal(duckdb_decimal_width(t), duckdb_decimal_scale(t)), out, err);
        case DUCKDB_TYPE_VARCHAR: return convert_varchar(t, out, err);
        case DUCKDB_TYPE_STRUCT: return convert_struct(t, out, err);
        case DUCKDB_TYPE_MAP: return convert_map(t, out, err);
        case DUCKDB_TYPE_LIST: return convert_list(t, false, out, err);
        case DUCKDB_TYPE_ARRAY: return convert_list(t, true, out, err);
        case DUCKDB_TYPE_ENUM: return convert_enum(t, out, err);
        default: return convert_simple((int)id, out, err);
    }
}

/* ---- ours as DuckDB's ---- */

static duckdb_logical_type make_struct(const pli__type *t) {
    duckdb_logical_type *types = calloc(t->n_fields + 1, sizeof *types);
    const char **names = calloc(t->n_fields + 1, sizeof *names);
    duckdb_logical_type made_type = NULL;
    bool complete = types && names && t->n_fields > 0;
    for (size_t i = 0; complete && i < t->n_fields; i++) {
        types[i] = pli__duckdb_logical_type(t->fields[i].type);
        names[i] = t->fields[i].name;
        complete = types[i] != NULL;
    }
    if (complete) made_type = duckdb_create_struct_type(types, names, t->n_fields);
    for (size_t i = 0; types && i < t->n_fields; i++) duckdb_destroy_logical_type(&types[i]);
    free(types);
    free(names);
    return made_type;
}

static duckdb_logical_type make_list(const pli__type *t) {
    duckdb_logical_type element = pli__duckdb_logical_type(t->fields[0].type);
    duckdb_logical_type list = NULL;
    if (element)
        list = t->array_size ? duckdb_create_array_type(element, t->array_size) : duckdb_create_list_type(element);
    duckdb_destroy_logical_type(&element);
    return list;
}

static duckdb_logical_type make_map(const pli__type *t) {
    duckdb_logical_type key = pli__duckdb_logical_type(t->fields[0].type);
    duckdb_logical_type value = pli__duckdb_logical_type(t->fields[1].type);
    duckdb_logical_type map = key && value ? duckdb_create_map_type(key, value) : NULL;
    duckdb_destroy_logical_type(&key);
    duckdb_destroy_logical_type(&value);
    return map;
}

static duckdb_logical_type make_text(bool is_json) {
    duckdb_logical_type text = duckdb_create_logical_type(DUCKDB_TYPE_VARCHAR);
    if (is_json) duckdb_logical_type_set_alias(text, "JSON");
    return text;
}

/* Instants have one precision in DuckDB. */
static bool is_same(size_t row, const pli__type *t) {
    return simple[row].id == t->id &&
           (simple[row].unit == t->unit || t->id == PLI__TYPE_TIMESTAMP || t->id == PLI__TYPE_DURATION);
}

duckdb_logical_type pli__duckdb_logical_type(const pli__type *t) {
    switch (t->id) {
        case PLI__TYPE_DECIMAL: return duckdb_create_decimal_type(t->precision, t->scale);
        case PLI__TYPE_STRUCT: return make_struct(t);
        case PLI__TYPE_LIST: return make_list(t);
        case PLI__TYPE_MAP: return make_map(t);
        case PLI__TYPE_STRING:
        case PLI__TYPE_ENUM:
        case PLI__TYPE_JSON: return make_text(t->id == PLI__TYPE_JSON);
        default: break;
    }
    for (size_t i = 0; i < sizeof simple / sizeof simple[0]; i++)
        if (is_same(i, t)) return duckdb_create_logical_type((duckdb_type)simple[i].duckdb);
    return NULL;
}

/* ---- columns ---- */

pli_status pli__duckdb_result_type(duckdb_result *result, const pli__type **out, pli_error *err) {
    PLI_AUTO(pli__type_builder_clear) pli__type_builder b = {0};
    for (idx_t i = 0; i < duckdb_column_count(result); i++) {
        const pli__type *type = NULL;
        PLI_TRY(convert_child(duckdb_column_logical_type(result, i), &type, err));
        pli__type_builder_add(&b, pli__str_of(duckdb_column_name(result, i)), type, true, NULL);
    }
    return made(pli__type_builder_finish(&b), out, err);
}

static void free_const_text(const char **text) { duckdb_free((void *)(uintptr_t)*text); }

pli_status pli__duckdb_prepared_type(duckdb_prepared_statement statement, const pli__type **out, pli_error *err) {
    PLI_AUTO(pli__type_builder_clear) pli__type_builder b = {0};
    for (idx_t i = 0; i < duckdb_prepared_statement_column_count(statement); i++) {
        PLI_AUTO(free_const_text) const char *name = duckdb_prepared_statement_column_name(statement, i);
        const pli__type *type = NULL;
        PLI_TRY(convert_child(duckdb_prepared_statement_column_logical_type(statement, i), &type, err));
        pli__type_builder_add(&b, pli__str_of(name), type, true, NULL);
    }
    return made(pli__type_builder_finish(&b), out, err);
}

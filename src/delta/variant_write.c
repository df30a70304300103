/* Variants as their binary parts. */
#include "delta/variant_write.h"

#include <stdio.h>

#include "delta/mapping.h"

bool pli__type_has_variant(const pli__type *t) {
    if (t->id == PLI__TYPE_VARIANT) return true;
    for (size_t i = 0; i < t->n_fields; i++)
        if (pli__type_has_variant(t->fields[i].type)) return true;
    return false;
}

static bool is_binary_parts(const pli__type *t) {
    if (t->id != PLI__TYPE_STRUCT || t->n_fields != 2) return false;
    const int metadata = pli__type_find(t, PLI_STR("metadata"), true),
              value = pli__type_find(t, PLI_STR("value"), true);
    return metadata >= 0 && value >= 0 && t->fields[metadata].type->id == PLI__TYPE_BINARY &&
           t->fields[value].type->id == PLI__TYPE_BINARY;
}

/* ---- expressions ---- */

static void add_value(const pli__type *to, const pli__type *raw, pli__str value, unsigned depth, pli__buf *out);

static void add_cast(const pli__type *to, pli__str value, pli__buf *out) {
    pli__buf_addz(out, "CAST(");
    pli__buf_adds(out, value);
    pli__buf_addz(out, " AS ");
    pli__mapping_sql_type(to, out);
    pli__buf_addc(out, ')');
}

static void add_variant(const pli__type *raw, pli__str value, pli__buf *out) {
    pli__buf_addf(out, "CASE WHEN %.*s IS NOT NULL THEN ", PLI_STR_ARG(value));
    if (is_binary_parts(raw))
        pli__buf_addf(out, "{'metadata': %.*s.metadata, 'value': %.*s.\"value\"}", PLI_STR_ARG(value),
                      PLI_STR_ARG(value));
    else
        pli__buf_addf(
            out, "CAST(variant_to_parquet_variant(CAST(%.*s AS VARIANT)) AS STRUCT(metadata BLOB, \"value\" BLOB))",
            PLI_STR_ARG(value));
    pli__buf_addz(out, " END");
}

static void add_struct(const pli__type *to, const pli__type *raw, pli__str value, unsigned depth, pli__buf *out) {
    pli__buf_addf(out, "CASE WHEN %.*s IS NOT NULL THEN struct_pack(", PLI_STR_ARG(value));
    for (size_t i = 0; i < to->n_fields; i++) {
        const pli__field *f = &to->fields[i];
        const int k = pli__type_find(raw, pli__str_of(f->name), false);
        PLI_AUTO(pli__buf_clear) pli__buf inner = {0};
        if (i) pli__buf_addz(out, ", ");
        pli__buf_add_sql_name(out, pli__str_of(f->name));
        pli__buf_addz(out, " := ");
        pli__buf_addf(&inner, "%.*s.", PLI_STR_ARG(value));
        if (k >= 0) pli__buf_add_sql_name(&inner, pli__str_of(raw->fields[k].name));
        if (k >= 0) add_value(f->type, raw->fields[k].type, pli__buf_str(&inner), depth, out);
        else add_cast(f->type, PLI_STR("NULL"), out);
        if (inner.failed) out->failed = true;
    }
    pli__buf_addz(out, ") END");
}

static void add_list(const pli__type *to, const pli__type *raw, pli__str value, unsigned depth, pli__buf *out) {
    char variable[24];
    snprintf(variable, sizeof variable, "pli_v%u", depth);
    pli__buf_addf(out, "list_transform(%.*s, lambda %s: ", PLI_STR_ARG(value), variable);
    add_value(to->fields[0].type, raw->fields[0].type, pli__str_of(variable), depth + 1, out);
    pli__buf_addc(out, ')');
}

static void add_map(const pli__type *to, const pli__type *raw, pli__str value, unsigned depth, pli__buf *out) {
    char key[32], item[32];
    snprintf(key, sizeof key, "pli_v%u.key", depth);
    snprintf(item, sizeof item, "pli_v%u.value", depth);
    pli__buf_addf(out, "map_from_entries(list_transform(map_entries(%.*s), lambda pli_v%u: struct_pack(k := ",
                  PLI_STR_ARG(value), depth);
    add_value(to->fields[0].type, raw->fields[0].type, pli__str_of(key), depth + 1, out);
    pli__buf_addz(out, ", v := ");
    add_value(to->fields[1].type, raw->fields[1].type, pli__str_of(item), depth + 1, out);
    pli__buf_addz(out, ")))");
}

/* What has another shape is left to the engine's cast, which knows what to say. */
static void add_value(const pli__type *to, const pli__type *raw, pli__str value, unsigned depth, pli__buf *out) {
    if (to->id == PLI__TYPE_VARIANT && raw->id != PLI__TYPE_NULL) add_variant(raw, value, out);
    else if (!pli__type_has_variant(to) || to->id != raw->id) add_cast(to, value, out);
    else if (to->id == PLI__TYPE_STRUCT) add_struct(to, raw, value, depth, out);
    else if (to->id == PLI__TYPE_LIST) add_list(to, raw, value, depth, out);
    else add_map(to, raw, value, depth, out);
}

void pli__variant_sql(const pli__type *to, const pli__type *raw, pli__str column, pli__buf *out) {
    add_value(to, raw, column, 0, out);
}

/* Variants as their binary parts. */
#include "delta/variant_write.h"

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

void pli__variant_sql(const pli__type *raw, pli__str column, pli__buf *out) {
    pli__buf_addz(out, "CASE WHEN ");
    pli__buf_adds(out, column);
    pli__buf_addz(out, " IS NOT NULL THEN ");
    if (is_binary_parts(raw)) {
        pli__buf_addf(out, "{'metadata': %.*s.metadata, 'value': %.*s.\"value\"}", PLI_STR_ARG(column),
                      PLI_STR_ARG(column));
    } else {
        pli__buf_addf(
            out, "CAST(variant_to_parquet_variant(CAST(%.*s AS VARIANT)) AS STRUCT(metadata BLOB, \"value\" BLOB))",
            PLI_STR_ARG(column));
    }
    pli__buf_addz(out, " END");
}

/*
 * stats_parsed and partitionValues_parsed of a checkpoint as SQL. Names are physical. What a file's statistics lack is
 * NULL, so that a reader takes it as unknown.
 */
#include "delta/checkpoint_parsed.h"

static bool is_partition(const pli__metadata *m, const char *name) {
    for (size_t i = 0; i < m->n_partition_columns; i++)
        if (pli__str_eqz(m->partition_columns[i], name)) return true;
    return false;
}

static bool has_bounds(const pli__type *t) {
    switch (t->id) {
        case PLI__TYPE_I8:
        case PLI__TYPE_I16:
        case PLI__TYPE_I32:
        case PLI__TYPE_I64:
        case PLI__TYPE_F32:
        case PLI__TYPE_F64:
        case PLI__TYPE_DECIMAL:
        case PLI__TYPE_STRING:
        case PLI__TYPE_DATE:
        case PLI__TYPE_TIMESTAMP:
        case PLI__TYPE_TIMESTAMP_NTZ: return true;
        default: return false;
    }
}

static void physical_name(const pli__field *f, pli__buf *out) {
    if (!pli__field_meta_str(f, "delta.columnMapping.physicalName", out)) pli__buf_addz(out, f->name);
}

/* The JSON structure that json_transform takes; false (and nothing) if no leaf is left. */
static bool add_structure(const pli__metadata *m, const pli__type *strct, bool nulls, bool top, pli__buf *out) {
    bool any = false;
    const size_t start = out->len;
    pli__buf_addc(out, '{');
    for (size_t i = 0; i < strct->n_fields; i++) {
        const pli__field *f = &strct->fields[i];
        PLI_AUTO(pli__buf_clear) pli__buf name = {0}, type = {0};
        if (top && is_partition(m, f->name)) continue;
        const size_t before = out->len;
        bool written = true;
        if (any) pli__buf_addc(out, ',');
        physical_name(f, &name);
        pli__buf_add_json(out, pli__buf_str(&name));
        pli__buf_addc(out, ':');
        if (f->type->id == PLI__TYPE_STRUCT) written = add_structure(m, f->type, nulls, false, out);
        else if (nulls) pli__buf_addz(out, "\"BIGINT\"");
        else if (has_bounds(f->type) && pli__type_to_sql(f->type, &type, NULL) == PLI_OK)
            pli__buf_add_json(out, pli__buf_str(&type));
        else written = false;
        if (written) any = true;
        else if (!out->failed) out->len = before;
    }
    pli__buf_addc(out, '}');
    if (!any && !out->failed) out->len = start;
    return any;
}

static void add_stats(const pli__snapshot *s, pli__buf *out) {
    PLI_AUTO(pli__buf_clear) pli__buf structure = {0};
    static const char *const parts[] = {"minValues", "maxValues", "nullCount"};
    pli__buf_addz(&structure, "{\"numRecords\":\"BIGINT\"");
    if (pli__snapshot_has_feature(s, "deletionVectors")) pli__buf_addz(&structure, ",\"tightBounds\":\"BOOLEAN\"");
    for (int i = 0; i < 3; i++) {
        const size_t before = structure.len;
        pli__buf_addf(&structure, ",\"%s\":", parts[i]);
        if (!add_structure(pli__snapshot_metadata(s), pli__snapshot_schema(s), i == 2, true, &structure) &&
            !structure.failed)
            structure.len = before;
    }
    pli__buf_addc(&structure, '}');
    pli__buf_addz(out, ", stats_parsed := json_transform(coalesce(exact, stats), ");
    pli__buf_add_sql_str(out, pli__buf_str(&structure));
    pli__buf_addc(out, ')');
}

static pli_status add_partitions(const pli__metadata *m, const pli__type *schema, pli__buf *out, pli_error *err) {
    if (!m->n_partition_columns) return PLI_OK;
    pli__buf_addz(out, ", partitionValues_parsed := struct_pack(");
    for (size_t i = 0; i < m->n_partition_columns; i++) {
        PLI_AUTO(pli__buf_clear) pli__buf name = {0}, type = {0};
        const int k = pli__type_find(schema, m->partition_columns[i], false);
        if (k < 0)
            return pli__error_set(err, PLI_E_CORRUPT, "partition column '%.*s' is not in the schema",
                                  PLI_STR_ARG(m->partition_columns[i]));
        physical_name(&schema->fields[k], &name);
        PLI_TRY(pli__buf_status(&name, err));
        PLI_TRY(pli__type_to_sql(schema->fields[k].type, &type, err));
        if (i) pli__buf_addz(out, ", ");
        pli__buf_add_sql_name(out, pli__buf_str(&name));
        pli__buf_addz(out, " := TRY_CAST(NULLIF(MAP(pk, pv)[");
        pli__buf_add_sql_str(out, pli__buf_str(&name));
        pli__buf_addf(out, "], '') AS %s)", type.ptr);
    }
    pli__buf_addc(out, ')');
    return PLI_OK;
}

bool pli__checkpoint_wants_parsed(const pli__snapshot *s) {
    return pli__str_ieqz(pli__snapshot_property(s, "delta.checkpoint.writeStatsAsStruct"), "true");
}

pli_status pli__checkpoint_parsed_sql(const pli__snapshot *s, pli__buf *out, pli_error *err) {
    add_stats(s, out);
    PLI_TRY(add_partitions(pli__snapshot_metadata(s), pli__snapshot_schema(s), out, err));
    return pli__buf_status(out, err);
}

/* ---- numbers ---- */

enum { EXACT_DIGITS = 15 /* that a double keeps */ };

static size_t number_length(pli__str s, size_t at) {
    size_t n = 0;
    while (at + n < s.len && s.ptr[at + n] && strchr("+-.0123456789eE", s.ptr[at + n])) n++;
    return n;
}

/* Length of the text that begins at a quote, with both of them. */
static size_t text_length(pli__str s, size_t at) {
    size_t n = 1;
    while (at + n < s.len && s.ptr[at + n] != '"') n += s.ptr[at + n] == '\\' ? 2 : 1;
    return at + n < s.len ? n + 1 : s.len - at;
}

bool pli__checkpoint_quote_numbers(pli__str stats, pli__buf *out) {
    size_t copied = 0;
    pli__buf_reset(out);
    for (size_t i = 0; i < stats.len;) {
        const char c = stats.ptr[i];
        const bool number = c == '-' || (c >= '0' && c <= '9');
        const size_t n = number ? number_length(stats, i) : c == '"' ? text_length(stats, i) : 1;
        if (number && n > EXACT_DIGITS) {
            pli__buf_add(out, stats.ptr + copied, i - copied);
            pli__buf_addc(out, '"');
            pli__buf_add(out, stats.ptr + i, n);
            pli__buf_addc(out, '"');
            copied = i + n;
        }
        i += n;
    }
    if (!copied) return false;
    pli__buf_add(out, stats.ptr + copied, stats.len - copied);
    return true;
}

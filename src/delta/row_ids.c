/* Ids of rows that are rewritten. */
#include "delta/row_ids.h"

#include <stdio.h>

#include "delta/metadata_write.h"
#include "delta/transaction_impl.h"

#define ID_COLUMN "delta.rowTracking.materializedRowIdColumnName"
#define VERSION_COLUMN "delta.rowTracking.materializedRowCommitVersionColumnName"
#define DEFAULT_INDEXED 32

bool pli__row_ids_kept(const pli__snapshot *s) {
    return pli__str_ieqz(pli__snapshot_property(s, "delta.enableRowTracking"), "true");
}

/* ---- the two columns ---- */

static pli_status column_name(const pli__metadata *m, const char *property, pli__str *out, pli_error *err) {
    *out = pli__metadata_property(m, property);
    if (out->len) return PLI_OK;
    return pli__error_set(err, PLI_E_CORRUPT, "the table tracks rows, but its property %s is not set", property);
}

/* Under column mapping the columns keep their names. */
static pli_status add_column(pli__type_builder *b, pli__str name, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf meta = {0};
    pli__buf_addz(&meta, "{\"delta.columnMapping.physicalName\":");
    pli__buf_add_json(&meta, name);
    pli__buf_addc(&meta, '}');
    PLI_TRY(pli__buf_status(&meta, err));
    pli__type_builder_add(b, name, pli__type_new(PLI__TYPE_I64), true, meta.ptr);
    return PLI_OK;
}

static pli_status with_id_columns(const pli__metadata *m, const pli__type *schema, const pli__type **out,
                                  pli_error *err) {
    PLI_AUTO(pli__type_builder_clear) pli__type_builder b = {0};
    pli__str id, version;
    PLI_TRY(column_name(m, ID_COLUMN, &id, err));
    PLI_TRY(column_name(m, VERSION_COLUMN, &version, err));
    for (size_t i = 0; i < schema->n_fields; i++) {
        const pli__field *f = &schema->fields[i];
        pli__type_builder_add(&b, pli__str_of(f->name), pli__type_ref(f->type), f->nullable, f->metadata);
    }
    PLI_TRY(add_column(&b, id, err));
    PLI_TRY(add_column(&b, version, err));
    *out = pli__type_builder_finish(&b);
    return *out ? PLI_OK : pli__error_memory(err);
}

pli_status pli__row_ids_columns(const pli__metadata *m, const char *prefix, pli__buf *out, pli_error *err) {
    pli__str id, version;
    PLI_TRY(column_name(m, ID_COLUMN, &id, err));
    PLI_TRY(column_name(m, VERSION_COLUMN, &version, err));
    pli__buf_addz(out, prefix);
    pli__buf_add_sql_name(out, id);
    pli__buf_addf(out, ", %s", prefix);
    pli__buf_add_sql_name(out, version);
    return pli__buf_status(out, err);
}

static int64_t count_leaves(const pli__type *t) {
    int64_t n = 0;
    if (t->id != PLI__TYPE_STRUCT) return 1;
    for (size_t i = 0; i < t->n_fields; i++) n += count_leaves(t->fields[i].type);
    return n;
}

/* Statistics end where the table's own columns end. */
static pli_status limit_statistics(pli__metadata *m, const pli__type *schema, pli__arena *arena, pli_error *err) {
    const pli__str key = PLI_STR("delta.dataSkippingNumIndexedCols");
    int64_t indexed = DEFAULT_INDEXED;
    const int64_t leaves = count_leaves(schema) - (int64_t)m->n_partition_columns;
    char text[24];
    (void)pli__str_to_i64(pli__metadata_property(m, key.ptr), &indexed);
    if (indexed < 0 || indexed > leaves) indexed = leaves;
    snprintf(text, sizeof text, "%lld", (long long)indexed);
    return pli__metadata_set(m, key, pli__str_of(text), arena, err);
}

pli_status pli__row_ids_metadata(const pli__metadata *m, pli__arena *arena, pli__metadata *out, pli_error *err) {
    PLI_AUTO(pli__type_auto) const pli__type *schema = NULL, *with = NULL;
    PLI_AUTO(pli__buf_clear) pli__buf text = {0};
    pli__metadata more = *m;
    PLI_TRY(pli__type_from_delta(m->schema_string, &schema, err));
    PLI_TRY(with_id_columns(m, schema, &with, err));
    PLI_TRY(pli__type_to_delta(with, &text, err));
    PLI_TRY(limit_statistics(&more, schema, arena, err));
    more.schema_string = pli__arena_str(arena, pli__buf_str(&text));
    *out = more;
    return pli__arena_status(arena, err);
}

/* ---- rows with their ids ---- */

/* The columns are read as if they were the table's. */
static pli_status map_id_columns(pli__touched *x, pli_error *err) {
    PLI_AUTO(pli__type_auto) const pli__type *with = NULL;
    PLI_AUTO(pli__mapping_auto) pli__mapping *mapping = NULL;
    const pli__type *schema = pli__snapshot_schema(x->snapshot);
    if (x->mapping->n > schema->n_fields) return PLI_OK;
    PLI_TRY(with_id_columns(pli__snapshot_metadata(x->snapshot), schema, &with, err));
    PLI_TRY(pli__mapping_open_as(x->snapshot, with, &mapping, err));
    pli__mapping_free(x->mapping);
    x->mapping = PLI_TAKE(mapping);
    return PLI_OK;
}

/* (VALUES ('path', base id, version), …) AS pli_files(f, b, v) */
static pli_status add_files(const pli__touched *x, pli__buf *out, pli_error *err) {
    pli__buf_addz(out, "(VALUES ");
    for (size_t i = 0; i < x->n; i++) {
        const pli__add *a = &x->files[i].add;
        if (a->base_row_id < 0)
            return pli__error_set(err, PLI_E_CORRUPT, "file '%.*s' has no row ids, although the table tracks rows",
                                  PLI_STR_ARG(a->path));
        pli__buf_addz(out, i ? ", (" : "(");
        pli__buf_add_sql_str(out, a->path);
        pli__buf_addf(out, ", %lld::BIGINT, %lld::BIGINT)", (long long)a->base_row_id,
                      (long long)a->default_row_commit_version);
    }
    pli__buf_addz(out, ") AS pli_files(f, b, v)");
    return pli__buf_status(out, err);
}

static void add_columns(const pli__touched *x, unsigned flags, pli__buf *out) {
    const size_t n = x->mapping->n;
    pli__buf_addz(out, "SELECT ");
    for (size_t i = 0; i + 2 < n; i++) {
        pli__buf_addz(out, "pli_moved.");
        pli__buf_add_sql_name(out, pli__str_of(x->mapping->columns[i].field->name));
        pli__buf_addz(out, ", ");
    }
    for (size_t i = n - 2; i < n; i++) {
        const pli__str name = pli__str_of(x->mapping->columns[i].field->name);
        const bool is_id = i == n - 2;
        if (!is_id && flags & PLI__ROW_IDS_CHANGED) {
            pli__buf_addz(out, "NULL::BIGINT AS ");
        } else {
            pli__buf_addz(out, "coalesce(pli_moved.");
            pli__buf_add_sql_name(out, name);
            pli__buf_addz(out, is_id ? ", pli_files.b + pli_moved._pli_row) AS " : ", pli_files.v) AS ");
        }
        pli__buf_add_sql_name(out, name);
        if (is_id) pli__buf_addz(out, ", ");
    }
    if (flags & PLI__ROW_IDS_PLACES) pli__buf_addz(out, ", pli_moved._pli_number, pli_moved._pli_row");
}

pli_status pli__row_ids_sql(pli__touched *x, pli__touched_rows which, unsigned flags, pli__file_relation **relation,
                            pli__buf *sql, bool *any, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf rows = {0};
    PLI_TRY(map_id_columns(x, err));
    PLI_TRY(pli__touched_sql(x, which, true, relation, &rows, any, err));
    if (!*any) return PLI_OK;
    add_columns(x, flags, sql);
    pli__buf_addf(sql, " FROM (%s) AS pli_moved JOIN ", rows.ptr);
    PLI_TRY(add_files(x, sql, err));
    pli__buf_addz(sql, " ON pli_files.f = pli_moved._pli_file");
    return pli__buf_status(sql, err);
}

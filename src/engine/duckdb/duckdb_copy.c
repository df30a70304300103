/*
 * COPY ... (RETURN_STATS): one row for each file written. Its columns:
 *   filename VARCHAR, count UBIGINT, file_size_bytes UBIGINT, footer_size_bytes UBIGINT,
 *   column_statistics MAP(VARCHAR, MAP(VARCHAR, VARCHAR)), partition_keys MAP(VARCHAR, VARCHAR)
 * DuckDB stores a MAP as a list of structs (key, value), which is decoded from the vectors here.
 */
#include <stdlib.h>

#include "engine/duckdb/duckdb_module.h"

enum { COL_PATH, COL_ROWS, COL_BYTES, COL_FOOTER, COL_STATISTICS, COL_KEYS, COL_COUNT };

/* A map vector: entries[row] is a range of keys and values. */
typedef struct {
    const duckdb_list_entry *entries;
    const uint64_t *validity;
    duckdb_vector keys, values;
} map_vector;

static map_vector open_map(duckdb_vector v) {
    duckdb_vector pairs = duckdb_list_vector_get_child(v);
    return (map_vector){.entries = duckdb_vector_get_data(v),
                        .validity = duckdb_vector_get_validity(v),
                        .keys = duckdb_struct_vector_get_child(pairs, 0),
                        .values = duckdb_struct_vector_get_child(pairs, 1)};
}

/* Range of row; empty for NULL. */
static duckdb_list_entry range_of(const map_vector *m, idx_t row) {
    if (m->validity && !duckdb_validity_row_is_valid((uint64_t *)(uintptr_t)m->validity, row))
        return (duckdb_list_entry){0};
    return m->entries[row];
}

/* Text at i; ptr is NULL for NULL. */
static pli__str text_at(duckdb_vector v, idx_t i) {
    uint64_t *validity = duckdb_vector_get_validity(v);
    if (validity && !duckdb_validity_row_is_valid(validity, i)) return (pli__str){NULL, 0};
    return pli__duckdb_str((const duckdb_string_t *)duckdb_vector_get_data(v) + i);
}

static int64_t count_of(pli__str s) {
    int64_t value;
    return pli__str_to_i64(s, &value) ? value : -1;
}

static void set_statistic(pli__written_column *c, pli__str name, pli__str value) {
    if (!value.ptr) return;
    if (pli__str_eqz(name, "min")) {
        c->min = value;
    } else if (pli__str_eqz(name, "max")) {
        c->max = value;
    } else if (pli__str_eqz(name, "null_count")) {
        c->null_count = count_of(value);
        c->has_null_count = c->null_count >= 0;
    } else if (pli__str_eqz(name, "num_values")) {
        c->num_values = count_of(value);
    } else if (pli__str_eqz(name, "has_nan")) {
        c->has_nan = pli__str_eqz(value, "true");
    }
}

static void read_column(const map_vector *columns, idx_t i, pli__written_column *out) {
    const map_vector statistics = open_map(columns->values);
    const duckdb_list_entry range = range_of(&statistics, i);
    *out = (pli__written_column){.path = text_at(columns->keys, i), .num_values = -1};
    for (idx_t k = range.offset; k < range.offset + range.length; k++)
        set_statistic(out, text_at(statistics.keys, k), text_at(statistics.values, k));
    out->has_min_max = out->min.ptr && out->max.ptr;
}

static pli_status report_file(duckdb_data_chunk chunk, idx_t row, pli__written_fn *fn, void *arg, pli_error *err) {
    const map_vector columns = open_map(duckdb_data_chunk_get_vector(chunk, COL_STATISTICS));
    const map_vector keys = open_map(duckdb_data_chunk_get_vector(chunk, COL_KEYS));
    const duckdb_list_entry column_range = range_of(&columns, row), key_range = range_of(&keys, row);
    PLI_AUTO(pli__free_ptr) pli__written_column *column = calloc(column_range.length + 1, sizeof *column);
    PLI_AUTO(pli__free_ptr) pli__written_key *key = calloc(key_range.length + 1, sizeof *key);
    if (!column || !key) return pli__error_memory(err);
    for (idx_t i = 0; i < column_range.length; i++) read_column(&columns, column_range.offset + i, &column[i]);
    for (idx_t i = 0; i < key_range.length; i++)
        key[i] = (pli__written_key){text_at(keys.keys, key_range.offset + i),
                                    text_at(keys.values, key_range.offset + i)};
    const pli__written_file file = {
        .path = text_at(duckdb_data_chunk_get_vector(chunk, COL_PATH), row),
        .rows = ((const int64_t *)duckdb_vector_get_data(duckdb_data_chunk_get_vector(chunk, COL_ROWS)))[row],
        .bytes = ((const int64_t *)duckdb_vector_get_data(duckdb_data_chunk_get_vector(chunk, COL_BYTES)))[row],
        .footer_bytes = ((const int64_t *)duckdb_vector_get_data(duckdb_data_chunk_get_vector(chunk, COL_FOOTER)))[row],
        .n_columns = column_range.length,
        .columns = column,
        .n_keys = key_range.length,
        .keys = key};
    return fn(arg, &file, err);
}

static pli_status check_shape(duckdb_result *result, pli_error *err) {
    static const char *const names[COL_COUNT] = {
        "filename", "count", "file_size_bytes", "footer_size_bytes", "column_statistics", "partition_keys"};
    bool fits = duckdb_column_count(result) == COL_COUNT;
    for (idx_t i = 0; i < COL_COUNT && fits; i++) fits = strcmp(duckdb_column_name(result, i), names[i]) == 0;
    return fits ? PLI_OK : pli__error_set(err, PLI_E_ARGUMENT, "the statement is no COPY ... TO with RETURN_STATS");
}

pli_status pli__duckdb_copy(pli__engine *e, const char *copy_sql, pli__written_fn *fn, void *arg, pli_error *err) {
    PLI_AUTO(duckdb_destroy_result) duckdb_result result = {0};
    PLI_TRY(pli__duckdb_run(e, copy_sql, &result, err));
    PLI_TRY(check_shape(&result, err));
    for (;;) {
        PLI_AUTO(duckdb_destroy_data_chunk) duckdb_data_chunk chunk = NULL;
        PLI_TRY(pli__duckdb_fetch(&result, &chunk, err));
        if (!chunk) return PLI_OK;
        for (idx_t row = 0; row < duckdb_data_chunk_get_size(chunk); row++)
            PLI_TRY(report_file(chunk, row, fn, arg, err));
    }
}

/* Results as chunks of columns, streamed: only the chunk in hand is in memory. */
#include <stdlib.h>

#include "engine/duckdb/duckdb_module.h"

struct pli__result {
    pli__duckdb_rows rows;
    const pli__type *schema;
    pli__column *columns;
    duckdb_data_chunk chunk; /* the one the caller looks at */
    bool done;
};

pli__str pli__duckdb_str(const duckdb_string_t *s) {
    const uint32_t len = s->value.inlined.length;
    return (pli__str){len <= sizeof s->value.inlined.inlined ? s->value.inlined.inlined : s->value.pointer.ptr, len};
}

pli__str pli__duckdb_chunk_str(const pli__chunk *c, size_t col, size_t row) {
    return pli__duckdb_str((const duckdb_string_t *)c->columns[col].data + row);
}

/* ---- columns ---- */

static pli__vec decimal_vec(uint8_t precision) {
    if (precision <= 4) return PLI__VEC_I16;
    if (precision <= 9) return PLI__VEC_I32;
    return precision <= 18 ? PLI__VEC_I64 : PLI__VEC_I128;
}

static pli__vec vec_of(const pli__type *t) {
    switch (t->id) {
        case PLI__TYPE_BOOLEAN: return PLI__VEC_BOOL;
        case PLI__TYPE_I8: return PLI__VEC_I8;
        case PLI__TYPE_I16: return PLI__VEC_I16;
        case PLI__TYPE_I32:
        case PLI__TYPE_DATE: return PLI__VEC_I32;
        case PLI__TYPE_I64:
        case PLI__TYPE_TIME:
        case PLI__TYPE_TIMESTAMP:
        case PLI__TYPE_TIMESTAMP_NTZ: return PLI__VEC_I64;
        case PLI__TYPE_I128: return PLI__VEC_I128;
        case PLI__TYPE_U8: return PLI__VEC_U8;
        case PLI__TYPE_U16: return PLI__VEC_U16;
        case PLI__TYPE_U32: return PLI__VEC_U32;
        case PLI__TYPE_U64: return PLI__VEC_U64;
        case PLI__TYPE_F32: return PLI__VEC_F32;
        case PLI__TYPE_F64: return PLI__VEC_F64;
        case PLI__TYPE_DECIMAL: return decimal_vec(t->precision);
        case PLI__TYPE_STRING:
        case PLI__TYPE_BINARY:
        case PLI__TYPE_JSON: return PLI__VEC_STR;
        default: return PLI__VEC_OTHER;
    }
}

static void fill_column(duckdb_data_chunk chunk, idx_t i, pli__column *out) {
    duckdb_vector vector = duckdb_data_chunk_get_vector(chunk, i);
    out->data = duckdb_vector_get_data(vector);
    out->validity = duckdb_vector_get_validity(vector);
}

/* ---- the interface ---- */

static pli_status prepare_columns(pli__result *r, pli_error *err) {
    PLI_TRY(pli__duckdb_result_type(&r->rows.result, &r->schema, err));
    r->columns = calloc(r->schema->n_fields + 1, sizeof *r->columns);
    if (!r->columns) return pli__error_memory(err);
    for (size_t i = 0; i < r->schema->n_fields; i++) r->columns[i].vec = vec_of(r->schema->fields[i].type);
    return PLI_OK;
}

static void free_result(pli__result **r) {
    if (*r) pli__duckdb_result_free(*r);
}

pli_status pli__duckdb_query(pli__engine *e, const char *sql, pli__result **out, pli_error *err) {
    PLI_AUTO(free_result) pli__result *r = calloc(1, sizeof *r);
    if (!r) return pli__error_memory(err);
    PLI_TRY(pli__duckdb_rows_begin(e, sql, &r->rows, err));
    e->busy = r;
    PLI_TRY(prepare_columns(r, err));
    *out = PLI_TAKE(r);
    return PLI_OK;
}

const pli__type *pli__duckdb_result_schema(const pli__result *r) { return r->schema; }

static void finish(pli__result *r) {
    r->done = true;
    if (r->rows.engine && r->rows.engine->busy == r) r->rows.engine->busy = NULL;
}

pli_status pli__duckdb_result_next(pli__result *r, pli__chunk *out, pli_error *err) {
    *out = (pli__chunk){.n_columns = r->schema->n_fields, .columns = r->columns};
    duckdb_destroy_data_chunk(&r->chunk);
    if (r->done) return PLI_OK;
    const pli_status status = pli__duckdb_rows_next(&r->rows, &r->chunk, err);
    if (!r->chunk) finish(r);
    if (!r->chunk) return status;
    for (idx_t i = 0; i < r->schema->n_fields; i++) fill_column(r->chunk, i, &r->columns[i]);
    out->rows = duckdb_data_chunk_get_size(r->chunk);
    out->impl = r;
    return PLI_OK;
}

void pli__duckdb_result_free(pli__result *r) {
    finish(r);
    duckdb_destroy_data_chunk(&r->chunk);
    pli__duckdb_rows_clear(&r->rows);
    pli__type_unref(r->schema);
    free(r->columns);
    free(r);
}

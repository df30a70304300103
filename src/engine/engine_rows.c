/* Reading results: values of chunks, a callback for each row, single values. */
#include "engine/engine.h"

/* ---- values ---- */

/* Two words of an I128, low first, as int64_t; saturated. */
static int64_t clamp_i128(const int64_t words[2]) {
    const int64_t low = words[0], high = words[1];
    if (high == 0) return low >= 0 ? low : INT64_MAX;
    if (high == -1) return low < 0 ? low : INT64_MIN;
    return high > 0 ? INT64_MAX : INT64_MIN;
}

static int64_t clamp_u64(uint64_t v) { return v > INT64_MAX ? INT64_MAX : (int64_t)v; }

int64_t pli__chunk_i64(const pli__chunk *c, size_t col, size_t row) {
    const pli__column *column = &c->columns[col];
    switch (column->vec) {
        case PLI__VEC_BOOL:
        case PLI__VEC_U8: return ((const uint8_t *)column->data)[row];
        case PLI__VEC_I8: return ((const int8_t *)column->data)[row];
        case PLI__VEC_I16: return ((const int16_t *)column->data)[row];
        case PLI__VEC_U16: return ((const uint16_t *)column->data)[row];
        case PLI__VEC_I32: return ((const int32_t *)column->data)[row];
        case PLI__VEC_U32: return ((const uint32_t *)column->data)[row];
        case PLI__VEC_I64: return ((const int64_t *)column->data)[row];
        case PLI__VEC_U64: return clamp_u64(((const uint64_t *)column->data)[row]);
        case PLI__VEC_I128: return clamp_i128((const int64_t *)column->data + 2 * row);
        default: return 0;
    }
}

double pli__chunk_f64(const pli__chunk *c, size_t col, size_t row) {
    const pli__column *column = &c->columns[col];
    if (column->vec == PLI__VEC_F32) return (double)((const float *)column->data)[row];
    return column->vec == PLI__VEC_F64 ? ((const double *)column->data)[row] : 0;
}

void pli__result_auto(pli__result **r) { pli__result_free(*r); }

/* ---- queries ---- */

pli_status pli__engine_query_rows(pli__engine *e, const char *sql, pli__row_fn *fn, void *arg, pli_error *err) {
    PLI_AUTO(pli__result_auto) pli__result *result = NULL;
    PLI_TRY(pli__engine_query(e, sql, &result, err));
    for (;;) {
        pli__chunk chunk;
        PLI_TRY(pli__result_next(result, &chunk, err));
        if (chunk.rows == 0) return PLI_OK;
        for (size_t row = 0; row < chunk.rows; row++) PLI_TRY(fn(arg, &chunk, row, err));
    }
}

/* The first chunk of a query; its first value must be there. */
static pli_status query_first(pli__engine *e, const char *sql, pli__result **result, pli__chunk *chunk,
                              pli_error *err) {
    PLI_TRY(pli__engine_query(e, sql, result, err));
    PLI_TRY(pli__result_next(*result, chunk, err));
    if (chunk->rows == 0) return pli__error_set(err, PLI_E_NOT_FOUND, "the query gives no rows");
    if (pli__chunk_is_null(chunk, 0, 0)) return pli__error_set(err, PLI_E_NOT_FOUND, "the query gives NULL");
    return PLI_OK;
}

pli_status pli__engine_query_i64(pli__engine *e, const char *sql, int64_t *out, pli_error *err) {
    PLI_AUTO(pli__result_auto) pli__result *result = NULL;
    pli__chunk chunk;
    PLI_TRY(query_first(e, sql, &result, &chunk, err));
    const pli__vec vec = chunk.columns[0].vec;
    if (vec == PLI__VEC_STR || vec == PLI__VEC_OTHER || vec == PLI__VEC_F32 || vec == PLI__VEC_F64)
        return pli__error_set(err, PLI_E_ARGUMENT, "the query gives no integer");
    *out = pli__chunk_i64(&chunk, 0, 0);
    return PLI_OK;
}

pli_status pli__engine_query_str(pli__engine *e, const char *sql, pli__buf *out, pli_error *err) {
    PLI_AUTO(pli__result_auto) pli__result *result = NULL;
    pli__chunk chunk;
    PLI_TRY(query_first(e, sql, &result, &chunk, err));
    if (chunk.columns[0].vec != PLI__VEC_STR) return pli__error_set(err, PLI_E_ARGUMENT, "the query gives no text");
    pli__buf_adds(out, pli__chunk_str(&chunk, 0, 0));
    return pli__buf_status(out, err);
}

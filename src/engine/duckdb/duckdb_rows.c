/* Queries whose rows are fetched while they run. */
#include <stdlib.h>

#include "engine/duckdb/duckdb_module.h"

#define REASON_ATTEMPTS 3

/* ---- fetching ---- */

pli_status pli__duckdb_fetch(duckdb_result *result, duckdb_data_chunk *out, pli_error *err) {
    duckdb_data_chunk chunk = duckdb_fetch_chunk(*result);
    const char *problem = chunk ? NULL : duckdb_result_error(result);
    if (problem) return pli__duckdb_error(err, problem, PLI__DUCKDB_RUNNING);
    if (chunk && duckdb_data_chunk_get_size(chunk) == 0) duckdb_destroy_data_chunk(&chunk);
    *out = chunk;
    return PLI_OK;
}

/* @param is_select may be NULL */
static pli_status begin(pli__engine *e, const char *sql, bool *is_select, duckdb_result *out, pli_error *err) {
    PLI_AUTO(duckdb_destroy_prepare) duckdb_prepared_statement statement = NULL;
    PLI_AUTO(duckdb_destroy_pending) duckdb_pending_result pending = NULL;
    PLI_TRY(pli__duckdb_prepare(e, sql, &statement, err));
    if (is_select) *is_select = duckdb_prepared_statement_type(statement) == DUCKDB_STATEMENT_TYPE_SELECT;
    if (duckdb_pending_prepared_streaming(statement, &pending) != DuckDBSuccess)
        return pli__duckdb_error(err, duckdb_pending_error(pending), PLI__DUCKDB_BINDING);
    return pli__duckdb_execute(e, pending, out, err);
}

/* ---- why a query failed ---- */

/* Runs a query to its end, or to its error. */
static pli_status run_through(pli__engine *e, const char *sql, pli_error *err) {
    PLI_AUTO(duckdb_destroy_result) duckdb_result result = {0};
    PLI_TRY(begin(e, sql, NULL, &result, err));
    for (;;) {
        PLI_AUTO(duckdb_destroy_data_chunk) duckdb_data_chunk chunk = NULL;
        PLI_TRY(pli__duckdb_fetch(&result, &chunk, err));
        if (!chunk) return PLI_OK;
    }
}

/*
 * When one thread of a streaming query fails, DuckDB stops the others as if they were interrupted, and sometimes
 * reports that instead of the reason. Running the query again tells it. (A query that reads an Arrow stream cannot be
 * run again; then there is no reason to be had.)
 */
static pli_status find_reason(pli__engine *e, const char *sql, pli_error *err) {
    for (int i = 0; sql && i < REASON_ATTEMPTS; i++) {
        const pli_status status = run_through(e, sql, err);
        if (status == PLI_OK || pli__duckdb_streams_explain(e, status, NULL) != status) break;
        if (!pli__duckdb_is_unexplained(e, status)) return status;
    }
    return pli__duckdb_unexplained(err);
}

/* ---- the interface ---- */

pli_status pli__duckdb_rows_begin(pli__engine *e, const char *sql, pli__duckdb_rows *out, pli_error *err) {
    duckdb_result result;
    PLI_AUTO(pli__free_ptr) char *copy = pli__strz_dup(sql);
    if (!copy) return pli__error_memory(err);
    bool is_select = false;
    pli_status status = begin(e, sql, &is_select, &result, err);
    if (pli__duckdb_is_unexplained(e, status)) status = find_reason(e, is_select ? sql : NULL, err);
    if (status != PLI_OK) return status;
    *out = (pli__duckdb_rows){.engine = e, .result = result, .sql = is_select ? PLI_TAKE(copy) : NULL};
    return PLI_OK;
}

pli_status pli__duckdb_rows_next(pli__duckdb_rows *rows, duckdb_data_chunk *out, pli_error *err) {
    pli__engine *e = rows->engine;
    pli_status status = pli__duckdb_fetch(&rows->result, out, err);
    if (status == PLI_OK) return PLI_OK;
    pli__duckdb_note_failure(e);
    status = pli__duckdb_streams_explain(e, status, err);
    if (!pli__duckdb_is_unexplained(e, status)) return status;
    e->busy = NULL; /* this result has ended */
    return find_reason(e, rows->sql, err);
}

void pli__duckdb_rows_clear(pli__duckdb_rows *rows) {
    duckdb_destroy_result(&rows->result);
    free(rows->sql);
    *rows = (pli__duckdb_rows){0};
}

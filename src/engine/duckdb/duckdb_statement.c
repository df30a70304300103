/* Statements: splitting a text, preparing, running, describing. */
#include "engine/duckdb/duckdb_module.h"
#include "port/process.h"

pli_status pli__duckdb_check_idle(const pli__engine *e, pli_error *err) {
    if (!e->busy) return PLI_OK;
    return pli__error_set(err, PLI_E_STATE, "the engine is busy with a result that has not been read to its end");
}

/* ---- preparing ---- */

static pli_status extract(pli__engine *e, const char *sql, duckdb_extracted_statements *out, idx_t *n, pli_error *err) {
    PLI_TRY(pli__duckdb_check_idle(e, err));
    pli__duckdb_streams_forget(e);
    __atomic_store_n(&e->interrupted, 0, __ATOMIC_RELAXED);
    *n = duckdb_extract_statements(e->con, sql, out);
    const char *problem = *n || !*out ? NULL : duckdb_extract_statements_error(*out);
    return problem ? pli__duckdb_error(err, problem, PLI__DUCKDB_BINDING) : PLI_OK;
}

static pli_status prepare_extracted(pli__engine *e, duckdb_extracted_statements statements, idx_t i,
                                    duckdb_prepared_statement *out, pli_error *err) {
    duckdb_prepared_statement statement = NULL;
    if (duckdb_prepare_extracted_statement(e->con, statements, i, &statement) == DuckDBSuccess) {
        *out = statement;
        return PLI_OK;
    }
    const pli_status status = pli__duckdb_error(err, duckdb_prepare_error(statement), PLI__DUCKDB_BINDING);
    duckdb_destroy_prepare(&statement);
    return status;
}

/* A PIVOT without its values is several statements to DuckDB: it has to run a query to learn the columns. */
static pli_status refuse_several(const char *sql, idx_t n, pli_error *err) {
    pli__error_set(err, PLI_E_SQL, "one statement is expected, not %d", (int)n);
    if (n > 1 && strcasestr(sql, "pivot"))
        pli__error_hint(err, "a PIVOT must list the values that become columns: PIVOT ... ON column IN (value, ...)");
    return PLI_E_SQL;
}

pli_status pli__duckdb_prepare(pli__engine *e, const char *sql, duckdb_prepared_statement *out, pli_error *err) {
    PLI_AUTO(duckdb_destroy_extracted) duckdb_extracted_statements statements = NULL;
    idx_t n;
    PLI_TRY(extract(e, sql, &statements, &n, err));
    return n == 1 ? prepare_extracted(e, statements, 0, out, err) : refuse_several(sql, n, err);
}

/* ---- running ---- */

/* A result, or its error with what a stream adds to it; *take_result moves to *out or is destroyed. */
static pli_status finish(pli__engine *e, duckdb_state state, duckdb_result *take_result, duckdb_result *out,
                         pli_error *err) {
    if (state == DuckDBSuccess) {
        *out = *take_result;
        return PLI_OK;
    }
    const pli_status status = pli__duckdb_error(err, duckdb_result_error(take_result), PLI__DUCKDB_RUNNING);
    duckdb_destroy_result(take_result);
    pli__duckdb_note_failure(e);
    return pli__duckdb_streams_explain(e, status, err);
}

bool pli__duckdb_is_unexplained(const pli__engine *e, pli_status status) {
    return status == PLI_E_CANCELLED && !__atomic_load_n(&e->interrupted, __ATOMIC_RELAXED);
}

pli_status pli__duckdb_unexplained(pli_error *err) {
    pli__error_set(err, PLI_E_ENGINE, "the query failed, and the engine did not tell why");
    pli__error_flag(err, PLI_ERR_RETRIABLE);
    return PLI_E_ENGINE;
}

/* Works on a query until it can be executed at once, or has failed. The engine's own loop asks for tasks without a pause while
 * its other threads finish theirs, which costs as much as a thread that works. */
static bool work(duckdb_pending_result pending) {
    enum { NAP_US = 50, LONGEST_NAP_US = 800 };
    int64_t nap = NAP_US;
    for (;;) {
        const duckdb_pending_state state = duckdb_pending_execute_task(pending);
        if (state == DUCKDB_PENDING_NO_TASKS_AVAILABLE) {
            (void)pli__sleep(nap, NULL, NULL, NULL);
            nap = nap < LONGEST_NAP_US ? nap * 2 : nap;
        } else if (state == DUCKDB_PENDING_RESULT_NOT_READY) nap = NAP_US;
        else return state == DUCKDB_PENDING_RESULT_READY;
    }
}

static pli_status pending_error(pli__engine *e, duckdb_pending_result pending, pli_error *err) {
    const pli_status status = pli__duckdb_error(err, duckdb_pending_error(pending), PLI__DUCKDB_RUNNING);
    pli__duckdb_note_failure(e);
    return pli__duckdb_streams_explain(e, status, err);
}

pli_status pli__duckdb_execute(pli__engine *e, duckdb_pending_result pending, duckdb_result *out, pli_error *err) {
    duckdb_result result;
    if (work(pending)) return finish(e, duckdb_execute_pending(pending, &result), &result, out, err);
    return pending_error(e, pending, err);
}

static pli_status run_prepared(pli__engine *e, duckdb_prepared_statement statement, duckdb_result *out,
                               pli_error *err) {
    PLI_AUTO(duckdb_destroy_pending) duckdb_pending_result pending = NULL;
    const bool failed = duckdb_pending_prepared(statement, &pending) != DuckDBSuccess;
    const pli_status status = failed ? pending_error(e, pending, err) : pli__duckdb_execute(e, pending, out, err);
    return pli__duckdb_is_unexplained(e, status) ? pli__duckdb_unexplained(err) : status;
}

pli_status pli__duckdb_run(pli__engine *e, const char *sql, duckdb_result *out, pli_error *err) {
    PLI_AUTO(duckdb_destroy_prepare) duckdb_prepared_statement statement = NULL;
    PLI_TRY(pli__duckdb_prepare(e, sql, &statement, err));
    return run_prepared(e, statement, out, err);
}

static pli_status exec_one(pli__engine *e, duckdb_extracted_statements statements, idx_t i, int64_t *changed,
                           pli_error *err) {
    PLI_AUTO(duckdb_destroy_prepare) duckdb_prepared_statement statement = NULL;
    duckdb_result result;
    PLI_TRY(prepare_extracted(e, statements, i, &statement, err));
    PLI_TRY(run_prepared(e, statement, &result, err));
    *changed = (int64_t)duckdb_rows_changed(&result);
    duckdb_destroy_result(&result);
    return PLI_OK;
}

pli_status pli__duckdb_exec(pli__engine *e, const char *sql, int64_t *changed, pli_error *err) {
    PLI_AUTO(duckdb_destroy_extracted) duckdb_extracted_statements statements = NULL;
    idx_t n;
    int64_t rows = 0;
    PLI_TRY(extract(e, sql, &statements, &n, err));
    for (idx_t i = 0; i < n; i++) PLI_TRY(exec_one(e, statements, i, &rows, err));
    if (changed) *changed = rows;
    return PLI_OK;
}

pli_status pli__duckdb_describe(pli__engine *e, const char *sql, const pli__type **out, pli_error *err) {
    PLI_AUTO(duckdb_destroy_prepare) duckdb_prepared_statement statement = NULL;
    PLI_TRY(pli__duckdb_prepare(e, sql, &statement, err));
    if (duckdb_nparams(statement))
        return pli__error_set(err, PLI_E_SQL, "parameters ('?', '$1') are not possible here");
    return pli__duckdb_prepared_type(statement, out, err);
}

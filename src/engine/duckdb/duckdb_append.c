/* Appending rows of text to a table, for lists of paths and the like. */
#include "engine/duckdb/duckdb_module.h"

static pli_status appender_error(duckdb_appender appender, pli_error *err) {
    const pli_status status = pli__duckdb_error_data(err, duckdb_appender_error_data(appender));
    return status ? status : pli__error_set(err, PLI_E_ENGINE, "the engine gave no reason");
}

static pli_status append_row(duckdb_appender appender, const pli__str *row, size_t n, pli_error *err) {
    for (size_t i = 0; i < n; i++) {
        if (row[i].ptr && !pli__str_is_utf8(row[i]))
            return pli__error_set(err, PLI_E_ARGUMENT, "'%.*s' is not UTF-8",
                                  (int)(row[i].len < 400 ? row[i].len : 400), row[i].ptr);
        const duckdb_state state = row[i].ptr ? duckdb_append_varchar_length(appender, row[i].ptr, row[i].len)
                                              : duckdb_append_null(appender);
        if (state != DuckDBSuccess) return appender_error(appender, err);
    }
    return duckdb_appender_end_row(appender) == DuckDBSuccess ? PLI_OK : appender_error(appender, err);
}

static pli_status append_rows(duckdb_appender appender, const pli__str *rows, size_t n_rows, size_t n_columns,
                              pli_error *err) {
    for (size_t i = 0; i < n_rows; i++) PLI_TRY(append_row(appender, rows + i * n_columns, n_columns, err));
    return duckdb_appender_close(appender) == DuckDBSuccess ? PLI_OK : appender_error(appender, err);
}

pli_status pli__duckdb_append_text(pli__engine *e, const char *table, const pli__str *rows, size_t n_rows,
                                   size_t n_columns, pli_error *err) {
    duckdb_appender appender = NULL;
    PLI_TRY(pli__duckdb_check_idle(e, err));
    const bool created = duckdb_appender_create_ext(e->con, NULL, NULL, table, &appender) == DuckDBSuccess;
    const pli_status status = created ? append_rows(appender, rows, n_rows, n_columns, err)
                                      : pli__error_set(err, PLI_E_NOT_FOUND, "there is no such table");
    duckdb_appender_destroy(&appender);
    return status == PLI_OK ? PLI_OK : pli__error_prefix(err, status, "could not append to '%s'", table);
}

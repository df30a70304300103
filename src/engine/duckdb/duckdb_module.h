/*
 * What the files of the DuckDB module share. Only this folder sees duckdb.h.
 *
 *   pli__engine (one connection, one thread at a time) ── pli__duckdb_database (counted; memory limit, spill folder)
 *        └─ busy: the result or Arrow stream that is being read, if any
 */
#ifndef PLI_ENGINE_DUCKDB_MODULE_H
#define PLI_ENGINE_DUCKDB_MODULE_H

#include <duckdb.h>

#include "engine/engine.h"

typedef struct pli__duckdb_database pli__duckdb_database;
typedef struct pli__duckdb_streams pli__duckdb_streams;

struct pli__engine {
    pli__duckdb_database *shared;
    duckdb_connection con;
    const void *busy; /* the open result; statements are refused while it is set */
    int interrupted;  /* atomic: somebody called pli__engine_interrupt since the statement began */
};

/** A query whose rows come as they are fetched. */
typedef struct pli__duckdb_rows {
    pli__engine *engine;
    duckdb_result result;
    char *sql; /* NULL if it must not be run again: it is no SELECT */
} pli__duckdb_rows;

/* ---- duckdb_open.c ---- */
pli_status pli__duckdb_open(const pli__engine_options *options, const char *module_dir, pli__engine **out,
                            pli_error *err);
pli_status pli__duckdb_connect(pli__engine *e, pli__engine **out, pli_error *err);
void pli__duckdb_close(pli__engine *e);
pli_status pli__duckdb_renew(pli__engine *e, pli_error *err);
/** A statement failed while it ran: what it did to the database by then is not known. */
void pli__duckdb_note_failure(pli__engine *e);
pli_status pli__duckdb_load_extension(pli__engine *e, const char *name, pli_error *err);
/** The database's registry of Arrow streams (duckdb_scan.c). */
pli__duckdb_streams *pli__duckdb_streams_of(pli__engine *e);

/* ---- duckdb_csv_error.c ---- */

/** The file, the line and the reason of DuckDB's message about a row of a CSV file are appended.
 *  @return how to mend it (may be empty); NULL, and nothing appended, when the message is another one */
const char *pli__duckdb_csv_error(const char *message, pli__buf *out);

/* ---- duckdb_error.c ---- */
/** When an error came up: decides whether a bad value is the SQL's or the data's fault. */
typedef enum { PLI__DUCKDB_BINDING, PLI__DUCKDB_RUNNING } pli__duckdb_phase;
/** Fill err from an error text of DuckDB (JSON by the setting errors_as_json, or plain). @return the code */
pli_status pli__duckdb_error(pli_error *err, const char *text, pli__duckdb_phase phase);
/** The same from error data, which is destroyed; PLI_OK if there is no error in it. */
pli_status pli__duckdb_error_data(pli_error *err, duckdb_error_data take_data);

/* ---- duckdb_statement.c, duckdb_rows.c ---- */
/** INVALID_STATE while a result is open. */
pli_status pli__duckdb_check_idle(const pli__engine *e, pli_error *err);
/** CANCELLED, although nobody interrupted the engine: DuckDB stops the other threads of a query that failed in one. */
bool pli__duckdb_is_unexplained(const pli__engine *e, pli_status status);
/** What to say then. @return ENGINE_ERROR, retriable */
pli_status pli__duckdb_unexplained(pli_error *err);
/** Run what is pending: all of it, or of a streaming one until its first rows. Destroy *out with duckdb_destroy_result. */
pli_status pli__duckdb_execute(pli__engine *e, duckdb_pending_result pending, duckdb_result *out, pli_error *err);
/** Prepare a text that must be exactly one statement. Destroy *out with duckdb_destroy_prepare. */
pli_status pli__duckdb_prepare(pli__engine *e, const char *sql, duckdb_prepared_statement *out, pli_error *err);
/** Run it and keep all rows. Destroy *out with duckdb_destroy_result. */
pli_status pli__duckdb_run(pli__engine *e, const char *sql, duckdb_result *out, pli_error *err);
/** Run it so that rows come as they are fetched. */
pli_status pli__duckdb_rows_begin(pli__engine *e, const char *sql, pli__duckdb_rows *out, pli_error *err);
/** Next chunk, NULL at the end. Destroy it with duckdb_destroy_data_chunk. */
pli_status pli__duckdb_rows_next(pli__duckdb_rows *rows, duckdb_data_chunk *out, pli_error *err);
void pli__duckdb_rows_clear(pli__duckdb_rows *rows);
pli_status pli__duckdb_exec(pli__engine *e, const char *sql, int64_t *changed, pli_error *err);
pli_status pli__duckdb_describe(pli__engine *e, const char *sql, const pli__type **out, pli_error *err);
/** Next chunk of a result that keeps all rows, NULL at its end. Destroy with duckdb_destroy_data_chunk. */
pli_status pli__duckdb_fetch(duckdb_result *result, duckdb_data_chunk *out, pli_error *err);

/* ---- duckdb_types.c ---- */
pli_status pli__duckdb_type(duckdb_logical_type t, const pli__type **out, pli_error *err);
/** DuckDB's type of ours; NULL if there is none (an empty STRUCT, OTHER) or memory is out. duckdb_destroy_logical_type */
duckdb_logical_type pli__duckdb_logical_type(const pli__type *t);
/** The columns of a result as a STRUCT. */
pli_status pli__duckdb_result_type(duckdb_result *result, const pli__type **out, pli_error *err);
pli_status pli__duckdb_prepared_type(duckdb_prepared_statement statement, const pli__type **out, pli_error *err);

/* ---- duckdb_result.c ---- */
pli_status pli__duckdb_query(pli__engine *e, const char *sql, pli__result **out, pli_error *err);
const pli__type *pli__duckdb_result_schema(const pli__result *r);
pli_status pli__duckdb_result_next(pli__result *r, pli__chunk *out, pli_error *err);
void pli__duckdb_result_free(pli__result *r);
pli__str pli__duckdb_chunk_str(const pli__chunk *c, size_t col, size_t row);
/** The text of a string element; borrowed from the vector. */
pli__str pli__duckdb_str(const duckdb_string_t *s);

/* ---- duckdb_arrow_out.c, duckdb_scan.c ---- */
pli_status pli__duckdb_query_arrow(pli__engine *e, const char *sql, struct ArrowArrayStream *out, pli_error *err);
pli_status pli__duckdb_register_arrow(pli__engine *e, const char *name, struct ArrowArrayStream *take, pli_error *err);
pli_status pli__duckdb_unregister(pli__engine *e, const char *name, pli_error *err);
pli_status pli__duckdb_streams_new(duckdb_connection con, pli__duckdb_streams **out, pli_error *err);
void pli__duckdb_streams_free(pli__duckdb_streams *s);
bool pli__duckdb_streams_empty(pli__duckdb_streams *s);
/** If a stream of this engine failed, its own error replaces DuckDB's, which has only the text. @return the code */
pli_status pli__duckdb_streams_explain(pli__engine *e, pli_status status, pli_error *err);
/** A new statement begins: no failure from before belongs to it. */
void pli__duckdb_streams_forget(pli__engine *e);

/* ---- duckdb_append.c, duckdb_copy.c ---- */
pli_status pli__duckdb_append_text(pli__engine *e, const char *table, const pli__str *rows, size_t n_rows,
                                   size_t n_columns, pli_error *err);
pli_status pli__duckdb_copy(pli__engine *e, const char *copy_sql, pli__written_fn *fn, void *arg, pli_error *err);

#endif

/*
 * The query engine behind a table of functions. The implementation (src/engine/duckdb, the only code that sees
 * duckdb.h) is a module, libpli-engine.so, that is loaded on first use: commands that need no data never pay for it.
 *
 * Calling sequence: pli__engine_open (loads the module once per process) -> pli__engine_exec / _query / _copy ...
 * -> pli__engine_close. An engine has one connection and is used by one thread at a time; _interrupt may be called
 * from any thread or signal handler context. SQL is DuckDB's dialect, session time zone is set at open (UTC by default).
 *
 * Opening costs about 15 ms of processor time. Who goes on with other work calls pli__engine_renew and keeps the engine: the
 * database stays, everything that a connection holds (temporary tables and views, variables, an open transaction) goes.
 *
 * A result or Arrow stream that has not been read to its end keeps the engine busy: another statement is INVALID_STATE
 * until it is freed (use pli__engine_connect to run both). No call touches the network, installs or loads extensions by itself.
 *
 * Errors: INVALID_SQL for what is wrong with the text (err->position = byte in it, from 1), BAD_DATA for input that cannot
 * be read or a value that does not fit (err->position = line of the file, where the engine tells), OUT_OF_MEMORY for the
 * memory limit, DISK_FULL also for the limit of the spill folder, NOT_FOUND, ACCESS_DENIED, IO_ERROR, CONSTRAINT_VIOLATED, CANCELLED.
 */
#ifndef PLI_ENGINE_ENGINE_H
#define PLI_ENGINE_ENGINE_H

#include "base/str.h"
#include "types/type.h"

struct ArrowArrayStream; /* Arrow C stream interface, pli/arrow.h */
struct ArrowSchema;

typedef struct pli__engine pli__engine;
typedef struct pli__result pli__result;

typedef struct pli__engine_options {
    int64_t memory_limit;      /**< bytes; 0 = engine's default (80 % of the machine) */
    int threads;               /**< 0 = all cores */
    const char
        *spill_dir; /**< NULL = $TMPDIR or /tmp. In it a private folder is made when needed and removed at close; if
                                    spill_dir itself did not exist, it is made at open and removed if it is empty then */
    const char *time_zone; /**< NULL = UTC */
    bool preserve_order; /**< keep insertion order (slower, more memory); default false */
} pli__engine_options;

/** @param options NULL = defaults. ENGINE_ERROR with a hint if the module or libduckdb cannot be loaded. */
pli_status pli__engine_open(const pli__engine_options *options, pli__engine **out, pli_error *err);
void pli__engine_close(pli__engine *e); /**< NULL is allowed */
void pli__engine_auto(pli__engine **e);

/** A further connection to the same database (own transaction and temp objects, shared memory limit). Close it with _close. */
pli_status pli__engine_connect(pli__engine *e, pli__engine **out, pli_error *err);

/** As good as closed and opened again, for other work, and at most 16 MiB of memory held. INVALID_STATE where that cannot be
 *  had: a statement failed (it may have left a setting behind, or the database unusable), an extension was loaded, data was
 *  spilled, a further connection, a result or a registered stream is still there. Then it can only be closed. */
pli_status pli__engine_renew(pli__engine *e, pli_error *err);

/** Run statements (several, separated by ';') without looking at rows. @param changed rows of the last one, may be NULL */
pli_status pli__engine_exec(pli__engine *e, const char *sql, int64_t *changed, pli_error *err);

/** Run one query; rows come in chunks, streamed. */
pli_status pli__engine_query(pli__engine *e, const char *sql, pli__result **out, pli_error *err);

/** Columns of a query without running it: a STRUCT type (PLI_E_SQL for wrong SQL, with position). New reference. A bare
 *  NULL is an INTEGER to DuckDB, also a column of an Arrow stream that has no type yet (see pli__type_from_arrow). */
pli_status pli__engine_describe(pli__engine *e, const char *sql, const pli__type **out, pli_error *err);

/* ---- results ---- */
/** Storage of a column in a chunk. */
typedef enum pli__vec {
    PLI__VEC_BOOL, /* uint8_t */
    PLI__VEC_I8,
    PLI__VEC_I16,
    PLI__VEC_I32,
    PLI__VEC_I64, /* also date (days, I32), timestamps (I64 in the type's unit) */
    PLI__VEC_U8,
    PLI__VEC_U16,
    PLI__VEC_U32,
    PLI__VEC_U64,
    PLI__VEC_I128, /* two int64_t words, low first */
    PLI__VEC_F32,
    PLI__VEC_F64,
    PLI__VEC_STR, /* strings and blobs: use pli__chunk_str */
    PLI__VEC_OTHER /* nested and the rest: cast to VARCHAR or JSON in SQL, or use the Arrow stream */
} pli__vec;

typedef struct pli__column {
    pli__vec vec;
    const void *data; /**< array of the chunk's rows; for STR opaque */
    const uint64_t *validity; /**< bit set = not null; NULL = no nulls */
} pli__column;

typedef struct pli__chunk {
    size_t rows, n_columns;
    const pli__column *columns;
    void *impl;
} pli__chunk;

const pli__type *pli__result_schema(const pli__result *r); /**< STRUCT; borrowed */
/** Next chunk, valid until the next call; rows == 0 at the end. */
pli_status pli__result_next(pli__result *r, pli__chunk *out, pli_error *err);
void pli__result_free(pli__result *r);
void pli__result_auto(pli__result **r);
static inline bool pli__chunk_is_null(const pli__chunk *c, size_t col, size_t row) {
    const uint64_t *v = c->columns[col].validity;
    return v && !((v[row >> 6] >> (row & 63)) & 1);
}
/** String or blob; valid as long as the chunk. The column must be STR and the row not null. */
pli__str pli__chunk_str(const pli__chunk *c, size_t col, size_t row);
/** Any integer, boolean, decimal (unscaled), date, time or timestamp column as int64_t; values beyond its range become
 *  its smallest or largest, other columns 0. The row must not be null. */
int64_t pli__chunk_i64(const pli__chunk *c, size_t col, size_t row);
/** F32 or F64 column. The row must not be null. */
double pli__chunk_f64(const pli__chunk *c, size_t col, size_t row);

/** Run a query and call fn for every row, in order; stops at the first status that is not PLI_OK and returns it. */
typedef pli_status pli__row_fn(void *arg, const pli__chunk *c, size_t row, pli_error *err);
pli_status pli__engine_query_rows(pli__engine *e, const char *sql, pli__row_fn *fn, void *arg, pli_error *err);

/** First row of a query as one int64_t/text; convenience for counts. NOT_FOUND if there is no row or it is NULL. */
pli_status pli__engine_query_i64(pli__engine *e, const char *sql, int64_t *out, pli_error *err);
pli_status pli__engine_query_str(pli__engine *e, const char *sql, pli__buf *out, pli_error *err);

/* ---- Arrow ---- */
/** The rows of a query as an Arrow C stream that keeps the engine busy until released. The engine must outlive it. */
pli_status pli__engine_query_arrow(pli__engine *e, const char *sql, struct ArrowArrayStream *out, pli_error *err);
/** Make a stream readable under `name` in SQL, once, streamed (no copy of the whole). Takes the stream, also on failure. */
pli_status pli__engine_register_arrow(pli__engine *e, const char *name, struct ArrowArrayStream *take, pli_error *err);
pli_status pli__engine_unregister(pli__engine *e, const char *name, pli_error *err);

/** Append rows to an existing (temp) table quickly; columns are text only ('\0'-free slices, ptr NULL = NULL). Used for
 *  lists of paths and the like. @param rows row-major, n_rows * n_columns */
pli_status pli__engine_append_text(pli__engine *e, const char *table, const pli__str *rows, size_t n_rows,
                                   size_t n_columns, pli_error *err);

/* ---- Parquet writing ---- */
/** One file that a copy wrote (COPY ... RETURN_STATS). */
typedef struct pli__written_column {
    pli__str
        path; /**< path of the leaf as the engine prints it: each name in double quotes (doubled inside), joined by '.' */
    bool has_min_max; /**< of floats: NaN is left out */
    pli__str min, max; /**< as the engine prints them; text longer than 256 bytes is cut, the max rounded up then */
    bool has_null_count;
    int64_t null_count; /**< below a list or map it can be too high; below structs it is right (a null struct counts) */
    int64_t num_values; /**< rows, or elements inside lists; nulls included; -1 = not told */
    bool has_nan; /**< true is sure; false is not if the file has several row groups (DuckDB 1.5 forgets) */
} pli__written_column;
/** A partition key of the file: column and value as the engine prints it (RETURN_STATS' partition_keys). */
typedef struct pli__written_key {
    pli__str name, value; /**< value.ptr NULL = NULL */
} pli__written_key;
typedef struct pli__written_file {
    pli__str path;
    int64_t rows, bytes, footer_bytes;
    size_t n_columns;
    const pli__written_column *columns;
    size_t n_keys; /**< columns of PARTITION_BY */
    const pli__written_key *keys;
} pli__written_file;
typedef pli_status pli__written_fn(void *arg, const pli__written_file *file, pli_error *err);

/** Run a `COPY (...) TO ... (FORMAT parquet, ..., RETURN_STATS)` and call fn for each file written. The text is the
 *  caller's (it knows names, field ids, codec, sizes). */
pli_status pli__engine_copy(pli__engine *e, const char *copy_sql, pli__written_fn *fn, void *arg, pli_error *err);

/* ---- control ---- */
void pli__engine_interrupt(pli__engine *e); /**< running call ends with CANCELLED */
/** Percentage of the running query, -1 if unknown; rows done and total if known. Any thread. */
double pli__engine_progress(pli__engine *e, uint64_t *rows_done, uint64_t *rows_total);
/** LOAD one of our extensions ("avro", "excel", "httpfs") from beside the module; once. */
pli_status pli__engine_load_extension(pli__engine *e, const char *name, pli_error *err);
/** Version text of the engine library, e.g. "v1.5.5"; loads it. */
pli_status pli__engine_version(pli__buf *out, pli_error *err);
/** Folder of the loaded module (and of libduckdb and the extensions); for `pli doctor`. */
pli_status pli__engine_location(pli__buf *out, pli_error *err);

/* ---- the module's table (engine_loader.c and engine/duckdb) ---- */
typedef struct pli__engine_ops {
    int version; /**< PLI__ENGINE_ABI */
    pli_status (*open)(const pli__engine_options *, const char *module_dir, pli__engine **, pli_error *);
    void (*close)(pli__engine *);
    pli_status (*connect)(pli__engine *, pli__engine **, pli_error *);
    pli_status (*renew)(pli__engine *, pli_error *);
    pli_status (*exec)(pli__engine *, const char *, int64_t *, pli_error *);
    pli_status (*query)(pli__engine *, const char *, pli__result **, pli_error *);
    pli_status (*describe)(pli__engine *, const char *, const pli__type **, pli_error *);
    const pli__type *(*result_schema)(const pli__result *);
    pli_status (*result_next)(pli__result *, pli__chunk *, pli_error *);
    void (*result_free)(pli__result *);
    pli__str (*chunk_str)(const pli__chunk *, size_t, size_t);
    pli_status (*query_arrow)(pli__engine *, const char *, struct ArrowArrayStream *, pli_error *);
    pli_status (*register_arrow)(pli__engine *, const char *, struct ArrowArrayStream *, pli_error *);
    pli_status (*unregister)(pli__engine *, const char *, pli_error *);
    pli_status (*append_text)(pli__engine *, const char *, const pli__str *, size_t, size_t, pli_error *);
    pli_status (*copy)(pli__engine *, const char *, pli__written_fn *, void *, pli_error *);
    void (*interrupt)(pli__engine *);
    double (*progress)(pli__engine *, uint64_t *, uint64_t *);
    pli_status (*load_extension)(pli__engine *, const char *, pli_error *);
    const char *(*library_version)(void);
} pli__engine_ops;
#define PLI__ENGINE_ABI 2
/** The one symbol that the module exports. */
typedef const pli__engine_ops *pli__engine_module_fn(void);
#define PLI__ENGINE_MODULE_SYMBOL "pli_engine_module_v1"

#endif

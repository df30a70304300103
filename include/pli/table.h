/*
 * Delta tables, for programs that want no job around them: read any version, follow changes, look at files and history.
 *
 *   pli_table *t;
 *   pli_table_open(env, "data/events", &t, &err);
 *   pli_table_read(t, &(pli_read_options){.size = sizeof(pli_read_options), .where = "day = '2024-05-01'"}, &stream, &err);
 *   ... stream.get_next(...) ... stream.release(&stream);
 *   pli_table_close(t);
 *
 * Everything follows the public Delta protocol (PROTOCOL.md of delta-io/delta). Tables that need a reader feature that is
 * not known are refused by name (PLI_E_UNSUPPORTED); what cannot be understood is PLI_E_CORRUPT, naming the file: there are
 * never wrong or missing rows. A table and its streams belong to the thread that uses their environment. Option structs are
 * zero-initialised by the caller, with `size` set; zero members mean the default; texts are borrowed for the call.
 */
#ifndef PLI_TABLE_H
#define PLI_TABLE_H

#include <stdbool.h>

#include "pli/arrow.h"
#include "pli/env.h"
#include "pli/error.h"
#include "pli/export.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pli_table pli_table;

/** Open a table. Reads nothing yet: whether it is one shows at the first call that looks.
 *  @param env borrowed, must outlive the table
 *  @param path folder (or file: URI) that holds `_delta_log`; copied
 *  @param out close with pli_table_close */
PLI_API pli_status pli_table_open(pli_env *env, const char *path, pli_table **out, pli_error *err);
/** Streams of the table must be released before. NULL is allowed. */
PLI_API void pli_table_close(pli_table *t);

/** Newest version. Looks only for commits after those seen before.
 *  @return PLI_E_NOT_A_TABLE if `_delta_log` holds no commit */
PLI_API pli_status pli_table_latest_version(pli_table *t, int64_t *out, pli_error *err);

/** Which state of the table. Default: the newest version. */
typedef struct pli_at {
    size_t size;             /**< sizeof(pli_at) */
    bool has_version;        /**< `version` is set */
    int64_t version;
    const char *
        timestamp; /**< RFC 3339; the version that was current then. Without a zone: the environment's. Not with a version */
    bool ignore_checkpoints; /**< replay the JSON commits alone */
} pli_at;

/** One row on the table as a whole: version, minReaderVersion, minWriterVersion, readerFeatures, writerFeatures, id, name,
 *  schema (Delta's schema JSON as an object), partitionColumns, configuration, numFiles, sizeInBytes, numDeletedRows (sum of
 *  the cardinalities of deletion vectors), setTransactions [{appId, version}], domainMetadata [{domain, configuration}].
 *  @param at NULL = newest @return PLI_E_NOT_FOUND for a version that does not exist or is no longer there */
PLI_API pli_status pli_table_detail(pli_table *t, const pli_at *at, pli_row_fn *fn, void *arg, pli_error *err);

/** A row for each active file, in no particular order: path (decoded), size, modificationTime (ms), partitionValues (texts as
 *  in the log; physical names under column mapping), and where present deletionVector {storageType, pathOrInlineDv, offset,
 *  sizeInBytes, cardinality} and stats (an object). Streamed: memory does not grow with the number of files in a checkpoint.
 *  @param at NULL = newest */
PLI_API pli_status pli_table_files(pli_table *t, const pli_at *at, pli_row_fn *fn, void *arg, pli_error *err);

/** A row {path (absolute), size, partitionValues} for each active file, if any reader of Parquet finds the table's other columns in
 *  these files: no deletion vectors, no column mapping, no days in the Julian calendar. No rows at all if that is not so, or
 *  if there are more than `max` files. Files may still lack columns that came later, or hold them in types that were widened
 *  since. @param at NULL = newest */
PLI_API pli_status pli_table_plain_files(pli_table *t, const pli_at *at, int64_t max, pli_row_fn *fn, void *arg,
                                         pli_error *err);

/** A row for each commit that the log still has, newest first: version, timestamp (ISO 8601, UTC: the in-commit timestamp
 *  where the table has them, else the modification time of the commit), operation, parameters, metrics, engine,
 *  userMetadata; null where the commit does not say. @param limit most rows wanted, 0 = all */
PLI_API pli_status pli_table_history(pli_table *t, int64_t limit, pli_row_fn *fn, void *arg, pli_error *err);

/** What to read. */
typedef struct pli_read_options {
    size_t size; /**< sizeof(pli_read_options) */
    bool has_version; /**< `version` is set */
    int64_t version;
    const char *timestamp; /**< as in pli_at */
    bool ignore_checkpoints;
    size_t n_columns; /**< 0 = all, in the order of the schema */
    const char *const *columns; /**< logical names (case ignored), in the order wanted */
    const char *where; /**< SQL (DuckDB's dialect) over logical columns; also used to leave out files */
    bool has_limit; /**< `limit` is set */
    int64_t limit;
} pli_read_options;

/** Rows of a version, with logical names and exactly the table's types: timestamp is an instant in UTC, timestamp_ntz has no
 *  zone, decimals keep their scale; a variant is a struct of its two binary parts.
 *  @param options NULL = all rows of the newest version
 *  @param out the caller releases it; it keeps the environment's engine busy until then, and must not outlive the table
 *  @return PLI_E_SQL for a filter that is wrong, PLI_E_ARGUMENT for a column that does not exist (with a hint) */
PLI_API pli_status pli_table_read(pli_table *t, const pli_read_options *options, struct ArrowArrayStream *out,
                                  pli_error *err);
/** The same as JSON objects, one a row (times as text, binaries escaped as the engine does it). */
PLI_API pli_status pli_table_read_rows(pli_table *t, const pli_read_options *options, pli_row_fn *fn, void *arg,
                                       pli_error *err);
/** The same into a file; its ending picks the format: .parquet, .csv, .ndjson (or .jsonl), .json. A file that is there is
 *  replaced when the new one is complete. @param rows number of rows written, may be NULL */
PLI_API pli_status pli_table_read_file(pli_table *t, const pli_read_options *options, const char *path, int64_t *rows,
                                       pli_error *err);

/** Which changes. A start is required; ends are inclusive. */
typedef struct pli_changes_options {
    size_t size; /**< sizeof(pli_changes_options) */
    bool has_from_version; /**< `from_version` is set */
    int64_t from_version;
    bool has_to_version; /**< `to_version` is set; default: the newest */
    int64_t to_version;
    const char *from_timestamp; /**< RFC 3339: from the first version at or after it. Not with from_version */
    const char *to_timestamp; /**< to the last version at or before it. Not with to_version */
    bool synthesize; /**< for versions without a change data feed: derive it by comparing removed with added files */
    size_t n_columns; /**< 0 = all; the three columns below always come last */
    const char *const *columns;
    const char *where; /**< SQL over the columns and the three below; applied to rows */
    bool has_limit;
    int64_t limit;
} pli_changes_options;

/** Change rows: the columns of the table as of the last version asked for, then _change_type (insert, delete,
 *  update_preimage, update_postimage, or what a change file says), _commit_version, _commit_timestamp.
 *  @return PLI_E_NO_FEED if the feed was not enabled for a version (see synthesize), PLI_E_NOT_FOUND if a commit is gone,
 *  PLI_E_ARGUMENT for a range that ends before it begins */
PLI_API pli_status pli_table_changes(pli_table *t, const pli_changes_options *options, struct ArrowArrayStream *out,
                                     pli_error *err);
/** As pli_table_read_rows. */
PLI_API pli_status pli_table_changes_rows(pli_table *t, const pli_changes_options *options, pli_row_fn *fn, void *arg,
                                          pli_error *err);
/** As pli_table_read_file. */
PLI_API pli_status pli_table_changes_file(pli_table *t, const pli_changes_options *options, const char *path,
                                          int64_t *rows, pli_error *err);

#ifdef __cplusplus
}
#endif
#endif

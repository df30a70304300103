/*
 * Delta tables, the writing half: create, append, overwrite, delete, update, merge, optimize, vacuum, restore, properties,
 * constraints, checkpoints. For programs that want no job around them.
 *
 *   pli_table_open(env, "data/events", &t, &err);
 *   pli_write_options o = {.size = sizeof o, .merge_schema = true};
 *   pli_table_write(t, &stream, &o, print_row, NULL, &err);      // an Arrow C stream; consumed, also on failure
 *   pli_table_delete(t, &(pli_delete_options){.size = sizeof(pli_delete_options), .where = "day < '2024-01-01'"}, print_row, NULL, &err);
 *
 * Each operation is one commit: after it the table is as described, or, on an error, as it was. A conflict with another
 * writer makes the operation start again on the new version; PLI_E_CONFLICT only comes back when that failed many times.
 * What the table asks for is honoured (constraints, generated columns, change data feed, deletion vectors …) or refused by
 * name before anything is written (PLI_E_UNSUPPORTED).
 *
 * Reports: one row for each operation, {"operation", "version", "committed", …} and its numbers; fn may be NULL. Option
 * structs are zero-initialised by the caller, with `size` set; zero members mean the default; texts are borrowed for the
 * call. `dry_run` says what would be done. Thread rule and lifetimes as in pli/table.h.
 */
#ifndef PLI_TABLE_WRITE_H
#define PLI_TABLE_WRITE_H

#include "pli/table.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Key and value; value NULL = unset. */
typedef struct pli_property {
    const char *key, *value;
} pli_property;

typedef enum pli_write_mode {
    PLI_WRITE_APPEND,          /**< add rows; the table is created if it is not there */
    PLI_WRITE_OVERWRITE,       /**< replace all rows, or those that `where` names */
    PLI_WRITE_ERROR_IF_EXISTS  /**< create; PLI_E_EXISTS if there is a table */
} pli_write_mode;

typedef struct pli_write_options {
    size_t size;
    pli_write_mode mode;
    const char *where;              /**< overwrite: rows to replace; all new rows must meet it (PLI_E_CONSTRAINT) */
    bool merge_schema;              /**< columns that the table lacks are added */
    bool allow_type_widening;       /**< a wider type of the input becomes the table's */
    size_t n_partition_by;          /**< for a table that is created */
    const char *const *partition_by;
    size_t n_properties;            /**< for a table that is created */
    const pli_property *properties;
    int64_t target_file_size;       /**< bytes; 0 = the table's, else 128 MiB */
    const char *user_metadata;
    bool relaxed;                   /**< data files are not synced to disk */
    bool
        dynamic_partitions; /**< overwrite: replace exactly the partitions that the new rows are in (all rows of a table
                                  without partitions) */
    bool
        overwrite_schema; /**< overwrite of all rows: the rows' schema becomes the table's, `partition_by` (if given) its
                                  partitioning; properties and constraints stay */
} pli_write_options;

/** Create an empty table. @param schema Delta's schema JSON, or SQL columns: "id BIGINT NOT NULL, t VARCHAR", also
 *  within STRUCT(...) */
PLI_API pli_status pli_table_create(pli_table *t, const char *schema, const pli_write_options *options, pli_row_fn *fn,
                                    void *arg, pli_error *err);
/** Write the rows of an Arrow stream. Columns are matched by name, case ignored.
 *  @param take the stream; released by the call in any case @param options NULL = append */
PLI_API pli_status pli_table_write(pli_table *t, struct ArrowArrayStream *take, const pli_write_options *options,
                                   pli_row_fn *fn, void *arg, pli_error *err);
/** Write the rows of a query of the environment's engine ("SELECT … FROM read_csv('…')"). Rows never leave the engine. */
PLI_API pli_status pli_table_write_sql(pli_table *t, const char *sql, const pli_write_options *options, pli_row_fn *fn,
                                       void *arg, pli_error *err);
/** Write the rows of files: paths or globs, read as the ending of the first says (csv, ndjson, json, avro, xlsx, else Parquet).
 *  Text is read with the table's types: a value that does not fit exactly is SCHEMA_MISMATCH, which names column, value and file.
 *  Columns that the table lacks get types by inference. */
PLI_API pli_status pli_table_write_files(pli_table *t, const char *const *paths, size_t n,
                                         const pli_write_options *options, pli_row_fn *fn, void *arg, pli_error *err);

typedef struct pli_delete_options {
    size_t size;
    const char *where; /**< SQL over the logical columns; NULL = all rows */
    bool copy_on_write; /**< rewrite files even where the table has deletion vectors */
    bool dry_run, relaxed;
    const char *user_metadata;
} pli_delete_options;
/** Delete rows. Report: rows, filesScanned, filesRemoved, filesAdded, deletionVectorsAdded, bytesAdded, rowsCopied. */
PLI_API pli_status pli_table_delete(pli_table *t, const pli_delete_options *options, pli_row_fn *fn, void *arg,
                                    pli_error *err);

typedef struct pli_update_options {
    size_t size;
    const char *where;
    size_t n_set;
    const pli_property *set; /**< column and SQL expression over the logical columns */
    bool copy_on_write;
    bool dry_run, relaxed;
    const char *user_metadata;
} pli_update_options;
/** Change rows. Report as for delete. */
PLI_API pli_status pli_table_update(pli_table *t, const pli_update_options *options, pli_row_fn *fn, void *arg,
                                    pli_error *err);

/** Which rows a clause of a merge speaks of. */
typedef enum pli_merge_when {
    PLI_MERGE_MATCHED, /**< rows of the table with a row of the source */
    PLI_MERGE_NOT_MATCHED, /**< rows of the source with none of the table */
    PLI_MERGE_NOT_MATCHED_BY_SOURCE /**< rows of the table with none of the source */
} pli_merge_when;

typedef enum pli_merge_action { PLI_MERGE_UPDATE, PLI_MERGE_DELETE, PLI_MERGE_INSERT } pli_merge_action;

typedef struct pli_merge_clause {
    const char *
        sql; /**< the whole clause as text ("MATCHED AND source.op = 'd' THEN DELETE"); the members below are then not looked at */
    pli_merge_when when;
    pli_merge_action action; /**< UPDATE or DELETE; INSERT for NOT_MATCHED */
    const char *condition; /**< SQL; NULL = always */
    bool star; /**< UPDATE SET *, INSERT *: every column of the table from the source's column of that name */
    size_t n_set;
    const pli_property
        *set; /**< column and SQL expression; INSERT: columns that are not named get their default, else NULL */
} pli_merge_clause;

/** How rows leave their files. */
typedef enum pli_merge_mode {
    PLI_MERGE_AUTO, /**< for each file what writes less; without the table's deletion vectors: rewrite */
    PLI_MERGE_DELETION_VECTORS, /**< PLI_E_UNSUPPORTED if the table has none enabled */
    PLI_MERGE_COPY_ON_WRITE
} pli_merge_mode;

typedef struct pli_merge_options {
    size_t size;
    const char *on; /**< condition over `source.` and `target.` columns */
    size_t n_clauses;
    const pli_merge_clause *clauses; /**< tried in order: the first whose condition is true acts */
    pli_merge_mode write_mode;
    bool
        merge_schema; /**< columns of the source that the table lacks are added by `*`; `*` needs no source column for each of the table's */
    bool dry_run, relaxed;
    const char *user_metadata;
    const char *txn_app_id; /**< with txn_version: a merge that the table has already is not done again; NULL = none */
    int64_t txn_version;
} pli_merge_options;

/** SQL's MERGE INTO: the rows of the source, an Arrow stream, change the table in one commit. More than one row of the source
 *  that changes the same row of the table is PLI_E_CONSTRAINT (a single DELETE without condition apart). Clauses that are not SQL's
 *  grammar are PLI_E_SQL. Report: rowsInserted, rowsUpdated, rowsDeleted, rowsCopied, sourceRows, filesTotal, filesSkipped,
 *  filesScanned, filesRemoved, filesAdded, filesRewritten, deletionVectorsAdded, bytesAdded (data, change data and deletion
 *  vectors), repeat (the table had this txn).
 *  @param take the stream; released by the call in any case */
PLI_API pli_status pli_table_merge(pli_table *t, struct ArrowArrayStream *take, const pli_merge_options *options,
                                   pli_row_fn *fn, void *arg, pli_error *err);
/** The same with a query of the environment's engine as the source. */
PLI_API pli_status pli_table_merge_sql(pli_table *t, const char *source, const pli_merge_options *options,
                                       pli_row_fn *fn, void *arg, pli_error *err);
/** The same with the rows of files, read as pli_table_write_files does. */
PLI_API pli_status pli_table_merge_files(pli_table *t, const char *const *paths, size_t n,
                                         const pli_merge_options *options, pli_row_fn *fn, void *arg, pli_error *err);
/** The same with the rows of another table of the same environment. @param at NULL = its newest version */
PLI_API pli_status pli_table_merge_table(pli_table *t, pli_table *source, const pli_at *at,
                                         const pli_merge_options *options, pli_row_fn *fn, void *arg, pli_error *err);

typedef struct pli_optimize_options {
    size_t size;
    const char *where; /**< SQL over partition columns */
    size_t n_zorder;
    const char *const *zorder; /**< columns */
    int64_t target_size;
    bool dry_run, relaxed;
} pli_optimize_options;
/** Put small files together and purge deleted rows; rows stay what they are. Report: filesRemoved, filesAdded, bytesRemoved,
 *  bytesAdded, partitions. */
PLI_API pli_status pli_table_optimize(pli_table *t, const pli_optimize_options *options, pli_row_fn *fn, void *arg,
                                      pli_error *err);

typedef struct pli_vacuum_options {
    size_t size;
    const char *retention; /**< duration such as "168h"; NULL = the table's, else 7 days */
    bool allow_short; /**< retention below 7 days */
    bool dry_run;
} pli_vacuum_options;
/** Delete files that nothing refers to. Report: a row {"path", "size"} for each, then the totals. */
PLI_API pli_status pli_table_vacuum(pli_table *t, const pli_vacuum_options *options, pli_row_fn *fn, void *arg,
                                    pli_error *err);

/** Make an older version the newest again. Report: filesRestored, filesRemoved. */
PLI_API pli_status pli_table_restore(pli_table *t, const pli_at *at, bool dry_run, pli_row_fn *fn, void *arg,
                                     pli_error *err);
/** Write a checkpoint of the newest version, if it has none, in the form that delta.checkpointPolicy says; then clean the log by
 *  delta.logRetentionDuration. Report: actions, addFiles, bytes, bytesWritten, sidecars, sidecarsReused, logFilesDeleted. */
PLI_API pli_status pli_table_checkpoint(pli_table *t, bool dry_run, pli_row_fn *fn, void *arg, pli_error *err);

typedef struct pli_compact_log_options {
    size_t size;
    bool has_from, has_to; /**< by default: what lies behind the newest checkpoint, through the newest version */
    int64_t from, to;
    bool dry_run;
} pli_compact_log_options;
/** Write the commits of a range of versions as one file beside them, which readers take in their place. `committed` is false if
 *  that is there already or the range has fewer than two commits. PLI_E_NOT_FOUND if a commit is missing. Report: fromVersion,
 *  toVersion, commits, actions, bytesBefore, bytes. */
PLI_API pli_status pli_table_compact_log(pli_table *t, const pli_compact_log_options *options, pli_row_fn *fn,
                                         void *arg, pli_error *err);
/** Take files out of the table that are not on disk, or whose deletion vectors are missing or cut off; their rows are lost.
 *  Report: a row {"dataFilePath", "dataFileMissing", "deletionVectorPath", "deletionVectorFileMissing",
 *  "deletionVectorFileSizeInvalid"} for each, then filesChecked, filesRemoved, dataFilesMissing, deletionVectorFilesMissing,
 *  deletionVectorFilesInvalid. */
PLI_API pli_status pli_table_fsck(pli_table *t, bool dry_run, pli_row_fn *fn, void *arg, pli_error *err);
/** Set or unset table properties. */
PLI_API pli_status pli_table_set_properties(pli_table *t, const pli_property *properties, size_t n, pli_row_fn *fn,
                                            void *arg, pli_error *err);
/** Add a CHECK constraint (Spark's SQL) after testing it on all rows: PLI_E_CONSTRAINT if one breaks it, PLI_E_EXISTS. */
PLI_API pli_status pli_table_add_constraint(pli_table *t, const char *name, const char *expression, pli_row_fn *fn,
                                            void *arg, pli_error *err);
PLI_API pli_status pli_table_drop_constraint(pli_table *t, const char *name, pli_row_fn *fn, void *arg, pli_error *err);
/** Change columns by metadata alone. A path is a column's name or names joined by dots ("address.city", "items.element.price").
 *  Renaming and dropping need column mapping: PLI_E_UNSUPPORTED without; PLI_E_CONSTRAINT if an expression of the table (or its
 *  partitioning) needs the column, PLI_E_EXISTS for a name that is taken. @param name the new name, without its parents
 *  @param type SQL type; the new column is null in all rows */
PLI_API pli_status pli_table_rename_column(pli_table *t, const char *path, const char *name, pli_row_fn *fn, void *arg,
                                           pli_error *err);
PLI_API pli_status pli_table_drop_column(pli_table *t, const char *path, pli_row_fn *fn, void *arg, pli_error *err);
PLI_API pli_status pli_table_add_column(pli_table *t, const char *path, const char *type, pli_row_fn *fn, void *arg,
                                        pli_error *err);

typedef struct pli_convert_options {
    size_t size;
    const char *partition_by; /**< columns that folders "name=value" give, with SQL types: "day DATE, region VARCHAR" */
    size_t n_properties;
    const pli_property *properties;
    bool no_statistics; /**< only rows are counted; otherwise the columns are read once */
    bool dry_run;
} pli_convert_options;
/** The folder of Parquet files that `t` was opened for becomes a table in place; the files stay as they are. PLI_E_EXISTS if it
 *  is a table, PLI_E_SCHEMA for files that do not go together. Report: files, bytes, rows, filesIgnored. */
PLI_API pli_status pli_table_convert(pli_table *t, const pli_convert_options *options, pli_row_fn *fn, void *arg,
                                     pli_error *err);
/** Make a table at `destination` that shares the files of a version of `t` (shallow clone). Vacuuming `t` takes files from it;
 *  the clone never touches them. @param at NULL = the newest version. PLI_E_EXISTS. Report: sourceVersion, files, bytes. */
PLI_API pli_status pli_table_clone(pli_table *t, const char *destination, const pli_at *at, bool dry_run,
                                   pli_row_fn *fn, void *arg, pli_error *err);

#ifdef __cplusplus
}
#endif
#endif

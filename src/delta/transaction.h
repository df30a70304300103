/*
 * Writing to a Delta table: a transaction collects actions against a snapshot and commits them by put-if-absent, with
 * the conflict check of the protocol ("2.5 Conflict detection" of our checklist; Spark's order of checks) against every
 * winning commit, and the caller's idempotence test inside the retry loop.
 *
 *   pli__txn_begin(table, snapshot or NULL for a table to be created, &options, &x)
 *   pli__txn_add / _remove / _cdc / _set_metadata / _set_protocol / _set_txn / _set_domain ...
 *   pli__txn_commit(x, &result)          -> visible, or an error and nothing is
 *   pli__txn_free(x)                     -> frees; data files of an uncommitted transaction stay unless
 *                                           pli__written_delete takes them away
 *
 * States: OPEN -> COMMITTED | FAILED (OUTCOME_UNKNOWN resolves itself by reading the version: our commitInfo.txnId).
 */
#ifndef PLI_DELTA_TRANSACTION_H
#define PLI_DELTA_TRANSACTION_H

#include "delta/snapshot.h"

typedef struct pli__txn_handle pli__txn_handle;

/** What a transaction read, for the conflict check. */
typedef enum pli__txn_reads {
    PLI__READS_NOTHING,  /**< blind append */
    PLI__READS_FILES,    /**< the files given by pli__txn_read_file, plus partitions given by _read_partition */
    PLI__READS_TABLE     /**< everything */
} pli__txn_reads;

/** Called with each winning commit's txn actions before a retry, and once before the first attempt with the snapshot's:
 *  decides whether this write has happened already. Return PLI_OK to go on; ALREADY_EXISTS to end the commit as a repeat
 *  (result.repeat = true); any other status ends the commit with it. */
typedef pli_status pli__txn_repeat_fn(void *arg, const pli__txn *found, int64_t commit_version, pli_error *err);

typedef struct pli__txn_options {
    const char *operation;          /**< "WRITE", "MERGE", "STREAMING UPDATE", ... */
    const char *operation_params;   /**< raw JSON object whose values are strings; NULL = {} */
    const char *extra_commit_info;  /**< raw JSON object merged into commitInfo (e.g. {"pli":{…}}); NULL = none */
    const char *user_metadata;
    pli__txn_reads reads;
    bool data_change;               /**< false: only rearranges (OPTIMIZE) */
    bool relaxed;                   /**< no fsync of data files (records keep their order) */
    bool no_file_check; /**< do not look whether the added data files are there (files elsewhere, tests) */
    int max_attempts; /**< 0 = 100 */
    pli__txn_repeat_fn *repeat;
    void *repeat_arg;
} pli__txn_options;

typedef struct pli__commit_result {
    int64_t version; /**< of our commit, or of the one that repeats it */
    bool repeat;
    int attempts;
    char table_id[64];
    char txn_id[37]; /**< commitInfo.txnId */
    int64_t timestamp_ms;
} pli__commit_result;

/** @param snapshot NULL: the table does not exist, the transaction must set metadata (and protocol, else derived) */
pli_status pli__txn_begin(pli__delta *t, pli__snapshot *snapshot, const pli__txn_options *options,
                          pli__txn_handle **out, pli_error *err);
/** Actions are copied. Row ids, commit versions, missing modification times are filled in at commit. */
pli_status pli__txn_add(pli__txn_handle *x, const pli__add *add, pli_error *err);
pli_status pli__txn_remove(pli__txn_handle *x, const pli__remove *remove, pli_error *err);
/** remove built from an active add (path byte-equal, DV and ids kept, extended metadata). */
pli_status pli__txn_remove_add(pli__txn_handle *x, const pli__add *active, bool data_change, pli_error *err);
pli_status pli__txn_cdc(pli__txn_handle *x, const pli__cdc_file *cdc, pli_error *err);
pli_status pli__txn_set_txn(pli__txn_handle *x, pli__str app_id, int64_t version, pli_error *err);
pli_status pli__txn_set_domain(pli__txn_handle *x, const pli__domain *domain, pli_error *err);
pli_status pli__txn_set_metadata(pli__txn_handle *x, const pli__metadata *metadata, pli_error *err);
pli_status pli__txn_set_protocol(pli__txn_handle *x, const pli__protocol *protocol, pli_error *err);
pli_status pli__txn_read_file(pli__txn_handle *x, pli__str path, pli_error *err);
/** With PLI__READS_FILES: would this file of another writer have been read too? Decides whether it conflicts; without
 *  the function every added file does. Called during pli__txn_commit. */
typedef pli_status pli__txn_match_fn(void *arg, const pli__add *add, bool *matches, pli_error *err);
void pli__txn_read_match(pli__txn_handle *x, pli__txn_match_fn *fn, void *arg);
/** One operationMetrics entry. */
pli_status pli__txn_metric(pli__txn_handle *x, const char *name, int64_t value, pli_error *err);
/** Commit. Syncs every added data file and its folder first (unless relaxed), then the log record. After success writes
 *  the .crc and, by delta.checkpointInterval, a checkpoint; failures of those are logged, never returned. */
pli_status pli__txn_commit(pli__txn_handle *x, pli__commit_result *out, pli_error *err);
/** After a commit: the snapshot of our version if it was made for the after-work, else NULL. The caller's reference. */
pli__snapshot *pli__txn_take_snapshot(pli__txn_handle *x);
void pli__txn_free(pli__txn_handle *x);
void pli__txn_auto(pli__txn_handle **x);

/* ---- writing rows (delta/write_rows.c) ---- */
typedef struct pli__write_options {
    int64_t target_file_size; /**< bytes; 0 = 128 MiB, or the table's delta.targetFileSize */
    bool relaxed;
    const char *file_prefix; /**< NULL = "part" */
    const char *sub_dir; /**< folder below the table for the files, NULL = top (e.g. "_change_data") */
    const char *compression; /**< NULL = table property or zstd */
    bool trusted; /**< the rows come from the table itself: its conditions are not evaluated again */
    bool
        projected; /**< pli__project made the rows: values of identity columns, variants in binary parts; trusted ones have both */
    const pli__snapshot *table; /**< columns by which it is clustered get statistics wherever they stand; NULL = none */
    const char *
        order_by; /**< SQL over the logical columns: rows are sorted by it within each partition; NULL = as they come */
} pli__write_options;

/** A writer for rows of one table schema; files are invisible until a transaction names them. */
typedef struct pli__written pli__written;
/** Run `sql` (its columns are the table's logical columns, any order, types as the table's) and write Parquet files below the
 *  table root with statistics, partitioned as the metadata says, one open file at a time, in bounded memory.
 *  @param metadata the metadata the rows must fit (that of the snapshot or the one to be committed)
 *  @param take_source: engine to run in (the environment's if NULL) */
pli_status pli__write_rows(pli__delta *t, const pli__protocol *protocol, const pli__metadata *metadata, const char *sql,
                           const pli__write_options *options, pli__engine *engine, pli__written **out, pli_error *err);
int64_t pli__written_rows(const pli__written *w);
int64_t pli__written_bytes(const pli__written *w);
size_t pli__written_files(const pli__written *w);
const pli__add *pli__written_add_at(const pli__written *w, size_t i);
/** Rows with a value in a top-level column that is not nested (case ignored), by the statistics of the files; 0 without such a
 *  column, -1 = not told. */
int64_t pli__written_values(const pli__written *w, const char *column);
/** Add all files to a transaction. */
pli_status pli__written_add_to(const pli__written *w, pli__txn_handle *x, pli_error *err);
/** Delete the files (failed attempt); not if the table's newest commit may have named them after all. */
void pli__written_delete(pli__written *w, pli__delta *t);
void pli__written_free(pli__written *w);

#endif

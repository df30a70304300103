/* What delete, update and merge share: taking rows out of touched files, writing rows and change data, one commit. */
#ifndef PLI_DELTA_DML_WRITE_H
#define PLI_DELTA_DML_WRITE_H

#include "delta/dml.h"
#include "delta/touched.h"

/** One attempt at an operation. */
typedef struct pli__dml {
    pli__delta *table;
    pli__snapshot *snapshot;
    pli__touched *touched;
    pli__txn_handle *txn;
    /* what rows are written for: the snapshot's, unless the operation changes the table's schema */
    const pli__protocol *protocol;
    const pli__metadata *metadata;
    bool vectors;          /**< deletion vectors may be written */
    bool vectors_always;   /**< for every file, also where rewriting it would write less */
    bool feed;             /**< the change data feed is enabled */
    bool relaxed;
    pli__written *written[3]; /**< rewritten rows, new rows, change data */
    size_t n_written;
    pli__arena arena;
    char *mark;
    pli__dml_result result;
} pli__dml;

/** Snapshot, touched files (empty); no transaction yet. */
pli_status pli__dml_open(pli__delta *t, bool copy_on_write, bool relaxed, pli__dml *d, pli_error *err);
/** The same with a transaction. */
pli_status pli__dml_begin(pli__delta *t, const char *operation, const char *parameters, bool copy_on_write,
                          bool relaxed, const char *user_metadata, pli__dml *d, pli_error *err);
/** Free everything; files that were written and not committed are deleted. */
void pli__dml_clear(pli__dml *d);
/** Take the touched files out in the transaction. Of those that keep rows each gets a deletion vector or is left to be rewritten
 *  (PLI__TOUCHED_LEFT): what writes less, where the table has vectors. */
pli_status pli__dml_take_rows(pli__dml *d, pli_error *err);
/** The rows that were taken, or those that are left of the same files, as pli__touched_sql gives them; with their ids where the
 *  table tracks rows. @param changed the rows get new contents @param sql stays empty if there are none */
pli_status pli__dml_rows(pli__dml *d, pli__touched_rows which, bool changed, pli__file_relation **relation,
                         pli__buf *sql, pli_error *err);
/** Write rows that pli__dml_rows gave, or that were made of them with all its columns, and add their files.
 *  @param trusted rows of the table itself, as they were */
pli_status pli__dml_write_moved(pli__dml *d, const char *sql, bool trusted, pli_error *err);
/** Write change data: a query with all logical columns and "_change_type". */
pli_status pli__dml_write_changes(pli__dml *d, const char *sql, pli_error *err);
/** Are there touched files of which rows are left (so that change data must be written)? */
bool pli__dml_is_partial(const pli__dml *d);
pli_status pli__dml_commit(pli__dml *d, pli_error *err);
/** Append the list of logical columns, each as it is. */
void pli__dml_columns(const pli__dml *d, const char *prefix, pli__buf *out);

/** Run attempts until one commits or fails with something else than a conflict. */
typedef pli_status pli__dml_attempt_fn(pli__delta *t, const void *options, pli__dml_result *out, pli_error *err);
pli_status pli__dml_retry(pli__delta *t, pli__dml_attempt_fn *fn, const void *options, pli__dml_result *out,
                          pli_error *err);

#endif

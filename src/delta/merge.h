/*
 * MERGE INTO: rows of a source, matched with the table's by a condition, update, delete or insert rows, in one commit.
 *
 *   pli__merge_new(table, "SELECT …", &options, &m)  the source is read once, into a temp table of the engine
 *   pli__merge_prepare(m)                            candidates, probe, files written: nothing is visible
 *   pli__merge_commit(m)                             visible; COMMIT_CONFLICT: prepare again, on the newest version
 *   pli__merge_free(m)                               files of a prepared merge that was not committed are deleted
 * or pli__merge_run, which does it all with retries.
 *
 * Candidate files are chosen by partition values and statistics of the keys; the probe reads the columns of the condition,
 * file and row number alone; then each file gets a deletion vector or is rewritten (merge_plan.c, merge_write.c).
 */
#ifndef PLI_DELTA_MERGE_H
#define PLI_DELTA_MERGE_H

#include "delta/transaction.h"
#include "pli/table_write.h"

typedef struct pli__merge pli__merge;

/** What a caller says of each attempt: the identity of the commit. Texts live until the attempt is over. */
typedef struct pli__merge_identity {
    bool repeat;                   /**< the table has this merge already: nothing is done */
    const char *app_id;            /**< NULL = no txn */
    int64_t txn_version;
    const char *extra_commit_info; /**< raw JSON object, as in pli__txn_options */
    pli__txn_repeat_fn *on_txn;    /**< as pli__txn_options.repeat */
    void *on_txn_arg;
} pli__merge_identity;
/** Called with the snapshot of each attempt before anything of it is read. */
typedef pli_status pli__merge_identify_fn(void *arg, pli__snapshot *s, pli__merge_identity *out, pli_error *err);

typedef struct pli__merge_options {
    const char *on;
    size_t n_clauses;
    const pli_merge_clause *clauses;
    pli_merge_mode write_mode;
    bool merge_schema;
    size_t n_keys;
    const char *const *keys; /**< columns that the condition makes equal on both sides */
    const char *marker; /**< column of the source for conditions alone: `*` never stores it; NULL = none */
    bool
        keep_missing; /**< `*`: columns that the source lacks keep their values (update), are NULL or default (insert) */
    bool dry_run, relaxed;
    const char *user_metadata;
    pli__merge_identify_fn *identify; /**< NULL = no identity */
    void *identify_arg;
} pli__merge_options;

typedef struct pli__merge_result {
    int64_t version; /**< committed; the version read if nothing was to be done */
    bool committed, repeat;
    int64_t rows_inserted, rows_updated, rows_deleted, rows_copied, source_rows;
    int64_t files_total, files_scanned; /**< active files; those that the probe opened */
    int64_t files_removed, files_added, files_rewritten, vectors_added;
    int64_t bytes_added;
} pli__merge_result;

/** @param source a query; it is run once, here @param options texts are borrowed until the merge is freed */
pli_status pli__merge_new(pli__delta *t, const char *source, const pli__merge_options *options, pli__merge **out,
                          pli_error *err);
pli_status pli__merge_prepare(pli__merge *m, pli_error *err);
/** Nothing to be done (or repeat, dry run) is no commit; *out says so. */
pli_status pli__merge_commit(pli__merge *m, pli__merge_result *out, pli_error *err);
/** Of a prepared merge: what its commit will say. */
void pli__merge_state(const pli__merge *m, pli__merge_result *out);
/** Rows of the source with a value in a column; 0 if it has none such, -1 if that cannot be said. */
int64_t pli__merge_source_values(pli__merge *m, const char *column);
/** Data files that a prepared merge has written; those that only get a deletion vector are not among them. */
size_t pli__merge_files(const pli__merge *m);
const pli__add *pli__merge_file_at(const pli__merge *m, size_t i);
/** Files that were written stay where they are when the merge is freed: perhaps a commit refers to them. */
void pli__merge_leave_files(pli__merge *m);
void pli__merge_free(pli__merge *m);
void pli__merge_auto(pli__merge **m);
/** All of it, until one attempt commits or fails with something else than a conflict. */
pli_status pli__merge_run(pli__delta *t, const char *source, const pli__merge_options *options, pli__merge_result *out,
                          pli_error *err);

#endif

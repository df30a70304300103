/*
 * Changing rows of a table: delete and update. Rows are found by a probe (file and row number); files that lose all rows are
 * removed, others get a deletion vector where the table has them, or are rewritten. With the change data feed enabled the
 * commit carries cdc files. A conflict with another writer makes the operation start again on the new version.
 */
#ifndef PLI_DELTA_DML_H
#define PLI_DELTA_DML_H

#include "delta/transaction.h"

typedef struct pli__assignment {
    const char *column; /**< logical name, case ignored */
    const char *sql;    /**< expression over the logical columns */
} pli__assignment;

typedef struct pli__dml_options {
    const char *where; /**< NULL = all rows */
    size_t n_set;      /**< update */
    const pli__assignment *set;
    bool copy_on_write; /**< never write deletion vectors */
    bool relaxed, dry_run;
    const char *user_metadata;
} pli__dml_options;

typedef struct pli__dml_result {
    int64_t version;       /**< committed; the version read if nothing was to be done */
    bool committed;
    int64_t rows;          /**< deleted or updated */
    int64_t files_scanned, files_removed, files_added, vectors_added, bytes_added, rows_copied;
    int64_t change_files; /**< files of change data */
} pli__dml_result;

pli_status pli__dml_delete(pli__delta *t, const pli__dml_options *o, pli__dml_result *out, pli_error *err);
pli_status pli__dml_update(pli__delta *t, const pli__dml_options *o, pli__dml_result *out, pli_error *err);

#endif

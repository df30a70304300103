/* Keeping tables in shape: optimize, vacuum, restore, changes of properties, constraints and columns. */
#ifndef PLI_DELTA_MAINTAIN_H
#define PLI_DELTA_MAINTAIN_H

#include "delta/transaction.h"

typedef struct pli__optimize_options {
    const char *where;      /**< SQL over partition columns: which partitions; NULL = all */
    size_t n_zorder;        /**< 0: small files are put together as they come */
    const char *const *zorder;
    int64_t target_size;    /**< 0 = the table's, else 128 MiB */
    bool dry_run, relaxed;
} pli__optimize_options;
typedef struct pli__optimize_result {
    int64_t version;
    bool committed;
    int64_t files_removed, files_added, bytes_removed, bytes_added, partitions;
} pli__optimize_result;
/** Put small files of a partition together; with z-order rewrite all files of it, sorted along a space-filling curve. Rows
 *  stay what they are: readers at Serializable see no change (dataChange = false). Rows deleted by vectors are left out. */
pli_status pli__optimize(pli__delta *t, const pli__optimize_options *o, pli__optimize_result *out, pli_error *err);

typedef struct pli__vacuum_options {
    int64_t retention_us;   /**< -1 = the table's delta.deletedFileRetentionDuration, else 7 days */
    bool allow_short;       /**< retention below 7 days: old versions, and readers at work, lose their files */
    bool dry_run;
} pli__vacuum_options;
typedef struct pli__vacuum_result {
    int64_t files_deleted, bytes_deleted, folders_deleted, files_kept;
} pli__vacuum_result;
/** Called with the path (below the table) and size of each file that is, or would be, deleted. */
typedef pli_status pli__vacuum_fn(void *arg, const char *path, int64_t size, pli_error *err);
/** Delete files that no version within the retention refers to and no writer at work may have made. */
pli_status pli__vacuum(pli__delta *t, const pli__vacuum_options *o, pli__vacuum_fn *fn, void *arg,
                       pli__vacuum_result *out, pli_error *err);

typedef struct pli__restore_result {
    int64_t version;
    bool committed;
    int64_t files_restored, files_removed, bytes_after;
} pli__restore_result;
/** Make the state of an older version the newest one. NOT_FOUND if files of it are gone. */
pli_status pli__restore(pli__delta *t, int64_t version, bool dry_run, pli__restore_result *out, pli_error *err);

/** Set properties (value.ptr NULL = unset); the protocol is raised where they need it. *version is that of the commit. */
pli_status pli__set_properties(pli__delta *t, const pli__kv *set, size_t n, int64_t *version, pli_error *err);
/** Add a CHECK constraint after testing it on all rows. CONSTRAINT_VIOLATED if a row breaks it, ALREADY_EXISTS. */
pli_status pli__add_constraint(pli__delta *t, const char *name, const char *expression, int64_t *version,
                               pli_error *err);
pli_status pli__drop_constraint(pli__delta *t, const char *name, int64_t *version, pli_error *err);

/** Rename a column (path as in schema_edit.h) of a table that maps columns. @param name new name, without its parents
 *  UNSUPPORTED_FEATURE without column mapping, CONSTRAINT_VIOLATED if an expression of the table needs the column. */
pli_status pli__rename_column(pli__delta *t, const char *path, const char *name, int64_t *version, pli_error *err);
/** Drop a column; the same errors. Files keep what they have. */
pli_status pli__drop_column(pli__delta *t, const char *path, int64_t *version, pli_error *err);
/** Add a column, null in all rows. @param type SQL, Delta's or Polars' spelling */
pli_status pli__add_column(pli__delta *t, const char *path, const char *type, int64_t *version, pli_error *err);

#endif

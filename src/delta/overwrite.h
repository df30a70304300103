/*
 * What an overwrite takes away: all rows, those that a condition names, or the partitions that the new files are in
 * (dynamic). Files of which rows stay are rewritten.
 */
#ifndef PLI_DELTA_OVERWRITE_H
#define PLI_DELTA_OVERWRITE_H

#include "delta/partition_set.h"
#include "delta/touched.h"
#include "delta/transaction.h"

typedef struct pli__overwrite {
    pli__touched *replaced;       /**< files that go */
    pli__written *left;           /**< rows of them that stay; NULL = none */
    pli__written *changes;        /**< change data; NULL = none needed */
    pli__partition_set partitions; /**< dynamic: those of the new files */
    bool dynamic, relaxed;
} pli__overwrite;

typedef struct pli__overwrite_options {
    const char *where;   /**< NULL = all rows */
    bool dynamic;        /**< instead: partitions of the new files; of a table without partitions all rows */
    bool schema_changes; /**< with the overwrite the table gets another schema */
    int64_t target_file_size;
    bool relaxed;
} pli__overwrite_options;

/** Append the rows of a query with a test: one that does not meet the condition of the overwrite ends the write.
 *  @param where NULL = no condition: the query as it is */
pli_status pli__overwrite_guard(const char *where, pli__str sql, pli__buf *out, pli_error *err);
/** Find what goes, write what stays. @param fresh the new files */
pli_status pli__overwrite_prepare(pli__delta *t, pli__snapshot *s, const pli__overwrite_options *o,
                                  const pli__written *fresh, pli__overwrite *out, pli_error *err);
/** Put it into a transaction that reads PLI__READS_FILES (a condition, dynamic) or _TABLE. `o` must outlive the commit.
 *  @param fresh the new files, which the caller adds: their rows are part of the change data */
pli_status pli__overwrite_add_to(pli__overwrite *o, const pli__written *fresh, pli__txn_handle *x, pli_error *err);
/** @param t not NULL: files that were written are deleted too */
void pli__overwrite_clear(pli__overwrite *o, pli__delta *t);

#endif

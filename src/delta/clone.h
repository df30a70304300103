/*
 * Shallow clones: a new table whose first version names the data files of another one, by absolute paths. From then on both go
 * their own way; the clone never deletes files of its source (they lie outside of its folder), but vacuuming the source takes
 * files from the clone.
 */
#ifndef PLI_DELTA_CLONE_H
#define PLI_DELTA_CLONE_H

#include "delta/transaction.h"

typedef struct pli__clone_result {
    int64_t version, source_version;
    bool committed;
    int64_t files, bytes;
} pli__clone_result;

/** @param version of the source, or PLI__LATEST @param to must not be a table yet (ALREADY_EXISTS), and neither table may lie
 *  inside of the other (ARGUMENT) */
pli_status pli__clone(pli__delta *from, int64_t version, pli__delta *to, bool dry_run, pli__clone_result *out,
                      pli_error *err);

#endif

/* Repairing a table whose files were lost. */
#ifndef PLI_DELTA_FSCK_H
#define PLI_DELTA_FSCK_H

#include "delta/snapshot.h"

/** What is wrong with one active file. */
typedef struct pli__fsck_finding {
    pli__str path;       /**< of the data file, decoded */
    bool file_missing;
    pli__str vector;     /**< path of the deletion vector's file; ptr NULL = there is none */
    bool vector_missing;
    bool vector_invalid; /**< it is there, but does not hold as many bytes as the log says */
} pli__fsck_finding;
typedef pli_status pli__fsck_fn(void *arg, const pli__fsck_finding *finding, pli_error *err);

typedef struct pli__fsck_result {
    int64_t version;
    bool committed;
    int64_t files_checked, files_removed, files_missing, vectors_missing, vectors_invalid;
} pli__fsck_result;
/** Take every active file out of the table, in one commit, that is not on disk or whose deletion vector is not: what is left
 *  can be read. The rows of such files are lost; where the change feed is on they are not reported as deleted, because nobody
 *  could read them. @param fn called for each of them; may be NULL */
pli_status pli__fsck(pli__delta *t, bool dry_run, pli__fsck_fn *fn, void *arg, pli__fsck_result *out, pli_error *err);

#endif

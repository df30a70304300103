/* Keeping the log short: cleaning by retention, compacted commits. */
#ifndef PLI_DELTA_LOG_MAINTAIN_H
#define PLI_DELTA_LOG_MAINTAIN_H

#include "delta/snapshot.h"

typedef struct pli__log_clean_result {
    int64_t before; /**< versions below it are gone; -1 = nothing was to be done */
    int64_t commits, checkpoints, sidecars, others; /**< files deleted */
} pli__log_clean_result;
/** Delete what no version within delta.logRetentionDuration (30 days) needs: everything below the newest checkpoint that is
 *  older than that (days are whole ones, in UTC, as with Spark). The checkpoint itself, its commit and all that follows stay.
 *  Nothing is done where delta.enableExpiredLogCleanup is false, or where checkpointProtection forbids it.
 *  @param out may be NULL */
pli_status pli__log_clean(pli__snapshot *s, pli__log_clean_result *out, pli_error *err);

typedef struct pli__log_compact_options {
    int64_t from, to; /**< -1 = what lies behind the newest checkpoint, through the newest version */
    bool dry_run;
} pli__log_compact_options;
typedef struct pli__log_compact_result {
    int64_t from, to;
    bool written; /**< false: fewer than two commits, or it is there already */
    int64_t commits, actions, bytes_before, bytes; /**< bytes is 0 in a dry run */
} pli__log_compact_result;
/** Write the commits of a range, reconciled, as <from>.<to>.compacted.json beside them. Readers take it in place of the
 *  commits. LIMIT_EXCEEDED if it would be larger than a commit may be; NOT_FOUND if a commit of the range is missing. */
pli_status pli__log_compact(pli__delta *t, const pli__log_compact_options *o, pli__log_compact_result *out,
                            pli_error *err);

#endif

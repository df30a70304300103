/*
 * Which files give a range of versions: commits one by one, and compacted files where they stand for several (PROTOCOL.md,
 * "Log Compaction Files"). The fewest files are read; a compacted file may also bridge commits that are gone.
 */
#ifndef PLI_DELTA_LOG_PLAN_H
#define PLI_DELTA_LOG_PLAN_H

#include "delta/log_list.h"

typedef enum pli__log_plan_use {
    PLI__COMPACTIONS_ALL,  /**< wherever they save reading */
    PLI__COMPACTIONS_GAPS, /**< only where the commits alone do not reach */
    PLI__COMPACTIONS_NONE
} pli__log_plan_use;

/** The compacted files to read in place of their commits, ascending, not overlapping. Zero-initialise. */
typedef struct pli__log_plan {
    size_t n;
    pli__log_compaction *compactions;
} pli__log_plan;

void pli__log_plan_clear(pli__log_plan *p);
/** Find the way from `from` to `to` (inclusive; nothing to do if to < from). Without one, *found is false and *missing is
 *  the first commit that would be needed. */
pli_status pli__log_plan_make(const pli__log_listing *l, int64_t from, int64_t to, pli__log_plan_use use,
                              pli__log_plan *out, bool *found, int64_t *missing, pli_error *err);
pli_status pli__log_plan_copy(const pli__log_plan *from, pli__log_plan *out, pli_error *err);
/** The compacted file that stands for `version` and those behind it up to `most`; NULL = read the commit. */
const pli__log_compaction *pli__log_plan_at(const pli__log_plan *p, int64_t version, int64_t most);

#endif

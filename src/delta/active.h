/*
 * Marks of writers at work: `_delta_log/.pli-active-<uuid>`. Between writing a data file and committing it, nothing in the
 * log names the file; our vacuum therefore spares unreferenced files that are newer than the oldest living mark.
 */
#ifndef PLI_DELTA_ACTIVE_H
#define PLI_DELTA_ACTIVE_H

#include "delta/snapshot.h"

#define PLI__ACTIVE_PREFIX ".pli-active-"

/** Leave a mark; *path (malloc'ed) names it. NULL without a local folder. */
pli_status pli__active_begin(pli__delta *t, char **path, pli_error *err);
/** Remove the mark and free its name; NULL is allowed. */
void pli__active_end(char **path);
/** Start (ms) of the oldest mark whose writer may be alive, INT64_MAX if there is none. Marks of processes of this machine that
 *  are gone are removed; those of other machines count for 7 days. */
pli_status pli__active_oldest(pli__delta *t, int64_t *start_ms, pli_error *err);

#endif

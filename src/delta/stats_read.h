/* Statistics as they stand in add.stats: raw JSON, of which only what is asked for is taken out. */
#ifndef PLI_DELTA_STATS_READ_H
#define PLI_DELTA_STATS_READ_H

#include "base/arena.h"
#include "delta/action.h"

/** A leaf column to look for: physical names from the top, each but the last followed by '\0'. */
typedef struct pli__stats_leaf {
    pli__str path;
} pli__stats_leaf;

/** What a file says of a leaf; ptr NULL = nothing. Texts are as written, JSON escapes resolved. */
typedef struct pli__stats_bounds {
    pli__str min, max, null_count;
} pli__stats_bounds;

/** Statistics are a help only: what cannot be understood is as absent.
 *  @param arena gets unescaped texts; the others are slices of stats @param bounds one for each leaf */
void pli__stats_read(pli__str stats, const pli__stats_leaf *leaves, size_t n, pli__arena *arena, pli__str *num_records,
                     pli__stats_bounds *bounds);
/** numRecords, -1 if the statistics do not say. */
int64_t pli__stats_num_records(pli__str stats);

#endif

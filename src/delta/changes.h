/*
 * The change data feed as SQL (PROTOCOL.md, "Change Data Files"): of each version either its cdc files, or, where it has none,
 * its added files as inserts and its removed ones as deletes; a file whose deletion vector changed gives the difference.
 * Actions with dataChange = false change nothing.
 */
#ifndef PLI_DELTA_CHANGES_H
#define PLI_DELTA_CHANGES_H

#include "delta/snapshot.h"

typedef struct pli__changes_options {
    int64_t from, to;   /**< inclusive; both must exist */
    bool synthesize;    /**< derive changes of versions without the feed by comparing the rows removed and added */
    size_t n_columns;   /**< 0 = all */
    const char *const *columns;
    const char *where;
} pli__changes_options;

typedef struct pli__changes pli__changes;

/** NO_CHANGE_FEED naming the first version without it; NOT_FOUND for a commit that is gone. The SQL may refer to temp objects
 *  of the environment's engine until the object is freed. */
pli_status pli__changes_new(pli__delta *t, const pli__changes_options *options, pli__changes **out, pli_error *err);
void pli__changes_free(pli__changes *c);
void pli__changes_auto(pli__changes **c);
const char *pli__changes_sql(const pli__changes *c);
/** The columns, then _change_type, _commit_version, _commit_timestamp. */
const pli__type *pli__changes_schema(const pli__changes *c);

#endif

/* Clustered tables (PROTOCOL.md, "Clustered Table"): the domain delta.clustering names the columns by which rows are laid out. */
#ifndef PLI_DELTA_CLUSTERING_H
#define PLI_DELTA_CLUSTERING_H

#include "base/arena.h"
#include "delta/snapshot.h"

/** Logical names of the columns at the top of the schema by which a table is clustered, none for other tables; columns inside of
 *  structs are left out. Texts in the arena. */
pli_status pli__clustering_columns(const pli__snapshot *s, pli__arena *arena, const char ***names, size_t *n,
                                   pli_error *err);

#endif

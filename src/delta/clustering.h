/* Clustered tables (PROTOCOL.md, "Clustered Table"): the domain delta.clustering names the columns by which rows are laid out. */
#ifndef PLI_DELTA_CLUSTERING_H
#define PLI_DELTA_CLUSTERING_H

#include "base/arena.h"
#include "delta/snapshot.h"

/** Logical names of the columns at the top of the schema by which a table is clustered, none for other tables; columns inside of
 *  structs are left out. Texts in the arena. */
pli_status pli__clustering_columns(const pli__snapshot *s, pli__arena *arena, const char ***names, size_t *n,
                                   pli_error *err);
/** All of them, also inside of structs, as the paths of files' columns: physical names in quotes, joined by dots. */
pli_status pli__clustering_paths(const pli__snapshot *s, pli__arena *arena, const pli__str **paths, size_t *n,
                                 pli_error *err);

#endif

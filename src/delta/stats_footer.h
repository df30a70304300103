/*
 * What the footer of a Parquet file says of its columns, in the form in which the engine reports files that it wrote itself:
 * for files of another writer (Polars). Not in a footer is whether floats are not numbers; that is read from the columns.
 */
#ifndef PLI_DELTA_STATS_FOOTER_H
#define PLI_DELTA_STATS_FOOTER_H

#include "base/arena.h"
#include "delta/stats_write.h"

/** @param p plan of exactly the columns of the file, in their order @param out filled, all texts in the arena; without keys
 *  @param path absolute */
pli_status pli__stats_read_footer(const pli__stats_plan *p, pli__engine *engine, const char *path, pli__arena *arena,
                                  pli__written_file *out, pli_error *err);

#endif

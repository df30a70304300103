/*
 * What is in a Parquet file of unknown origin, in the form in which the engine reports files that it wrote itself. The
 * columns are read: footers of old writers have bounds that mean something else (signed bytes, INT96), or none.
 */
#ifndef PLI_DELTA_STATS_SCAN_H
#define PLI_DELTA_STATS_SCAN_H

#include "base/arena.h"
#include "delta/stats_write.h"

/** @param p plan of columns that the file has @param path absolute @param out rows, size and columns; texts in the arena */
pli_status pli__stats_scan(const pli__stats_plan *p, pli__engine *engine, const char *path, pli__arena *arena,
                           pli__written_file *out, pli_error *err);

#endif

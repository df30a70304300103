/*
 * DuckDB's vectors as Arrow arrays. Chunks of 2048 rows are gathered into larger arrays, and values that the Arrow type
 * cannot hold (months in a duration, 39-digit integers) are errors; DuckDB's own functions for it are unstable in 1.5
 * and write wrong values there.
 */
#ifndef PLI_ENGINE_DUCKDB_ARROW_EXPORT_H
#define PLI_ENGINE_DUCKDB_ARROW_EXPORT_H

#include <duckdb.h>

#include "pli/arrow.h"
#include "types/type.h"

/** Gathers the rows of a result. */
typedef struct pli__arrow_export pli__arrow_export;

/** @param type the result's columns, a STRUCT; borrowed, must outlive the export */
pli_status pli__arrow_export_new(const pli__type *type, pli__arrow_export **out, pli_error *err);
void pli__arrow_export_free(pli__arrow_export *x);
/** Add the rows of a chunk. BAD_DATA naming the column. */
pli_status pli__arrow_export_add(pli__arrow_export *x, duckdb_data_chunk chunk, pli_error *err);
/** True when it is time for pli__arrow_export_take. */
bool pli__arrow_export_is_full(const pli__arrow_export *x);
/** Rows gathered since the last take. */
size_t pli__arrow_export_rows(const pli__arrow_export *x);
/** Move what was gathered into an array. */
pli_status pli__arrow_export_take(pli__arrow_export *x, struct ArrowArray *out, pli_error *err);

#endif

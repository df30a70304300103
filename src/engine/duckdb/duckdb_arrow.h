/*
 * The conversions between DuckDB's vectors and Arrow. These functions of the C API are unstable in 1.5: they are used in
 * duckdb_arrow.c and nowhere else.
 */
#ifndef PLI_ENGINE_DUCKDB_ARROW_H
#define PLI_ENGINE_DUCKDB_ARROW_H

#include "engine/duckdb/duckdb_module.h"
#include "pli/arrow.h"

/** How arrays of one schema become chunks. */
typedef struct pli__arrow_import pli__arrow_import;

/** @param schema a struct; borrowed for the call */
pli_status pli__arrow_import_new(duckdb_connection con, const struct ArrowSchema *schema, pli__arrow_import **out, pli_error *err);
void pli__arrow_import_free(pli__arrow_import *import);
size_t pli__arrow_import_count(const pli__arrow_import *import);
/** DuckDB's type of column i; borrowed. */
duckdb_logical_type pli__arrow_import_type(const pli__arrow_import *import, size_t i);
/** @param take the array moves into the chunk, also on failure @param out destroy with duckdb_destroy_data_chunk */
pli_status pli__arrow_import_chunk(const pli__arrow_import *import, struct ArrowArray *take, duckdb_data_chunk *out, pli_error *err);

#endif

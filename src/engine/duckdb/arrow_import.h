/*
 * Rows of Arrow arrays, written into DuckDB's vectors. DuckDB has functions for it, but in 1.5 they are unstable, lose
 * nulls (dictionaries, fixed-size binary), cut nanoseconds silently and write past buffers (dictionaries of more than 2048
 * values with nulls); here every value is checked, and only the stable interface of vectors is used.
 */
#ifndef PLI_ENGINE_DUCKDB_ARROW_IMPORT_H
#define PLI_ENGINE_DUCKDB_ARROW_IMPORT_H

#include <duckdb.h>

#include "pli/arrow.h"
#include "types/type.h"

/** How arrays of one schema become vectors. */
typedef struct pli__arrow_import pli__arrow_import;

/** @param schema a struct; must outlive the import. UNSUPPORTED_FEATURE naming the column */
pli_status pli__arrow_import_new(const struct ArrowSchema *schema, pli__arrow_import **out, pli_error *err);
void pli__arrow_import_free(pli__arrow_import *import);
size_t pli__arrow_import_count(const pli__arrow_import *import);
/** Type of column i. */
const pli__type *pli__arrow_import_type(const pli__arrow_import *import, size_t i);
/** Write rows [first, first + n) of column i of the array into the vector, which has room for them.
 *  BAD_DATA naming column and row for a value that DuckDB cannot hold exactly. @param first_row number of row 0 of the
 *  array in the stream, for errors */
pli_status pli__arrow_import_column(const pli__arrow_import *import, size_t i, const struct ArrowArray *array,
                                    int64_t first, size_t n, int64_t first_row, duckdb_vector out, pli_error *err);

#endif

/*
 * The order that optimize lays rows out by, so that files hold a narrow range of each of several columns.
 */
#ifndef PLI_DELTA_ZORDER_H
#define PLI_DELTA_ZORDER_H

#include "engine/engine.h"

#define PLI__ZORDER_COLUMNS_MAX 32
#define PLI__ZORDER "__pli_z" /* the column to sort by */

/**
 * Add the column PLI__ZORDER to the rows of a query. One column is its own order; of several the ranks are interleaved,
 * for which a sample of the rows is read first.
 *
 * @param n_rows how many rows the query has
 */
pli_status pli__zorder_sql(pli__engine *e, const pli__type *schema, const char *const *columns, size_t n,
                           int64_t n_rows, pli__buf *rows, pli_error *err);

#endif

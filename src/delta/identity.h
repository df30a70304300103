/*
 * Identity columns (PROTOCOL.md, "Identity Columns"): the table makes their values, start + k * step, beyond the high water
 * mark that its schema keeps. The commit that adds rows moves the mark, so that two writers can never give a value twice.
 */
#ifndef PLI_DELTA_IDENTITY_H
#define PLI_DELTA_IDENTITY_H

#include "base/arena.h"
#include "delta/action.h"

bool pli__identity_is(const pli__field *f);
/** May rows bring values of their own? */
bool pli__identity_takes_values(const pli__field *f);
/** Append the SQL expression of a new value for each row of the query it stands in. LIMIT_EXCEEDED where no value is left.
 *  @param taken SQL of the number of values that others of the same commit take before; NULL = none */
pli_status pli__identity_sql(const pli__field *f, const char *taken, pli__buf *out, pli_error *err);
/** The metadata after `rows` new rows of a query: marks of the identity columns that `input`, its columns, does not have are
 *  moved. *changed = false: there are none. */
pli_status pli__identity_advance(const pli__metadata *m, const pli__type *input, int64_t rows, pli__arena *arena,
                                 pli__metadata *out, bool *changed, pli_error *err);
/** The same where columns got values for different numbers of rows. @param made for each column of the schema */
pli_status pli__identity_advance_each(const pli__metadata *m, const int64_t *made, pli__arena *arena,
                                      pli__metadata *out, bool *changed, pli_error *err);

#endif

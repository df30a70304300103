/*
 * Variants on their way into a table: whatever a column holds becomes the two binary parts that files of tables without
 * shredding have, STRUCT(metadata BLOB, "value" BLOB). What is such a struct already is taken as it is. Variants inside of
 * structs, lists and maps are reached by putting those together anew.
 */
#ifndef PLI_DELTA_VARIANT_WRITE_H
#define PLI_DELTA_VARIANT_WRITE_H

#include "types/type.h"

bool pli__type_has_variant(const pli__type *t);
/** Append the expression of a value that is or holds variants, as rows have it.
 *  @param to the type in the table @param raw the column's type in the query @param column its name, quoted */
void pli__variant_sql(const pli__type *to, const pli__type *raw, pli__str column, pli__buf *out);

#endif

/* Partition values: text of the log into typed SQL values (PROTOCOL.md, "Partition Value Serialization"). */
#ifndef PLI_DELTA_PARTITION_H
#define PLI_DELTA_PARTITION_H

#include "delta/mapping.h"

/** The value of a column in a file's partitionValues. ptr NULL: null. The empty text is null too, of whatever type, unless the
 *  column is one of texts that can hold no null. @return false if the file has no value for the column at all */
bool pli__partition_value(const pli__kv *values, size_t n, const pli__mapped_column *c, pli__str *out);
/** Can the text be read as the type? CORRUPT_RECORD naming the column if not. */
pli_status pli__partition_check(const pli__mapped_column *c, pli__str text, pli_error *err);
/** "CAST(<texts> AS T[])": a list of texts as typed values. @param texts a SQL expression of type VARCHAR[] */
void pli__partition_sql_list(const pli__type *t, const char *texts, pli__buf *sql);

#endif

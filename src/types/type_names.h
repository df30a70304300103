/* The one table of type names that all mappings share. Internal to src/types. */
#ifndef PLI_TYPES_TYPE_NAMES_H
#define PLI_TYPES_TYPE_NAMES_H

#include "types/type.h"

/** The name of a simple type in each language; NULL where the language has none of its own. */
typedef struct pli__type_name {
    pli__type_id id;
    pli__time_unit unit;
    const char *sql, *delta, *polars;
    const char *arrow; /* format string of the Arrow C data interface */
} pli__type_name;

/** Row of a type; NULL for those that need more than a name (decimal, enum, nested ones, other). Units that have no
 *  row of their own get the row in microseconds. */
const pli__type_name *pli__type_name_of(const pli__type *t);
const pli__type_name *pli__type_name_by_delta(pli__str name);  /* exact */
const pli__type_name *pli__type_name_by_polars(pli__str name); /* exact; also former names such as Utf8 */
const pli__type_name *pli__type_name_by_arrow(const char *format);
/** DuckDB's names and aliases, Delta's and Polars' names; case ignored, but for Polars' Int8, which is not SQL's INT8. */
const pli__type_name *pli__type_name_by_sql(pli__str name);
/** True for types of DuckDB that the model has no place for (BIT, BIGNUM, GEOMETRY ...). */
bool pli__type_name_is_foreign(pli__str sql_name);
/** Name of DuckDB that is spelled alike, for "did you mean"; NULL if there is none. */
const char *pli__type_name_nearest(pli__str word);
/** "us", "ns" or "ms"; seconds have no name and give "ms". */
const char *pli__time_unit_name(pli__time_unit unit);
bool pli__time_unit_parse(pli__str s, pli__time_unit *out);

/** Append a SQL name, in double quotes only where DuckDB prints them. */
void pli__sql_add_name(pli__buf *b, pli__str name);

#endif

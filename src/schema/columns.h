/*
 * Schemas as JSON: lists of columns, [{"name": "a", "type": "BIGINT"}] in schemas/N.json (SQL's names),
 * [{"name": "a", "dtype": "Int64"}] in metadata.json and for the Python package (Polars' names). Differences between
 * two of them.
 */
#ifndef PLI_SCHEMA_COLUMNS_H
#define PLI_SCHEMA_COLUMNS_H

#include <jansson.h>

#include "types/type.h"

typedef enum pli__naming { PLI__NAMING_SQL, PLI__NAMING_POLARS } pli__naming;

/** @param list array of {"name", "type" or "dtype"}; or an object of name -> type text (job files)
 *  @param what names it in errors (CORRUPT_RECORD, or that of the type's text). Names must differ. *out: STRUCT */
pli_status pli__columns_parse(const json_t *list, pli__naming naming, const char *what, const pli__type **out,
                              pli_error *err);
pli_status pli__columns_json(const pli__type *schema, pli__naming naming, json_t **out, pli_error *err);
/** The text of a type; NULL gives JSON null. */
pli_status pli__type_json(const pli__type *t, pli__naming naming, json_t **out, pli_error *err);

/** What changed, column by column, nested ones dotted: [{"column", "change": "added" | "removed" | "type", "from", "to"}].
 *  @param before NULL = nothing */
pli_status pli__columns_diff(const pli__type *before, const pli__type *after, pli__naming naming, json_t **out,
                             pli_error *err);

#endif

/*
 * Schema evolution for callers who move the rows themselves (the Python package): what is to be done with the columns
 * of a batch, as data. Jobs that libpli runs use the same planner and need nothing of this.
 *
 *   request  {"stored": columns or null, "explicit": columns or null, "batch": columns,
 *             "mode": "strict", "rescue_mode": "none", "rescue_column": "_rescued"}
 *   plan     {"schema": columns, "changed": true, "first": false,
 *             "decisions": [{"column": "a", "source": "a", "decision": "cast", "reason": "other_type", "text": "...",
 *                            "checked": true, "from": "String", "to": "Int64", "before": "Int64", "fields": [...]}]}
 *
 * where columns is a list of {"name", "dtype"} in Polars' names (python-api 11.4). There is one decision for every column
 * of the schema and of the batch:
 *
 *   keep    as it is, or nested with `fields` that say more          widen   cast to the wider type, nothing is lost
 *   null    not in the batch: nulls of type `to`                     rescue  null, the whole value is rescued
 *   add     new                                                      fail    never: the call fails instead
 *   cast    to `to`; with `checked` some values may not fit and become null
 *
 * For a nested column the decision is the gravest of its fields (rescue, cast, widen, add, null, keep); `fields` holds the
 * single ones with dotted paths (element, key, value for lists and maps). Reason "lossy_type" means that 64-bit integers
 * become floats. Rules: python-api 11, spec of types; docs/schema-evolution.md, docs/reference/casts.md.
 *
 * Thread-safe. Strings handed out are malloc'ed; free them with pli_free (pli/config.h).
 */
#ifndef PLI_SCHEMA_H
#define PLI_SCHEMA_H

#include "pli/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Longest request or schema that is taken, in bytes. */
#define PLI_SCHEMA_MAX ((size_t)1 << 28)

/** Plan a batch by the rules of the Python package. @param request JSON @param plan JSON, see above
 *  @return SCHEMA_MISMATCH naming the columns when the mode forbids the batch, INVALID_ARGUMENT for an unknown mode, type or
 *  member, CORRUPT_RECORD for a request that is no such JSON */
PLI_API pli_status pli_schema_plan(const char *request, char **plan, pli_error *err);

/** What differs between two schemas (lists of columns with "type" in SQL's names or "dtype" in Polars'), column by column, nested
 *  ones dotted: [{"column", "change": "added", "removed" or "type", "from", "to"}]. @param before NULL = no schema yet */
PLI_API pli_status pli_schema_diff(const char *before, const char *after, char **changes, pli_error *err);

#ifdef __cplusplus
}
#endif
#endif

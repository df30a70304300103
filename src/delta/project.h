/*
 * From the columns of a query to the columns of a table: by name (case ignored), in the table's order, cast to the table's
 * types where nothing can be lost. Decides also what the table's schema becomes.
 */
#ifndef PLI_DELTA_PROJECT_H
#define PLI_DELTA_PROJECT_H

#include "base/str.h"
#include "delta/snapshot.h"

typedef struct pli__project_options {
    bool merge_schema;         /**< columns that the table lacks are added at its end, nullable */
    bool allow_type_widening;  /**< a wider type of the input becomes the table's (typeWidening) */
} pli__project_options;

/** A table with delta.enableTypeWidening allows it by itself. @param s NULL: no table yet */
pli__project_options pli__project_options_for(const pli__snapshot *s, bool merge_schema, bool allow_type_widening);

typedef struct pli__projection {
    const pli__type *schema; /**< the table's schema afterwards; reference */
    bool schema_changed, types_widened;
    pli__buf sql;            /**< SELECT with exactly the table's columns and types */
} pli__projection;

/** @param table NULL: a new table, its schema is the input's as Delta stores it; columns without a type are left out
 *  SCHEMA_MISMATCH names column and both types. */
pli_status pli__project(const pli__type *table, const pli__type *input, const char *sql,
                        const pli__project_options *options, pli__projection *out, pli_error *err);
void pli__projection_clear(pli__projection *p);

#endif

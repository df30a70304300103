/*
 * New values for columns of a table, one of which the same commit may add: rows are found and rewritten as by an update, and
 * files without such rows stay as they are. A conflict with another writer makes the operation start again.
 */
#ifndef PLI_DELTA_FILL_H
#define PLI_DELTA_FILL_H

#include "delta/dml.h"

typedef struct pli__fill_options {
    const char *operation;  /**< in the history */
    const char *parameters; /**< raw JSON object of strings */
    const char *add;        /**< column that the table gets (nullable, at its end); NULL: none */
    const pli__type *add_type;
    const char *where; /**< rows that get new values; not about the added column */
    size_t n_set;
    const pli__assignment *set; /**< expressions over the columns as they were */
    bool relaxed, dry_run;
} pli__fill_options;

/** Without such rows and without a column to add nothing is committed. ALREADY_EXISTS if the table has the column. */
pli_status pli__dml_fill(pli__delta *t, const pli__fill_options *o, pli__dml_result *out, pli_error *err);

#endif

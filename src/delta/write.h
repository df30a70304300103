/* Writing a query to a table in one call: create, append, overwrite. */
#ifndef PLI_DELTA_WRITE_H
#define PLI_DELTA_WRITE_H

#include "delta/transaction.h"
#include "pli/table_write.h"

typedef struct pli__write_result {
    int64_t version;
    int64_t rows, bytes, files_added, files_removed;
} pli__write_result;

/** @param schema columns of sql; NULL = ask the engine @param sql NULL: no rows, only the table with this schema */
pli_status pli__write_query(pli__delta *t, const char *sql, const pli__type *schema, const pli_write_options *o,
                            pli__write_result *out, pli_error *err);

#endif

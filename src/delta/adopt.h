/*
 * Data files that somebody else has written (Polars, whose streaming engine has the rows already) become files of the table as
 * they are, with statistics from their footers. Only where the table asks for nothing that its writer must see to: no
 * constraints, generated columns or mapped names, no types to be changed.
 */
#ifndef PLI_DELTA_ADOPT_H
#define PLI_DELTA_ADOPT_H

#include "delta/write_plan.h"

typedef struct pli__adopted_file {
    const char *path;        /**< absolute, on the table's file system; the file is moved */
    size_t n_keys;           /**< as many as partition columns, in their order */
    const char *const *keys; /**< values as text (dates as ISO 8601); NULL = null */
} pli__adopted_file;

/** May files with these columns (beside them: the partition columns) be adopted? */
bool pli__adopt_fits(const pli__write_plan *plan, const pli__type *input);
/** CONFLICT (retriable) if they may not be: the table has changed since they were asked for. */
pli_status pli__adopt_files(pli__delta *t, const pli__protocol *protocol, const pli__metadata *metadata,
                            const pli__type *input, const pli__adopted_file *files, size_t n,
                            const pli__write_options *options, pli__written **out, pli_error *err);

#endif

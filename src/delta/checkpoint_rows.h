/*
 * Rows of a checkpoint on their way into Parquet: actions become one flat stream, SQL folds it into the structs of the
 * checkpoint schema, the engine writes the files. Memory does not grow with the number of rows.
 *
 *   pli__checkpoint_rows r = {.snapshot = s, .form = PLI__ROWS_CLASSIC, .files = give_files, .arg = x};
 *   pli__checkpoint_rows_copy(&r, engine, path, "ROW_GROUP_SIZE 32768", see_file, y, &err)
 *     -> give_files(x, &r) calls pli__checkpoint_rows_add and _remove; r.actions, r.adds … count what went in
 */
#ifndef PLI_DELTA_CHECKPOINT_ROWS_H
#define PLI_DELTA_CHECKPOINT_ROWS_H

#include "delta/checkpoint.h"
#include "engine/engine.h"

/** Which columns the file has, and whether the state's rows go into it. */
typedef enum pli__rows_form {
    PLI__ROWS_CLASSIC,  /**< everything */
    PLI__ROWS_SIDECAR,  /**< add and remove only */
    PLI__ROWS_MANIFEST  /**< a v2 checkpoint's own file: state, names of sidecars, no files */
} pli__rows_form;

typedef struct pli__checkpoint_rows pli__checkpoint_rows;
/** Hands all file actions over; called once, in another thread. */
typedef pli_status pli__rows_files_fn(void *arg, pli__checkpoint_rows *to, pli_error *err);

struct pli__checkpoint_rows {
    pli__snapshot *snapshot;
    pli__rows_form form;
    pli__rows_files_fn *files; /**< NULL with a manifest */
    void *arg;
    size_t n_sidecars;
    const pli__sidecar *sidecars;
    int64_t oldest_tombstone_ms; /**< older ones stay out */
    int64_t oldest_txn_ms;       /**< transactions last used before it stay out */
    /* what went in */
    int64_t actions, adds, add_bytes;
    /* of the copy at hand */
    struct pli__row_feed *feed;
    bool parsed; /**< the statistics go in as columns too */
    pli__buf exact;
};

/** Take the retentions from the table's properties. */
void pli__checkpoint_rows_retention(pli__checkpoint_rows *r);
bool pli__checkpoint_keeps_txn(const pli__checkpoint_rows *r, const pli__txn *t);
/** pli__add_fn and pli__remove_fn; the first argument is the pli__checkpoint_rows. */
pli_status pli__checkpoint_rows_add(void *rows, const pli__add *a, pli_error *err);
pli_status pli__checkpoint_rows_remove(void *rows, const pli__remove *r, pli_error *err);
/** Write the rows to a path. @param options of COPY, beside format, compression and row groups; "" = none */
pli_status pli__checkpoint_rows_copy(pli__checkpoint_rows *r, pli__engine *e, const char *path, const char *options,
                                     pli__written_fn *fn, void *arg, pli_error *err);
/** Columns that such a file has; a new reference. */
pli_status pli__checkpoint_rows_schema(const pli__checkpoint_rows *r, pli__engine *e, const pli__type **out,
                                       pli_error *err);

#endif

/* What the files behind pli/table.h share. */
#ifndef PLI_DELTA_TABLE_PUBLIC_H
#define PLI_DELTA_TABLE_PUBLIC_H

#include "delta/snapshot.h"
#include "pli/table.h"

struct pli_table {
    pli_env *env; /* borrowed */
    pli__delta *delta;
};

/** RFC 3339, or a text without a zone in the environment's. INVALID_ARGUMENT for anything else. */
pli_status pli__table_parse_time(pli_table *t, const char *text, int64_t *us, pli_error *err);
/** The version that `at` means, PLI__LATEST by default. */
pli_status pli__table_resolve(pli_table *t, bool has_version, int64_t version, const char *timestamp, int64_t *out,
                              pli_error *err);
/** @param at NULL = newest */
pli_status pli__table_open_at(pli_table *t, const pli_at *at, const pli__snapshot_options *want, pli__snapshot **out,
                              pli_error *err);
/** Append a JSON object of texts and nulls. */
void pli__table_add_map(pli__buf *row, const pli__kv *kvs, size_t n);
/** Hand a row to a report; CANCELLED if it asked to stop. */
pli_status pli__table_emit(pli_row_fn *fn, void *arg, const pli__buf *row, pli_error *err);

#endif

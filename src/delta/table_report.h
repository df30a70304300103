/* Reports of the public writing functions: one JSON object, {"operation", "version", "committed", …} and its numbers. */
#ifndef PLI_DELTA_TABLE_REPORT_H
#define PLI_DELTA_TABLE_REPORT_H

#include "delta/table_public.h"

/** Arguments of public functions that must be there. */
#define PLI__NOT_NULL(expr)                                                                                            \
    do {                                                                                                               \
        if (!(expr)) return pli__error_set(err, PLI_E_ARGUMENT, "'%s' must not be NULL", #expr);                       \
    } while (0)
/** A caller's struct may be older (smaller) than ours: what it lacks is zero. */
#define PLI__COPY_OPTIONS(from, to)                                                                                    \
    do {                                                                                                               \
        if (from) {                                                                                                    \
            if ((from)->size == 0) return pli__error_set(err, PLI_E_ARGUMENT, "'size' of the options is not set");     \
            memcpy(&(to), (from), (from)->size < sizeof(to) ? (from)->size : sizeof(to));                              \
        }                                                                                                              \
    } while (0)

void pli__report_begin(pli__buf *row, const char *operation, int64_t version, bool committed);
void pli__report_number(pli__buf *row, const char *key, int64_t value);
/** Close the object and hand it to fn, if there is one. */
pli_status pli__report_end(pli__buf *row, pli_row_fn *fn, void *arg, pli_error *err);

#endif

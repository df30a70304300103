/* Writing deletion vectors: any number of them in one file below the table. */
#ifndef PLI_DELTA_DV_WRITE_H
#define PLI_DELTA_DV_WRITE_H

#include "base/arena.h"
#include "delta/dv.h"

typedef struct pli__dv_item {
    const pli__rows *rows;
    pli__dv dv; /**< out: as it stands in the log; its path lives in the arena */
} pli__dv_item;

/** Write the vectors durably, in as few files as fit; their `dv` members say where each of them is. */
pli_status pli__dv_write(const char *root, pli__dv_item *items, size_t n, bool relaxed, pli__arena *arena,
                         pli_error *err);

#endif

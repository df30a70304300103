/*
 * A set of partitions: which combinations of partition values the files of a write have. The same value may stand in the
 * log in several spellings (times with and without a zone, decimals with and without zeros), so values are compared by type.
 */
#ifndef PLI_DELTA_PARTITION_SET_H
#define PLI_DELTA_PARTITION_SET_H

#include "base/map.h"
#include "delta/mapping.h"

typedef struct pli__partition_set {
    const pli__mapping *mapping; /**< borrowed */
    pli__map *keys;
} pli__partition_set;

pli_status pli__partition_set_init(pli__partition_set *s, const pli__mapping *mapping, pli_error *err);
void pli__partition_set_clear(pli__partition_set *s);
pli_status pli__partition_set_add(pli__partition_set *s, const pli__add *file, pli_error *err);
pli_status pli__partition_set_has(const pli__partition_set *s, const pli__add *file, bool *out, pli_error *err);

#endif

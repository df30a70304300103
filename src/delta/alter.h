/* A change of a table's metadata alone, tried again after conflicts. Inside of this folder. */
#ifndef PLI_DELTA_ALTER_H
#define PLI_DELTA_ALTER_H

#include "base/arena.h"
#include "delta/transaction.h"

/** What a change makes of the metadata; texts in the arena. */
typedef struct pli__alteration {
    pli__delta *table;
    pli__snapshot *snapshot;
    pli__arena *arena;
    pli__metadata metadata;   /**< at first the snapshot's */
    pli__buf parameters;      /**< commitInfo.operationParameters; left empty: {} */
    bool give_row_ids;        /**< files without row ids are added anew, with ids */
} pli__alteration;

/** Check and change; called anew for each attempt. */
typedef pli_status pli__alter_fn(pli__alteration *a, const void *arg, pli_error *err);

/** @param operation as Spark names it @param version of the commit */
pli_status pli__alter(pli__delta *t, const char *operation, pli__alter_fn *fn, const void *arg, int64_t *version,
                      pli_error *err);

/** Append ,"key":"value" (or the first member without the comma) to parameters that were begun with '{'. */
void pli__alter_parameter(pli__buf *parameters, const char *key, pli__str value);

#endif

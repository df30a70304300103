/*
 * Writing checkpoints (PROTOCOL.md, "Checkpoints"): the classic form, one Parquet file with the reconciled state of a
 * version, and `_last_checkpoint`. Rows stream from the snapshot through the engine into the file, so memory does not
 * grow with the table.
 */
#ifndef PLI_DELTA_CHECKPOINT_WRITE_H
#define PLI_DELTA_CHECKPOINT_WRITE_H

#include "delta/snapshot.h"

typedef struct pli__delta_checkpoint_result {
    int64_t version, actions, add_files, bytes;
    int64_t table_bytes; /**< sum of the active files */
} pli__delta_checkpoint_result;

/** Write the checkpoint of the snapshot's version, unless it is there already, and point `_last_checkpoint` to it (never
 *  back to an older one). The protocol must be one that we can write. @param out may be NULL */
pli_status pli__delta_checkpoint_write(pli__snapshot *s, pli__delta *t, pli__delta_checkpoint_result *out,
                                       pli_error *err);

/** Columns of stats_parsed and partitionValues_parsed as SQL over the columns "stats" and "pk", "pv" of the stream; empty
 *  where the table does not ask for them (delta/checkpoint_parsed.c). */
pli_status pli__delta_checkpoint_parsed_sql(const pli__metadata *m, const pli__type *schema, pli__buf *out,
                                            pli_error *err);

#endif

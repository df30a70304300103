/*
 * Writing checkpoints (PROTOCOL.md, "Checkpoints"): the reconciled state of a version, and `_last_checkpoint`.
 *
 *   classic   one Parquet file
 *   v2        tables with delta.checkpointPolicy = v2: the file actions in sidecars, which later checkpoints go on using as
 *             long as nothing in them was removed; the rest in a JSON manifest, or in Parquet
 *
 * Order of publication: sidecars, checkpoint, `_last_checkpoint`; each under a temporary name, synced, renamed if absent.
 */
#ifndef PLI_DELTA_CHECKPOINT_WRITE_H
#define PLI_DELTA_CHECKPOINT_WRITE_H

#include "delta/snapshot.h"
#include "engine/engine.h"

typedef struct pli__delta_checkpoint_result {
    int64_t version, actions, add_files;
    int64_t bytes;         /**< of the whole checkpoint */
    int64_t bytes_written; /**< of it, without sidecars that were there already */
    int64_t table_bytes; /**< sum of the active files */
    int64_t sidecars, sidecars_reused;
} pli__delta_checkpoint_result;

/** Write the checkpoint of the snapshot's version, unless it is there already (actions is 0 then), and point
 *  `_last_checkpoint` to it (never back to an older one). The protocol must be one that we can write. @param out may be NULL */
pli_status pli__delta_checkpoint_write(pli__snapshot *s, pli__delta *t, pli__delta_checkpoint_result *out,
                                       pli_error *err);

/** Are its checkpoints to have the v2 form? */
bool pli__checkpoint_wants_v2(const pli__snapshot *s);

/* ---- shared with checkpoint_v2.c and log_clean.c ---- */

#define PLI__CHECKPOINT_TEMP ".pli-checkpoint-" /* begins the names of folders of checkpoints being written */

/** The v2 form. @param r version is set */
pli_status pli__checkpoint_write_v2(pli__snapshot *s, pli__delta *t, pli__engine *e, pli__delta_checkpoint_result *r,
                                    pli_error *err);
/** Sync a finished temporary file and give it its name in the folder. ALREADY_EXISTS: the temporary file is gone then. */
pli_status pli__checkpoint_publish_file(const char *temp, const char *folder, const char *name, pli_error *err);

#endif

/*
 * Checkpoints as read (PROTOCOL.md, "Checkpoints"): classic, multi-part and v2, which is told by the content, not by the
 * name. Files are streamed through the engine, single fields at a time; nothing of the list is held.
 */
#ifndef PLI_DELTA_CHECKPOINT_H
#define PLI_DELTA_CHECKPOINT_H

#include "delta/log_list.h"
#include "delta/log_read.h"
#include "delta/tail.h"

typedef struct pli__log_checkpoint pli__log_checkpoint;

/** Open it and hand protocol, metaData, txn and domainMetadata to fn. CORRUPT_RECORD (or what the engine says) if any of
 *  its files, sidecars included, cannot be understood or is missing. */
pli_status pli__log_checkpoint_open(pli__delta *t, const pli__log_checkpoint_ref *ref, pli__action_fn *fn, void *arg,
                                    pli__log_checkpoint **out, pli_error *err);
pli__log_checkpoint *pli__log_checkpoint_keep(pli__log_checkpoint *c); /**< counts a reference; NULL gives NULL */
void pli__log_checkpoint_unref(pli__log_checkpoint *c);
void pli__log_checkpoint_auto(pli__log_checkpoint **c);
int64_t pli__log_checkpoint_version(const pli__log_checkpoint *c);
const char *pli__log_checkpoint_name(const pli__log_checkpoint *c); /**< in `_delta_log`; of several parts, the first */
/** A sidecar as the checkpoint names it. Borrowed. */
typedef struct pli__sidecar {
    pli__str path; /**< as in the log: URI-encoded, relative to `_sidecars` or a full path */
    int64_t size, modification_time;
} pli__sidecar;
size_t pli__log_checkpoint_n_sidecars(const pli__log_checkpoint *c);
pli__sidecar pli__log_checkpoint_sidecar(const pli__log_checkpoint *c, size_t i);
/** Added files that `newer` does not know. @param newer may be NULL */
pli_status pli__log_checkpoint_files(pli__log_checkpoint *c, unsigned fields, const pli__tail *newer, pli__add_fn *fn,
                                     void *arg, pli_error *err);
/** Tombstones that `newer` does not know. */
pli_status pli__log_checkpoint_removes(pli__log_checkpoint *c, const pli__tail *newer, pli__remove_fn *fn, void *arg,
                                       pli_error *err);

/* ---- one part alone, for the writer of the next checkpoint ---- */

#define PLI__CHECKPOINT_OWN ((size_t)-1) /* the rows of the checkpoint itself, not those of a sidecar */
/** Added files and tombstones of one part that `newer` does not know. */
pli_status pli__log_checkpoint_part(pli__log_checkpoint *c, size_t part, unsigned fields, const pli__tail *newer,
                                    pli__add_fn *add, pli__remove_fn *remove, void *arg, pli_error *err);
/** Columns of a sidecar, as it stands on disk; a new reference. */
pli_status pli__log_checkpoint_sidecar_schema(pli__log_checkpoint *c, size_t i, const pli__type **out, pli_error *err);

#endif

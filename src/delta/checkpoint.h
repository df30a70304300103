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
/** Added files that `newer` does not know. @param newer may be NULL */
pli_status pli__log_checkpoint_files(pli__log_checkpoint *c, unsigned fields, const pli__tail *newer, pli__add_fn *fn,
                                     void *arg, pli_error *err);
/** Tombstones that `newer` does not know. */
pli_status pli__log_checkpoint_removes(pli__log_checkpoint *c, const pli__tail *newer, pli__remove_fn *fn, void *arg,
                                       pli_error *err);

#endif

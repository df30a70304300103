/* Keeps the file index in step with the records of a checkpoint: offsets/, seen/, metadata.json. */
#ifndef PLI_CHECKPOINT_INDEX_SYNC_H
#define PLI_CHECKPOINT_INDEX_SYNC_H

#include "checkpoint/checkpoint.h"
#include "checkpoint/index.h"

/** Open the checkpoint's index.db (in memory where the folder is on a network or cannot be written), brought up to the
 *  records. @param look_only nothing is created or changed on disk: an absent index is made in memory, and one that is
 *  behind is brought up in a transaction that stays open (closing the index drops it) */
pli_status pli__index_open_for(pli__checkpoint *cp, bool look_only, pli__index **out, pli_error *err);
/** Bring it up to the records: offsets it has not taken yet are added; another id, epoch, start or history makes it anew.
 *  *rebuilt (may be NULL) tells the latter. */
pli_status pli__index_sync(pli__index *x, pli__checkpoint *cp, bool *rebuilt, pli_error *err);
/** Note that batch n, which must be the next one, has this offset. */
pli_status pli__index_take_offset(pli__index *x, pli__checkpoint *cp, int64_t n, const json_t *offset, pli_error *err);
/** The start position was stored by the caller who has the index in a transaction that agrees with it. */
pli_status pli__index_note_records(pli__index *x, pli__checkpoint *cp, pli_error *err);
/** Delete index.db. */
pli_status pli__index_delete(pli__checkpoint *cp, pli_error *err);

#endif

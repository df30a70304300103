/*
 * The files that the commits behind a checkpoint speak of: the newest action of each logical file. The key is the path
 * as it stands in the log (bytes, never decoded) together with the id of the deletion vector (PROTOCOL.md, "Action
 * Reconciliation"). An entry hides the checkpoint's action of the same key.
 *
 * Only what was asked for is kept: a file with nothing but a path costs about 60 bytes and its path.
 */
#ifndef PLI_DELTA_TAIL_H
#define PLI_DELTA_TAIL_H

#include "delta/action.h"
#include "delta/snapshot.h"

typedef struct pli__tail pli__tail;

/** @param fields PLI__FILES_* to keep @param through last version that it holds. NULL when memory is out */
pli__tail *pli__tail_new(unsigned fields, int64_t through);
/** A copy of one's own, which may be changed. */
pli_status pli__tail_copy(const pli__tail *from, pli__tail **out, pli_error *err);
pli__tail *pli__tail_ref(pli__tail *t); /**< NULL gives NULL */
void pli__tail_unref(pli__tail *t);
void pli__tail_auto(pli__tail **t);
bool pli__tail_is_shared(const pli__tail *t);
unsigned pli__tail_fields(const pli__tail *t);
int64_t pli__tail_through(const pli__tail *t);
void pli__tail_set_through(pli__tail *t, int64_t version);
pli_status pli__tail_add(pli__tail *t, const pli__add *add, pli_error *err);
pli_status pli__tail_remove(pli__tail *t, const pli__remove *remove, pli_error *err);
/** Hash of a logical file's key. */
uint64_t pli__tail_hash(pli__str path, const pli__dv *dv);
/** Does the tail know this logical file (added or removed)? */
bool pli__tail_has(const pli__tail *t, pli__str path, const pli__dv *dv);
/** Entries, and how many texts of replaced entries are still held: many of them make a fresh tail worth while. */
size_t pli__tail_size(const pli__tail *t);
size_t pli__tail_replaced(const pli__tail *t);
pli_status pli__tail_each_add(const pli__tail *t, pli__add_fn *fn, void *arg, pli_error *err);
pli_status pli__tail_each_remove(const pli__tail *t, pli__remove_fn *fn, void *arg, pli_error *err);

#endif

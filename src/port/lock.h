/* Locks that end with their process: open-file-description locks, closed in forked children. */
#ifndef PLI_PORT_LOCK_H
#define PLI_PORT_LOCK_H

#include "base/str.h"

typedef struct pli__lock pli__lock;

/** Take an exclusive lock on the file (created if absent).
 *  @param timeout_us 0: do not wait, negative: no limit
 *  @param poll called about every 50 ms while waiting, may be NULL; a status other than PLI_OK ends the wait with it
 *  @return LOCKED when held by somebody else */
pli_status pli__lock_take(const char *path, int64_t timeout_us, pli_status (*poll)(void *, pli_error *), void *poll_arg,
                          pli__lock **out, pli_error *err);
void pli__lock_release(pli__lock *lock); /**< NULL is allowed */
void pli__lock_auto(pli__lock **lock);

#endif

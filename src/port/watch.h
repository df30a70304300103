/*
 * Waiting for changes in folders, so that an idle run reacts at once instead of at its next interval. It is a hint and
 * never the truth: it may wake for nothing, and it sees only the top folders and, on network file systems or where
 * inotify is used up, nothing; the caller scans again after every wake and after every interval.
 */
#ifndef PLI_PORT_WATCH_H
#define PLI_PORT_WATCH_H

#include "port/process.h"

typedef struct pli__watch pli__watch;

enum { PLI__WATCH_FOLDERS_MAX = 512 /**< folders that are watched at most, the roots first, then level by level */ };

/** Watch folders and their subfolders. Folders that do not exist yet and systems without inotify are no error: see
 *  pli__watch_is_active. */
pli_status pli__watch_open(const char *const *folders, size_t n, pli__watch **out, pli_error *err);
void pli__watch_close(pli__watch *w);
void pli__watch_auto(pli__watch **w); /**< for PLI_AUTO */
/** Is there anything that can wake it but time? */
bool pli__watch_is_active(const pli__watch *w);
/** Wait until something has changed since the last call (*changed), or the time is over. Changes that come in a burst
 *  are gathered for settle_us after the first. @param poll as for pli__sleep, may be NULL */
pli_status pli__watch_wait(pli__watch *w, int64_t timeout_us, int64_t settle_us, pli__poll_fn *poll, void *arg,
                           bool *changed, pli_error *err);

#endif

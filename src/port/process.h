/* Processes: who we are, who is still alive, environment, cancellation, and sleeping that can be ended early. */
#ifndef PLI_PORT_PROCESS_H
#define PLI_PORT_PROCESS_H

#include <signal.h>

#include "base/str.h"

enum { PLI__HOST_NAME_MAX = 256, PLI__ENV_MAX = 32768 /**< bytes of an environment value */ };

/** A function that is asked from time to time while something waits; a status other than PLI_OK ends the wait with it. */
typedef pli_status pli__poll_fn(void *arg, pli_error *err);

int64_t pli__process_id(void);
/** Name of this machine ("localhost" if it has none). */
void pli__host_name(char out[PLI__HOST_NAME_MAX]);
/** Is there a process of this number on this machine? Says true when in doubt. */
bool pli__process_is_alive(int64_t pid);
/** When the process began, in ticks since the machine did: with the number it names a process for good, although
 *  numbers are used again. @return false if it is unknown (no such process) */
bool pli__process_start(int64_t pid, int64_t *ticks);

/** Value of an environment variable, borrowed until the environment changes; NULL if unset or empty.
 *  LIMIT_EXCEEDED above PLI__ENV_MAX bytes. */
pli_status pli__env_get(const char *name, const char **out, pli_error *err);

/** A flag that a signal handler or another thread sets to stop a run. Zero-initialise. */
typedef struct pli__cancel {
    volatile sig_atomic_t requested;
} pli__cancel;

void pli__cancel_request(pli__cancel *c); /**< async-signal-safe */
bool pli__cancel_is_requested(const pli__cancel *c);
/** CANCELLED if it was requested; a pli__poll_fn, so arg is a pli__cancel; NULL is never cancelled. */
pli_status pli__cancel_poll(void *arg, pli_error *err);

/** Sleep for a time on the monotonic clock. poll (may be NULL) is asked at once and then about every 50 ms. */
pli_status pli__sleep(int64_t us, pli__poll_fn *poll, void *arg, pli_error *err);

#endif

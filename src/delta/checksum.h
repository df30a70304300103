/*
 * Version checksums as read (PROTOCOL.md, "Version Checksum File"): <version>.crc beside a commit says what the table is as
 * of it, so that nothing older need be read. It is believed only where it carries the transaction id of its very commit;
 * whatever does not fit is said in the log, and the log is what counts.
 */
#ifndef PLI_DELTA_CHECKSUM_H
#define PLI_DELTA_CHECKSUM_H

#include "delta/snapshot.h"
#include "delta/state.h"

/** Zero-initialise. */
typedef struct pli__checksum {
    pli__state state;
    bool has_txns, has_domains; /**< the lists stand in the file: what is not in them does not exist */
    pli__totals totals;
    int64_t ict_ms; /**< -1 = absent */
    pli__buf txn_id; /**< empty = absent */
} pli__checksum;

void pli__checksum_clear(pli__checksum *c);
/** Read it. *found is false, with a line in the log, where it cannot be understood; and where there is none. */
pli_status pli__checksum_read(pli__delta *t, int64_t version, pli__checksum *out, bool *found, pli_error *err);
/** Does it belong to the commit of its version, whose transaction id and in-commit timestamp it repeats? *ict_ms gets the
 *  latter, -1 = absent. What speaks against it is logged. */
pli_status pli__checksum_fits_commit(pli__delta *t, int64_t version, const pli__checksum *c, bool *fits,
                                     int64_t *ict_ms, pli_error *err);
/** Does it say of protocol and metadata what the log says? A difference is logged. */
bool pli__checksum_fits_state(const pli__delta *t, int64_t version, const pli__checksum *c, const pli__state *state);

#endif

/*
 * One JSON line of a commit (or of a JSON checkpoint manifest) as actions. Unknown members of actions are passed over,
 * as the protocol asks; null members are as absent ones; what has the wrong type is CORRUPT_RECORD with the place.
 */
#ifndef PLI_DELTA_ACTION_READ_H
#define PLI_DELTA_ACTION_READ_H

#include "base/arena.h"
#include "delta/log_read.h"

/** Memory that is used again for each line. Zero-initialise. */
typedef struct pli__action_reader {
    pli__arena arena; /**< unescaped texts and lists of the present line */
    pli__buf scratch;
    pli__read_what what;
} pli__action_reader;

void pli__action_reader_clear(pli__action_reader *r);
/** Hand each action of the line that is wanted to fn; slices live until fn returns.
 *  @param name names the document in errors @param offset of the line in it */
pli_status pli__action_read_line(pli__action_reader *r, pli__str line, const char *name, int64_t offset,
                                 pli__action_fn *fn, void *arg, pli_error *err);
/** A JSON object of texts alone, as a checkpoint's partitionValues; ptr NULL gives none. Replaces what the reader held. */
pli_status pli__action_read_map(pli__action_reader *r, pli__str json, const char *name, const pli__kv **out, size_t *n,
                                pli_error *err);

#endif

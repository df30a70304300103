/* The protocol a table needs: exactly the features that its schema and properties use, no more. */
#ifndef PLI_DELTA_PROTOCOL_WRITE_H
#define PLI_DELTA_PROTOCOL_WRITE_H

#include "base/arena.h"
#include "delta/action.h"

/** Protocol for a table with this metadata. `base` (may be NULL) is what the table has: nothing of it is given up, and
 *  *changed says whether more is needed. Legacy versions are kept as long as they can express it (a plain table is (1,2)).
 *  `delta.feature.NAME = supported` among the properties asks for a feature by name. Slices live in the arena.
 *  UNSUPPORTED_FEATURE for a type or property that this library cannot write. */
pli_status pli__protocol_derive(const pli__metadata *m, const pli__type *schema, const pli__protocol *base,
                                pli__arena *arena, pli__protocol *out, bool *changed, pli_error *err);
/** Metadata without the properties that only steer the protocol (delta.feature.*, delta.minReaderVersion …). */
pli_status pli__metadata_strip_protocol_keys(pli__metadata *m, pli__arena *arena, pli_error *err);

#endif

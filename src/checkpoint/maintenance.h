/* What maintenance functions share, also those above this layer that look at a sink (run/checkpoint_sink.c). */
#ifndef PLI_CHECKPOINT_MAINTENANCE_H
#define PLI_CHECKPOINT_MAINTENANCE_H

#include "checkpoint/checkpoint.h"
#include "pli/checkpoint.h"

/** Open an existing checkpoint for maintenance: with its lock, or for looking in a dry run. *out NULL and PLI_OK if the folder does
 *  not exist. Records without metadata.json are accepted as long as none has an id. */
pli_status pli__maintenance_open(const char *dir, const pli_maintenance_options *options, pli__checkpoint **out,
                                 pli_error *err);
/** A value as malloc'ed text; NULL for NULL. */
pli_status pli__maintenance_text(const json_t *value, char **out, pli_error *err);

#endif

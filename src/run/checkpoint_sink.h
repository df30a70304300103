/* The sink of a checkpoint without its job: for accept, rebind and verify. */
#ifndef PLI_RUN_CHECKPOINT_SINK_H
#define PLI_RUN_CHECKPOINT_SINK_H

#include "checkpoint/checkpoint.h"
#include "sink/sink.h"

/** Open the Delta table at `path`, NULL = the one that metadata.json is pinned to. NOT_FOUND if it is pinned to none. */
pli_status pli__checkpoint_open_sink(pli_env *env, pli__checkpoint *cp, const char *path, pli__sink **out,
                                     pli_error *err);

#endif

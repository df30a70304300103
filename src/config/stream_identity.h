/* The identity of a batch for merges with options of a caller: what the table shows of it is looked up in each attempt. */
#ifndef PLI_CONFIG_STREAM_IDENTITY_H
#define PLI_CONFIG_STREAM_IDENTITY_H

#include "config/stream_write.h"
#include "delta/merge.h"

typedef struct pli__identity {
    const pli__wishes *w;
    pli__sink *sink;
    pli__sink_state state; /**< what the table shows */
    pli__buf info;
} pli__identity;

/** @param id zeroed; clear it also after a failure */
pli_status pli__identity_open(pli_env *env, const pli__wishes *w, pli__identity *id, pli_error *err);
void pli__identity_clear(pli__identity *id);
/** Have a merge ask; `id` must outlive it. Without an identity nothing is asked. */
void pli__identity_use(pli__identity *id, pli__merge_options *options);

#endif

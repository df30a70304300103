/* What writes with a batch's identity share: their options, and what the table shows of the batch already. */
#ifndef PLI_CONFIG_STREAM_WRITE_H
#define PLI_CONFIG_STREAM_WRITE_H

#include "base/arena.h"
#include "base/json.h"
#include "pli/stream.h"
#include "sink/sink.h"

#define PLI__WISH_LIST_MAX 1000 /* partition columns, properties */
#define PLI__WISH_FILES_MAX 1000000

/* The options, as JSON and as the sink wants them. */
typedef struct pli__wishes {
    json_t *json;
    const char *lists[2][PLI__WISH_LIST_MAX]; /* partition_by; properties */
    pli__sink_delta_options sink;
    pli__batch_ref batch;
    const json_t *expect;
    pli__arena arena;             /* of the list of files */
    bool plain; /* a txn of the caller's own: newer ones count as a repeat too */
    char attempt[40], digest[65]; /* of such a one */
} pli__wishes;

/** Read the options of pli_delta_write. @param w zeroed by the caller; clear it also after a failure */
pli_status pli__wishes_read(const char *table, const char *options, pli__wishes *w, pli_error *err);
void pli__wishes_clear(pli__wishes *w);
/** Is the write in the table already? SINK_AHEAD, SINK_BEHIND. Only for writes with an identity. */
pli_status pli__wishes_look(pli__sink *sink, const pli__wishes *w, pli__sink_state *state, bool *repeat,
                            pli_error *err);
/** commitInfo.pli of the commit: what a repeat is recognised by. */
pli_status pli__wishes_info(const pli__wishes *w, pli__str table_id, pli__buf *out, pli_error *err);
/** pli_delta_merge, options read (config/stream_merge.c). */
pli_status pli__stream_merge(pli_env *env, const pli__wishes *w, struct ArrowArrayStream *take, json_t **out,
                             pli_error *err);
/** The result of a write that was there already. */
pli_status pli__wishes_repeat(const pli__wishes *w, const pli__sink_state *state, json_t **out, pli_error *err);

#endif
